#include "limn/checkpoint/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "limn/checkpoint/file_bytes.h"
#include "limn/error.h"

namespace limn {
namespace {

using Kind = PickleValue::Kind;

/// Far more than any checkpoint holds: values are made, and references to them kept, by single bytes.
constexpr std::size_t kMaxValues = std::size_t{1} << 21;
constexpr std::size_t kMaxSteps = std::size_t{1} << 24;
constexpr int kNewestProtocol = 5;

/// The stack machine. Values live in `values` and refer to each other by address, so that neither cycles nor depth
/// matter when they go.
class Unpickler {
 public:
  Unpickler(std::span<const std::byte> bytes, AllowGlobal allow) : bytes_(bytes), allow_(allow) {}

  Pickle run() {
    for (std::size_t steps = 0;; ++steps) {
      if (steps == kMaxSteps) throw too_large();
      const auto op = static_cast<unsigned char>(take(1)[0]);
      if (op == '.') break;
      if (!number(op) && !text(op) && !container(op) && !object(op) && !stack_or_memo(op)) throw no_opcode(op);
    }
    result_.root = pop();
    result_.size = at_;
    return std::move(result_);
  }

 private:
  // ---- reading

  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size() - at_) throw damaged("it ends too early");
    const auto* from = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += static_cast<std::size_t>(size);
    return {from, static_cast<std::size_t>(size)};
  }

