#include "limn/onnx/model_writer.h"

#include <array>
#include <span>
#include <utility>

#include "limn/base/file.h"
#include "limn/error.h"

namespace limn {
namespace {

/// Weights from this size on begin at a multiple of kAlignment, so that a reader can use them where they lie.
constexpr std::size_t kAlignedFrom = 4096;
constexpr std::size_t kAlignment = 64;
/// Above this size a weight may go to the data file.
constexpr std::size_t kExternalFrom = 1024;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
std::span<const std::byte> bytes_of(const Tensor& t) { return {t.bytes(), t.byte_count()}; }

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  return text + static_cast<char>(value);
}
/// What stands before the bytes of field `number`.
std::string field(int number, std::size_t size) {
  constexpr int kBytes = 2;
  return varint(static_cast<std::uint64_t>(number << 3 | kBytes)) + varint(size);
}

onnx::TensorProto shell(const NamedTensor& weight) {
  onnx::TensorProto proto;
  proto.set_name(weight.name);
  proto.set_data_type(element_type_of(weight.tensor.dtype()));
  for (const std::int64_t d : weight.tensor.dims()) proto.add_dims(d);
  return proto;
}

/// An initializer as field of the graph, but for its last bytes, which are those of the tensor itself. `at` is
/// where it begins in the file; a doc_string of blanks moves the tensor's bytes to a multiple of kAlignment.
std::string initializer_head(const NamedTensor& weight, std::size_t at) {
  const std::size_t size = weight.tensor.byte_count();
  const std::string raw = field(onnx::TensorProto::kRawDataFieldNumber, size);
  onnx::TensorProto proto = shell(weight);
  for (std::size_t blanks = 0;; ++blanks) {
    const std::string start = proto.SerializeAsString() + raw;
    const std::string head = field(onnx::GraphProto::kInitializerFieldNumber, start.size() + size) + start;
    // Where a length needs one byte more, one residue is stepped over: the second round meets it.
    if (size < kAlignedFrom || (at + head.size()) % kAlignment == 0 || blanks == 3 * kAlignment) return head;
    proto.set_doc_string(std::string(blanks, ' '));
  }
}

/// Everything before the first weight for a graph of `graph_size` bytes: the model's own fields and the graph's
/// tag.
std::string prefix(const onnx::ModelProto& model, std::size_t graph_size) {
  onnx::ModelProto own = model;
  own.clear_graph();
  return own.SerializeAsString() + field(onnx::ModelProto::kGraphFieldNumber, graph_size);
}

/// The heads of all initializers, and the size of the graph, which the place of the first one depends on.
struct Layout {
  std::string prefix;
  std::vector<std::string> heads;
};

Layout lay_out(const onnx::ModelProto& model, const std::vector<NamedTensor>& weights, std::size_t graph_rest) {
  std::size_t graph_size = graph_rest;
  for (int round = 0;; ++round) {
    Layout layout{prefix(model, graph_size), {}};
    const std::size_t assumed = layout.prefix.size();
    std::size_t at = assumed;
    for (const NamedTensor& weight : weights) {
      layout.heads.push_back(initializer_head(weight, at));
      at += layout.heads.back().size() + weight.tensor.byte_count();
    }
    graph_size = at - assumed + graph_rest;
    layout.prefix = prefix(model, graph_size);
    if (layout.prefix.size() == assumed || round == 3) return layout;  // else only the alignment would be lost
  }
}

void write_whole(const onnx::ModelProto& model, const std::vector<NamedTensor>& weights,
                 const std::filesystem::path& path) {
  const std::string rest = model.graph().SerializeAsString();
  const Layout layout = lay_out(model, weights, rest.size());
  AtomicFile file(path);
  file.write(bytes_of(layout.prefix));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    file.write(bytes_of(layout.heads[i]));
    file.write(bytes_of(weights[i].tensor));
  }
  file.write(bytes_of(rest));
  file.commit();
}

/// Says that the tensor's bytes lie at `offset` of the data file.
onnx::TensorProto external(const NamedTensor& weight, const std::string& location, std::size_t offset) {
  onnx::TensorProto proto = shell(weight);
  proto.set_data_location(onnx::TensorProto_DataLocation_EXTERNAL);
  const std::array<std::pair<const char*, std::string>, 3> entries{
      {{"location", location},
       {"offset", std::to_string(offset)},
       {"length", std::to_string(weight.tensor.byte_count())}}};
  for (const auto& [key, value] : entries) {
    auto& entry = *proto.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  return proto;
}

void write_apart(onnx::ModelProto model, const std::vector<NamedTensor>& weights,
                 const std::filesystem::path& path) {
  std::filesystem::path data_path = path;
  data_path += ".data";
  AtomicFile data(data_path);
  std::size_t at = 0;
  std::vector<NamedTensor> small;
  for (const NamedTensor& weight : weights) {
    if (weight.tensor.byte_count() < kExternalFrom) {
      small.push_back(weight);
      continue;
    }
    const std::string gap((kAlignment - at % kAlignment) % kAlignment, '\0');
    data.write(bytes_of(gap));
    at += gap.size();
    *model.mutable_graph()->add_initializer() = external(weight, data_path.filename().string(), at);
    data.write(bytes_of(weight.tensor));
    at += weight.tensor.byte_count();
  }
  data.commit();
  write_whole(model, small, path);
}

}  // namespace

int element_type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return onnx::TensorProto_DataType_FLOAT;
    case DType::f64: return onnx::TensorProto_DataType_DOUBLE;
    case DType::i8: return onnx::TensorProto_DataType_INT8;
    case DType::i16: return onnx::TensorProto_DataType_INT16;
    case DType::i32: return onnx::TensorProto_DataType_INT32;
    case DType::i64: return onnx::TensorProto_DataType_INT64;
    case DType::u8: return onnx::TensorProto_DataType_UINT8;
    case DType::u16: return onnx::TensorProto_DataType_UINT16;
    case DType::u32: return onnx::TensorProto_DataType_UINT32;
    case DType::u64: return onnx::TensorProto_DataType_UINT64;
    case DType::boolean: return onnx::TensorProto_DataType_BOOL;
    case DType::undefined: break;
  }
  throw Error(ErrorCode::internal, "a tensor without an element type was written");
}

void write_model(const onnx::ModelProto& model, const std::vector<NamedTensor>& weights,
                 const std::filesystem::path& path, std::size_t max_bytes) {
  std::size_t size = model.ByteSizeLong();
  for (const NamedTensor& weight : weights)
    size += weight.tensor.byte_count() + weight.name.size() + 4 * kAlignment;
  if (size <= max_bytes)
    write_whole(model, weights, path);
  else
    write_apart(model, weights, path);
}

}  // namespace limn
