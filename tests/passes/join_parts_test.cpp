// The sum of padded parts that fill a value becomes their concatenation; other sums stay.
#include "limn/passes/join_parts.h"

#include <gmock/gmock.h>

#include "support/pass_test.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

class JoinParts : public test::PassTest {
 protected:
  Value part(const std::string& name, std::int64_t size) { return input(name, {Dim("N"), size, 3}); }
  /// The value [N, size, 3] with `front` zeros before it and `back` behind it.
  Value padded(Value x, std::int64_t front, std::int64_t back) {
    return emit("Pad", {x, sizes({0, front, 0, 0, back, 0})});
  }
  std::vector<std::string> after(std::vector<std::pair<std::string, Value>> outputs) {
    return operators_of(PassTest::after(join_parts, std::move(outputs)));
  }
};

TEST_F(JoinParts, InAnyOrder) {
  const Value a = padded(part("a", 2), 0, 5), b = padded(part("b", 1), 2, 4), c = padded(part("c", 4), 3, 0);
  EXPECT_THAT(after({{"y", c + a + b}}), ElementsAre("Concat"));
}

TEST_F(JoinParts, AsABalancedTree) {
  const Value a = padded(part("a", 1), 0, 3), b = padded(part("b", 1), 1, 2);
  const Value c = padded(part("c", 1), 2, 1), d = padded(part("d", 1), 3, 0);
  EXPECT_THAT(after({{"y", (a + b) + (c + d)}}), ElementsAre("Concat"));
}

TEST_F(JoinParts, NotWithAGap) {
  EXPECT_THAT(after({{"y", padded(part("a", 2), 0, 3) + padded(part("b", 2), 3, 0)}}), Not(Contains("Concat")));
}

TEST_F(JoinParts, NotWhereTheyOverlap) {
  EXPECT_THAT(after({{"y", padded(part("a", 3), 0, 2) + padded(part("b", 3), 2, 0)}}), Not(Contains("Concat")));
}

TEST_F(JoinParts, NotWithAnythingElse) {
  const Value a = padded(part("a", 2), 0, 2), b = padded(part("b", 2), 2, 0);
  EXPECT_THAT(after({{"y", (a + b) + part("c", 4)}}), ElementsAre("Concat", "Add"));
}

TEST_F(JoinParts, NotAlongTwoAxes) {
  const Value a = emit("Pad", {input("a", {2, 2, 3}), sizes({0, 0, 0, 0, 2, 3})});
  const Value b = emit("Pad", {input("b", {2, 2, 3}), sizes({0, 2, 3, 0, 0, 0})});
  EXPECT_THAT(after({{"y", a + b}}), Not(Contains("Concat")));
}

TEST_F(JoinParts, NotAPartThatIsReadElsewhere) {
  const Value a = padded(part("a", 2), 0, 2), b = padded(part("b", 2), 2, 0);
  EXPECT_THAT(after({{"y", a + b}, {"a alone", a}}), Not(Contains("Concat")));
}

TEST_F(JoinParts, NotBetweenOtherNumbersThanZero) {
  const Value a = emit("Pad", {part("a", 2), sizes({0, 0, 0, 0, 2, 0}), float_constant(g_, 1)});
  EXPECT_THAT(after({{"y", a + padded(part("b", 2), 2, 0)}}), Not(Contains("Concat")));
}

TEST_F(JoinParts, NotTheSameTwice) {
  const Value a = padded(part("a", 2), 0, 2);
  EXPECT_THAT(after({{"y", a + a}}), Not(Contains("Concat")));
}

}  // namespace
}  // namespace limn
