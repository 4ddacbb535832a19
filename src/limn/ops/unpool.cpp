// MaxUnpool: elements put back where a MaxPool took them from. Col2Im: overlapping blocks summed into an image.
#include <algorithm>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/window.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// The sizes [N, C, spatial...] of the input of the MaxPool that made x, as its attributes tell; the indices count
/// in a tensor of these sizes.
Shape pooled_from(const Node& node, const Shape& x) {
  const Window w = Window::read(node, x.size() < 2 ? 0 : x.size() - 2);
  Shape y{x[0], x[1]};
  for (std::size_t i = 0; i < w.rank(); ++i) {
    const Dim& size = x[2 + i];
    y.push_back(size.known() ? Dim((size.value - 1) * w.stride[i] + w.kernel[i] - w.begin[i] - w.end[i]) : Dim());
    if (y.back().known() && y.back().value < 1)
      throw Error(ErrorCode::bad_input, "the pads leave nothing of an axis", w.where);
  }
  return y;
}

std::vector<Inferred> infer_max_unpool(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (c.dtype(1) != DType::i64 || c.shape(1).size() != x.size())
    throw c.wrong("the indices " + to_string(c.type(1)) + " do not go with " + to_string(x));
  const Shape y = pooled_from(c.node, x);
  if (!c.has(2)) return typed_as_first(c, y);
  const auto sizes = elements(c, 2).value_or(Shape(x.size()));
  bool fits = sizes.size() == x.size();
  for (std::size_t i = 0; fits && i < x.size(); ++i)
    fits = !sizes[i].known() || !y[i].known() || sizes[i].value >= y[i].value;
  if (!fits) throw c.wrong("an output of " + to_string(sizes) + " does not hold " + to_string(y));
  return typed_as_first(c, sizes);
}

void max_unpool_reference(const EvalContext& c) {
  const Dims counted = known_dims(pooled_from(c.node, to_shape(c.in[0].dims)));
  const Dims from = strides_of(counted), to = strides_of(c.out[0].dims);
  const std::int64_t count = element_count(counted);
  const auto indices = c.in[1].as<std::int64_t>();
  if (c.in[1].count() != c.in[0].count())
    throw Error(ErrorCode::bad_input, "there are not as many indices as elements", place_of(c.node));
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    std::ranges::fill(y, T{});
    for (std::size_t k = 0; k < x.size(); ++k) {
      if (indices[k] < 0 || indices[k] >= count)
        throw Error(ErrorCode::bad_input,
                    "there is no element " + std::to_string(indices[k]) + " in " + to_string(std::span(counted)),
                    place_of(c.node));
      std::int64_t at = 0;
      for (std::size_t i = 0; i < to.size(); ++i) at += indices[k] / from[i] % counted[i] * to[i];
      y[static_cast<std::size_t>(at)] = x[k];
    }
  });
}

std::vector<Value> max_unpool_vjp(const VjpContext& c) {
  Value dy = c.dout[0];
  if (c.in.size() > 2) {
    const Shape counted = pooled_from(c.node, c.in[0].shape());
    if (!is_known(Shape(counted.begin() + 2, counted.end())))
      throw Error(ErrorCode::unsupported, "the derivative of a MaxUnpool needs the image size", place_of(c.node),
                  "fix the height and width of the input first");
    Ints sizes{0, 0};
    for (std::size_t i = 2; i < counted.size(); ++i) sizes.push_back(counted[i].value);
    dy = cut_spatial(dy, int64_constant(c.graph(), std::move(sizes)));
  }
  std::vector<Value> din(c.in.size());
  din[0] = c.graph().add("Gather", {reshape(dy, Ints{-1}), c.in[1]}, {{"axis", std::int64_t{0}}});
  return din;
}

/// Blocks laid over an image, as the attributes of Col2Im and its inputs say.
struct Blocks {
  Ints block;
  Window window;
};

Blocks blocks_of(const Node& node, const Ints& block) {
  if (block.empty() || std::ranges::any_of(block, [](std::int64_t b) { return b < 1 || b > (1 << 24); }))
    throw Error(ErrorCode::bad_input, "the blocks " + to_string(std::span(block)) + " cannot be right",
                place_of(node));
  return {block, Window::read(node, block.size(), block)};
}

