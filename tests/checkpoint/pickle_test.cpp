// The stack machine, opcode by opcode.
#include "limn/checkpoint/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace limn {
namespace {

using Kind = PickleValue::Kind;
using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

bool only_a_b(std::string_view module, std::string_view name) { return module == "a" && name == "b"; }

/// Keeps the bytes that the values refer to.
struct Loaded {
  explicit Loaded(std::string program) : bytes(std::move(program)), pickle(read_pickle(span(), only_a_b)) {}
  std::span<const std::byte> span() const { return std::as_bytes(std::span(bytes)); }
  const PickleValue& root() const { return *pickle.root; }
  const PickleValue& item(std::size_t i) const { return *pickle.root->items.at(i); }
  std::string bytes;
  Pickle pickle;
};

TEST(Pickle, Numbers) {
  const Loaded l(
      "\x80\x02(K\x07M\x01\x02J\xfe\xff\xff\xff\x8a\x01\x80\x8a\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"
      "G\x3f\xf8\x00\x00\x00\x00\x00\x00\x88\x89Nt."s);
  ASSERT_THAT(l.root().items, SizeIs(10));
  EXPECT_EQ(l.item(0).integer, 7);
  EXPECT_EQ(l.item(1).integer, 513);
  EXPECT_EQ(l.item(2).integer, -2);
  EXPECT_EQ(l.item(3).integer, -128);
  EXPECT_EQ(l.item(4).integer, 0);
  EXPECT_TRUE(l.item(5).is(Kind::large));
  EXPECT_EQ(l.item(5).text.size(), 9U);
  EXPECT_EQ(l.item(6).real, 1.5);
  EXPECT_TRUE(l.item(7).is(Kind::boolean) && l.item(7).integer == 1);
  EXPECT_TRUE(l.item(8).is(Kind::boolean) && l.item(8).integer == 0);
  EXPECT_TRUE(l.item(9).is(Kind::none));
  EXPECT_EQ(l.pickle.size, l.bytes.size());
}

TEST(Pickle, TextOfEveryAge) {
  const Loaded l(
      "\x80\x04(X\x01\x00\x00\x00x\x8c\x01y\x8d\x01\x00\x00\x00\x00\x00\x00\x00zU\x01uT\x01\x00\x00\x00t"
      "C\x01"
      "cB\x01\x00\x00\x00"
      "b\x8e\x01\x00\x00\x00\x00\x00\x00\x00"
      "8l."s);
  std::string all;
  for (const PickleRef item : l.root().items) all += item->text;
  EXPECT_EQ(all, "xyzutcb8");
  EXPECT_TRUE(l.item(4).is(Kind::text));
  EXPECT_TRUE(l.item(5).is(Kind::bytes));
}

TEST(Pickle, ContainersGrow) {
  const Loaded l(
      "}q\x00(K\x01]K\x02"
      "a(K\x03K\x04"
      "eK\x05\x8f(K\x06\x90uK\x07)s."s);
  EXPECT_TRUE(l.root().is(Kind::dict));
  ASSERT_THAT(l.root().items, SizeIs(6));
  EXPECT_THAT(l.item(1).items, SizeIs(3));
  EXPECT_TRUE(l.item(3).is(Kind::set));
  EXPECT_THAT(l.item(3).items, SizeIs(1));
  EXPECT_TRUE(l.item(5).is(Kind::tuple));
}

TEST(Pickle, MemoGivesTheSameValue) {
  const Loaded l("\x80\x04]\x94h\x00h\x00\x86."s);
  EXPECT_EQ(&l.item(0), &l.item(1));
}

TEST(Pickle, AListMayContainItself) {
  const Loaded l(
      "]q\x00h\x00"
      "a."s);
  EXPECT_EQ(&l.item(0), &l.root());
}

TEST(Pickle, DepthDoesNotMatter) {
  const Loaded l(std::string(100'000, ']') + std::string(99'999, 'a') + ".");
  EXPECT_THAT(l.root().items, SizeIs(1));
}

