// Lowering: where values lie.

#include <algorithm>
#include <utility>

#include "limn/ops/diagnostics.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/links.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/strided.h"

namespace limn {
namespace {

constexpr std::size_t slot_of(Layout layout) { return static_cast<std::size_t>(layout); }

/// Whether a view reads the same bytes in another layout: one position per channel.
bool reads_alike(const View& from, Layout to, bool bf16) {
  if (from.dtype != DType::f32 || from.bf16 != bf16 || from.dims.size() != 4 || from.plane() != 1 || !from.dense())
    return false;
  const bool whole_blocks = from.channels() % channel_block() == 0;
  if (to == Layout::blocked) return whole_blocks;
  return from.layout != Layout::blocked || whole_blocks || from.images() == 1;
}

}  // namespace

bool concatenates_blocks(const Lowering& l, const Node& node) {
  if (node.op != "Concat" || !l.is_image_like(node.out[0])) return false;
  if (!is_along_channels(node)) return false;
  return std::ranges::all_of(node.in, [&](ValueId i) { return l.dims(i)[1] % channel_block() == 0; });
}

View channel_range(const View& view, std::int64_t first, std::int64_t count) {
  View part = view;
  part.offset += first * view.plane() * view.element_bytes();
  part.dims[1] = count;
  return part;
}

bool overlap(const View& a, const View& b) {
  if (a.buffer != b.buffer) return false;
  const auto bytes = [](const View& v) { return v.image_elements() * v.element_bytes(); };
  if (a.image_stride == b.image_stride && a.element_bytes() == b.element_bytes())
    return a.offset < b.offset + bytes(b) && b.offset < a.offset + bytes(a);
  return a.offset < b.offset + static_cast<std::int64_t>(b.extent()) &&
         b.offset < a.offset + static_cast<std::int64_t>(a.extent());
}

bool same_place(const View& a, const View& b) {
  return a.buffer == b.buffer && a.offset == b.offset && a.image_stride == b.image_stride && a.layout == b.layout &&
         a.dims == b.dims && a.bf16 == b.bf16;
}

/// From the steps of one loop, or of none, to those of another.
void Lowering::move_to_loop(std::optional<std::size_t> loop) {
  if (loop == loop_) return;
  if (loop_) plan_.loops.back().last = plan_.steps.size();
  loop_ = loop;
  if (loop_)
    plan_.loops.push_back({plan_.steps.size(), 0, loops_.loops[*loop_].images, loops_.loops[*loop_].streams});
}

/// A view of one image, within a loop, as one of all images, and the other way round. What has no images, or no
/// other than that one in memory, is the same here and there.
View Lowering::of_all_images(View v) const {
  if (!loop_ || (v.image_step == 0 && !is_of_loop(v))) return v;
  v.dims[0] = plan_.loops.back().images;
  if (!is_of_loop(v)) v.image_stride = v.image_step / v.element_bytes();
  v.image_step = 0;
  return v;
}

View Lowering::as_seen_here(View v) const {
  if (!loop_ || plan_.buffers[v.buffer].constant != nullptr) return v;
  if (v.images() != plan_.loops.back().images) return v;
  v.dims[0] = 1;
  v.image_step = is_of_loop(v) ? 0 : v.image_stride * v.element_bytes();
  return v;
}

// From the last concatenation to the first, so that one that begins like a later one lies inside it.
void Lowering::find_slots() {
  for (std::size_t k = graph_.nodes().size(); k-- > 0;) {
    const Node& concat = node(k);
    if (!concatenates_blocks(*this, concat) || find_common_home(concat)) continue;
    std::int64_t channel = 0;
    for (const ValueId i : concat.in) {
      if (graph_.value(i).producer) slots_.try_emplace(i, Home{concat.out[0], channel});
      channel += dims(i)[1];
    }
  }
}

/// Whether the parts lie side by side in a larger concatenation already; then this one is a view of it.
bool Lowering::find_common_home(const Node& concat) {
  const auto first = slots_.find(concat.in[0]);
  if (first == slots_.end() || slots_.contains(concat.out[0])) return false;
  std::int64_t channel = first->second.channel;
  for (const ValueId i : concat.in) {
    const auto it = slots_.find(i);
    if (it == slots_.end() || it->second.parent != first->second.parent || it->second.channel != channel)
      return false;
    channel += dims(i)[1];
  }
  slots_.emplace(concat.out[0], first->second);
  return true;
}

std::size_t Lowering::new_buffer(std::size_t bytes) {
  plan_.buffers.push_back({});
  plan_.buffers.back().bytes = bytes;
  residents_.emplace_back();
  written_with_.emplace_back();
  shared_phases_.push_back(0);
  return plan_.buffers.size() - 1;
}

void Lowering::add_resident(ValueId id, const View& v) {
  const std::int64_t size = v.image_elements() * v.element_bytes();
  residents_[v.buffer].push_back({id, v.offset, v.offset + size, v.image_stride});
}

void Lowering::place(ValueId id, View view) {
  view = of_all_images(std::move(view));
  add_resident(id, view);
  Lowered& forms = lowered_[index(id)];
  (view.bf16 ? forms.bf16 : forms.in)[slot_of(view.layout)] = std::move(view);
}

const std::optional<View>& Lowering::form(ValueId id, Layout layout, bool bf16) const {
  const Lowered& forms = lowered_[index(id)];
  return (bf16 ? forms.bf16 : forms.in)[slot_of(layout)];
}

bool Lowering::parts_have_slots(const Node& node) const {
  if (!concatenates_blocks(*this, node)) return false;
  std::int64_t channel = 0;
  return std::ranges::all_of(node.in, [&](ValueId i) {
    const auto it = slots_.find(i);
    const std::int64_t begin = std::exchange(channel, channel + dims(i)[1]);
    return it != slots_.end() && it->second.parent == node.out[0] && it->second.channel == begin;
  });
}

/// Memory for a view like that: in a loop for one image of each stream or, if later steps read it, for all images.
View Lowering::new_view(View like, bool of_loop) {
  std::size_t bytes = like.extent();
  if (loop_ && !of_loop) {
    like.image_step = like.image_stride * like.element_bytes();
    bytes *= static_cast<std::size_t>(plan_.loops.back().images);
  }
  like.buffer = new_buffer(bytes);
  if (of_loop) plan_.buffers.back().loop = loop_;
  return like;
}

View Lowering::temporary(Layout layout, Dims dims, DType dtype) {
  return new_view(whole(0, layout, dtype, std::move(dims)), true);
}

View Lowering::bytes_by_image(std::int64_t images, std::int64_t bytes) {
  return new_view(whole(0, Layout::plain, DType::u8, {images, bytes}), false);
}

std::optional<View> Lowering::workspace(ValueId id) const {
  const auto it = workspaces_.find(id);
  return it == workspaces_.end() ? std::nullopt : std::optional(as_seen_here(it->second));
}

Layout Lowering::elements_layout(ValueId result, std::span<const ValueId> operands,
                                 std::span<const ValueId> masks) const {
  if (!is_image_like(result)) return Layout::plain;
  bool blocked = has_slot(result), plain = false;
  for (const ValueId id : operands) {
    blocked = blocked || lies(id, Layout::blocked);
    plain = plain || lies(id, Layout::plain);
  }
  for (const ValueId id : masks) blocked = blocked || mask_lies(id, Layout::blocked);
  if (dims(result)[1] < channel_block() / 2 && plain) return Layout::plain;
  return blocked || !plain ? Layout::blocked : Layout::plain;
}

void Lowering::make_mask(ValueId id, const ChainStage& stage) {
  if (mask_forms_.contains(id)) return;
  const Layout layout = lies(id, Layout::blocked) ? Layout::blocked : Layout::plain;
  const View from = read(id, layout), to = allocate_mask(id, layout);
  emit_mask(*this, "mask of " + graph_.value(id).name, stage, from, to);
}

View Lowering::allocate_mask(ValueId id, Layout layout) {
  const View mask = new_view(whole(0, layout, DType::u8, dims(id)), false);
  mask_forms_[id].push_back(of_all_images(mask));
  return mask;
}

bool Lowering::mask_lies(ValueId id, Layout layout) const {
  return has_mask(id) && std::ranges::any_of(mask_forms_.at(id), [=](const View& v) { return v.layout == layout; });
}

View Lowering::read_mask(ValueId id, Layout layout) {
  make_mask(id, *masks_.of(id));  // unless it is there
  std::vector<View>& forms = mask_forms_.at(id);
  const auto it = std::ranges::find(forms, layout, &View::layout);
  if (it != forms.end()) return as_seen_here(*it);
  const View from = as_seen_here(forms.front()), to = allocate_mask(id, layout);
  convert(id, from, to);
  return to;
}

View Lowering::scratch(std::size_t bytes) {
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, bytes);
  return temporary(Layout::plain, {static_cast<std::int64_t>(bytes)}, DType::u8);
}

