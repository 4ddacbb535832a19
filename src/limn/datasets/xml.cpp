#include "limn/datasets/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "limn/datasets/text.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr int kDeepest = 64;

class XmlReader {
 public:
  XmlReader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  XmlElement document() {
    skip_prologue();
    if (!rest().starts_with('<')) fail("no element was found");
    return element(0);
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }

  [[noreturn]] void fail(std::string_view what) const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    throw Error(ErrorCode::bad_input, fmt::format("the XML is broken in line {}: {}", line, what), where_);
  }

  /// Moves behind the next `end`.
  void skip_past(std::string_view end) {
    const std::size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) fail(fmt::format("'{}' is missing", end));
    at_ = found + end.size();
  }

  /// Comments, declarations and processing instructions; false when none is next.
  bool skip_markup() {
    if (rest().starts_with("<!--"))
      skip_past("-->");
    else if (rest().starts_with("<?"))
      skip_past("?>");
    else if (rest().starts_with("<!"))
      skip_past(">");
    else
      return false;
    return true;
  }

  void skip_prologue() {
    if (rest().starts_with("\xEF\xBB\xBF")) at_ += 3;
    do {
      at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    } while (skip_markup());
  }

  /// The text up to '<', with entities replaced.
  std::string characters() {
    static constexpr std::array<std::pair<std::string_view, char>, 5> kEntities{
        {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
    std::string out;
    while (at_ < text_.size() && text_[at_] != '<') {
      const auto entity =
          std::ranges::find_if(kEntities, [&](const auto& e) { return rest().starts_with(e.first); });
      out += entity == kEntities.end() ? text_[at_] : entity->second;
      at_ += entity == kEntities.end() ? 1 : entity->first.size();
    }
    return out;
  }

  XmlElement element(int depth) {
    if (depth > kDeepest) fail("elements are nested too deeply");
    XmlElement out;
    const std::size_t end = text_.find('>', at_);
    if (end == std::string_view::npos) fail("'>' is missing");
    std::string_view tag = text_.substr(at_ + 1, end - at_ - 1);
    const bool closed = tag.ends_with('/');
    if (closed) tag.remove_suffix(1);
    out.name = tag.substr(0, tag.find_first_of(" \t\r\n"));
    if (out.name.empty() || out.name.starts_with('/')) fail("an element without a name");
    at_ = end + 1;
    if (!closed) read_content(out, depth);
    return out;
  }

  void read_content(XmlElement& out, int depth) {
    std::string text;
    for (;;) {
      text += characters();
      if (at_ == text_.size()) fail(fmt::format("</{}> is missing", out.name));
      if (rest().starts_with("</")) break;
      if (!skip_markup()) out.children.push_back(element(depth + 1));
    }
    at_ += 2;
    const std::size_t end = std::min(text_.find('>', at_), text_.size());
    if (trimmed(text_.substr(at_, end - at_)) != out.name) fail(fmt::format("<{}> is not closed", out.name));
    at_ = std::min(end + 1, text_.size());
    out.text = trimmed(text);
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace

const XmlElement* XmlElement::find(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &XmlElement::name);
  return found == children.end() ? nullptr : &*found;
}

XmlElement parse_xml(std::string_view text, const std::string& where) { return XmlReader(text, where).document(); }

}  // namespace limn
