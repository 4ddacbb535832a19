// limn report: finished runs as one page, and as tables.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>

#include "class_names.h"
#include "command_line.h"
#include "failure.h"
#include "limn/base/file.h"
#include "limn/report/report.h"
#include "output.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

struct ReportFlags {
  std::vector<std::string> runs, formats{"html"};
  std::string out, root;
  std::optional<std::string> labels;
};

struct Format {
  std::string_view name, extension;
  std::string (*write)(const Document&);  ///< none for csv, which has a file a table
};
constexpr std::array<Format, 5> kFormats{{{"html", ".html", to_html},
                                          {"csv", ".csv", nullptr},
                                          {"json", ".json", to_json},
                                          {"latex", ".tex", to_latex},
                                          {"markdown", ".md", to_markdown}}};

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const Format& format : kFormats) names.emplace_back(format.name);
  return names;
}

std::vector<Format> read_formats(const std::vector<std::string>& names) {
  std::vector<Format> formats;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(kFormats, name, &Format::name);
    if (found == kFormats.end())
      throw UsageError(Error(ErrorCode::not_found, fmt::format("'{}' is not a format of reports", name), "--format",
                             fmt::format("the formats are {}", fmt::join(format_names(), ", "))));
    formats.push_back(*found);
  }
  return formats;
}

/// The path of the files without their extensions: --out names a folder, or a file with the extension of a format.
fs::path stem_of(const std::string& out) {
  const fs::path path(out);
  if (!fs::is_directory(path) &&
      std::ranges::find(kFormats, path.extension().string(), &Format::extension) != kFormats.end()) {
    return fs::path(path).replace_extension();
  }
  return path / "report";
}

/// From --labels, the card of the network if it is still there, or ImageNet's.
ClassNamer class_namer(const std::optional<std::string>& labels) {
  return [labels](const Json& manifest) {
    const Json& model = manifest.at("model");
    const fs::path path = model.value("path", "");
    const auto classes = model.value("classes", std::size_t{0});
    const ClassNames names = find_class_names(labels, find_card(path), card_path(path), classes);
    std::vector<std::string> all;
    for (std::size_t i = 0; i < names.size(); ++i) all.push_back(names.short_name(i));
    return all;
  };
}

void write(const fs::path& path, const std::string& text) {
  write_file_atomically(path, std::string_view(text));
  print("{}\n", path.string());
}

int report(const ReportFlags& flags) {
  const auto formats = read_formats(flags.formats);
  ReportOptions options;
  options.class_names = class_namer(flags.labels);
  options.pictures = {flags.root, imagenet_ids()};
  options.galleries = std::ranges::find(formats, "html", &Format::name) != formats.end();
  const Document document = make_report(std::vector<fs::path>(flags.runs.begin(), flags.runs.end()), options);
  const fs::path stem = stem_of(flags.out);
  std::error_code error;
  if (stem.has_parent_path()) fs::create_directories(stem.parent_path(), error);
  if (error)
    throw Error(ErrorCode::io, "cannot create the folder of the report", stem.parent_path().string(),
                "choose another --out");
  for (const Format& format : formats) {
    if (format.write != nullptr) {
      write(stem.string() + std::string(format.extension), format.write(document));
      continue;
    }
    for (const Table* table : tables_of(document))
      write(fmt::format("{}-{}{}", stem.string(), table->id, format.extension), to_csv(*table));
  }
  return kFine;
}

}  // namespace

void add_report(CommandLine& line) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* command = add_command(
      line, "report",
      "Write finished evaluations as one page that needs nothing but itself, and as tables.\n"
      "Runs of one experiment stand side by side. Pictures of single cases need runs with --save-maps.",
      {"limn report runs/boxes --out report.html", "limn report runs/correct runs/published --out report",
       "limn report runs/boxes runs/points --out report --format html,csv,latex"});
  command->add_option("RUN", flags->runs, "Folders of finished runs of limn evaluate")->required()->type_name("");
  command
      ->add_option(
          "-o,--out", flags->out,
          "Folder for report.html and the other formats, or the name of a file, which all of them take over")
      ->required()
      ->type_name("FOLDER|FILE");
  CLI::Option* option =
      command->add_option("-f,--format", flags->formats,
                          "html (default), csv (a file a table), json, latex, markdown; separated "
                          "by commas");
  line.completions[option->delimiter(',')->type_name("LIST")] = {format_names(), true};
  command->add_option("--root", flags->root, "Folder of the dataset, where it is no longer where the runs read it")
      ->type_name("DIR");
  command
      ->add_option("--labels", flags->labels,
                   "Class names, one a line (default: the model card's, else ImageNet's for 1000 classes)")
      ->type_name("FILE");
  command->callback([&line, flags] { line.action = [flags] { return report(*flags); }; });
}

}  // namespace limn::cli