View Lowering::slot_view(ValueId id) {
  const Home home = slots_.at(id);
  const bool bf16 = bf16_.keeps(home.parent);
  if (!form(home.parent, Layout::blocked, bf16)) place(home.parent, allocate(home.parent, Layout::blocked, bf16));
  return channel_range(as_seen_here(*form(home.parent, Layout::blocked, bf16)), home.channel, dims(id)[1]);
}

View Lowering::allocate(ValueId id, Layout layout, bool bf16) {
  if (layout == Layout::blocked && has_slot(id))
    if (View slot = slot_view(id); slot.bf16 == bf16) return slot;
  return new_view(bf16 ? whole_floats(layout, dims(id), true) : whole(0, layout, dtype(id), dims(id)), stays(id));
}

bool Lowering::may_overwrite(ValueId id, Layout layout, bool bf16, ValueId result) const {
  const auto& view = form(id, layout, bf16);
  if (!view) return false;
  const Buffer& buffer = plan_.buffers[view->buffer];
  if (buffer.constant != nullptr || buffer.pinned || shared_phases_[view->buffer]) return false;
  if (buffer.loop && !stays(result == kAbsent ? current_result_ : result)) return false;
  if (written_with_[view->buffer] != current_needs_) return false;
  const std::int64_t begin = view->offset;
  const std::int64_t end = begin + view->image_elements() * view->element_bytes();
  return std::ranges::none_of(residents_[view->buffer], [&](const Resident& r) {
    const bool apart = r.image_stride == view->image_stride && (r.end <= begin || end <= r.begin);
    return !apart && remaining_[index(r.value)] > 0;
  });
}

