// Samples of operators that read or write elements elsewhere: resizing, rearranging, choosing by index, regions.
#include <utility>

#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

using Ints = std::vector<std::int64_t>;
using Samples = std::vector<Sample>;

Tensor floats(std::vector<float> values) {
  return Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values);
}

Tensor truths(std::vector<bool> values) {
  Tensor t(DType::boolean, {static_cast<std::int64_t>(values.size())});
  for (std::size_t i = 0; i < values.size(); ++i) t.mutable_view().as<bool>()[i] = values[i];
  return t;
}

Tensor table(Dims dims, Ints values) { return Tensor::of<std::int64_t>(std::move(dims), values); }

/// One way to resize a picture.
struct Resizing {
  std::string label;
  Dims x;
  Tensor roi, scales, sizes;
  Attrs attrs;
};

std::vector<Resizing> resizings() {
  const Tensor absent, twice = floats({1, 1, 2, 2}), odd = floats({1, 1, 1.7F, 0.6F});
  const Dims x{2, 2, 4, 5};
  std::vector<Resizing> all;
  for (const std::string mode : {"nearest", "linear", "cubic"}) {
    for (const std::string at : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                                 "half_pixel_symmetric", "tf_half_pixel_for_nn"}) {
      const Attrs attrs{{"mode", mode}, {"coordinate_transformation_mode", at}};
      all.push_back({mode + ", " + at + ", twice", x, absent, twice, absent, attrs});
      all.push_back({mode + ", " + at + ", odd scales", x, absent, odd, absent, attrs});
      all.push_back({mode + ", " + at + ", sizes", x, absent, absent, ints({2, 2, 7, 3}), attrs});
      all.push_back({mode + ", " + at + ", to one", x, absent, absent, ints({2, 2, 1, 1}), attrs});
    }
    const std::string crop = "tf_crop_and_resize";
    const Attrs cropped{{"mode", mode}, {"coordinate_transformation_mode", crop}};
    all.push_back(
        {mode + ", region", x, floats({0, 0, 0.3F, 0.4F, 1, 1, 0.8F, 0.7F}), absent, ints({2, 2, 3, 4}), cropped});
    all.push_back({mode + ", region beyond the picture", x, floats({0, 0, -0.3F, 0.4F, 1, 1, 0.8F, 1.7F}), absent,
                   ints({2, 2, 5, 6}), cropped});
    all.push_back({mode + ", axes", x, absent, floats({1.5F, 3}), absent, {{"mode", mode}, {"axes", Ints{3, -2}}}});
    all.push_back({mode + ", channels and batch", x, absent, floats({2, 1.5F, 1, 1}), absent, {{"mode", mode}}});
    all.push_back({mode + ", 1-D", {1, 2, 5}, absent, absent, ints({1, 2, 12}), {{"mode", mode}}});
    all.push_back({mode + ", a vector", {5}, absent, floats({2.4F}), absent, {{"mode", mode}}});
    all.push_back({mode + ", 3-D", {1, 1, 2, 3, 2}, absent, floats({1, 1, 2, 0.7F, 3}), absent, {{"mode", mode}}});
    all.push_back({mode + ", nothing", x, absent, floats({1, 1, 1, 1}), absent, {{"mode", mode}}});
    for (const std::string policy : {"not_larger", "not_smaller"})
      all.push_back({mode + ", " + policy,
                     x,
                     absent,
                     absent,
                     ints({7, 7}),
                     {{"mode", mode}, {"axes", Ints{2, 3}}, {"keep_aspect_ratio_policy", policy}}});
  }
  for (const std::string nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
    all.push_back({"nearest, " + nearest,
                   x,
                   absent,
                   absent,
                   ints({2, 2, 8, 3}),
                   {{"nearest_mode", nearest}, {"coordinate_transformation_mode", std::string("align_corners")}}});
  for (const std::string mode : {"linear", "cubic"}) {
    all.push_back({mode + ", antialias",
                   x,
                   absent,
                   floats({1, 1, 0.6F, 0.4F}),
                   absent,
                   {{"mode", mode}, {"antialias", std::int64_t{1}}}});
    all.push_back({mode + ", antialias, exclude outside",
                   x,
                   absent,
                   floats({1, 1, 0.6F, 2}),
                   absent,
                   {{"mode", mode}, {"antialias", std::int64_t{1}}, {"exclude_outside", std::int64_t{1}}}});
    all.push_back({mode + ", exclude outside",
                   x,
                   absent,
                   twice,
                   absent,
                   {{"mode", mode}, {"cubic_coeff_a", -0.5}, {"exclude_outside", std::int64_t{1}}}});
  }
  return all;
}

