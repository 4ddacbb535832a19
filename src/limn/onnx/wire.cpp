#include "limn/onnx/wire.h"

#include <fmt/format.h>

#include <utility>

#include "limn/error.h"

namespace limn {
namespace {

// The low three bits of a tag.
constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

}  // namespace

WireReader::WireReader(std::span<const std::byte> message, std::span<const std::byte> file,
                       std::string message_name)
    : message_(message),
      file_(file),
      name_(std::move(message_name)),
      stream_(reinterpret_cast<const std::uint8_t*>(message.data()), static_cast<int>(message.size())) {}

std::size_t WireReader::offset() const {
  return static_cast<std::size_t>(message_.data() - file_.data()) +
         static_cast<std::size_t>(stream_.CurrentPosition());
}

void WireReader::malformed(std::string_view what) const {
  throw Error(ErrorCode::bad_input, fmt::format("{} in {}", what, name_), fmt::format("byte {}", offset()),
              "the file is damaged or is not an ONNX file; fetch or export it again");
}

std::optional<WireField> WireReader::next() {
  if (static_cast<std::size_t>(stream_.CurrentPosition()) == message_.size()) return std::nullopt;
  std::uint32_t tag = 0;
  if (!stream_.ReadVarint32(&tag) || (tag >> 3) == 0) malformed("there is no readable field");
  WireField field{static_cast<int>(tag >> 3), WireKind::varint, 0, {}};
  bool read = true;
  switch (tag & 7U) {
    case kVarint: read = stream_.ReadVarint64(&field.value); break;
    case kFixed64:
      field.kind = WireKind::fixed64;
      read = stream_.ReadLittleEndian64(&field.value);
      break;
    case kBytes: read_bytes(field); break;
    case kFixed32: {
      std::uint32_t value = 0;
      field.kind = WireKind::fixed32;
      read = stream_.ReadLittleEndian32(&value);
      field.value = value;
      break;
    }
    default: malformed("there is a field of an unknown kind");
  }
  if (!read) malformed("a number is cut off");
  return field;
}

void WireReader::read_bytes(WireField& field) {
  field.kind = WireKind::bytes;
  std::uint64_t length = 0;
  if (!stream_.ReadVarint64(&length)) malformed("a length is cut off");
  const std::size_t at = static_cast<std::size_t>(stream_.CurrentPosition());
  const std::size_t left = message_.size() - at;
  if (length > left) {
    const bool reaches_end = message_.data() + message_.size() == file_.data() + file_.size();
    if (!reaches_end) malformed("a field is longer than what holds it");
    throw Error(ErrorCode::bad_input,
                fmt::format("the file looks truncated: {} bytes were read, and {} more should follow", file_.size(),
                            length - left),
                fmt::format("field {} of {} at byte {}", field.number, name_, offset()),
                "fetch or export it again");
  }
  field.bytes = message_.subspan(at, static_cast<std::size_t>(length));
  stream_.Skip(static_cast<int>(length));
}

void WireReader::expect(const WireField& field, WireKind kind) const {
  if (field.kind != kind) malformed(fmt::format("field {} has the wrong wire type", field.number));
}

WireReader WireReader::enter(const WireField& field, std::string message_name) const {
  expect(field, WireKind::bytes);
  return WireReader(field.bytes, file_, std::move(message_name));
}

}  // namespace limn
