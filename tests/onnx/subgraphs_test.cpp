// If, Loop and functions of the model, which become nodes of the graph on entry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/model.h"
#include "limn/ops/evaluate.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"

namespace limn {
namespace {

using test::OnnxWriter;
using test::set;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

/// A graph inside a node.
class Subgraph {
 public:
  Subgraph(onnx::NodeProto& node, const std::string& attribute) {
    auto& a = *node.add_attribute();
    a.set_name(attribute);
    a.set_type(onnx::AttributeProto::GRAPH);
    graph_ = a.mutable_g();
    graph_->set_name(attribute);
  }
  Subgraph& inputs(const std::vector<std::string>& names) {
    for (const auto& name : names) graph_->add_input()->set_name(name);
    return *this;
  }
  Subgraph& outputs(const std::vector<std::string>& names) {
    for (const auto& name : names) graph_->add_output()->set_name(name);
    return *this;
  }
  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& in, const std::string& out) {
    auto& n = *graph_->add_node();
    n.set_op_type(op);
    n.set_name(out + "_node");
    for (const auto& name : in) n.add_input(name);
    n.add_output(out);
    return n;
  }
  onnx::GraphProto& graph() { return *graph_; }

 private:
  onnx::GraphProto* graph_;
};

Floats run(const OnnxWriter& w, const Floats& x) {
  const Graph g = import_onnx(w.bytes()).graph;
  const Tensor y = evaluate(g, {{"x", Tensor::of<float>({static_cast<std::int64_t>(x.size())}, std::span(x))}},
                            {FloatWidth::f32})
                       .at("y");
  return {y.as<float>().begin(), y.as<float>().end()};
}

void truth(OnnxWriter& w, const std::string& name, bool value) {
  w.tensor(name, {}, onnx::TensorProto_DataType_BOOL).set_raw_data(std::string(1, value ? '\1' : '\0'));
}

/// y = Relu(x) if the condition "c" holds, -x otherwise.
OnnxWriter branching() {
  OnnxWriter w(13);
  w.input("x", {2});
  auto& node = w.node("If", {"c"}, {"y"}, "if");
  Subgraph(node, "then_branch").outputs({"r"}).node("Relu", {"x"}, "r");
  Subgraph(node, "else_branch").outputs({"r"}).node("Neg", {"x"}, "r");
  w.output("y");
  return w;
}

TEST(If, TakesTheBranchThatAConstantChooses) {
  for (const bool condition : {true, false}) {
    OnnxWriter w = branching();
    truth(w, "c", condition);
    EXPECT_EQ(run(w, {-1, 2}), condition ? (Floats{0, 2}) : (Floats{1, -2}));
    EXPECT_EQ(import_onnx(w.bytes()).graph.nodes().size(), 1U);
  }
}

TEST(If, FollowsAConditionOnSizes) {
  OnnxWriter w = branching();
  w.weight("two", {1}, Ints{2});
  w.node("Shape", {"x"}, {"sizes"});
  w.node("Equal", {"sizes", "two"}, {"c"});
  EXPECT_THAT(run(w, {-1, 2}), ElementsAre(0, 2));
}

TEST(If, ReadsValuesThatComeLaterInTheFile) {
  OnnxWriter w(13);
  w.input("x", {2});
  truth(w, "c", true);
  Subgraph(w.node("If", {"c"}, {"y"}, "if"), "then_branch").outputs({"r"}).node("Relu", {"late"}, "r");
  w.node("Neg", {"x"}, {"late"});
  w.output("y");
  EXPECT_THAT(run(w, {-1, 2}), ElementsAre(1, 0));
}

TEST(If, OnTheImageIsRefused) {
  OnnxWriter w = branching();
  w.node("ReduceSum", {"x"}, {"sum"});
  set(w.node("Cast", {"sum"}, {"c"}), "to", 9);
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::unsupported,
               AllOf(HasSubstr("node 'if' (If, opset 13)"), HasSubstr("its condition depends on the image")));
}

/// y = x + 0 + 1 + ...: each turn adds its number; "rows" collects the sums.
OnnxWriter counting(std::int64_t turns) {
  OnnxWriter w(13);
  w.input("x", {1});
  w.weight("turns", {}, Ints{turns});
  auto& loop = w.node("Loop", {"turns", "", "x"}, {"y", "rows"}, "loop");
  Subgraph body(loop, "body");
  body.inputs({"i", "go", "sum"}).outputs({"go_on", "more", "row"});
  body.node("Identity", {"go"}, "go_on");
  set(body.node("Cast", {"i"}, "real"), "to", 1);
  body.node("Add", {"sum", "real"}, "more");
  body.node("Identity", {"more"}, "row");
  w.output("y");
  w.output("rows");
  return w;
}

TEST(Loop, IsUnrolled) {
  EXPECT_THAT(run(counting(4), {0.5F}), ElementsAre(6.5F));
  EXPECT_THAT(run(counting(1), {0.5F}), ElementsAre(0.5F));
}

TEST(Loop, CollectsValuesOfAllTurns) {
  const Graph g = import_onnx(counting(3).bytes()).graph;
  const Tensor rows = evaluate(g, {{"x", Tensor::of<float>({1}, {0.5F})}}, {FloatWidth::f32}).at("rows");
  EXPECT_EQ(rows.dims(), (Dims{3, 1}));
  EXPECT_THAT(rows.as<float>(), ElementsAre(0.5F, 1.5F, 3.5F));
}

