// What a broken or strange file is answered with.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "limn/model.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using test::OnnxWriter;
using test::set;
using test::small_classifier;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// Expects the import to fail with these words.
template <class Matcher>
void expect_refused(const OnnxWriter& writer, ErrorCode code, const Matcher& matcher) {
  EXPECT_ERROR(import_onnx(writer.bytes()), code, matcher);
}

TEST(BadFile, MissingFile) {
  EXPECT_ERROR(import_onnx(std::filesystem::path("no/such/model.onnx")), ErrorCode::not_found,
               AllOf(HasSubstr("cannot import 'no/such/model.onnx'"), HasSubstr("No such file"),
                     HasSubstr("check the spelling")));
}

TEST(BadFile, Folder) {
  const ScratchFolder folder;
  EXPECT_ERROR(import_onnx(folder.path()), ErrorCode::io,
               AllOf(HasSubstr("it is a folder"), HasSubstr("name a file in it")));
}

TEST(BadFile, Device) {
  EXPECT_ERROR(import_onnx(std::filesystem::path("/dev/zero")), ErrorCode::io, HasSubstr("not a regular file"));
}

TEST(BadFile, EmptyFile) {
  const ScratchFolder folder;
  write(folder / "empty.onnx", {});
  EXPECT_ERROR(import_onnx(folder / "empty.onnx"), ErrorCode::bad_input,
               HasSubstr("empty.onnx': it is not an ONNX file: it is empty"));
}

TEST(BadFile, GarbageIsNotOnnx) {
  for (const std::string_view text :
       {"hello, this is a text file\n", "\x89PNG\r\n\x1a\n", "PK\x03\x04", "\xff\xff\xff\xff", "{\"a\": 1}"})
    EXPECT_ERROR(import_onnx(bytes_of(text)), ErrorCode::bad_input, HasSubstr("not an ONNX file"));
}

TEST(BadFile, ModelWithoutGraph) {
  OnnxWriter w;
  w.model().clear_graph();
  expect_refused(w, ErrorCode::bad_input, HasSubstr("it holds no graph"));
}

TEST(BadFile, LargerThanProtobufAllows) {
  const ScratchFolder folder;
  write(folder / "large.onnx", small_classifier().bytes());
  std::filesystem::resize_file(folder / "large.onnx", std::uintmax_t{1} << 31);  // a hole, not bytes on the disk
  EXPECT_ERROR(import_onnx(folder / "large.onnx"), ErrorCode::bad_input,
               AllOf(HasSubstr("larger than 2 GB"), HasSubstr("external data")));
}

TEST(BadFile, TruncatedFileTellsHowMuchWasRead) {
  auto bytes = small_classifier().bytes();
  const std::size_t cut = bytes.size() / 2;
  bytes.resize(cut);
  EXPECT_ERROR(import_onnx(bytes), ErrorCode::bad_input,
               AllOf(HasSubstr(fmt::format("looks truncated: {} bytes were read", cut)), HasSubstr("byte"),
                     HasSubstr("fetch or export it again")));
}

TEST(BadFile, FieldOfTheWrongWireType) {
  // ir_version 8, then field 7, the graph, as a varint.
  EXPECT_ERROR(import_onnx(bytes_of(std::string_view("\x08\x08\x38\x01", 4))), ErrorCode::bad_input,
               AllOf(HasSubstr("field 7 has the wrong wire type"), HasSubstr("byte 4")));
}

TEST(BadFile, FieldLongerThanWhatHoldsIt) {
  // A graph of two bytes whose first field, a name, claims 100; something follows the graph.
  EXPECT_ERROR(import_onnx(bytes_of(std::string_view("\x08\x08\x3a\x02\x12\x64\x08\x08", 8))), ErrorCode::bad_input,
               HasSubstr("a field is longer than what holds it in the graph"));
}

