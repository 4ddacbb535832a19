#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "limn/explain.h"
#include "limn/methods/method.h"

namespace limn {
namespace {

bool all_finite(std::span<const float> values) {
  // The largest magnitude as bits: an integer maximum vectorises, unlike a search that may stop early.
  std::uint32_t largest = 0;
  for (const float v : values) largest = std::max(largest, std::bit_cast<std::uint32_t>(v) & 0x7FFFFFFFU);
  return largest < 0x7F800000U;
}

std::size_t at_once(const Classifier& classifier, std::span<const MethodRequest> requests, std::size_t targets) {
  constexpr std::size_t kMost = 8;
  return targets > 1 && backward_reads_large_layers(classifier, requests) ? std::min(targets, kMost) : 1;
}

/// default_precision() of requests with everything filled in.
Precision usual_precision(const Classifier& classifier, std::span<const MethodRequest> requests) {
  const auto is_settled = [&](const MethodRequest& r) {
    const MethodInfo& info = method(r.method);
    return info.is_graph && info.kind == MapKind::cam && r.layer == classifier.auto_layer;
  };
  return std::ranges::all_of(requests, is_settled) ? Precision::fast : Precision::exact;
}

Program compile(const Classifier& classifier, std::span<const MethodRequest> requests,
                const ExplainerOptions& options, std::size_t targets) {
  if (options.batch < 1) throw Error(ErrorCode::bad_input, "a batch holds at least one image");
  const Dim batch = classifier.graph.shape(classifier.graph.at(classifier.image))[0];
  if (batch.known() && batch.value != options.batch)
    throw Error(ErrorCode::unsupported,
                fmt::format("the model takes batches of {}, not of {}", batch.value, options.batch), {},
                fmt::format("use --batch {}, or export the model with a dynamic batch", batch.value));
  CompileOptions compile_options;
  if (!batch.known()) compile_options.symbols[batch.symbol] = options.batch;
  compile_options.threads = options.threads;
  compile_options.precision = options.precision ? *options.precision : usual_precision(classifier, requests);
  compile_options.cache = options.cache;
  const Classifier native =
      with_early_selections(with_joined_layers(classifier, requests), requests, options.batch);
  return Program::compile(explanation_graph(native, requests, targets), compile_options);
}

}  // namespace

StepObserver for_program(const ProgramObserver& observer, const Program& program) {
  if (!observer) return {};
  return [&program, observer](std::size_t step, StepClock::time_point begin, StepClock::time_point end) {
    observer(program, step, begin, end);
  };
}

Precision default_precision(const Classifier& classifier, std::span<const MethodRequest> requests) {
  return usual_precision(classifier, completed(classifier, requests));
}

std::optional<Precision> parse_precision(std::string_view name) {
  if (name == "auto") return std::nullopt;
  for (const Precision p : {Precision::exact, Precision::fast, Precision::bf16}) {
    if (name != name_of(p)) continue;
    require_processor_for(p);
    return p;
  }
  throw Error(ErrorCode::not_found, fmt::format("there is no precision '{}'", name), "--precision",
              "auto, exact, fast or bf16");
}

struct Explainer::Impl {
  Impl(const Classifier& c, std::vector<MethodRequest> r, const ExplainerOptions& options)
      : image(c.image),
        batch(options.batch),
        classes(c.classes),
        probability(c.probability),
        requests(completed(c, r)),
        targets(at_once(c, requests, options.targets)),
        program(compile(c, requests, options, targets)),
        session(program) {
    prepare();
    for (std::size_t i = 0; i < requests.size(); ++i)
      if (const MakeRuns make = method_row(requests[i].method).make_runs)
        many_runs.emplace(i, make(c, requests[i], options));
  }
  Impl(const Impl& other)
      : image(other.image),
        batch(other.batch),
        classes(other.classes),
        probability(other.probability),
        requests(other.requests),
        targets(other.targets),
        program(other.program),
        session(program) {
    prepare();
    for (const auto& [request, runs] : other.many_runs) many_runs.emplace(request, runs->copy());
  }
  Impl& operator=(const Impl&) = delete;

  void prepare() {
    for (std::size_t t = 0; t < targets; ++t)
      if (std::ranges::find(program.inputs(), of_target("target", t)) != program.inputs().end())
        cotangents.push_back(of_target("target", t));
    own.resize(requests.size());
    deltas.resize(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) outputs.push_back(fmt::format("map_{}", i));
  }

  /// The sizes of a map that the program computes.
  Dims dims_of(std::size_t request, MapKind kind) const {
    const Dims& full = program.output_dims(outputs[request]);
    return kind == MapKind::cam ? Dims{full[2], full[3]} : Dims(full.begin() + 1, full.end());
  }

