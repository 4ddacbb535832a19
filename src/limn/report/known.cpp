#include "limn/report/known.h"

#include <array>

#include "limn/study/experiment.h"

namespace limn {
namespace {

constexpr std::array kExperiments{
    KnownExperiment{"classification", "Classification",
                    "An image is an error when none of its classes is the most probable one (top-1), or among the "
                    "five most probable (top-5).",
                    "", "", ""},
    KnownExperiment{
        "localization", "Localization",
        "A box is drawn around the hottest region of a map and held against the boxes that people drew. "
        "It succeeds when their intersection over union (IoU) reaches min(0.5, mn / ((m + 10)(n + 10))) "
        "for a true box of m \u00d7 n pixels of the network's input.",
        "known_class", "", "IoU"},
    KnownExperiment{"pointing-game", "Pointing game",
                    "A map hits when its hottest pixel lies in a box of the class that was asked for.", "accuracy",
                    "energy", "energy inside the boxes"},
    KnownExperiment{"occlusion", "Occlusion",
                    "A map is compared with what happens to the score of the class when parts of the picture are "
                    "covered, one after the other.",
                    "", "", "rank correlation"},
    KnownExperiment{
        "xray", "Chest x-rays",
        "How much of a map's strongest heat lies in the box that a radiologist drew around the finding.", "share",
        "", "share in the box"},
};

using Cells = std::vector<TableCell>;

TableCell number(double value) { return {{}, value}; }

Row published_row(std::string who, std::string what, const Cells& values) {
  Row row{RowKind::plain, {{std::move(who)}, {std::move(what)}}};
  row.cells.insert(row.cells.end(), values.begin(), values.end());
  return row;
}

constexpr std::string_view kStudy = "the study", kPaper = "original paper";

Table errors_table(std::string id, const char* first, const char* second, std::string_view of) {
  Table table;
  table.id = std::move(id);
  table.caption =
      "Published by the study, on other networks and 49,986 images of ILSVRC-2012: not to be read as a "
      "result of the runs above";
  table.note =
      "The study is the KTH reproduction of Grad-CAM; the original paper is quoted as the study quotes it. " +
      std::string(of);
  table.columns = {{"network", "network"},
                   {"source", "published by"},
                   {"top1", first, Unit::percent},
                   {"top5", second, Unit::percent}};
  return table;
}

void add_errors(Table& table, const char* network, std::array<double, 2> study, std::array<double, 2> paper) {
  table.rows.push_back(published_row(network, std::string(kStudy), {number(study[0]), number(study[1])}));
  table.rows.push_back(published_row(network, std::string(kPaper), {number(paper[0]), number(paper[1])}));
}

Table published_classification() {
  Table table = errors_table("classification-published", "top-1 error", "top-5 error", "");
  add_errors(table, "AlexNet", {.4458, .2169}, {.442, .208});
  add_errors(table, "GoogLeNet", {.3246, .1182}, {.319, .113});
  add_errors(table, "VGG-16", {.3094, .1087}, {.3038, .1089});
  return table;
}

Table published_localization() {
  Table table = errors_table("localization-published", "top-1 loc. error", "top-5 loc. error",
                             "The method is Grad-CAM, the rules are those of the protocol as-published.");
  add_errors(table, "AlexNet", {.6804, .5618}, {.683, .566});
  add_errors(table, "GoogLeNet", {.5689, .4544}, {.6009, .4934});
  add_errors(table, "VGG-16", {.5582, .4482}, {.5651, .4641});
  return table;
}

Table published_pointing_game() {
  Table table;
  table.id = "pointing-game-published";
  table.caption =
      "Published by the study, on other networks and all of ILSVRC-2012's validation images: not to be "
      "read as a result of the runs above";
  table.note =
      "Grad-CAM by the rules of the protocol as-published. What the study calls recall is the agreement at "
      "a rejection threshold of 0.5.";
  table.columns = {{"network", "network"},
                   {"source", "published by"},
                   {"accuracy", "accuracy", Unit::percent},
                   {"agreement", "\u201crecall\u201d", Unit::number}};
  table.rows.push_back(published_row("VGG-16", std::string(kStudy), {number(.8642), number(.82565)}));
  table.rows.push_back(published_row("GoogLeNet", std::string(kStudy), {number(.90419), number(.76685)}));
  return table;
}

Table published_occlusion() {
  Table table;
  table.id = "occlusion-published";
  table.caption = "Published by the study, on VGG-16 and 120 images: not to be read as a result of the runs above";
  table.note =
      "Rank correlation with the occlusion map, by ranks that are none (one argsort) and with gradients of "
      "guided backpropagation in Grad-CAM; the intervals were computed later, from the study's files. The "
      "original paper's numbers are on PASCAL VOC 2007.";
  table.columns = {{"method", "method"},
                   {"source", "published by"},
                   {"correlation", "rank correlation", Unit::number},
                   {"sd", "deviation", Unit::number}};
  const auto add = [&](const char* method, double mean, double deviation, Interval interval, double paper) {
    table.rows.push_back(
        published_row(method, std::string(kStudy), {TableCell{{}, mean, interval}, number(deviation)}));
    table.rows.push_back(published_row(method, std::string(kPaper), {number(paper), TableCell{}}));
  };
  add("guided-backprop", .0095, .1240, {-.013, .031}, .168);
  add("grad-cam", .0505, .1283, {.027, .074}, .254);
  add("guided-grad-cam", .0526, .1287, {.030, .076}, .261);
  return table;
}

Table published_xray() {
  Table table;
  table.id = "xray-published";
  table.caption =
      "Published by the study, on 984 boxes of ChestX-ray14: not to be read as a result of the runs above";
  table.note =
      "Share of the pixels above 0.85 of a map's range that lie in the box. For CheXNet the study explained "
      "the wrong output for seven of the eight findings, and constant maps counted as right by the area of "
      "the box.";
  table.columns = {{"method", "method"},
                   {"source", "published by"},
                   {"a", "CheXNet", Unit::number},
                   {"b", "DenseNet-121 of a COVID project", Unit::number}};
  const auto add = [&](const char* method, double a, double b) {
    table.rows.push_back(published_row(method, std::string(kStudy), {number(a), number(b)}));
  };
  add("grad-cam", .1313, .2068);
  add("grad-cam++", .2537, .2791);
  add("integrated gradients", .2713, .4245);
  add("gradient SHAP", .2583, .4131);
  return table;
}

}  // namespace

KnownExperiment known_experiment(std::string_view name) {
  for (const KnownExperiment& known : kExperiments)
    if (known.name == name) return known;
  return {name, name, "", "", "", "score"};
}

HeadlineVariant headline_variant(const Json& manifest) {
  const std::string experiment = manifest.value("experiment", "");
  if (experiment != "localization" && experiment != "xray") return {};
  const double threshold = manifest.at("thresholds").at(0).get<double>();
  if (experiment == "xray")
    return {"shares", [=](const Json& element) { return element.value("threshold", -1.0) == threshold; }};
  const std::string_view box = name_of(box_of(manifest));
  return {"boxes", [=](const Json& element) {
            return element.value("threshold", -1.0) == threshold && element.value("rule", "") == box;
          }};
}

std::optional<Table> published_table(std::string_view experiment) {
  if (experiment == "classification") return published_classification();
  if (experiment == "localization") return published_localization();
  if (experiment == "pointing-game") return published_pointing_game();
  if (experiment == "occlusion") return published_occlusion();
  if (experiment == "xray") return published_xray();
  return std::nullopt;
}

}  // namespace limn
