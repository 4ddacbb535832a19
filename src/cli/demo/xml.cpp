#include "demo/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "limn/error.h"

namespace limn::cli {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr int kDeepest = 32;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  XmlElement document() {
    skip_between_elements();
    XmlElement root = element(0);
    skip_between_elements();
    if (at_ != text_.size()) fail("something follows the end of the document");
    return root;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    const auto line = 1 + std::ranges::count(text_.substr(0, at_), '\n');
    throw Error(ErrorCode::bad_input, fmt::format("not the XML of an annotation: {}, line {}", what, line));
  }

  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  std::string_view until(std::string_view token) {
    const std::size_t end = text_.find(token, at_);
    if (end == std::string_view::npos) fail(fmt::format("'{}' is missing", token));
    const auto found = text_.substr(at_, end - at_);
    at_ = end + token.size();
    return found;
  }

  void skip_between_elements() {
    while (true) {
      at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size());
      if (take("<?"))
        until("?>");
      else if (take("<!--"))
        until("-->");
      else
        return;
    }
  }

  XmlElement element(int depth) {
    if (depth > kDeepest) fail("elements are nested too deeply");
    if (!take("<")) fail("an element was expected");
    XmlElement result{std::string(until(">")), {}, {}};
    if (result.name.empty() || result.name.find_first_of(" \t\r\n/<=\"") != std::string::npos)
      fail(fmt::format("<{}> is not a plain element", result.name));
    const std::string end = fmt::format("</{}>", result.name);
    while (!take(end)) {
      if (take("<!--"))
        until("-->");
      else if (text_.substr(at_).starts_with("<"))
        result.children.push_back(element(depth + 1));
      else
        result.text += characters();
    }
    result.text = trimmed(result.text);
    return result;
  }

  std::string characters() {
    std::string result;
    while (true) {
      if (at_ == text_.size()) fail("the document ends early");
      if (text_[at_] == '<') return result;
      result += text_[at_] == '&' ? entity() : text_[at_++];
    }
  }

  char entity() {
    constexpr std::array<std::pair<std::string_view, char>, 5> kEntities{
        {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
    for (const auto& [name, character] : kEntities)
      if (take(name)) return character;
    fail("an unknown entity");
  }

  static std::string trimmed(const std::string& text) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

const XmlElement& XmlElement::child(std::string_view child_name) const {
  const auto found = std::ranges::find(children, child_name, &XmlElement::name);
  if (found == children.end()) throw Error(ErrorCode::bad_input, fmt::format("<{}> has no <{}>", name, child_name));
  return *found;
}

XmlElement parse_xml(std::string_view text) { return Reader(text).document(); }

}  // namespace limn::cli
