#pragma once
// Runs in memory, for reports.

#include "limn/report/run.h"

namespace limn::test {

/// A run of an experiment that no report has heard of: a mean "strength", a rate under "inner.share", a text, a
/// list of variants and a curve; methods grad-cam and the control nothing.
inline Run novel_run(const std::string& protocol = "correct") {
  const double shift = protocol == "correct" ? 0 : 0.125;
  const auto method = [&](const char* name, bool control, double mean) {
    return Json{
        {"name", name},
        {"control", control},
        {"strength", {{"n", 4}, {"mean", mean + shift}, {"sd", 1}, {"low", mean - .125}, {"high", mean + .25}}},
        {"inner", {{"share", {{"successes", 2}, {"of", 4}, {"rate", .5}, {"low", .15}, {"high", .85}}}}},
        {"remark", "a <b> & c"},
        {"missing", nullptr},
        {"findings",
         {{{"finding", "Mass"}, {"rate", {{"rate", .25}, {"low", 0}, {"high", .5}}}},
          {{"finding", "Nodule"}, {"rate", {{"rate", nullptr}, {"low", 0}, {"high", 1}}}}}},
        {"sweep",
         {{"curve",
           {{{"percentile", 0}, {"recall", 1.0}, {"threshold", 7.5}},
            {{"percentile", 100}, {"recall", .25}, {"threshold", 9.5}}}}}}};
  };
  Run run;
  run.folder = "runs/" + protocol;
  run.experiment = "novel/thing";
  run.label = protocol;
  run.manifest = {
      {"experiment", "novel/thing"},
      {"protocol", protocol},
      {"methods", {{{"name", "grad-cam"}, {"method", "grad-cam"}, {"layer", "auto"}}}},
      {"controls", {"nothing"}},
      {"model", {{"path", "models/net.onnx"}, {"sha256", "abc"}, {"classes", 3}, {"auto_layer", "conv"}}},
      {"dataset", {{"kind", "voc"}, {"split", "test"}, {"images", 4}, {"sha256", "def"}}}};
  run.summary = {{"images", {{"all", 4}, {"used", 4}, {"excluded", 0}, {"failed", 0}}},
                 {"classification", {{"top1", {{"error", .25}, {"low", 0}, {"high", .5}}}}},
                 {"methods", {method("grad-cam", false, -.25), method("nothing", true, .5)}}};
  return run;
}

}  // namespace limn::test
