#include "limn/datasets/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/datasets/xml.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(TextLines, AnyLineEndAndNoMark) {
  EXPECT_THAT(text_lines(std::string_view("\xEF\xBB\xBFone\r\n\n two \nthree")),
              ElementsAre("one", "two", "three"));
  EXPECT_THAT(words("  a\tb  c "), ElementsAre("a", "b", "c"));
}

TEST(ParseNumber, RefusesWhatIsNone) {
  EXPECT_EQ(parse_number(" 2.5 ", "x", "f"), 2.5);
  for (const char* bad : {"", "a", "1,5", "nan", "inf", "1 2"})
    EXPECT_ERROR(parse_number(bad, "xmin", "f.csv"), ErrorCode::bad_input,
                 AllOf(HasSubstr("xmin"), HasSubstr("f.csv")));
  EXPECT_EQ(parse_count("7", "n", "f"), 7);
  for (const char* bad : {"-1", "1.5", "99999999999"})
    EXPECT_ERROR(parse_count(bad, "n", "f"), ErrorCode::bad_input, HasSubstr("whole number"));
}

TEST(ParseCsv, QuotesAndEmptyFields) {
  const auto rows = parse_csv("a,\"b,\"\"c\"\"\",\r\n\n1,2\n");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_THAT(rows[0], ElementsAre("a", "b,\"c\"", ""));
  EXPECT_THAT(rows[1], ElementsAre("1", "2"));
}

TEST(Printable, EscapesWhatIsNotUtf8) {
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(printable("caf\xE9.jpg"), "caf\\xe9.jpg");
  EXPECT_EQ(printable("\xFF\xC3"), "\\xff\\xc3");
}

TEST(ParseXml, ElementsTextAndEntities) {
  const XmlElement root = parse_xml(
      "<?xml version='1.0'?>\n<!-- a box -->\n<a k='v'>\n <b> x &amp; y </b><c/><b>2<!-- --></b></a>\n", "a.xml");
  EXPECT_EQ(root.name, "a");
  ASSERT_EQ(root.children.size(), 3U);
  EXPECT_EQ(root.find("b")->text, "x & y");
  EXPECT_EQ(root.children[2].text, "2");
  EXPECT_EQ(root.find("d"), nullptr);
}

TEST(ParseXml, SaysWhereItIsBroken) {
  for (const char* bad : {"", "text", "<a>", "<a><b></a>", "<a", "<a></b>", "<>x</>", "<a><!-- </a>"})
    EXPECT_ERROR(parse_xml(bad, "bad.xml"), ErrorCode::bad_input, AllOf(HasSubstr("bad.xml"), HasSubstr("line 1")));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_ERROR(parse_xml(deep, "deep.xml"), ErrorCode::bad_input, HasSubstr("nested"));
}

}  // namespace
}  // namespace limn
