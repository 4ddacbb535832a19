#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/occlusion.h"
#include "limn/passes/occlude.h"
#include "limn/passes/summary.h"

namespace limn {
namespace {

bool all_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

void check_batch(const Graph& network, const std::string& image, std::int64_t batch) {
  const Dim declared = network.shape(network.at(image))[0];
  if (!declared.known() || (declared.value == 1 && batch == 1)) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("the model takes batches of {}, but occlusion takes {} positions at a time",
                          declared.value, batch),
              {},
              declared.value == 1 ? "use --batch 1, or export the model with a dynamic batch"
                                  : "export the model with a dynamic batch");
}

OccludedGraph occluded(const Graph& network, const Classifier& classifier, const PatchGrid& grid,
                       const OccluderOptions& options) {
  if (grid.size() == 0) throw Error(ErrorCode::bad_input, "there is no position for a patch");
  if (options.batch < 1) throw Error(ErrorCode::bad_input, "a batch holds at least one position");
  check_batch(network, classifier.image, options.batch);
  OccludeOptions how{options.batch, grid.patch, grid.rows, grid.columns};
  if (!options.incremental) how.most_covered = 0;
  return occlude(network, classifier.image, classifier.logits, how);
}

/// Multiplications of one position, as a part of those of the network.
double cost_of(const Graph& network, const std::string& logits, const OccludedGraph& occluded, std::int64_t batch) {
  GraphBuilder g(network);
  const Value scores = g.find(logits);
  const auto once = summarize(std::move(g).finish({{"logits", scores}})).multiply_adds;
  const auto all = summarize(occluded.graph).multiply_adds;
  if (!once || !all || *once == 0) return 1;
  return static_cast<double>(*all - *once) / static_cast<double>(batch * *once);
}

}  // namespace

OcclusionCost occlusion_cost(const Classifier& classifier, const PatchGrid& grid, const OccluderOptions& options) {
  const Graph network = with_joined_layers(classifier, {}).graph;
  const OccludedGraph patched = occluded(network, classifier, grid, options);
  return {cost_of(network, classifier.logits, patched, options.batch), patched.whole_from};
}

struct Occluder::Impl {
  Impl(const Classifier& classifier, const PatchGrid& g, const OccluderOptions& o)
      : Impl(classifier, occluded(with_joined_layers(classifier, {}).graph, classifier, g, o), g, o) {}
  Impl(const Classifier& classifier, const OccludedGraph& patched, const PatchGrid& g, const OccluderOptions& o)
      : image(classifier.image),
        grid(g),
        options(o),
        classes(classifier.classes),
        starts(patched.starts),
        program(Program::compile(patched.graph,
                                 {{{"rows", static_cast<std::int64_t>(patched.starts.size())}}, options.threads})),
        session(program) {}
  Impl(const Impl& other)
      : image(other.image),
        grid(other.grid),
        options(other.options),
        classes(other.classes),
        starts(other.starts),
        program(other.program),
        session(program) {}
  Impl& operator=(const Impl&) = delete;

  void write_fill() {
    const std::span<const float> pixels = session.input(image);
    const std::span<float> fill = session.input("fill");
    const auto patch = static_cast<std::size_t>(grid.patch * grid.patch), channels = fill.size() / patch;
    const std::size_t plane = pixels.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (const float v : pixels.subspan(c * plane, plane)) sum += v;
      const double colour = options.fill == OcclusionFill::mean   ? sum / static_cast<double>(plane)
                            : options.fill == OcclusionFill::grey ? 0.5
                                                                  : 0.0;
      std::ranges::fill(fill.subspan(c * patch, patch), static_cast<float>(colour));
    }
  }

  /// The positions `first`, `first` + 1, ...; the last one again where the batch is not full.
  void write_places(std::size_t first) {
    const std::span<float> places = session.input("places");
    auto out = places.begin();
    for (std::size_t n = 0; n < static_cast<std::size_t>(options.batch); ++n) {
      const std::size_t position = std::min(first + n, grid.size() - 1);
      for (const auto& [down, across] : starts) {
        *out++ = static_cast<float>(down[position / grid.columns.size()]);
        *out++ = static_cast<float>(across[position % grid.columns.size()]);
      }
    }
  }

  std::string image;
  PatchGrid grid;
  OccluderOptions options;
  std::size_t classes;
  std::vector<std::array<std::vector<std::int64_t>, 2>> starts;
  Program program;
  Session session;
};

Occluder::Occluder(const Classifier& classifier, const PatchGrid& grid, const OccluderOptions& options)
    : impl_(std::make_unique<Impl>(classifier, grid, options)) {}
Occluder::Occluder(const Occluder& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Occluder::Occluder(Occluder&&) noexcept = default;
Occluder& Occluder::operator=(Occluder&&) noexcept = default;
Occluder::~Occluder() = default;

const Program& Occluder::program() const { return impl_->program; }
void Occluder::observe(StepObserver observer) { impl_->session.observe(std::move(observer)); }

const PatchGrid& Occluder::grid() const { return impl_->grid; }
std::span<float> Occluder::image() { return impl_->session.input(impl_->image); }
std::span<const float> Occluder::logits() const { return impl_->session.output("logits"); }

void Occluder::run(
    const std::function<void(std::size_t row, std::size_t column, std::span<const float> logits)>& visit) {
  Impl& s = *impl_;
  if (!all_finite(s.session.input(s.image)))
    throw Error(ErrorCode::bad_input, "the image holds numbers that are NaN or infinite", {},
                "check the file, or the preprocessing (range, mean, std)");
  s.write_fill();
  const std::size_t count = s.grid.size(), batch = static_cast<std::size_t>(s.options.batch);
  for (std::size_t first = 0; first < count; first += batch) {
    s.write_places(first);
    s.session.run();
    const std::span<const float> scores = s.session.output("occluded");
    if (!all_finite(scores) || !all_finite(logits()))
      throw Error(ErrorCode::bad_input, "the class scores came out as NaN or infinite", {},
                  "check the preprocessing (range, mean, std) and the model's weights");
    for (std::size_t i = first; i < std::min(first + batch, count); ++i)
      visit(i / s.grid.columns.size(), i % s.grid.columns.size(),
            scores.subspan((i - first) * s.classes, s.classes));
  }
}

std::vector<float> occlusion_drops(Occluder& occluder, const Target& target, Probability how) {
  std::vector<double> scores;
  occluder.run([&](std::size_t, std::size_t, std::span<const float> logits) {
    scores.push_back(score_of(target, logits, how));
  });
  const double before = score_of(target, occluder.logits(), how);
  std::vector<float> drops;
  for (const double score : scores) drops.push_back(static_cast<float>(before - score));
  return drops;
}

}  // namespace limn
