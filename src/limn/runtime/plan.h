#pragma once
// What a compiled program is made of: buffers, views of them, and steps in order.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// How the elements of a tensor lie in memory.
enum class Layout : std::uint8_t {
  plain,    ///< row-major
  blocked,  ///< [N, C/b, H, W, b] with b = channel_block(), channels padded with zeros to a multiple of b
  nhwc,     ///< [N, H, W, C], for convolutions that have no fast kernel in blocked form
};
inline constexpr std::size_t kLayouts = 3;

/// Channels side by side in Layout::blocked: 16 with AVX-512, 8 otherwise, as oneDNN's kernels want it.
std::int64_t channel_block();
std::int64_t round_up(std::int64_t n, std::int64_t multiple);

/// A tensor in a buffer. Images may lie apart (a slice of the channels of a larger tensor); within an image the
/// elements are dense.
struct View {
  std::size_t buffer = 0;
  std::int64_t offset = 0;        ///< bytes from the start of the buffer
  std::int64_t image_stride = 0;  ///< elements from one image to the next
  Layout layout = Layout::plain;
  DType dtype = DType::f32;
  Dims dims;
  bool bf16 = false;  ///< float32 numbers that lie rounded to bfloat16, which is no DType: graphs know none
  /// In a loop over images: bytes from the one image seen here to the next. 0 where all images see the same.
  std::int64_t image_step = 0;

  std::int64_t element_bytes() const { return bf16 ? 2 : static_cast<std::int64_t>(size_of(dtype)); }
  std::int64_t images() const { return dims.empty() ? 1 : dims[0]; }
  std::int64_t channels() const { return dims[1]; }
  /// Height times width of a [N, C, H, W] view.
  std::int64_t plane() const { return dims[2] * dims[3]; }
  /// Elements of one image, padding included.
  std::int64_t image_elements() const;
  bool dense() const { return images() == 1 || image_stride == image_elements(); }
  /// Bytes from the first element to the end of the last.
  std::size_t extent() const;
};

/// A view over a buffer of its own.
View whole(std::size_t buffer, Layout layout, DType dtype, Dims dims);
/// The same of float32 numbers, or of these as bfloat16.
View whole_floats(Layout layout, Dims dims, bool bf16);

struct Buffer {
  std::size_t bytes = 0;
  const std::byte* constant = nullptr;     ///< weights and other constants; the rest lies in the arena
  bool pinned = false;                     ///< live throughout: inputs, outputs, what a partial run reads
  std::size_t first = SIZE_MAX, last = 0;  ///< the steps between which it holds something
  std::optional<std::size_t> loop;  ///< of Plan::loops, where only that one uses it: every stream has its own
  std::size_t offset = 0;           ///< in the arena, or in the stream's part of it
};

/// Steps that run one after the other for one image, and then for the next.
struct ImageLoop {
  std::size_t first = 0, last = 0;  ///< the steps, the last not among them
  std::int64_t images = 1;
  std::int64_t streams = 1;      ///< threads that have an image each at a time
  std::size_t stream_bytes = 0;  ///< memory that a stream has for itself
  std::size_t offset = 0;        ///< of the first stream's, in the arena

  /// The images of a stream are [begin_of(stream), begin_of(stream + 1)).
  std::int64_t begin_of(std::int64_t stream) const { return stream * images / streams; }
};

/// The memory of one session, as a step sees it.
class Memory {
 public:
  Memory(std::byte* arena, std::span<const Buffer> buffers) : arena_(arena), buffers_(buffers) {}
  /// As a step of the loop sees it that works on that image.
  Memory in(const ImageLoop& loop, std::int64_t stream, std::int64_t image) const {
    Memory m = *this;
    m.stream_ = arena_ + loop.offset + static_cast<std::size_t>(stream) * loop.stream_bytes;
    m.image_ = image;
    return m;
  }

  std::byte* at(std::size_t buffer) const {
    const Buffer& b = buffers_[buffer];
    if (b.constant != nullptr) return const_cast<std::byte*>(b.constant);
    return (b.loop ? stream_ : arena_) + b.offset;
  }
  template <class T = float>
  T* at(const View& v) const {
    return reinterpret_cast<T*>(at(v.buffer) + v.offset + image_ * v.image_step);
  }

 private:
  std::byte* arena_;
  std::byte* stream_ = nullptr;
  std::int64_t image_ = 0;
  std::span<const Buffer> buffers_;
};

using Run = std::function<void()>;
/// Makes the step ready to run in the memory of a session.
using Bind = std::function<Run(const Memory&)>;

/// A set of graph inputs, by position.
using InputSet = std::uint64_t;

struct Step {
  std::string label, kernel;
  InputSet needs = 0;  ///< the inputs that it depends on
  std::vector<std::size_t> reads, writes;
  Bind bind;
  Dims dims = {};         ///< of the first view that it writes
  double operations = 0;  ///< see StepInfo
};

struct Port {
  std::string name;
  View view;
  InputSet needs = 0;
};

struct Plan {
  std::vector<Buffer> buffers{1};  ///< the first is nobody's: where views lie that have no memory yet
  std::vector<Step> steps;
  std::vector<ImageLoop> loops;  ///< in order; the steps between them see all images at once
  std::vector<Port> inputs, outputs;
  std::size_t arena_bytes = 0, weight_bytes = 0;
  std::size_t scratch_bytes = 0;                    ///< of the step that uses most
  std::vector<std::shared_ptr<const void>> owners;  ///< of the constants' bytes
};

/// Finds when buffers are live and gives each its place in the arena.
void plan_memory(Plan& plan);

}  // namespace limn
