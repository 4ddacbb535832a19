// PyTorch's two formats: where the pickle and the storages lie.

#include <fmt/format.h>

#include <cstring>
#include <unordered_map>

#include "limn/checkpoint/formats.h"
#include "limn/checkpoint/pickle.h"
#include "limn/checkpoint/torch_values.h"
#include "limn/checkpoint/zip.h"
#include "limn/error.h"

namespace limn {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;

Error damaged(std::string what, std::string where = {}) {
  return Error(ErrorCode::bad_input, std::move(what), std::move(where),
               "the file was cut short or changed; fetch or save it again");
}
std::string place(std::string_view key) { return fmt::format("storage '{}'", one_line(key)); }

/// The bytes of `count` elements at the front.
Bytes elements(Bytes from, std::int64_t count, const StorageId& id) {
  std::uint64_t size = 0;
  const bool overflow = __builtin_mul_overflow(static_cast<std::uint64_t>(count), size_of(id.type), &size);
  if (count < 0 || overflow || size > from.size())
    throw damaged(fmt::format("a storage of {} elements of {} bytes does not fit into its {} bytes", count,
                              size_of(id.type), from.size()),
                  place(id.key));
  return from.first(static_cast<std::size_t>(size));
}

/// The tensors of `root`; `storage_of` answers the bytes of a whole storage.
template <class StorageOf>
Checkpoint tensors_of(const PickleValue& root, const FileBytes& file, std::string format, StorageOf storage_of) {
  Checkpoint checkpoint{{}, std::move(format)};
  TensorMaker maker(file);
  for (auto& [name, record] : find_weights(root)) {
    Bytes storage = elements(storage_of(record.storage), record.storage.count, record.storage);
    if (const auto& part = record.storage.part) {
      if (part->offset < 0 || part->offset > record.storage.count)
        throw damaged("a part of a storage lies outside it", place(record.storage.key));
      storage = storage.subspan(static_cast<std::size_t>(part->offset) * size_of(record.storage.type));
      storage = elements(storage, part->count, record.storage);
    }
    const StoredTensor stored{record.storage.type, std::move(record.dims), std::move(record.strides), record.offset,
                              storage};
    checkpoint.tensors.emplace(std::string(name), maker.make(stored, name));
  }
  return checkpoint;
}

// ---- zip

/// "name/" of the one folder that holds data.pkl.
std::string root_of(const std::map<std::string, Bytes, std::less<>>& entries) {
  constexpr std::string_view kPickle = "/data.pkl";
  for (const auto& [name, bytes] : entries)
    if (name.ends_with(kPickle)) return name.substr(0, name.size() - kPickle.size() + 1);
  throw Error(ErrorCode::bad_input, "it is a zip archive, but not one of PyTorch's: it has no data.pkl", {},
              "save the weights with torch.save(model.state_dict(), 'weights.pth')");
}

void check_byte_order(const std::map<std::string, Bytes, std::less<>>& entries, const std::string& root) {
  const auto order = entries.find(root + "byteorder");
  if (order == entries.end()) return;
  const std::string_view text(reinterpret_cast<const char*>(order->second.data()), order->second.size());
  if (text != "little")
    throw Error(ErrorCode::unsupported, fmt::format("its byte order is '{}', not 'little'", one_line(text)), {},
                "save it again on a little-endian machine");
}

// ---- legacy

/// 0x1950a86a20f9469cfc6c, little endian.
constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::int64_t kProtocol = 1001;

bool no_global(std::string_view, std::string_view) { return false; }

/// A pickle at the front of `rest`, which is shortened by it.
Pickle next_pickle(Bytes& rest, AllowGlobal allow) {
  Pickle pickle = read_pickle(rest, allow);
  rest = rest.subspan(pickle.size);
  return pickle;
}

void read_preamble(Bytes& rest) {
  const Pickle magic = next_pickle(rest, no_global);
  if (!magic.root->is(Kind::large) || magic.root->text != kMagic)
    throw Error(ErrorCode::bad_input, "it is a pickle, but not one of PyTorch's", {},
                "save the weights with torch.save(model.state_dict(), 'weights.pth')");
  const Pickle protocol = next_pickle(rest, no_global);
  if (!protocol.root->is(Kind::integer) || protocol.root->integer != kProtocol)
    throw Error(ErrorCode::unsupported, "it is written in a protocol of PyTorch that limn does not know");
  const Pickle machine = next_pickle(rest, no_global);
  const PickleRef little = machine.root->find("little_endian");
  if (little != nullptr && little->is(Kind::boolean) && little->integer == 0)
    throw Error(ErrorCode::unsupported, "its byte order is big endian", {},
                "save it again on a little-endian machine");
}

/// Element types by key, from all places of the pickle that name a storage.
std::unordered_map<std::string_view, StorageId> named_storages(const Pickle& pickle) {
  std::unordered_map<std::string_view, StorageId> storages;
  for (const PickleValue& value : pickle.values) {
    if (!value.is(Kind::external)) continue;
    const StorageId id = storage_id(value);
    const auto [it, fresh] = storages.emplace(id.key, id);
    if (!fresh && (it->second.type != id.type || it->second.count != id.count))
      throw damaged("a storage has two types or sizes", place(id.key));
  }
  return storages;
}

/// The storages in the order of their keys: 8 bytes that count the elements, then these.
std::unordered_map<std::string_view, Bytes> read_storages(
    Bytes rest, const PickleValue& keys, const std::unordered_map<std::string_view, StorageId>& named) {
  std::unordered_map<std::string_view, Bytes> storages;
  if (!keys.is(Kind::list)) throw damaged("the keys of its storages are missing");
  for (const PickleRef key : keys.items) {
    const auto id = key->is(Kind::text) ? named.find(key->text) : named.end();
    if (id == named.end()) throw damaged("it holds a storage that no tensor uses", place(key->text));
    std::int64_t count = 0;
    if (rest.size() < sizeof(count)) throw damaged("it ends before its last storage", place(key->text));
    std::memcpy(&count, rest.data(), sizeof(count));
    if (count != id->second.count)
      throw damaged(fmt::format("a storage holds {} elements where {} are named", count, id->second.count),
                    place(key->text));
    const Bytes bytes = elements(rest.subspan(sizeof(count)), count, id->second);
    if (!storages.emplace(key->text, bytes).second) throw damaged("a storage is there twice", place(key->text));
    rest = rest.subspan(sizeof(count) + bytes.size());
  }
  return storages;
}

}  // namespace

