#pragma once
// The protobuf wire format, one message level at a time, without copying: a length-delimited field is a view into
// the message it was read from.

#include <google/protobuf/io/coded_stream.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace limn {

enum class WireKind { varint, fixed64, bytes, fixed32 };

struct WireField {
  int number = 0;
  WireKind kind = WireKind::varint;
  std::uint64_t value = 0;           ///< of varint, fixed32 and fixed64
  std::span<const std::byte> bytes;  ///< of bytes

  std::string text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

/// Walks the fields of one message of at most 2 GB.
class WireReader {
 public:
  /// `file` is the whole file that `message` lies in: errors tell positions in it.
  WireReader(std::span<const std::byte> message, std::span<const std::byte> file, std::string message_name);

  /// The next field, or nothing at the end of the message. Throws Error{bad_input}.
  std::optional<WireField> next();
  /// Throws Error{bad_input} unless the field is of that kind.
  void expect(const WireField& field, WireKind kind) const;
  /// The same, then the content as a message of its own.
  WireReader enter(const WireField& field, std::string message_name) const;
  /// Position in the file of what comes next.
  std::size_t offset() const;

 private:
  void read_bytes(WireField& field);
  [[noreturn]] void malformed(std::string_view what) const;

  std::span<const std::byte> message_, file_;
  std::string name_;
  google::protobuf::io::CodedInputStream stream_;
};

}  // namespace limn
