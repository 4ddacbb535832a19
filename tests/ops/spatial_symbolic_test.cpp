// The spatial operators on a picture whose batch, height and width are symbols: what inference then still says must
// be true, and the derivative rules and rewritings must compute the same numbers as for known sizes.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

using ::testing::HasSubstr;

/// The sample's node on an input "x" whose sizes are symbols, except its channels.
struct Symbolic {
  explicit Symbolic(const Sample& sample) : g(operators()) {
    for (std::size_t i = 0; i < sample.in.size(); ++i) {
      const Tensor& t = sample.in[i];
      if (i == 0)
        in.push_back(g.input("x", {t.dtype(), symbols(t.dims())}));
      else
        in.push_back(t.present() ? g.constant(t) : Value{});
    }
    out = g.add_many(sample.op, in, sample.attrs, sample.outputs, "node");
    node = g.node_count() - 1;
  }

  static Shape symbols(const Dims& dims) {
    Shape s = to_shape(dims);
    for (std::size_t i = 0; i < s.size(); ++i)
      if (i != 1) s[i] = Dim(std::string(1, "NCDHW"[i]));
    return s;
  }

  GraphBuilder g;
  std::vector<Value> in, out;
  std::size_t node = 0;
};

/// Pictures, so that sizes can be symbols: data first, everything else a constant.
std::vector<Sample> pictures() {
  std::vector<Sample> some;
  for (Sample& s : spatial_samples()) {
    const bool data_only = s.wrt == std::vector<std::size_t>{0} && s.in[0].dims().size() >= 3;
    if (data_only && !s.op.starts_with("limn::")) some.push_back(std::move(s));
  }
  return some;
}

std::vector<Tensor> evaluate_all(GraphBuilder& g, const std::vector<Value>& values, const Tensor& x) {
  std::vector<std::pair<std::string, Value>> outputs;
  std::vector<ValueId> wanted;
  for (const Value& v : values) {
    outputs.emplace_back(fmt::format("y{}", outputs.size()), v);
    wanted.push_back(v.id);
  }
  return evaluate(std::move(g).finish(std::move(outputs)), {{"x", x}}, wanted);
}

std::string untrue(const Shape& inferred, const Dims& actual) {
  bool fits = inferred.size() == actual.size();
  for (std::size_t i = 0; fits && i < actual.size(); ++i)
    fits = !inferred[i].known() || inferred[i].value == actual[i];
  return fits ? "" : fmt::format("inferred {} is in truth {}", to_string(inferred), to_string(std::span(actual)));
}

TEST(SymbolicSizes, InferenceSaysNothingUntrue) {
  for (const Sample& sample : pictures()) {
    SCOPED_TRACE(sample.op + ": " + sample.label);
    Symbolic s(sample);
    const std::vector<Tensor> known = run_sample(sample);
    for (std::size_t k = 0; k < known.size(); ++k) {
      const Shape shape = s.out[k].shape();
      EXPECT_EQ(untrue(shape, known[k].dims()), "");
      // A symbol that is kept must be of the same size as in the input.
      for (std::size_t i = 0; i < shape.size(); ++i)
        if (const std::size_t from = std::string("N?DHW").find(shape[i].symbol);
            shape[i].symbol.size() == 1 && from < 5) {
          EXPECT_EQ(known[k].dims()[i], sample.in[0].dims()[from]);
        }
    }
  }
}

/// The rewriting of every node of limn's own that lies behind `from`, and what it stands for.
std::vector<std::pair<Value, Value>> rewritings(GraphBuilder& g, std::size_t from) {
  std::vector<std::pair<Value, Value>> pairs;
  const std::size_t end = g.node_count();
  for (std::size_t k = from; k < end; ++k) {
    const Node& node = g.node(k);
    const OpDef* op = find_op(node.op);
    if (op == nullptr || op->decompose == nullptr) continue;
    std::vector<Value> in;
    for (ValueId i : node.in) in.push_back(g.handle(i));
    pairs.emplace_back(g.handle(node.out[0]), op->decompose({node, in, g})[0]);
  }
  return pairs;
}

/// Padding that depends on the size, or copies from places that do.
bool needs_sizes(const Sample& s) {
  return s.attrs.has("output_shape") || s.attrs.has("auto_pad") ||
         (s.op == "Pad" && s.attrs.text("mode", "") != "constant");
}

TEST(SymbolicSizes, DerivativesAndRewritingsComputeTheSame) {
  int compared = 0;
  for (const Sample& sample : pictures()) {
    SCOPED_TRACE(sample.op + ": " + sample.label);
    const Tensor y = run_sample(sample)[0];
    const Tensor cotangent = random_tensor(y.dims(), 40);
    const std::vector<char> wants = [&] {
      std::vector<char> w(sample.in.size());
      w[0] = 1;
      return w;
    }();
    Symbolic s(sample);
    try {
      const Value dy = s.g.constant(cotangent);
      const Node& node = s.g.node(s.node);
      std::vector<Value> dout(s.out.size());
      dout[0] = dy;
      std::vector<Value> values{op_of(node).vjp({node, s.in, s.out, dout, wants})[0]};
      for (const auto& [direct, rewritten] : rewritings(s.g, s.node + 1)) values.push_back(rewritten);
      const std::vector<Tensor> computed = evaluate_all(s.g, values, sample.in[0]);
      for (const Tensor& t : computed) {
        ASSERT_EQ(t.dims(), sample.in[0].dims());
        EXPECT_LE(relative_difference(t, computed[0]), 1e-12);
      }
      ++compared;
    } catch (const Error& e) {
      // What depends on the size itself says so.
      EXPECT_THAT(e.what(), HasSubstr("size"));
      EXPECT_TRUE(needs_sizes(sample));
    }
  }
  EXPECT_GE(compared, 80);
}

TEST(SymbolicSizes, KeepsTheSymbolWhereTheSizeStays) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), Dim(3), Dim("H"), Dim("W")}});
  const Value w = g.constant(Tensor(DType::f32, {8, 3, 3, 3}));
  const Value y = g.add("Conv", {x, w}, {{"pads", std::vector<std::int64_t>{1, 0, 1, 0}}});
  EXPECT_EQ(to_string(y.shape()), "[N, 8, H, ?]");
}

TEST(ParameterGradients, AreRefusedRatherThanLost) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim(1), Dim(1), Dim(3), Dim(3)}});
  const Value y = g.add("Conv", {x, x});
  const Node& node = g.node(0);
  const std::vector<Value> in{x, x}, out{y};
  const std::vector<char> wants{1, 1};
  EXPECT_THROW(op_of(node).vjp({node, in, out, out, wants}), Error);
}

}  // namespace
}  // namespace limn::testing
