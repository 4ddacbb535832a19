#pragma once
// Files of the source tree that the build puts into the program.

#include <string_view>

namespace limn::cli {

/// data/labels/imagenet.txt: lines "n01440764 tench, Tinca tinca" in the order of class indices.
extern const std::string_view kImagenetLabels;
/// src/cli/demo/page.css: the looks of the demo's page.
extern const std::string_view kPageStyle;
/// src/cli/web: the page of `limn compile --web`, @NAME@ where something is put in, and the parts that go there.
extern const std::string_view kWebPage, kWebStyle, kWebWorker, kWebNetwork, kWebHeat, kWebScript;

}  // namespace limn::cli
