#pragma once
// The folder of `limn compile --web`: a page that runs a compiled model in the browser.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "limn/overlay.h"
#include "limn/preprocess.h"
#include "limn/target.h"

namespace limn::cli {

/// What the page says and has to know. The compiled model takes pictures, the class as an input, and has heatmaps
/// at its input's size between 0 and 1.
struct WebPage {
  std::string title;
  std::string facts;                 ///< how the heatmaps are made, one line
  std::string command;               ///< that writes the folder, for whoever has to write it again
  std::string picture;               ///< name of the input of pictures
  std::vector<std::string> classes;  ///< names; empty when unknown
  std::size_t count = 0;             ///< of classes
  Probability probability = Probability::softmax;
  Preprocess preprocess;
  InputSize input;
  Colormap colormap = Colormap::inferno;
};

/// Where onnxruntime-web comes from: a folder with its files, an address that begins with http, or nowhere (empty).
/// Throws Error{not_found} when a folder has not the files.
struct WebRuntime {
  explicit WebRuntime(const std::string& from);

  std::string address;           ///< of what is not copied; ends in a slash
  std::filesystem::path folder;  ///< of what is copied
  bool given() const { return !address.empty() || !folder.empty(); }
};

/// The model in the folder of the page.
std::filesystem::path web_model(const std::filesystem::path& folder);

/// Writes the page, onnxruntime-web's files, and copies of all that a browser loads which work without a server,
/// beside web_model(folder), which is there already. Answers notes for people. Throws Error{io, bad_input}.
std::vector<std::string> write_web_folder(const std::filesystem::path& folder, const WebPage&, const WebRuntime&);

}  // namespace limn::cli
