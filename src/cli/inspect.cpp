// limn inspect: what a model is, and which of its layers can be explained.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "failure.h"
#include "limn/passes/summary.h"
#include "limn/passes/target_layer.h"
#include "output.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Layer {
  std::string name, op;
  Shape shape;
  bool automatic = false;  ///< the one that `auto` means
};

/// All that is told, gathered once for both forms.
struct Inspection {
  Model model;
  Summary summary;
  std::optional<Classifier> classifier;
  std::string why_no_classifier;
  std::vector<Layer> layers;
  std::optional<std::filesystem::path> card;
};

std::vector<Layer> layers_of(const Classifier& classifier) {
  const Graph& graph = classifier.graph;
  std::vector<Layer> layers;
  for (const ValueId id : candidate_layers(graph, graph.at(classifier.logits))) {
    const ValueInfo& value = graph.value(id);
    const std::string op = value.producer ? graph.nodes()[*value.producer].op : "input";
    layers.push_back({value.name, op, graph.shape(id), value.name == classifier.auto_layer});
  }
  return layers;
}

Inspection gather(const std::string& path) {
  Inspection found;
  found.model = import_onnx(path, {.allow_unsupported = true});
  found.summary = summarize(found.model.graph);
  if (find_card(path)) found.card = card_path(path);
  try {
    found.classifier = as_classifier(found.model.graph);
    found.layers = layers_of(*found.classifier);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::internal) throw;
    found.why_no_classifier = e.message();
  }
  return found;
}

// ---- JSON

Json to_json(const Shape& shape) {
  Json sizes = Json::array();
  for (const Dim& dim : shape)
    sizes.push_back(dim.known() ? Json(dim.value) : dim.symbol.empty() ? Json(nullptr) : Json(dim.symbol));
  return sizes;
}

Json to_json(const std::string& name, const Type& type) {
  return {
      {"name", name}, {"type", name_of(type.dtype)}, {"shape", type.shape ? to_json(*type.shape) : Json(nullptr)}};
}

Json to_json(const Inspection& found) {
  const Graph& graph = found.model.graph;
  Json json{{"model", found.model.path.string()},
            {"file_bytes", found.model.file_bytes},
            {"ir_version", found.model.ir_version},
            {"opset", found.model.opset},
            {"producer", found.model.producer},
            {"inputs", Json::array()},
            {"outputs", Json::array()}};
  for (const ValueId id : graph.inputs())
    json["inputs"].push_back(to_json(graph.value(id).name, graph.value(id).type));
  for (const Output& output : graph.outputs())
    json["outputs"].push_back(to_json(output.name, graph.value(output.value).type));
  json["parameters"] = found.summary.parameters;
  json["multiply_adds"] = found.summary.multiply_adds ? Json(*found.summary.multiply_adds) : Json(nullptr);
  json["operators"] = Json::object();
  for (const auto& [op, count] : found.summary.operators) json["operators"][op] = count;
  json["unsupported"] = Json::array();
  for (const auto& node : found.model.unsupported)
    json["unsupported"].push_back({{"name", node.name}, {"op", node.op}, {"reason", node.reason}});
  json["classes"] = found.classifier ? Json(found.classifier->classes) : Json(nullptr);
  json["logits"] = found.classifier ? Json(found.classifier->logits) : Json(nullptr);
  json["auto_layer"] = found.classifier && !found.classifier->auto_layer.empty()
                           ? Json(found.classifier->auto_layer)
                           : Json(nullptr);
  json["layers"] = Json::array();
  for (const Layer& layer : found.layers)
    json["layers"].push_back({{"name", layer.name}, {"op", layer.op}, {"shape", to_json(layer.shape)}});
  json["card"] = found.card ? Json(found.card->string()) : Json(nullptr);
  return json;
}

// ---- text

