// limn compile: the model and its explanation as one ONNX file.

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "average_options.h"
#include "command_line.h"
#include "compile_web.h"
#include "failure.h"
#include "limn/compile.h"
#include "limn/export_onnx.h"
#include "output.h"
#include "web/folder.h"

namespace limn::cli {
namespace {

struct CompileFlags {
  NetworkFlags network;
  std::string out, web, runtime;
  std::string method = "grad-cam", variant, layer;
  bool counterfactual = false;
  AverageFlags averages;
  std::string target = "argmax";
  std::string size = "input", colormap = "inferno";
  bool normalize = false, raw = false, with_preprocess = false, with_overlay = false;
  bool explain_nodes = false, list = false;
  std::int64_t opset = 0;
};

int list_compiled() {
  for (const MethodInfo& info : methods())
    print("{:<22}{}\n", info.name, info.not_compiled.empty() ? "yes" : fmt::format("no: {}", info.not_compiled));
  return kFine;
}

void require(const std::string& value, std::string_view name) {
  if (value.empty())
    throw UsageError(Error(ErrorCode::bad_input, fmt::format("{} is missing", name), {},
                           "limn compile MODEL -o OUT.onnx; limn compile --list names methods"));
}

Error bad_target(const std::string& text) {
  return Error(ErrorCode::bad_input, fmt::format("the target '{}' cannot be compiled", text), "--target",
               "write argmax, input, input:argmax, top:K, a class index or a class name");
}

/// A class by its name; the model is looked at for the number of classes.
std::size_t class_named(const TargetSpec& spec, const CompileFlags& flags, const Model& model) {
  const Classifier classifier = as_open_classifier(model.graph, flags.network.output);
  const ClassNames names = find_class_names(flags.network.labels, find_card(flags.network.model),
                                            card_path(flags.network.model), classifier.classes);
  const std::vector<float> none(classifier.classes);
  return resolve_target(spec, none, names.full()).front().class_index;
}

CompiledTarget read_target(const CompileFlags& flags, const Model& model) {
  using Kind = CompiledTarget::Kind;
  if (flags.target == "input") return {Kind::input, 0};
  if (flags.target == "input:argmax") return {Kind::optional_input, 0};
  const TargetSpec spec = parse_target(flags.target);
  switch (spec.kind) {
    case TargetSpec::Kind::argmax: return {Kind::argmax, 0};
    case TargetSpec::Kind::top: return {Kind::top, spec.number};
    case TargetSpec::Kind::index: return {Kind::class_index, spec.number};
    case TargetSpec::Kind::name: return {Kind::class_index, class_named(spec, flags, model)};
    case TargetSpec::Kind::probability:
    case TargetSpec::Kind::difference: break;
  }
  throw UsageError(bad_target(flags.target));
}

HeatmapSize read_size(const std::string& text) {
  if (text == "input") return HeatmapSize::input;
  if (text == "layer") return HeatmapSize::layer;
  throw UsageError(
      Error(ErrorCode::bad_input, fmt::format("'{}' is no size", text), "--size", "write input or layer"));
}

std::string layer_for(const CompileFlags& flags) {
  if (!flags.layer.empty()) return flags.layer;
  const auto card = find_card(flags.network.model);
  return card && card->layer ? *card->layer : "auto";
}

bool wants_pictures(const CompileFlags& flags) {
  return flags.with_preprocess || flags.with_overlay || !flags.web.empty();
}

/// A black or white baseline is what the preprocessing makes of such a pixel.
bool wants_colour(const CompileFlags& flags) {
  return flags.averages.baseline == "black" || flags.averages.baseline == "white";
}

/// All but what depends on the model.
CompileModelOptions read_options(const CompileFlags& flags) {
  CompileModelOptions options;
  options.request.method = method(flags.method).name;
  options.request.variant = flags.variant;
  options.request.layer = layer_for(flags);
  options.request.counterfactual = flags.counterfactual;
  as_usage([&] { read_averages(flags.averages, 0, options.request); });
  options.size = read_size(flags.size);
  options.normalize = flags.normalize;
  options.raw = flags.raw;
  options.opset = flags.opset;
  options.explain_nodes = flags.explain_nodes;
  options.output = flags.network.output;
  options.overlay = flags.with_overlay;
  options.colormap = as_usage([&] { return parse_colormap(flags.colormap); });
  return options;
}

int compile(const CompileFlags& flags) {
  if (flags.list) return list_compiled();
  require(flags.network.model, "MODEL");
  if (flags.web.empty()) require(flags.out, "-o OUT.onnx");
  const std::string out = flags.web.empty() ? flags.out : web_model(flags.web).string();
  std::error_code none;
  if (std::filesystem::equivalent(flags.network.model, out, none))
    throw UsageError(Error(ErrorCode::bad_input, "the compiled model would replace the model", out,
                           "name another file, such as explained.onnx"));
  CompileModelOptions options = read_options(flags);
  const Model model = import_onnx(flags.network.model);
  if (wants_pictures(flags) || wants_colour(flags)) {
    PreprocessChoice choice = preprocess_of(flags.network, as_open_classifier(model.graph, flags.network.output));
    settle_baselines(flags.averages, choice.preprocess, std::span(&options.request, 1));
    if (wants_pictures(flags)) options.preprocess = std::move(choice.preprocess);
    if (!choice.note.empty()) print_note(choice.note);
  }
  if (!flags.web.empty()) {
    compile_web(model, options, flags.network, flags.web, flags.runtime);
    print("{}\n", (std::filesystem::path(flags.web) / "index.html").string());
    return kFine;
  }
  options.target = read_target(flags, model);
  const CompiledModel compiled = compile_model(model, out, options);
  for (const std::string& note : compiled.notes) print_note(note);
  print("{}\n", out);
  return kFine;
}

void add_explanation_options(CommandLine& line, CLI::App& command, CompileFlags& flags) {
  std::vector<std::string> names;
  for (const MethodInfo& info : methods())
    if (info.not_compiled.empty()) names.emplace_back(info.name);
  CLI::Option* option =
      command.add_option("-m,--method", flags.method, "The method (default: grad-cam); --list tells which can be");
  line.completions[option->type_name("NAME")] = {names, false};
  command.add_option("--variant", flags.variant, "Variant of the method, see limn methods")->type_name("NAME");
  command.add_option("--layer", flags.layer, "Layer for the methods that use one, or auto (default)")
      ->type_name("NAME");
  command.add_flag("--counterfactual", flags.counterfactual, "Show what speaks against the target (grad-cam)");
  add_average_options(line, command, flags.averages);
  option = command.add_option(
      "-t,--target", flags.target,
      "argmax (default), a class index or name, top:K for a map of each of the K best classes, input for a new "
      "input "
      "'target' of class indices (-1: argmax), input:argmax for one that may be left out where the runtime allows");
  line.completions[option->type_name("TARGET")] = {{"argmax", "input", "input:argmax", "top:"}, false};
}

void add_picture_options(CommandLine& line, CLI::App& command, CompileFlags& flags) {
  command.add_flag(
      "--with-preprocess", flags.with_preprocess,
      "Put the preprocessing in: the input 'image' takes pictures of any size, uint8 [N,height,width,3]");
  command.add_flag(
      "--with-overlay", flags.with_overlay,
      "The same, and the output 'overlay', the picture tinted by its heatmap, uint8 [N,height,width,3]");
  CLI::Option* option = command.add_option("--colormap", flags.colormap,
                                           "Colours of the overlay or page: inferno (default), viridis or jet");
  line.completions[option->type_name("NAME")] = {{"inferno", "viridis", "jet"}, false};
  command
      .add_option(
          "--web", flags.web,
          "Write a folder with a page that explains pictures and the camera in the browser, in place of --out")
      ->type_name("DIR");
  command
      .add_option(
          "--runtime", flags.runtime,
          "With --web: the folder dist of npm's onnxruntime-web, which is copied, or an address where a server "
          "has its files")
      ->type_name("DIR|URL");
}

/// Options that would do nothing, or would be overruled, are refused.
void check_heeded(const CLI::App& command, const CompileFlags& flags) {
  const bool web = !flags.web.empty();
  require_averages_heeded(command, flags.method);
  if (web && flags.method == "smooth-grad")
    throw UsageError(Error(ErrorCode::unsupported, "the page has no noise to feed", "--method smooth-grad",
                           "take another method for --web"));
  require_heeded(command, {"--preset", "--resize", "--crop", "--range", "--mean", "--std", "--order"},
                 wants_pictures(flags) || wants_colour(flags),
                 "--with-preprocess, --with-overlay, --web and a black or white --baseline");
  require_heeded(command, {"--colormap"}, flags.with_overlay || web, "--with-overlay and --web");
  require_heeded(command, {"--runtime"}, web, "--web");
  require_heeded(command,
                 {"--out", "--target", "--size", "--normalize", "--raw", "--with-preprocess", "--with-overlay"},
                 !web, "a file of one's own, and --web DIR decides it itself");
}

}  // namespace

void add_compile(CommandLine& line) {
  auto flags = std::make_shared<CompileFlags>();
  CLI::App* command = add_command(
      line, "compile",
      "Write the model plus its explanation as one ONNX file of standard operators, for any runtime.\n"
      "Nodes, weights and outputs of the model stay as they are; the output 'heatmap' [N,1,H,W] is new.",
      {"limn compile model.onnx -o explained.onnx",
       "limn compile model.onnx --target top:3 --normalize -o explained.onnx",
       "limn compile model.onnx --method guided-backprop --target input -o explained.onnx",
       "limn compile model.onnx --with-overlay -o picture-to-picture.onnx",
       "limn compile model.onnx --web page --runtime node_modules/onnxruntime-web/dist", "limn compile --list"});
  command->add_option("MODEL", flags->network.model, "The network, an ONNX file")->type_name("");
  command->add_option("-o,--out", flags->out, "The ONNX file to write")->type_name("OUT");
  add_explanation_options(line, *command, *flags);
  CLI::Option* option = command->add_option(
      "--size", flags->size, "Size of a CAM: input (default), grown bilinearly to the image's, or layer, as it is");
  line.completions[option->type_name("input|layer")] = {{"input", "layer"}, false};
  command->add_flag("--normalize", flags->normalize, "Bring every map to 0..1 by its own minimum and maximum");
  command->add_flag("--raw", flags->raw, "Attributions: add the output 'attribution', signed numbers [N,C,H,W]");
  command
      ->add_option(
          "--opset", flags->opset,
          "Write this opset, 13 to 21 (default: the model's own, which alone leaves its nodes as they are)")
      ->type_name("N")
      ->check(above_zero());
  command->add_flag("--explain-nodes", flags->explain_nodes,
                    "Name new nodes explain/PART/..., after the part of the model that they are about");
  command->add_flag("--list", flags->list, "List methods: which can be compiled, and why the others cannot");
  add_picture_options(line, *command, *flags);
  add_network_options(line, *command, flags->network);
  command->callback([&line, flags, command] {
    check_heeded(*command, *flags);
    line.action = [flags] { return compile(*flags); };
  });
}

}  // namespace limn::cli
