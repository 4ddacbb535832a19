#pragma once
// The small part of XML that annotations need: elements with text or children, comments and a declaration; no
// attributes, no entities beyond the five of the standard.

#include <string>
#include <string_view>
#include <vector>

namespace limn::cli {

struct XmlElement {
  std::string name, text;  ///< text without the white space around it
  std::vector<XmlElement> children;

  /// The first child of that name; throws Error{bad_input} when there is none.
  const XmlElement& child(std::string_view child_name) const;
};

/// The root element. Throws Error{bad_input} that tells the line.
XmlElement parse_xml(std::string_view text);

}  // namespace limn::cli
