#include "evaluate_report.h"

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

namespace limn::cli {
namespace {

/// A cell of the first column, apart from the next however long it is.
std::string padded(std::string_view name) { return fmt::format("{:<21} ", name); }
std::string name_cell(const Json& method) { return padded(method.at("name").get<std::string>()); }

std::string percent(const Json& rate, const char* key) {
  if (rate.at(key).is_null()) return "-";
  return fmt::format("{:.1f} ({:.1f}-{:.1f})", 100 * rate.at(key).get<double>(), 100 * rate.at("low").get<double>(),
                     100 * rate.at("high").get<double>());
}

std::string fraction(const Json& mean) {
  if (mean.is_null()) return "-";
  return fmt::format("{:.3f} ({:.3f}-{:.3f})", mean.at("mean").get<double>(), mean.at("low").get<double>(),
                     mean.at("high").get<double>());
}

/// Of a number that may be negative.
std::string signed_fraction(const Json& mean) {
  if (mean.is_null()) return "-";
  return fmt::format("{:+.3f} ({:+.3f} to {:+.3f})", mean.at("mean").get<double>(), mean.at("low").get<double>(),
                     mean.at("high").get<double>());
}

std::string images_line(const Json& summary) {
  const Json& images = summary.at("images");
  std::string text = fmt::format("{}, {}: {} images", summary.at("experiment").get<std::string>(),
                                 summary.at("protocol").get<std::string>(), images.at("used").dump());
  if (images.at("excluded") != 0) text += fmt::format(", {} excluded", images.at("excluded").dump());
  if (images.at("failed") != 0) text += fmt::format(", {} failed", images.at("failed").dump());
  return text + "\n";
}

/// A row per threshold and rule of one method.
std::string localization_rows(const Json& method) {
  std::string text;
  for (const Json& b : method.at("boxes"))
    text += fmt::format("{}{:<15}{:<20}{:<20}{:<20}{}\n", name_cell(method),
                        fmt::format("{} {:.2f}", b.at("rule").get<std::string>(), b.at("threshold").get<double>()),
                        percent(b.at("top1"), "error"), percent(b.at("top5"), "error"),
                        percent(b.at("known_class"), "rate"), fraction(b.at("iou")));
  return text;
}

/// Over all thresholds, and at the one that was chosen on other images.
std::string threshold_table(const Json& summary) {
  std::string text;
  for (const Json& method : summary.at("methods")) {
    if (!method.contains("max_box_accuracy")) continue;
    if (text.empty())
      text = fmt::format("\n{}{:<11}{:<13}{:<15}{:<11}{}\n", padded("method"), "MaxBoxAcc", "MaxBoxAccV2",
                         "calibrated at", "chosen on", "box accuracy");
    const auto of_best = [&](const char* key) { return fmt::format("{:.1f}", 100 * method.at(key).get<double>()); };
    text += fmt::format("{}{:<11}{:<13}", name_cell(method), of_best("max_box_accuracy"),
                        of_best("max_box_accuracy_v2"));
    const Json& c = method.at("calibrated");
    text += c.is_null() ? "-\n"
                        : fmt::format("{:<15.2f}{:<11}{}\n", c.at("threshold").get<double>(),
                                      c.at("chosen_on").dump(), percent(c.at("box_accuracy"), "rate"));
  }
  return text;
}

/// Of the methods' pixels, where the dataset has masks.
std::string mask_table(const Json& summary) {
  std::string text;
  for (const Json& method : summary.at("methods")) {
    if (!method.contains("pxap")) continue;
    if (text.empty())
      text = fmt::format("\n{}{:<15}{:<20}{}\n", padded("method"), "masked images", "PxAP of all pixels",
                         "of each image");
    const Json& pooled = method.at("pxap");
    text += fmt::format("{}{:<15}{:<20}{}\n", name_cell(method), method.at("masked_images").dump(),
                        pooled.is_null() ? "-" : fmt::format("{:.3f}", pooled.get<double>()),
                        fraction(method.at("pxap_of_images")));
  }
  return text;
}

std::string pointing_row(const Json& method) {
  return fmt::format("{}{:<20}{:<20}{:<20}{}\n", name_cell(method), percent(method.at("accuracy"), "rate"),
                     percent(method.at("accuracy_with_tolerance"), "rate"),
                     percent(method.at("accuracy_of_predicted_class"), "rate"),
                     fraction(method.at("energy_inside")));
}

/// A row per threshold of one method.
std::string xray_rows(const Json& method) {
  std::string text;
  for (const Json& s : method.at("shares"))
    text += fmt::format("{}{:<11.2f}{:<22}{:<22}{:<22}{}\n", name_cell(method), s.at("threshold").get<double>(),
                        fraction(s.at("share")), fraction(method.at("chance")),
                        fraction(method.at("energy_inside")), percent(method.at("localized"), "rate"));
  return text;
}

std::string occlusion_row(const Json& method) {
  return fmt::format("{}{:<28}{:<28}{}\n", name_cell(method), signed_fraction(method.at("spearman")),
                     signed_fraction(method.at("argsort")), method.at("degenerate").dump());
}

/// The head of the table of an experiment's methods, and how the rows of a method are written.
struct TextTable {
  std::string head;
  std::string (*rows)(const Json& method);
};
TextTable text_table(const std::string& experiment) {
  if (experiment == "localization")
    return {fmt::format("{}{:<15}{:<20}{:<20}{:<20}{}\n", padded("method"), "box", "top-1 loc. error",
                        "top-5 loc. error", "known class", "IoU"),
            localization_rows};
  if (experiment == "pointing-game")
    return {fmt::format("{}{:<20}{:<20}{:<20}{}\n", padded("method"), "accuracy", "with tolerance",
                        "predicted class", "energy inside"),
            pointing_row};
  if (experiment == "xray")
    return {fmt::format("{}{:<11}{:<22}{:<22}{:<22}{}\n", padded("method"), "threshold", "pixels in the box",
                        "area of the box", "energy inside", "localized"),
            xray_rows};
  return {fmt::format("{}{:<28}{:<28}{}\n", padded("method"), "rank correlation", "of argsort", "constant maps"),
          occlusion_row};
}

std::string comparison_line(const Json& c) {
  const double p = c.at("p_holm").get<double>();
  const auto method = c.at("method").get<std::string>();
  if (c.contains("control"))
    return fmt::format("\n{} against {}: {:+.1f} points, p = {:.2g} (McNemar, Holm)", method,
                       c.at("control").get<std::string>(), 100 * c.at("difference").get<double>(), p);
  return fmt::format("\n{} against {}: {}, p = {:.2g} (Wilcoxon, Holm)", method, c.at("against").get<std::string>(),
                     signed_fraction(c.at("difference")), p);
}

}  // namespace

std::string text_of(const Json& summary) {
  const Json& errors = summary.at("classification");
  std::string text = images_line(summary);
  text += fmt::format("top-1 error {} %, top-5 error {} %\n", percent(errors.at("top1"), "error"),
                      percent(errors.at("top5"), "error"));
  if (!summary.contains("methods")) return text;
  const TextTable table = text_table(summary.at("experiment").get<std::string>());
  text += "\n" + table.head;
  for (const Json& method : summary.at("methods")) text += table.rows(method);
  text += threshold_table(summary);
  text += mask_table(summary);
  for (const Json& c : summary.at("comparisons")) text += comparison_line(c);
  return summary.at("comparisons").empty() ? text : text + "\n";
}

void print_times(const EvaluationTimes& times, std::size_t images, int threads) {
  const double all = times.decode + times.compute + times.measure + times.write;
  if (all <= 0 || times.elapsed <= 0) return;
  const auto share = [&](double part) { return 100 * part / all; };
  const std::string text = fmt::format(
      "  {} images in {:.1f} s, {:.1f} a second with {} threads; of their work {:.1f} % decoding, {:.1f} % "
      "computing, "
      "{:.1f} % measuring, {:.1f} % writing\n",
      images, times.elapsed, static_cast<double>(images) / times.elapsed, threads, share(times.decode),
      share(times.compute), share(times.measure), share(times.write));
  std::fputs(text.c_str(), stderr);
}

}  // namespace limn::cli
