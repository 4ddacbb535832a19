// limn_bench_kernels [THREADS [SECONDS]]: the time of single operators as programs run them, on the sizes of a
// vision transformer (197 tokens of 768 features, 12 heads) and of an EfficientNet (96 channels of 112 x 112).

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "limn/autodiff.h"
#include "limn/ops/build.h"
#include "limn/ops/table.h"
#include "limn/runtime.h"

namespace {

using namespace limn;

struct Case {
  const char* name;
  Shape shape;
  std::function<Value(Value)> make;
  bool gradient = false;
};

const Shape kTokens{1, 197, 768}, kWide{1, 197, 3072}, kHeads{1, 12, 197, 197}, kImage{1, 96, 112, 112};

Value ones(Value x) {
  const Dims dims{x.shape().back().value};
  Tensor t(DType::f32, dims);
  std::ranges::fill(t.mutable_view().as<float>(), 1.0F);
  return x.in->constant(t);
}
Value layer_norm(Value x) { return emit("LayerNormalization", {x, ones(x), ones(x)}); }
/// As PyTorch exports it.
Value erf_gelu(Value x) {
  return x * (emit("Erf", {x / float_constant(*x.in, 1.4142135F)}) + 1.0F) * float_constant(*x.in, 0.5F);
}
auto op(const char* name) {
  return [name](Value x) { return emit(name, {x}); };
}

std::vector<Case> cases() {
  return {{"Sigmoid", kImage, op("Sigmoid")},
          {"SiLU", kImage, [](Value x) { return x * emit("Sigmoid", {x}); }},
          {"HardSwish", kImage, op("HardSwish")},
          {"Tanh", kImage, op("Tanh")},
          {"Exp", kImage, op("Exp")},
          {"Gelu", kWide, op("Gelu")},
          {"Gelu by Erf", kWide, erf_gelu},
          {"Gelu by Erf", kWide, erf_gelu, true},
          {"SiLU", kImage, [](Value x) { return x * emit("Sigmoid", {x}); }, true},
          {"bias of a row", kWide, [](Value x) { return x + ones(x); }},
          {"Softmax", kHeads, [](Value x) { return softmax(x, -1); }},
          {"Softmax", kHeads, [](Value x) { return softmax(x, -1); }, true},
          {"LayerNormalization", kTokens, layer_norm},
          {"LayerNormalization", kTokens, layer_norm, true}};
}

/// y, or the cotangent of x for that of y.
Program compile(const Case& c, int threads) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, c.shape});
  Value y = c.make(x);
  if (c.gradient) {
    const Value wrt[] = {x};
    y = pull_back(y, g.input("dy", y.type()), wrt).front();
  }
  CompileOptions options;
  options.threads = threads;
  return Program::compile(std::move(g).finish({{"y", y}}), options);
}

double milliseconds(const Program& program, double seconds) {
  using Clock = std::chrono::steady_clock;
  Session session(program);
  const auto refill = [&](unsigned state) {
    for (const std::string& name : program.inputs())
      for (float& v : session.input(name))
        v = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 4194304.0F - 2.0F;
  };
  refill(1);
  session.run();
  std::vector<double> times;
  for (const auto end = Clock::now() + std::chrono::duration<double>(seconds); Clock::now() < end;) {
    for (const std::string& name : program.inputs()) session.input(name);  // marks it as changed
    const auto start = Clock::now();
    session.run();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  return *std::ranges::min_element(times);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::stoi(argv[1]) : 1;
  const double seconds = argc > 2 ? std::stod(argv[2]) : 0.5;
  for (const Case& c : cases()) {
    const Program program = compile(c, threads);
    const double ms = milliseconds(program, seconds);
    const double elements = static_cast<double>(element_count(known_dims(c.shape)));
    fmt::print("{:20} {:9} {:18} {:8.3f} ms {:7.3f} ns per element  {}\n", c.name, c.gradient ? "gradient" : "",
               to_string(c.shape), ms, ms * 1e6 / elements, program.steps().back().kernel);
  }
}
