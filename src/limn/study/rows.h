#pragma once
// What an evaluation keeps of every image and every map, in rows.sqlite.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limn/geometry.h"
#include "limn/study/database.h"

namespace limn {

/// A box of a class of the network, in pixels of its input.
struct ClassBox {
  std::size_t class_index = 0;
  Box box;
  friend bool operator==(const ClassBox&, const ClassBox&) = default;
};

struct ImageRow {
  std::int64_t position = 0;  ///< in the dataset
  std::string id;
  std::optional<std::string> error;    ///< then nothing below is set
  int width = 0, height = 0;           ///< of the original
  std::vector<std::size_t> classes;    ///< of the network, distinct
  std::vector<ClassBox> boxes;         ///< that are left after the crop
  std::vector<std::size_t> predicted;  ///< the five classes with the highest scores
  bool top1 = false, top5 = false;     ///< a true class is the first, among the first five
  bool excluded = false;               ///< without truth to compare with
};

/// The classes of its boxes, each once, in their order.
std::vector<std::size_t> classes_with_boxes(const ImageRow&);
std::vector<Box> boxes_of(const ImageRow&, std::size_t class_index);

/// What one method came to on one image; the cells are those of the experiment's columns.
struct MapRow {
  std::int64_t position = 0;
  std::string method;
  std::vector<Cell> cells;
};

/// The rows of a run. Images come in blocks, of which all rows are written or none.
class RowStore {
 public:
  /// Opens or makes the file, with a table whose columns are named so. Throws as Database does.
  RowStore(const std::filesystem::path&, std::vector<std::string> columns);
  /// Opens the rows of a finished run, with the columns that it has, and never changes them.
  static RowStore to_read(const std::filesystem::path&);

  /// The first positions of the blocks that are there already, rising.
  std::vector<std::int64_t> positions();
  void write(std::span<const ImageRow> images, std::span<const MapRow> maps);
  /// In the order of positions.
  void for_each_image(const std::function<void(const ImageRow&)>&);
  /// One method's rows in the order of positions; `row` gives the cells by column numbers from 0.
  void for_each_map(std::string_view method,
                    const std::function<void(std::int64_t position, const Statement& row)>&);
  /// A question in SQL, for what the members above do not answer.
  Statement query(std::string_view sql) { return database_.prepare(sql); }
  /// Adds all rows of another run's file, which has the same columns.
  void take_from(const std::filesystem::path&);
  /// Moves everything into the one file.
  void close() { database_.close(); }

  const std::vector<std::string>& columns() const { return columns_; }

 private:
  explicit RowStore(const std::filesystem::path&);

  std::vector<std::string> columns_;
  Database database_;
};

}  // namespace limn
