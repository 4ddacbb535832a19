#pragma once
// The names of the files that `limn explain` writes.

#include <string>
#include <string_view>

#include "limn/target.h"

namespace limn::cli {

/// What one file shows.
struct Subject {
  std::string_view method;
  bool counterfactual = false;
  Target target;
  std::string_view layer = "auto";  ///< as asked for; auto leaves no trace in the name
};

/// `<stem>.<method>[.counterfactual].<class index>[.<layer>]`, to which an ending such as ".png" is added. A
/// probability is written prob-N, a difference diff-A-B; a layer's slashes become underscores.
std::string file_name(std::string_view stem, const Subject&, std::string_view ending);

}  // namespace limn::cli
