// GatherND: y[i] = data[indices[i]], where the last axis of the indices spells a place in the leading axes of the
// data. ScatterND: y = data, with the slice at indices[i] set to or combined with updates[i].

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/scatter.h"

namespace limn {
namespace {

std::size_t batch_axes(const Node& node) {
  const std::int64_t n = node.attrs.integer("batch_dims", 0);
  if (n < 0 || n > 32)
    throw Error(ErrorCode::bad_input, "the attribute 'batch_dims' is " + std::to_string(n), place_of(node));
  return static_cast<std::size_t>(n);
}

/// How many axes of the data an index spells; `batch` axes in front are common to data and indices.
std::size_t spelled_axes(const InferContext& c, std::size_t batch) {
  const Shape &data = c.shape(0), &indices = c.shape(1);
  if (c.dtype(1) != DType::i64 && c.dtype(1) != DType::i32) throw c.wrong("its indices are integers");
  if (indices.size() <= batch || !indices.back().known())
    throw c.wrong("the indices " + to_string(indices) + " do not spell places");
  const std::int64_t spelled = indices.back().value;
  if (spelled < 1 || static_cast<std::size_t>(spelled) > data.size() - std::min(batch, data.size()))
    throw c.wrong("the indices " + to_string(indices) + " do not spell places in " + to_string(data));
  return static_cast<std::size_t>(spelled);
}

std::vector<Inferred> infer_gather_nd(const InferContext& c) {
  const Shape &data = c.shape(0), &indices = c.shape(1);
  const std::size_t batch = batch_axes(c.node), spelled = spelled_axes(c, batch);
  Shape y(indices.begin(), indices.end() - 1);
  for (std::size_t i = 0; i < batch; ++i) {
    if (data[i].known() && y[i].known() && data[i] != y[i])
      throw c.wrong("the indices " + to_string(indices) + " and the data " + to_string(data) +
                    " differ in a batch axis");
    if (!y[i].known()) y[i] = data[i];
  }
  y.insert(y.end(), data.begin() + static_cast<std::ptrdiff_t>(batch + spelled), data.end());
  return typed_as_first(c, std::move(y));
}

std::vector<std::int64_t> integers_of(const TensorView& t) {
  if (t.dtype == DType::i32) return {t.as<std::int32_t>().begin(), t.as<std::int32_t>().end()};
  return {t.as<std::int64_t>().begin(), t.as<std::int64_t>().end()};
}

/// Calls f(k, slice) for every index k: the number, among the slices of the data, of the one that it spells.
template <class F>
void for_each_slice(const EvalContext& c, std::size_t batch, F&& f) {
  const auto data = c.in[0].dims, sizes = c.in[1].dims;
  const auto indices = integers_of(c.in[1]);
  const auto spelled = static_cast<std::size_t>(sizes.back());
  const std::int64_t in_batch = element_count(data.subspan(batch, spelled));
  const std::size_t count = indices.size() / spelled;
  const std::size_t batches = static_cast<std::size_t>(element_count(data.first(batch)));
  for (std::size_t k = 0; k < count; ++k) {
    std::int64_t slice = 0;
    for (std::size_t i = 0; i < spelled; ++i) {
      const std::int64_t size = data[batch + i], given = indices[k * spelled + i];
      if (given < -size || given >= size)
        throw Error(ErrorCode::bad_input,
                    "the index " + std::to_string(given) + " lies outside an axis of " + std::to_string(size),
                    place_of(c.node));
      slice = slice * size + (given < 0 ? given + size : given);
    }
    f(k, static_cast<std::int64_t>(k / (count / batches)) * in_batch + slice);
  }
}

/// Elements of one slice.
std::int64_t slice_size(const EvalContext& c, std::size_t batch) {
  return element_count(c.in[0].dims.subspan(batch + static_cast<std::size_t>(c.in[1].dims.back())));
}

void gather_nd_reference(const EvalContext& c) {
  const std::size_t batch = batch_axes(c.node);
  const std::int64_t bytes = slice_size(c, batch) * static_cast<std::int64_t>(size_of(c.in[0].dtype));
  for_each_slice(c, batch, [&](std::size_t k, std::int64_t slice) {
    std::copy_n(c.in[0].bytes + slice * bytes, bytes, c.out[0].bytes + static_cast<std::int64_t>(k) * bytes);
  });
}

/// The indices with the places in the batch axes put in front, as ScatterND wants them.
Value full_indices(const VjpContext& c, std::size_t batch) {
  if (batch == 0) return c.in[1];
  const auto rank = static_cast<std::int64_t>(c.in[1].shape().size());
  GraphBuilder& g = c.graph();
  const Value one = int64_constant(g, {1});
  const Value places =
      emit("Concat", {emit("Shape", {c.in[1]}, {{"end", rank - 1}}), one}, {{"axis", std::int64_t{0}}});
  std::vector<Value> parts;
  for (std::size_t i = 0; i < batch; ++i) {
    const auto axis = static_cast<std::int64_t>(i);
    const Value size =
        reshape(emit("Shape", {c.in[0]}, {{"start", axis}, {"end", axis + 1}}), std::vector<std::int64_t>{});
    const Value count = emit(
        "Range", {g.constant(Tensor::scalar<std::int64_t>(0)), size, g.constant(Tensor::scalar<std::int64_t>(1))});
    std::vector<std::int64_t> along(static_cast<std::size_t>(rank), 1);
    along[i] = -1;
    parts.push_back(expand(reshape(count, std::move(along)), places));
  }
  parts.push_back(to_int64(c.in[1]));
  return emit("Concat", std::move(parts), {{"axis", std::int64_t{-1}}});
}

std::vector<Value> gather_nd_vjp(const VjpContext& c) {
  return {emit("ScatterND", {zeros_like(c.in[0]), full_indices(c, batch_axes(c.node)), c.dout[0]},
               {{"reduction", std::string("add")}}),
          {}};
}

std::vector<Inferred> infer_scatter_nd(const InferContext& c) {
  const Shape &data = c.shape(0), &indices = c.shape(1), &updates = c.shape(2);
  const std::size_t spelled = spelled_axes(c, 0), places = indices.size() - 1;
  require_same_type(c, 0, 2);
  if (reduction_of(c.node) != Reduction::none && c.dtype(0) == DType::boolean)
    throw c.wrong("truth values cannot be added or compared");
  bool fits = updates.size() == places + data.size() - spelled;
  for (std::size_t i = 0; fits && i < updates.size(); ++i) {
    const Dim& want = i < places ? indices[i] : data[spelled + i - places];
    fits = !want.known() || !updates[i].known() || want == updates[i];
  }
  if (!fits)
    throw c.wrong("indices " + to_string(indices) + " and updates " + to_string(updates) + " do not go with data " +
                  to_string(data));
  return {{c.type(0), {}}};
}

void scatter_nd_reference(const EvalContext& c) {
  const auto n = static_cast<std::size_t>(slice_size(c, 0));
  if (c.in[2].count() * c.in[1].dims.back() != c.in[1].count() * static_cast<std::int64_t>(n))
    throw Error(ErrorCode::bad_input, "there are not as many updates as indices", place_of(c.node));
  const Reduction reduction = reduction_of(c.node);
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto data = c.in[0].as<T>(), updates = c.in[2].as<T>();
    const auto y = c.out[0].as<T>();
    std::ranges::copy(data, y.begin());
    for_each_slice(c, 0, [&](std::size_t k, std::int64_t slice) {
      for (std::size_t i = 0; i < n; ++i)
        combine(y[static_cast<std::size_t>(slice) * n + i], updates[k * n + i], reduction);
    });
  });
}

std::vector<Value> scatter_nd_vjp(const VjpContext& c) { return scatter_vjp(c, "GatherND"); }

}  // namespace

const OpDef gather_nd_op{"GatherND", {2, 2}, infer_gather_nd, gather_nd_reference, gather_nd_vjp};
const OpDef scatter_nd_op{"ScatterND", {3, 3}, infer_scatter_nd, scatter_nd_reference, scatter_nd_vjp};

}  // namespace limn
