#include "limn/runtime/lowering.h"

#include <algorithm>
#include <utility>

#include "limn/ops/diagnostics.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/signs.h"
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
  const std::int64_t axis = node.attrs.integer("axis", 1);
  if (axis != 1 && axis != -3) return false;
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

Lowering::Lowering(const Graph& graph, Precision precision, WeightCache cache)
    : graph_(graph),
      precision_(precision),
      cache_(std::move(cache)),
      dims_(graph.value_count()),
      needs_(graph.value_count()),
      remaining_(graph.use_counts()),
      readers_(graph.value_count()),
      lowered_(graph.value_count()),
      residents_(1),
      written_with_(1),
      shared_phases_(1) {
  find_sizes();
  find_needs();
  find_slots();
}

Plan Lowering::run() && {
  add_inputs();
  const std::vector<Group> groups = fuse(graph_, precision_ != Precision::bf16);
  if (precision_ == Precision::bf16) bf16_ = Bf16(*this, groups);
  for (const Group& group : groups) lower(group);
  add_outputs();
  plan_memory(plan_);
  return std::move(plan_);
}

void Lowering::find_sizes() {
  for (std::size_t i = 0; i < dims_.size(); ++i) {
    const ValueInfo& v = graph_.value(ValueId(i));
    const std::string where = v.producer ? place_of(node(*v.producer)) : "input '" + v.name + "'";
    if (v.type.dtype == DType::undefined || !v.type.shape || !is_known(*v.type.shape))
      throw Error(ErrorCode::unsupported, "the shape of '" + v.name + "' cannot be told before run time", where);
    dims_[i] = known_dims(*v.type.shape);
    if (element_count(dims_[i]) == 0)
      throw Error(ErrorCode::unsupported, "'" + v.name + "' has a size of zero: " + to_string(dims_[i]), where);
  }
}

void Lowering::find_needs() {
  constexpr std::size_t kBits = 64;
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i)
    needs_[index(graph_.inputs()[i])] = InputSet{1} << std::min(i, kBits - 1);
  for (std::size_t k = 0; k < graph_.nodes().size(); ++k) {
    InputSet needs = 0;
    for (const ValueId i : node(k).in) {
      if (i == kAbsent) continue;
      needs |= needs_[index(i)];
      readers_[index(i)].push_back(k);
    }
    for (const ValueId o : node(k).out)
      if (o != kAbsent) needs_[index(o)] = needs;
  }
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

bool Lowering::never_negative(ValueId id) {
  if (never_negative_.empty()) never_negative_ = values_never_negative(graph_);
  return never_negative_[index(id)] != 0;
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

View Lowering::temporary(Layout layout, Dims dims, DType dtype) {
  View v = whole(0, layout, dtype, std::move(dims));
  v.buffer = new_buffer(v.extent());
  return v;
}

View Lowering::scratch(std::size_t bytes) {
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, bytes);
  return temporary(Layout::plain, {static_cast<std::int64_t>(bytes)}, DType::u8);
}

View Lowering::slot_view(ValueId id) {
  const Home home = slots_.at(id);
  const bool bf16 = bf16_.keeps(home.parent);
  if (!form(home.parent, Layout::blocked, bf16)) place(home.parent, allocate(home.parent, Layout::blocked, bf16));
  return channel_range(*form(home.parent, Layout::blocked, bf16), home.channel, dims(id)[1]);
}

View Lowering::allocate(ValueId id, Layout layout, bool bf16) {
  if (layout == Layout::blocked && has_slot(id))
    if (View slot = slot_view(id); slot.bf16 == bf16) return slot;
  View v = bf16 ? whole_floats(layout, dims(id), true) : whole(0, layout, dtype(id), dims(id));
  v.buffer = new_buffer(v.extent());
  return v;
}

