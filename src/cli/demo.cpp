// limn demo: a small network explained on scenes whose truth is known.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>

#include "batch_run.h"
#include "command_line.h"
#include "demo/page.h"
#include "demo/scenes.h"
#include "demo/score.h"
#include "limn/base/file.h"
#include "limn/overlay.h"
#include "limn/study/map_at_input.h"
#include "network.h"
#include "output.h"
#include "rendering.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

struct DemoFlags {
  std::string out = "limn-demo";
  SpeedFlags speed;
};

constexpr std::array<std::string_view, 4> kMethods{"grad-cam", "grad-cam++", "guided-backprop", "guided-grad-cam"};

/// Beside an installed program, or in the sources that this one was built from.
fs::path demo_folder() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path installed = program.parent_path().parent_path() / "share" / "limn" / "demo";
  for (const fs::path& folder : {installed, fs::path(LIMN_DEMO_IN_SOURCES)})
    if (fs::exists(folder / "demo.onnx", ignored)) return folder;
  throw Error(ErrorCode::not_found, "the demo's network is missing", installed.string(),
              "install limn as a whole, or run it from its source tree");
}

/// Index of the class with the garment's name.
std::size_t class_of(const Garment& garment, const ClassNames& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == garment.name) return i;
  throw Error(ErrorCode::bad_input, fmt::format("the demo's network has no class '{}'", garment.name));
}

class Demo {
 public:
  Demo(std::vector<Scene> scenes, const Network& network, Explainer& explainer)
      : network_(network), explainer_(explainer) {
    for (const std::string_view name : kMethods) rows_.push_back({std::string(name), {}, false});
    rows_.push_back({"centre box", {}, true});
    rows_.push_back({"random maps", {}, true});
    for (auto& scene : scenes) pending_.push_back(std::move(scene));
  }

  void compute(std::span<Task* const> tasks) {
    const std::size_t first = pages_.size();
    for (std::size_t n = 0; n < tasks.size(); ++n) pages_.push_back(page_scene(*tasks[n], n));
    for (std::size_t asked = 0; asked < 2; ++asked) {
      std::vector<Target> targets;
      for (std::size_t n = 0; n < tasks.size(); ++n)
        targets.push_back(
            {Target::Kind::logit, class_of(pages_[first + n].scene.garments[asked], network_.names), 0});
      explainer_.explain(targets);
      for (std::size_t n = 0; n < tasks.size(); ++n) take_maps(tasks[n]->item, n, asked, pages_[first + n]);
    }
  }

  const std::vector<PageScene>& pages() const { return pages_; }
  const std::vector<PageRow>& rows() const { return rows_; }

 private:
  PageScene page_scene(const Task& task, std::size_t n) {
    const auto own = std::ranges::find(pending_, fs::path(task.item.name), &Scene::picture);
    PageScene page{*own, task.item.picture, {}, false, {}};
    const auto best = top_predictions(explainer_.logits(static_cast<std::int64_t>(n)), network_.names, 2,
                                      network_.classifier.probability);
    page.prediction = fmt::format("the network says {} and {}", best[0].label, best[1].label);
    page.right = std::ranges::all_of(own->garments, [&](const Garment& garment) {
      return std::ranges::find(best, garment.name, &Prediction::label) != best.end();
    });
    return page;
  }

  void take_maps(const Item& item, std::size_t n, std::size_t asked, PageScene& page) {
    const Box& box = page.scene.garments[asked].box;
    const Box& other = page.scene.garments[1 - asked].box;
    for (std::size_t r = 0; r < kMethods.size(); ++r) {
      const RawMap raw = explainer_.map(r, static_cast<std::int64_t>(n));
      const RenderedMap map = render(raw, item.geometry, Upsampling::bilinear);
      const Finding finding = finding_of(map, item.geometry);
      rows_[r].tally.add(finding, box, other);
      page.maps.push_back(
          {std::string(kMethods[r]), asked,
           overlay(item.picture, for_display(map.heatmap, raw.kind), item.geometry, {.color_bar = false}),
           finding});
      if (r == 0) add_controls(item, raw.dims, box, other);
    }
  }

