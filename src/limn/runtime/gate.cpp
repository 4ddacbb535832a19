#include "limn/runtime/gate.h"

#include "limn/base/multiversion.h"
#include "limn/runtime/threads.h"

namespace limn {
namespace {

/// Below this many weights threads cost more than they bring.
constexpr std::int64_t kParallel = 65536;

/// Weights of a pointwise convolution, [outputs/b, inputs/b, b inputs, b outputs], times one factor per input.
LIMN_MULTIVERSION void scale_inputs(const float* weights, const float* factors, std::int64_t inputs,
                                    std::int64_t block, float* to) {
  for (std::int64_t i = 0; i < inputs; ++i)
    for (std::int64_t o = 0; o < block; ++o) to[i * block + o] = weights[i * block + o] * factors[i];
}

/// See bind_gated(), bound to memory.
struct GatedRun {
  std::vector<Run> runs;  ///< by image
  const float *weights, *factors;
  float* scaled;
  std::int64_t factors_stride, inputs, rows, teams;
  bool alone;  ///< whether one thread runs the primitive

  void operator()() const {
    if (teams == 1) return run_team(0);
#pragma omp parallel for schedule(static)
    for (std::int64_t t = 0; t < teams; ++t) {
      const ThreadScope one(1);
      run_team(t);
    }
  }

 private:
  void run_team(std::int64_t t) const {
    const std::int64_t block = channel_block(), row = inputs * block;
    const auto images = static_cast<std::int64_t>(runs.size());
    float* to = scaled + t * rows * row;
    for (std::int64_t n = t * images / teams; n < (t + 1) * images / teams; ++n) {
#pragma omp parallel for schedule(static) if (!alone && rows * row >= kParallel)
      for (std::int64_t r = 0; r < rows; ++r)
        scale_inputs(weights + r * row, factors + n * factors_stride, inputs, block, to + r * row);
      runs[static_cast<std::size_t>(n)]();
    }
  }
};

}  // namespace

Bind bind_gated(const dnnl::convolution_forward& primitive, const std::vector<DnnlArgument>& arguments,
                const View& weights, const View& gate, const View& scaled, std::int64_t images, std::int64_t teams,
                bool alone) {
  return [=](const Memory& memory) -> Run {
    GatedRun run{{}, memory.at(weights), memory.at(gate), memory.at(scaled), gate.image_stride, 0, 0, teams, alone};
    for (std::int64_t t = 0; t < teams; ++t)
      for (std::int64_t n = t * images / teams; n < (t + 1) * images / teams; ++n) {
        auto of_image = arguments;
        for (DnnlArgument& a : of_image) {
          if (a.per_image) a.view.offset += n * a.view.image_stride * a.view.element_bytes();
          if (a.name == DNNL_ARG_WEIGHTS || a.name == DNNL_ARG_SCRATCHPAD)
            a.view.offset += t * static_cast<std::int64_t>(a.desc.get_size());
        }
        run.runs.push_back(bind_primitive(primitive, of_image, 1, alone)(memory));
      }
    run.inputs = round_up(gate.channels(), channel_block());
    run.rows = scaled.dims[0] / teams / static_cast<std::int64_t>(sizeof(float)) / (run.inputs * channel_block());
    return [run = std::move(run)] { run(); };
  };
}

}  // namespace limn
