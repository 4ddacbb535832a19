#include "limn/runtime/image_loops.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "limn/runtime/links.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

// Measured on a Zen 5.
constexpr double kCached = 4 << 20;         ///< bytes of a batch that stay in the cache from layer to layer
constexpr double kBytesSaved = 80;          ///< a nanosecond, of what need not come from memory
constexpr double kWeightBytesLost = 25;     ///< a nanosecond, of what every image reads again
constexpr double kCallNanoseconds = 3000;   ///< of one primitive
constexpr double kLoopNanoseconds = 20000;  ///< what a loop has to bring

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> ops) {
  return std::ranges::find(ops, op) != ops.end();
}

/// What a group reads from others, f(value, whether itself and not its mask alone).
template <class F>
void for_each_operand(const Lowering& l, const Group& group, const F& f) {
  std::vector<ValueId> made;
  for (const std::size_t k : group.nodes) {
    const Node& node = l.node(k);
    for (std::size_t i = 0; i < node.in.size(); ++i)
      if (node.in[i] != kAbsent && std::ranges::find(made, node.in[i]) == made.end())
        f(node.in[i], !l.masks().spare(k, i));
    made.insert(made.end(), node.out.begin(), node.out.end());
  }
}

class LoopFinder {
 public:
  LoopFinder(const Lowering& l, const std::vector<Group>& groups, std::int64_t threads, bool always)
      : l_(l), groups_(groups), threads_(threads), always_(always) {}

  ImageLoops run() {
    ImageLoops found;
    found.of_group.resize(groups_.size());
    choose(found);
    if (found.loops.empty()) return {};
    find_staying(found);
    return found;
  }

 private:
  /// Images of a group that can run image by image, in its results and operands alike; otherwise 1.
  std::int64_t images_of(const Group& group) const {
    const Node& last = l_.node(group.nodes.back());
    if (last.out[0] == kAbsent || !l_.is_image_like(last.out[0]) || !works_by_image(group)) return 1;
    const std::int64_t images = l_.dims(last.out[0])[0];
    bool fits = true;
    for (const ValueId o : last.out) fits = fits && o != kAbsent && has_images(o, images);
    for_each_operand(l_, group, [&](ValueId i, bool) {
      const Tensor* t = l_.constant(i);
      // A convolution's weights have no images; other constants of four axes would have to be the same for all.
      const bool serves =
          t == nullptr ? has_images(i, images) : is_convolution(group) || t->dims().size() < 4 || t->dims()[0] == 1;
      fits = fits && serves;
    });
    return fits ? images : 1;
  }
  bool has_images(ValueId id, std::int64_t images) const {
    return l_.is_image_like(id) && l_.dims(id)[0] == images && l_.constant(id) == nullptr;
  }
  bool is_convolution(const Group& group) const {
    return group.kind == Group::Kind::convolution || l_.node(group.nodes.front()).op == "limn::ConvGrad";
  }

  /// Whether no image's result depends on another's, and the kernels take one image as well as many.
  bool works_by_image(const Group& group) const {
    if (group.kind != Group::Kind::single) return group.kind != Group::Kind::dense;
    const Node& n = l_.node(group.nodes.front());
    if (n.op == "limn::ConvGrad") return l_.constant(n.in[1]) != nullptr;
    if (is_one_of(n.op, {"MaxPool", "AveragePool", "limn::MaxPoolGrad", "limn::AveragePoolGrad",
                         "GlobalAveragePool", "GlobalMaxPool", "LRN", "limn::LRNGrad", "limn::SwishAndSlope",
                         "limn::GeluAndSlope", "Identity"}))
      return true;
    if (is_one_of(n.op, {"Concat", "Split"})) return is_along_channels(n);
    if (is_one_of(n.op, {"ReduceMean", "ReduceSum", "ReduceMax"}))
      return reduced_axes(l_.graph(), n) == std::vector<std::int64_t>{2, 3};
    if (n.op != "Slice") return spreads_channels(l_, n);
    const Dims &from = l_.dims(n.in[0]), &to = l_.dims(n.out[0]);
    return l_.is_image_like(n.in[0]) && from[2] == to[2] && from[3] == to[3];
  }

  /// Threads that have an image each; 0 where some of them would wait for the others' last image for too long.
  std::int64_t streams_for(std::int64_t images) const {
    const std::int64_t rounds = (images + threads_ - 1) / threads_;
    const bool even = 16 * (rounds * threads_ - images) <= images;
    return even || always_ ? std::min(threads_, images) : 0;
  }

  double bytes_of(ValueId id) const {
    return static_cast<double>(element_count(l_.dims(id))) * static_cast<double>(size_of(l_.dtype(id)));
  }

