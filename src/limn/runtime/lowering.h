#pragma once
// From a graph with concrete sizes to a plan. Lowering knows where every value lies and hands out memory; the
// functions in lower_*.cpp know how nodes are computed.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "limn/base/file_part.h"
#include "limn/runtime.h"
#include "limn/runtime/bf16.h"
#include "limn/runtime/dnnl.h"
#include "limn/runtime/fusion.h"
#include "limn/runtime/image_loops.h"
#include "limn/runtime/masks.h"
#include "limn/runtime/plan.h"
#include "limn/runtime/weight_cache.h"

namespace limn {

/// What becomes of weights before a primitive reads them.
struct WeightChange {
  std::string name = {};  ///< unique for what it does
  /// Empty where they stay as they are.
  std::function<std::vector<float>(std::span<const float>)> apply = {};
};

/// Whether weights, as they lie and in the form wanted, serve.
struct WeightCheck {
  std::string name;  ///< unique for what it checks
  std::function<bool(std::span<const float>, const void*)> passes;
};

class Lowering {
 public:
  /// `by_image` as in CompileOptions.
  Lowering(const Graph& graph, Precision precision, std::optional<bool> by_image, WeightCache cache);
  Plan run() &&;

  Precision precision() const { return precision_; }
  const Bf16& bf16() const { return bf16_; }
  const Masks& masks() const { return masks_; }

  const Graph& graph() const { return graph_; }
  const Node& node(std::size_t k) const { return graph_.nodes()[k]; }
  /// While a loop over images is lowered, of one image.
  const Dims& dims(ValueId id) const { return (loop_ ? image_dims_ : dims_)[index(id)]; }
  DType dtype(ValueId id) const { return graph_.value(id).type.dtype; }
  const Tensor* constant(ValueId id) const { return id == kAbsent ? nullptr : graph_.constant(id); }
  /// Whether no element of it can be below zero.
  bool never_negative(ValueId id);
  bool is_image_like(ValueId id) const { return dtype(id) == DType::f32 && dims(id).size() == 4; }

  /// Where the value lies in that layout, as its own type or as bfloat16. Adds a step that converts it when it does
  /// not lie so yet.
  View read(ValueId id, Layout layout, bool bf16 = false);
  /// Whether it lies so already, as its own type or as bfloat16.
  bool lies(ValueId id, Layout layout) const { return form(id, layout, false) || form(id, layout, true); }
  /// In which layout an element-by-element operator computes a result, of what its operands and masks lie in.
  Layout elements_layout(ValueId result, std::span<const ValueId> operands,
                         std::span<const ValueId> masks = {}) const;
  /// Memory for the result of a group: its slot in a concatenation, or memory of its own.
  View allocate(ValueId id, Layout layout, bool bf16 = false);
  /// Whether the result of the current group, the first one or another, may be written over the value, which nobody
  /// reads afterwards.
  bool may_overwrite(ValueId id, Layout layout, bool bf16 = false, ValueId result = kAbsent) const;
  /// Whether `id` is to be written into a slot of a concatenation.
  bool has_slot(ValueId id) const { return slots_.contains(id); }
  /// Whether the node is a concatenation all of whose parts are written where they belong.
  bool parts_have_slots(const Node& node) const;
  /// The mask of a value that has one.
  View read_mask(ValueId id, Layout layout);
  /// Memory for the mask of the current group's result, by a step that makes both; otherwise a step of its own
  /// makes it.
  View allocate_mask(ValueId id, Layout layout);
  bool mask_lies(ValueId id, Layout layout) const;
  bool has_mask(ValueId id) const { return mask_forms_.contains(id); }
  /// The value lies there from now on.
  void place(ValueId id, View view);
  /// Memory for use between the steps of one group.
  View temporary(Layout layout, Dims dims, DType dtype = DType::f32);
  /// Bytes for each image, for later groups too: [images, bytes].
  View bytes_by_image(std::int64_t images, std::int64_t bytes);
  /// Bytes for use within one step.
  View scratch(std::size_t bytes);

  /// `v` = Expand of [N, C, 1, 1] (or of less): kept as its small source until someone reads it at full size.
  void place_broadcast(ValueId id, ValueId source);
  std::optional<ValueId> broadcast_source(ValueId id) const;
  /// `id` = Transpose of the constant matrix `source`: made at compile time, and only if someone reads it as it is.
  void place_transposed(ValueId id, ValueId source) { transposed_[id] = source; }

