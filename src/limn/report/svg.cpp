#include "limn/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/report/text.h"

namespace limn {
namespace {

/// A stretch of the picture for an axis; y axes run downwards.
struct Scale {
  double low, high;  ///< values
  double from, to;   ///< pixels
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

std::string text_at(double x, double y, std::string_view anchor, std::string_view css, std::string_view text) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", x, y, anchor, css,
                     html_escaped(text));
}

std::string line(double x0, double y0, double x1, double y1, std::string_view css) {
  return fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>)", x0, y0, x1, y1, css);
}

std::string picture(double width, double height, std::string_view description, const std::string& inside) {
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">{}</svg>\n", width, height,
                     html_escaped(description), inside);
}

/// A tick's label with the digits it needs: 0, 0.25, 50.
std::string tick_text(double value, Unit unit) {
  if (unit == Unit::percent) value *= 100;
  const std::string text = fmt::format("{:g}", std::abs(value));
  return value < -1e-12 ? "\u2212" + text : std::abs(value) < 1e-12 ? "0" : text;
}

std::string path_of(const Series& series, const Scale& x, const Scale& y) {
  std::string d;
  for (const auto& [at, value] : series.points)
    d += fmt::format("{}{:.1f} {:.1f}", d.empty() ? "M" : "L", x(at), y(value));
  return d;
}

std::string percent_sign(Unit unit) { return unit == Unit::percent ? " %" : ""; }

}  // namespace

std::vector<double> ticks(double low, double high) {
  const double rough = (high - low) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.5, 2.0, 1.0})
    if (factor * power >= rough * (1 - 1e-9)) step = factor * power;
  std::vector<double> values;
  const auto first = static_cast<std::int64_t>(std::ceil(low / step - 1e-9));
  for (std::int64_t i = first; static_cast<double>(i) * step <= high + 1e-9 * step; ++i)
    values.push_back(static_cast<double>(i) * step);
  return values;
}

std::size_t style_number(const std::vector<Series>& all, std::size_t series) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < series; ++i) number += all[i].control == all[series].control ? 1 : 0;
  return number;
}

std::string description_of(const LineChart& chart) {
  std::string text = chart.caption;
  for (const Series& series : chart.series) {
    const auto best = std::ranges::max_element(series.points, {}, &std::pair<double, double>::second);
    if (best == series.points.end()) continue;
    text += fmt::format(" {}: at most {}, at {}.", series.name, typeset(TableCell{{}, best->second}, chart.y.unit),
                        tick_text(best->first, chart.x.unit));
  }
  return text;
}

std::string description_of(const IntervalChart& chart) {
  std::string text = chart.caption;
  for (const auto& l : chart.lines) {
    if (!l.group.empty()) text += fmt::format(" {}:", l.group);
    text += fmt::format(" {} {};", l.name, typeset(TableCell{{}, l.value, l.interval}, chart.x.unit));
  }
  return text;
}

std::string description_of(const Histograms::Panel& panel, const Axis& x) {
  std::size_t all = 0;
  for (const std::size_t count : panel.counts) all += count;
  const auto most = std::ranges::max_element(panel.counts);
  const double width = (x.high - x.low) / static_cast<double>(panel.counts.size());
  const double from = x.low + width * static_cast<double>(most - panel.counts.begin());
  return fmt::format("{}: {} of {} images, mean {:.3f}, most often between {:.4g} and {:.4g}", panel.name, x.title,
                     all, panel.mean, from, from + width);
}