Checkpoint read_torch_zip(const FileBytes& file) {
  const auto entries = read_zip(file.bytes);
  const std::string root = root_of(entries);
  check_byte_order(entries, root);
  const Pickle pickle = read_pickle(entries.find(root + "data.pkl")->second, is_known_global);
  return tensors_of(*pickle.root, file, "PyTorch zip", [&](const StorageId& id) {
    const auto entry = entries.find(fmt::format("{}data/{}", root, id.key));
    if (entry == entries.end()) throw damaged("a storage is missing from its zip archive", place(id.key));
    return entry->second;
  });
}

Checkpoint read_torch_legacy(const FileBytes& file) {
  Bytes rest = file.bytes;
  read_preamble(rest);
  const Pickle pickle = next_pickle(rest, is_known_global);
  const Pickle keys = next_pickle(rest, no_global);
  const auto storages = read_storages(rest, *keys.root, named_storages(pickle));
  return tensors_of(*pickle.root, file, "PyTorch legacy", [&](const StorageId& id) {
    const auto storage = storages.find(id.key);
    if (storage == storages.end()) throw damaged("a storage is missing", place(id.key));
    return storage->second;
  });
}

bool is_zip(Bytes file) {
  constexpr std::string_view kFirst("PK\x03\x04", 4);
  return file.size() >= kFirst.size() && std::memcmp(file.data(), kFirst.data(), kFirst.size()) == 0;
}

/// Every pickle of protocol 2 and newer begins with PROTO.
bool is_pickle(Bytes file) { return !file.empty() && file[0] == std::byte{0x80}; }

}  // namespace limn
