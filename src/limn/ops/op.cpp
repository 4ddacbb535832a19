#include "limn/ops/op.h"

#include <algorithm>

namespace limn {
namespace {

std::string place(const Node& node) { return "node '" + node.name + "' (" + node.op + ")"; }

}  // namespace

Error InferContext::wrong(std::string what) const {
  return Error(ErrorCode::bad_input, std::move(what), place(node));
}

const Type& InferContext::type(std::size_t i) const {
  if (!has(i)) throw wrong("input " + std::to_string(i) + " is required but left out");
  return in[i]->type;
}

const Shape& InferContext::shape(std::size_t i) const {
  const Type& t = type(i);
  if (!t.shape)
    throw Error(ErrorCode::unsupported, "the shape of '" + in[i]->name + "' cannot be told before run time",
                place(node));
  return *t.shape;
}

const Tensor* InferContext::constant(std::size_t i) const {
  return has(i) && in[i]->constant ? &*in[i]->constant : nullptr;
}

std::optional<std::vector<std::int64_t>> InferContext::integers(std::size_t i) const {
  if (const Tensor* t = constant(i)) return t->to_int64();
  const auto known = content(i);
  if (!known || !std::ranges::all_of(*known, &Dim::known)) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const Dim& d : *known) out.push_back(d.value);
  return out;
}

std::optional<std::vector<Dim>> InferContext::content(std::size_t i) const {
  return has(i) ? in[i]->content : std::nullopt;
}

}  // namespace limn