TEST(BadFile, UnknownFieldsAndNewVersionsAreAccepted) {
  OnnxWriter w = small_classifier();
  w.model().set_ir_version(99);
  auto bytes = w.bytes();
  for (char c : std::string_view("\xfa\x3f\x03xyz", 6)) bytes.push_back(static_cast<std::byte>(c));  // field 1023
  EXPECT_EQ(import_onnx(bytes).ir_version, 99);
}

TEST(BadFile, NoOpset) { expect_refused(small_classifier(0), ErrorCode::bad_input, HasSubstr("which opset")); }

TEST(BadFile, OldOpsetsAreRead) {
  EXPECT_EQ(import_onnx(small_classifier(1).bytes()).opset, 1);
  EXPECT_EQ(import_onnx(small_classifier(6).bytes()).graph.nodes().size(), 5U);
}

TEST(BadFile, NewOpsetIsNoted) {
  const Model model = import_onnx(small_classifier(99).bytes());
  EXPECT_EQ(model.opset, 99);
  EXPECT_THAT(model.graph.data().metadata.at("note"), HasSubstr("opset 99 is newer than limn"));
}

TEST(BadGraph, NoOutputs) {
  OnnxWriter w = small_classifier();
  w.graph().clear_output();
  expect_refused(w, ErrorCode::bad_input, HasSubstr("no outputs"));
}

TEST(BadGraph, OutputThatNothingMakes) {
  OnnxWriter w = small_classifier();
  w.output("missing");
  expect_refused(w, ErrorCode::bad_input, HasSubstr("nothing makes the output 'missing'"));
}

TEST(BadGraph, MissingInput) {
  OnnxWriter w = small_classifier();
  w.graph().mutable_node(1)->set_input(0, "nowhere");
  expect_refused(w, ErrorCode::bad_input,
                 AllOf(HasSubstr("'nowhere' is read but nothing makes it"), HasSubstr("node 'relu' (Relu)")));
}

TEST(BadGraph, TwoNodesMakeOneValue) {
  OnnxWriter w = small_classifier();
  w.node("Relu", {"conv"}, {"features"}, "again");
  expect_refused(w, ErrorCode::bad_input,
                 AllOf(HasSubstr("two values are named 'features'"), HasSubstr("'again'")));
}

TEST(BadGraph, NodeMakesAnInitializer) {
  OnnxWriter w = small_classifier();
  w.node("Relu", {"conv"}, {"fc.bias"}, "again");
  expect_refused(w, ErrorCode::bad_input, HasSubstr("two values are named 'fc.bias'"));
}

TEST(BadGraph, TwoInitializersOfOneName) {
  OnnxWriter w = small_classifier();
  w.weight("fc.bias", {1}, std::vector<float>{1});
  expect_refused(w, ErrorCode::bad_input, HasSubstr("two tensors are named 'fc.bias'"));
}

TEST(BadGraph, TwoInputsOfOneName) {
  OnnxWriter w = small_classifier();
  w.input("image", {1});
  expect_refused(w, ErrorCode::bad_input, HasSubstr("two inputs are named 'image'"));
}

TEST(BadGraph, TwoOutputsOfOneName) {
  OnnxWriter w = small_classifier();
  w.output("logits");
  expect_refused(w, ErrorCode::bad_input, HasSubstr("two outputs are named 'logits'"));
}

TEST(BadGraph, CircleNamesItsNodes) {
  OnnxWriter w;
  w.input("x", {1});
  w.node("Add", {"x", "b"}, {"a"}, "first");
  w.node("Relu", {"a"}, {"b"}, "second");
  w.node("Relu", {"b"}, {"c"}, "behind");
  w.output("c");
  expect_refused(
      w, ErrorCode::bad_input,
      AllOf(HasSubstr("in a circle"), HasSubstr("'first'"), HasSubstr("'second'"), Not(HasSubstr("behind"))));
}

TEST(BadGraph, UnsortedNodesAreSorted) {
  OnnxWriter w = small_classifier();
  w.graph().mutable_node()->SwapElements(0, 4);
  w.graph().mutable_node()->SwapElements(1, 3);
  const Graph g = import_onnx(w.bytes()).graph;
  ASSERT_EQ(g.nodes().size(), 5U);
  EXPECT_EQ(g.nodes().front().name, "conv");
  EXPECT_EQ(g.nodes().back().name, "fc");
}

