#include "limn/checkpoint/torch_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "limn/error.h"

namespace limn {
namespace {

using Kind = PickleValue::Kind;

constexpr std::array<std::pair<std::string_view, StoredType>, 10> kStorages{{
    {"FloatStorage", StoredType::f32},
    {"DoubleStorage", StoredType::f64},
    {"HalfStorage", StoredType::f16},
    {"BFloat16Storage", StoredType::bf16},
    {"CharStorage", StoredType::i8},
    {"ShortStorage", StoredType::i16},
    {"IntStorage", StoredType::i32},
    {"LongStorage", StoredType::i64},
    {"ByteStorage", StoredType::u8},
    {"BoolStorage", StoredType::boolean},
}};
constexpr std::array<std::string_view, 15> kElementTypes{"float32", "float",    "float64", "double", "float16",
                                                         "half",    "bfloat16", "int8",    "int16",  "short",
                                                         "int32",   "int",      "int64",   "uint8",  "bool"};
constexpr std::array<std::string_view, 4> kRebuilds{"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter",
                                                    "_rebuild_parameter_with_state"};
/// Where training checkpoints keep the weights, in the order in which they are looked for.
constexpr std::array<std::string_view, 3> kNests{"state_dict", "model_state_dict", "model"};
/// A small file can name one tensor again and again.
constexpr std::size_t kMaxTensors = std::size_t{1} << 17;
constexpr std::size_t kMaxRank = 32;

/// How NumPy's numbers are spelt: training scripts keep the best accuracy as one. They are read over.
bool is_numpy_number(std::string_view module, std::string_view name) {
  if (module == "_codecs") return name == "encode";  // bytes, in protocol 2
  if (module == "numpy.core.multiarray" || module == "numpy._core.multiarray") return name == "scalar";
  return module == "numpy" && name == "dtype";
}

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

const StoredType* storage_type(std::string_view module, std::string_view name) {
  if (module != "torch" && module != "torch.cuda") return nullptr;
  const auto it = std::ranges::find(kStorages, name, &std::pair<std::string_view, StoredType>::first);
  return it == kStorages.end() ? nullptr : &it->second;
}

Error damaged(std::string_view what) {
  return Error(ErrorCode::bad_input, fmt::format("its pickle is damaged: {}", what), {},
               "fetch or save the file again");
}

/// Item i of a tuple.
const PickleValue& item(const PickleValue& tuple, std::size_t i, std::string_view of) {
  if (!tuple.is(Kind::tuple) || i >= tuple.items.size()) throw damaged(fmt::format("{} lacks a part", of));
  return *tuple.items[i];
}

std::int64_t integer(const PickleValue& value, std::string_view what) {
  if (!value.is(Kind::integer)) throw damaged(fmt::format("{} is no integer", what));
  return value.integer;
}

bool is_call(const PickleValue& value, std::string_view module, std::string_view name) {
  return value.is(Kind::call) && value.items[0]->is_global(module, name);
}

/// A tuple of integers, or torch.Size of one.
std::vector<std::int64_t> integers(const PickleValue& value, std::string_view what) {
  const PickleValue& tuple = is_call(value, "torch", "Size") ? item(*value.items[1], 0, what) : value;
  if (!tuple.is(Kind::tuple) && !tuple.is(Kind::list)) throw damaged(fmt::format("{} are no tuple", what));
  if (tuple.items.size() > kMaxRank) throw damaged(fmt::format("{} are {}", what, tuple.items.size()));
  std::vector<std::int64_t> numbers;
  for (const PickleRef number : tuple.items) numbers.push_back(integer(*number, what));
  return numbers;
}

bool is_parameter(const PickleValue& value) {
  return is_call(value, "torch._utils", "_rebuild_parameter") ||
         is_call(value, "torch._utils", "_rebuild_parameter_with_state");
}
bool is_tensor(const PickleValue& value) {
  return is_call(value, "torch._utils", "_rebuild_tensor") || is_call(value, "torch._utils", "_rebuild_tensor_v2");
}

/// The tensor that a parameter wraps; the value itself when it is no parameter.
const PickleValue& unwrapped(const PickleValue& value) {
  return is_parameter(value) ? item(*value.items[1], 0, "a parameter") : value;
}

TensorRecord tensor_record(const PickleValue& call) {
  const PickleValue& arguments = *call.items[1];
  return {storage_id(item(arguments, 0, "a tensor")), integer(item(arguments, 1, "a tensor"), "an offset"),
          integers(item(arguments, 2, "a tensor"), "the sizes of a tensor"),
          integers(item(arguments, 3, "a tensor"), "the strides of a tensor")};
}

/// The dict of weights: the root, or what it keeps under a usual name.
const PickleValue& state_dict(const PickleValue& root) {
  for (const std::string_view nest : kNests) {
    const PickleRef inner = root.find(nest);
    if (inner != nullptr && inner->is(Kind::dict)) return *inner;
  }
  return root;
}

std::string text_of_keys(const PickleValue& dict) {
  std::string text;
  constexpr std::size_t kShown = 6;
  for (std::size_t i = 0; i + 1 < dict.items.size() && i < 2 * kShown; i += 2)
    if (dict.items[i]->is(Kind::text))
      text += fmt::format("{}'{}'", text.empty() ? "" : ", ", one_line(dict.items[i]->text));
  return text;
}

}  // namespace

bool is_known_global(std::string_view module, std::string_view name) {
  if (is_numpy_number(module, name)) return true;
  if (module == "torch._utils") return contains(kRebuilds, name);
  if (module == "builtins" || module == "__builtin__") return name == "set" || name == "frozenset";
  if (storage_type(module, name) != nullptr) return true;
  return module == "torch" && (name == "Size" || name == "device" || contains(kElementTypes, name));
}

StorageId storage_id(const PickleValue& external) {
  if (!external.is(Kind::external)) throw damaged("a tensor has no storage");
  const PickleValue& tuple = *external.items[0];
  const PickleValue& kind = item(tuple, 0, "a storage");
  const PickleValue& type = item(tuple, 1, "a storage");
  const PickleValue& key = item(tuple, 2, "a storage");
  if (!kind.is(Kind::text) || kind.text != "storage" || !key.is(Kind::text))
    throw Error(ErrorCode::unsupported, "it refers to something that is no storage of numbers", {},
                "save the weights alone: torch.save(model.state_dict(), 'weights.pth')");
  const StoredType* stored = type.is(Kind::global) ? storage_type(type.text, type.name) : nullptr;
  if (stored == nullptr) throw damaged("a storage has no element type");
  StorageId id{key.text, *stored, integer(item(tuple, 4, "a storage"), "the size of a storage"), {}};
  if (id.count < 0) throw damaged("the size of a storage is negative");
  if (tuple.items.size() > 5 && tuple.items[5]->is(Kind::tuple))  // (key, offset, count)
    id.part = StorageId::Part{integer(item(*tuple.items[5], 1, "a part of a storage"), "an offset"),
                              integer(item(*tuple.items[5], 2, "a part of a storage"), "a size")};
  return id;
}

std::vector<std::pair<std::string_view, TensorRecord>> find_weights(const PickleValue& root) {
  const PickleValue& dict = state_dict(root);
  std::vector<std::pair<std::string_view, TensorRecord>> weights;
  std::set<std::string_view> names;
  for (std::size_t i = 0; dict.is(Kind::dict) && i + 1 < dict.items.size(); i += 2) {
    const PickleValue& value = unwrapped(*dict.items[i + 1]);
    if (!dict.items[i]->is(Kind::text) || !is_tensor(value)) continue;
    if (!names.insert(dict.items[i]->text).second)
      throw Error(ErrorCode::bad_input, "two of its tensors have one name",
                  fmt::format("tensor '{}'", one_line(dict.items[i]->text)), "fetch or save the file again");
    if (weights.size() == kMaxTensors)
      throw Error(ErrorCode::limit, fmt::format("it holds more than {} tensors", kMaxTensors));
    weights.emplace_back(dict.items[i]->text, tensor_record(value));
  }
  if (weights.empty())
    throw Error(ErrorCode::bad_input, "it holds no weights by name",
                dict.items.empty() ? std::string() : fmt::format("its keys are {}", text_of_keys(dict)),
                "save them with torch.save(model.state_dict(), 'weights.pth')");
  return weights;
}

}  // namespace limn
