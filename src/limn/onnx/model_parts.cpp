#include "limn/onnx/model_parts.h"

#include <fmt/format.h>

#include <limits>

#include "limn/error.h"
#include "limn/onnx/wire.h"

namespace limn {
namespace {

// Field numbers of onnx.proto.
namespace model {
constexpr int kIrVersion = 1, kProducerName = 2, kProducerVersion = 3, kGraph = 7, kOpsetImport = 8,
              kMetadataProps = 14, kFunctions = 25;
}
namespace function {
constexpr int kDefaultAttribute = 11;
}
namespace graph {
constexpr int kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12, kSparseInitializer = 15;
}
namespace tensor {
constexpr int kDims = 1, kDataType = 2, kName = 8, kRawData = 9, kExternalData = 13, kDataLocation = 14;
}
constexpr std::uint64_t kExternalLocation = 1;

template <class Message>
Message parse(const WireReader& reader, const WireField& field, std::string_view what) {
  reader.expect(field, WireKind::bytes);
  Message message;
  if (!message.ParsePartialFromArray(field.bytes.data(), static_cast<int>(field.bytes.size())))
    throw Error(ErrorCode::bad_input, fmt::format("{} cannot be decoded", what),
                fmt::format("before byte {}", reader.offset()), "the file is damaged; fetch or export it again");
  return message;
}

std::string text_of(const WireReader& reader, const WireField& field) {
  reader.expect(field, WireKind::bytes);
  return field.text();
}

std::uint64_t number_of(const WireReader& reader, const WireField& field) {
  reader.expect(field, WireKind::varint);
  return field.value;
}

void read_dims(WireReader& reader, const WireField& field, std::span<const std::byte> file,
               std::vector<std::int64_t>& dims) {
  if (field.kind != WireKind::bytes) {
    dims.push_back(static_cast<std::int64_t>(number_of(reader, field)));
    return;
  }
  google::protobuf::io::CodedInputStream packed(reinterpret_cast<const std::uint8_t*>(field.bytes.data()),
                                                static_cast<int>(field.bytes.size()));
  std::uint64_t dim = 0;
  while (packed.CurrentPosition() < static_cast<int>(field.bytes.size())) {
    if (!packed.ReadVarint64(&dim))
      throw Error(ErrorCode::bad_input, "the sizes of a tensor cannot be decoded",
                  fmt::format("byte {}", field.bytes.data() - file.data()));
    dims.push_back(static_cast<std::int64_t>(dim));
  }
}

TensorParts read_tensor(WireReader reader, std::span<const std::byte> message, std::span<const std::byte> file) {
  TensorParts parts;
  bool typed = false;
  while (const auto field = reader.next()) {
    switch (field->number) {
      case tensor::kDims: read_dims(reader, *field, file, parts.dims); break;
      case tensor::kDataType: parts.element_type = static_cast<std::int32_t>(number_of(reader, *field)); break;
      case tensor::kName: parts.name = text_of(reader, *field); break;
      case tensor::kRawData:
        reader.expect(*field, WireKind::bytes);
        parts.has_raw = true;
        parts.raw = field->bytes;
        break;
      case tensor::kExternalData: {
        const auto entry = parse<onnx::StringStringEntryProto>(reader, *field, "an entry of external_data");
        parts.external.emplace_back(entry.key(), entry.value());
        break;
      }
      case tensor::kDataLocation: parts.is_external = number_of(reader, *field) == kExternalLocation; break;
      default: typed = true;
    }
  }
  if (typed && !parts.has_raw && !parts.is_external)
    parts.typed = parse<onnx::TensorProto>(reader, {0, WireKind::bytes, 0, message}, "a tensor");
  return parts;
}

void read_graph(WireReader reader, std::span<const std::byte> file, ModelParts& parts) {
  while (const auto field = reader.next()) {
    switch (field->number) {
      case graph::kNode: parts.nodes.push_back(parse<onnx::NodeProto>(reader, *field, "a node")); break;
      case graph::kName: parts.graph_name = text_of(reader, *field); break;
      case graph::kInitializer:
        parts.initializers.push_back(read_tensor(reader.enter(*field, "a tensor"), field->bytes, file));
        break;
      case graph::kInput: parts.inputs.push_back(parse<onnx::ValueInfoProto>(reader, *field, "an input")); break;
      case graph::kOutput: parts.outputs.push_back(parse<onnx::ValueInfoProto>(reader, *field, "an output")); break;
      case graph::kSparseInitializer: {
        const auto sparse = parse<onnx::SparseTensorProto>(reader, *field, "a sparse tensor");
        parts.sparse_initializers.push_back(sparse.values().name());
        break;
      }
      default: break;  // value_info, documentation, quantisation notes, fields of newer versions
    }
  }
}

/// Default attributes are read by hand: older versions of onnx.proto do not know them.
FunctionParts read_function(const WireReader& reader, const WireField& field) {
  FunctionParts parts{parse<onnx::FunctionProto>(reader, field, "a function"), {}};
  WireReader inner = reader.enter(field, "a function");
  while (const auto entry = inner.next())
    if (entry->number == function::kDefaultAttribute)
      parts.defaults.push_back(parse<onnx::AttributeProto>(inner, *entry, "an attribute of a function"));
  return parts;
}

struct Seen {
  bool ir_version = false, graph = false;
};

void read_model(WireReader reader, std::span<const std::byte> file, ModelParts& parts, Seen& seen) {
  std::string version;
  while (const auto field = reader.next()) {
    switch (field->number) {
      case model::kIrVersion:
        parts.ir_version = static_cast<std::int64_t>(number_of(reader, *field));
        seen.ir_version = true;
        break;
      case model::kProducerName: parts.producer = text_of(reader, *field); break;
      case model::kProducerVersion: version = text_of(reader, *field); break;
      case model::kGraph:
        seen.graph = true;
        read_graph(reader.enter(*field, "the graph"), file, parts);
        break;
      case model::kOpsetImport: {
        const auto import = parse<onnx::OperatorSetIdProto>(reader, *field, "an opset import");
        parts.opsets[short_domain(import.domain())] = import.version();
        break;
      }
      case model::kMetadataProps: {
        const auto entry = parse<onnx::StringStringEntryProto>(reader, *field, "a metadata entry");
        parts.properties[entry.key()] = entry.value();
        break;
      }
      case model::kFunctions: parts.functions.push_back(read_function(reader, *field)); break;
      default: break;  // training information, fields of newer versions
    }
  }
  if (!version.empty()) parts.producer += " " + version;
}

Error not_onnx(const std::string& reason) {
  return Error(ErrorCode::bad_input, "it is not an ONNX file: " + reason, {},
               "name a model saved in ONNX's binary format (.onnx)");
}

}  // namespace

std::string short_domain(const std::string& domain) { return domain == "ai.onnx" ? std::string() : domain; }

std::int64_t ModelParts::opset_of(const std::string& domain) const {
  const auto it = opsets.find(short_domain(domain));
  return it == opsets.end() ? 0 : it->second;
}

ModelParts take_apart(std::span<const std::byte> file) {
  if (file.empty()) throw not_onnx("it is empty");
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw Error(ErrorCode::bad_input, "an ONNX file cannot be larger than 2 GB", {},
                "save the weights as external data beside the model");
  ModelParts parts;
  Seen seen;
  try {
    read_model(WireReader(file, file, "the model"), file, parts, seen);
  } catch (const Error& e) {
    // Nearly any bytes hold a field or two, so what was seen before decides whether this was ever a model.
    if (!seen.graph && !seen.ir_version) throw not_onnx(fmt::format("{} ({})", e.message(), e.where()));
    throw;
  }
  if (!seen.graph) throw not_onnx("it holds no graph");
  return parts;
}

TensorParts parts_of(const onnx::TensorProto& tensor) {
  TensorParts parts;
  parts.name = tensor.name();
  parts.dims.assign(tensor.dims().begin(), tensor.dims().end());
  parts.element_type = tensor.data_type();
  parts.has_raw = tensor.has_raw_data();
  parts.raw = std::as_bytes(std::span(tensor.raw_data()));
  parts.is_external = tensor.data_location() == onnx::TensorProto_DataLocation_EXTERNAL;
  for (const auto& entry : tensor.external_data()) parts.external.emplace_back(entry.key(), entry.value());
  if (!parts.has_raw) parts.typed = tensor;
  return parts;
}

}  // namespace limn
