#include "limn/study/rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "limn/image/json.h"

namespace limn {
namespace {

std::string numbers_text(std::span<const std::size_t> numbers) { return Json(numbers).dump(); }

std::string boxes_text(std::span<const ClassBox> boxes) {
  Json list = Json::array();
  for (const auto& [class_index, b] : boxes) list.push_back({class_index, b.x0, b.y0, b.x1, b.y1});
  return list.dump();
}

std::vector<ClassBox> boxes_from(const std::string& text) {
  std::vector<ClassBox> boxes;
  for (const Json& b : Json::parse(text))
    boxes.push_back({b[0].get<std::size_t>(),
                     {b[1].get<double>(), b[2].get<double>(), b[3].get<double>(), b[4].get<double>()}});
  return boxes;
}

std::vector<Cell> cells_of(const ImageRow& row) {
  using Whole = std::int64_t;
  if (row.error) {
    std::vector<Cell> cells{row.position, row.id, *row.error};
    cells.resize(11);
    return cells;
  }
  return {row.position,          row.id,
          std::monostate{},      Whole{row.width},
          Whole{row.height},     numbers_text(row.classes),
          boxes_text(row.boxes), numbers_text(row.predicted),
          Whole{row.top1},       Whole{row.top5},
          Whole{row.excluded}};
}

}  // namespace

std::vector<std::size_t> classes_with_boxes(const ImageRow& image) {
  std::vector<std::size_t> classes;
  for (const auto& [c, box] : image.boxes)
    if (std::ranges::find(classes, c) == classes.end()) classes.push_back(c);
  return classes;
}

std::vector<Box> boxes_of(const ImageRow& image, std::size_t class_index) {
  std::vector<Box> boxes;
  for (const auto& [c, box] : image.boxes)
    if (c == class_index) boxes.push_back(box);
  return boxes;
}

RowStore::RowStore(const std::filesystem::path& path, std::vector<std::string> columns)
    : columns_(std::move(columns)), database_(path) {
  Transaction transaction(database_);
  database_.execute(
      "CREATE TABLE IF NOT EXISTS images(position INTEGER PRIMARY KEY, id TEXT NOT NULL, error TEXT, width, "
      "height, "
      "classes, boxes, predicted, top1, top5, excluded)");
  std::string names;
  for (const auto& column : columns_) names += fmt::format("\"{}\", ", column);
  database_.execute(
      fmt::format("CREATE TABLE IF NOT EXISTS maps(position INTEGER NOT NULL, method TEXT NOT NULL, {}"
                  "PRIMARY KEY(position, method)) WITHOUT ROWID",
                  names));
  transaction.commit();
}

RowStore::RowStore(const std::filesystem::path& path) : database_(Database::to_read(path)) {
  Statement names = database_.prepare("SELECT name FROM pragma_table_info('maps') ORDER BY cid");
  while (names.step())
    if (names.text(0) != "position" && names.text(0) != "method") columns_.push_back(names.text(0));
}

RowStore RowStore::to_read(const std::filesystem::path& path) { return RowStore(path); }

std::vector<std::int64_t> RowStore::positions() {
  std::vector<std::int64_t> found;
  Statement query = database_.prepare("SELECT position FROM images ORDER BY position");
  while (query.step()) found.push_back(query.integer(0));
  return found;
}

void RowStore::write(std::span<const ImageRow> images, std::span<const MapRow> maps) {
  Transaction transaction(database_);
  Statement image = database_.prepare("INSERT INTO images VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)");
  for (const ImageRow& row : images) image.run(cells_of(row));
  std::string places = "?1,?2";
  for (std::size_t i = 0; i < columns_.size(); ++i) places += fmt::format(",?{}", i + 3);
  Statement map = database_.prepare(fmt::format("INSERT INTO maps VALUES({})", places));
  for (const MapRow& row : maps) {
    std::vector<Cell> cells{row.position, row.method};
    cells.insert(cells.end(), row.cells.begin(), row.cells.end());
    map.run(cells);
  }
  transaction.commit();
}

void RowStore::for_each_image(const std::function<void(const ImageRow&)>& visit) {
  Statement query = database_.prepare("SELECT * FROM images ORDER BY position");
  while (query.step()) {
    ImageRow row;
    row.position = query.integer(0);
    row.id = query.text(1);
    if (!query.is_null(2)) {
      row.error = query.text(2);
    } else {
      row.width = static_cast<int>(query.integer(3));
      row.height = static_cast<int>(query.integer(4));
      row.classes = Json::parse(query.text(5)).get<std::vector<std::size_t>>();
      row.boxes = boxes_from(query.text(6));
      row.predicted = Json::parse(query.text(7)).get<std::vector<std::size_t>>();
      row.top1 = query.integer(8) != 0;
      row.top5 = query.integer(9) != 0;
      row.excluded = query.integer(10) != 0;
    }
    visit(row);
  }
}

void RowStore::for_each_map(std::string_view method,
                            const std::function<void(std::int64_t position, const Statement& row)>& visit) {
  std::string names;
  for (const auto& column : columns_) names += fmt::format("\"{}\", ", column);
  Statement query =
      database_.prepare(fmt::format("SELECT {}position FROM maps WHERE method = ?1 ORDER BY position", names));
  query.bind(std::array<Cell, 1>{std::string(method)});
  const auto last = static_cast<int>(columns_.size());
  while (query.step()) visit(query.integer(last), query);
}

void RowStore::take_from(const std::filesystem::path& other) {
  Statement attach = database_.prepare("ATTACH ?1 AS other");
  attach.run(std::array<Cell, 1>{other.string()});
  Transaction transaction(database_);
  database_.execute("INSERT INTO images SELECT * FROM other.images");
  database_.execute("INSERT INTO maps SELECT * FROM other.maps");
  transaction.commit();
  database_.execute("DETACH other");
}

}  // namespace limn
