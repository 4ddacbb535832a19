#include "results.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "limn/study/method_json.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";  // file names may be in any encoding
}

Json to_json(const Prediction& p) {
  return {{"index", p.index}, {"label", or_null(p.label)}, {"probability", p.probability}, {"logit", p.logit}};
}

Json to_json(const std::optional<Box>& box) {
  if (!box) return nullptr;
  const auto whole = [](double v) { return static_cast<std::int64_t>(v); };
  return {whole(box->x0), whole(box->y0), whole(box->x1), whole(box->y1)};
}

std::string_view kind_name(Target::Kind kind) {
  switch (kind) {
    case Target::Kind::logit: return "logit";
    case Target::Kind::probability: return "probability";
    case Target::Kind::difference: return "difference";
  }
  return {};
}

Json to_json(const Explanation& e) {
  Json json{{"method", e.method}, {"variant", or_null(e.variant)}, {"target", e.target.class_index}};
  json["target_kind"] = kind_name(e.target.kind);
  if (e.target.kind == Target::Kind::difference) json["against"] = e.target.against;
  json["label"] = or_null(e.label);
  json["counterfactual"] = e.counterfactual;
  json["layer"] = e.layer ? Json(*e.layer) : Json(nullptr);
  json["heatmap"] = or_null(e.heatmap);
  json["overlay"] = or_null(e.overlay);
  json["box"] = to_json(e.box);
  json["score"] = e.score;
  json["raw_min"] = e.raw_min;
  json["raw_max"] = e.raw_max;
  json["degenerate"] = e.degenerate;
  json["precision"] = name_of(e.precision);
  if (const Json parameters = parameters_json(e.request); !parameters.is_null()) json["parameters"] = parameters;
  if (e.delta) json["delta"] = *e.delta;
  return json;
}

Json heading(const Item& item) {
  Json json{{"input", item.name}};
  if (item.row) json["row"] = *item.row;
  return json;
}

std::string text_of(const Prediction& p) {
  return fmt::format("  {:>6.2f} %  {:>5}{}{}\n", 100 * p.probability, p.index, p.label.empty() ? "" : "  ",
                     p.label);
}

std::string text_of(const std::optional<Box>& box) {
  return box ? fmt::format("box {:.0f},{:.0f} - {:.0f},{:.0f}", box->x0, box->y0, box->x1, box->y1) : "no box";
}

std::string text_of(const Explanation& e, std::size_t method_width, std::size_t target_width) {
  const std::string method = e.counterfactual ? "counterfactual " + e.method : e.method;
  const std::string& file = e.overlay.empty() ? e.heatmap : e.overlay;
  return fmt::format("  {:<{}}  {:<{}}  {:<26}  {}\n", method, method_width, display_target(e.target, e.label),
                     target_width, e.degenerate ? "shows nothing: constant map" : text_of(e.box), file);
}

}  // namespace

std::vector<Prediction> top_predictions(std::span<const float> logits, const ClassNames& names, std::size_t k,
                                        Probability how) {
  const auto probability = probabilities(logits, how);
  std::vector<Prediction> best;
  for (const std::size_t i : top_classes(logits, std::min(k, logits.size())))
    best.push_back({i, std::string(names[i]), probability[i], logits[i]});
  return best;
}

std::string json_line(const Item& item, const ImageResult& result, const Preprocess& preprocess) {
  Json json = heading(item);
  json["predictions"] = Json::array();
  for (const auto& p : result.predictions) json["predictions"].push_back(to_json(p));
  const Json recipe = item.tensor ? Json(nullptr) : Json::parse(limn::to_json(preprocess));
  if (!result.explanations.empty()) json["explanations"] = Json::array();
  for (const auto& e : result.explanations) {
    json["explanations"].push_back(to_json(e));
    json["explanations"].back()["preprocessing"] = recipe;
  }
  if (!result.sheet.empty()) json["sheet"] = result.sheet;
  return line(json);
}

std::string json_line(const Item& item, const Error& error) {
  Json json = heading(item);
  json["error"] = {{"what", error.message()}, {"where", or_null(error.where())}, {"mend", or_null(error.mend())}};
  return line(json);
}

std::string text_of(const Item& item, const ImageResult& result) {
  std::string text = display_name(item) + "\n";
  for (const auto& p : result.predictions) text += text_of(p);
  std::size_t method_width = 0, target_width = 0;
  for (const auto& e : result.explanations) {
    method_width = std::max(method_width, e.method.size() + (e.counterfactual ? 15 : 0));
    target_width = std::max(target_width, display_target(e.target, e.label).size());
  }
  for (const auto& e : result.explanations) text += text_of(e, method_width, target_width);
  if (!result.sheet.empty()) text += fmt::format("  sheet  {}\n", result.sheet);
  return text;
}

std::string display_name(const Item& item) {
  return item.row ? fmt::format("{}[{}]", item.name, *item.row) : item.name;
}

std::string display_target(const Target& target, const std::string& label) {
  const std::string name = label.substr(0, label.find(','));
  return name.empty() ? limn::to_string(target) : limn::to_string(target) + " " + name;
}

}  // namespace limn::cli
