#pragma once
// The one exception type of limn: what happened, where, and how to mend it.

#include <exception>
#include <string>

#include "limn/export.h"

namespace limn {

/// What kind of trouble an Error reports. Callers branch on the code, people read the sentences.
enum class ErrorCode {
  bad_input,    ///< a file, a number or a shape that cannot be right
  unsupported,  ///< well-formed, but limn does not know how
  not_found,    ///< a name, an index or a file that is not there
  io,           ///< the operating system refused to read or write
  limit,        ///< too large for memory or for a stated bound
  cancelled,    ///< the user stopped the work
  internal,     ///< a bug in limn
};

/// `what` is one sentence without a full stop, `where` names the file, node, value or option, `mend` says what
/// to do about it. `where` and `mend` may be empty.
class LIMN_API Error : public std::exception {
 public:
  explicit Error(ErrorCode code, std::string what, std::string where = {}, std::string mend = {});

  ErrorCode code() const noexcept { return code_; }
  /// The sentence alone.
  const std::string& message() const noexcept { return message_; }
  const std::string& where() const noexcept { return where_; }
  const std::string& mend() const noexcept { return mend_; }
  /// All three parts, a line each, "where:" and "mend:" indented by two spaces.
  const char* what() const noexcept override { return full_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_, where_, mend_, full_;
};

}  // namespace limn
