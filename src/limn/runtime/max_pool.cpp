#include "limn/runtime/max_pool.h"

#include <cstring>
#include <memory>
#include <utility>

#include "limn/runtime/kernels.h"
#include "limn/runtime/lanes.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/window_places.h"

namespace limn {
namespace {

/// From one place to the next: by how many elements of what is read, and how many taps.
struct PlaceSteps {
  std::int64_t row, column, row_taps, column_taps;
};

/// A row of results: where its columns read, and its rows.
struct PoolRow {
  std::span<const Place> columns;
  Place rows;
  PlaceSteps step;
};

/// The kernels of one instruction set.
struct PoolKernels {
  void (*maxima)(const PoolRow&, const float*, float*, std::uint8_t*);
  void (*maxima_chosen)(const PoolRow&, const float*, float*, std::uint8_t*);
  void (*maxima_bf16)(const PoolRow&, const std::uint16_t*, std::uint16_t*, std::uint8_t*);
  void (*maxima_bf16_chosen)(const PoolRow&, const std::uint16_t*, std::uint16_t*, std::uint8_t*);
  void (*collect)(const PoolRow&, const float*, const std::uint8_t*, float*);
  void (*collect_positive)(const PoolRow&, const float*, const std::uint8_t*, float*);

  auto of(const float*, bool choose) const { return choose ? maxima_chosen : maxima; }
  auto of(const std::uint16_t*, bool choose) const { return choose ? maxima_bf16_chosen : maxima_bf16; }
};

#if defined(__x86_64__)
namespace avx512 {
constexpr int kLanes = 16;
#define LIMN_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#include "limn/runtime/max_pool_kernels.inc"
#undef LIMN_TARGET
}  // namespace avx512
namespace avx2 {
constexpr int kLanes = 8;
#define LIMN_TARGET __attribute__((target("avx2")))
#include "limn/runtime/max_pool_kernels.inc"
#undef LIMN_TARGET
}  // namespace avx2
#endif
namespace baseline {
constexpr int kLanes = 8;
#define LIMN_TARGET
#include "limn/runtime/max_pool_kernels.inc"
#undef LIMN_TARGET
}  // namespace baseline

const PoolKernels& kernels() {
  static const PoolKernels chosen = [] {
#if defined(__x86_64__)
    if (channel_block() == avx512::kLanes) return avx512::kernels_of_set();
    if (__builtin_cpu_supports("avx2")) return avx2::kernels_of_set();
#endif
    return baseline::kernels_of_set();
  }();
  return chosen;
}

/// What a step knows of its planes before it sees memory.
struct PoolPlan {
  std::vector<Place> rows, columns;
  PlaceSteps step;
  ChainShape read, written;
  std::int64_t width_read;  ///< in elements

  /// f(row, image, from, to): the row of results at element `to` of the image reads from element `from` on.
  template <class F>
  void for_each(const F& f) const {
    const auto height = static_cast<std::int64_t>(rows.size());
    for_each_row(written, height, [&](std::int64_t image, std::int64_t plane, std::int64_t row) {
      const Place& place = rows[static_cast<std::size_t>(row)];
      f(PoolRow{columns, place, step}, image, plane * read.plane + place.first * width_read,
        plane * written.plane + row * (written.plane / height));
    });
  }
};

std::shared_ptr<const PoolPlan> plan_of(const Places& rows, const Places& columns, const View& from,
                                        const View& to) {
  const ChainShape read = chain_shape(from);
  const std::int64_t width = columns.read * read.lanes;
  const PlaceSteps step{rows.step * width, columns.step * read.lanes, rows.taps_step, columns.taps_step};
  return std::make_shared<const PoolPlan>(PoolPlan{rows.of, columns.of, step, read, chain_shape(to), width});
}

template <class Element>
Run bound(const std::shared_ptr<const PoolPlan>& plan, const Memory& memory, const View& x, const View& y,
          const std::optional<View>& chosen) {
  const Element* from = memory.at<Element>(x);
  Element* to = memory.at<Element>(y);
  std::uint8_t* choices = chosen ? memory.at<std::uint8_t>(*chosen) : nullptr;
  const std::int64_t from_stride = x.image_stride, to_stride = y.image_stride;
  const std::int64_t choices_stride = chosen ? chosen->image_stride : 0;
  const auto run = kernels().of(from, chosen.has_value());
  return [=] {
    plan->for_each([&](const PoolRow& row, std::int64_t image, std::int64_t read, std::int64_t written) {
      run(row, from + image * from_stride + read, to + image * to_stride + written,
          choices == nullptr ? nullptr : choices + image * choices_stride + written);
    });
  };
}

}  // namespace

View new_choices(Lowering& lowering, const View& y) {
  return lowering.bytes_by_image(y.images(), y.image_elements());
}

void emit_max_pool(Lowering& lowering, const std::string& label, const MaxPool& pool, const View& x, const View& y,
                   const std::optional<View>& chosen) {
  std::vector<View> writes{y};
  if (chosen) writes.push_back(*chosen);
  const Bind bind = [=, plan = plan_of(elements_of_windows(pool.rows, pool.columns.kernel),
                                       elements_of_windows(pool.columns), x, y)](const Memory& memory) {
    return y.bf16 ? bound<std::uint16_t>(plan, memory, x, y, chosen) : bound<float>(plan, memory, x, y, chosen);
  };
  lowering.emit(label, std::string(y.bf16 ? "limn:bf16 maximum" : "limn:maximum") + (chosen ? " and choice" : ""),
                {x}, writes, bind);
}

void emit_max_pool_gradient(Lowering& lowering, const std::string& label, const MaxPool& pool, const View& dy,
                            const View& chosen, const View& dx, bool cut_off) {
  const Bind bind = [=, plan = plan_of(windows_of_elements(pool.rows, pool.columns.kernel),
                                       windows_of_elements(pool.columns), dy, dx)](const Memory& memory) -> Run {
    const float* from = memory.at(dy);
    const std::uint8_t* choices = memory.at<std::uint8_t>(chosen);
    float* to = memory.at(dx);
    const std::int64_t from_stride = dy.image_stride, choices_stride = chosen.image_stride;
    const auto run = cut_off ? kernels().collect_positive : kernels().collect;
    return [=, to_stride = dx.image_stride] {
      plan->for_each([&](const PoolRow& row, std::int64_t image, std::int64_t read, std::int64_t written) {
        run(row, from + image * from_stride + read, choices + image * choices_stride + read,
            to + image * to_stride + written);
      });
    };
  };
  lowering.emit(label, "limn:choice", {dy, chosen}, {dx}, bind);
}

}  // namespace limn
