// Writes what limn computes for a model and a batch of inputs, for comparison with another implementation:
//
//   limn_parity MODEL INPUT.npy TARGETS.npy LAYER OUT [--reference] [--basics] [--no-double]
//
// INPUT.npy [N, C, H, W]; TARGETS.npy [N] class indices; LAYER a name or auto. OUT/<map>.native holds every map as
// the native runtime computes it, image by image (raw float32; the sizes of one image's map are in
// <map>.native.dims); with --reference, OUT/<map>.reference the same by the reference in double (raw float64). One
// line per image on standard output says how far the native gradients are from the double-precision ones that are
// given the native run's own rectifier masks and pool indices. --basics does so for the gradient and Grad-CAM
// alone, which every network has; --no-double leaves out what takes long on large networks.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "limn/autodiff.h"
#include "limn/base/npy.h"
#include "limn/explain.h"
#include "limn/model.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace {

using namespace limn;

struct Job {
  std::string name;
  MethodRequest request;
};

struct Options {
  bool reference = false, basics = false, no_double = false;
};

std::vector<Job> jobs(const std::string& layer, const Options& wanted) {
  std::vector<Job> list;
  if (wanted.basics)
    return {{"gradient", {"gradient", {}, layer, false}},
            {"grad-cam", {"grad-cam", {}, layer, false}},
            {"counterfactual", {"grad-cam", {}, layer, true}}};
  for (const MethodInfo& info : methods()) {
    if (!info.is_graph || info.name == "cam" || info.name == "eigen-cam" || info.name == "saliency") continue;
    for (std::string_view variant : info.variants)
      list.push_back({std::string(info.name) + (variant == info.variants.front() ? "" : "." + std::string(variant)),
                      {std::string(info.name), std::string(variant), layer, false}});
  }
  list.push_back({"counterfactual", {"grad-cam", {}, layer, true}});
  return list;
}

/// The explanation graph with, as further outputs, the gradient at the layer and every forward value that a mask or
/// a pool of the backward pass reads.
struct Instrumented {
  Graph graph;
  std::vector<std::string> switches;
};

Instrumented instrument(const Graph& explained, const std::string& layer, const std::string& logits) {
  GraphBuilder g(explained);
  const std::array wrt{g.find(layer)};
  const Value gradient = pull_back(g.find(logits), g.find("target"), wrt).front();
  std::vector<std::pair<std::string, Value>> outputs;
  for (const Output& o : explained.outputs()) outputs.emplace_back(o.name, g.handle(o.value));
  outputs.emplace_back("layer-gradient", gradient);
  std::vector<std::string> switches;
  for (std::size_t i = 0; i < g.node_count(); ++i) {
    const Node& n = g.node(i);
    if (n.op != "limn::ReluGrad" && n.op != "limn::ClipGrad" && n.op != "limn::MaxPoolGrad") continue;
    const std::string& name = g.info(n.in[1]).name;
    if (std::ranges::find(switches, name) != switches.end()) continue;
    switches.push_back(name);
    outputs.emplace_back("switch " + name, g.handle(n.in[1]));
  }
  return {std::move(g).finish(std::move(outputs)), std::move(switches)};
}

Tensor image_of(const Tensor& batch, std::int64_t n) {
  Dims dims = batch.dims();
  dims[0] = 1;
  const auto size = static_cast<std::size_t>(element_count(dims));
  return Tensor::of<float>(dims, batch.as<float>().subspan(static_cast<std::size_t>(n) * size, size));
}

double relative_l2(std::span<const float> a, std::span<const double> b) {
  double d = 0, s = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    d += (a[i] - b[i]) * (a[i] - b[i]);
    s += b[i] * b[i];
  }
  return s == 0 ? std::sqrt(d) : std::sqrt(d / s);
}

/// Results of all images, appended one after another, with the sizes of one.
template <class T>
struct Column {
  Dims dims;
  std::vector<T> values;
  void add(const Dims& one, std::span<const T> v) {
    dims = one;
    values.insert(values.end(), v.begin(), v.end());
  }
};

template <class T>
void write(const std::filesystem::path& path, const Column<T>& column) {
  std::ofstream out(path, std::ios::binary);  // raw elements; the reader knows the sizes from <path>.dims
  out.write(reinterpret_cast<const char*>(column.values.data()),
            static_cast<std::streamsize>(column.values.size() * sizeof(T)));
  std::ofstream dims(path.string() + ".dims");
  for (std::size_t i = 1; i < column.dims.size(); ++i) dims << column.dims[i] << ' ';
  if (!out || !dims) throw Error(ErrorCode::io, "cannot write '" + path.string() + "'");
}

