#include "file_names.h"

#include <algorithm>

namespace limn::cli {
namespace {

std::string target_part(const Target& target) {
  std::string text = to_string(target);
  std::ranges::replace_if(
      text, [](char c) { return c == ':' || c == ','; }, '-');
  return text;
}

std::string layer_part(std::string_view layer) {
  std::string text(layer);
  std::ranges::replace_if(
      text, [](char c) { return c == '/' || c == '\\' || c == ':' || c <= ' '; }, '_');
  return text;
}

}  // namespace

std::string file_name(std::string_view stem, const Subject& subject, std::string_view ending) {
  std::string name = std::string(stem) + "." + std::string(subject.method);
  if (subject.counterfactual) name += ".counterfactual";
  name += "." + target_part(subject.target);
  if (subject.layer != "auto") name += "." + layer_part(subject.layer);
  return name.append(ending);
}

}  // namespace limn::cli
