#pragma once
// What a report holds, whatever it is written as: sections of text, tables, charts and pictures. Texts are plain;
// writers escape them.

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limn/geometry.h"
#include "limn/statistics.h"

namespace limn {

/// How numbers of a column or an axis are shown.
enum class Unit {
  text,
  count,     ///< 49,986
  fraction,  ///< 0.557
  percent,   ///< a rate between 0 and 1, as 55.7
  points,    ///< a difference of rates, as +5.6
  change,    ///< a difference of fractions, as +0.056
  p_value,   ///< 0.0027
  number     ///< four digits
};

/// A text, a number with or without its interval of 95 %, or nothing.
struct TableCell {
  std::string text = {};
  std::optional<double> value = {};
  std::optional<Interval> interval = {};
};

struct Column {
  std::string key;    ///< for programs: "calibrated.box_accuracy"
  std::string title;  ///< for people
  Unit unit = Unit::text;
  std::string hint = {};  ///< what it means, in a sentence; may be empty
};

enum class RowKind { plain, method, control };

struct Row {
  RowKind kind = RowKind::plain;
  std::vector<TableCell> cells;  ///< as many as columns; the first ones of unit text name the row
};

struct Table {
  std::string id;  ///< unique in the report, of letters, digits and hyphens
  std::string caption;
  std::string note = {};  ///< below it; may be empty
  std::vector<Column> columns;
  std::vector<Row> rows;
  bool folded = false;  ///< long, or seldom wanted
};

struct Axis {
  std::string title;
  double low = 0, high = 1;
  Unit unit = Unit::fraction;
};

struct Series {
  std::string name;
  bool control = false;
  std::vector<std::pair<double, double>> points;  ///< x rising
};

/// Lines over a common axis.
struct LineChart {
  std::string id, caption;
  Axis x, y;
  std::vector<Series> series;
  std::optional<double> mark = {};  ///< an x worth a vertical line
  std::string mark_name = {};
};

/// One small histogram a method, all of the same bins.
struct Histograms {
  std::string id, caption;
  Axis x;
  struct Panel {
    std::string name;
    bool control = false;
    std::vector<std::size_t> counts;  ///< of equal bins between x.low and x.high
    double mean = 0;
  };
  std::vector<Panel> panels;
};

/// Values with their intervals, one below the other.
struct IntervalChart {
  std::string id, caption;
  Axis x;
  struct Line {
    std::string name;
    bool control = false;
    double value = 0;
    Interval interval;
    std::string group = {};  ///< a heading above it; may be empty
  };
  std::vector<Line> lines;
};

/// A picture tinted by a heatmap, with what is drawn on it in pixels of the picture.
struct Figure {
  std::string title, text, alt;
  std::vector<std::byte> jpeg;
  int width = 0, height = 0;
  std::vector<Box> truths;
  std::optional<Box> found = {};
  std::optional<std::pair<double, double>> peak = {};  ///< the centre of the hottest pixel
};

/// Cases of one method.
struct Gallery {
  std::string id, title, caption;
  struct Part {
    std::string title;  ///< "Best"
    std::vector<Figure> figures;
  };
  std::vector<Part> parts;
  bool folded = false;
};

struct Heading {
  std::string text;
};
struct Paragraph {
  std::string text;
  bool quiet = false;  ///< a remark
};

using Block = std::variant<Heading, Paragraph, Table, LineChart, Histograms, IntervalChart, Gallery>;

struct Section {
  std::string id, title;
  std::vector<Block> blocks;
};

struct Document {
  std::string title, subtitle;
  std::vector<Section> sections;
  std::string colophon;  ///< who wrote it
};

}  // namespace limn
