#include "limn/datasets/listed.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "limn/base/file.h"
#include "limn/datasets/text.h"
#include "limn/datasets/xml.h"
#include "limn/error.h"

namespace limn {
namespace {

const XmlElement& child(const XmlElement& parent, std::string_view name, const std::string& where) {
  if (const XmlElement* found = parent.find(name)) return *found;
  throw Error(ErrorCode::bad_input, fmt::format("<{}> has no <{}>", parent.name, name), where);
}

double number_in(const XmlElement& parent, std::string_view name, const std::string& where) {
  return parse_number(child(parent, name, where).text, name, where);
}

TrueBox read_object(const XmlElement& object, const ClassIndex& classes, int first_pixel,
                    const std::string& where) {
  const XmlElement& bounds = child(object, "bndbox", where);
  const auto number = [&](std::string_view name) { return number_in(bounds, name, where); };
  TrueBox out;
  out.box = {number("xmin") - first_pixel, number("ymin") - first_pixel, number("xmax"), number("ymax")};
  check_box(out.box, where);
  out.class_index = classes.at(child(object, "name", where).text, where);
  const XmlElement* difficult = object.find("difficult");
  out.difficult = difficult != nullptr && difficult->text == "1";
  return out;
}

}  // namespace

Dataset::~Dataset() = default;

std::optional<Mask> Dataset::mask(std::size_t, std::size_t) const { return std::nullopt; }

ClassIndex::ClassIndex(const std::vector<std::string>& classes) {
  for (std::size_t i = 0; i < classes.size(); ++i) index_.emplace(classes[i], i);
}

std::size_t ClassIndex::at(std::string_view key, const std::string& where) const {
  const auto found = index_.find(std::string(key));
  if (found != index_.end()) return found->second;
  throw Error(ErrorCode::bad_input, fmt::format("'{}' is none of the dataset's classes", printable(key)), where);
}

void add_class(Sample& sample, std::size_t class_index) {
  if (std::ranges::find(sample.classes, class_index) == sample.classes.end()) sample.classes.push_back(class_index);
}

void check_box(const Box& box, const std::string& where) {
  if (box.x0 < box.x1 && box.y0 < box.y1) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("the box {}, {}, {}, {} has no inside", box.x0, box.y0, box.x1, box.y1), where,
              "boxes are to be left, top, right, bottom in pixels");
}

Sample read_voc_annotation(const std::filesystem::path& xml, std::string id, const ClassIndex& classes,
                           int first_pixel) {
  const std::string where = xml.string();
  const XmlElement root = parse_xml(read_text_file(xml), where);
  Sample sample;
  sample.id = std::move(id);
  if (const XmlElement* size = root.find("size")) {
    sample.width = static_cast<int>(number_in(*size, "width", where));
    sample.height = static_cast<int>(number_in(*size, "height", where));
  }
  for (const XmlElement& object : root.children) {
    if (object.name != "object") continue;
    sample.boxes.push_back(read_object(object, classes, first_pixel, where));
    add_class(sample, sample.boxes.back().class_index);
  }
  if (sample.boxes.empty())
    throw Error(ErrorCode::bad_input, "the annotation names no object", where,
                "every image needs an <object> with <name> and <bndbox>");
  return sample;
}

void check_split(std::string_view split, std::initializer_list<std::string_view> known) {
  if (std::ranges::find(known, split) == known.end())
    throw Error(ErrorCode::bad_input, fmt::format("there is no split '{}'", split), "--split",
                fmt::format("the splits are {}", fmt::join(known, ", ")));
}

}  // namespace limn
