// CenterCropPad: the middle of each axis kept, or zeros put around it, until it has the size that is asked for.
#include <algorithm>
#include <numeric>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

/// The axes that the sizes in input 1 are about.
std::vector<std::int64_t> sized_axes(const Node& node, std::size_t rank) {
  std::vector<std::int64_t> all(rank);
  std::iota(all.begin(), all.end(), 0);
  return node.attrs.integers("axes", all);
}

std::vector<Inferred> infer(const InferContext& c) {
  Shape y = c.shape(0);
  const auto listed = sized_axes(c.node, y.size());
  axes_of(c, listed, y.size());
  const auto sizes = elements(c, 1).value_or(Shape(listed.size()));
  if (sizes.size() != listed.size())
    throw c.wrong(std::to_string(sizes.size()) + " sizes are given for " + std::to_string(listed.size()) + " axes");
  for (std::size_t k = 0; k < listed.size(); ++k) y[from_front(listed[k], y.size())] = sizes[k];
  return typed_as_first(c, std::move(y));
}

// Of an odd number of elements to drop or to add, the larger half is at the end.
void reference(const EvalContext& c) {
  const auto x = c.in[0].dims, y = c.out[0].dims;
  const Dims from = strides_of(x), to = strides_of(y);
  Dims common;
  std::int64_t first_read = 0, first_written = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    common.push_back(std::min(x[i], y[i]));
    first_read += (x[i] - common[i]) / 2 * from[i];
    first_written += (y[i] - common[i]) / 2 * to[i];
  }
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto source = c.in[0].as<T>();
    const auto target = c.out[0].as<T>();
    std::ranges::fill(target, T{});
    walk<2>(common, {from, to}, [&](const auto& o) {
      target[static_cast<std::size_t>(first_written + o[1])] = source[static_cast<std::size_t>(first_read + o[0])];
    });
  });
}

/// What was cropped gets zero and what was added is dropped: the same towards the sizes of x.
std::vector<Value> vjp(const VjpContext& c) {
  const Shape x = c.in[0].shape();
  const auto axes = sized_axes(c.node, x.size());
  std::vector<std::int64_t> places;
  for (std::int64_t axis : axes) places.push_back(static_cast<std::int64_t>(from_front(axis, x.size())));
  const Value sizes = emit("Gather", {shape_of(c.in[0]), int64_constant(c.graph(), std::move(places))});
  return {emit("CenterCropPad", {c.dout[0], sizes}, {{"axes", axes}}), {}};
}

}  // namespace

const OpDef center_crop_pad_op{"CenterCropPad", {2, 2}, infer, reference, vjp};

}  // namespace limn
