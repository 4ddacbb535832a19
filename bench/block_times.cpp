// limn_bench_blocks MODEL ILSVRC ROWS [LIMIT]: what each block of `limn evaluate localization` takes one thread,
// for bench/schedule.py. One line of seconds per block: decoding, computing, measuring, and writing to the new file
// ROWS.

#include <fmt/format.h>

#include <chrono>
#include <numeric>

#include "limn/model.h"
#include "limn/preprocess.h"
#include "limn/study/block.h"

namespace {

using namespace limn;

EvaluationPlan make_plan(int argc, char** argv) {
  EvaluationPlan plan;
  plan.experiment = "localization";
  plan.methods = {MethodRequest{}};
  if (argc > 4) plan.limit = std::stoul(argv[4]);
  return plan;
}

void print_blocks(const EvaluationPlan& plan, const EvaluationSubject& subject, const std::filesystem::path& file) {
  const auto experiment = make_experiment(plan.experiment, plan.options);
  RowStore rows(file, experiment->columns());
  BlockWorker worker(plan, subject, *experiment, Explainer(subject.classifier, plan.methods, {plan.batch, 1}),
                     nullptr, {});
  const auto positions = planned_positions(plan, subject.dataset);
  for (std::size_t k = 0; k < positions.size(); k += static_cast<std::size_t>(plan.batch)) {
    const BlockResult result = worker.run(positions[k]);
    const auto start = std::chrono::steady_clock::now();
    rows.write(result.images, result.maps);
    const double write = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const EvaluationTimes& t = result.times;
    fmt::print("{:.6f} {:.6f} {:.6f} {:.6f}\n", t.decode, t.compute, t.measure, write);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 4) throw Error(ErrorCode::bad_input, "usage: limn_bench_blocks MODEL ILSVRC ROWS [LIMIT]");
    const Model model = import_onnx(argv[1]);
    const Classifier classifier = as_classifier(model.graph);
    const auto dataset = open_dataset("ilsvrc", argv[2]);
    std::vector<std::size_t> classes(dataset->classes().size());  // whichever they are: only times are wanted
    std::iota(classes.begin(), classes.end(), std::size_t{0});
    const Preprocess how =
        preset("imagenet", {static_cast<int>(classifier.channels), static_cast<int>(classifier.height),
                            static_cast<int>(classifier.width)});
    print_blocks(make_plan(argc, argv), {*dataset, classes, classifier, model.graph, how}, argv[3]);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "limn_bench_blocks: {}\n", e.what());
    return 1;
  }
}
