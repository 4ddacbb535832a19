// DepthToSpace, SpaceToDepth and ReverseSequence: the same elements in other places.
#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

std::int64_t block_of(const Node& node) {
  const std::int64_t block = node.attrs.integer("blocksize", 0);
  if (block < 1 || block > (1 << 12))
    throw Error(ErrorCode::bad_input, "the attribute 'blocksize' is " + std::to_string(block), place_of(node));
  return block;
}

/// Whether the channels of DepthToSpace are ordered [C, block, block] (CRD) instead of [block, block, C] (DCR).
bool channel_first(const Node& node) {
  const std::string mode = node.attrs.text("mode", "DCR");
  if (mode == "CRD") return true;
  if (mode == "DCR") return false;
  throw Error(ErrorCode::bad_input, "the attribute 'mode' is '" + mode + "'", place_of(node),
              "it must be DCR or CRD");
}

void check_image(const InferContext& c) {
  if (c.shape(0).size() != 4) throw c.wrong("takes [N, C, H, W], not " + to_string(c.shape(0)));
}

Dim divided(const InferContext& c, const Dim& size, std::int64_t by) {
  if (size.known() && size.value % by != 0)
    throw c.wrong("a size of " + std::to_string(size.value) + " is not a multiple of " + std::to_string(by));
  return quotient(size, Dim(by));
}

std::vector<Inferred> infer_depth_to_space(const InferContext& c) {
  check_image(c);
  channel_first(c.node);
  const std::int64_t b = block_of(c.node);
  const Shape& x = c.shape(0);
  return typed_as_first(c, {x[0], divided(c, x[1], b * b), product(x[2], Dim(b)), product(x[3], Dim(b))});
}

std::vector<Inferred> infer_space_to_depth(const InferContext& c) {
  check_image(c);
  const std::int64_t b = block_of(c.node);
  const Shape& x = c.shape(0);
  return typed_as_first(c, {x[0], product(x[1], Dim(b * b)), divided(c, x[2], b), divided(c, x[3], b)});
}

/// Calls f(start in the deep image, start in the wide one) for every run of `width` elements that lie side by side
/// in the deep image [N, C b b, H, W] and `block` apart in the wide one [N, C, H b, W b]; both in elements.
template <class F>
void for_each_run(std::span<const std::int64_t> wide, std::int64_t b, bool channel_first, F&& f) {
  const std::int64_t channels = wide[1], height = wide[2] / b, width = wide[3] / b;
  for (std::int64_t n = 0; n < wide[0]; ++n)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t row = 0; row < wide[2]; ++row)
        for (std::int64_t j = 0; j < b; ++j) {
          const std::int64_t in_block = row % b * b + j;
          const std::int64_t deep = channel_first ? c * b * b + in_block : in_block * channels + c;
          f(((n * channels * b * b + deep) * height + row / b) * width,
            ((n * channels + c) * wide[2] + row) * wide[3] + j);
        }
}

void depth_to_space_reference(const EvalContext& c) {
  const std::int64_t b = block_of(c.node), width = c.in[0].dims[3];
  dispatch(c.in[0].dtype, [&]<class T>() {
    const T* x = c.in[0].as<T>().data();
    T* y = c.out[0].as<T>().data();
    for_each_run(c.out[0].dims, b, channel_first(c.node), [&](std::int64_t deep, std::int64_t wide) {
      for (std::int64_t w = 0; w < width; ++w) y[wide + w * b] = x[deep + w];
    });
  });
}

void space_to_depth_reference(const EvalContext& c) {
  const std::int64_t b = block_of(c.node), width = c.out[0].dims[3];
  dispatch(c.in[0].dtype, [&]<class T>() {
    const T* x = c.in[0].as<T>().data();
    T* y = c.out[0].as<T>().data();
    for_each_run(c.in[0].dims, b, false, [&](std::int64_t deep, std::int64_t wide) {
      for (std::int64_t w = 0; w < width; ++w) y[deep + w] = x[wide + w * b];
    });
  });
}

