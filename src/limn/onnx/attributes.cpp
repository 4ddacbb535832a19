#include "limn/onnx/attributes.h"

#include <fmt/format.h>

#include "limn/error.h"

namespace limn {
namespace {

using Kind = onnx::AttributeProto;

/// The kind of an attribute; the earliest files leave it out and only fill the field.
Kind::AttributeType kind_of(const Kind& a) {
  if (a.type() != Kind::UNDEFINED) return a.type();
  if (a.has_f()) return Kind::FLOAT;
  if (a.has_i()) return Kind::INT;
  if (a.has_s()) return Kind::STRING;
  if (a.has_t()) return Kind::TENSOR;
  if (a.has_g()) return Kind::GRAPH;
  if (a.floats_size() > 0) return Kind::FLOATS;
  if (a.strings_size() > 0) return Kind::STRINGS;
  return Kind::INTS;
}

template <class To, class Repeated>
std::vector<To> list_of(const Repeated& values) {
  return {values.begin(), values.end()};
}

Attr to_attr(const Kind& a, TensorReader& tensors) {
  switch (kind_of(a)) {
    case Kind::FLOAT: return static_cast<double>(a.f());
    case Kind::INT: return static_cast<std::int64_t>(a.i());
    case Kind::STRING: return a.s();
    case Kind::TENSOR: return tensors.attribute(a.t());
    case Kind::FLOATS: return list_of<double>(a.floats());
    case Kind::INTS: return list_of<std::int64_t>(a.ints());
    case Kind::STRINGS: return list_of<std::string>(a.strings());
    case Kind::GRAPH:
    case Kind::GRAPHS:
      throw Error(ErrorCode::unsupported, fmt::format("the attribute '{}' holds a subgraph", a.name()));
    default:
      throw Error(ErrorCode::unsupported,
                  fmt::format("the attribute '{}' holds something other than numbers, text or a tensor", a.name()));
  }
}

}  // namespace

Attrs to_attrs(const onnx::NodeProto& node, TensorReader& tensors) {
  Attrs attrs;
  for (const auto& a : node.attribute()) attrs.set(a.name(), to_attr(a, tensors));
  return attrs;
}

}  // namespace limn
