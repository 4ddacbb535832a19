#pragma once
// What was wrong with a command line, for people: with the closest command or option that exists.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "limn/error.h"

namespace limn::cli {

Error explain_parse_error(const CLI::App&, const CLI::ParseError&, const std::vector<std::string>& arguments);

}  // namespace limn::cli
