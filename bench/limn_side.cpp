// limn's side of a comparison: limn_bench MODEL BATCH THREADS WORK...
//
// WORK is `forward` or a comma-separated list of methods. Prints "ready NAME..." and then answers each line
// "WORK COUNT" on standard input with the milliseconds of COUNT runs, one line. The caller interleaves rounds with
// other programs, so that a noisy machine troubles all alike.

#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <map>
#include <sstream>

#include "limn/explain.h"
#include "limn/model.h"

namespace {

using namespace limn;

struct Work {
  Explainer explainer;
  std::vector<Target> targets;

  /// One forward pass and, where there are methods, the explanation of class 0 of every image.
  void run() {
    explainer.images();  // marks the images as changed
    explainer.predict();
    if (!explainer.requests().empty()) explainer.explain(targets);
  }
};

std::vector<MethodRequest> parse(const std::string& work) {
  std::vector<MethodRequest> requests;
  std::istringstream in(work == "forward" ? "" : work);
  for (std::string name; std::getline(in, name, ',');) requests.push_back({name, {}, "auto", false});
  return requests;
}

void serve(std::map<std::string, Work>& works) {
  std::string name;
  for (int count = 0; std::cin >> name >> count;) {
    Work& work = works.at(name);
    for (int i = 0; i < count; ++i) {
      const auto start = std::chrono::steady_clock::now();
      work.run();
      fmt::print("{:.4f} ",
                 std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 5) throw Error(ErrorCode::bad_input, "usage: limn_bench MODEL BATCH THREADS WORK...");
    const Classifier classifier = as_classifier(import_onnx(argv[1]).graph);
    const ExplainerOptions options{std::stol(argv[2]), std::stoi(argv[3])};
    std::map<std::string, Work> works;
    for (int i = 4; i < argc; ++i) {
      Work work{Explainer(classifier, parse(argv[i]), options),
                std::vector<Target>(static_cast<std::size_t>(options.batch))};
      unsigned state = 1;  // any picture will do, but not zeros: they would make every cotangent sparse
      for (float& v : work.explainer.images())
        v = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 8388608.0F - 1.0F;
      works.emplace(argv[i], std::move(work));
    }
    fmt::print("ready\n");
    std::fflush(stdout);
    serve(works);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
