#include "limn/runtime/program.h"

#include <algorithm>

#include "limn/passes/bind.h"
#include "limn/passes/join_parts.h"
#include "limn/passes/join_products.h"
#include "limn/passes/join_slopes.h"
#include "limn/passes/mean_first.h"
#include "limn/passes/merge.h"
#include "limn/passes/prune.h"
#include "limn/passes/simplify.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/threads.h"
#include "limn/runtime/weight_means.h"

namespace limn {
namespace {

Graph prepared(const Graph& graph, const std::map<std::string, std::int64_t>& symbols, Precision precision) {
  Graph g = prune(limn::bind(prune(graph), symbols));
  // Merging makes patterns that simplifying looks for, and the other way round; a second round finds the rest.
  for (int round = 0; round < 2; ++round) g = prune(merge_equal(simplify(g)));
  g = join_products(prune(join_parts(prune(mean_first(g, channel_means_now)))));
  // A slope is as large as a float. In bfloat16 the input is half of that, and is kept.
  return precision == Precision::bf16 ? g : join_slopes(g);
}

const Port& port_named(const std::vector<Port>& ports, std::string_view name, std::string_view kind) {
  const auto it = std::ranges::find(ports, name, &Port::name);
  if (it != ports.end()) return *it;
  std::vector<std::string> names;
  for (const Port& p : ports) names.push_back(p.name);
  const auto close = close_names(name, names);
  throw Error(ErrorCode::not_found,
              "the program has no " + std::string(kind) + " named '" + std::string(name) + "'", {},
              close.empty() ? std::string() : "did you mean '" + close.front() + "'?");
}

std::vector<std::string> names_of(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& p : ports) names.push_back(p.name);
  return names;
}

}  // namespace

const Port& Program::Impl::input(std::string_view name) const { return port_named(plan.inputs, name, "input"); }
const Port& Program::Impl::output(std::string_view name) const { return port_named(plan.outputs, name, "output"); }

std::string_view name_of(Precision precision) {
  switch (precision) {
    case Precision::exact: return "exact";
    case Precision::fast: return "fast";
    case Precision::bf16: return "bf16";
  }
  return {};
}

void require_processor_for(Precision precision) {
  if (precision == Precision::bf16 && !processor_has_bf16())
    throw Error(ErrorCode::unsupported, "this processor does not multiply bfloat16 (AVX512_BF16)", "precision bf16",
                "use exact or fast");
}

Program::Program(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Program Program::compile(const Graph& graph, const CompileOptions& options) {
  if (options.threads < 1) throw Error(ErrorCode::bad_input, "a program needs at least one thread");
  require_processor_for(options.precision);
  // oneDNN's choices depend on the number of threads, so it has to be set here already.
  const ThreadScope threads(options.threads);
  auto impl = std::make_shared<Impl>();
  const Graph ready = prepared(graph, options.symbols, options.precision);
  impl->plan = Lowering(ready, options.precision, options.by_image, WeightCache(options.cache)).run();
  impl->threads = options.threads;
  impl->precision = options.precision;
  impl->input_names = names_of(impl->plan.inputs);
  impl->output_names = names_of(impl->plan.outputs);
  return Program(std::move(impl));
}

const std::vector<std::string>& Program::inputs() const { return impl_->input_names; }
const std::vector<std::string>& Program::outputs() const { return impl_->output_names; }
const Dims& Program::input_dims(std::string_view name) const { return impl_->input(name).view.dims; }
const Dims& Program::output_dims(std::string_view name) const { return impl_->output(name).view.dims; }
int Program::threads() const { return impl_->threads; }
Precision Program::precision() const { return impl_->precision; }
std::size_t Program::arena_bytes() const { return impl_->plan.arena_bytes; }
std::size_t Program::scratch_bytes() const { return impl_->plan.scratch_bytes; }
std::size_t Program::weight_bytes() const { return impl_->plan.weight_bytes; }

std::vector<StepInfo> Program::steps() const {
  std::vector<StepInfo> out;
  for (const Step& s : impl_->plan.steps) out.push_back({s.label, s.kernel, s.dims, s.operations});
  for (const ImageLoop& loop : impl_->plan.loops)
    for (std::size_t k = loop.first; k < loop.last; ++k) out[k].by_image = true;
  return out;
}

}  // namespace limn
