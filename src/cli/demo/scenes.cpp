#include "demo/scenes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "demo/xml.h"
#include "limn/base/file.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

double number(const XmlElement& parent, std::string_view name) {
  const std::string& text = parent.child(name).text;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw Error(ErrorCode::bad_input, fmt::format("<{}> holds '{}', which is not a number", name, text));
  return value;
}

Garment read_garment(const XmlElement& object) {
  const XmlElement& bounds = object.child("bndbox");
  const Garment garment{
      object.child("name").text,
      {number(bounds, "xmin"), number(bounds, "ymin"), number(bounds, "xmax"), number(bounds, "ymax")}};
  if (garment.box.width() <= 0 || garment.box.height() <= 0)
    throw Error(ErrorCode::bad_input, fmt::format("the box of '{}' is empty", garment.name));
  return garment;
}

}  // namespace

Scene parse_scene(std::string_view xml, const fs::path& where) {
  try {
    const XmlElement annotation = parse_xml(xml);
    Scene scene{where.stem().string(), where.parent_path() / annotation.child("filename").text, {}};
    for (const XmlElement& element : annotation.children)
      if (element.name == "object") scene.garments.push_back(read_garment(element));
    return scene;
  } catch (const Error& e) {
    throw Error(e.code(), e.message(), where.string(), e.mend());
  }
}

std::vector<Scene> read_scenes(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".xml") files.push_back(entry.path());
  if (files.empty()) throw Error(ErrorCode::not_found, "the folder holds no annotated scenes", folder.string());
  std::ranges::sort(files);
  std::vector<Scene> scenes;
  for (const auto& file : files) scenes.push_back(parse_scene(read_text_file(file), file));
  return scenes;
}

}  // namespace limn::cli