int run(const std::string& model_path, const std::string& input_path, const std::string& targets_path,
        std::string layer, const std::filesystem::path& out, const Options& wanted) {
  const Classifier classifier = as_classifier(import_onnx(model_path).graph);
  if (layer == "auto") layer = classifier.auto_layer;
  const Tensor input = read_npy(input_path), targets = read_npy(targets_path);
  const std::vector<Job> list = jobs(layer, wanted);
  std::vector<MethodRequest> requests;
  for (const Job& j : list) requests.push_back(j.request);
  const Classifier folded = with_joined_layers(classifier, requests);
  const Instrumented all = instrument(explanation_graph(folded, requests), layer, classifier.logits);
  const Instrumented unfolded = instrument(explanation_graph(classifier, requests), layer, classifier.logits);
  CompileOptions options;
  const Dim batch = all.graph.shape(all.graph.at(classifier.image))[0];
  if (!batch.known()) options.symbols[batch.symbol] = 1;
  options.threads = 2;
  const Program program = Program::compile(all.graph, options);
  Session session(program);
  std::map<std::string, Column<float>> native;
  std::map<std::string, Column<double>> exact;
  std::vector<ValueId> gradients{};
  for (const Output& o : all.graph.outputs())
    if (o.name == "layer-gradient") gradients.push_back(o.value);
  for (std::size_t j = 0; j < list.size(); ++j)
    if (list[j].name == "gradient") gradients.push_back(all.graph.outputs()[j + 1].value);
  for (std::int64_t n = 0; n < input.dims()[0]; ++n) {
    const Tensor image = image_of(input, n);
    std::ranges::copy(image.as<float>(), session.input(classifier.image).begin());
    std::ranges::fill(session.input("target"), 0.0F);
    session.input("target")[static_cast<std::size_t>(targets.as<float>()[static_cast<std::size_t>(n)])] = 1.0F;
    const std::span<float> target = session.input("target");
    session.run();
    const auto name_of_output = [&](const std::string& o) {
      return o.starts_with("map_") ? list[static_cast<std::size_t>(std::stoi(o.substr(4)))].name : o;
    };
    for (const Output& o : all.graph.outputs())
      if (!o.name.starts_with("switch "))
        native[name_of_output(o.name)].add(program.output_dims(o.name), session.output(o.name));
    if (wanted.no_double) continue;
    const std::map<std::string, Tensor> feeds{
        {classifier.image, image},
        {"target", Tensor::of<float>(program.input_dims("target"), std::span<const float>(target))}};
    EvaluateOptions given;
    for (const std::string& s : all.switches)
      given.given[all.graph.at(s)] =
          Tensor::of<float>(program.output_dims("switch " + s), session.output("switch " + s))
              .converted(DType::f64);
    const std::vector<Tensor> switched = evaluate(all.graph, feeds, gradients, given);
    fmt::print("switched {} layer-gradient {:.3e} gradient {:.3e}\n", n,
               relative_l2(session.output("layer-gradient"), switched[0].as<double>()),
               relative_l2(native["gradient"].values.empty()
                               ? std::span<const float>()
                               : std::span<const float>(native["gradient"].values).last(image.as<float>().size()),
                           switched[1].as<double>()));
    std::fflush(stdout);
    if (!wanted.reference) continue;
    for (const auto& [name, value] : evaluate(unfolded.graph, feeds))
      if (!name.starts_with("switch ")) exact[name_of_output(name)].add(value.dims(), value.as<double>());
  }
  for (const auto& [name, column] : native) write(out / (name + ".native"), column);
  for (const auto& [name, column] : exact) write(out / (name + ".reference"), column);
  fmt::print("layer {}\n", layer);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 6)
      throw Error(ErrorCode::bad_input, "usage: limn_parity MODEL INPUT.npy TARGETS.npy LAYER OUT [OPTION...]");
    const std::set<std::string> given(argv + 6, argv + argc);
    return run(argv[1], argv[2], argv[3], argv[4], argv[5],
               {given.contains("--reference"), given.contains("--basics"), given.contains("--no-double")});
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
