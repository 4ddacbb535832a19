#include "compile_web.h"

#include <fmt/format.h>

#include <system_error>

#include "failure.h"
#include "limn/version.h"
#include "web/folder.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

/// 0 for what the model leaves open.
InputSize declared_size(const Classifier& c) {
  const Shape& shape = c.graph.shape(c.graph.at(c.image));
  const auto size = [&](std::size_t axis) { return shape[axis].known() ? static_cast<int>(shape[axis].value) : 0; };
  return {static_cast<int>(c.channels), size(2), size(3)};
}

InputSize page_size(const Classifier& c, const Preprocess& preprocess) {
  const InputSize size = declared_size(c);
  if (size.height != 0 && size.width != 0) return size;
  if (const auto fixed = fixed_size(preprocess)) return *fixed;
  throw Error(ErrorCode::bad_input, "the network takes images of any size, and nothing says which to use", {},
              "add --crop N, or --resize WxH for an exact size");
}

void check_batch(const Classifier& c) {
  const Dim& batch = c.graph.shape(c.graph.at(c.image))[0];
  if (batch.known() && batch != Dim(1))
    throw Error(
        ErrorCode::unsupported,
        fmt::format("the page explains one picture at a time, and the network takes {} at once", batch.value));
}

std::string facts_of(const CompileModelOptions& options, const CompiledModel& compiled) {
  std::string facts(method(options.request.method).name);
  if (options.request.counterfactual) facts += ", what speaks against the class";
  if (!compiled.layer.empty()) facts += fmt::format(", layer {}", compiled.layer);
  return facts + fmt::format("; limn {}", kVersion);
}

std::vector<std::string> names_of(const ClassNames& names) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < names.size(); ++i) list.emplace_back(names[i]);
  return list;
}

}  // namespace

PreprocessChoice preprocess_of(const NetworkFlags& flags, const Classifier& classifier) {
  return choose_preprocess(read_flags(flags.preprocess), find_card(flags.model), declared_size(classifier));
}

void compile_web(const Model& model, CompileModelOptions options, const NetworkFlags& flags,
                 const std::string& folder, const std::string& runtime_from) {
  const WebRuntime runtime(runtime_from);
  const Classifier classifier = as_open_classifier(model.graph, options.output);
  check_batch(classifier);
  const auto card = find_card(flags.model);
  WebPage page;
  page.preprocess = *options.preprocess;
  page.input = page_size(classifier, page.preprocess);
  page.count = classifier.classes;
  page.classes = names_of(find_class_names(flags.labels, card, card_path(flags.model), classifier.classes));
  page.probability = classifier.probability;
  if (card && card->multi_label)
    page.probability = *card->multi_label ? Probability::sigmoid : Probability::softmax;
  page.colormap = options.colormap;
  page.title = fs::path(flags.model).stem().string();
  page.command =
      fmt::format("limn compile {} --web {} --runtime node_modules/onnxruntime-web/dist", flags.model, folder);

  options.target = {CompiledTarget::Kind::input, 0};
  options.normalize = options.scores = true;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(ErrorCode::io, "cannot create the folder: " + error.message(), folder, "name another --web");
  const CompiledModel compiled = compile_model(model, web_model(folder), options);
  if (compiled.external_data)
    throw Error(ErrorCode::unsupported,
                "the model keeps weights in files of their own, which the page does not load", flags.model,
                "save the model in one file first");
  page.picture = compiled.picture;
  page.facts = facts_of(options, compiled);
  for (const std::string& note : compiled.notes) print_note(note);
  for (const std::string& note : write_web_folder(folder, page, runtime)) print_note(note);
}

}  // namespace limn::cli
