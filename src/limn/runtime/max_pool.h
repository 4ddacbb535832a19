#pragma once
// Max pooling and its gradient. oneDNN's gradient adds to memory for every window, and its forward pass takes four
// times as long when it has to say where the maxima were. Here a byte for each window tells which of its taps it
// chose, and each element of the gradient is summed in a register, from the windows that chose it, and written
// once.

#include <optional>
#include <string>

#include "limn/ops/window.h"
#include "limn/runtime/plan.h"

namespace limn {

class Lowering;

struct MaxPool {
  WindowAxis rows, columns;

  /// Whether a byte tells a tap.
  bool tells_taps() const { return rows.kernel * columns.kernel <= 256; }
};

/// Memory for the taps that the windows of y [N, C, H, W] choose.
View new_choices(Lowering& lowering, const View& y);
/// Adds the step that computes y from x, both blocked, of floats or both bfloat16, and what `chosen` holds.
void emit_max_pool(Lowering& lowering, const std::string& label, const MaxPool& pool, const View& x, const View& y,
                   const std::optional<View>& chosen);
/// Adds the step that computes dx from dy, both blocked, of floats; with `cut_off` what is positive of it.
void emit_max_pool_gradient(Lowering& lowering, const std::string& label, const MaxPool& pool, const View& dy,
                            const View& chosen, const View& dx, bool cut_off);

}  // namespace limn