  /// Nanoseconds that the group saves by running image by image.
  double saved(const Group& group, std::int64_t images) const {
    double weights = 0, values = 0;
    for (const ValueId o : l_.node(group.nodes.back()).out) values += bytes_of(o);
    for_each_operand(l_, group, [&](ValueId i, bool itself) {
      (l_.constant(i) != nullptr ? weights : values) += itself ? bytes_of(i) : bytes_of(i) / sizeof(float);
    });
    const double times = static_cast<double>(images) / static_cast<double>(streams_for(images)) - 1;
    return (values > kCached ? values / kBytesSaved : 0) - times * (weights / kWeightBytesLost + kCallNanoseconds);
  }

  /// The best way through all groups, each in a loop or not.
  void choose(ImageLoops& found) const {
    constexpr double kImpossible = -1e300;
    std::vector<std::int64_t> images;
    for (const Group& g : groups_) images.push_back(images_of(g));
    // Gains when the last group is outside of loops, and within one; and how each came about.
    double outside = 0, within = kImpossible;
    std::vector<char> from_within(groups_.size()), stays_within(groups_.size());
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      const bool able = images[k] > 1 && streams_for(images[k]) > 0;
      const bool goes_on = able && k > 0 && images[k] == images[k - 1];
      const double gain = !able ? kImpossible : always_ ? 1e6 : saved(groups_[k], images[k]);
      const double stay = goes_on ? within : kImpossible, enter = std::max(outside, within) - kLoopNanoseconds;
      from_within[k] = within > outside ? 1 : 0;
      stays_within[k] = stay >= enter ? 1 : 0;
      outside = std::max(outside, within);
      within = able ? std::max(stay, enter) + gain : kImpossible;
    }
    bool looped = within > outside;
    std::vector<char> begins(groups_.size()), taken(groups_.size());
    for (std::size_t k = groups_.size(); k-- > 0;) {
      taken[k] = looped ? 1 : 0;
      if (looped && stays_within[k] != 0) continue;
      begins[k] = looped ? 1 : 0;
      looped = from_within[k] != 0;
    }
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      if (taken[k] == 0) continue;
      if (begins[k] != 0) found.loops.push_back({images[k], streams_for(images[k])});
      found.of_group[k] = found.loops.size() - 1;
    }
  }

  /// Values that share memory are looked at together: the parts of a concatenation, a value and its slices.
  void find_staying(ImageLoops& found) {
    together_.resize(l_.graph().value_count());
    std::iota(together_.begin(), together_.end(), 0);
    for (const Node& n : l_.graph().nodes()) {
      if (!may_share(n)) continue;
      for (const ValueId i : n.in)
        for (const ValueId o : n.out)
          if (i != kAbsent && o != kAbsent && l_.constant(i) == nullptr) together_[root(index(i))] = root(index(o));
    }
    constexpr std::size_t kNone = SIZE_MAX;
    std::vector<std::size_t> loop_of(together_.size(), kNone);  // by root
    std::vector<char> leaves(together_.size());                 // by root
    std::vector<InputSet> needs(together_.size());              // by root
    const auto meet = [&](ValueId id, std::optional<std::size_t> loop, InputSet with) {
      const std::size_t r = root(index(id));
      if (!loop || (loop_of[r] != kNone && (loop_of[r] != *loop || needs[r] != with))) leaves[r] = 1;
      loop_of[r] = loop.value_or(kNone);
      needs[r] = with;
    };
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      const InputSet with = l_.needs_of(groups_[k]);
      for_each_operand(l_, groups_[k], [&](ValueId i, bool itself) {
        if (itself) meet(i, found.of_group[k], with);
      });
      for (const ValueId o : l_.node(groups_[k].nodes.back()).out)
        if (o != kAbsent) meet(o, found.of_group[k], with);
    }
    for (const ValueId i : l_.graph().inputs()) leaves[root(index(i))] = 1;
    for (const Output& o : l_.graph().outputs()) leaves[root(index(o.value))] = 1;
    found.stays.resize(together_.size());
    for (std::size_t i = 0; i < found.stays.size(); ++i)
      found.stays[i] = loop_of[root(i)] != kNone && leaves[root(i)] == 0 ? 1 : 0;
  }

  /// Whether a result may lie in the memory of an operand, or the other way round.
  static bool may_share(const Node& n) {
    return is_one_of(n.op, {"Concat", "Split", "Slice", "Identity", "Expand", "Reshape", "Flatten", "Squeeze",
                            "Unsqueeze", "Transpose", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"});
  }

  std::size_t root(std::size_t i) {
    while (together_[i] != i) i = together_[i] = together_[together_[i]];
    return i;
  }

  const Lowering& l_;
  const std::vector<Group>& groups_;
  std::int64_t threads_;
  bool always_;
  std::vector<std::size_t> together_;  ///< by value: another that shares its memory
};

}  // namespace

ImageLoops find_image_loops(const Lowering& lowering, const std::vector<Group>& groups, std::int64_t threads,
                            std::optional<bool> wanted) {
  if (wanted == false) return {};
  return LoopFinder(lowering, groups, threads, wanted.has_value()).run();
}

}  // namespace limn
