// Chains of element-by-element operators.

#include <algorithm>
#include <cmath>
#include <span>

#include "limn/runtime/links.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

using Kind = ChainStage::Kind;
using Form = ChainLink::Form;

/// Whether padding of zeros stays zero.
bool keeps_zero(const ChainStage& s) {
  switch (s.kind) {
    case Kind::exponential:
    case Kind::sigmoid:
    case Kind::hard_sigmoid:
    case Kind::gelu_slope:
    case Kind::tanh_gelu_slope:
    case Kind::swish_slope:
    case Kind::inverse:
    case Kind::divide:
    case Kind::divide_into: return false;
    case Kind::affine: return s.b == 0.0F && std::isfinite(s.a);
    case Kind::clip: return s.a <= 0.0F && s.b >= 0.0F;
    default: return true;
  }
}

/// Whether a result of 0 stays 0, even where the operand is NaN or infinite.
bool passes_zero(const ChainStage& s) {
  switch (s.kind) {
    case Kind::load:
    case Kind::mask_positive:
    case Kind::mask_between:
    case Kind::guided_positive:
    case Kind::guided_between:
    case Kind::mask_open:
    case Kind::guided_open:
    case Kind::relu: return true;
    default: return false;
  }
}

class ChainLowering {
 public:
  ChainLowering(Lowering& l, const Group& group)
      : l_(l),
        group_(group),
        nodes_(std::span(group.nodes).first(group.nodes.size() - (group.plane_sum ? 1 : 0))) {}

  bool run() {
    start_ = *chain_start(l_.graph(), l_.node(nodes_.front()));
    result_ = l_.node(nodes_.back()).out[0];
    collect();
    layout_ = l_.elements_layout(result_, full_operands(), masks());
    add_start();
    for (std::size_t i = 0; i < links_.size(); ++i) add_link(links_[i], l_.node(nodes_[i]));
    const View to = group_.plane_sum ? whole(0, layout_, DType::f32, l_.dims(result_)) : choose_target();
    chain_.shape = chain_shape(to);
    for (const Pending& p : operands_) {
      operands_bound_.push_back(p.lanes ? lanes_operand(p.view, to) : full(p.view, to));
      if (p.pairs) operands_bound_.back().plane_stride *= 2;
    }
    std::string label;
    for (const std::size_t k : group_.nodes) label += (label.empty() ? "" : "+") + l_.node(k).op;
    if (chain_.shape.last_lanes == chain_.shape.lanes) chain_.moves_zero = false;
    chain_.ends_at_zero = std::ranges::all_of(chain_.stages, passes_zero);
    if (group_.plane_sum) return sum_planes(label), true;
    join_planes();
    std::optional<MaskTarget> mask;
    if (const auto stage = l_.masks().of(result_)) mask = {*stage, l_.allocate_mask(result_, layout_)};
    emit_chain(l_, label + " " + l_.graph().value(result_).name, std::move(chain_), std::move(operands_bound_), to,
               mask);
    l_.place(result_, to);
    return true;
  }

 private:
  struct Pending {
    View view;
    bool lanes;
    ValueId id;          ///< absent for constants made here
    bool pairs = false;  ///< two numbers per channel
  };

  void sum_planes(const std::string& label) {
    const Node& sum = l_.node(*group_.plane_sum);
    const View to = l_.allocate(sum.out[0], layout_);
    const auto positions = static_cast<float>(l_.dims(result_)[2] * l_.dims(result_)[3]);
    emit_chain_sum(l_, label + " " + l_.graph().value(sum.out[0]).name, std::move(chain_),
                   std::move(operands_bound_), to, plane_sum(l_.graph(), sum)->mean ? 1.0F / positions : 1.0F);
    l_.place(sum.out[0], to);
  }

  void collect() {
    ValueId main = start_;
    for (const std::size_t k : nodes_) {
      links_.push_back(*link_of(l_.graph(), l_.node(k), main));
      main = l_.node(k).out[0];
    }
  }

  std::vector<ValueId> full_operands() const {
    std::vector<ValueId> ids{start_};
    for (const ChainLink& link : links_)
      if (link.form == Form::full && !is_masked(link)) ids.push_back(link.operand);
    return ids;
  }

  /// Whether the mask of the operand is read in place of the operand.
  bool is_masked(const ChainLink& link) const {
    const bool asks = link.stage.kind == Kind::mask_positive || link.stage.kind == Kind::mask_between;
    return asks && l_.masks().of(link.operand).has_value();
  }
  std::vector<ValueId> masks() const {
    std::vector<ValueId> ids;
    for (const ChainLink& link : links_)
      if (is_masked(link)) ids.push_back(link.operand);
    return ids;
  }

  int add_operand(View view, bool lanes, ValueId id) {
    operands_.push_back({std::move(view), lanes, id});
    return static_cast<int>(operands_.size()) - 1;
  }

  int add_full(ValueId id) {
    if (const auto source = l_.broadcast_source(id); source && !l_.lies(id, layout_))
      return add_operand(l_.read(*source, layout_), true, kAbsent);
    return add_operand(l_.read(id, layout_, l_.bf16().keeps(id)), false, id);
  }

  void add_start() { chain_.stages.push_back({Kind::load, add_full(start_)}); }