Samples resize_samples() {
  Samples all;
  for (const auto& [label, dims, roi, scales, sizes, attrs] : resizings()) {
    std::vector<Tensor> more{roi, scales, sizes};
    while (!more.back().present()) more.pop_back();
    std::vector<Tensor> in{random_tensor(dims, 1)};
    in.insert(in.end(), more.begin(), more.end());
    all.push_back({"Resize", label, in, attrs, {0}});
    std::vector<Tensor> back{random_tensor(run_sample({"Resize", label, in, attrs})[0].dims(), 2), ints(dims)};
    back.insert(back.end(), more.begin(), more.end());
    all.push_back({"limn::ResizeGrad", label, back, attrs, {0}});
  }
  all.push_back({"Resize", "truth values", {truths({true, false}), Tensor(), floats({2})}, {}});
  return all;
}

Samples rearranging_samples() {
  const Attr two = std::int64_t{2}, three = std::int64_t{3}, zero = std::int64_t{0}, one = std::int64_t{1};
  const Tensor x = random_tensor({3, 4, 2}, 3);
  return {{"DepthToSpace", "DCR", {random_tensor({2, 8, 2, 3}, 1)}, {{"blocksize", two}}, {0}},
          {"DepthToSpace",
           "CRD",
           {random_tensor({2, 18, 2, 1}, 1)},
           {{"blocksize", three}, {"mode", std::string("CRD")}},
           {0}},
          {"DepthToSpace", "integers", {table({1, 4, 1, 1}, {1, 2, 3, 4})}, {{"blocksize", two}}},
          {"SpaceToDepth", "2", {random_tensor({2, 3, 4, 2}, 1)}, {{"blocksize", two}}, {0}},
          {"SpaceToDepth", "3", {random_tensor({1, 1, 3, 6}, 1)}, {{"blocksize", three}}, {0}},
          {"ReverseSequence", "time first", {x, ints({3, 1, 2, 0})}, {}, {0}},
          {"ReverseSequence", "batch first", {x, ints({4, 1, 2})}, {{"batch_axis", zero}, {"time_axis", one}}, {0}},
          {"CenterCropPad", "crops", {random_tensor({5, 4, 3}, 2), ints({2, 3, 3})}, {}, {0}},
          {"CenterCropPad", "pads", {random_tensor({2, 3}, 2), ints({5, 6})}, {}, {0}},
          {"CenterCropPad", "both", {random_tensor({2, 7, 3}, 2), ints({6, 4})}, {{"axes", Ints{-1, 1}}}, {0}}};
}

Samples gather_nd_samples() {
  const Tensor x = distinct_tensor({2, 3, 4}, 1);
  const auto batch = [](std::int64_t n) { return Attrs{{"batch_dims", n}}; };
  return {{"GatherND", "elements", {x, table({2, 3}, {0, 1, 2, -1, 0, -4})}, {}, {0}},
          {"GatherND", "rows, one twice", {x, table({3, 2}, {0, 1, 1, 2, 0, 1})}, {}, {0}},
          {"GatherND", "a table of indices", {x, table({2, 2, 1}, {1, 0, 0, 1})}, {}, {0}},
          {"GatherND", "one batch axis", {x, table({2, 1}, {1, 0})}, batch(1), {0}},
          {"GatherND", "one batch axis, several", {x, table({2, 3, 1}, {1, 0, 2, 0, 0, 1})}, batch(1), {0}},
          {"GatherND",
           "two batch axes",
           {x, table({2, 3, 2, 1}, {0, 1, 2, 3, 0, 0, 3, 2, 1, 1, -1, -2})},
           batch(2),
           {0}}};
}

