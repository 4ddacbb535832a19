// Boxes through resize and crop by both protocols, classes by name, controls.

#include "limn/study/truth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "limn/base/file.h"
#include "limn/datasets/text.h"
#include "limn/metrics.h"
#include "limn/study/controls.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Preprocess study_preprocess() {
  Preprocess options;
  options.resize = SizeRule::side(256);
  options.crop = SizeRule::side(224);
  return options;
}

void expect_near(const Box& a, const Box& b, double tolerance) {
  EXPECT_NEAR(a.x0, b.x0, tolerance);
  EXPECT_NEAR(a.y0, b.y0, tolerance);
  EXPECT_NEAR(a.x1, b.x1, tolerance);
  EXPECT_NEAR(a.y1, b.y1, tolerance);
}

/// Worked apart: the annotation's box, the one that the study stored, the one that follows the pixels.
struct Worked {
  int width, height;
  Box box;
  std::optional<Box> published;
  Box correct;
};

TEST(BoxesInInput, WorkedExamples) {
  const Worked examples[] = {
      {500, 375, {111, 108, 441, 193}, Box{40, 57, 209, 115}, {17.702, 57.728, 224, 115.7547}},
      {500, 375, {45, 49, 499, 162}, Box{7, 17, 224, 94}, {0, 17.4507, 224, 94.592}},
      {500, 375, {2, 69, 437, 207}, Box{0, 31, 207, 125}, {0, 31.104, 224, 125.312}},
      {500, 375, {38, 19, 385, 373}, Box{3, 0, 181, 224}, {0, 0, 204.57, 224}},
      {353, 500, {48, 240, 195, 371}, {}, {18.8102, 104.76, 125.4164, 199.604}},
      {353, 500, {8, 12, 352, 498}, {}, {0, 0, 224, 224}},
  };
  for (const Worked& e : examples) {
    const auto squashed = squashed_box(e.box, e.width, e.height, 256, 224);
    EXPECT_EQ(squashed, e.published.value_or(*squashed));
    expect_near(*box_in_crop(e.box, geometry(study_preprocess(), e.width, e.height)), e.correct, 5e-4);
  }
}

/// A class with a pixel on the left, one with a pixel on the right, one without a mask.
class ThreeClasses : public Dataset {
 public:
  std::size_t size() const override { return 1; }
  std::string id(std::size_t) const override { return "only"; }
  Sample sample(std::size_t) const override { return {}; }
  Image image(std::size_t) const override { return Image(4, 1); }
  std::optional<Mask> mask(std::size_t, std::size_t class_index) const override {
    if (class_index == 2) return std::nullopt;
    Mask mask(4, 1);
    mask.at(class_index == 0 ? 0 : 3, 0) = MaskPixel::object;
    return mask;
  }
};

TEST(MasksInInput, AreByClassesOfTheNetwork) {
  const ThreeClasses data;
  const std::vector<std::size_t> classes{0, 1, 2}, apart{5, 3, 4}, together{5, 5, 4};
  const auto g = identity_geometry(4, 1);
  const auto masks = masks_in_input(data, 0, classes, g, apart);
  ASSERT_EQ(masks.size(), 2U);
  EXPECT_EQ(masks[0].class_index, 5U);
  EXPECT_EQ(masks[0].mask, *data.mask(0, 0));
  EXPECT_EQ(masks[1].class_index, 3U);
  const auto joined = masks_in_input(data, 0, classes, g, together);
  ASSERT_EQ(joined.size(), 1U);
  EXPECT_EQ(joined[0].mask.at(0, 0), MaskPixel::object);
  EXPECT_EQ(joined[0].mask.at(1, 0), MaskPixel::background);
  EXPECT_EQ(joined[0].mask.at(3, 0), MaskPixel::object);
}

TEST(BoxesInInput, AreDroppedWhereNothingIsLeft) {
  const Geometry g = geometry(study_preprocess(), 500, 375);
  EXPECT_FALSE(box_in_crop({0, 0, 50, 375}, g));  // all of it beside the crop
  EXPECT_FALSE(box_in_crop({0, 0, 86, 375}, g));  // two thirds of a pixel are left
  EXPECT_TRUE(box_in_crop({0, 0, 87, 375}, g));
  EXPECT_FALSE(squashed_box({0, 0, 31, 375}, 500, 375, 256, 224));
}

