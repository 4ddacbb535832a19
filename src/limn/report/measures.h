#pragma once
// What the summary of a run holds of each method, whatever the experiment: measures found by walking its JSON.

#include <string>
#include <string_view>
#include <vector>

#include "limn/image/json.h"
#include "limn/report/document.h"

namespace limn {

/// A value of a method's entry: a number, a text, nothing, or a measure with its interval.
struct Leaf {
  std::string path;  ///< keys joined by dots: "calibrated.box_accuracy"
  Json value;
};

/// A list of objects in a method's entry, such as one for every threshold.
struct Variants {
  std::string path;
  Json list;
};

struct Entry {
  std::vector<Leaf> leaves;
  std::vector<Variants> variants;
};

/// Everything in an object but its name, and whether it is a control. Lists of anything but objects are left out.
Entry read_entry(const Json& object);

/// Whether it has an interval: what rate_json(), error_json() and mean_json() make.
bool is_measure(const Json&);
/// Number and interval of a measure, a number, a text; an empty cell of null.
TableCell measure_cell(const Json&);

/// A column for a value found there: with the title and unit of a known measure, else with the path as words and a
/// unit that suits `example`.
Column measure_column(std::string_view path, const Json& example);

/// The unit of the difference of two values.
Unit difference_unit(Unit);

}  // namespace limn
