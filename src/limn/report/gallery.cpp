#include "limn/report/gallery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>

#include "limn/base/npy.h"
#include "limn/dataset.h"
#include "limn/overlay.h"
#include "limn/report/known.h"
#include "limn/report/text.h"
#include "limn/study/map_at_input.h"
#include "limn/study/run_folder.h"

namespace limn {
namespace {

constexpr int kLongerSide = 360, kQuality = 82;

/// The picture at the size of the page, with where the network's input lies on it.
struct Shown {
  Image picture;
  Geometry geometry;
};

Shown shown(const Image& image, const Preprocess& preprocess) {
  Shown out{image, geometry(preprocess, image.width, image.height)};
  const double scale = static_cast<double>(kLongerSide) / std::max(image.width, image.height);
  if (scale >= 1) return out;
  const auto size = [&](int side) { return std::max(1, static_cast<int>(std::lround(scale * side))); };
  out.picture = resize(image, size(image.width), size(image.height));
  Geometry& g = out.geometry;
  const double x = static_cast<double>(out.picture.width) / image.width,
               y = static_cast<double>(out.picture.height) / image.height;
  g.original_width = out.picture.width;
  g.original_height = out.picture.height;
  g.scale_x *= x;
  g.offset_x *= x;
  g.scale_y *= y;
  g.offset_y *= y;
  return out;
}

/// The map as overlays show it.
Heatmap displayed(const Tensor& numbers, const Geometry& geometry, Upsampling upsampling) {
  const bool cam = numbers.dims().size() == 2;
  const RawMap raw{cam ? MapKind::cam : MapKind::attribution, numbers.dims(), numbers.as<float>()};
  const Heatmap map = map_at_input(raw, geometry.input_width, geometry.input_height, upsampling);
  return for_display(normalise(map).heatmap, raw.kind);
}

class GalleryMaker {
 public:
  GalleryMaker(const Run& run, const Dataset& dataset)
      : run_(run),
        dataset_(dataset),
        score_title_(known_experiment(run.experiment).score_title),
        rows_(RowStore::to_read(rows_path(run.folder))),
        preprocess_(preprocess_from_json(dump(run.manifest.at("preprocessing")), run.folder.string())),
        upsampling_(parse_upsampling(run.manifest.value("upsampling", "bilinear"))) {
    for (const ImageRow& image : run.rows.images) images_[image.position] = &image;
  }

  Gallery make(const MethodRows& method) {
    std::vector<std::size_t> order(method.positions.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::erase_if(order, [&](std::size_t i) { return std::isnan(method.scores[i]); });
    std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t i) { return method.scores[i]; });
    const ChosenCases chosen = choose_cases(order.size());
    Gallery gallery;
    for (const auto& [title, cases] : {std::pair("Best", &chosen.best), std::pair("Typical", &chosen.typical),
                                       std::pair("Worst", &chosen.worst)}) {
      Gallery::Part part{title, {}};
      for (const std::size_t place : *cases) add(method, order[place], part);
      if (!part.figures.empty()) gallery.parts.push_back(std::move(part));
    }
    return gallery;
  }

  std::size_t missing() const { return missing_; }
  const std::string& why() const { return why_; }

 private:
  void add(const MethodRows& method, std::size_t i, Gallery::Part& part) {
    try {
      part.figures.push_back(figure(method, i));
    } catch (const Error& e) {
      if (e.code() == ErrorCode::internal) throw;
      if (missing_++ == 0) why_ = e.where().empty() ? e.message() : fmt::format("{} ({})", e.message(), e.where());
    }
  }

  Figure figure(const MethodRows& method, std::size_t i) {
    const ImageRow& row = *images_.at(method.positions[i]);
    const auto at = static_cast<std::size_t>(row.position);
    if (at >= dataset_.size() || dataset_.id(at) != row.id)
      throw Error(ErrorCode::not_found, "the dataset holds other images than those of the run", row.id);
    const auto file = [&](std::size_t c) {
      return maps_path(run_.folder) / map_file(row.position, fmt::format("{}.{}", method.name, c));
    };
    std::size_t asked = row.classes.front();
    if (!row.boxes.empty() && std::filesystem::exists(file(row.boxes.front().class_index)))
      asked = row.boxes.front().class_index;
    const Tensor numbers = read_npy(file(asked));
    const Shown on_page = shown(dataset_.image(at), preprocess_);
    const Geometry& g = on_page.geometry;
    const Image tinted = overlay(on_page.picture, displayed(numbers, g, upsampling_), g, {.color_bar = false});
    Figure out;
    out.title = run_.class_name(asked);
    out.text = fmt::format("{} {:.2f}", score_title_, method.scores[i]);
    if (!row.predicted.empty() && !row.top1) out.text += ", taken for " + run_.class_name(row.predicted.front());
    out.alt = fmt::format("{} for {} on {}; {}", method.name, out.title, row.id, out.text);
    out.jpeg = encode_jpeg(tinted, kQuality);
    out.width = tinted.width;
    out.height = tinted.height;
    for (const auto& [c, box] : row.boxes)
      if (c == asked) out.truths.push_back(g.to_original(box));
    mark(out, method.name, row.position, g);
    return out;
  }