Samples scatter_nd_samples() {
  Samples all;
  const Tensor data = distinct_tensor({3, 2, 2}, 1, 0.11F), rows = distinct_tensor({2, 2, 2}, 2, 0.077F);
  const Tensor elements = distinct_tensor({4}, 3, 0.13F);
  const Tensor once = table({2, 1}, {2, 0}), twice = table({2, 1}, {1, 1});
  const Tensor places = table({4, 3}, {0, 0, 0, 2, -1, 1, 2, 1, 1, 0, 0, 0});
  for (const std::string how : {"none", "add", "mul", "max", "min"}) {
    const Attrs attrs{{"reduction", how}};
    all.push_back({"ScatterND", how + ", slices", {data, once, rows}, attrs, {0, 2}});
    if (how == "none") continue;
    all.push_back({"ScatterND", how + ", a slice twice", {data, twice, rows}, attrs, {0, 2}});
    all.push_back({"ScatterND", how + ", elements twice", {data, places, elements}, attrs, {0, 2}});
  }
  all.push_back({"ScatterND", "integers", {ints({1, 2, 3}), table({1, 1}, {1}), ints({7})}});
  return all;
}

Samples choosing_samples() {
  const Tensor x = distinct_tensor({3, 2, 4}, 1);
  const auto axis = [](std::int64_t a) { return Attrs{{"axis", a}}; };
  const Tensor repeated = table({2, 3}, {4, 1, 4, 2, 2, 1}), values = floats({0.5F, 2});
  const Tensor rows = Tensor::of<float>({4, 2}, {1, 2, 0, 5, 1, 2, 0, 4});
  return {{"ArgMin", "keeps", {x}, axis(1)},
          {"ArgMin", "drops", {x}, {{"axis", std::int64_t{-1}}, {"keepdims", std::int64_t{0}}}},
          {"ArgMin", "ties", {ints({3, 1, 1})}, {{"select_last_index", std::int64_t{1}}}},
          {"NonZero", "numbers", {table({2, 3}, {0, 4, 0, 1, 0, -1})}},
          {"NonZero", "truths", {truths({true, false, true})}},
          {"Compress", "all elements", {x, truths({false, true, false, true, true})}, {}, {0}},
          {"Compress", "an axis", {x, truths({true, false, true})}, axis(0), {0}},
          {"Compress", "the last axis, fewer truths", {x, truths({false, true})}, axis(-1), {0}},
          {"OneHot", "last axis", {ints({0, 2, -1, 7}), Tensor::scalar<std::int64_t>(3), values}},
          {"OneHot", "first axis", {repeated, ints({5}), ints({0, 1})}, axis(0)},
          {"OneHot", "floats", {floats({1, 0}), floats({2}), values}, axis(1)},
          {"Unique", "all elements", {repeated}, {}, {}, 1e-7, 4},
          {"Unique", "in order of appearance", {repeated}, {{"sorted", std::int64_t{0}}}, {}, 1e-7, 4},
          {"Unique", "rows", {rows}, axis(0), {}, 1e-7, 4},
          {"Unique", "columns", {rows}, axis(-1), {}, 1e-7, 1}};
}

Samples region_samples() {
  const Tensor x = random_tensor({2, 2, 6, 5}, 1);
  const Tensor boxes = Tensor::of<float>({3, 4}, {0.5F, 1, 4, 5, 0, 0, 9, 9, 2, 2, 2.2F, 2.1F});
  const Tensor of_images = ints({0, 1, 1});
  const Tensor numbered = Tensor::of<float>({2, 5}, {0, 0, 1, 7, 9, 1, 4, 2, 8, 3});
  const auto align = [](std::string how, std::string at, std::int64_t samples) {
    return Attrs{{"mode", std::move(how)},           {"coordinate_transformation_mode", std::move(at)},
                 {"output_height", std::int64_t{3}}, {"output_width", std::int64_t{2}},
                 {"sampling_ratio", samples},        {"spatial_scale", 0.5}};
  };
  const Tensor candidates =
      Tensor::of<float>({1, 4, 4}, {0, 0, 1, 1, 0, 0.1F, 1, 1.1F, 0, -0.1F, 1, 0.9F, 0, 10, 1, 11});
  const Tensor scores = Tensor::of<float>({1, 2, 4}, {0.9F, 0.75F, 0.6F, 0.95F, 0.1F, 0.2F, 0.3F, 0.05F});
  return {
      {"RoiAlign", "average", {x, boxes, of_images}, align("avg", "half_pixel", 2)},
      {"RoiAlign", "adaptive", {x, boxes, of_images}, align("avg", "output_half_pixel", 0)},
      {"RoiAlign", "maximum", {x, boxes, of_images}, align("max", "half_pixel", 1)},
      {"MaxRoiPool", "plain", {x, numbered}, {{"pooled_shape", Ints{2, 3}}, {"spatial_scale", 0.5}}},
      {"NonMaxSuppression", "two classes", {candidates, scores, ints({3}), floats({0.5F}), floats({0.1F})}},
      {"NonMaxSuppression", "centres", {candidates, scores, ints({2})}, {{"center_point_box", std::int64_t{1}}}},
      {"NonMaxSuppression", "none asked for", {candidates, scores}}};
}

