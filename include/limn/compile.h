#pragma once
// The model and its explanation as one standard ONNX file, for any runtime.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limn/explain.h"
#include "limn/model.h"
#include "limn/overlay.h"
#include "limn/preprocess.h"

namespace limn {

/// Which class the compiled file explains; every kind is a class score (the logit).
struct CompiledTarget {
  enum class Kind {
    argmax,          ///< of every image the class with the largest score; output `target` int64 [N] tells which
    input,           ///< the input `target`, int64 [N] (or [1] for all images): a class index; -1 (or any number
                     ///< that is no class) means argmax
    optional_input,  ///< the same with the default -1, for runtimes that let an input be left out
    class_index,     ///< always the class `number`
    top,             ///< the `number` classes with the largest scores; output `target` int64 [N, number]
  };
  Kind kind = Kind::argmax;
  std::size_t number = 0;
};

enum class HeatmapSize {
  input,  ///< [N, 1, H, W] like the image: CAMs grow bilinearly with half-pixel centres
  layer,  ///< CAMs as they are, [N, 1, h, w] at the layer's size; not for attributions
};

struct CompileModelOptions {
  MethodRequest request = {};
  CompiledTarget target = {};
  HeatmapSize size = HeatmapSize::input;
  bool normalize = false;      ///< every map brought to 0..1 by its own minimum and maximum; a constant one to 0
  bool raw = false;            ///< attributions: output `attribution` too, the signed numbers [N, C, H, W]
  std::int64_t opset = 0;      ///< 0: the model's own
  bool explain_nodes = false;  ///< names of new nodes tell which part of the model they belong to
  std::string output = {};     ///< of several outputs of the model, the one with the class scores
  bool scores = false;         ///< output `class_scores` too: what enters a last softmax or sigmoid, [N, classes]
  /// Pictures in place of the model's image: the input `image` (`picture` where the model has a value of that
  /// name), uint8 [N, height, width, 3] in RGB, of any size, upright, becomes what preprocess() makes of it.
  std::optional<Preprocess> preprocess = {};
  /// With a preprocessing, the output `overlay` too: what overlay() makes of the picture, without bar and box.
  bool overlay = false;
  Colormap colormap = Colormap::inferno;  ///< of the overlay
};

/// What was written.
struct CompiledModel {
  std::int64_t opset = 0;
  std::string variant, layer;  ///< as filled in
  std::string picture;         ///< name of the input of pictures, with a preprocessing
  std::size_t bytes_before = 0, bytes_after = 0;
  std::size_t nodes_before = 0, nodes_added = 0;
  bool external_data = false;  ///< whether weights lie in files beside it
  bool rewritten = false;  ///< written anew in another opset, rather than the model's own bytes with more behind
  std::vector<std::string> notes;  ///< for people: what is not as they may expect
};

/// Writes `model`, as import_onnx() read it from model.path, with outputs of its explanation to `out`, as one ONNX
/// file of standard operators:
/// - `heatmap`: float32 [N, 1, H, W], for top:K [N, K, H, W]. A CAM is what the method gives, after its relu;
///   of an attribution the largest absolute value over the channels. See HeatmapSize and `normalize`.
/// - `target`: the classes explained, for argmax int64 [N], for top:K int64 [N, K].
/// - `attribution`: where `raw` asks for it, float32 [N, C, H, W] ([N, K, C, H, W] for top:K).
/// - `overlay`: where it is asked for, uint8 [N, height, width, 3], for top:K [N, K, height, width, 3]: the picture
///   tinted by the heatmap, normalised, at the size of the input.
///
/// integrated-gradients and smooth-grad compute the network once more, for the points of all images as one batch of
/// N * steps (or samples); smooth-grad has the input `noise`, float32 [samples, C, H, W] of standard normal
/// numbers, such as standard_noise() draws.
///
/// Unless `opset` asks for another opset than the model's, or that is older than 13, the bytes of the model's
/// nodes, weights, inputs and outputs stand in the new file as they were, in their order; new nodes, which read the
/// model's values and weights by name, follow. With a preprocessing, its nodes come first, and the model's image,
/// no input any more, is what they make. Batch and image sizes stay as open as the model leaves them. Otherwise the
/// whole graph is written anew by export_onnx(). External data stays external; next to `out` it is copied where
/// that is another folder.
///
/// Throws as explanation_graph(); Error{unsupported} for a method that cannot be compiled (see not_compiled in
/// MethodInfo), for one of many points where the model's batch is not open, for an opset that lacks an operator
/// (naming one that has it), for an operator without derivative between layer and scores, and where a name that is
/// needed is taken in the model; Error{bad_input} for a class that the model does not have; Error{io, not_found}
/// when the file cannot be written.
LIMN_API CompiledModel compile_model(const Model& model, const std::filesystem::path& out,
                                     const CompileModelOptions& options = {});

}  // namespace limn
