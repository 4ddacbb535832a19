#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/scatter.h"

namespace limn {
namespace {

/// The operators of one node: its own scatter with any reduction, and the gather that reads the same places.
struct Places {
  const VjpContext& c;
  std::string_view gather_op;

  Value gather(Value data) const {
    Attrs attrs = c.node.attrs;
    attrs.erase("reduction");
    return emit(gather_op, {data, c.in[1]}, std::move(attrs));
  }
  Value scatter(Value data, Value updates, std::string reduction) const {
    Attrs attrs = c.node.attrs;
    attrs.set("reduction", std::move(reduction));
    return emit(c.node.op, {data, c.in[1], updates}, std::move(attrs));
  }
};

std::vector<Value> plain_vjp(const Places& at, Value dy) {
  const Value data = at.c.wants[0] ? at.scatter(dy, zeros_like(at.c.in[2]), "none") : Value{};
  return {data, {}, at.c.wants[2] ? at.gather(dy) : Value{}};
}

std::vector<Value> sum_vjp(const Places& at, Value dy) { return {dy, {}, at.c.wants[2] ? at.gather(dy) : Value{}}; }

/// y = data * the product of the updates there.
std::vector<Value> product_vjp(const Places& at, Value dy) {
  const auto& [c, gather] = at;
  const Value ones = expand(float_constant(c.graph(), 1.0F), shape_of(c.in[0]));
  return {c.wants[0] ? dy * at.scatter(ones, c.in[2], "mul") : Value{},
          {},
          c.wants[2] ? at.gather(dy * c.out[0]) / c.in[2] : Value{}};
}

std::vector<Value> extremum_vjp(const Places& at, Value dy) {
  const auto& [c, gather] = at;
  const Value data_wins = to_float(equal(c.in[0], c.out[0]));
  const Value update_wins = to_float(equal(c.in[2], at.gather(c.out[0])));
  const Value share = dy / at.scatter(data_wins, update_wins, "add");
  return {share * data_wins, {}, at.gather(share) * update_wins};
}

}  // namespace

Reduction reduction_of(const Node& node) {
  const std::string name = node.attrs.text("reduction", "none");
  if (name == "none") return Reduction::none;
  if (name == "add") return Reduction::add;
  if (name == "mul") return Reduction::mul;
  if (name == "max") return Reduction::max;
  if (name == "min") return Reduction::min;
  throw Error(ErrorCode::bad_input, "the reduction is '" + name + "'", place_of(node),
              "it must be none, add, mul, max or min");
}

std::vector<Value> scatter_vjp(const VjpContext& c, std::string_view gather) {
  const Places at{c, gather};
  switch (reduction_of(c.node)) {
    case Reduction::none: return plain_vjp(at, c.dout[0]);
    case Reduction::add: return sum_vjp(at, c.dout[0]);
    case Reduction::mul: return product_vjp(at, c.dout[0]);
    case Reduction::max:
    case Reduction::min: return extremum_vjp(at, c.dout[0]);
  }
  return {};
}

}  // namespace limn
