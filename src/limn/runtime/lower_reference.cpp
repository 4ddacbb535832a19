// Everything else: the operator's reference kernel on plain tensors.

#include "limn/ops/table.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

/// A node with its tensors.
struct BoundReference {
  Node node;
  const OpDef* op;
  std::vector<View> in_views, out_views;
  std::vector<TensorView> in;
  std::vector<MutableTensorView> out;

  void operator()() const { op->reference({node, in, out}); }
};

/// Memory for an output that the node leaves out but its kernel may fill.
View unused_output(Lowering& l, const Node& node, std::size_t i) {
  std::vector<const ValueInfo*> in;
  for (const ValueId id : node.in) in.push_back(id == kAbsent ? nullptr : &l.graph().value(id));
  const Type type = operators().infer(node, in).at(i).type;
  return l.temporary(Layout::plain, known_dims(*type.shape), type.dtype);
}

}  // namespace

void lower_reference(Lowering& l, const Node& node) {
  const OpDef& op = op_of(node);
  BoundReference r{node, &op, {}, {}, {}, {}};
  std::vector<View> reads;
  for (const ValueId id : node.in) {
    r.in_views.push_back(id == kAbsent ? View{} : l.read(id, Layout::plain));
    if (id == kAbsent)
      r.in_views.back().dtype = DType::undefined;
    else
      reads.push_back(r.in_views.back());
  }
  for (std::size_t i = 0; i < node.out.size(); ++i)
    r.out_views.push_back(node.out[i] == kAbsent ? unused_output(l, node, i)
                                                 : l.allocate(node.out[i], Layout::plain));
  const std::vector<View> writes = r.out_views;
  l.emit(node.op + " " + node.name, "reference", reads, writes, [r](const Memory& memory) -> Run {
    auto bound = std::make_shared<BoundReference>(r);
    for (const View& v : bound->in_views)
      bound->in.push_back(v.dtype == DType::undefined ? TensorView{}
                                                      : TensorView{v.dtype, v.dims, memory.at<std::byte>(v)});
    for (const View& v : bound->out_views) bound->out.push_back({v.dtype, v.dims, memory.at<std::byte>(v)});
    return [bound] { (*bound)(); };
  });
  for (std::size_t i = 0; i < node.out.size(); ++i)
    if (node.out[i] != kAbsent) l.place(node.out[i], writes[i]);
}

}  // namespace limn