std::string svg_of(const LineChart& chart) {
  constexpr double kWidth = 560, kHeight = 320, kLeft = 44, kRight = 10, kTop = 18, kBottom = 46;
  const Scale x{chart.x.low, chart.x.high, kLeft, kWidth - kRight};
  const Scale y{chart.y.low, chart.y.high, kHeight - kBottom, kTop};
  std::string inside;
  for (const double value : ticks(chart.y.low, chart.y.high)) {
    inside += line(kLeft, y(value), kWidth - kRight, y(value), "grid");
    inside += text_at(kLeft - 7, y(value) + 4, "end", "tick", tick_text(value, chart.y.unit));
  }
  for (const double value : ticks(chart.x.low, chart.x.high))
    inside += text_at(x(value), kHeight - kBottom + 18, "middle", "tick", tick_text(value, chart.x.unit));
  inside += text_at(kWidth - kRight, kHeight - 6, "end", "axis", chart.x.title);
  if (chart.mark) {
    inside += line(x(*chart.mark), kTop, x(*chart.mark), kHeight - kBottom, "mark");
    inside += text_at(x(*chart.mark), kTop - 6, "middle", "tick", chart.mark_name);
  }
  for (const bool controls : {true, false})  // methods above controls
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
      const Series& series = chart.series[i];
      if (series.control != controls) continue;
      inside += fmt::format(R"(<path d="{}" class="line {}{}"/>)", path_of(series, x, y),
                            controls ? "control c" : "s", style_number(chart.series, i) % 8);
    }
  return picture(kWidth, kHeight, description_of(chart), inside);
}

std::string svg_of(const IntervalChart& chart) {
  constexpr double kWidth = 760, kRow = 26, kTop = 6, kAxis = 26, kLetter = 6.8;
  double height = kTop + kAxis, left = 0, right = 0;
  for (const auto& l : chart.lines) {
    height += kRow + (l.group.empty() ? 0 : kRow + 4);
    left = std::max(left, kLetter * static_cast<double>(l.name.size()));
    const std::string value = cell_text({{}, l.value, l.interval}, chart.x.unit);  // a byte a letter
    right = std::max(right, kLetter * static_cast<double>(value.size() + 2));
  }
  right += 14;
  left = std::clamp(left, 80.0, 300.0) + 14;
  const Scale x{chart.x.low, chart.x.high, left, kWidth - right};
  std::string inside;
  for (const double value : ticks(chart.x.low, chart.x.high)) {
    inside += line(x(value), kTop, x(value), height - kAxis, "grid");
    inside += text_at(x(value), height - 8, "middle", "tick",
                      tick_text(value, chart.x.unit) + percent_sign(chart.x.unit));
  }
  double top = kTop;
  for (const auto& l : chart.lines) {
    if (!l.group.empty()) {
      inside += text_at(0, top + 20, "start", "group", l.group);
      top += kRow + 4;
    }
    const double middle = top + kRow / 2;
    const std::string css = l.control ? "control" : "method";
    inside += text_at(left - 14, middle + 4, "end", "name " + css, l.name);
    inside += line(x(l.interval.low), middle, x(l.interval.high), middle, "whisker " + css);
    inside += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="4.5" class="dot {}"/>)", x(l.value), middle, css);
    inside += text_at(kWidth - right + 14, middle + 4, "start", "value " + css,
                      typeset(TableCell{{}, l.value, l.interval}, chart.x.unit));
    top += kRow;
  }
  return picture(kWidth, height, description_of(chart), inside);
}

std::string svg_of(const Histograms::Panel& panel, const Axis& axis, std::size_t most) {
  constexpr double kWidth = 240, kHeight = 104, kBottom = 18, kTop = 6, kGap = 1;
  const Scale x{axis.low, axis.high, 8, kWidth - 8};
  const double bar = (x.to - x.from) / static_cast<double>(panel.counts.size());
  std::string inside;
  for (std::size_t i = 0; i < panel.counts.size(); ++i) {
    if (panel.counts[i] == 0) continue;
    const double share = static_cast<double>(panel.counts[i]) / static_cast<double>(std::max<std::size_t>(most, 1));
    const double high = share * (kHeight - kBottom - kTop);
    inside += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="bar {}"/>)",
                          x.from + bar * static_cast<double>(i) + kGap / 2, kHeight - kBottom - high, bar - kGap,
                          high, panel.control ? "control" : "method");
  }
  inside += line(x.from, kHeight - kBottom, x.to, kHeight - kBottom, "base");
  inside += line(x(panel.mean), kTop, x(panel.mean), kHeight - kBottom, "mean");
  for (const double value : {axis.low, (axis.low + axis.high) / 2, axis.high})
    inside += text_at(x(value), kHeight - 4, "middle", "tick", tick_text(value, axis.unit));
  return picture(kWidth, kHeight, description_of(panel, axis), inside);
}

}  // namespace limn