  template <class T>
  T little_endian() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::string_view line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::ranges::find(rest, std::byte{'\n'});
    const std::string_view text = take(static_cast<std::uint64_t>(end - rest.begin()));
    take(1);
    return text;
  }

  Error damaged(std::string_view what) const {
    return Error(ErrorCode::bad_input, fmt::format("its pickle is damaged: {}", what),
                 fmt::format("byte {} of the pickle", at_), "fetch or save the file again");
  }
  static Error too_large() {
    return Error(ErrorCode::limit, "its pickle holds too many values for a checkpoint", {},
                 "save the weights alone: torch.save(model.state_dict(), 'weights.pth')");
  }
  Error no_opcode(unsigned char op) const {
    return Error(ErrorCode::unsupported, fmt::format("its pickle uses the opcode 0x{:02x}", op),
                 fmt::format("byte {} of the pickle", at_),
                 "save the weights with torch.save(model.state_dict(), 'weights.pth')");
  }

  // ---- the stack, its marks, the memo

  PickleValue& make(Kind kind) {
    if (result_.values.size() == kMaxValues) throw too_large();
    PickleValue& value = result_.values.emplace_back();
    value.kind = kind;
    stack_.push_back(&value);
    return value;
  }
  void make_text(Kind kind, std::string_view text) { make(kind).text = text; }
  void make_integer(std::int64_t v, Kind kind = Kind::integer) { make(kind).integer = v; }

  PickleValue* pop() {
    if (stack_.empty() || (!marks_.empty() && marks_.back() == stack_.size())) throw damaged("its stack is empty");
    PickleValue* top = stack_.back();
    stack_.pop_back();
    return top;
  }
  PickleValue& top() {
    if (stack_.empty()) throw damaged("its stack is empty");
    return *stack_.back();
  }

  /// All above the last mark.
  std::vector<PickleRef> pop_mark() {
    if (marks_.empty() || marks_.back() > stack_.size()) throw damaged("a mark is missing");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleRef> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  void remember(std::uint32_t key) {
    if (memo_.size() >= kMaxValues) throw too_large();
    memo_[key] = &top();
  }
  void recall(std::uint32_t key) {
    const auto it = memo_.find(key);
    if (it == memo_.end()) throw damaged(fmt::format("it asks for memo {}, which was not kept", key));
    stack_.push_back(it->second);
  }

  // ---- opcodes by kind; each answers whether it knows the opcode

  bool number(unsigned char op) {
    switch (op) {
      case 'N': make(Kind::none); return true;
      case 0x88: make_integer(1, Kind::boolean); return true;
      case 0x89: make_integer(0, Kind::boolean); return true;
      case 'J': make_integer(little_endian<std::int32_t>()); return true;
      case 'K': make_integer(little_endian<std::uint8_t>()); return true;
      case 'M': make_integer(little_endian<std::uint16_t>()); return true;
      case 0x8a: long_integer(take(little_endian<std::uint8_t>())); return true;
      case 0x8b: long_integer(take(length32())); return true;
      case 'G': make_real(take(sizeof(double))); return true;
      default: return false;
    }
  }

  std::uint64_t length32() {
    const auto length = little_endian<std::int32_t>();
    if (length < 0) throw damaged("a length is negative");
    return static_cast<std::uint64_t>(length);
  }

  void long_integer(std::string_view digits) {
    if (digits.size() > sizeof(std::int64_t)) return make_text(Kind::large, digits);
    const bool negative = !digits.empty() && (digits.back() & 0x80) != 0;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(digits[i]);
    make_integer(static_cast<std::int64_t>(value));
  }

  void make_real(std::string_view big_endian) {
    std::uint64_t bits = 0;
    for (const char c : big_endian) bits = bits << 8 | static_cast<unsigned char>(c);
    make(Kind::real).real = std::bit_cast<double>(bits);
  }

  bool text(unsigned char op) {
    switch (op) {
      case 'X': make_text(Kind::text, take(little_endian<std::uint32_t>())); return true;
      case 0x8c: make_text(Kind::text, take(little_endian<std::uint8_t>())); return true;
      case 0x8d: make_text(Kind::text, take(little_endian<std::uint64_t>())); return true;
      case 'U': make_text(Kind::text, take(little_endian<std::uint8_t>())); return true;
      case 'T': make_text(Kind::text, take(length32())); return true;
      case 'C': make_text(Kind::bytes, take(little_endian<std::uint8_t>())); return true;
      case 'B': make_text(Kind::bytes, take(little_endian<std::uint32_t>())); return true;
      case 0x8e:
      case 0x96: make_text(Kind::bytes, take(little_endian<std::uint64_t>())); return true;
      default: return false;
    }
  }

  bool container(unsigned char op) {
    switch (op) {
      case ')': make(Kind::tuple); return true;
      case ']': make(Kind::list); return true;
      case '}': make(Kind::dict); return true;
      case 0x8f: make(Kind::set); return true;
      case 't': return collect(Kind::tuple, pop_mark());
      case 'l': return collect(Kind::list, pop_mark());
      case 'd': return collect(Kind::dict, pop_mark());
      case 0x91: return collect(Kind::set, pop_mark());
      case 0x85: return collect(Kind::tuple, pop_many(1));
      case 0x86: return collect(Kind::tuple, pop_many(2));
      case 0x87: return collect(Kind::tuple, pop_many(3));
      case 'a': return extend(Kind::list, pop_many(1));
      case 'e': return extend(Kind::list, pop_mark());
      case 's': return extend(Kind::dict, pop_many(2));
      case 'u': return extend(Kind::dict, pop_mark());
      case 0x90: return extend(Kind::set, pop_mark());
      default: return false;
    }
  }

  std::vector<PickleRef> pop_many(std::size_t count) {
    std::vector<PickleRef> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  bool collect(Kind kind, std::vector<PickleRef> items) {
    check_pairs(kind, items);
    count(items);
    make(kind).items = std::move(items);
    return true;
  }

  bool extend(Kind kind, const std::vector<PickleRef>& items) {
    check_pairs(kind, items);
    count(items);
    if (!top().is(kind)) throw damaged("items are added to what takes none");
    top().items.insert(top().items.end(), items.begin(), items.end());
    return true;
  }

  void check_pairs(Kind kind, const std::vector<PickleRef>& items) const {
    if (kind == Kind::dict && items.size() % 2 != 0) throw damaged("a key has no value");
  }

  void count(const std::vector<PickleRef>& items) {
    references_ += items.size();
    if (references_ > kMaxSteps) throw too_large();
  }

  bool object(unsigned char op) {
    switch (op) {
      case 'c': {
        const std::string_view module = line();
        global(module, line());
        return true;
      }
      case 0x93: {
        const PickleValue *name = pop(), *module = pop();
        if (!name->is(Kind::text) || !module->is(Kind::text)) throw damaged("the name of a global is no text");
        global(module->text, name->text);
        return true;
      }
      case 'R':
      case 0x81: {
        const PickleValue *arguments = pop(), *function = pop();
        call(function, arguments);
        return true;
      }
      case 'b': build(); return true;
      case 'Q': {
        const PickleValue* id = pop();
        make(Kind::external).items = {id};
        return true;
      }
      default: return false;
    }
  }

  void global(std::string_view module, std::string_view name) {
    if (!is_ordered_dict(module, name) && !allow_(module, name))
      throw Error(
          ErrorCode::unsupported,
          fmt::format("it asks for '{}.{}', which is neither a tensor nor a container; limn runs no code of a file",
                      one_line(module), one_line(name)),
          fmt::format("byte {} of the pickle", at_),
          "save the weights alone, torch.save(model.state_dict(), 'weights.pth'); distrust the file if it is not "
          "yours");
    PickleValue& value = make(Kind::global);
    value.text = module;
    value.name = name;
  }

  static bool is_ordered_dict(std::string_view module, std::string_view name) {
    return module == "collections" && name == "OrderedDict";
  }

  void call(PickleRef function, PickleRef arguments) {
    if (!function->is(Kind::global) || !arguments->is(Kind::tuple)) throw damaged("it calls what is no function");
    if (is_ordered_dict(function->text, function->name)) return ordered_dict(*arguments);
    make(Kind::call).items = {function, arguments};
  }

  /// OrderedDict(), or Python 2's OrderedDict([[key, value], ...]).
  void ordered_dict(const PickleValue& arguments) {
    std::vector<PickleRef> items;
    if (arguments.items.size() > 1) throw damaged("an OrderedDict has several arguments");
    if (!arguments.items.empty()) {
      for (const PickleRef pair : arguments.items[0]->items) {
        if (pair->items.size() != 2) throw damaged("an OrderedDict is made of no pairs");
        items.insert(items.end(), pair->items.begin(), pair->items.end());
      }
    }
    collect(Kind::dict, std::move(items));
  }

  /// Attributes of a dict (torch keeps _metadata there) or of a tensor say nothing about weights.
  void build() {
    pop();
    if (!top().is(Kind::dict) && !top().is(Kind::call)) throw damaged("attributes are set on what has none");
  }

  bool stack_or_memo(unsigned char op) {
    switch (op) {
      case '(': marks_.push_back(stack_.size()); return true;
      case '0': pop(); return true;
      case '1': pop_mark(); return true;
      case '2': stack_.push_back(&top()); return true;
      case 'h': recall(little_endian<std::uint8_t>()); return true;
      case 'j': recall(little_endian<std::uint32_t>()); return true;
      case 'q': remember(little_endian<std::uint8_t>()); return true;
      case 'r': remember(little_endian<std::uint32_t>()); return true;
      case 0x94: remember(static_cast<std::uint32_t>(memo_.size())); return true;
      case 0x95: take(sizeof(std::uint64_t)); return true;  // FRAME: only a hint to readers of streams
      case 0x80: {
        const int protocol = little_endian<std::uint8_t>();
        if (protocol > kNewestProtocol) throw damaged(fmt::format("protocol {} is not known", protocol));
        return true;
      }
      default: return false;
    }
  }

  std::span<const std::byte> bytes_;
  AllowGlobal allow_;
  std::size_t at_ = 0;
  std::size_t references_ = 0;  ///< in all containers together
  Pickle result_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, PickleValue*> memo_;
};

}  // namespace

PickleRef PickleValue::find(std::string_view key) const {
  if (kind != Kind::dict) return nullptr;
  PickleRef found = nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i]->is(Kind::text) && items[i]->text == key) found = items[i + 1];
  return found;
}

Pickle read_pickle(std::span<const std::byte> bytes, AllowGlobal allow) { return Unpickler(bytes, allow).run(); }

}  // namespace limn
