// limn compile --web, --with-preprocess and --with-overlay. The page itself is tested in a browser: tests/compile.
#include <gmock/gmock.h>

#include "harness.h"
#include "samples.h"

namespace limn::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class CompileWeb : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Ran compile(std::vector<std::string> more) const {
    more.insert(more.begin(), {"compile", studio_.model});
    return run_limn(more);
  }
  /// A folder with files that are named as those of onnxruntime-web.
  std::string runtime() const {
    std::filesystem::create_directory(folder_ / "dist");
    write_text(folder_ / "dist/ort.wasm.min.js", "var ort = import('ort-wasm-some.mjs');");
    write_text(folder_ / "dist/ort-wasm-some.mjs", "glue");
    write_text(folder_ / "dist/ort-wasm-some.wasm", std::string("\0asm", 4));
    write_text(folder_ / "dist/ort.webgpu.min.js", "import('ort-wasm-missing.mjs')");
    return path("dist");
  }

  ScratchFolder folder_;
  Studio studio_{folder_.path()};
};

TEST_F(CompileWeb, TheFolderHasAllThatABrowserLoads) {
  const Ran ran = compile({"--web", path("page"), "--runtime", runtime(), "--colormap", "viridis"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, path("page") + "/index.html\n");
  EXPECT_THAT(ran.err, IsEmpty());
  EXPECT_THAT(names_in(path("page")), ElementsAre("disk", "index.html", "model.onnx", "runtime"));
  // Of WebGPU's script a file is missing: it stays away.
  EXPECT_THAT(names_in(path("page/runtime")),
              ElementsAre("ort-wasm-some.mjs", "ort-wasm-some.wasm", "ort.wasm.min.js"));
  EXPECT_THAT(read_text(path("page/disk/runtime.js")),
              HasSubstr("limnFile(\"ort-wasm-some.wasm\", \"AGFzbQ==\");"));
  EXPECT_THAT(read_text(path("page/disk/model.js")), HasSubstr("limnFile(\"model.onnx\", \""));
  EXPECT_THAT(read_text(path("page/index.html")),
              AllOf(HasSubstr(R"("classes":["bright","dark"])"), HasSubstr(R"("input":[8,12])"),
                    HasSubstr(R"("webgpu":false)"), HasSubstr("connect-src 'self' blob: data:;"),
                    Not(HasSubstr("@SETTINGS@"))));
}

TEST_F(CompileWeb, WithoutARuntimeBothSayWhatIsMissing) {
  const Ran ran = compile({"--web", path("page")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("npm install --ignore-scripts onnxruntime-web"));
  EXPECT_THAT(names_in(path("page")), ElementsAre("index.html", "model.onnx"));
  EXPECT_THAT(read_text(path("page/index.html")), HasSubstr(R"("complete":false)"));
}

TEST_F(CompileWeb, AnAddressIsNamedInThePagesPolicy) {
  const Ran ran = compile({"--web", path("page"), "--runtime", "https://host.example/ort/1.30"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(read_text(path("page/index.html")),
              AllOf(HasSubstr("connect-src 'self' blob: data: https://host.example;"),
                    HasSubstr(R"("runtime":"https://host.example/ort/1.30/")")));
}

TEST_F(CompileWeb, NamesOfClassesAreNoMarkup) {
  write_text(path("names.txt"), "</script><script>alert(1)</script>\n<!-- & \"dark\"\n");
  ASSERT_EQ(compile({"--web", path("page"), "--labels", path("names.txt")}).code, 0);
  EXPECT_THAT(read_text(path("page/index.html")),
              AllOf(Not(HasSubstr("</script><script>alert")), Not(HasSubstr("<!-- &"))));
}

TEST_F(CompileWeb, WhatWouldDoNothingIsRefused) {
  const auto refuse = [&](std::vector<std::string> more, const auto& matcher) {
    const Ran ran = compile(std::move(more));
    EXPECT_NE(ran.code, 0);
    EXPECT_THAT(ran.err, matcher);
    EXPECT_FALSE(std::filesystem::exists(path("page")));
  };
  refuse({"--web", path("page"), "--target", "1"}, HasSubstr("--target would do nothing here"));
  refuse({"--web", path("page"), "-o", path("c.onnx")}, HasSubstr("--out would do nothing here"));
  refuse({"-o", path("c.onnx"), "--runtime", runtime()}, HasSubstr("--runtime would do nothing here"));
  refuse({"-o", path("c.onnx"), "--mean", "1"}, HasSubstr("--mean would do nothing here"));
  refuse({"-o", path("c.onnx"), "--colormap", "jet"}, HasSubstr("--colormap would do nothing here"));
  std::filesystem::create_directory(path("empty"));
  refuse({"--web", path("page"), "--runtime", path("empty")}, HasSubstr("there is no ort.wasm.min.js"));
}

TEST_F(CompileWeb, PicturesGoIntoFilesToo) {
  const Ran ran = compile({"--with-overlay", "--preset", "none", "--target", "top:2", "-o", path("c.onnx")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto told = run_limn({"inspect", path("c.onnx"), "--json"}).lines().at(0);
  EXPECT_EQ(told.at("inputs").at(0).at("type"), "uint8");
  EXPECT_EQ(told.at("outputs").back().at("name"), "overlay");
}

}  // namespace
}  // namespace limn::test