  /// The predicted box or point, where the experiment has one.
  void mark(Figure& figure, const std::string& method, std::int64_t position, const Geometry& g) {
    const auto has = [&](const char* column) {
      return std::ranges::find(rows_.columns(), column) != rows_.columns().end();
    };
    const auto ask = [&](const char* columns) {
      Statement query =
          rows_.query(fmt::format("SELECT {} FROM maps WHERE position = ?1 AND method = ?2", columns));
      query.bind(std::array<Cell, 2>{position, method});
      return query;
    };
    if (has("box")) {
      Statement query = ask("box");
      if (query.step() && !query.is_null(0)) {
        const Json box = Json::parse(query.text(0));
        figure.found =
            g.to_original({box[0].get<double>(), box[1].get<double>(), box[2].get<double>(), box[3].get<double>()});
      }
    }
    if (has("x") && has("y")) {
      Statement query = ask("x, y");
      if (query.step() && !query.is_null(0))
        figure.peak = {g.to_original_x(query.real(0) + 0.5), g.to_original_y(query.real(1) + 0.5)};
    }
  }

  const Run& run_;
  const Dataset& dataset_;
  std::string score_title_;
  RowStore rows_;
  Preprocess preprocess_;
  Upsampling upsampling_;
  std::map<std::int64_t, const ImageRow*> images_;
  std::size_t missing_ = 0;
  std::string why_;
};

std::unique_ptr<const Dataset> open_pictures(const Run& run, const PictureSource& source) {
  const Json& dataset = run.manifest.at("dataset");
  const std::filesystem::path root =
      source.root.empty() ? dataset.at("root").get<std::string>() : source.root.string();
  return open_dataset(dataset.at("kind").get<std::string>(), root,
                      {dataset.value("split", ""), source.imagenet_classes});
}

}  // namespace

ChosenCases choose_cases(std::size_t cases) {
  constexpr std::size_t kMost = 4;
  const std::size_t each = std::min(kMost, cases / 3);
  ChosenCases chosen;
  for (std::size_t i = 0; i < each; ++i) {
    chosen.best.push_back(i);
    chosen.typical.push_back((cases - each) / 2 + i);
    chosen.worst.push_back(cases - each + i);
  }
  return chosen;
}

Galleries make_galleries(const Run& run, const std::string& id, const PictureSource& source) {
  Galleries out;
  const auto can_show = [](const MethodRows& m) { return !m.control && !m.scores.empty(); };
  if (std::ranges::none_of(run.rows.methods, can_show)) return out;
  if (!std::filesystem::is_directory(maps_path(run.folder))) {
    out.remark = fmt::format(
        "{}: there are no pictures of single cases, for the run kept no maps. limn evaluate "
        "--save-maps keeps them.",
        run.label);
    return out;
  }
  std::unique_ptr<const Dataset> dataset;
  try {
    dataset = open_pictures(run, source);
  } catch (const Error& e) {
    out.remark = fmt::format(
        "{}: there are no pictures of single cases, for the dataset cannot be read: {} ({}). "
        "limn report --root names its folder.",
        run.label, e.message(), e.where());
    return out;
  }
  GalleryMaker maker(run, *dataset);
  for (const MethodRows& method : run.rows.methods) {
    if (!can_show(method)) continue;
    Gallery gallery = maker.make(method);
    gallery.id = fmt::format("{}-{}", id, slug(method.name));
    gallery.title = method.name;
    gallery.folded = !out.of_methods.empty();
    if (!gallery.parts.empty()) out.of_methods.push_back(std::move(gallery));
  }
  if (maker.missing() > 0)
    out.remark = fmt::format("{}: {} cases are not shown: {}.", run.label, maker.missing(), maker.why());
  return out;
}

}  // namespace limn
