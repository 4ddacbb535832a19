#pragma once
// A run on disk: a folder with manifest.json (what was asked for, of what), rows.sqlite (what came of every image)
// and summary.json (what that comes to, written at the end).

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "limn/study/evaluation.h"

namespace limn {

inline constexpr std::string_view kSummaryFormat = "limn.summary/1";

/// Where the parts of a run came from, for its manifest.
struct RunSources {
  std::filesystem::path model;
  std::string dataset_kind, split;
  std::filesystem::path root;
  std::string commit;  ///< of the program; may be empty
  int threads = 1;
};

/// Makes the manifest of a run: all options, and SHA-256 hashes of the model's file and of the list of images.
Json make_manifest(const EvaluationPlan&, const EvaluationSubject&, const RunSources&);

/// Prepares the folder. A new run writes its manifest; one that is resumed must have the same, apart from the host
/// it runs on and the paths. Throws Error{bad_input} for a folder with another run, or with one when `resume` is
/// not asked for, naming what differs; Error{io}.
void begin_run(const std::filesystem::path& folder, const Json& manifest, bool resume);

/// Throws Error{not_found} for a folder without a run, Error{unsupported} for one of a newer format.
Json read_manifest(const std::filesystem::path& folder);

std::filesystem::path rows_path(const std::filesystem::path& folder);
std::filesystem::path maps_path(const std::filesystem::path& folder);
/// The file in maps/ with something of one image: "grad-cam.207", "logits".
std::string map_file(std::int64_t position, std::string_view what);

/// Throws Error{bad_input} for a run that is not finished, Error{unsupported} for a summary of a newer format.
Json read_summary(const std::filesystem::path& folder);

/// The summary of the rows: nothing in it depends on time, threads or paths.
Json summarise(const Json& manifest, RowStore&);
void write_summary(const std::filesystem::path& folder, const Json& summary);

/// Joins the shards of a run into a new folder. Throws Error{bad_input} when they do not belong together, or one is
/// missing or not finished.
Json merge_runs(const std::vector<std::filesystem::path>& shards, const std::filesystem::path& folder);

}  // namespace limn
