#include "limn/error.h"

#include <utility>

namespace limn {

Error::Error(ErrorCode code, std::string what, std::string where, std::string mend)
    : code_(code), message_(std::move(what)), where_(std::move(where)), mend_(std::move(mend)), full_(message_) {
  if (!where_.empty()) full_ += "\n  where: " + where_;
  if (!mend_.empty()) full_ += "\n  mend:  " + mend_;
}

}  // namespace limn