bool Lowering::may_overwrite(ValueId id, Layout layout, bool bf16) const {
  const auto& view = form(id, layout, bf16);
  if (!view) return false;
  const Buffer& buffer = plan_.buffers[view->buffer];
  if (buffer.constant != nullptr || buffer.pinned || shared_phases_[view->buffer]) return false;
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
    if (const auto& v = form(id, other, bf16)) return *v;
  if (const auto& v = form(id, layout, !bf16)) return *v;
  for (const Layout other : kOrder)
    if (const auto& v = form(id, other, !bf16)) return *v;
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
  if (const auto& v = form(id, layout, bf16)) return *v;
  if (!bf16)
    if (const auto made = make_form(id, layout)) return *made;
  const View from = nearest_form(id, layout, bf16);
  View to;
  if (reads_alike(from, layout, bf16)) {
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

void Lowering::emit(std::string label, std::string kernel, const std::vector<View>& reads,
                    const std::vector<View>& writes, Bind bind, double operations) {
  Step step{std::move(label), std::move(kernel), current_needs_, {}, {}, std::move(bind)};
  step.dims = writes.front().dims;
  step.operations = operations;
  for (const View& v : reads) {
    if (plan_.buffers[v.buffer].constant != nullptr) continue;
    step.reads.push_back(v.buffer);
    if (written_with_[v.buffer] != current_needs_) shared_phases_[v.buffer] = 1;
  }
  for (const View& v : writes) {
    step.writes.push_back(v.buffer);
    if (written_with_[v.buffer].value_or(current_needs_) != current_needs_) shared_phases_[v.buffer] = 1;
    written_with_[v.buffer] = current_needs_;
  }
  plan_.steps.push_back(std::move(step));
}

void Lowering::emit_primitive(std::string label, const dnnl::primitive& primitive,
                              const std::vector<DnnlArgument>& reads, const std::vector<DnnlArgument>& writes,
                              std::int64_t times, bool alone) {
  const const_dnnl_primitive_desc_t handle = primitive.get_primitive_desc();
  const char* implementation = nullptr;
  dnnl_primitive_desc_query(handle, dnnl_query_impl_info_str, 0, static_cast<void*>(&implementation));
  std::vector<View> from, to;
  std::vector<DnnlArgument> arguments = reads;
  arguments.insert(arguments.end(), writes.begin(), writes.end());
  for (const DnnlArgument& a : reads) from.push_back(a.view);
  for (const DnnlArgument& a : writes) to.push_back(a.view);
  const dnnl_memory_desc_t* pad = dnnl_primitive_desc_query_md(handle, dnnl_query_scratchpad_md, 0);
  if (pad != nullptr && dnnl_memory_desc_get_size(pad) > 0) {
    to.push_back(scratch(dnnl_memory_desc_get_size(pad)));
    arguments.push_back({DNNL_ARG_SCRATCHPAD, dnnl::memory::desc(*pad), to.back()});
  }
  emit(std::move(label), implementation, from, to, bind_primitive(primitive, std::move(arguments), times, alone),
       operations_of(handle) * static_cast<double>(times));
}

void Lowering::add_inputs() {
  for (const ValueId id : graph_.inputs()) {
    if (remaining_[index(id)] == 0) continue;
    const std::string& name = graph_.value(id).name;
    if (dtype(id) != DType::f32)
      throw Error(ErrorCode::unsupported, "the input '" + name + "' is " + std::string(name_of(dtype(id))), {},
                  "limn runs networks whose inputs are float32");
    const View v = temporary(Layout::plain, dims(id));
    plan_.buffers[v.buffer].pinned = true;
    written_with_[v.buffer] = needs_[index(id)];
    place(id, v);
    plan_.inputs.push_back({name, v, needs_[index(id)]});
  }
}

void Lowering::add_outputs() {
  for (const Output& o : graph_.outputs()) {
    current_needs_ = needs_[index(o.value)];
    View v = read(o.value, Layout::plain);
    const bool is_input =
        std::ranges::any_of(plan_.inputs, [&](const Port& p) { return p.view.buffer == v.buffer; });
    if (dtype(o.value) != DType::f32 || is_input) {
      const View to = temporary(Layout::plain, dims(o.value));
      emit("output " + o.name, "limn:to_float", {v}, {to}, bind_to_float(v, to));
      v = to;
    }
    plan_.buffers[v.buffer].pinned = true;
    plan_.outputs.push_back({o.name, v, needs_[index(o.value)]});
  }
}

InputSet Lowering::needs_of(const Group& group) const {
  InputSet needs = 0;
  for (const std::size_t k : group.nodes)
    for (const ValueId i : node(k).in)
      if (i != kAbsent) needs |= needs_[index(i)];
  return needs;
}

void Lowering::consume(const Group& group) {
  for (const std::size_t k : group.nodes)
    for (const ValueId i : node(k).in)
      if (i != kAbsent) --remaining_[index(i)];
}

void Lowering::lower(const Group& group) {
  current_needs_ = needs_of(group);
  consume(group);
  const Node& first = node(group.nodes.front());
  bool done = false;
  switch (group.kind) {
    case Group::Kind::convolution: done = lower_convolution(*this, group); break;
    case Group::Kind::dense: done = lower_dense(*this, group); break;
    case Group::Kind::chain: done = lower_chain(*this, group); break;
    case Group::Kind::single:
      done = lower_view(*this, first) || lower_channels(*this, first) || lower_convolution_gradient(*this, first) ||
             lower_pooling(*this, first) || lower_pooling_gradient(*this, first) ||
             lower_normalization(*this, first) || lower_rows(*this, first) || lower_reduction(*this, first) ||
             lower_overlay(*this, first) || lower_matmul(*this, first) || lower_strided(*this, first);
      break;
  }
  if (!done)
    for (const std::size_t k : group.nodes) lower_reference(*this, node(k));
  end_look();
}

}  // namespace limn
