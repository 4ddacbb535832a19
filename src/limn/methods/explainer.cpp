#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "limn/explain.h"
#include "limn/methods/method.h"
#include "limn/methods/occlusion_maps.h"

namespace limn {
namespace {

bool all_finite(std::span<const float> values) {
  // The largest magnitude as bits: an integer maximum vectorises, unlike a search that may stop early.
  std::uint32_t largest = 0;
  for (const float v : values) largest = std::max(largest, std::bit_cast<std::uint32_t>(v) & 0x7FFFFFFFU);
  return largest < 0x7F800000U;
}

Program compile(const Classifier& classifier, std::span<const MethodRequest> requests,
                const ExplainerOptions& options) {
  if (options.batch < 1) throw Error(ErrorCode::bad_input, "a batch holds at least one image");
  const Graph graph = explanation_graph(with_joined_layers(classifier, requests), requests);
  const Dim batch = graph.shape(graph.at(classifier.image))[0];
  if (batch.known() && batch.value != options.batch)
    throw Error(ErrorCode::unsupported,
                fmt::format("the model takes batches of {}, not of {}", batch.value, options.batch), {},
                fmt::format("use --batch {}, or export the model with a dynamic batch", batch.value));
  CompileOptions compile_options;
  if (!batch.known()) compile_options.symbols[batch.symbol] = options.batch;
  compile_options.threads = options.threads;
  return Program::compile(graph, compile_options);
}

}  // namespace

struct Explainer::Impl {
  Impl(const Classifier& c, std::vector<MethodRequest> r, const ExplainerOptions& options)
      : image(c.image),
        batch(options.batch),
        classes(c.classes),
        probability(c.probability),
        requests(completed(c, r)),
        program(compile(c, requests, options)),
        session(program),
        explains(std::ranges::find(program.inputs(), "target") != program.inputs().end()) {
    prepare();
    for (std::size_t i = 0; i < requests.size(); ++i)
      if (!method(requests[i].method).is_graph)
        occlusions.emplace(i, OcclusionMaps(c, requests[i].patch, batch, options.threads));
  }
  Impl(const Impl& other)
      : image(other.image),
        batch(other.batch),
        classes(other.classes),
        probability(other.probability),
        requests(other.requests),
        program(other.program),
        session(program),
        explains(other.explains),
        occlusions(other.occlusions) {
    prepare();
  }
  Impl& operator=(const Impl&) = delete;

  void prepare() {
    own.resize(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) outputs.push_back(fmt::format("map_{}", i));
  }

  std::string image;
  std::int64_t batch;
  std::size_t classes;
  Probability probability;
  std::vector<MethodRequest> requests;
  Program program;
  Session session;
  bool explains;  ///< whether any map depends on the target
  std::vector<std::string> outputs;
  std::vector<std::vector<float>> own;  ///< per request, the maps of the batch, where the program has none
  std::map<std::size_t, OcclusionMaps> occlusions;  ///< by request
};

Explainer::Explainer(const Classifier& classifier, std::vector<MethodRequest> requests,
                     const ExplainerOptions& options)
    : impl_(std::make_unique<Impl>(classifier, std::move(requests), options)) {}
Explainer::Explainer(const Explainer& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Explainer::Explainer(Explainer&&) noexcept = default;
Explainer& Explainer::operator=(Explainer&&) noexcept = default;
Explainer::~Explainer() = default;

std::int64_t Explainer::batch() const { return impl_->batch; }
const Program& Explainer::program() const { return impl_->program; }
const std::vector<MethodRequest>& Explainer::requests() const { return impl_->requests; }

void Explainer::observe(const ProgramObserver& observer) {
  const auto of = [&](const Program& program) -> StepObserver {
    if (!observer) return {};
    return [&program, observer](std::size_t step, StepClock::time_point begin, StepClock::time_point end) {
      observer(program, step, begin, end);
    };
  };
  impl_->session.observe(of(impl_->program));
  for (auto& [request, maps] : impl_->occlusions) maps.occluder().observe(of(maps.occluder().program()));
}

std::span<float> Explainer::images() { return impl_->session.input(impl_->image); }

void Explainer::predict() {
  // Rectifiers swallow NaN, so the class scores alone would not tell.
  if (!all_finite(images()))
    throw Error(ErrorCode::bad_input, "the image holds numbers that are NaN or infinite", {},
                "check the file, or the preprocessing (range, mean, std)");
  for (auto& [request, maps] : impl_->occlusions) maps.take(images());
  if (impl_->explains)
    impl_->session.run_before("target");
  else
    impl_->session.run();
  if (!all_finite(impl_->session.output("logits")))
    throw Error(ErrorCode::bad_input, "the class scores came out as NaN or infinite", {},
                "check the preprocessing (range, mean, std) and the model's weights");
}

std::span<const float> Explainer::logits(std::int64_t n) const {
  return impl_->session.output("logits").subspan(static_cast<std::size_t>(n) * impl_->classes, impl_->classes);
}

void Explainer::explain(std::span<const Target> targets) {
  Impl& s = *impl_;
  if (targets.size() > static_cast<std::size_t>(s.batch))
    throw Error(ErrorCode::internal, "more targets than images were given");
  if (s.explains) {
    const std::span<float> cotangents = s.session.input("target");
    std::ranges::fill(cotangents, 0.0F);
    for (std::size_t n = 0; n < targets.size(); ++n)
      write_cotangent(targets[n], logits(static_cast<std::int64_t>(n)),
                      cotangents.subspan(n * s.classes, s.classes), s.probability);
    s.session.run();
  }
  for (std::size_t r = 0; r < s.requests.size(); ++r) {
    if (s.requests[r].method != "eigen-cam") continue;
    const Dims& dims = s.program.output_dims(s.outputs[r]);
    const auto per_image = static_cast<std::size_t>(dims[1] * dims[2] * dims[3]);
    s.own[r].clear();
    for (std::size_t n = 0; n < targets.size(); ++n) {
      const auto map =
          eigen_cam(s.session.output(s.outputs[r]).subspan(n * per_image, per_image), dims[1], dims[2], dims[3]);
      for (float v : map) s.own[r].push_back(std::max(v, 0.0F));
    }
  }
  for (auto& [r, maps] : s.occlusions) {
    s.own[r].clear();
    for (std::size_t n = 0; n < targets.size(); ++n) {
      const auto map = maps.map(n, targets[n]);
      s.own[r].insert(s.own[r].end(), map.begin(), map.end());
    }
  }
}

RawMap Explainer::map(std::size_t r, std::int64_t n) const {
  const Impl& s = *impl_;
  const MethodRequest& request = s.requests[r];
  const bool hidden = s.occlusions.contains(r);
  const Dims& full = hidden ? s.program.input_dims(s.image) : s.program.output_dims(s.outputs[r]);
  const MapKind kind = method(request.method).kind;
  RawMap map{kind, kind == MapKind::cam ? Dims{full[2], full[3]} : Dims(full.begin() + 1, full.end()), {}};
  const std::span<const float> all =
      hidden || request.method == "eigen-cam" ? std::span<const float>(s.own[r]) : s.session.output(s.outputs[r]);
  const auto count = static_cast<std::size_t>(element_count(map.dims));
  map.data = all.subspan(static_cast<std::size_t>(n) * count, count);
  if (!all_finite(map.data))
    throw Error(ErrorCode::bad_input, fmt::format("the map of {} came out as NaN or infinite", request.method),
                request.layer.empty() ? "" : "target layer '" + request.layer + "'",
                "check the preprocessing and the model's weights");
  return map;
}

}  // namespace limn