TEST(Pickle, CallsAreKeptNotMade) {
  const Loaded l("ca\nb\nK\x01\x85R}b."s);
  EXPECT_TRUE(l.root().is(Kind::call));
  EXPECT_TRUE(l.item(0).is_global("a", "b"));
  const Loaded by_stack(
      "\x80\x04\x8c\x01"
      "a\x8c\x01"
      "b\x93)\x81."s);
  EXPECT_TRUE(by_stack.root().is(Kind::call));
}

TEST(Pickle, OrderedDictIsADict) {
  const Loaded empty("ccollections\nOrderedDict\n)RX\x01\x00\x00\x00kK\x01s}b."s);
  ASSERT_NE(empty.root().find("k"), nullptr);
  EXPECT_EQ(empty.root().find("k")->integer, 1);
  const Loaded of_pairs(
      "ccollections\nOrderedDict\n]](U\x01kK\x02"
      "ea\x85R."s);
  ASSERT_NE(of_pairs.root().find("k"), nullptr);
  EXPECT_EQ(of_pairs.root().find("k")->integer, 2);
  EXPECT_EQ(of_pairs.root().find("other"), nullptr);
}

TEST(Pickle, OtherGlobalsAreRefusedByName) {
  EXPECT_ERROR(Loaded("cos\nsystem\nX\x01\x00\x00\x00x\x85R."s), ErrorCode::unsupported, HasSubstr("'os.system'"));
  EXPECT_ERROR(Loaded("\x80\x04\x8c\x08"
                      "builtins\x8c\x04"
                      "eval\x93."s),
               ErrorCode::unsupported, AllOf(HasSubstr("'builtins.eval'"), HasSubstr("runs no code")));
  EXPECT_ERROR(Loaded("c\x1b[2J\nx\n."s), ErrorCode::unsupported, HasSubstr("'?[2J.x'"));
}

TEST(Pickle, OtherOpcodesAreRefused) {
  for (const char op : {'i', 'o', 'P', 'I', 'S', 'V', '\x82', '\x97', '\x7f'})
    EXPECT_ERROR(Loaded(std::string(1, op) + "x\nx\n."), ErrorCode::unsupported, HasSubstr("opcode 0x"));
}

TEST(Pickle, EveryPrefixIsRefused) {
  const std::string whole =
      Loaded("\x80\x02}q\x00(X\x01\x00\x00\x00k(K\x01K\x02tU\x01yca\nb\n)RU\x01x\x8a\x02\x01\x01u."s).bytes;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_ERROR(Loaded(whole.substr(0, size)), ErrorCode::bad_input, HasSubstr("damaged"));
}

TEST(Pickle, StacksThatRunDry) {
  for (const char* program : {".", "0.", "a.", "t.", "(.", "(0.", "R.", "b.",
                              "K\x01"
                              "a.",
                              "(K\x01"
                              "d.",
                              "2.", "q\x01.", "K\x01)R.", "h\x05.", "]K\x01K\x02s."})
    EXPECT_ERROR(Loaded(program), ErrorCode::bad_input, HasSubstr("damaged"));
}

TEST(Pickle, BombsEndAtABound) {
  EXPECT_ERROR(Loaded(std::string(5'000'000, ']')), ErrorCode::limit, HasSubstr("too many values"));
  EXPECT_ERROR(Loaded("]" + std::string(20'000'000, '2')), ErrorCode::limit, HasSubstr("too many values"));
  // A list of 2^19 pairs made into a dict again and again.
  std::string again =
      "]q\x01](K\x01K\x02"
      "eq\x02"
      "0(h\x02";
  for (int i = 0; i < 1000; ++i) again += "h\x02";
  again += "e0";
  for (int i = 0; i < 100'000; ++i) again += "ccollections\nOrderedDict\nh\x01\x85R0";
  EXPECT_ERROR(Loaded(again + "."), ErrorCode::limit, HasSubstr("too many values"));
}

}  // namespace
}  // namespace limn
