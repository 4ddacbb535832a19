// limn manual: the man page, written from the tree of options.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "command_line.h"
#include "failure.h"
#include "limn/version.h"
#include "output.h"

namespace limn::cli {
namespace {

/// Text safe for roff: backslashes and hyphens kept as they are, no line that looks like a request.
std::string roff(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (safe.empty() || safe.back() == '\n')) safe += "\\&";
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else
      safe += c;
  }
  return safe;
}

std::string synopsis(const CLI::App& command) {
  std::string text = fmt::format(".B limn {}\n", command.get_name());
  for (const CLI::Option* option : command.get_options())
    if (option->get_positional())
      text += fmt::format(".I {}{}\n", roff(option->get_name()), option->get_expected_max() > 1 ? " ..." : "");
  return text + ".RI [ options ]\n.br\n";
}

std::string entry(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back(fmt::format("-{}", name));
  for (const auto& name : option.get_lnames()) names.push_back(fmt::format("--{}", name));
  if (option.get_positional()) names = {option.get_name()};
  const bool value = !option.get_positional() && option.get_expected_max() > 0;
  return fmt::format(".TP\n.B {}{}\n{}\n", roff(fmt::format("{}", fmt::join(names, ", "))),
                     value ? " " + roff(option.get_type_name()) : "", roff(option.get_description()));
}

std::string section(const CLI::App& command) {
  std::string text = fmt::format(".SS limn {}\n{}\n", command.get_name(), roff(command.get_description()));
  for (const CLI::Option* option : command.get_options()) text += entry(*option);
  if (const std::string footer = command.get_footer(); !footer.empty())
    text += fmt::format(".PP\n.nf\n{}\n.fi\n", roff(footer));
  return text;
}

constexpr std::string_view kRest = R"(.SH FILES
.TP
.I model.limn.json
The model card beside
.IR model.onnx :
preprocessing, class names and the layer to explain. Written by
.BR "limn card" .
.SH EXIT STATUS
.TP
.B 0
All went well.
.TP
.B 1
A model, an image or a value that does not fit them cannot be right, or the system refused to read or write.
.TP
.B 2
The command line cannot be right.
.TP
.B 3
A bug in limn.
.TP
.B 4
Finished, but some of the inputs failed; each was reported.
.TP
.B 130
Interrupted. Files that were finished are whole.
)";

int print_manual(const CommandLine& line) {
  std::string synopses, sections;
  for (const CLI::App* command : line.app.get_subcommands(nullptr)) {
    if (command->get_group().empty()) continue;
    synopses += synopsis(*command);
    sections += section(*command);
  }
  print(".TH LIMN 1 \"\" \"limn {}\" \"User Commands\"\n.SH NAME\nlimn \\- show what a vision network looked at\n",
        kVersion);
  print(".SH SYNOPSIS\n{}.SH DESCRIPTION\n", synopses);
  print(
      "limn reads an image classifier from an ONNX file, differentiates it symbolically and shows where in an\n"
      "image the evidence for a class is, by Grad-CAM and its relatives. It needs no Python.\n");
  print(".SH COMMANDS\n{}{}", sections, kRest);
  return kFine;
}

}  // namespace

void add_manual(CommandLine& line) {
  CLI::App* command = add_command(line, "manual", "Print the man page, as roff.", {"limn manual | man -l -"});
  command->group("");  // hidden: an installed limn has its man page
  command->callback([&line] { line.action = [&line] { return print_manual(line); }; });
}

}  // namespace limn::cli