  std::string image;
  std::int64_t batch;
  std::size_t classes;
  Probability probability;
  std::vector<MethodRequest> requests;
  std::size_t targets;  ///< of an image at once
  Program program;
  Session session;
  std::vector<std::string> cotangents;  ///< inputs, one for each target; none where no map depends on it
  std::vector<std::string> outputs;     ///< by request, for the first target
  std::vector<std::vector<float>> own;  ///< per request, the maps of the batch, where the program has none
  std::vector<std::vector<std::optional<double>>> deltas;      ///< per request, of those maps; may be empty
  std::map<std::size_t, std::unique_ptr<ManyRuns>> many_runs;  ///< by request
};

Explainer::Explainer(const Classifier& classifier, std::vector<MethodRequest> requests,
                     const ExplainerOptions& options)
    : impl_(std::make_unique<Impl>(classifier, std::move(requests), options)) {}
Explainer::Explainer(const Explainer& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Explainer::Explainer(Explainer&&) noexcept = default;
Explainer& Explainer::operator=(Explainer&&) noexcept = default;
Explainer::~Explainer() = default;

std::int64_t Explainer::batch() const { return impl_->batch; }
std::size_t Explainer::targets_at_once() const { return impl_->targets; }
const Program& Explainer::program() const { return impl_->program; }
const std::vector<MethodRequest>& Explainer::requests() const { return impl_->requests; }

void Explainer::observe(const ProgramObserver& observer) {
  impl_->session.observe(for_program(observer, impl_->program));
  for (auto& [request, runs] : impl_->many_runs) runs->observe(observer);
}

std::span<float> Explainer::images() { return impl_->session.input(impl_->image); }

void Explainer::predict() {
  // Rectifiers swallow NaN, so the class scores alone would not tell.
  if (!all_finite(images()))
    throw Error(ErrorCode::bad_input, "the image holds numbers that are NaN or infinite", {},
                "check the file, or the preprocessing (range, mean, std)");
  for (auto& [request, runs] : impl_->many_runs) runs->take(images());
  impl_->session.run_before(impl_->cotangents);
  if (!all_finite(impl_->session.output("logits")))
    throw Error(ErrorCode::bad_input, "the class scores came out as NaN or infinite", {},
                "check the preprocessing (range, mean, std) and the model's weights");
}

std::span<const float> Explainer::logits(std::int64_t n) const {
  return impl_->session.output("logits").subspan(static_cast<std::size_t>(n) * impl_->classes, impl_->classes);
}

void Explainer::explain(std::span<const Target> targets) {
  Impl& s = *impl_;
  if (targets.size() > static_cast<std::size_t>(s.batch) * s.targets || targets.size() % s.targets != 0)
    throw Error(ErrorCode::internal, "the targets are not those of the images, or of some of them");
  const std::size_t images = targets.size() / s.targets;
  for (std::size_t t = 0; t < s.cotangents.size(); ++t) {
    const std::span<float> cotangents = s.session.input(s.cotangents[t]);
    std::ranges::fill(cotangents, 0.0F);
    for (std::size_t n = 0; n < images; ++n)
      write_cotangent(targets[n * s.targets + t], logits(static_cast<std::int64_t>(n)),
                      cotangents.subspan(n * s.classes, s.classes), s.probability);
  }
  s.session.run();
  for (std::size_t r = 0; r < s.requests.size(); ++r) {
    if (s.requests[r].method != "eigen-cam") continue;
    const Dims& dims = s.program.output_dims(s.outputs[r]);
    const auto per_image = static_cast<std::size_t>(dims[1] * dims[2] * dims[3]);
    s.own[r].clear();
    for (std::size_t n = 0; n < images; ++n) {
      const auto map =
          eigen_cam(s.session.output(s.outputs[r]).subspan(n * per_image, per_image), dims[1], dims[2], dims[3]);
      for (float v : map) s.own[r].push_back(std::max(v, 0.0F));
    }
  }
  for (auto& [r, runs] : s.many_runs) {
    s.own[r].clear();
    s.deltas[r].clear();
    for (std::size_t n = 0; n < images; ++n) {
      const RunsMap map = runs->map(n, targets[n]);
      s.own[r].insert(s.own[r].end(), map.values.begin(), map.values.end());
      s.deltas[r].push_back(map.delta);
    }
  }
}

RawMap Explainer::map(std::size_t r, std::int64_t n, std::size_t t) const {
  const Impl& s = *impl_;
  const MethodRequest& request = s.requests[r];
  const auto many = s.many_runs.find(r);
  const MapKind kind = method(request.method).kind;
  RawMap map{kind, many == s.many_runs.end() ? s.dims_of(r, kind) : many->second->dims(), {}};
  if (!s.deltas[r].empty()) map.delta = s.deltas[r][static_cast<std::size_t>(n)];
  const std::span<const float> all =
      s.own[r].empty() ? s.session.output(of_target(s.outputs[r], t)) : std::span<const float>(s.own[r]);
  const auto count = static_cast<std::size_t>(element_count(map.dims));
  map.data = all.subspan(static_cast<std::size_t>(n) * count, count);
  if (!all_finite(map.data))
    throw Error(ErrorCode::bad_input, fmt::format("the map of {} came out as NaN or infinite", request.method),
                request.layer.empty() ? "" : "target layer '" + request.layer + "'",
                "check the preprocessing and the model's weights");
  return map;
}

}  // namespace limn
