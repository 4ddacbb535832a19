#include "limn/runtime/lowering.h"

#include <algorithm>
#include <utility>

#include "limn/ops/diagnostics.h"
#include "limn/runtime/convolution.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/signs.h"
#include "limn/runtime/threads.h"

namespace limn {

Lowering::Lowering(const Graph& graph, Precision precision, std::optional<bool> by_image, WeightCache cache)
    : graph_(graph),
      precision_(precision),
      by_image_(by_image),
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
  const bool bf16 = precision_ == Precision::bf16;
  std::optional<GradientFusion> gradients;
  if (!bf16) {
    masks_ = Masks(*this);
    gradients.emplace(*this);
  }
  const std::vector<Group> groups = fuse(graph_, {!bf16, gradients ? &*gradients : nullptr});
  if (bf16) bf16_ = Bf16(*this, groups);
  for (std::size_t k = 0; k < graph_.nodes().size(); ++k)
    if (masks_.spare(k, 1)) --remaining_[index(node(k).in[1])];
  for (const Group& g : groups)
    if (const auto x = depthwise_by_rows(*this, g)) mask_follows_.insert(*x);
  loops_ = find_image_loops(*this, groups, omp_get_max_threads(), by_image_);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    move_to_loop(loops_.is_empty() ? std::nullopt : loops_.of_group[g]);
    const ThreadScope threads(loop_ && plan_.loops.back().streams > 1 ? 1 : omp_get_max_threads());
    lower(groups[g]);
  }
  move_to_loop({});
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
  image_dims_ = dims_;
  for (std::size_t i = 0; i < dims_.size(); ++i)
    if (dims_[i].size() == 4 && graph_.constant(ValueId(i)) == nullptr) image_dims_[i][0] = 1;
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

bool Lowering::never_negative(ValueId id) {
  if (never_negative_.empty()) never_negative_ = values_never_negative(graph_);
  return never_negative_[index(id)] != 0;
}

void Lowering::emit(std::string label, std::string kernel, const std::vector<View>& reads,
                    const std::vector<View>& writes, Bind bind, double operations) {
  Step step{std::move(label), std::move(kernel), current_needs_, {}, {}, std::move(bind)};
  const std::int64_t images = loop_ ? plan_.loops.back().images : 1;
  step.dims = writes.front().dims;
  if (loop_) step.dims[0] = images;
  step.operations = operations * static_cast<double>(images);
  for (const auto* views : {&reads, &writes})
    for (const View& v : *views)
      if (const auto& loop = plan_.buffers[v.buffer].loop; loop && loop != loop_)
        throw Error(ErrorCode::internal,
                    "'" + step.label + "' touches memory of a loop over images that it is not in");
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

std::string Lowering::label_of(const Group& group) const {
  constexpr std::string_view kOwn = "limn::";
  std::string label;
  for (const std::size_t k : group.nodes) {
    std::string_view op = node(k).op;
    if (op.starts_with(kOwn)) op.remove_prefix(kOwn.size());
    if (!label.empty()) label += '+';
    label += op;
  }
  return label + " " + graph_.value(node(group.nodes.back()).out[0]).name;
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
    for (std::size_t i = 0; i < node(k).in.size(); ++i)
      if (node(k).in[i] != kAbsent && !masks_.spare(k, i)) --remaining_[index(node(k).in[i])];
}

void Lowering::lower(const Group& group) {
  current_needs_ = needs_of(group);
  current_result_ = node(group.nodes.back()).out[0];
  consume(group);
  const Node& first = node(group.nodes.front());
  bool done = false;
  switch (group.kind) {
    case Group::Kind::convolution: done = lower_depthwise(*this, group) || lower_convolution(*this, group); break;
    case Group::Kind::gradient:
      done = lower_convolution_gradient(*this, group) || lower_pooling_gradient(*this, group);
      break;
    case Group::Kind::dense: done = lower_dense(*this, group); break;
    case Group::Kind::chain: done = lower_chain(*this, group); break;
    case Group::Kind::single:
      done = lower_view(*this, first) || lower_channels(*this, first) || lower_convolution_gradient(*this, group) ||
             lower_pooling(*this, first) || lower_pooling_gradient(*this, group) ||
             lower_normalization(*this, first) || lower_rows(*this, first) ||
             lower_activation_and_slope(*this, first) || lower_reduction(*this, first) ||
             lower_overlay(*this, first) || lower_matmul(*this, first) || lower_strided(*this, first);
      break;
  }
  if (!done)
    for (const std::size_t k : group.nodes) lower_reference(*this, node(k));
  for (const ValueId o : node(group.nodes.back()).out)
    if (const auto stage = o == kAbsent || mask_follows_.contains(o) ? std::nullopt : masks_.of(o))
      make_mask(o, *stage);
  end_look();
}

}  // namespace limn