TEST(BadGraph, WrongSizesNameTheNode) {
  OnnxWriter w = small_classifier();
  w.graph().mutable_initializer(0)->set_dims(1, 9);
  w.graph().mutable_initializer(0)->set_dims(0, 2);
  w.graph().mutable_initializer(0)->set_dims(2, 1);
  w.graph().mutable_initializer(0)->set_dims(3, 1);
  expect_refused(w, ErrorCode::bad_input, HasSubstr("node 'conv' (Conv)"));
}

TEST(BadGraph, InputOfSizeZero) {
  OnnxWriter w = small_classifier();
  w.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(2)->set_dim_value(
      0);
  expect_refused(w, ErrorCode::bad_input,
                 AllOf(HasSubstr("dimension 2"), HasSubstr("size 0"), HasSubstr("'image'")));
}

TEST(BadGraph, InputThatIsNoTensor) {
  OnnxWriter w = small_classifier();
  auto& info = *w.graph().add_input();
  info.set_name("list");
  info.mutable_type()->mutable_sequence_type();
  expect_refused(w, ErrorCode::unsupported, AllOf(HasSubstr("not a tensor"), HasSubstr("'list'")));
}

TEST(BadGraph, InputOfText) {
  OnnxWriter w = small_classifier();
  w.input("words", {1}, onnx::TensorProto_DataType_STRING);
  expect_refused(w, ErrorCode::unsupported, HasSubstr("inputs of string elements"));
}

TEST(BadGraph, ConstantWithTwoOutputs) {
  OnnxWriter w = small_classifier();
  set(w.node("Constant", {}, {"c", "d"}, "pair"), "value_float", 1.0F);
  w.output("d");
  expect_refused(w, ErrorCode::bad_input, AllOf(HasSubstr("a constant has one output"), HasSubstr("'pair'")));
}

TEST(Sizes, NamesAreKeptAndMadeUp) {
  OnnxWriter w;
  w.input("x", {-1, 3, "height", -1});
  w.input("one", {1, 3});
  w.node("Relu", {"x"}, {"y"});
  w.output("y");
  const Graph g = import_onnx(w.bytes()).graph;
  EXPECT_EQ(to_string(g.shape(g.at("x"))), "[x_0, 3, height, x_3]");
  EXPECT_EQ(to_string(g.shape(g.at("one"))), "[1, 3]");
  EXPECT_EQ(g.nodes().front().name, "y");  // an unnamed node is called like its output
}

TEST(Names, InitializersListedAsInputsAreNone) {
  OnnxWriter w = small_classifier();
  w.input("fc.bias", {3});
  const Graph g = import_onnx(w.bytes()).graph;
  ASSERT_EQ(g.inputs().size(), 1U);
  EXPECT_TRUE(g.constant(g.at("fc.bias")));
}

TEST(Unsupported, AllAreReportedTogether) {
  OnnxWriter w = small_classifier();
  w.node("Scan", {"logits", "logits"}, {"boxes"}, "scan");
  auto& foreign = w.node("FusedConv", {"conv"}, {"fused"}, "fused_1");
  foreign.set_domain("com.microsoft");
  w.node("Relu", {"boxes"}, {"behind"}, "behind");
  w.output("fused");
  w.output("behind");
  expect_refused(w, ErrorCode::unsupported,
                 AllOf(HasSubstr("2 nodes are not supported"), HasSubstr("node 'scan' (Scan, opset 13)"),
                       HasSubstr("node 'fused_1' (com.microsoft::FusedConv)"), Not(HasSubstr("'behind'")),
                       HasSubstr("mend:")));
}