TEST(BoxesInInput, DifficultOnesAndThoseOutside) {
  Sample sample;
  sample.id = "picture";
  sample.boxes = {{{100, 100, 200, 200}, 0, true}, {{100, 100, 200, 200}, 1, false}};
  const std::vector<std::size_t> map{7, 5};
  const auto boxes = boxes_in_input(sample, 500, 375, study_preprocess(), map, Protocol::correct);
  ASSERT_EQ(boxes.size(), 1U);
  EXPECT_EQ(boxes[0].class_index, 5U);
  sample.boxes[0].box = {500, 0, 600, 100};
  EXPECT_ERROR(boxes_in_input(sample, 500, 375, study_preprocess(), map, Protocol::correct), ErrorCode::bad_input,
               HasSubstr("outside the image of 500x375"));
}

/// A white rectangle goes through the path of the pixels and through that of the boxes.
TEST(BoxesInInput, OfACopyResizedSinceItWasAnnotated) {
  const std::vector<std::size_t> map{0};
  Sample sample;
  sample.width = sample.height = 1024;
  sample.boxes = {{{256, 128, 512, 1024}, 0}};
  Preprocess whole = study_preprocess();
  whole.resize = {SizeRule::Kind::exact, 224, 224};
  whole.crop = {};
  const auto box_at = [&](int width, int height) {
    return boxes_in_input(sample, width, height, whole, map, Protocol::correct).at(0).box;
  };
  EXPECT_EQ(box_at(1024, 1024), (Box{56, 28, 112, 224}));
  EXPECT_EQ(box_at(512, 512), (Box{56, 28, 112, 224}));
  EXPECT_EQ(box_at(1024, 2048), (Box{56, 14, 112, 112}));  // other proportions: not a copy
}

TEST(BoxesInInput, FollowThePixels) {
  for (const auto& [width, height] : {std::pair(500, 375), std::pair(353, 500), std::pair(640, 256)}) {
    const Box box{std::floor(width * .4), std::floor(height * .4), std::floor(width * .6), std::floor(height * .7)};
    Image image(width, height);
    for (int y = static_cast<int>(box.y0); y < static_cast<int>(box.y1); ++y)
      std::fill(image.row(y) + 3 * static_cast<int>(box.x0), image.row(y) + 3 * static_cast<int>(box.x1),
                std::uint8_t{255});
    for (const Protocol protocol : {Protocol::correct, Protocol::as_published}) {
      std::vector<float> tensor(std::size_t{3} * 224 * 224);
      preprocess_by(protocol, image, study_preprocess(), tensor);
      const Heatmap map(224, 224, std::span(tensor).first(std::size_t{224} * 224));
      expect_near(*largest_box(map, 0.5), *box_in_crop(box, geometry(study_preprocess(), width, height)), 1);
    }
  }
}

TEST(Preprocessing, AsPublishedGoesThroughJpeg) {
  Image image(300, 260);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24U);
  std::vector<float> direct(std::size_t{3} * 224 * 224), published(direct);
  preprocess_by(Protocol::correct, image, study_preprocess(), direct);
  preprocess_by(Protocol::as_published, image, study_preprocess(), published);
  double apart = 0;
  for (std::size_t i = 0; i < direct.size(); ++i) apart += std::abs(direct[i] - published[i]);
  apart /= static_cast<double>(direct.size());
  EXPECT_GT(apart, 0.005);
  EXPECT_LT(apart, 0.3);
  Preprocess exact = study_preprocess();
  exact.resize = SizeRule::exact(256, 256);
  EXPECT_ERROR(check_protocol(Protocol::as_published, exact), ErrorCode::unsupported, HasSubstr("--resize N"));
  check_protocol(Protocol::correct, exact);
}

TEST(MapClasses, ByIdNameAndSynonym) {
  const std::vector<std::string> labels{"n01440764 tench, Tinca tinca", "n01443537 goldfish, Carassius auratus",
                                        "Dog"};
  const std::vector<std::string> known{"n01443537", "dog", "Tinca_tinca"}, partly{"cat", "Dog"}, two{"a", "b"};
  EXPECT_THAT(map_classes(known, labels, 3), ElementsAre(1, 2, 0));
  EXPECT_THAT(map_classes(two, {}, 2), ElementsAre(0, 1));
  EXPECT_ERROR(map_classes(partly, labels, 3), ErrorCode::not_found,
               HasSubstr("1 of the dataset's 2 classes: cat"));
  EXPECT_ERROR(map_classes(two, {}, 3), ErrorCode::not_found, HasSubstr("--labels"));
}