  /// A constant as it lies in the model.
  View constant_view(const Tensor& t);
  /// Bytes made at compile time.
  View own_constant(std::vector<float> values, Dims dims);
  /// Weights in the form that a primitive wants, made once per form.
  View weights(ValueId id, const Dims& dims, const dnnl::memory::desc& want);
  /// The same for weights that lie as `lies`, as a transposed matrix may, once they are changed.
  View reordered(ValueId id, const dnnl::memory::desc& lies, const dnnl::memory::desc& want,
                 const WeightChange& change = {});
  /// The same for weights that are changed first, and lie as `lies` then: nothing where they do not pass the check.
  /// Kept in the cache on disk, the verdict too.
  std::optional<View> weights_that_suit(ValueId id, const dnnl::memory::desc& lies, const dnnl::memory::desc& want,
                                        const WeightChange& change, const WeightCheck& check);
  /// The same for a matrix [rows, columns] that lies so or, if not `row_major`, as its transpose.
  View matrix(ValueId id, std::int64_t rows, std::int64_t columns, bool row_major, const dnnl::memory::desc& want);
  /// The float32 numbers of a constant, until another is looked at or the group is lowered: for those that a
  /// primitive reads in another form.
  std::span<const float> look(const Tensor& t);
  /// Throws Error{bad_input} when a constant holds NaN. Without `keep` it need not stay in memory.
  void check_numbers(ValueId id, bool keep = true);

  /// A step of the current group. The first view written is its result; `operations` as in StepInfo.
  void emit(std::string label, std::string kernel, const std::vector<View>& reads, const std::vector<View>& writes,
            Bind bind, double operations = 0);
  /// As emit, for a primitive that runs `times` times, each on the next image (see DnnlArgument::per_image). Its
  /// scratch memory is added. With `alone` one thread runs it.
  void emit_primitive(std::string label, const dnnl::primitive& primitive, const std::vector<DnnlArgument>& reads,
                      const std::vector<DnnlArgument>& writes, std::int64_t times = 1, bool alone = false);

  /// The operators of the group, and its result.
  std::string label_of(const Group& group) const;

  /// What belongs to the result of a forward node and is needed by its gradient (the workspace of max pooling).
  void place_workspace(ValueId id, const View& view) { workspaces_.emplace(id, of_all_images(view)); }
  std::optional<View> workspace(ValueId id) const;
  /// The nodes that read a value.
  const std::vector<std::size_t>& readers(ValueId id) const { return readers_[index(id)]; }
  /// The inputs that what a group computes depends on.
  InputSet needs_of(const Group& group) const;
  InputSet needs_of(ValueId id) const { return needs_[index(id)]; }

 private:
  struct Home {
    ValueId parent;
    std::int64_t channel;
  };
  struct Resident {
    ValueId value;
    std::int64_t begin, end, image_stride;  ///< in bytes of the buffer, of the first image
  };
  struct Lowered {
    std::optional<View> in[kLayouts], bf16[kLayouts];
  };

  const std::optional<View>& form(ValueId id, Layout layout, bool bf16) const;
  std::optional<View> make_form(ValueId id, Layout layout);
  View nearest_form(ValueId id, Layout layout, bool bf16);
  void find_sizes();
  void find_needs();
  void find_slots();
  bool find_common_home(const Node& concat);
  View slot_view(ValueId id);
  void add_resident(ValueId id, const View& view);
  void add_inputs();
  void add_outputs();
  void lower(const Group& group);
  void consume(const Group& group);
  void end_look();
  View bytes_view(const std::byte* bytes, std::size_t size);
  void convert(ValueId id, const View& from, const View& to);
  View expand_now(ValueId id, ValueId source, Layout layout);
  std::size_t new_buffer(std::size_t bytes);
  std::byte* weight_memory(std::size_t bytes);
  void make_mask(ValueId id, const ChainStage& stage);
  void move_to_loop(std::optional<std::size_t> loop);
  bool stays(ValueId id) const { return loop_ && loops_.stays[index(id)] != 0; }
  bool is_of_loop(const View& view) const { return plan_.buffers[view.buffer].loop.has_value(); }
  View of_all_images(View view) const;
  View as_seen_here(View view) const;
  View new_view(View like, bool of_loop);