  void add_controls(const Item& item, const Dims& map, const Box& asked, const Box& other) {
    constexpr int kDraws = 100;
    rows_[kMethods.size()].tally.add(centre_finding(item.picture.width, item.picture.height), asked, other);
    for (int i = 0; i < kDraws; ++i)
      rows_[kMethods.size() + 1].tally.add(
          random_finding(random_, static_cast<int>(map[1]), static_cast<int>(map[0]), item.geometry), asked, other);
  }

  const Network& network_;
  Explainer& explainer_;
  std::vector<Scene> pending_;
  std::vector<PageScene> pages_;
  std::vector<PageRow> rows_;
  std::mt19937 random_{1};
};

std::vector<Source> sources_of(const std::vector<Scene>& scenes) {
  std::vector<Source> sources;
  for (const Scene& scene : scenes) {
    if (scene.garments.size() != 2)
      throw Error(ErrorCode::bad_input, "a scene of the demo has not two garments", scene.name);
    sources.push_back({scene.picture, false, scene.name});
  }
  return sources;
}

std::vector<MethodRequest> demo_requests(const Network& network) {
  std::vector<MethodRequest> requests;
  for (const std::string_view name : kMethods)
    requests.push_back({std::string(name), "", method(name).uses_layer ? network.layer_of_card() : "auto", false});
  return requests;
}

void check_all_done(ExitCode code) {
  if (code != kFine) throw Error(ErrorCode::bad_input, "the demo's pictures cannot be read");
}

int run_demo(const DemoFlags& flags) {
  const auto start = std::chrono::steady_clock::now();
  const fs::path folder = demo_folder();
  NetworkFlags network_flags;
  network_flags.model = (folder / "demo.onnx").string();
  const Network network = open_network(network_flags);
  auto scenes = read_scenes(folder / "scenes");
  const auto sources = sources_of(scenes);
  const auto batch = choose_batch(flags.speed.batch, declared_batch(network.classifier), sources.size());
  Explainer explainer(network.classifier, demo_requests(network), {batch, choose_threads(flags.speed.threads)});

  Demo demo(std::move(scenes), network, explainer);
  Progress progress(sources.size());
  InputReader reader(sources, network.preprocess, input_size(network.classifier), static_cast<std::size_t>(batch),
                     nullptr);
  const Stages stages{[&] { explainer.predict(); }, [&](std::span<Task* const> tasks) { demo.compute(tasks); },
                      [](Task&) {}};
  check_all_done(run_batches(reader, explainer, progress, stages, false));
  progress.hide();

  fs::create_directories(flags.out);
  const fs::path page_path = fs::path(flags.out) / "index.html";
  write_file_atomically(page_path, page(demo.pages(), demo.rows()));
  print("{} scenes with two garments each; both recognised in {}\n\n", demo.pages().size(),
        std::ranges::count_if(demo.pages(), &PageScene::right));
  print("{}\n", table_text(demo.rows()));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  print("{} explanations in {:.1f} s; look at them in a browser:\n  {}\n",
        demo.pages().size() * 2 * kMethods.size(), seconds, fs::absolute(page_path).lexically_normal().string());
  return kFine;
}

}  // namespace

void add_demo(CommandLine& line) {
  auto flags = std::make_shared<DemoFlags>();
  CLI::App* command = add_command(
      line, "demo",
      "Explain a small network on scenes whose truth is known, and write one web page with all of it.\n"
      "Every scene holds two garments; the table tells how often the heat lies on the one that was asked for.",
      {"limn demo", "limn demo --out /tmp/demo"});
  command->add_option("-o,--out", flags->out, "Folder for the page (default: limn-demo)")->type_name("DIR");
  add_speed_options(*command, flags->speed);
  command->callback([&line, flags] { line.action = [flags] { return run_demo(*flags); }; });
}

}  // namespace limn::cli