TEST(Controls, HaveTheirShapes) {
  EXPECT_EQ(predicted_box(control_map("centre-box", 224, 224, 0), 0.15, RegionRule::region),
            (Box{22, 22, 202, 202}));
  EXPECT_EQ(predicted_box(control_map("whole-image", 9, 7, 0), 0.15, RegionRule::region), (Box{0, 0, 9, 7}));
  const Peak middle = peak(control_map("centre-point", 224, 100, 0));
  EXPECT_EQ(middle.x, 112);
  EXPECT_EQ(middle.y, 50);
  EXPECT_EQ(control_map("random-map", 30, 20, 5), control_map("random-map", 30, 20, 5));
  EXPECT_NE(control_map("random-map", 30, 20, 5), control_map("random-map", 30, 20, 6));
  const Heatmap gaussian = control_map("centred-gaussian", 101, 101, 0);
  EXPECT_FLOAT_EQ(gaussian.at(50, 50), 1);
  EXPECT_FLOAT_EQ(gaussian.at(50, 20), gaussian.at(80, 50));
  EXPECT_ERROR(control_map("edges", 3, 3, 0), ErrorCode::not_found, HasSubstr("edges"));
}

/// A row of the study's list of 2,510 images.
struct StudyRow {
  std::string id;
  std::vector<double> size;
  std::vector<Box> boxes;  ///< as it stored them
};

/// The list is written in Python's notation.
std::vector<StudyRow> study_rows(const std::filesystem::path& file) {
  const auto numbers_in = [](const std::string& text) {
    std::vector<double> numbers;
    std::string digits;
    for (const char c : text + " ") {
      if (c >= '0' && c <= '9') {
        digits += c;
      } else if (!digits.empty()) {
        numbers.push_back(std::stod(digits));
        digits.clear();
      }
    }
    return numbers;
  };
  const auto table = parse_csv(read_text_file(file));
  std::vector<StudyRow> rows;
  for (std::size_t r = 1; r < table.size(); ++r) {
    const auto& fields = table[r];
    StudyRow row{std::filesystem::path(fields.at(1)).stem().string(), numbers_in(fields[fields.size() - 2]), {}};
    const auto corners = numbers_in(fields.back());
    for (std::size_t i = 0; i + 3 < corners.size(); i += 4)
      row.boxes.push_back({corners[i], corners[i + 1], corners[i + 2], corners[i + 3]});
    rows.push_back(std::move(row));
  }
  return rows;
}

const std::filesystem::path kShared = LIMN_SHARED_DATA;

TEST(SharedStudy, ControlsOnItsBoxesGiveTheKnownRates) {
  const auto file = kShared / "study/res2_2510.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the study's files are not at " << file;
  const auto rows = study_rows(file);
  std::size_t boxes = 0, with_several = 0, square = 0, pointed = 0, localized = 0;
  for (const StudyRow& row : rows) {
    boxes += row.boxes.size();
    with_several += row.boxes.size() > 1 ? 1 : 0;
    square += row.size.at(0) == row.size.at(1) ? 1 : 0;
    pointed += points_at(112, 112, row.boxes, Bounds::closed) ? 1 : 0;
    localized += localizes({0, 0, 224, 224}, row.boxes) ? 1 : 0;
  }
  ASSERT_EQ(rows.size(), 2510U);
  EXPECT_EQ(boxes, 4019U);
  EXPECT_EQ(with_several, 613U);
  EXPECT_EQ(square, 103U);
  EXPECT_NEAR(static_cast<double>(pointed) / 2510, .8339, 5e-5);
  EXPECT_NEAR(static_cast<double>(localized) / 2510, .5036, 5e-5);
}

/// From the annotations of the photographs that are at hand.
TEST(SharedStudy, ItsBoxesComeFromTheAnnotations) {
  const auto file = kShared / "study/res2_2510.csv", root = kShared / "ilsvrc-val-250";
  if (!std::filesystem::exists(file) || !std::filesystem::exists(root))
    GTEST_SKIP() << "the study's files or the photographs are not at " << kShared;
  std::map<std::string, StudyRow> stored;
  for (StudyRow& row : study_rows(file)) stored.emplace(row.id, row);
  const auto data = open_dataset("ilsvrc", root);
  std::vector<std::size_t> map(data->classes().size());
  std::size_t images = 0, boxes = 0;
  for (std::size_t i = 0; i < data->size(); ++i) {
    const auto row = stored.find(data->id(i));
    if (row == stored.end()) continue;
    const Sample sample = data->sample(i);
    std::vector<Box> ours;
    for (const auto& [c, box] :
         boxes_in_input(sample, sample.width, sample.height, study_preprocess(), map, Protocol::as_published))
      ours.push_back(box);
    EXPECT_EQ(ours, row->second.boxes) << row->first;
    ++images;
    boxes += ours.size();
  }
  EXPECT_EQ(images, 250U);
  EXPECT_EQ(boxes, 407U);
}

}  // namespace
}  // namespace limn
