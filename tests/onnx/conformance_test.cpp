// ONNX's own cases of single operators, from Debian's package libonnx-testdata, held to the list in
// conformance.txt: a case that starts to fail, one that starts to pass, and one that becomes runnable must be
// written there.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "limn/model.h"
#include "limn/onnx/tensors.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

const std::filesystem::path kCases = "/usr/share/libonnx-testdata/data/node";
const std::filesystem::path kStatus = std::filesystem::path(LIMN_SOURCE_DIR) / "tests/onnx/conformance.txt";
constexpr double kRelative = 1e-3, kAbsolute = 1e-6;  // ONNX's own tolerance for these cases is 1e-3

/// "pass", or "skip" and why.
std::map<std::string, std::string> read_status() {
  std::map<std::string, std::string> status;
  std::ifstream file(kStatus);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto space = line.find(' ');
    status.emplace(line.substr(0, space), line.substr(space + 1));
  }
  return status;
}

std::string input_file(std::size_t i) { return "input_" + std::to_string(i) + ".pb"; }

/// The name and the value.
std::pair<std::string, Tensor> read_tensor(const std::filesystem::path& path) {
  onnx::TensorProto proto;
  std::ifstream file(path, std::ios::binary);
  if (!proto.ParseFromIstream(&file)) throw Error(ErrorCode::bad_input, "no tensor in " + path.string());
  return {proto.name(), TensorReader(nullptr, {}).attribute(proto)};
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

/// The model of a case. Its int64 inputs, mostly axes and sizes, become initializers, as they are in networks.
Model import_case(const std::filesystem::path& folder, const ImportOptions& options) {
  onnx::ModelProto proto;
  std::ifstream file(folder / "model.onnx", std::ios::binary);
  proto.ParseFromIstream(&file);
  for (int i = 0; i < proto.graph().input_size(); ++i) {
    const auto& input = proto.graph().input(i);
    const auto data = folder / "test_data_set_0" / input_file(static_cast<std::size_t>(i));
    if (input.type().tensor_type().elem_type() != onnx::TensorProto_DataType_INT64) continue;
    std::ifstream tensor(data, std::ios::binary);
    auto& initializer = *proto.mutable_graph()->add_initializer();
    initializer.ParseFromIstream(&tensor);
    initializer.set_name(input.name());
  }
  const std::string bytes = proto.SerializeAsString();
  return import_onnx(std::as_bytes(std::span(bytes)), {}, options);
}

/// Whether limn's table holds every operator of the model and its inputs are tensors that limn holds.
bool is_runnable(const std::filesystem::path& folder) {
  try {
    const Model m = import_case(folder, {.allow_unsupported = true});
    for (const UnsupportedNode& n : m.unsupported)
      if (find_op(n.op) == nullptr) return false;
    return true;
  } catch (const Error& e) {
    return e.code() != ErrorCode::unsupported;
  }
}

/// "pass", or what went wrong.
std::string run_set(const Graph& graph, const std::filesystem::path& folder) {
  std::map<std::string, Tensor> feeds;
  for (std::size_t i = 0; std::filesystem::exists(folder / input_file(i)); ++i)
    feeds.insert(read_tensor(folder / input_file(i)));
  const auto outputs = evaluate(graph, feeds, {Precision::f32});
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    const std::string& name = graph.outputs()[i].name;
    const Tensor want = read_tensor(folder / ("output_" + std::to_string(i) + ".pb")).second;
    if (const auto d = difference(outputs.at(name), want)) return "the output " + name + " " + *d;
  }
  return "pass";
}

std::string run_case(const std::filesystem::path& folder) {
  try {
    const Model model = import_case(folder, {});
    for (int set = 0; std::filesystem::exists(folder / ("test_data_set_" + std::to_string(set))); ++set)
      if (std::string r = run_set(model.graph, folder / ("test_data_set_" + std::to_string(set))); r != "pass")
        return r;
    return "pass";
  } catch (const Error& e) {
    return e.message() + " " + e.where();
  }
}

TEST(Conformance, OperatorCasesAreAsAnnounced) {
  if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "install libonnx-testdata to run ONNX's own cases";
  auto status = read_status();
  std::size_t passed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCases)) {
    const std::string name = entry.path().filename().string();
    const auto announced = status.extract(name);
    if (!is_runnable(entry.path())) {
      EXPECT_TRUE(announced.empty()) << name << " is in conformance.txt, but limn lacks its operators";
      continue;
    }
    const std::string result = run_case(entry.path());
    passed += result == "pass";
    if (announced.empty())
      ADD_FAILURE() << "conformance.txt lacks the line\n" << name << (result == "pass" ? " " : " skip ") << result;
    else
      EXPECT_EQ(result == "pass", announced.mapped() == "pass") << name << ": " << result;
  }
  for (const auto& [name, state] : status)
    ADD_FAILURE() << name << " is in conformance.txt, but there is no such case";
  RecordProperty("passed", std::to_string(passed));
}

TEST(Conformance, EverySkippedCaseHasAReason) {
  for (const auto& [name, state] : read_status())
    EXPECT_TRUE(state == "pass" || (state.starts_with("skip ") && state.size() > 10)) << name << " " << state;
}

}  // namespace
}  // namespace limn
