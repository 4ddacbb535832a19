#include "limn/onnx/order.h"

#include <fmt/format.h>

#include <functional>
#include <queue>
#include <unordered_map>

#include "limn/error.h"
#include "limn/onnx/subgraphs.h"

namespace limn {
namespace {

using Producers = std::unordered_map<std::string, std::size_t>;

Producers producers_of(const std::vector<onnx::NodeProto>& nodes, const std::set<std::string>& given) {
  Producers producers;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const std::string& name : nodes[i].output()) {
      if (name.empty()) continue;
      if (given.contains(name) || !producers.emplace(name, i).second)
        throw Error(ErrorCode::bad_input, fmt::format("two values are named '{}'", name), place_of(nodes[i]),
                    "the names of values must be unique; export the model again");
    }
  return producers;
}

/// The nodes whose outputs a node or its subgraphs read.
std::vector<std::size_t> sources_of(const onnx::NodeProto& node, const Producers& producers,
                                    const std::set<std::string>& given) {
  std::vector<std::size_t> sources;
  std::vector<std::string> read = captured_names(node);
  read.insert(read.end(), node.input().begin(), node.input().end());
  for (const std::string& name : read) {
    if (name.empty() || given.contains(name)) continue;
    const auto it = producers.find(name);
    if (it == producers.end())
      throw Error(ErrorCode::bad_input, fmt::format("the value '{}' is read but nothing makes it", name),
                  place_of(node), "the file is incomplete; export the model again");
    sources.push_back(it->second);
  }
  return sources;
}

/// Walks from a node that never became ready to what it waits for, until a node comes round again.
Error circle(const std::vector<onnx::NodeProto>& nodes, const std::vector<std::vector<std::size_t>>& sources,
             const std::vector<std::size_t>& waiting) {
  std::size_t at = 0;
  while (waiting[at] == 0) ++at;
  std::vector<std::size_t> path;
  std::vector<char> visited(nodes.size());
  for (; !visited[at]; at = *std::ranges::find_if(sources[at], [&](std::size_t s) { return waiting[s] > 0; })) {
    visited[at] = 1;
    path.push_back(at);
  }
  path.erase(path.begin(), std::ranges::find(path, at));
  constexpr std::size_t kShown = 4;
  std::string names;
  for (std::size_t i = 0; i < path.size() && i < kShown; ++i)
    names += fmt::format("{}'{}'", i ? ", " : "", name_of(nodes[path[i]]));
  if (path.size() > kShown) names += fmt::format(" and {} more", path.size() - kShown);
  return Error(ErrorCode::bad_input, "nodes wait for each other's outputs in a circle", "nodes " + names,
               "an ONNX graph must not have loops; export the model again");
}

}  // namespace

std::string name_of(const onnx::NodeProto& node) {
  if (!node.name().empty()) return node.name();
  for (const std::string& output : node.output())
    if (!output.empty()) return output;
  return node.op_type();
}

std::string place_of(const onnx::NodeProto& node) {
  return fmt::format("node '{}' ({})", name_of(node), node.op_type());
}

std::vector<std::size_t> evaluation_order(const std::vector<onnx::NodeProto>& nodes,
                                          const std::set<std::string>& given) {
  const Producers producers = producers_of(nodes, given);
  std::vector<std::vector<std::size_t>> sources(nodes.size()), readers(nodes.size());
  std::vector<std::size_t> waiting(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    sources[i] = sources_of(nodes[i], producers, given);
    waiting[i] = sources[i].size();
    for (std::size_t s : sources[i]) readers[s].push_back(i);
  }
  // Always the first ready node of the file: a sorted file keeps its order.
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (waiting[i] == 0) ready.push(i);
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (std::size_t r : readers[i])
      if (--waiting[r] == 0) ready.push(r);
  }
  if (order.size() < nodes.size()) throw circle(nodes, sources, waiting);
  return order;
}

}  // namespace limn
