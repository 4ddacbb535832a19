#include "limn/onnx/element_types.h"

#include <array>

namespace limn {
namespace {

struct Row {
  std::string_view name;
  ElementType type;
};
// In the order of TensorProto_DataType. Those without a dtype are known by name only.
constexpr std::array<Row, 24> kRows{{
    {"undefined", {}},
    {"float32", {DType::f32, 4}},
    {"uint8", {DType::u8, 1}},
    {"int8", {DType::i8, 1}},
    {"uint16", {DType::u16, 2}},
    {"int16", {DType::i16, 2}},
    {"int32", {DType::i32, 4}},
    {"int64", {DType::i64, 8}},
    {"string", {}},
    {"bool", {DType::boolean, 1}},
    {"float16", {DType::f32, 2, true}},
    {"float64", {DType::f32, 8, true}},
    {"uint32", {DType::u32, 4}},
    {"uint64", {DType::u64, 8}},
    {"complex64", {}},
    {"complex128", {}},
    {"bfloat16", {DType::f32, 2, true}},
    {"float8e4m3fn", {}},
    {"float8e4m3fnuz", {}},
    {"float8e5m2", {}},
    {"float8e5m2fnuz", {}},
    {"uint4", {}},
    {"int4", {}},
    {"float4e2m1", {}},
}};

bool in_table(std::int32_t code) { return code >= 0 && static_cast<std::size_t>(code) < kRows.size(); }

}  // namespace

ElementType element_type(std::int32_t code) {
  return in_table(code) ? kRows[static_cast<std::size_t>(code)].type : ElementType{};
}

std::string element_type_name(std::int32_t code) {
  return in_table(code) ? std::string(kRows[static_cast<std::size_t>(code)].name) : "type " + std::to_string(code);
}

}  // namespace limn
