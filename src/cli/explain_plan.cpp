#include "explain_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "failure.h"

namespace limn::cli {
namespace {

std::vector<const MethodInfo*> read_methods(const std::string& list) {
  std::vector<const MethodInfo*> chosen;
  for (const auto& name : split_list(list)) {
    const MethodInfo* info = &method(name);
    if (std::ranges::find(chosen, info) == chosen.end()) chosen.push_back(info);
  }
  if (chosen.empty())
    throw Error(ErrorCode::bad_input, "no method is named", "--method", "limn methods lists them");
  return chosen;
}

/// A variant goes to the methods that have it; one at least must.
std::string variant_of(const MethodInfo& info, const std::string& variant) {
  return std::ranges::find(info.variants, variant) == info.variants.end() ? std::string() : variant;
}

void check_variant(const std::vector<const MethodInfo*>& chosen, const std::string& variant) {
  if (variant.empty()) return;
  std::set<std::string_view> known;
  for (const auto* info : chosen) known.insert(info->variants.begin(), info->variants.end());
  if (known.contains(variant)) return;
  throw Error(ErrorCode::not_found, fmt::format("none of the methods asked for has a variant '{}'", variant),
              "--variant",
              known.empty() ? "leave --variant out; limn methods lists the variants"
                            : fmt::format("their variants are {}", fmt::join(known, ", ")));
}

void check_counterfactual(const std::vector<const MethodInfo*>& chosen) {
  if (std::ranges::any_of(chosen, &MethodInfo::has_counterfactual)) return;
  throw Error(ErrorCode::unsupported, "none of the methods asked for has a counterfactual", "--counterfactual",
              "use it with --method grad-cam");
}

void read_formats(const std::string& list, ExplainPlan& plan) {
  const auto formats = split_list(list);
  for (const auto& format : formats)
    if (format != "png" && format != "npy")
      throw Error(ErrorCode::bad_input, fmt::format("'{}' is not a format", format), "--format",
                  "the formats are png (an overlay) and npy (numbers)");
  const auto has = [&](std::string_view name) { return std::ranges::find(formats, name) != formats.end(); };
  plan.png = has("png");
  plan.npy = has("npy");
}

std::vector<MethodRequest> read_requests(const ExplainFlags& flags) {
  const auto chosen = read_methods(flags.methods);
  check_variant(chosen, flags.variant);
  if (flags.counterfactual) check_counterfactual(chosen);
  std::vector<std::string> layers;
  for (const auto& layer : flags.layers)
    if (std::ranges::find(layers, layer) == layers.end()) layers.push_back(layer);
  if (layers.empty()) layers.push_back("auto");

  std::vector<MethodRequest> requests;
  for (const MethodInfo* info : chosen) {
    const auto wanted = info->uses_layer ? std::span(layers) : std::span<const std::string>();
    MethodRequest request{std::string(info->name), variant_of(*info, flags.variant), "auto",
                          flags.counterfactual && info->has_counterfactual, flags.patch};
    request.patch.fill = parse_occlusion_fill(flags.fill);
    read_averages(flags.averages, flags.seed, request);
    if (wanted.empty()) requests.push_back(request);
    for (const auto& layer : wanted) {
      request.layer = layer;
      requests.push_back(request);
    }
  }
  return requests;
}

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string item(text.substr(0, end));
    if (!item.empty() && std::ranges::find(items, item) == items.end()) items.push_back(item);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

ExplainPlan read_plan(const ExplainFlags& flags) {
  return as_usage([&] {
    ExplainPlan plan;
    plan.requests = read_requests(flags);
    plan.default_layer = flags.layers.empty();
    for (const auto& target : flags.targets) plan.targets.push_back(parse_target(target));
    if (plan.targets.empty()) plan.targets.push_back(parse_target("argmax"));
    plan.upsampling = parse_upsampling(flags.upsampling);
    plan.colormap = parse_colormap(flags.colormap);
    plan.precision = parse_precision(flags.precision);
    read_formats(flags.formats, plan);
    plan.top = flags.top;
    plan.raw = flags.raw;
    plan.sheet = flags.sheet;
    if (!plan.png && !plan.npy && !plan.raw && !plan.sheet)
      throw Error(ErrorCode::bad_input, "nothing would be written", "--format", "name png, npy or both");
    return plan;
  });
}

std::vector<MethodRequest> requests_for(const ExplainPlan& plan, const std::string& default_layer) {
  auto requests = plan.requests;
  for (auto& request : requests)
    if (plan.default_layer && method(request.method).uses_layer) request.layer = default_layer;
  return requests;
}

}  // namespace limn::cli
