#include "command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "failure.h"
#include "limn/version.h"

namespace limn::cli {
namespace {

constexpr std::size_t kHelpWidth = 100, kHelpColumn = 30;

/// Breaks lines between words so that they fit beside the column of names.
std::string wrapped(const std::string& text, std::size_t width) {
  std::string result;
  std::size_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (used != 0 && used + 1 + end - at > width) {
      result += '\n';
      used = 0;
    } else if (used != 0) {
      result += ' ';
      ++used;
    }
    result += text.substr(at, end - at);
    used += end - at;
    at = end + 1;
  }
  return result;
}

/// Help that fits a terminal, with one line a command in the list of commands.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kHelpColumn); }
  std::string make_option_desc(const CLI::Option* option) const override {
    return wrapped(option->get_description(), kHelpWidth - kHelpColumn);
  }
  std::string make_subcommand(const CLI::App* command) const override {
    const std::string& text = command->get_description();
    return fmt::format("  {:<{}}{}\n", command->get_name(), kHelpColumn - 2, text.substr(0, text.find('\n')));
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional()) return option->get_expected_max() > 1 ? " ..." : "";
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
};

}  // namespace

void build(CommandLine& line) {
  CLI::App& app = line.app;
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("limn ") + std::string(kVersion), "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(
      "Start here:\n"
      "  limn demo                                 a small network explained, as one web page\n"
      "  limn inspect model.onnx                   what a model is and which layer would be explained\n"
      "  limn explain model.onnx photo.jpg --out maps\n"
      "\n"
      "limn COMMAND --help tells more, with examples.");
  add_inspect(line);
  add_predict(line);
  add_explain(line);
  add_evaluate(line);
  add_merge(line);
  add_report(line);
  add_datasets(line);
  add_card(line);
  add_compile(line);
  add_convert(line);
  add_demo(line);
  add_methods(line);
  add_ops(line);
  add_cache(line);
  add_version(line);
  add_completion(line);
  add_manual(line);
}

CLI::App* add_command(CommandLine& line, const std::string& name, const std::string& description,
                      const std::vector<std::string>& examples) {
  CLI::App* command = line.app.add_subcommand(name, description);
  if (!examples.empty()) command->footer(fmt::format("Examples:\n  {}", fmt::join(examples, "\n  ")));
  return command;
}

void add_model_argument(CLI::App& command, NetworkFlags& flags) {
  command.add_option("MODEL", flags.model, "The network, an ONNX file")->required()->type_name("");
}

void add_network_options(CommandLine& line, CLI::App& command, NetworkFlags& flags) {
  PreprocessFlags& p = flags.preprocess;
  const std::string group = "How images become tensors (default: the model card, else --preset imagenet or mnist)";
  const auto add = [&](const char* name, std::optional<std::string>& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type)->group(group);
  };
  line.completions[add("--preset", p.preset, "NAME",
                       "imagenet, caffe, tf, chexnet, mnist or none, fitted to the model's input")] =
      one_of(preset_names());
  add("--resize", p.resize, "N|WxH",
      "Shorter side to N pixels, aspect kept, or exactly W x H; none for no resizing");
  add("--crop", p.crop, "N|WxH", "Cut this size out of the centre; none for no cropping");
  line.completions[add("--range", p.range, "1|255", "Value of a white pixel before mean and std")] = {{"1", "255"}};
  add("--mean", p.mean, "A,B,C", "Subtracted from every channel, in the tensor's channel order");
  add("--std", p.std, "A,B,C", "Then divided by, in the tensor's channel order");
  line.completions[add("--order", p.order, "rgb|bgr", "Channel order of the tensor")] = {{"rgb", "bgr"}};
  command
      .add_option("--output", flags.output,
                  "Of a network with several outputs, the one with the class scores (default: the first that looks "
                  "like [N, classes])")
      ->type_name("NAME");
  command
      .add_option(
          "--labels", flags.labels,
          "Class names: a file with one a line, or one of the lists imagenet, chexnet, chest-study (default: the "
          "model card's, else ImageNet's for 1000 classes)")
      ->type_name("FILE|LIST");
}

void add_speed_options(CLI::App& command, SpeedFlags& flags) {
  command.add_option("--batch", flags.batch, "Images computed together (default: 8, or as many as there are)")
      ->type_name("N");
  command.add_option("--threads", flags.threads, "Threads to compute with (default: one per core)")->type_name("N");
}

void add_precision_option(CommandLine& line, CLI::App& command, std::string& precision) {
  CLI::Option* option = command.add_option("--precision", precision,
                                           "How convolutions are computed: auto (default), exact, fast: 3x3 "
                                           "ones by Winograd's transform, with errors "
                                           "of 2e-6, or bf16: from numbers of 8 bits, on processors that multiply "
                                           "bfloat16. auto is fast for class scores and CAMs at the default layer "
                                           "of 64 images and more, exact otherwise");
  line.completions[option->type_name("NAME")] = {{"auto", "exact", "fast", "bf16"}, false};
}

CLI::Validator above_zero() { return CLI::Validator(CLI::PositiveNumber).description(""); }

void require_heeded(const CLI::App& command, std::initializer_list<const char*> options, bool heeded,
                    std::string_view owner) {
  if (heeded) return;
  for (const char* option : options)
    if (command.count(option) > 0)
      throw UsageError(Error(ErrorCode::bad_input, fmt::format("{} would do nothing here", option), option,
                             fmt::format("it is for {}; leave it out", owner)));
}

}  // namespace limn::cli
