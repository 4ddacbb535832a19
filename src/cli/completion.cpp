// limn completion: scripts that complete commands, options and their values, written from the tree of options.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "command_line.h"
#include "failure.h"
#include "limn/error.h"
#include "output.h"

namespace limn::cli {
namespace {

struct OptionWords {
  std::vector<std::string> names;  ///< "-m", "--method"
  std::string help;
  bool takes_value = false;
  bool folder = false;
  const Completion* completion = nullptr;
};

struct CommandWords {
  std::string name, help;
  std::vector<OptionWords> options;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

OptionWords words_of(const CommandLine& line, const CLI::Option& option) {
  OptionWords words;
  for (const auto& name : option.get_snames()) words.names.push_back(fmt::format("-{}", name));
  for (const auto& name : option.get_lnames()) words.names.push_back(fmt::format("--{}", name));
  words.help = option.get_description();
  words.takes_value = option.get_expected_max() > 0;
  words.folder = option.get_type_name() == "DIR";
  const auto found = line.completions.find(&option);
  if (found != line.completions.end()) words.completion = &found->second;
  return words;
}

/// The commands to offer, with their options; positional arguments are files throughout.
std::vector<CommandWords> words_of(const CommandLine& line) {
  std::vector<CommandWords> commands;
  for (const CLI::App* command : line.app.get_subcommands(nullptr)) {
    if (command->get_group().empty()) continue;
    CommandWords words{command->get_name(), first_line(command->get_description()), {}};
    for (const CLI::Option* option : command->get_options())
      if (!option->get_positional()) words.options.push_back(words_of(line, *option));
    commands.push_back(std::move(words));
  }
  return commands;
}

std::string joined_names(const std::vector<CommandWords>& commands) {
  std::string names;
  for (const auto& command : commands) names += (names.empty() ? "" : " ") + command.name;
  return names;
}

std::string patterns(const CommandWords& command, const OptionWords& option) {
  std::string text;
  for (const auto& name : option.names) text += fmt::format("{}{}:{}", text.empty() ? "" : "|", command.name, name);
  return text;
}

// ---- bash

std::string bash_value(const OptionWords& option) {
  if (option.folder) return "COMPREPLY=($(compgen -d -- \"$word\"))";
  if (option.completion == nullptr) return "COMPREPLY=($(compgen -f -- \"$word\"))";
  const std::string values = fmt::format("{}", fmt::join(option.completion->values, " "));
  return option.completion->list ? fmt::format("_limn_list '{}'", values)
                                 : fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))", values);
}

std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string values, options;
  for (const auto& command : commands) {
    std::string names;
    for (const auto& option : command.options) {
      if (option.takes_value)
        values += fmt::format("    {}) {}; return ;;\n", patterns(command, option), bash_value(option));
      names += fmt::format("{} ", fmt::join(option.names, " "));
    }
    options += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")) ;;\n", command.name, names);
  }
  return fmt::format(R"(# bash completion for limn, written by: limn completion bash
_limn_list() {{
  local before=''
  [[ $word == *,* ]] && before="${{word%,*}},"
  COMPREPLY=($(compgen -P "$before" -W "$1" -- "${{word##*,}}"))
  compopt -o nospace
}}
_limn() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="${{COMP_WORDS[1]}}"
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$word"))
    return
  fi
  case "$command:$before" in
{}    completion:completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word")); return ;;
  esac
  if [[ $word != -* ]]; then
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$word"))
    return
  fi
  case "$command" in
{}  esac
}}
complete -F _limn limn
)",
                     joined_names(commands), values, options);
}

// ---- zsh

std::string zsh_quoted(std::string text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else if (c == '[' || c == ']' || c == ':')
      quoted += std::string("\\") + c;
    else
      quoted += c;
  }
  return quoted;
}

std::string zsh_action(const OptionWords& option) {
  if (option.folder) return ":folder:_files -/";
  if (option.completion == nullptr) return ":value:_files";
  const std::string values = fmt::format("{}", fmt::join(option.completion->values, " "));
  return option.completion->list ? fmt::format(":list:_values -s , value {}", values)
                                 : fmt::format(":value:({})", values);
}

std::string zsh_script(const std::vector<CommandWords>& commands) {
  std::string names, cases;
  for (const auto& command : commands) {
    names += fmt::format("    '{}:{}'\n", command.name, zsh_quoted(command.help));
    cases += fmt::format("    {}) _arguments", command.name);
    for (const auto& option : command.options)
      for (const auto& name : option.names)
        cases += fmt::format(" \\\n      '*{}[{}]{}'", name, zsh_quoted(option.help),
                             option.takes_value ? zsh_action(option) : "");
    cases += command.name == "completion" ? " \\\n      '1:shell:(bash zsh fish)' ;;\n"
                                          : " \\\n      '*:file:_files' ;;\n";
  }
  return fmt::format(R"(#compdef limn
# zsh completion for limn, written by: limn completion zsh
_limn() {{
  local -a commands
  commands=(
{}  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
{}  esac
}}
_limn "$@"
)",
                     names, cases);
}

// ---- fish

std::string fish_quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) quoted += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return quoted;
}

std::string fish_option(const CommandWords& command, const OptionWords& option) {
  std::string line = fmt::format("complete -c limn -n '__fish_seen_subcommand_from {}'", command.name);
  for (const auto& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.takes_value) line += " -r";
  if (option.completion != nullptr) line += fmt::format(" -f -a '{}'", fmt::join(option.completion->values, " "));
  return line + fmt::format(" -d '{}'\n", fish_quoted(option.help));
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string script = "# fish completion for limn, written by: limn completion fish\n";
  for (const auto& command : commands)
    script += fmt::format("complete -c limn -n __fish_use_subcommand -f -a {} -d '{}'\n", command.name,
                          fish_quoted(command.help));
  for (const auto& command : commands)
    for (const auto& option : command.options) script += fish_option(command, option);
  return script + "complete -c limn -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
}

int print_completion(const CommandLine& line, const std::string& shell) {
  const auto commands = words_of(line);
  if (shell == "bash")
    write_output(bash_script(commands));
  else if (shell == "zsh")
    write_output(zsh_script(commands));
  else if (shell == "fish")
    write_output(fish_script(commands));
  else
    throw UsageError(Error(ErrorCode::bad_input, fmt::format("there is no completion for the shell '{}'", shell),
                           {}, "the shells are bash, zsh and fish"));
  return kFine;
}

}  // namespace

void add_completion(CommandLine& line) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = add_command(line, "completion",
                                  "Print a script that completes limn's commands and options in a shell.\n"
                                  "An installed limn brings these scripts along.",
                                  {"source <(limn completion bash)", "limn completion zsh > ~/.zfunc/_limn",
                                   "limn completion fish > ~/.config/fish/completions/limn.fish"});
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->type_name("");
  command->callback([&line, shell] { line.action = [&line, shell] { return print_completion(line, *shell); }; });
}

}  // namespace limn::cli
