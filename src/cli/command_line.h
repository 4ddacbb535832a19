#pragma once
// The tree of commands and options. Help, man page and shell completions are all read from it.

#include <CLI/CLI.hpp>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "network.h"

namespace limn::cli {

/// What a shell may offer for the value of an option.
struct Completion {
  std::vector<std::string> values;
  bool list = false;  ///< several of them, separated by commas
};

struct CommandLine {
  CLI::App app{"limn shows what a vision network looked at.", "limn"};
  std::map<const CLI::Option*, Completion> completions;  ///< options that are not here take files or free text
  std::function<int()> action;                           ///< of the command that was given; returns the exit code
};

/// Fills the tree with every command.
void build(CommandLine&);

/// A command with its two-line description, and examples in place of a footer.
CLI::App* add_command(CommandLine&, const std::string& name, const std::string& description,
                      const std::vector<std::string>& examples);

/// MODEL, --labels and the preprocessing flags.
void add_model_argument(CLI::App&, NetworkFlags&);
void add_network_options(CommandLine&, CLI::App&, NetworkFlags&);
/// --batch and --threads.
struct SpeedFlags {
  std::optional<std::int64_t> batch;
  std::optional<int> threads;
};
void add_speed_options(CLI::App&, SpeedFlags&);
/// --precision, to be read with parse_precision().
void add_precision_option(CommandLine&, CLI::App&, std::string& precision);

/// Of an option's value; without the word that CLI11 would add to the help.
CLI::Validator above_zero();
/// Throws UsageError when one of these options is given though nothing would heed it: they belong to `owner`.
void require_heeded(const CLI::App& command, std::initializer_list<const char*> options, bool heeded,
                    std::string_view owner);

template <class Names>
Completion one_of(const Names& names) {
  return {{names.begin(), names.end()}, false};
}

void add_inspect(CommandLine&);
void add_predict(CommandLine&);
void add_explain(CommandLine&);
void add_evaluate(CommandLine&);
void add_merge(CommandLine&);
void add_report(CommandLine&);
void add_datasets(CommandLine&);
void add_card(CommandLine&);
void add_compile(CommandLine&);
void add_convert(CommandLine&);
void add_demo(CommandLine&);
void add_methods(CommandLine&);
void add_ops(CommandLine&);
void add_cache(CommandLine&);
void add_version(CommandLine&);
void add_completion(CommandLine&);
void add_manual(CommandLine&);

}  // namespace limn::cli