/// Grids away from places where the derivative jumps: whole elements, and the ends of the image.
Samples sampling_samples() {
  Samples all;
  const Tensor x = random_tensor({2, 2, 4, 3}, 1), grid = random_tensor({2, 3, 5, 2}, 2, -1.6F, 1.6F);
  for (const std::string mode : {"bilinear", "nearest", "bicubic"})
    for (const std::string padding : {"zeros", "border", "reflection"})
      for (const std::int64_t corners : {0, 1})
        all.push_back({"GridSample",
                       mode + ", " + padding + (corners ? ", corners" : ""),
                       {x, grid},
                       {{"mode", mode}, {"padding_mode", padding}, {"align_corners", corners}},
                       {0, 1},
                       1e-6});
  return all;
}

Samples unpooling_samples() {
  const Attrs two{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  const Tensor x = random_tensor({1, 2, 2, 2}, 1), at = table({1, 2, 2, 2}, {5, 7, 13, 15, 16, 18, 24, 31});
  const auto sample = [](std::string label, Dims x, Ints image, Ints block, Attrs attrs) {
    return Sample{"Col2Im",
                  std::move(label),
                  {random_tensor(std::move(x), 2), ints(image), ints(block)},
                  std::move(attrs),
                  {0}};
  };
  return {{"MaxUnpool", "plain", {x, at}, two, {0}},
          {"MaxUnpool", "larger", {x, at, ints({1, 2, 5, 6})}, two, {0}},
          {"MaxUnpool",
           "1-D",
           {random_tensor({1, 1, 3}, 1), table({1, 1, 3}, {1, 2, 4})},
           {{"kernel_shape", Ints{3}}},
           {0}},
          sample("apart", {1, 4, 4}, {4, 4}, {2, 2}, {{"strides", Ints{2, 2}}}),
          sample("overlapping, two channels", {2, 12, 6}, {4, 4}, {3, 2}, {}),
          sample("pads and dilations", {1, 4, 6}, {5, 5}, {2, 2},
                 {{"pads", Ints{1, 0, 1, 2}}, {"dilations", Ints{2, 3}}, {"strides", Ints{2, 2}}}),
          sample("1-D", {1, 6, 3}, {5}, {3}, {}),
          sample("3-D", {1, 8, 2}, {2, 2, 3}, {2, 2, 2}, {})};
}

Samples overlay_samples() {
  const Tensor map = random_tensor({1, 2, 4, 5}, 1), maps = random_tensor({2, 2, 4, 5}, 2);
  const Tensor window = random_tensor({2, 2, 2, 3}, 3), patch = random_tensor({1, 2, 3, 2}, 4);
  // Rows: a window inside, one beyond the map, a crop inside, one that begins before the map.
  const Tensor places = Tensor::of<float>({2, 4, 2}, {1, 1, -1, 3, 1, 0, -1, -2, 2, 2, 3, -1, 0, 2, 2, 3});
  const auto attrs = [](Ints size, std::int64_t over, std::int64_t crop, double outside) {
    return Attrs{{"size", std::move(size)}, {"window", over}, {"crop", crop}, {"outside", outside}};
  };
  return {{"limn::Overlay", "inside", {map, window, places}, attrs({3, 3}, 0, 2, 0.0)},
          {"limn::Overlay", "crop beyond the map", {map, window, places}, attrs({6, 9}, 0, 3, -7.5)},
          {"limn::Overlay", "one patch beyond the map", {maps, patch, places}, attrs({3, 3}, 1, 2, 0.0)},
          {"limn::Overlay",
           "the whole map",
           {map, window, places},
           {{"size", Ints{4, 5}}, {"window", std::int64_t{0}}}},
          {"limn::Overlay", "no places", {maps, window, places}, {{"size", Ints{2, 2}}}}};
}

}  // namespace

std::vector<Sample> places_samples() {
  Samples all;
  for (auto part : {resize_samples, rearranging_samples, gather_nd_samples, scatter_nd_samples, choosing_samples,
                    region_samples, sampling_samples, unpooling_samples, overlay_samples})
    for (Sample& s : part()) all.push_back(std::move(s));
  return all;
}

}  // namespace limn::testing
