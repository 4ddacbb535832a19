#include "limn/passes/occlude.h"

#include <algorithm>
#include <unordered_map>

#include "limn/passes/bind.h"
#include "limn/passes/prune.h"
#include "limn/passes/window_reach.h"

namespace limn {
namespace {

/// The windows of one axis of a feature map, one for each row or column of patches; all of one width, so that those
/// of a batch lie in one tensor. Where a patch changes less, unchanged elements are computed again.
struct AxisWindows {
  std::int64_t size = 1, width = 1;
  std::vector<Span> changed;         ///< what each patch can change
  std::vector<std::int64_t> starts;  ///< of the windows that hold it

  AxisWindows() = default;
  AxisWindows(std::int64_t all, std::vector<Span> changes) : size(all), changed(std::move(changes)) {
    for (const Span& s : changed) width = std::max(width, s.size());
    for (const Span& s : changed) starts.push_back(std::clamp<std::int64_t>(s.begin, 0, size - width));
  }
  bool lie_as(const AxisWindows& other) const { return width == other.width && starts == other.starts; }
};
using Windows = std::array<AxisWindows, 2>;

bool lie_alike(const Windows& a, const Windows& b) { return a[0].lie_as(b[0]) && a[1].lie_as(b[1]); }

/// A value that depends on the patch.
struct Field {
  Value whole;            ///< [batch, ...]; empty while only windows of it are known
  Value window;           ///< [batch, C, h, w]
  Windows windows;        ///< where they lie
  std::int64_t row = -1;  ///< of `places`, which says so
};

/// A part of a map to be read: rows and columns from where, and how many.
struct Crop {
  std::array<std::int64_t, 2> size;
  std::int64_t row = -1;  ///< of `places`; -1 for the beginning of the map
};

Graph network_for(const Graph& network, const std::string& logits, std::int64_t images) {
  GraphBuilder g(network);
  const Value scores = g.find(logits);
  return prune(limn::bind(with_batch(prune(std::move(g).finish({{"logits", scores}})), images), {}));
}

class Occlude {
 public:
  Occlude(const Graph& network, const std::string& image, const std::string& logits, const OccludeOptions& options)
      : options_(options),
        clean_(network_for(network, logits, 1)),
        batched_(network_for(network, logits, options.batch)),
        g_(clean_) {
    places_ = g_.input("places", {DType::f32, Shape{options.batch, Dim("rows"), 2}});
    for (const ValueId id : batched_.inputs())
      if (batched_.value(id).name != image) unchanged_[id] = g_.find(batched_.value(id).name);
    cover(batched_.at(image));
  }

  OccludedGraph run() && {
    for (const Node& node : batched_.nodes())
      if (!is_affected(node))
        copy(node, inputs(node, [&](ValueId id) { return unchanged(id); }), unchanged_);
      else if (!add_windowed(node))
        add_whole(node);
    const Value logits = g_.handle(clean_.outputs().front().value);
    const Value occluded = whole(batched_.outputs().front().value);
    return {std::move(g_).finish({{"logits", logits}, {"occluded", occluded}}), std::move(starts_),
            std::move(whole_from_)};
  }

 private:
  /// The image with patches: windows of it that hold the part of each patch that lies on it.
  void cover(ValueId image) {
    const Dims dims = known_dims(batched_.shape(image));
    const Value fill = g_.input("fill", {DType::f32, Shape{1, dims[1], options_.patch, options_.patch}});
    const auto windows = [&](std::int64_t size, const std::vector<std::int64_t>& starts) {
      std::vector<Span> changed;
      for (const std::int64_t s : starts)
        changed.push_back(
            {std::clamp<std::int64_t>(s, 0, size), std::clamp(s + options_.patch, std::int64_t{0}, size)});
      return AxisWindows(size, std::move(changed));
    };
    Field field{{}, {}, {windows(dims[2], options_.rows), windows(dims[3], options_.columns)}, -1};
    const std::int64_t patches = add_row(options_.rows, options_.columns);
    if (fits(field.windows)) {
      field.row = add_row(field.windows[0].starts, field.windows[1].starts);
      field.window = overlay(clean(image), fill, patches, {sizes(field.windows), field.row}, 0.0);
    } else {
      field.whole = overlay(clean(image), fill, patches, {{dims[2], dims[3]}, -1}, 0.0);
    }
    fields_.emplace(image, std::move(field));
  }

  bool is_affected(const Node& node) const {
    return std::ranges::any_of(node.in, [&](ValueId id) { return fields_.contains(id); });
  }

  static std::array<std::int64_t, 2> sizes(const Windows& w) { return {w[0].width, w[1].width}; }

  bool fits(const Windows& w) const {
    const auto share = [](const AxisWindows& a) {
      return static_cast<double>(a.width) / static_cast<double>(a.size);
    };
    return share(w[0]) * share(w[1]) <= options_.most_covered;
  }

  std::int64_t add_row(std::vector<std::int64_t> down, std::vector<std::int64_t> across) {
    starts_.push_back({std::move(down), std::move(across)});
    return static_cast<std::int64_t>(starts_.size()) - 1;
  }

  Value overlay(Value map, Value window, std::int64_t row, const Crop& crop, double outside) {
    return g_.add("limn::Overlay", {map, window, places_},
                  {{"size", std::vector<std::int64_t>{crop.size[0], crop.size[1]}},
                   {"window", row},
                   {"crop", crop.row},
                   {"outside", outside}});
  }

