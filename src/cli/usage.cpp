#include "usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "limn/graph.h"

namespace limn::cli {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr))
    if (!command->get_group().empty()) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

const CLI::App& command_given(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? app : *given.front();
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const auto close = close_names(name, candidates);
  return close.empty() ? "" : fmt::format("did you mean {}? ", fmt::join(close, " or "));
}

std::string help_hint(const CLI::App& app, const CLI::App& command) {
  return &app == &command ? "limn --help lists the commands"
                          : fmt::format("limn {} --help lists the options", command.get_name());
}

/// The first argument that looks like an option but is none of the command's.
std::string unknown_option(const CLI::App& command, const std::vector<std::string>& arguments) {
  const auto known = option_names(command);
  for (const auto& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (name == "--") break;
    if (name.size() > 2 && name.starts_with("--") && std::ranges::find(known, name) == known.end()) return name;
  }
  return {};
}

/// The first option that was given more often than it can be.
const CLI::Option* repeated_option(const CLI::App& command, const std::vector<std::string>& arguments) {
  for (const CLI::Option* option : command.get_options()) {
    const auto is_name = [&](const std::string& argument) {
      return option->check_name(argument.substr(0, argument.find('=')));
    };
    if (option->get_items_expected_max() == 1 && std::ranges::count_if(arguments, is_name) > 1) return option;
  }
  return nullptr;
}

}  // namespace

Error explain_parse_error(const CLI::App& app, const CLI::ParseError& error,
                          const std::vector<std::string>& arguments) {
  const CLI::App& command = command_given(app);
  const std::string hint = help_hint(app, command);
  if (&command == &app && !arguments.empty() && !arguments[0].starts_with("-"))
    return Error(ErrorCode::not_found, fmt::format("'{}' is not a command", arguments[0]), {},
                 did_you_mean(arguments[0], command_names(app)) + hint);
  if (&command == &app && arguments.empty()) return Error(ErrorCode::bad_input, "a command is missing", {}, hint);
  if (const auto name = unknown_option(command, arguments); !name.empty())
    return Error(ErrorCode::not_found, fmt::format("{} is not an option of limn {}", name, command.get_name()), {},
                 did_you_mean(name, option_names(command)) + hint);
  if (const CLI::Option* option = repeated_option(command, arguments))
    return Error(
        ErrorCode::bad_input, fmt::format("{} is given more than once", option->get_name()), {},
        option->get_type_name() == "LIST" ? "write what it lists with commas between: A,B" : "give it once");
  const std::string_view what = error.what();
  constexpr std::string_view kConversion = "Could not convert: ", kIs = " = ";
  if (const auto at = what.find(kIs); what.starts_with(kConversion) && at != std::string_view::npos) {
    const auto name = what.substr(kConversion.size(), at - kConversion.size());
    return Error(ErrorCode::bad_input, fmt::format("{} does not take '{}'", name, what.substr(at + kIs.size())), {},
                 hint);
  }
  if (error.get_name() == "ArgumentMismatch" && what.ends_with("missing"))
    return Error(ErrorCode::bad_input, fmt::format("{} needs a value", what.substr(0, what.find(':'))), {}, hint);
  return Error(ErrorCode::bad_input, error.what(), {}, hint);
}

}  // namespace limn::cli
