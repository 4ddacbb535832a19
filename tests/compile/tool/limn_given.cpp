// limn's own map where another program decided what rectifiers pass and which elements pools choose:
//
//   limn_given MODEL METHOD                                     prints the names of the values that decide
//   limn_given MODEL METHOD IMAGE.npy CLASS FOLDER OUT.npy      with FOLDER/<i>.npy, the i-th of these values
//
// IMAGE.npy [1, C, H, W]. The values become inputs of the explanation graph, which the native runtime then runs;
// what is written is the method's raw map.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "limn/base/npy.h"
#include "limn/explain.h"
#include "limn/model.h"
#include "limn/passes/bind.h"
#include "limn/passes/prune.h"
#include "limn/passes/rebuild.h"
#include "limn/runtime.h"

namespace {

using namespace limn;

Graph explained(const Classifier& classifier, const std::string& method) {
  const MethodRequest request{method};
  return prune(explanation_graph(classifier, std::span(&request, 1)));
}

/// Names of what masks and pools of the backward pass read, in graph order.
std::vector<std::string> deciding(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& n : graph.nodes()) {
    if (n.op != "limn::ReluGrad" && n.op != "limn::ClipGrad" && n.op != "limn::MaxPoolGrad") continue;
    const std::string& name = graph.value(n.in[1]).name;
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

/// The graph with these values as inputs.
Graph with_inputs(const Graph& graph, const std::vector<std::string>& names) {
  Rebuild rebuild(graph);
  std::set<ValueId> given;
  for (const std::string& name : names) {
    const ValueId id = graph.at(name);
    rebuild.replace(id, rebuild.to().input(name, graph.value(id).type));
    given.insert(id);
  }
  for (const Node& node : graph.nodes())
    if (!given.contains(node.out[0])) rebuild.copy(node);
  return prune(std::move(rebuild).finish());
}

void run(const Classifier& classifier, const Graph& graph, char** argv) {
  const std::vector<std::string> names = deciding(graph);
  const Program program = Program::compile(with_inputs(graph, names), {.threads = 2});
  Session session(program);
  const auto feed = [&](const std::string& name, const std::filesystem::path& file) {
    if (std::ranges::find(program.inputs(), name) == program.inputs().end()) return;
    const Tensor values = read_npy(file);
    std::ranges::copy(values.as<float>(), session.input(name).begin());
  };
  feed(classifier.image, argv[3]);
  for (std::size_t i = 0; i < names.size(); ++i)
    feed(names[i], std::filesystem::path(argv[5]) / fmt::format("{}.npy", i));
  session.input("target")[std::stoul(argv[4])] = 1;
  session.run();
  write_npy(argv[6], Tensor::of<float>(program.output_dims("map_0"), session.output("map_0")));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3 && argc != 7)
      throw Error(ErrorCode::bad_input, "usage: limn_given MODEL METHOD [IMAGE.npy CLASS FOLDER OUT.npy]");
    const Classifier classifier = as_classifier(import_onnx(argv[1]).graph);
    const Graph graph = explained(classifier, argv[2]);
    if (argc == 7)
      run(classifier, graph, argv);
    else
      for (const std::string& name : deciding(graph)) fmt::print("{}\n", name);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