/// What a conversion to that form starts from: the same type in another layout or, failing that, the other type.
View Lowering::nearest_form(ValueId id, Layout layout, bool bf16) {
  constexpr Layout kOrder[] = {Layout::blocked, Layout::plain, Layout::nhwc};
  for (const Layout other : kOrder)
    if (const auto& v = form(id, other, bf16)) return as_seen_here(*v);
  if (const auto& v = form(id, layout, !bf16)) return as_seen_here(*v);
  for (const Layout other : kOrder)
    if (const auto& v = form(id, other, !bf16)) return as_seen_here(*v);
  // It lies nowhere yet: a constant, or something to be spread.
  return read(id, constant(id) != nullptr ? Layout::plain : layout);
}

/// What is no conversion of another form: a constant as it lies, a value that is to be spread or turned.
std::optional<View> Lowering::make_form(ValueId id, Layout layout) {
  auto& plain = lowered_[index(id)].in[slot_of(Layout::plain)];
  if (const Tensor* t = constant(id); t != nullptr && layout == Layout::plain) {
    check_numbers(id);
    return plain = constant_view(*t);
  }
  if (const auto source = broadcast_source(id)) return expand_now(id, *source, layout);
  const auto turned = transposed_.find(id);
  if (turned == transposed_.end() || plain) return std::nullopt;
  check_numbers(turned->second, false);
  const Tensor& t = *constant(turned->second);
  plain = own_constant(transposed(look(t), t.dims()[0], t.dims()[1]), dims(id));
  return form(id, layout, false);
}

View Lowering::read(ValueId id, Layout layout, bool bf16) {
  if (const auto& v = form(id, layout, bf16)) return as_seen_here(*v);
  if (!bf16)
    if (const auto made = make_form(id, layout)) return *made;
  const View from = nearest_form(id, layout, bf16);
  View to;
  if (reads_alike(of_all_images(from), layout, bf16)) {
    to = from;
    to.layout = layout;
    to.image_stride = to.image_elements();
  } else {
    to = allocate(id, layout, bf16);
    convert(id, from, to);
  }
  place(id, to);
  return to;
}

void Lowering::convert(ValueId id, const View& from, const View& to) {
  const InputSet before = std::exchange(current_needs_, needs_[index(id)]);
  const bool together = from.dense() && to.dense();
  const std::int64_t images = together ? 1 : from.images();
  const DnnlArgument source = data_argument(DNNL_ARG_FROM, from, together ? from.images() : 1);
  const DnnlArgument target = data_argument(DNNL_ARG_TO, to, together ? to.images() : 1);
  const dnnl::primitive_attr attr = user_scratch();
  const dnnl::reorder::primitive_desc pd(dnnl_engine(), source.desc, dnnl_engine(), target.desc, attr);
  emit_primitive("reorder " + graph_.value(id).name, dnnl::reorder(pd), {source}, {target}, images);
  current_needs_ = before;
}

std::optional<ValueId> Lowering::broadcast_source(ValueId id) const {
  const auto it = broadcasts_.find(id);
  return it == broadcasts_.end() ? std::nullopt : std::optional(it->second);
}

void Lowering::place_broadcast(ValueId id, ValueId source) {
  broadcasts_[id] = source;
  ++remaining_[index(source)];  // read for as long as `id` is, so never overwritten
}

View Lowering::expand_now(ValueId id, ValueId source, Layout layout) {
  const InputSet before = std::exchange(current_needs_, needs_[index(id)]);
  const View from = read(source, layout), to = allocate(id, layout);
  emit_chain(*this, "Expand " + graph_.value(id).name, {chain_shape(to), {{ChainStage::Kind::load, 0}}},
             {lanes_operand(from, to)}, to);
  current_needs_ = before;
  place(id, to);
  return to;
}

}  // namespace limn