  /// The value of the image without a patch.
  Value clean(ValueId id) { return g_.find(batched_.value(id).name); }

  /// A value that does not depend on the patch, for the whole batch.
  Value unchanged(ValueId id) {
    const auto [it, fresh] = unchanged_.try_emplace(id);
    if (fresh) it->second = g_.constant(*batched_.constant(id), "occluded/" + batched_.value(id).name);
    return it->second;
  }

  Value whole(ValueId id) {
    const auto it = fields_.find(id);
    if (it == fields_.end()) return unchanged(id);
    Field& field = it->second;
    if (!field.whole)
      field.whole =
          overlay(clean(id), field.window, field.row, {{field.windows[0].size, field.windows[1].size}, -1}, 0.0);
    return field.whole;
  }

  template <class F>
  std::vector<Value> inputs(const Node& node, F&& of) {
    std::vector<Value> in;
    for (const ValueId id : node.in) in.push_back(id == kAbsent ? Value{} : of(id));
    return in;
  }

  std::vector<Value> append(const Node& node, const std::vector<Value>& in, Attrs attrs) {
    Node fresh{node.op, node.name, {}, {}, std::move(attrs)};
    for (const Value& v : in) fresh.in.push_back(v.id);
    std::vector<std::string> names;
    for (const ValueId id : node.out)
      names.push_back(id == kAbsent ? std::string() : "occluded/" + batched_.value(id).name);
    return g_.add_node(std::move(fresh), names);
  }

  void copy(const Node& node, const std::vector<Value>& in, std::unordered_map<ValueId, Value>& to) {
    const auto out = append(node, in, node.attrs);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (node.out[i] != kAbsent) to[node.out[i]] = out[i];
  }

  void add_whole(const Node& node) {
    if (whole_from_.empty()) whole_from_ = batched_.value(node.out[0]).name;
    std::unordered_map<ValueId, Value> made;
    copy(node, inputs(node, [&](ValueId id) { return whole(id); }), made);
    for (const auto& [id, value] : made) fields_[id].whole = value;
  }

  /// What the windows of the inputs reach in the output; nothing unless all inputs are windows, or constants.
  bool find_windows(const Node& node, const WindowReach& reach, Windows& windows) const {
    const Dims out = known_dims(batched_.shape(node.out[0]));
    std::array<std::vector<Span>, 2> changed{std::vector<Span>(options_.rows.size()),
                                             std::vector<Span>(options_.columns.size())};
    for (const ValueId id : node.in) {
      if (id == kAbsent || batched_.constant(id) != nullptr) continue;
      const auto it = fields_.find(id);
      if (it == fields_.end() || !it->second.window) return false;
      for (std::size_t axis = 0; axis < 2; ++axis)
        for (std::size_t i = 0; i < changed[axis].size(); ++i)
          changed[axis][i] = changed[axis][i].joined(reach.through(axis, it->second.windows[axis].changed[i]));
    }
    for (std::size_t axis = 0; axis < 2; ++axis)
      windows[axis] = AxisWindows(out[2 + axis], std::move(changed[axis]));
    return true;
  }

  bool add_windowed(const Node& node) {
    const auto reach = window_reach(batched_, node);
    Field field;
    if (!reach || !find_windows(node, *reach, field.windows) || !fits(field.windows)) return false;
    field.row = add_row(field.windows[0].starts, field.windows[1].starts);
    const auto read = [&](ValueId id) { return fields_.contains(id) ? crop(id, *reach, field) : unchanged(id); };
    const auto in = inputs(node, read);
    field.window = append(node, in, reach->sliding ? without_padding(node) : node.attrs).front();
    fields_[node.out[0]] = std::move(field);
    return true;
  }

  /// What the windows of `field` are computed from: input `id` with its changes, padding included.
  Value crop(ValueId id, const WindowReach& reach, const Field& field) {
    const Field& from = fields_.at(id);
    Crop crop{sizes(field.windows), field.row};
    if (!reach.sliding) {
      if (lie_alike(from.windows, field.windows)) return from.window;
      return overlay(clean(id), from.window, from.row, crop, reach.padding);
    }
    std::array<std::vector<std::int64_t>, 2> starts;
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const WindowAxis& a = (*reach.sliding)[axis];
      for (const std::int64_t s : field.windows[axis].starts) starts[axis].push_back(a.at(s, 0));
      crop.size[axis] = a.at(crop.size[axis] - 1, a.kernel - 1) - a.at(0, 0) + 1;
    }
    const auto as_it_lies = [&](std::size_t axis) {
      return crop.size[axis] == from.windows[axis].width && starts[axis] == from.windows[axis].starts;
    };
    if (as_it_lies(0) && as_it_lies(1)) return from.window;
    crop.row = add_row(std::move(starts[0]), std::move(starts[1]));
    return overlay(clean(id), from.window, from.row, crop, reach.padding);
  }

  OccludeOptions options_;
  Graph clean_, batched_;
  GraphBuilder g_;
  Value places_;
  std::unordered_map<ValueId, Value> unchanged_;  ///< values that do not depend on the patch, for the whole batch
  std::unordered_map<ValueId, Field> fields_;     ///< values that do
  std::vector<std::array<std::vector<std::int64_t>, 2>> starts_;
  std::string whole_from_;
};

}  // namespace

OccludedGraph occlude(const Graph& network, const std::string& image, const std::string& logits,
                      const OccludeOptions& options) {
  return Occlude(network, image, logits, options).run();
}

}  // namespace limn