  /// One constant per channel, padded to whole blocks.
  int add_channels(std::vector<float> values) {
    values.resize(static_cast<std::size_t>(round_up(static_cast<std::int64_t>(values.size()), channel_block())));
    const auto n = static_cast<std::int64_t>(values.size());
    return add_operand(l_.own_constant(std::move(values), {n}), true, kAbsent);
  }

  int add_lanes(ValueId id) {
    if (const Tensor* t = l_.constant(id); t != nullptr && t->count() == l_.dims(result_)[1]) {
      l_.check_numbers(id);
      const auto v = t->as<float>();
      return add_channels({v.begin(), v.end()});
    }
    if (l_.dims(id).size() == 4) return add_operand(l_.read(id, layout_), true, kAbsent);
    return add_operand(l_.read(id, Layout::plain), true, kAbsent);
  }

  /// Two stages that often meet become one: a clamp and a mask (guided backpropagation), a normalisation and a
  /// clamp.
  void combine(ChainStage& stage) {
    const Kind last = chain_.stages.back().kind;
    if (last == Kind::relu && stage.kind == Kind::mask_positive)
      stage.kind = Kind::guided_positive;
    else if (last == Kind::relu && stage.kind == Kind::mask_between)
      stage.kind = Kind::guided_between;
    else if (last == Kind::relu && stage.kind == Kind::mask_open)
      stage.kind = Kind::guided_open;
    else if (last == Kind::scale_shift && stage.kind == Kind::relu)
      stage = {Kind::scale_shift_relu, chain_.stages.back().operand};
    else
      return;
    chain_.stages.pop_back();
  }

  void add_stage(ChainStage stage, int operand) {
    stage.operand = operand;
    combine(stage);
    chain_.moves_zero = chain_.moves_zero || !keeps_zero(stage);
    chain_.stages.push_back(stage);
  }

  void add_link(const ChainLink& link, const Node& node) {
    switch (link.form) {
      case Form::none: add_stage(link.stage, -1); break;
      case Form::full:
        if (is_masked(link))
          add_stage({Kind::mask_open}, add_operand(l_.read_mask(link.operand, layout_), false, kAbsent));
        else
          add_stage(link.stage, add_full(link.operand));
        break;
      case Form::lanes: add_stage(link.stage, add_lanes(link.operand)); break;
      case Form::batch_norm: add_batch_norm(node); break;
    }
  }

  void add_batch_norm(const Node& node) {
    for (std::size_t i = 1; i < 5; ++i) l_.check_numbers(node.in[i]);
    const auto values = [&](std::size_t i) { return l_.constant(node.in[i])->as<float>(); };
    const auto epsilon = static_cast<float>(node.attrs.real("epsilon", 1e-5));
    const auto block = static_cast<std::size_t>(layout_ == Layout::blocked ? channel_block() : 1);
    std::vector<float> pairs((values(1).size() + block - 1) / block * 2 * block);
    for (std::size_t c = 0; c < values(1).size(); ++c) {
      const double s = static_cast<double>(values(1)[c]) / std::sqrt(static_cast<double>(values(4)[c] + epsilon));
      float* pair = pairs.data() + c / block * 2 * block + c % block;
      pair[0] = static_cast<float>(s);
      pair[block] = static_cast<float>(values(2)[c] - values(3)[c] * s);
    }
    const auto n = static_cast<std::int64_t>(pairs.size());
    add_stage({Kind::scale_shift, 0}, add_operand(l_.own_constant(std::move(pairs), {n}), true, kAbsent));
    operands_.back().pairs = true;
  }

  /// Planes that lie one behind the other and are treated alike become one: small ones cost more to visit than to
  /// compute.
  void join_planes() {
    const auto stands_apart = [&](const ChainOperand& o) {
      return o.lanes || o.plane_stride != chain_.shape.plane;
    };
    if (chain_.moves_zero || std::ranges::any_of(operands_bound_, stands_apart)) return;
    chain_.shape.plane *= chain_.shape.planes;
    chain_.shape.planes = 1;
  }

  /// A tensor operand; one that lacks the batch, or has one image, is the same for every image.
  static ChainOperand full(const View& v, const View& to) {
    ChainOperand o = full_operand(v);
    o.plane_stride = chain_shape(to).plane;
    if (v.dims != to.dims) o.image_stride = 0;
    return o;
  }

  /// The memory of an operand that dies here, or new memory.
  View choose_target() {
    const bool bf16 = l_.bf16().keeps(result_);
    if (!l_.has_slot(result_) || layout_ != Layout::blocked)
      for (const Pending& p : operands_)
        if (!p.lanes && p.id != kAbsent && p.view.dims == l_.dims(result_) && p.view.bf16 == bf16 &&
            l_.may_overwrite(p.id, layout_, bf16) && alone(p.view))
          return p.view;
    return l_.allocate(result_, layout_, bf16);
  }

  bool alone(const View& v) const {
    for (const Pending& p : operands_)
      if (overlap(p.view, v) && (p.lanes || !same_place(p.view, v))) return false;
    return true;
  }

  Lowering& l_;
  const Group& group_;
  std::span<const std::size_t> nodes_;  ///< those of the chain
  ValueId start_ = kAbsent, result_ = kAbsent;
  Layout layout_ = Layout::plain;
  std::vector<ChainLink> links_;
  std::vector<Pending> operands_;
  std::vector<ChainOperand> operands_bound_;
  Chain chain_;
};

}  // namespace

bool lower_chain(Lowering& l, const Group& group) { return ChainLowering(l, group).run(); }

}  // namespace limn
