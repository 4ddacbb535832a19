// limn's side of a comparison: limn_bench MODEL BATCH[xSIZE] THREADS WORK...
//
// WORK is `forward` or a comma-separated list of methods, each image's best class; `METHODS*K` explains the K best;
// `exact:`, `fast:` or `bf16:` before it says in which precision (otherwise as is usual for the methods). SIZE is
// for networks that leave height and width open. Prints "ready" and then answers each line on standard input:
//   WORK COUNT        the milliseconds of COUNT runs, on one line
//   answer WORK FILE  "done", when the class scores and maps of one run are in FILE, as floats
// The caller interleaves rounds with other programs, so that a noisy machine troubles all alike.

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "limn/explain.h"
#include "limn/model.h"

namespace {

using namespace limn;

struct Work {
  Explainer explainer;
  std::size_t classes;  ///< how many are explained of each image

  /// One forward pass and, where there are methods, explanations. `after` is called for each class, with the number
  /// of its target in the explainer.
  template <class After>
  void run(After after) {
    explainer.images();  // marks the images as changed
    explainer.predict();
    if (explainer.requests().empty()) return;
    std::vector<std::vector<Target>> first;  // by image
    for (std::int64_t n = 0; n < explainer.batch(); ++n)
      first.push_back(resolve_target({TargetSpec::Kind::top, {}, classes, 0}, explainer.logits(n), {}));
    const std::size_t at_once = explainer.targets_at_once();
    for (std::size_t c = 0; c < classes; c += at_once) {
      std::vector<Target> targets;
      for (const auto& of_image : first)
        for (std::size_t t = 0; t < at_once; ++t) targets.push_back(of_image.at(std::min(c + t, classes - 1)));
      explainer.explain(targets);
      for (std::size_t t = 0; t < at_once && c + t < classes; ++t) after(t);
    }
  }
};

/// Any picture will do, but not zeros: they would make every cotangent sparse. The other sides have the same.
void fill(std::span<float> images) {
  unsigned state = 1;
  for (float& v : images) v = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 8388608.0F - 1.0F;
}

Work make_work(const Classifier& classifier, std::string text, ExplainerOptions options) {
  if (const std::size_t colon = text.find(':'); colon != std::string::npos) {
    options.precision = parse_precision(text.substr(0, colon));
    text.erase(0, colon + 1);
  }
  const std::size_t star = text.find('*');
  std::vector<MethodRequest> requests;
  std::istringstream in(text == "forward" ? "" : text.substr(0, star));
  for (std::string name; std::getline(in, name, ',');) requests.push_back({name, {}, "auto", false});
  if (star != std::string::npos) options.targets = std::stoul(text.substr(star + 1));
  Work work{Explainer(classifier, requests, options), options.targets};
  fill(work.explainer.images());
  return work;
}

void print_times(Work& work, int count) {
  for (int i = 0; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work.run([](std::size_t) {});
    fmt::print("{:.4f} ",
               std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  fmt::print("\n");
}

void write_answer(Work& work, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  const auto write = [&](std::span<const float> values) {
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
  };
  Explainer& e = work.explainer;
  e.images();
  e.predict();
  for (std::int64_t n = 0; n < e.batch(); ++n) write(e.logits(n));
  work.run([&](std::size_t t) {
    for (std::size_t r = 0; r < e.requests().size(); ++r)
      for (std::int64_t n = 0; n < e.batch(); ++n) write(e.map(r, n, t).data);
  });
  out.close();
  if (!out) throw Error(ErrorCode::io, "cannot write " + path);
  fmt::print("done\n");
}

void serve(std::map<std::string, Work>& works) {
  for (std::string name, rest; std::cin >> name >> rest; std::fflush(stdout)) {
    if (name != "answer") {
      print_times(works.at(name), std::stoi(rest));
    } else if (std::string path; std::cin >> path) {
      write_answer(works.at(rest), path);
    }
  }
}

Classifier read(const std::string& model, const std::string& batch_and_size) {
  const Graph graph = import_onnx(model).graph;
  Classifier classifier = as_classifier(graph);
  const std::size_t x = batch_and_size.find('x');
  if (x == std::string::npos) return classifier;
  classifier.graph = channels_first(graph);  // as_classifier() settled for a size of its own
  const std::int64_t size = std::stol(batch_and_size.substr(x + 1));
  return with_size(std::move(classifier), size, size);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 5) throw Error(ErrorCode::bad_input, "usage: limn_bench MODEL BATCH[xSIZE] THREADS WORK...");
    const Classifier classifier = read(argv[1], argv[2]);
    const ExplainerOptions options{std::stol(argv[2]), std::stoi(argv[3])};
    std::map<std::string, Work> works;
    for (int i = 4; i < argc; ++i) works.emplace(argv[i], make_work(classifier, argv[i], options));
    fmt::print("ready\n");
    std::fflush(stdout);
    serve(works);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
