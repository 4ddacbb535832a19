#pragma once
// Python's pickles, protocols 2 to 5, read as data: a program for a small stack machine that builds values. Nothing
// that it names is imported or called.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace limn {

struct PickleValue;
using PickleRef = const PickleValue*;

/// A value; which members mean something depends on `kind`. Values may contain themselves.
struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,   ///< integer is 0 or 1
    integer,   ///< integer
    large,     ///< an integer beyond 64 bits; text holds its bytes, little endian
    real,      ///< real
    text,      ///< text; Python 2's byte strings too
    bytes,     ///< text
    tuple,     ///< items
    list,      ///< items
    set,       ///< items
    dict,      ///< items: keys and values by turns, in order of insertion
    global,    ///< text is the module, name the name in it
    call,      ///< items: the global and the tuple of arguments
    external,  ///< items: the identifier of something outside the pickle
  };
  Kind kind = Kind::none;
  union {
    std::int64_t integer = 0;
    double real;
  };
  std::string_view text, name;  ///< into the bytes of the pickle
  std::vector<PickleRef> items;

  bool is(Kind k) const { return kind == k; }
  bool is_global(std::string_view module, std::string_view global) const {
    return kind == Kind::global && text == module && name == global;
  }
  /// The value of a text key of a dict, the last one if it is there several times; nullptr when absent.
  PickleRef find(std::string_view key) const;
};

struct Pickle {
  std::deque<PickleValue> values;  ///< all that were made; `root` and every item is one of them
  PickleRef root = nullptr;
  std::size_t size = 0;  ///< bytes read: up to and with STOP
};

/// Whether a pickle may name this global.
using AllowGlobal = bool (*)(std::string_view module, std::string_view name);

/// Reads the pickle that `bytes` begins with; the result refers to them. collections.OrderedDict becomes a dict.
/// Throws Error{bad_input} for a truncated or damaged pickle, Error{unsupported} naming a global that is not
/// allowed or an opcode without a place in a checkpoint, Error{limit} for one with millions of values.
Pickle read_pickle(std::span<const std::byte> bytes, AllowGlobal allow);

}  // namespace limn
