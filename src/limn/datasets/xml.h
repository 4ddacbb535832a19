#pragma once
// As much of XML as annotation files use: elements with text and children. Attributes are skipped.

#include <string>
#include <string_view>
#include <vector>

namespace limn {

struct XmlElement {
  std::string name, text;  ///< the text directly inside, entities replaced, blanks around it removed
  std::vector<XmlElement> children;

  /// The first child of that name; null when there is none.
  const XmlElement* find(std::string_view name) const;
};

/// The root element. Throws Error{bad_input} naming `where` and the line for anything that is not well-formed.
XmlElement parse_xml(std::string_view text, const std::string& where);

}  // namespace limn
