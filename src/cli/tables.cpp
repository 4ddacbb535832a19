// limn methods, limn datasets, limn ops, limn version: what this program knows.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "failure.h"
#include "limn/build_commit.h"
#include "limn/dataset.h"
#include "limn/explain.h"
#include "limn/ops/table.h"
#include "limn/version.h"
#include "output.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string_view kind_name(MapKind kind) { return kind == MapKind::cam ? "cam" : "attribution"; }

Json to_json(const MethodInfo& info) {
  return {{"name", info.name},
          {"kind", kind_name(info.kind)},
          {"variants", info.variants},
          {"layer", info.uses_layer},
          {"class_discriminative", info.class_discriminative},
          {"counterfactual", info.has_counterfactual},
          {"summary", info.summary},
          {"citation", info.citation}};
}

std::string text_of(const MethodInfo& info) {
  std::string text = fmt::format("{:<22}{}\n{:<22}{}\n", info.name, info.summary, "", info.citation);
  std::vector<std::string> facts;
  if (info.kind == MapKind::attribution)
    facts.emplace_back(info.is_graph ? "a number for every pixel value"
                                     : "a number for every pixel value; a gradient for every point");
  else
    facts.emplace_back(info.is_graph ? "a map at the layer's size"
                                     : "a map at the image's size; a forward pass for every patch");
  if (info.variants.size() > 1) facts.push_back(fmt::format("variants {}", fmt::join(info.variants, ", ")));
  if (info.has_counterfactual) facts.emplace_back("has a counterfactual");
  if (!info.class_discriminative) facts.emplace_back("does not tell classes apart");
  return text + fmt::format("{:<22}{}\n", "", fmt::join(facts, "; "));
}

int list_methods(bool json) {
  for (const MethodInfo& info : methods()) write_output(json ? to_json(info).dump() + "\n" : text_of(info));
  return kFine;
}

int list_datasets() {
  for (const DatasetKind& kind : dataset_kinds())
    print("{0:<14}{1}\n{2:<14}below --root: {3}\n{2:<14}{4}{5}\n", kind.name, kind.summary, "", kind.layout,
          kind.has_boxes ? "with boxes" : "without boxes",
          kind.split.empty() ? "" : fmt::format("; --split {} unless another is given", kind.split));
  return kFine;
}

int list_ops() {
  for (const OpDef* op : all_ops()) print("{:<26}{:<16}{}\n", op->name, op->vjp ? "differentiable" : "-", op->note);
  return kFine;
}

int print_version() {
  const std::string commit(build_commit());
  print("limn {}{}\n", kVersion, commit.empty() ? "" : " (" + commit + ")");
  return kFine;
}

}  // namespace

void add_methods(CommandLine& line) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = add_command(line, "methods",
                                  "List the explanation methods with their variants and the papers they come from.",
                                  {"limn methods", "limn methods --json"});
  command->add_flag("--json", *json, "One JSON object per method and line");
  command->callback([&line, json] { line.action = [json] { return list_methods(*json); }; });
}

void add_datasets(CommandLine& line) {
  CLI::App* command = add_command(line, "datasets",
                                  "List the kinds of datasets that limn evaluate reads, and what has to be where.",
                                  {"limn datasets"});
  command->callback([&line] { line.action = list_datasets; });
}

void add_ops(CommandLine& line) {
  CLI::App* command = add_command(
      line, "ops", "List the operators limn knows and whether gradients pass through them.", {"limn ops"});
  command->callback([&line] { line.action = list_ops; });
}

void add_version(CommandLine& line) {
  CLI::App* command =
      add_command(line, "version", "Print the version and, where known, the commit it was built from.", {});
  command->callback([&line] { line.action = print_version; });
}

}  // namespace limn::cli