std::string with_unit(double number) {
  if (number >= 1e9) return fmt::format("{:.2f} G", number / 1e9);
  if (number >= 1e6) return fmt::format("{:.2f} M", number / 1e6);
  return fmt::format("{:.1f} k", number / 1e3);
}

template <class... Args>
void row(std::string& text, std::string_view heading, fmt::format_string<Args...> format, Args&&... args) {
  text += fmt::format("{:<15}", heading) + fmt::format(format, std::forward<Args>(args)...) + "\n";
}

void add_classifier(std::string& text, const Inspection& found) {
  if (!found.classifier) {
    row(text, "classifier", "no: {}", found.why_no_classifier);
    return;
  }
  const Classifier& c = *found.classifier;
  row(text, "classifier", "{} classes, scores in '{}'{}, images in '{}'", c.classes, c.logits,
      c.final_activation.empty() ? "" : " (before the final " + c.final_activation + ")", c.image);
}

void add_layers(std::string& text, const Inspection& found) {
  std::size_t width = 0;
  for (const Layer& layer : found.layers) width = std::max(width, layer.name.size());
  std::string_view heading = "target layers";
  for (const Layer& layer : found.layers) {
    row(text, heading, "{:<{}}  {:<20} {}{}", layer.name, width, limn::to_string(layer.shape), layer.op,
        layer.automatic ? "   <- auto" : "");
    heading = "";
  }
  if (found.classifier && found.classifier->auto_layer.empty())
    row(text, heading, "none that auto could mean: no value on the way to the scores has spatial extent");
}

void add_unsupported(std::string& text, const Inspection& found) {
  std::string_view heading = "unsupported";
  for (const auto& node : found.model.unsupported) {
    row(text, heading, "{} ({}): {}", node.op, node.name, node.reason);
    heading = "";
  }
}

std::string text_of(const Inspection& found) {
  const Model& model = found.model;
  const Graph& graph = model.graph;
  std::string text;
  row(text, "model", "{}  ({:.1f} MB)", model.path.string(), static_cast<double>(model.file_bytes) / 1e6);
  row(text, "format", "ONNX opset {}, IR version {}{}", model.opset, model.ir_version,
      model.producer.empty() ? "" : ", written by " + model.producer);
  for (const ValueId id : graph.inputs())
    row(text, "input", "{}  {}", graph.value(id).name, limn::to_string(graph.value(id).type));
  for (const Output& output : graph.outputs())
    row(text, "output", "{}  {}", output.name, limn::to_string(graph.value(output.value).type));
  row(text, "parameters", "{}", with_unit(static_cast<double>(found.summary.parameters)));
  if (found.summary.multiply_adds)
    row(text, "multiply-adds", "{} for one image", with_unit(static_cast<double>(*found.summary.multiply_adds)));
  std::string operators;
  for (const auto& [op, count] : found.summary.operators)
    operators += fmt::format("{}{} {}", operators.empty() ? "" : ", ", count, op);
  row(text, "operators", "{}", operators);
  add_unsupported(text, found);
  add_classifier(text, found);
  row(text, "model card", "{}", found.card ? found.card->string() : "none");
  add_layers(text, found);
  return text;
}

int inspect(const std::string& path, bool json) {
  const Inspection found = gather(path);
  write_output(json ? to_json(found).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" : text_of(found));
  return kFine;
}

}  // namespace

void add_inspect(CommandLine& line) {
  struct Flags {
    std::string model;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      add_command(line, "inspect",
                  "Tell what a model is: inputs, outputs, operators, size, and what limn cannot run of it.\n"
                  "Lists the layers that can be explained and which of them 'auto' picks.",
                  {"limn inspect model.onnx", "limn inspect model.onnx --json"});
  command->add_option("MODEL", flags->model, "The network, an ONNX file")->required()->type_name("");
  command->add_flag("--json", flags->json, "One JSON object");
  command->callback([&line, flags] { line.action = [flags] { return inspect(flags->model, flags->json); }; });
}

}  // namespace limn::cli