std::vector<Inferred> infer_col2im(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.size() != 3) throw c.wrong("takes [N, C * block, L], not " + to_string(x));
  if (!is_float(c.dtype(0))) throw c.wrong("sums floats, not " + std::string(name_of(c.dtype(0))));
  const Ints block = required_integers(c, 2, "sizes of the blocks");
  const Blocks b = blocks_of(c.node, block);
  const Shape image = elements(c, 1).value_or(Shape(block.size()));
  if (image.size() != block.size()) throw c.wrong("the image and its blocks have different numbers of axes");
  const std::int64_t taps = element_count(block);
  if (x[1].known() && x[1].value % taps != 0)
    throw c.wrong(to_string(x) + " does not hold blocks of " + to_string(std::span(block)));
  Dim places(1);
  for (std::size_t i = 0; i < image.size(); ++i)
    places = product(places, image[i].known() ? b.window.output(i, image[i]) : Dim());
  if (places.known() && x[2].known() && places != x[2])
    throw c.wrong("there are " + std::to_string(places.value) + " places for blocks, but " +
                  std::to_string(x[2].value) + " blocks");
  Shape y{x[0], quotient(x[1], Dim(taps))};
  y.insert(y.end(), image.begin(), image.end());
  return typed_as_first(c, std::move(y));
}

Ints integers_of(const TensorView& t) { return {t.as<std::int64_t>().begin(), t.as<std::int64_t>().end()}; }

void col2im_reference(const EvalContext& c) {
  const Blocks b = blocks_of(c.node, integers_of(c.in[2]));
  const SpatialAxes axes = b.window.on(c.out[0].dims);
  const std::int64_t images = c.out[0].dims[0] * c.out[0].dims[1], out = output_count(axes), in = input_count(axes);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const T* x = c.in[0].as<T>().data();
    const auto y = c.out[0].as<T>();
    std::ranges::fill(y, T{});
    for (std::int64_t n = 0; n < images; ++n)
      for (std::int64_t kd = 0; kd < axes[0].kernel; ++kd)
        for (std::int64_t kh = 0; kh < axes[1].kernel; ++kh)
          for (std::int64_t kw = 0; kw < axes[2].kernel; ++kw, x += out)
            for_each_window(axes, [&](std::int64_t flat, const auto& o) {
              const std::int64_t d = axes[0].at(o[0], kd), h = axes[1].at(o[1], kh), w = axes[2].at(o[2], kw);
              if (d < 0 || d >= axes[0].in || h < 0 || h >= axes[1].in || w < 0 || w >= axes[2].in) return;
              y[static_cast<std::size_t>(n * in + (d * axes[1].in + h) * axes[2].in + w)] += x[flat];
            });
  });
}

/// The blocks of dy: a convolution whose kernels each pick one element of a block.
std::vector<Value> col2im_vjp(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  const auto& constant = g.info(c.in[2].id).constant;
  if (!constant)
    throw Error(ErrorCode::unsupported, "the blocks of a Col2Im are only known at run time", place_of(c.node));
  const Ints block = constant->to_int64();
  const std::int64_t taps = element_count(block);
  std::vector<float> picks(static_cast<std::size_t>(taps * taps));
  for (std::size_t i = 0; i < static_cast<std::size_t>(taps); ++i)
    picks[i * static_cast<std::size_t>(taps) + i] = 1;
  Ints kernels{taps, 1}, alone{-1, 1};
  kernels.insert(kernels.end(), block.begin(), block.end());
  const auto rank = static_cast<std::int64_t>(2 + block.size());
  const Value spatial = emit("Shape", {c.dout[0]}, {{"start", std::int64_t{2}}, {"end", rank}});
  const Value images = emit("Concat", {int64_constant(g, alone), spatial}, {{"axis", std::int64_t{0}}});
  const Value blocks =
      g.add("Conv", {reshape(c.dout[0], images), g.constant(Tensor::of<float>(kernels, picks))}, c.node.attrs);
  return {reshape_like(blocks, c.in[0]), {}, {}};
}

}  // namespace

const OpDef max_unpool_op{"MaxUnpool", {2, 3}, infer_max_unpool, max_unpool_reference, max_unpool_vjp};
const OpDef col2im_op{"Col2Im", {3, 3}, infer_col2im, col2im_reference, col2im_vjp};

}  // namespace limn
