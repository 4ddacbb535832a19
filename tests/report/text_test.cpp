// Numbers as people read them, and characters that mean something in a format.

#include "limn/report/text.h"

#include <gtest/gtest.h>

namespace limn {
namespace {

TableCell with_interval(double value, double low, double high) { return {{}, value, Interval{low, high}}; }

TEST(ReportText, NumbersAreShownByTheirUnit) {
  EXPECT_EQ(number_text(0.5925, Unit::percent), "59.2");
  EXPECT_EQ(number_text(0.0716, Unit::points), "+7.2");
  EXPECT_EQ(number_text(-0.0716, Unit::points), "-7.2");
  EXPECT_EQ(number_text(-0.0001, Unit::points), "0.0");
  EXPECT_EQ(number_text(0.5571, Unit::fraction), "0.557");
  EXPECT_EQ(number_text(49986, Unit::count), "49,986");
  EXPECT_EQ(number_text(-1234567, Unit::count), "-1,234,567");
  EXPECT_EQ(number_text(999, Unit::count), "999");
  EXPECT_EQ(number_text(0.0027, Unit::p_value), "0.0027");
  EXPECT_EQ(number_text(1.7e-36, Unit::p_value), "< 0.0001");
  EXPECT_EQ(number_text(1.0, Unit::p_value), "1");
}

TEST(ReportText, CellsShowTheirIntervals) {
  EXPECT_EQ(cell_text(with_interval(.592, .53, .651), Unit::percent), "59.2 (53.0-65.1)");
  EXPECT_EQ(cell_text(with_interval(.01, -.013, .031), Unit::fraction), "0.010 (-0.013 to 0.031)");
  EXPECT_EQ(cell_text(with_interval(.15, .01, .28), Unit::change), "+0.150 (+0.010 to +0.280)");
  EXPECT_EQ(cell_text({}, Unit::percent), "-");
  EXPECT_EQ(cell_text({"grad-cam"}, Unit::text), "grad-cam");
  EXPECT_EQ(typeset(with_interval(.592, .53, .651), Unit::percent), "59.2\u00a0% (53.0\u201365.1)");
  EXPECT_EQ(typeset(with_interval(-.01, -.013, .031), Unit::fraction), "\u22120.010 (\u22120.013 to 0.031)");
  EXPECT_EQ(typeset(TableCell{}, Unit::percent), "\u2013");
}

TEST(ReportText, BytesThatAreNoTextAreTold) {
  EXPECT_EQ(clean("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(clean("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(clean(std::string_view("a\nb\0c\x7f", 6)), "a b c ");
}

TEST(ReportText, Html) {
  EXPECT_EQ(html_escaped("<b a='x'>\"&\"</b>"), "&lt;b a=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/b&gt;");
  EXPECT_EQ(html_escaped("\xff<"), "\\xff&lt;");
}

TEST(ReportText, Csv) {
  EXPECT_EQ(csv_field("plain text"), "plain text");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "two lines");
  EXPECT_EQ(csv_field(" edges "), "\" edges \"");
}

TEST(ReportText, Latex) {
  EXPECT_EQ(latex_escaped("50 % of {a_b} & $c$ #1 ~ ^ \\"),
            "50 \\% of \\{a\\_b\\} \\& \\$c\\$ \\#1 \\textasciitilde{} \\textasciicircum{} \\textbackslash{}");
  EXPECT_EQ(latex_escaped("[2em] *"), "{[}2em] {*}");
  EXPECT_EQ(latex_escaped("<|>"), "\\textless{}\\textbar{}\\textgreater{}");
}

TEST(ReportText, Markdown) {
  EXPECT_EQ(markdown_escaped("a|b *c* _d_ `e` <f> [g](h) \\ &amp;"),
            "a\\|b \\*c\\* \\_d\\_ \\`e\\` &lt;f&gt; \\[g\\](h) \\\\ &amp;amp;");
}

TEST(ReportText, Base64) {
  const auto encode = [](std::string_view text) {
    return base64(std::as_bytes(std::span(text.data(), text.size())));
  };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
}

TEST(ReportText, TitlesBecomeSentences) {
  EXPECT_EQ(sentences("known class", "The box succeeds"), "Known class. The box succeeds.");
  EXPECT_EQ(sentences("strength", ""), "Strength.");
}

TEST(ReportText, SlugsAreSafeNames) {
  EXPECT_EQ(slug("Grad-CAM++ @ conv/4"), "grad-cam-conv-4");
  EXPECT_EQ(slug("../../etc"), "etc");
  EXPECT_EQ(slug("\xff\xfe"), "");
}

}  // namespace
}  // namespace limn
