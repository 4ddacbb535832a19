// The spatial operators and their derivatives in double against PyTorch's functional operators. The samples are
// written to a folder, parity_spatial.py evaluates what PyTorch has, and the results are compared here.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "limn/base/file.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

namespace fs = std::filesystem;

/// A sample's outcome: y, and the cotangent of input 0 for the cotangent dy.
struct Case {
  Sample sample;
  Tensor dy, y, dx;
};

/// The node alone, differentiated by its own rule.
Case compute(Sample sample) {
  const Tensor y = run_sample(sample)[0];
  const Tensor dy = random_tensor(y.dims(), 50);
  GraphBuilder g(operators());
  std::vector<Value> in;
  for (const Tensor& t : sample.in) {
    if (in.empty())
      in.push_back(g.input("x", {t.dtype(), to_shape(t.dims())}));
    else
      in.push_back(t.present() ? g.constant(t) : Value{});
  }
  const std::vector<Value> out{g.add(sample.op, in, sample.attrs)}, dout{g.constant(dy)};
  std::vector<char> wants(in.size());
  wants[0] = 1;
  const Node& node = g.node(0);
  const Value dx = op_of(node).vjp({node, in, out, dout, wants})[0];
  const std::vector<ValueId> wanted{dx.id};
  const auto computed = evaluate(std::move(g).finish({{"dx", dx}}), {{"x", sample.in[0]}}, wanted);
  return {std::move(sample), dy, y, computed[0]};
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (Sample& s : spatial_samples())
    if (s.wrt == std::vector<std::size_t>{0} && s.outputs == 1 && !s.op.starts_with("limn::"))
      all.push_back(compute(std::move(s)));
  using Ints = std::vector<std::int64_t>;
  const Tensor tied(Tensor::of<float>({1, 1, 4, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 2, 0, 0, 2, 2, 0}));
  const Attrs overlapping{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};
  all.push_back(compute({"MaxPool", "ties", {tied}, overlapping, {0}}));
  all.push_back(compute({"GlobalMaxPool", "ties", {tied}, {}, {0}}));
  return all;
}

std::string words(const Attr& a) {
  if (const auto* v = std::get_if<std::int64_t>(&a)) return fmt::format("i {}", *v);
  if (const auto* v = std::get_if<double>(&a)) return fmt::format("f {:.17g}", static_cast<float>(*v));
  if (const auto* v = std::get_if<std::vector<std::int64_t>>(&a)) return fmt::format("l {}", fmt::join(*v, " "));
  return "s " + std::get<std::string>(a);
}

void write(const fs::path& path, const Tensor& t) {
  write_file_atomically(path, std::span(t.bytes(), t.byte_count()));
}

/// One line per case, attribute and tensor; the tensors beside it as raw numbers, floats in double.
void write_cases(const fs::path& folder, const std::vector<Case>& all) {
  std::string text;
  for (std::size_t k = 0; k < all.size(); ++k) {
    const Sample& s = all[k].sample;
    text += fmt::format("case {} {}\n", k, s.op);
    for (const auto& [name, value] : s.attrs.all()) text += fmt::format("attr {} {}\n", name, words(value));
    for (std::size_t i = 0; i < s.in.size(); ++i) {
      if (!s.in[i].present()) continue;
      const bool real = is_float(s.in[i].dtype());
      text += fmt::format("in {} {} {}\n", i, real ? "f8" : "i8", fmt::join(s.in[i].dims(), " "));
      write(folder / fmt::format("{}.in{}", k, i),
            real ? s.in[i].converted(DType::f64) : s.in[i].converted(DType::i64));
    }
    text += fmt::format("dy {}\n", fmt::join(all[k].dy.dims(), " "));
    write(folder / fmt::format("{}.dy", k), all[k].dy.converted(DType::f64));
  }
  write_file_atomically(folder / "cases", text);
}

Tensor read(const fs::path& path, const Dims& dims) {
  const std::vector<std::byte> bytes = read_file(path);
  Tensor t(DType::f64, dims);
  EXPECT_EQ(bytes.size(), t.byte_count()) << path;
  if (bytes.size() == t.byte_count()) std::ranges::copy(bytes, t.mutable_view().bytes);
  return t;
}

TEST(ParitySpatial, EqualsPyTorchInDouble) {
  std::string folder = (fs::temp_directory_path() / "limn-parity-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::vector<Case> all = cases();
  write_cases(folder, all);
  const std::string command =
      fmt::format("{} {}/tests/ops/parity_spatial.py {}", LIMN_PYTHON, LIMN_SOURCE_DIR, folder);
  const int status = std::system(command.c_str());
  if (status >= 0 && WEXITSTATUS(status) == 77) {
    fs::remove_all(folder);
    GTEST_SKIP() << LIMN_PYTHON << " has no PyTorch (package python3-torch)";
  }
  ASSERT_EQ(status, 0);
  int compared = 0;
  for (std::size_t k = 0; k < all.size(); ++k) {
    const fs::path y = fs::path(folder) / fmt::format("{}.y", k), dx = fs::path(folder) / fmt::format("{}.dx", k);
    if (!fs::exists(y)) continue;
    SCOPED_TRACE(all[k].sample.op + ": " + all[k].sample.label);
    EXPECT_LE(relative_difference(all[k].y, read(y, all[k].y.dims())), 1e-12);
    EXPECT_LE(relative_difference(all[k].dx, read(dx, all[k].dx.dims())), 1e-12);
    ++compared;
  }
  RecordProperty("compared", compared);
  EXPECT_GE(compared, 100);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace limn::testing
