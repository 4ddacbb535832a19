#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/graph.h"
#include "limn/ops/table.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Type kImage{DType::f32, Shape{Dim("N"), 3, 4, 4}};

TEST(Graph, TextShowsTypesAndAttributes) {
  GraphBuilder g(operators());
  const Value x = g.input("image", kImage);
  const Value y = g.add("Relu", {x}, {}, "relu");
  const Value z = g.add("Flatten", {y}, {{"axis", std::int64_t{1}}}, "flat");
  const Graph graph = std::move(g).finish({{"out", z}});
  EXPECT_EQ(to_text(graph),
            "input %image: float32 [N, 3, 4, 4]\n"
            "%relu: float32 [N, 3, 4, 4] = Relu(%image)\n"
            "%flat: float32 [N, 48] = Flatten(%relu) {axis=1}\n"
            "output out = %flat\n");
}

TEST(Graph, CopiesOfABuilderLeaveTheStartUntouched) {
  GraphBuilder g(operators());
  const Value x = g.input("image", kImage);
  const Graph start = std::move(g).finish({{"out", x}});
  GraphBuilder more(start);
  const Value y = more.add("Relu", {more.find("image")});
  const Graph grown = std::move(more).finish({{"out", y}});
  EXPECT_EQ(start.nodes().size(), 0U);
  EXPECT_EQ(start.value_count(), 1U);
  EXPECT_EQ(grown.nodes().size(), 1U);
  EXPECT_THAT(grown.use_counts(), ElementsAre(1, 1));
}

TEST(Graph, TakenNamesAreMadeUnique) {
  GraphBuilder g(operators());
  const Value x = g.input("x", kImage);
  const Value a = g.add("Relu", {x}, {}, "x");
  EXPECT_NE(g.info(a.id).name, "x");
  EXPECT_ERROR(g.input("x", kImage), ErrorCode::bad_input, HasSubstr("two values are named 'x'"));
}

TEST(Graph, UnknownOperatorsAreKeptAsData) {
  GraphBuilder g(operators());
  const Value x = g.input("x", kImage);
  const Value y = g.add("com.example::Strange", {x}, {}, "strange");
  const Value z = g.add("Relu", {y}, {}, "after");
  EXPECT_FALSE(z.type().shape.has_value());
  EXPECT_ERROR(z.shape(), ErrorCode::unsupported, HasSubstr("'after'"));
}

TEST(Graph, MisspelledNamesAreSuggested) {
  GraphBuilder g(operators());
  g.add("Relu", {g.input("image", kImage)}, {}, "fire9/concat");
  EXPECT_ERROR(g.find("fire9/conct"), ErrorCode::not_found, HasSubstr("fire9/concat"));
  const Graph graph = std::move(g).finish({});
  EXPECT_ERROR(graph.at("fire9/conct"), ErrorCode::not_found, HasSubstr("fire9/concat"));
  EXPECT_FALSE(graph.find("fire9/conct").has_value());
}

TEST(Graph, ValuesOfAnotherGraphAreRefused) {
  GraphBuilder a(operators()), b(operators());
  const Value x = a.input("x", kImage);
  EXPECT_ERROR(b.add("Relu", {x}), ErrorCode::internal, HasSubstr("another graph"));
}

TEST(Attrs, TypedAccessIsChecked) {
  const Attrs attrs{{"group", std::int64_t{2}}, {"alpha", 0.5}, {"pads", std::vector<std::int64_t>{1, 2}}};
  EXPECT_EQ(attrs.integer("group", 1), 2);
  EXPECT_EQ(attrs.integer("absent", 7), 7);
  EXPECT_EQ(attrs.real("alpha", 1.0), 0.5);
  EXPECT_THAT(attrs.integers("pads"), ElementsAre(1, 2));
  EXPECT_ERROR(attrs.integer("alpha", 1), ErrorCode::bad_input, HasSubstr("alpha"));
}

TEST(Tensor, SizesAreChecked) {
  EXPECT_ERROR(element_count(Dims{3, -1}), ErrorCode::bad_input, HasSubstr("[3, -1]"));
  EXPECT_ERROR(element_count(Dims{1LL << 40, 1LL << 40}), ErrorCode::limit, HasSubstr("too large"));
  EXPECT_ERROR(Tensor(DType::f32, {1LL << 61}), ErrorCode::limit, HasSubstr("too large"));
  const Tensor t = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_ERROR(t.reshaped({3}), ErrorCode::bad_input, HasSubstr("[3]"));
  EXPECT_ERROR(t.as<double>(), ErrorCode::internal, HasSubstr("float32"));
  EXPECT_THAT(t.converted(DType::i64).to_int64(), ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace limn
