// Results of blocks as they travel between processes: CBOR, in which numbers come back as they were.

#include <fmt/format.h>

#include "limn/error.h"
#include "limn/study/block.h"

namespace limn {
namespace {

Json to_json(const ImageRow& r) {
  Json boxes = Json::array();
  for (const auto& [c, b] : r.boxes) boxes.push_back({c, b.x0, b.y0, b.x1, b.y1});
  return {r.position,       r.id,        r.error ? Json(*r.error) : Json(),
          r.width,          r.height,    r.classes,
          std::move(boxes), r.predicted, r.top1,
          r.top5,           r.excluded};
}

ImageRow image_from(const Json& j) {
  ImageRow r;
  r.position = j.at(0).get<std::int64_t>();
  r.id = j.at(1).get<std::string>();
  if (!j.at(2).is_null()) r.error = j.at(2).get<std::string>();
  r.width = j.at(3).get<int>();
  r.height = j.at(4).get<int>();
  r.classes = j.at(5).get<std::vector<std::size_t>>();
  for (const Json& b : j.at(6))
    r.boxes.push_back(
        {b.at(0).get<std::size_t>(),
         {b.at(1).get<double>(), b.at(2).get<double>(), b.at(3).get<double>(), b.at(4).get<double>()}});
  r.predicted = j.at(7).get<std::vector<std::size_t>>();
  r.top1 = j.at(8).get<bool>();
  r.top5 = j.at(9).get<bool>();
  r.excluded = j.at(10).get<bool>();
  return r;
}

/// Lists of numbers are the only arrays.
Json to_json(const Cell& cell) {
  return std::visit(
      []<class T>(const T& value) -> Json {
        if constexpr (std::is_same_v<T, std::monostate>)
          return nullptr;
        else
          return value;
      },
      cell);
}

Cell cell_from(const Json& j) {
  if (j.is_null()) return std::monostate{};
  if (j.is_string()) return j.get<std::string>();
  if (j.is_array()) return j.get<std::vector<std::uint16_t>>();
  if (j.is_number_float()) return j.get<double>();
  return j.get<std::int64_t>();
}

}  // namespace

std::vector<std::uint8_t> packed(const BlockResult& result) {
  Json images = Json::array(), maps = Json::array();
  for (const ImageRow& row : result.images) images.push_back(to_json(row));
  for (const MapRow& row : result.maps) {
    Json cells = Json::array();
    for (const Cell& cell : row.cells) cells.push_back(to_json(cell));
    maps.push_back({row.position, row.method, std::move(cells)});
  }
  const EvaluationTimes& t = result.times;
  return Json::to_cbor(Json{std::move(images), std::move(maps), {t.decode, t.compute, t.measure}});
}

BlockResult unpacked(std::span<const std::uint8_t> bytes) {
  try {
    const Json json = Json::from_cbor(bytes);
    BlockResult result;
    for (const Json& row : json.at(0)) result.images.push_back(image_from(row));
    for (const Json& row : json.at(1)) {
      MapRow map{row.at(0).get<std::int64_t>(), row.at(1).get<std::string>(), {}};
      for (const Json& cell : row.at(2)) map.cells.push_back(cell_from(cell));
      result.maps.push_back(std::move(map));
    }
    result.times.decode = json.at(2).at(0).get<double>();
    result.times.compute = json.at(2).at(1).get<double>();
    result.times.measure = json.at(2).at(2).get<double>();
    return result;
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::internal, fmt::format("another process sent no result of a block: {}", e.what()));
  }
}

}  // namespace limn