  const Graph& graph_;
  Precision precision_;
  std::optional<bool> by_image_;
  WeightCache cache_;
  Bf16 bf16_;
  Masks masks_;
  Plan plan_;
  ImageLoops loops_;
  std::optional<std::size_t> loop_;  ///< that of the current group
  std::vector<Dims> dims_, image_dims_;
  std::vector<InputSet> needs_;
  std::vector<char> never_negative_;      ///< by value; empty until somebody asks
  std::vector<std::uint32_t> remaining_;  ///< reads still to come, by value
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<Lowered> lowered_;
  std::unordered_map<ValueId, Home> slots_;
  std::unordered_map<ValueId, ValueId> broadcasts_, transposed_;
  std::unordered_map<ValueId, View> workspaces_;
  std::unordered_map<ValueId, std::vector<View>> mask_forms_;
  std::unordered_set<ValueId> mask_follows_;           ///< values whose first reader makes the mask
  std::vector<std::vector<Resident>> residents_;       ///< by buffer
  std::vector<std::optional<InputSet>> written_with_;  ///< by buffer: needs of the steps that write it
  std::vector<char> shared_phases_;                    ///< by buffer: steps of different needs touch it
  // By the identity of a constant.
  std::map<std::pair<const void*, std::string>, View> weight_forms_;
  std::map<std::pair<const void*, std::string>, std::optional<View>> suiting_;  ///< by form and check
  std::unordered_map<const void*, View> constants_;
  std::unordered_set<const void*> checked_;
  Lender lender_;
  Tensor looked_at_;
  const std::byte* seen_ = nullptr;  ///< the bytes of looked_at_
  InputSet current_needs_ = 0;
  ValueId current_result_ = kAbsent;  ///< of the current group
  std::byte* piece_ = nullptr;        ///< memory for weights: what is left of the last piece
  std::size_t piece_left_ = 0;
};

/// Whether the node joins [N, C, H, W] values along channels in whole blocks, so that they can be written side by
/// side.
bool concatenates_blocks(const Lowering& l, const Node& node);
/// The channels [first, first + count) of a blocked view; `first` is a multiple of the block.
View channel_range(const View& view, std::int64_t first, std::int64_t count);
/// Whether the node is an Expand of [N, C, 1, 1] (or one image) over space.
bool spreads_channels(const Lowering& l, const Node& node);
/// Whether two views share memory, and whether they are the same memory.
bool overlap(const View& a, const View& b);
bool same_place(const View& a, const View& b);

/// Each lowers a group if it can, and says whether it did.
bool lower_convolution(Lowering& l, const Group& group);
bool lower_convolution_gradient(Lowering& l, const Group& group);
/// The input of a depthwise convolution that makes masks or slopes beside its result, the mask of its input too.
std::optional<ValueId> depthwise_by_rows(const Lowering& l, const Group& group);
bool lower_depthwise(Lowering& l, const Group& group);
bool lower_dense(Lowering& l, const Group& group);
/// Whether the group is computed as a dense layer is, and not as the gradient of one.
bool dense_takes_bf16(const Lowering& l, const Group& group);
bool lower_matmul(Lowering& l, const Node& node);
bool lower_chain(Lowering& l, const Group& group);
bool lower_pooling(Lowering& l, const Node& node);
bool lower_pooling_gradient(Lowering& l, const Group& group);
/// Whether the pool of the forward pass writes down for a MaxPoolGrad where the maxima were, so that it does not
/// look at its input 1.
bool pool_remembers(const Lowering& l, const Node& grad);
bool lower_normalization(Lowering& l, const Node& node);
bool lower_rows(Lowering& l, const Node& node);
bool lower_activation_and_slope(Lowering& l, const Node& node);
bool lower_view(Lowering& l, const Node& node);
bool lower_strided(Lowering& l, const Node& node);
bool lower_channels(Lowering& l, const Node& node);
bool lower_reduction(Lowering& l, const Node& node);
bool lower_overlay(Lowering& l, const Node& node);
/// The operator's reference kernel in float; works for everything.
void lower_reference(Lowering& l, const Node& node);

}  // namespace limn
