#include "limn/onnx/splice.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "limn/base/file.h"
#include "limn/error.h"
#include "limn/onnx/wire.h"

namespace limn {
namespace {

using Bytes = std::span<const std::byte>;

/// The file in pieces: the fields of the model in front of its graph and behind it, with their tags, and the
/// content of the graph (of several pieces, as protobuf allows).
struct Pieces {
  std::vector<Bytes> before, graph, after;
};

bool is_input(const WireField& field, const std::string& name) {
  if (field.number != onnx::GraphProto::kInputFieldNumber) return false;
  onnx::ValueInfoProto input;
  return input.ParseFromArray(field.bytes.data(), static_cast<int>(field.bytes.size())) && input.name() == name;
}

/// The fields of a graph but for one input.
std::vector<Bytes> without_input(Bytes file, Bytes graph, const std::string& name) {
  if (name.empty()) return {graph};
  std::vector<Bytes> pieces;
  WireReader reader(graph, file, "the graph");
  const std::size_t begin = reader.offset();
  for (std::size_t from = begin, kept = begin;; from = reader.offset()) {
    const auto field = reader.next();
    if (field && !is_input(*field, name)) continue;
    pieces.push_back(graph.subspan(kept - begin, from - kept));
    if (!field) return pieces;
    kept = reader.offset();
  }
}

Pieces cut(Bytes file, const std::string& dropped_input) {
  Pieces pieces;
  WireReader reader(file, file, "the model");
  for (std::size_t from = 0;; from = reader.offset()) {
    const auto field = reader.next();
    if (!field) return pieces;
    if (field->number == onnx::ModelProto::kGraphFieldNumber)
      for (const Bytes piece : without_input(file, field->bytes, dropped_input)) pieces.graph.push_back(piece);
    else
      (pieces.graph.empty() ? pieces.before : pieces.after).push_back(file.subspan(from, reader.offset() - from));
  }
}

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  return text + static_cast<char>(value);
}

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::size_t size_of_all(const std::vector<Bytes>& list) {
  std::size_t size = 0;
  for (const Bytes piece : list) size += piece.size();
  return size;
}

}  // namespace

std::size_t write_spliced(Bytes file, const Splice& splice, const std::filesystem::path& out) {
  constexpr int kBytes = 2;
  const Pieces pieces = cut(file, splice.dropped_input);
  const std::string front = splice.front.SerializeAsString(), more = splice.behind.graph().SerializeAsString();
  onnx::ModelProto rest = splice.behind;
  rest.clear_graph();
  const std::string end = rest.SerializeAsString();
  const std::size_t graph_size = front.size() + size_of_all(pieces.graph) + more.size();
  const std::string head = varint(onnx::ModelProto::kGraphFieldNumber << 3 | kBytes) + varint(graph_size);

  std::vector<Bytes> all = pieces.before;
  all.push_back(bytes_of(head));
  all.push_back(bytes_of(front));
  all.insert(all.end(), pieces.graph.begin(), pieces.graph.end());
  all.push_back(bytes_of(more));
  all.insert(all.end(), pieces.after.begin(), pieces.after.end());
  all.push_back(bytes_of(end));
  const std::size_t size = size_of_all(all);
  if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw Error(ErrorCode::limit, "an ONNX file cannot be larger than 2 GB", out.string(),
                "save the model's weights as external data first");
  AtomicFile written(out);
  for (const Bytes piece : all) written.write(piece);
  written.commit();
  return size;
}

}  // namespace limn