TEST(Loop, EndsWhenItsConditionFails) {
  OnnxWriter w = counting(9);
  auto& body = *w.graph().mutable_node(0)->mutable_attribute(0)->mutable_g();
  auto& stop = *body.mutable_node(0);
  stop.set_op_type("Less");
  stop.set_input(0, "i");
  stop.add_input("two");
  w.weight("two", {}, Ints{2});
  EXPECT_THAT(run(w, {0}), ElementsAre(3));  // the turns 0, 1 and 2
}

TEST(Loop, OfTooManyTurnsOrOnTheImageIsRefused) {
  EXPECT_ERROR(import_onnx(counting(5000).bytes()), ErrorCode::unsupported, HasSubstr("more than 1024 turns"));
  OnnxWriter w = counting(3);
  set(w.node("Cast", {"x"}, {"from_image"}), "to", 7);
  w.graph().mutable_node(0)->set_input(0, "from_image");
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::unsupported, HasSubstr("number of turns depends on the image"));
}

TEST(Loop, MayHoldBranches) {
  // Turn 0 negates, turn 1 doubles: a branch inside the body reads a value of the body.
  OnnxWriter w(13);
  w.input("x", {2});
  w.weight("turns", {}, Ints{2});
  w.weight("zero", {}, Ints{0});
  Subgraph body(w.node("Loop", {"turns", "", "x"}, {"y"}, "loop"), "body");
  body.inputs({"i", "go", "v"}).outputs({"go_on", "next"});
  body.node("Identity", {"go"}, "go_on");
  body.node("Equal", {"i", "zero"}, "first");
  body.node("Identity", {"v"}, "same");
  auto& choice = body.node("If", {"first"}, "next");
  Subgraph(choice, "then_branch").outputs({"r"}).node("Neg", {"same"}, "r");
  Subgraph(choice, "else_branch").outputs({"r"}).node("Add", {"same", "v"}, "r");
  w.output("y");
  EXPECT_THAT(run(w, {1, -3}), ElementsAre(-2, 6));
}

/// A model with a function "own::Leak(a) = LeakyRelu(a) + a", whose slope is an attribute of the call.
class Leaking {
 public:
  Leaking() : w(13), function(*w.model().add_functions()) {
    w.input("x", {2});
    function.set_name("Leak");
    function.set_domain("own");
    function.add_input("a");
    function.add_output("b");
    function.add_attribute("slope");
    function.add_opset_import()->set_version(13);
    auto& leak = node("LeakyRelu", {"a"}, "t");
    auto& alpha = *leak.add_attribute();
    alpha.set_name("alpha");
    alpha.set_type(onnx::AttributeProto::FLOAT);
    alpha.set_ref_attr_name("slope");
    node("Add", {"t", "a"}, "b");
    auto& import = *w.model().add_opset_import();
    import.set_domain("own");
    import.set_version(1);
  }
  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& in, const std::string& out) {
    auto& n = *function.add_node();
    n.set_op_type(op);
    for (const auto& name : in) n.add_input(name);
    n.add_output(out);
    return n;
  }
  onnx::NodeProto& call(const std::string& in, const std::string& out) {
    auto& n = w.node("Leak", {in}, {out}, "call_" + out);
    n.set_domain("own");
    return n;
  }

  OnnxWriter w;
  onnx::FunctionProto& function;
};

TEST(Functions, BecomeNodesWithTheAttributesOfTheCall) {
  Leaking m;
  set(m.call("x", "t"), "slope", 0.5F);
  set(m.call("t", "y"), "slope", 0.25F);
  m.w.output("y");
  EXPECT_THAT(run(m.w, {-4, 1}), ElementsAre(-7.5F, 4));  // -4 -> -2 - 4 = -6 -> -1.5 - 6
  EXPECT_EQ(import_onnx(m.w.bytes()).graph.nodes().size(), 4U);
}

TEST(Functions, FallBackOnTheirDefaults) {
  Leaking m;
  onnx::AttributeProto slope;
  slope.set_name("slope");
  slope.set_type(onnx::AttributeProto::FLOAT);
  slope.set_f(0.25F);
  // The field attribute_proto, which older versions of onnx.proto do not know.
  m.function.GetReflection()->MutableUnknownFields(&m.function)->AddLengthDelimited(11, slope.SerializeAsString());
  m.call("x", "y");
  m.w.output("y");
  EXPECT_THAT(run(m.w, {-4, 1}), ElementsAre(-5, 2));
}

TEST(Functions, KeepTheDefaultOfTheOperatorWithoutAny) {
  Leaking m;
  m.call("x", "y");
  m.w.output("y");
  EXPECT_THAT(run(m.w, {-4, 1}), ElementsAre(::testing::FloatNear(-4.04F, 1e-6F), 2));
}

TEST(Functions, AreReadInTheirOwnOpset) {
  Leaking m;
  m.function.clear_node();
  m.function.mutable_opset_import(0)->set_version(9);
  set(m.node("Clip", {"a"}, "b"), "max", 1.0F);  // an attribute up to opset 10
  m.call("x", "y");
  m.w.output("y");
  EXPECT_THAT(run(m.w, {-4, 5}), ElementsAre(-4, 1));
}

TEST(Functions, ThatCallThemselvesAreRefused) {
  Leaking m;
  m.node("Leak", {"b"}, "c").set_domain("own");
  m.function.set_output(0, "c");
  m.call("x", "y");
  m.w.output("y");
  EXPECT_ERROR(import_onnx(m.w.bytes()), ErrorCode::unsupported, HasSubstr("more than 32 deep"));
}

}  // namespace
}  // namespace limn
