#include "limn/card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/base/file.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kCard = R"({
  "input": [3, 227, 227],
  "resize": 256,
  "crop": "227x227",
  "range": 255,
  "mean": [123, 117, 104.5],
  "std": [0.229],
  "order": "bgr",
  "labels": ["cat", "dog \"rex\""],
  "layer": "fire9/concat"
}
)";

TEST(Card, IsReadKeyByKey) {
  const ModelCard card = parse_card(kCard, "x");
  EXPECT_EQ(card.input, (InputSize{3, 227, 227}));
  EXPECT_EQ(card.resize, SizeRule::side(256));
  EXPECT_EQ(card.crop, SizeRule::exact(227, 227));
  EXPECT_EQ(card.range, 255);
  EXPECT_THAT(*card.mean, ElementsAre(123, 117, 104.5F));
  EXPECT_THAT(*card.std, ElementsAre(0.229F));
  EXPECT_EQ(card.order, ChannelOrder::bgr);
  EXPECT_THAT(card.labels, ElementsAre("cat", "dog \"rex\""));
  EXPECT_EQ(card.layer, "fire9/concat");
}

TEST(Card, IsWrittenAsItWasRead) {
  EXPECT_EQ(to_json(parse_card(kCard, "x")), kCard);
  EXPECT_EQ(parse_card("{}", "x"), ModelCard{});
  EXPECT_EQ(parse_card(to_json(ModelCard{}), "x"), ModelCard{});
}

TEST(Card, LiesBesideTheModel) {
  const ScratchFolder folder;
  EXPECT_EQ(card_path("a/model.onnx"), "a/model.limn.json");
  EXPECT_EQ(card_path("squeezenet1.0.onnx"), "squeezenet1.0.limn.json");
  EXPECT_FALSE(find_card(folder / "model.onnx"));
  write_card(folder / "model.limn.json", parse_card(kCard, "x"));
  EXPECT_EQ(find_card(folder / "model.onnx"), parse_card(kCard, "x"));
}

TEST(Card, NamesTheKeyThatIsWrong) {
  const auto expect_refused = [](const char* json, const char* text) {
    EXPECT_ERROR(parse_card(json, "m.limn.json"), ErrorCode::bad_input,
                 testing::AllOf(HasSubstr(text), HasSubstr("m.limn.json")));
  };
  expect_refused("{\"lables\": []}", "did you mean 'labels'?");
  expect_refused("{\"zzzzzzzz\": 1}", "the known keys are input, resize");
  expect_refused("{\"input\": [3, 224]}", "'input' must be");
  expect_refused("{\"input\": [3, 224, -1]}", "'input' must be");
  expect_refused("{\"labels\": 5}", "'labels' must be");
  expect_refused("{\"labels\": [5]}", "'labels' must be");
  expect_refused("{\"layer\": 5}", "'layer' must be");
  expect_refused("{\"range\": \"1\"}", "'range' must be");
  expect_refused("{\"mean\": []", "not valid JSON");
  EXPECT_ERROR(read_card("/nowhere/m.limn.json"), ErrorCode::not_found, HasSubstr("m.limn.json"));
}

TEST(Card, OverridesThePresetKeyByKey) {
  const Preprocess imagenet = preset("imagenet", {3, 224, 224});
  EXPECT_EQ(with_card(imagenet, ModelCard{}), imagenet);
  ModelCard card;
  card.order = ChannelOrder::bgr;
  card.crop = SizeRule::side(200);
  const Preprocess changed = with_card(imagenet, card);
  EXPECT_EQ(changed.order, ChannelOrder::bgr);
  EXPECT_EQ(changed.crop, SizeRule::side(200));
  EXPECT_EQ(changed.mean, imagenet.mean);
}

TEST(Card, HoldsAllOfAPreprocessing) {
  for (const auto name : preset_names()) {
    const InputSize input{3, 224, 224};
    const Preprocess options = preset(name, input);
    EXPECT_EQ(with_card({}, parse_card(to_json(card_of(options, input)), "x")), options) << name;
  }
}

TEST(Labels, AreReadFromLines) {
  EXPECT_THAT(parse_labels("cat\ndog\r\n bird \n", "x"), ElementsAre("cat", "dog", "bird"));
  EXPECT_THAT(parse_labels("cat\n\ndog\n\n\n", "x"), ElementsAre("cat", "", "dog"));
  EXPECT_THAT(parse_labels("\xEF\xBB\xBF"
                           "cat",
                           "x"),
              ElementsAre("cat"));
}

TEST(Labels, LoseTheirWordNetIds) {
  EXPECT_THAT(parse_labels("n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n", "x"),
              ElementsAre("tench, Tinca tinca", "goldfish, Carassius auratus"));
  // Only where every line has one.
  EXPECT_THAT(parse_labels("n01440764 tench\nnight owl\n", "x"), ElementsAre("n01440764 tench", "night owl"));
}

TEST(Labels, AreReadFromJson) {
  EXPECT_THAT(parse_labels(" [\"a\", \"b, c\"]", "x"), ElementsAre("a", "b, c"));
  EXPECT_ERROR(parse_labels("[1]", "x"), ErrorCode::bad_input, HasSubstr("list of texts"));
  EXPECT_ERROR(parse_labels("[\"a\"", "x"), ErrorCode::bad_input, HasSubstr("JSON"));
}

TEST(Labels, AFileWithoutNamesIsRefused) {
  EXPECT_ERROR(parse_labels("", "l.txt"), ErrorCode::bad_input, HasSubstr("l.txt"));
  EXPECT_ERROR(parse_labels("\n \n", "x"), ErrorCode::bad_input, HasSubstr("no names"));
  EXPECT_ERROR(parse_labels(std::string_view("a\0b", 3), "x"), ErrorCode::bad_input, HasSubstr("not text"));
}

TEST(Labels, OfACardAreFoundBesideIt) {
  const ScratchFolder folder;
  write_file_atomically(folder / "names.txt", "a\nb\n");
  const ModelCard card = parse_card("{\"labels\": \"names.txt\"}", "x");
  EXPECT_THAT(card_labels(card, folder / "m.limn.json"), ElementsAre("a", "b"));
  EXPECT_THAT(card_labels(ModelCard{}, "x"), testing::IsEmpty());
  EXPECT_ERROR(card_labels(card, "/nowhere/m.limn.json"), ErrorCode::not_found, HasSubstr("names.txt"));
}

TEST(Labels, OfImageNetAreAThousand) {
  const std::filesystem::path file = LIMN_SHARED_DATA "/ilsvrc-val-250/LOC_synset_mapping.txt";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the ILSVRC files are not there";
  const auto labels = read_labels(file);
  ASSERT_EQ(labels.size(), 1000U);
  EXPECT_EQ(labels[0], "tench, Tinca tinca");
}

}  // namespace
}  // namespace limn