/// SpaceToDepth gives channels [block, block, C]; they are turned round for CRD.
std::vector<Value> depth_to_space_vjp(const VjpContext& c) {
  const std::int64_t b = block_of(c.node);
  const Value deep = emit("SpaceToDepth", {c.dout[0]}, {{"blocksize", b}});
  if (!channel_first(c.node)) return {deep};
  const Value blocks = transpose(reshape(deep, {0, b * b, c.out[0].shape()[1].value, -1}), {0, 2, 1, 3});
  return {reshape_like(blocks, c.in[0])};
}

std::vector<Value> space_to_depth_vjp(const VjpContext& c) {
  return {emit("DepthToSpace", {c.dout[0]}, {{"blocksize", block_of(c.node)}})};
}

/// The axes of ReverseSequence.
struct Sequences {
  std::size_t batch, time;
};
Sequences sequences_of(const Node& node) {
  const auto read = [&](const char* name, std::int64_t otherwise) {
    const std::int64_t axis = node.attrs.integer(name, otherwise);
    if (axis != 0 && axis != 1)
      throw Error(ErrorCode::bad_input, "the attribute '" + std::string(name) + "' is " + std::to_string(axis),
                  place_of(node), "it must be 0 or 1");
    return static_cast<std::size_t>(axis);
  };
  const Sequences s{read("batch_axis", 1), read("time_axis", 0)};
  if (s.batch == s.time) throw Error(ErrorCode::bad_input, "batch and time are the same axis", place_of(node));
  return s;
}

std::vector<Inferred> infer_reverse_sequence(const InferContext& c) {
  const Shape &x = c.shape(0), &lengths = c.shape(1);
  const Sequences s = sequences_of(c.node);
  if (x.size() < 2 || lengths.size() != 1 || (x[s.batch].known() && lengths[0].known() && x[s.batch] != lengths[0]))
    throw c.wrong("the lengths " + to_string(lengths) + " do not go with sequences " + to_string(x));
  if (c.dtype(1) != DType::i64) throw c.wrong("its lengths are int64 numbers");
  return {{c.type(0), {}}};
}

void reverse_sequence_reference(const EvalContext& c) {
  const auto [batch, time] = sequences_of(c.node);
  const auto dims = c.in[0].dims;
  const auto lengths = c.in[1].as<std::int64_t>();
  const std::int64_t bytes = element_count(dims.subspan(2)) * static_cast<std::int64_t>(size_of(c.in[0].dtype));
  for (std::int64_t i = 0; i < dims[0]; ++i)
    for (std::int64_t j = 0; j < dims[1]; ++j) {
      const std::int64_t b = batch == 0 ? i : j, t = batch == 0 ? j : i;
      const std::int64_t length = lengths[static_cast<std::size_t>(b)];
      if (length < 0 || length > dims[time])
        throw Error(ErrorCode::bad_input,
                    "a sequence of " + std::to_string(dims[time]) + " elements has no " + std::to_string(length),
                    place_of(c.node));
      const std::int64_t from = t < length ? length - 1 - t : t;
      const std::int64_t source = batch == 0 ? i * dims[1] + from : from * dims[1] + j;
      std::copy_n(c.in[0].bytes + source * bytes, bytes, c.out[0].bytes + (i * dims[1] + j) * bytes);
    }
}

std::vector<Value> reverse_sequence_vjp(const VjpContext& c) {
  return {emit("ReverseSequence", {c.dout[0], c.in[1]}, c.node.attrs), {}};
}

}  // namespace

const OpDef depth_to_space_op{
    "DepthToSpace", {1, 1}, infer_depth_to_space, depth_to_space_reference, depth_to_space_vjp};
const OpDef space_to_depth_op{
    "SpaceToDepth", {1, 1}, infer_space_to_depth, space_to_depth_reference, space_to_depth_vjp};
const OpDef reverse_sequence_op{
    "ReverseSequence", {2, 2}, infer_reverse_sequence, reverse_sequence_reference, reverse_sequence_vjp};

}  // namespace limn
