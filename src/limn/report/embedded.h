#pragma once
// Files of the source tree that the build puts into the library.

#include <string_view>

namespace limn {

/// page.css and page.js of this room: the looks of a report's page, and what makes its tables sortable.
extern const std::string_view kReportStyle, kReportScript;

}  // namespace limn
