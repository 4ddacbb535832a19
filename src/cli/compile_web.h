#pragma once
// Pictures in and around compiled models: their preprocessing, and the page for the browser.

#include <string>

#include "limn/compile.h"
#include "network.h"

namespace limn::cli {

/// The preprocessing of the model's images, and what was assumed about it; see choose_preprocess().
PreprocessChoice preprocess_of(const NetworkFlags&, const Classifier&);

/// Compiles `model` with what a page needs into the folder, and writes the page beside it; tells notes. `options`
/// say how to explain. Throws UsageError, Error{unsupported} for networks that want several images at once,
/// Error{bad_input} when nothing tells the size of their images, and as compile_model() and write_web_folder().
void compile_web(const Model& model, CompileModelOptions options, const NetworkFlags& flags,
                 const std::string& folder, const std::string& runtime);

}  // namespace limn::cli