TEST(Unsupported, ManyAreCounted) {
  OnnxWriter w = small_classifier();
  for (int i = 0; i < 11; ++i) w.node("Unheard", {"conv"}, {fmt::format("u{}", i)}, fmt::format("n{}", i));
  expect_refused(w, ErrorCode::unsupported,
                 AllOf(HasSubstr("11 nodes"), HasSubstr("'n7'"), Not(HasSubstr("'n8'")), HasSubstr("and 3 more")));
}

TEST(Unsupported, CanBeKeptForInspection) {
  OnnxWriter w = small_classifier();
  w.node("Unheard", {"features"}, {"u"}, "strange");
  w.node("Relu", {"u"}, {"v"}, "behind");
  w.output("v");
  const Model model = import_onnx(w.bytes(), {}, {.allow_unsupported = true});
  ASSERT_EQ(model.unsupported.size(), 1U);
  EXPECT_EQ(model.unsupported[0].name, "strange");
  EXPECT_EQ(model.unsupported[0].op, "Unheard");
  EXPECT_EQ(model.graph.nodes().size(), 7U);
  EXPECT_FALSE(model.graph.value(model.graph.at("v")).type.shape);
  EXPECT_EQ(to_string(model.graph.shape(model.graph.at("logits"))), "[N, 3]");
}

TEST(Unsupported, SubgraphsAndTheirNodesAreReported) {
  OnnxWriter w = small_classifier();
  auto& node = w.node("If", {"features"}, {"chosen"}, "if");
  auto& branch = *node.add_attribute();
  branch.set_name("then_branch");
  branch.set_type(onnx::AttributeProto::GRAPH);
  branch.mutable_g()->set_name("then");
  w.output("chosen");
  expect_refused(w, ErrorCode::unsupported,
                 HasSubstr("node 'if' (If, opset 13): its condition depends on the image"));
  w.graph().mutable_node(5)->set_op_type("Relu");
  expect_refused(w, ErrorCode::unsupported, HasSubstr("the attribute 'then_branch' holds a subgraph"));
}

TEST(Unsupported, RefusedFormsAmongConstantsAreReportedToo) {
  OnnxWriter w = small_classifier();
  w.weight("v", {1, 1, 2, 2}, std::vector<float>{1, 2, 3, 4});
  auto& pool = w.node("LpPool", {"v"}, {"p"}, "constant_pool");
  set(pool, "kernel_shape", std::vector<std::int64_t>{1, 1});
  set(pool, "ceil_mode", 1);
  w.output("p");
  expect_refused(w, ErrorCode::unsupported,
                 AllOf(HasSubstr("1 node is not supported"), HasSubstr("'constant_pool'")));
}

TEST(Unsupported, OutputsThatAnOperatorNeverMakes) {
  OnnxWriter w = small_classifier();
  w.node("MaxPool", {"features"}, {"pooled2", "indices", "more"}, "pool2");
  set(*w.graph().mutable_node(5), "kernel_shape", std::vector<std::int64_t>{2, 2});
  w.output("pooled2");
  EXPECT_NO_THROW(import_onnx(w.bytes()));
  w.output("more");
  expect_refused(w, ErrorCode::unsupported, AllOf(HasSubstr("its output 'more'"), HasSubstr("'pool2'")));
}

TEST(Unsupported, SparseInitializers) {
  OnnxWriter w = small_classifier();
  w.graph().add_sparse_initializer()->mutable_values()->set_name("thin");
  expect_refused(w, ErrorCode::unsupported, AllOf(HasSubstr("sparse initializers"), HasSubstr("'thin'")));
}

TEST(Metadata, IsKept) {
  OnnxWriter w = small_classifier();
  auto& entry = *w.model().add_metadata_props();
  entry.set_key("author");
  entry.set_value("somebody");
  w.model().set_producer_version("1.2");
  const Model model = import_onnx(w.bytes());
  EXPECT_EQ(model.producer, "limn tests 1.2");
  EXPECT_EQ(model.graph.data().metadata.at("author"), "somebody");
  EXPECT_EQ(model.graph.data().metadata.at("opset"), "13");
  EXPECT_FALSE(model.graph.data().metadata.contains("note"));
}

}  // namespace
}  // namespace limn
