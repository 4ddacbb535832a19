#pragma once
// The native runtime: a graph compiled for fixed sizes into fast kernels (Program), and the memory to run it in
// (Session).

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// How convolutions and products with constant matrices are computed. In each way sums are float.
enum class Precision : std::uint8_t {
  /// Forward passes multiply every weight with every pixel, so that rectifiers and maxima choose as they do
  /// elsewhere. Gradients, behind which nothing chooses, take the transform where it is faster.
  exact,
  /// Forward passes too take Winograd's transform for 3x3 convolutions where it is faster, with an error of at most
  /// 2e-6 of the largest result of a layer. A value that close to zero may fall on the other side of a rectifier:
  /// class scores and CAMs hardly move, but single pixels of a gradient may by some hundredths of its maximum.
  fast,
  /// Both operands of convolutions and of products with constant matrices are rounded to bfloat16 (8 significant
  /// bits), and so is what such steps hand to each other alone; everything else is float. Class scores and CAMs
  /// move by a hundredth of the largest or more, and rectifiers near zero open or close, so that input gradients
  /// move far more. Only where processor_has_bf16(), and only when asked for: what limn chooses by itself is exact
  /// or fast. See docs/explanation/precision.md.
  bf16,
};
LIMN_API std::string_view name_of(Precision precision);
/// Whether the processor multiplies bfloat16 (AVX512_BF16), and oneDNN was not told to leave that alone
/// (ONEDNN_MAX_CPU_ISA).
LIMN_API bool processor_has_bf16();
/// Throws Error{unsupported} for a precision that this processor does not have.
LIMN_API void require_processor_for(Precision precision);

struct CompileOptions {
  /// Sizes of the symbolic dimensions, for instance {{"N", 8}}. A symbol that is not named becomes 1.
  std::map<std::string, std::int64_t> symbols = {};
  /// Threads that one run uses. One is right for a host program that runs several sessions side by side.
  int threads = 1;
  Precision precision = Precision::exact;
  /// A folder that keeps transformed weights (see Precision) for later programs, in this process or another; made
  /// when missing, bounded to 2 GiB. Empty: nothing is kept.
  std::filesystem::path cache = {};
  /// Whether layers that can work image by image do so, each thread with an image of its own, in place of all
  /// images layer by layer. By default those do that gain by it: of a batch of large images most. Results differ by
  /// rounding.
  std::optional<bool> by_image = {};
};

/// What such a folder holds.
struct CacheUse {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};
/// Nothing for a folder that is not there.
LIMN_API CacheUse cache_use(const std::filesystem::path& folder);
/// Removes the kept weights, no other file, and answers what they were. Throws Error{io}.
LIMN_API CacheUse clear_cache(const std::filesystem::path& folder);

struct StepInfo {
  std::string label;   ///< operators and node name
  std::string kernel;  ///< implementation that serves it
  Dims dims;           ///< sizes of its result
  /// Multiplications and additions of a convolution or of a product of matrices, those with padding included; 0 for
  /// everything else, and where they depend on the values (products with cotangents that are nearly all zero).
  double operations = 0;
  bool by_image = false;  ///< see CompileOptions
};

/// Told of a step, by its position in Program::steps(), that it ran from `begin` to `end`. Steps that ran image by
/// image are told as if each had run once, for its share of the time.
using StepClock = std::chrono::steady_clock;
using StepObserver = std::function<void(std::size_t step, StepClock::time_point begin, StepClock::time_point end)>;

/// A compiled graph: immutable, shared by any number of sessions and threads. Weights are held here, once.
class LIMN_API Program {
 public:
  /// Throws Error{unsupported} for an operator without kernel or shape and for Precision::bf16 on a processor
  /// without bfloat16, Error{bad_input} for NaN weights.
  static Program compile(const Graph& graph, const CompileOptions& options = {});

  /// Names of the inputs that the outputs depend on, and of the outputs, with their concrete sizes.
  const std::vector<std::string>& inputs() const;
  const std::vector<std::string>& outputs() const;
  const Dims& input_dims(std::string_view name) const;
  const Dims& output_dims(std::string_view name) const;

  int threads() const;
  Precision precision() const;
  std::vector<StepInfo> steps() const;
  std::size_t arena_bytes() const;  ///< activations of one session, as planned by liveness, and its scratch memory
  std::size_t scratch_bytes() const;  ///< of these, what one step uses at most while it runs
  std::size_t weight_bytes() const;   ///< reordered copies of weights, beside the graph's own

  struct Impl;

 private:
  friend class Session;
  explicit Program(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

/// Scratch memory for one thread at a time: make one session per thread. run() allocates nothing.
class LIMN_API Session {
 public:
  explicit Session(const Program& program);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  /// Memory of an input in row-major order ([N, C, H, W] for images), to be written before run(). Asking for it
  /// marks the input as changed. Throws Error{not_found}.
  std::span<float> input(std::string_view name);
  /// Computes every step that depends on an input changed since the last run, and no other: after a first run for
  /// an image, a run with another target class repeats the backward pass alone.
  void run();
  /// The same for the steps that depend on none of these inputs: the forward pass alone, before the target classes,
  /// which may depend on its result, are written. A later run() does the rest.
  void run_before(std::span<const std::string> inputs);
  /// From now on tells `observer` of every step that runs, on the thread that called run(); an empty one ends this.
  void observe(StepObserver observer);
  /// An output of the last run in row-major order. Valid until the next run().
  std::span<const float> output(std::string_view name) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace limn
