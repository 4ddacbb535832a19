// ONNX's own cases, from Debian's package libonnx-testdata, held to the list in conformance.txt: every case of
// every folder is there, and one that starts to fail, or to pass, must be written there.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "limn/model.h"
#include "limn/onnx/tensors.h"
#include "limn/ops/evaluate.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

const fs::path kCases = "/usr/share/libonnx-testdata/data";
const fs::path kStatus = fs::path(LIMN_SOURCE_DIR) / "tests/onnx/conformance.txt";
// Single operators; layers and functions exported by PyTorch; small models. (The folder "real" holds no models.)
constexpr const char* kFolders[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
constexpr double kRelative = 1e-3, kAbsolute = 1e-6;  // ONNX's own tolerance for these cases is 1e-3

/// By "folder/case": "pass", or "scope" or "skip" and why.
std::map<std::string, std::string> read_status() {
  std::map<std::string, std::string> status;
  std::ifstream file(kStatus);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto space = line.find(' ');
    EXPECT_TRUE(status.emplace(line.substr(0, space), line.substr(space + 1)).second) << line;
  }
  return status;
}

Tensor read_tensor(const fs::path& path) {
  onnx::TensorProto proto;
  std::ifstream file(path, std::ios::binary);
  if (!proto.ParseFromIstream(&file)) throw Error(ErrorCode::bad_input, "no tensor in " + path.string());
  return TensorReader({}, {}).attribute(proto);
}

bool close(double value, double expected) {
  if (std::isnan(expected) || std::isinf(expected))
    return std::isnan(expected) ? std::isnan(value) : value == expected;
  return std::abs(value - expected) <= kAbsolute + kRelative * std::abs(expected);
}

std::optional<std::string> difference(const Tensor& got, const Tensor& want) {
  if (got.dtype() != want.dtype())
    return "is " + std::string(name_of(got.dtype())) + " instead of " + std::string(name_of(want.dtype()));
  if (got.dims() != want.dims())
    return "has the sizes " + to_string(std::span(got.dims())) + " instead of " + to_string(std::span(want.dims()));
  const Tensor a = got.converted(DType::f64), b = want.converted(DType::f64);
  for (std::size_t i = 0; i < a.as<double>().size(); ++i)
    if (!close(a.as<double>()[i], b.as<double>()[i]))
      return "element " + std::to_string(i) + " is " + std::to_string(a.as<double>()[i]) + " instead of " +
             std::to_string(b.as<double>()[i]);
  return std::nullopt;
}

/// The model of a case. Its int64 inputs and its scalars, which are axes, sizes and conditions, become
/// initializers, as they are in networks.
class Case {
 public:
  explicit Case(const fs::path& folder) : folder_(folder) {
    std::ifstream file(folder / "model.onnx", std::ios::binary);
    model_.ParseFromIstream(&file);
    std::set<std::string> given;
    for (const auto& initializer : model_.graph().initializer()) given.insert(initializer.name());
    for (const auto& input : model_.graph().input())
      if (!given.contains(input.name())) inputs_.push_back(&input);
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (is_parameter(inputs_[i]->type().tensor_type())) fix(i);
  }

  /// "pass", or what went wrong.
  std::string run() const {
    try {
      const std::string bytes = model_.SerializeAsString();
      const Graph graph = import_onnx(std::as_bytes(std::span(bytes))).graph;
      for (int set = 0; fs::exists(set_folder(set)); ++set)
        if (std::string r = run_set(graph, set_folder(set)); r != "pass") return r;
      return "pass";
    } catch (const Error& e) {
      return e.message() + " " + e.where();
    }
  }

 private:
  static bool is_parameter(const onnx::TypeProto_Tensor& type) {
    const bool scalar = type.has_shape() && type.shape().dim_size() == 0;
    return type.elem_type() == onnx::TensorProto_DataType_INT64 || (scalar && type.elem_type() != 0);
  }

  fs::path set_folder(int set) const { return folder_ / ("test_data_set_" + std::to_string(set)); }
  static std::string file_of(const char* role, std::size_t i) { return role + std::to_string(i) + ".pb"; }

  void fix(std::size_t i) {
    std::ifstream tensor(set_folder(0) / file_of("input_", i), std::ios::binary);
    auto& initializer = *model_.mutable_graph()->add_initializer();
    initializer.ParseFromIstream(&tensor);
    initializer.set_name(inputs_[i]->name());
  }

  std::string run_set(const Graph& graph, const fs::path& folder) const {
    std::map<std::string, Tensor> feeds;
    for (std::size_t i = 0; i < inputs_.size() && fs::exists(folder / file_of("input_", i)); ++i)
      feeds.emplace(inputs_[i]->name(), read_tensor(folder / file_of("input_", i)));
    const auto outputs = evaluate(graph, feeds, {FloatWidth::f32});
    for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
      const std::string& name = graph.outputs()[i].name;
      const Tensor want = read_tensor(folder / file_of("output_", i));
      if (const auto d = difference(outputs.at(name), want)) return "the output " + name + " " + *d;
    }
    return "pass";
  }

  fs::path folder_;
  onnx::ModelProto model_;
  std::vector<const onnx::ValueInfoProto*> inputs_;  ///< in the order of the files input_0.pb, input_1.pb, ...
};

struct Count {
  std::size_t passed = 0, in_scope = 0, total = 0;
};

TEST(Conformance, CasesAreAsAnnounced) {
  if (!fs::exists(kCases)) GTEST_SKIP() << "install libonnx-testdata to run ONNX's own cases";
  auto status = read_status();
  for (const std::string folder : kFolders) {
    Count count;
    for (const auto& entry : fs::directory_iterator(kCases / folder)) {
      const std::string name = folder + "/" + entry.path().filename().string();
      const auto announced = status.extract(name);
      const std::string state = announced.empty() ? "" : announced.mapped();
      const std::string result = Case(entry.path()).run();
      ++count.total;
      count.in_scope += !state.starts_with("scope ");
      count.passed += result == "pass";
      if (state.empty())
        ADD_FAILURE() << "conformance.txt lacks the line\n"
                      << name << (result == "pass" ? " " : " skip ") << result;
      else
        EXPECT_EQ(result == "pass", state == "pass") << name << ": " << result;
    }
    std::cout << folder << ": " << count.passed << " passed of " << count.in_scope << " in scope, " << count.total
              << " in all\n";
  }
  for (const auto& [name, state] : status)
    ADD_FAILURE() << name << " is in conformance.txt, but there is no such case";
}

TEST(Conformance, EveryOtherCaseHasAReason) {
  for (const auto& [name, state] : read_status()) {
    const bool reasoned = state.starts_with("scope ") || state.starts_with("skip ");
    EXPECT_TRUE(state == "pass" || (reasoned && state.size() > 10)) << name << " " << state;
  }
}

}  // namespace
}  // namespace limn
