#include "limn/checkpoint/zip.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "limn/checkpoint/file_bytes.h"
#include "limn/error.h"

namespace limn {
namespace {

// The parts of an archive, after APPNOTE.TXT 6.3: signatures, and sizes of the parts that never vary.
constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                        kLocator64 = 0x07064b50;
constexpr std::size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20;
constexpr std::size_t kLongestComment = 65535;
constexpr std::uint16_t kZip64Field = 1, kEncrypted = 1;
constexpr std::uint32_t kIn64 = 0xffffffffU;  ///< "see the zip64 field"

Error damaged(std::string_view what, std::string where = {}) {
  return Error(ErrorCode::bad_input, fmt::format("its zip archive is damaged: {}", what), std::move(where),
               "the file was cut short or changed; fetch or save it again");
}
std::string place(std::string_view entry) { return fmt::format("entry '{}'", one_line(entry)); }

using Bytes = std::span<const std::byte>;

/// Throws when the part does not lie within the whole.
Bytes part(Bytes whole, std::uint64_t offset, std::uint64_t size, std::string_view what) {
  if (offset > whole.size() || size > whole.size() - offset)
    throw damaged(fmt::format("{} reaches beyond its end", what));
  return whole.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

template <class T>
T number(Bytes from, std::size_t offset) {
  T value;
  std::memcpy(&value, part(from, offset, sizeof(T), "a number").data(), sizeof(T));
  return value;
}

struct Directory {
  std::uint64_t offset = 0, size = 0, entries = 0;
};

/// Where the record that ends the archive begins.
std::size_t find_end(Bytes file) {
  if (file.size() < kEndSize) throw damaged("it is too short");
  const std::size_t last = file.size() - kEndSize;
  const std::size_t first = last > kLongestComment ? last - kLongestComment : 0;
  for (std::size_t at = last + 1; at-- > first;)
    if (number<std::uint32_t>(file, at) == kEnd) return at;
  throw damaged("its table of contents is missing");
}

Directory find_directory(Bytes file) {
  const std::size_t end = find_end(file);
  Directory directory{number<std::uint32_t>(file, end + 16), number<std::uint32_t>(file, end + 12),
                      number<std::uint16_t>(file, end + 10)};
  if (end >= kLocatorSize && number<std::uint32_t>(file, end - kLocatorSize) == kLocator64) {
    const auto at = number<std::uint64_t>(file, end - kLocatorSize + 8);
    const Bytes record = part(file, at, kEnd64Size, "its zip64 record");
    if (number<std::uint32_t>(record, 0) != kEnd64) throw damaged("its zip64 record is missing");
    directory = {number<std::uint64_t>(record, 48), number<std::uint64_t>(record, 40),
                 number<std::uint64_t>(record, 32)};
  }
  return directory;
}

struct Entry {
  std::string name;
  std::uint64_t offset = 0;  ///< of the local header
  std::uint64_t size = 0;
  std::size_t end = 0;  ///< of the data
  Bytes data;
};

/// The three numbers that zip64 keeps in an extra field, in this order, where the record has no room for them.
void read_zip64(Bytes extra, std::uint64_t& size, std::uint64_t& packed, std::uint64_t& offset) {
  while (extra.size() >= 4) {
    const auto id = number<std::uint16_t>(extra, 0);
    Bytes field = part(extra, 4, number<std::uint16_t>(extra, 2), "an extra field");
    extra = extra.subspan(4 + field.size());
    if (id != kZip64Field) continue;
    for (std::uint64_t* value : {&size, &packed, &offset}) {
      if (*value != kIn64) continue;
      *value = number<std::uint64_t>(field, 0);
      field = field.subspan(sizeof(std::uint64_t));
    }
  }
}

void check_stored(const Entry& entry, std::uint16_t flags, std::uint16_t method, std::uint64_t packed) {
  const std::string mend = "PyTorch stores its entries plainly; save the file again with torch.save";
  if ((flags & kEncrypted) != 0)
    throw Error(ErrorCode::unsupported, "its zip archive is encrypted", place(entry.name), mend);
  if (method != 0)
    throw Error(ErrorCode::unsupported,
                fmt::format("its zip archive is compressed: {} bytes stand for {}", packed, entry.size),
                place(entry.name), mend);
  if (packed != entry.size) throw damaged("an entry has two sizes", place(entry.name));
}

/// One record of the directory, which is shortened by it.
Entry read_record(Bytes& directory) {
  const Bytes record = part(directory, 0, kCentralSize, "its table of contents");
  if (number<std::uint32_t>(record, 0) != kCentral) throw damaged("its table of contents is broken");
  const auto name_size = number<std::uint16_t>(record, 28), extra_size = number<std::uint16_t>(record, 30),
             comment_size = number<std::uint16_t>(record, 32);
  const Bytes name = part(directory, kCentralSize, name_size, "a name");
  const Bytes extra = part(directory, kCentralSize + name_size, extra_size, "an extra field");
  Entry entry{std::string(reinterpret_cast<const char*>(name.data()), name.size()),
              number<std::uint32_t>(record, 42),
              number<std::uint32_t>(record, 24),
              0,
              {}};
  std::uint64_t packed = number<std::uint32_t>(record, 20);
  read_zip64(extra, entry.size, packed, entry.offset);
  check_stored(entry, number<std::uint16_t>(record, 8), number<std::uint16_t>(record, 10), packed);
  const std::size_t size = kCentralSize + name_size + extra_size + comment_size;
  directory = directory.subspan(part(directory, 0, size, "its table of contents").size());
  return entry;
}

/// Finds the data of an entry behind its local header.
void locate(Bytes file, Entry& entry) {
  const Bytes header = part(file, entry.offset, kLocalSize, place(entry.name));
  if (number<std::uint32_t>(header, 0) != kLocal)
    throw damaged("an entry is not where it should be", place(entry.name));
  if (number<std::uint16_t>(header, 8) != 0)
    throw damaged("an entry is compressed in one place and stored in another", place(entry.name));
  const std::uint64_t skip =
      kLocalSize + std::uint64_t{number<std::uint16_t>(header, 26)} + number<std::uint16_t>(header, 28);
  entry.data = part(file, entry.offset + skip, entry.size, place(entry.name));
  entry.end = static_cast<std::size_t>(entry.offset + skip + entry.size);
}

void check_disjoint(std::vector<Entry>& entries) {
  std::ranges::sort(entries, {}, &Entry::offset);
  for (std::size_t i = 1; i < entries.size(); ++i)
    if (entries[i].offset < entries[i - 1].end)
      throw damaged("two entries overlap",
                    fmt::format("{} and {}", place(entries[i - 1].name), place(entries[i].name)));
}

}  // namespace

std::map<std::string, Bytes, std::less<>> read_zip(Bytes file) {
  const Directory directory = find_directory(file);
  Bytes records = part(file, directory.offset, directory.size, "its table of contents");
  std::vector<Entry> entries;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    entries.push_back(read_record(records));
    locate(file, entries.back());
    if (entries.back().end > directory.offset) throw damaged("an entry runs into its table of contents");
  }
  check_disjoint(entries);
  std::map<std::string, Bytes, std::less<>> by_name;
  for (Entry& entry : entries) {
    const std::string where = place(entry.name);
    if (!by_name.emplace(std::move(entry.name), entry.data).second)
      throw damaged("two entries have one name", where);
  }
  return by_name;
}

}  // namespace limn
