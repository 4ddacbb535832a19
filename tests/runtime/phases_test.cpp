// What a session repeats, and what it does not.

#include "runtime/small_network.h"

namespace limn {
namespace {

struct Explained {
  Graph graph;
  Feeds feeds;
};

/// A network with branches, and the gradient of its input.
Explained explained(std::int64_t batch) {
  SmallNetwork n(7);
  const Value x = n.input(3, 17, 15);
  Value y = n.max_pool(relu(n.conv(x, 32, {3, 3}, {{"strides", Ints{2, 2}}})),
                       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", std::int64_t{1}}});
  y = n.concat({relu(n.conv(y, 16, {1, 1}, {})), relu(n.conv(y, 32, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}))});
  y = relu(y + n.conv(y, 48, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}));
  const Value logits = n.dense(n.flatten(n.global_average(y)), 40);
  const Value target = n.graph().input("target", logits.type());
  const Value d = pull_back(logits, target, std::span(&x, 1)).front();
  Explained e{n.finish({{"logits", logits}, {"dx", d}}), {}};
  e.feeds.emplace("x", n.normal({batch, 3, 17, 15}, 1.0F));
  e.feeds.emplace("target", n.normal({batch, 40}, 1.0F));
  return e;
}

Tensor one_hot(std::int64_t batch, std::int64_t classes, std::int64_t index) {
  std::vector<float> v(static_cast<std::size_t>(batch * classes));
  for (std::int64_t n = 0; n < batch; ++n) v[static_cast<std::size_t>(n * classes + index)] = 1.0F;
  return Tensor::of<float>({batch, classes}, v);
}

std::vector<float> copy_of(std::span<const float> v) { return {v.begin(), v.end()}; }

void write(Session& session, std::string_view name, const Tensor& t) {
  std::ranges::copy(t.as<float>(), session.input(name).begin());
}

/// Images, and whether they are computed one by one.
class Phases : public ::testing::TestWithParam<std::tuple<std::int64_t, bool>> {
 protected:
  static std::int64_t images() { return std::get<0>(GetParam()); }
  static Program compiled(const Graph& graph) {
    CompileOptions options{{{"N", images()}}, 1};
    options.by_image = std::get<1>(GetParam());
    return Program::compile(graph, options);
  }
};

// Writing the target alone repeats the backward pass alone: the image's memory may then hold anything.
TEST_P(Phases, AnotherTargetGivesTheSameAsAFreshSession) {
  Explained e = explained(images());
  const Program program = compiled(e.graph);
  Session session(program);
  for (std::int64_t target : {3, 17, 3, 0}) {
    e.feeds.insert_or_assign("target", one_hot(images(), 40, target));
    if (target == 3) fill(session, e.feeds, {"x"});
    write(session, "target", e.feeds.at("target"));
    session.run();
    Session fresh(program);
    fill(fresh, e.feeds, program.inputs());
    fresh.run();
    EXPECT_EQ(copy_of(session.output("dx")), copy_of(fresh.output("dx"))) << "target " << target;
    EXPECT_EQ(copy_of(session.output("logits")), copy_of(fresh.output("logits")));
  }
}

TEST_P(Phases, TheForwardPassComesFirstWhenAskedFor) {
  const Explained e = explained(images());
  const Program program = compiled(e.graph);
  Session whole(program), parts(program);
  fill(whole, e.feeds, program.inputs());
  whole.run();
  fill(parts, e.feeds, {"x"});
  parts.run_before(std::vector<std::string>{"target"});
  EXPECT_EQ(copy_of(parts.output("logits")), copy_of(whole.output("logits")));
  write(parts, "target", e.feeds.at("target"));
  parts.run();
  EXPECT_EQ(copy_of(parts.output("dx")), copy_of(whole.output("dx")));
}

TEST_P(Phases, ARunWithNothingChangedChangesNothing) {
  const Explained e = explained(images());
  const Program program = compiled(e.graph);
  Session session(program);
  fill(session, e.feeds, program.inputs());
  session.run();
  const auto before = copy_of(session.output("dx"));
  session.run();
  EXPECT_EQ(copy_of(session.output("dx")), before);
}

/// The steps that a run takes, as its observer is told.
std::vector<std::size_t> steps_of_run(Session& session) {
  std::vector<std::size_t> steps;
  StepClock::time_point last{};
  session.observe([&](std::size_t step, StepClock::time_point begin, StepClock::time_point end) {
    EXPECT_LE(last, begin);
    EXPECT_LE(begin, end);
    last = end;
    steps.push_back(step);
  });
  session.run();
  session.observe({});
  return steps;
}

TEST_P(Phases, AnObserverSeesEveryStepThatRunsAndNoOther) {
  const Explained e = explained(images());
  const Program program = compiled(e.graph);
  Session session(program);
  fill(session, e.feeds, program.inputs());
  const auto all = steps_of_run(session);
  std::vector<std::size_t> in_order(program.steps().size());
  for (std::size_t k = 0; k < in_order.size(); ++k) in_order[k] = k;
  EXPECT_EQ(all, in_order);
  write(session, "target", one_hot(images(), 40, 3));
  const auto backward = steps_of_run(session);
  EXPECT_LT(backward.size(), all.size());
  ASSERT_FALSE(backward.empty());
  for (const std::size_t k : backward) EXPECT_EQ(program.steps()[k].label.find("Conv "), std::string::npos);
  EXPECT_TRUE(steps_of_run(session).empty());
}

INSTANTIATE_TEST_SUITE_P(Batches, Phases, ::testing::Combine(::testing::Values(1, 2, 3), ::testing::Bool()));

TEST(Session, OneHotAndDenseTargetsAgreeWithTheReference) {
  Explained e = explained(2);
  expect_like_reference(e.graph, e.feeds, {{{"N", 2}}, 2});
  e.feeds.insert_or_assign("target", one_hot(2, 40, 5));
  expect_like_reference(e.graph, e.feeds, {{{"N", 2}}, 2});
}

// Rows of weights are left out where cotangents are zero, in a way that depends on how many images share them.
TEST(Session, CotangentsThatAreZeroInPlacesAgreeWithTheReference) {
  for (const std::int64_t batch : {1, 2, 5, 8, 9})
    for (const int kept : {0, 1, 3, 40, 100}) {  // of a hundred
      SmallNetwork n(static_cast<unsigned>(batch + kept));
      const Value d = n.graph().input("x", {DType::f32, Shape{Dim("N"), 100}});
      const Graph g = n.finish({{"y", n.graph().add("MatMul", {d, n.weight(n.normal({100, 5000}, 1.0F))})}});
      Tensor x = n.normal({batch, 100}, 1.0F);
      std::vector<float> v(x.as<float>().begin(), x.as<float>().end());
      for (float& f : v) f = n.draw(0, 99) < kept ? f : 0.0F;
      expect_like_reference(g, {{"x", Tensor::of<float>({batch, 100}, v)}}, {{{"N", batch}}, 2});
    }
}

TEST(Session, NamesAndSizesAreThoseOfTheGraph) {
  const Explained e = explained(2);
  const Program program = Program::compile(e.graph, {{{"N", 2}}, 1});
  EXPECT_EQ(program.inputs(), (std::vector<std::string>{"x", "target"}));
  EXPECT_EQ(program.input_dims("x"), (Dims{2, 3, 17, 15}));
  EXPECT_EQ(program.output_dims("logits"), (Dims{2, 40}));
  Session session(program);
  EXPECT_THROW(session.input("taget"), Error);
  EXPECT_THROW(static_cast<void>(session.output("nothing")), Error);
}

TEST(Session, StepsKnowTheirOperationsAndTheSizesOfTheirResult) {
  for (const auto& [batch, by_image] : {std::pair<std::int64_t, bool>{1, false}, {3, false}, {3, true}}) {
    SmallNetwork n(8);
    Value y = n.conv(n.input(3, 17, 15), 32, {3, 3}, {{"strides", Ints{2, 2}}});  // [N, 32, 8, 7]
    y = relu(n.conv(y, 64, {1, 1}, {{"group", std::int64_t{2}}}));
    CompileOptions options{{{"N", batch}}, 1};
    options.by_image = by_image;
    const Program program =
        Program::compile(n.finish({{"logits", n.dense(n.flatten(n.global_average(y)), 40)}}), options);
    const auto products = static_cast<double>(batch * (32 * 8 * 7 * 27 + 64 * 8 * 7 * 16 + 64 * 40));
    double operations = 0;
    for (const StepInfo& step : program.steps()) operations += step.operations;
    EXPECT_EQ(operations, 2 * products);
    EXPECT_EQ(program.steps().front().dims, (Dims{batch, 32, 8, 7}));
    EXPECT_EQ(program.steps().back().dims, (Dims{batch, 40}));
  }
}

}  // namespace
}  // namespace limn
