// Damaged models: whatever is cut off or flipped, the answer is a graph or an Error.
#include <gtest/gtest.h>

#include <random>

#include "limn/model.h"
#include "limn/passes/summary.h"
#include "limn/passes/target_layer.h"
#include "support/onnx_writer.h"

namespace limn {
namespace {

/// A model with most of what a file can hold.
std::vector<std::byte> sound_model() {
  test::OnnxWriter w = test::small_classifier(11);
  w.node("Softmax", {"features"}, {"soft"}, "soft");
  test::set(w.node("Clip", {"features"}, {"clipped", ""}, "clip"), "max", 6.0F);
  auto& constant = w.node("Constant", {}, {"two"}, "constant");
  test::set_tensor(constant, "value", {1}, onnx::TensorProto_DataType_DOUBLE).add_double_data(2);
  w.node("Mul", {"clipped", "two"}, {"double"}, "mul");
  w.tensor("typed", {2}, onnx::TensorProto_DataType_INT32).add_int32_data(1);
  w.graph().mutable_initializer(3)->add_int32_data(2);
  w.output("soft");
  w.output("double");
  auto& entry = *w.model().add_metadata_props();
  entry.set_key("key");
  entry.set_value("value");
  return w.bytes();
}

enum class Answer { graph, error };

Answer answer(std::span<const std::byte> bytes) {
  try {
    const Graph g = import_onnx(bytes, {}, {.allow_unsupported = true}).graph;
    const Logits logits = find_logits(g);
    auto_target_layer(g, logits.value);
    candidate_layers(g, logits.value);
    summarize(g);
    return Answer::graph;
  } catch (const Error& e) {
    EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
    return Answer::error;
  }
}

TEST(Damage, SoundModelIsRead) { EXPECT_EQ(answer(sound_model()), Answer::graph); }

TEST(Damage, CutOffAnywhere) {
  const auto bytes = sound_model();
  std::size_t errors = 0;
  for (std::size_t n = 0; n < bytes.size(); ++n) errors += answer(std::span(bytes).first(n)) == Answer::error;
  // Only an end between the last fields of the model can go unnoticed.
  EXPECT_GE(errors, bytes.size() - 2);
}

TEST(Damage, RandomBytesFlipped) {
  const auto sound = sound_model();
  std::mt19937 random(7);
  std::size_t errors = 0;
  constexpr std::size_t kRounds = 20000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    auto bytes = sound;
    for (std::size_t flips = 1 + random() % 4; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= static_cast<std::byte>(1U << (random() % 8));
    errors += answer(bytes) == Answer::error;
  }
  EXPECT_GT(errors, kRounds / 10);
  EXPECT_LT(errors, kRounds);
}

}  // namespace
}  // namespace limn
