#pragma once
// Pictures of single cases: the best, the worst and typical ones of a method.

#include <filesystem>
#include <string>
#include <vector>

#include "limn/report/document.h"
#include "limn/report/run.h"

namespace limn {

/// Where the pictures of runs are.
struct PictureSource {
  std::filesystem::path root;  ///< of the dataset; empty: where the run read it
  std::vector<std::string> imagenet_classes;
};

struct Galleries {
  std::vector<Gallery> of_methods;  ///< none when a run kept no maps or its pictures are gone
  std::string remark;               ///< what is missing and why; empty when nothing is
};

/// A gallery for every method of the run.
Galleries make_galleries(const Run&, const std::string& id, const PictureSource&);

/// Which of so many cases, sorted from the best, are shown: the first, those in the middle and the last ones.
struct ChosenCases {
  std::vector<std::size_t> best, typical, worst;
};
ChosenCases choose_cases(std::size_t cases);

}  // namespace limn
