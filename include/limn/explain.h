#pragma once
// Explanation methods as graphs, and the Explainer that runs them natively.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/averages.h"
#include "limn/graph.h"
#include "limn/patches.h"
#include "limn/runtime.h"
#include "limn/target.h"

namespace limn {

/// What a method's own (raw) output is.
enum class MapKind {
  cam,          ///< [N, 1, h, w] at the size of the target layer, after its relu where it has one; or of the image
  attribution,  ///< [N, C, H, W], signed, one number per input element
};

/// A row of the method table.
struct MethodInfo {
  std::string_view name;      ///< as on the command line: "grad-cam"
  std::string_view summary;   ///< one line
  std::string_view citation;  ///< authors, year, arXiv number
  MapKind kind;
  std::vector<std::string_view> variants;  ///< the first is the default
  bool uses_layer;                         ///< depends on a target layer
  bool class_discriminative;               ///< changes with the target class by its formula
  bool has_counterfactual;                 ///< offers the map of the negated gradient
  bool is_graph = true;                    ///< one graph computes it; otherwise many runs of the network
  /// Why the method cannot be compiled into an ONNX file; empty where it can.
  std::string_view not_compiled = {};
};

/// Every method, in the order of the documentation.
LIMN_API std::span<const MethodInfo> methods();
/// Throws Error{not_found} that suggests close names. `grad-cam-pp` means `grad-cam++`.
LIMN_API const MethodInfo& method(std::string_view name);

/// One explanation that is wanted of every image.
struct MethodRequest {
  std::string method = "grad-cam";
  std::string variant = {};     ///< empty: the method's default
  std::string layer = "auto";   ///< name of a value, or auto; read by methods that use a layer
  bool counterfactual = false;  ///< negated gradient: what speaks against the class (grad-cam)
  OcclusionPatch patch = {};    ///< read by occlusion
  IntegrationPath path = {};    ///< read by integrated-gradients
  GradientNoise noise = {};     ///< read by smooth-grad
};

/// An imported model seen as a classifier: where the image enters, where the class scores leave.
struct Classifier {
  Graph graph;
  std::string image;   ///< name of the image input [N, C, H, W]
  std::string output;  ///< the output that was asked for; empty: the first that looks like class scores
  std::string logits;  ///< name of the value of class scores before any softmax or sigmoid
  /// The operator that the model ends in where `logits` is what enters it: "Softmax", "Sigmoid"; empty otherwise.
  std::string final_activation;
  Probability probability = Probability::softmax;  ///< sigmoid for a model that ends in one
  std::string auto_layer;                          ///< the target layer that `auto` means; empty when there is none
  std::int64_t channels = 0, height = 0, width = 0;  ///< of the image; height and width are 224 where symbolic
  std::size_t classes = 0;
};

/// The model for images [N, C, H, W]: one that takes [N, H, W, C], with at most 4 channels, gets a Transpose behind
/// its input; any other is returned as it is. Throws Error{unsupported} when no input looks like images.
LIMN_API Graph channels_first(const Graph& model);
/// `output` names the output of class scores where a model has several; empty takes the first that looks like
/// [N, classes]. Throws Error{unsupported} when no input looks like images or no output like class scores,
/// Error{not_found} for an unknown output.
LIMN_API Classifier as_classifier(const Graph& model, const std::string& output = {});
/// The same for images of any size, where the model leaves height and width open: the graph keeps them symbolic.
LIMN_API Classifier as_open_classifier(const Graph& model, const std::string& output = {});
/// The same for an image of another size, where the model leaves height and width open. Throws Error{bad_input}
/// when it does not.
LIMN_API Classifier with_size(Classifier classifier, std::int64_t height, std::int64_t width);

/// The classifier as native runs want it: batch normalisations folded into convolutions, in float32, and layer
/// normalisations, GELUs and Swishes that an export wrote out as several nodes made one again. The logits and the
/// layers that the requests name stay as they are. Errors as explanation_graph().
LIMN_API Classifier with_joined_layers(Classifier classifier, std::span<const MethodRequest> requests);
/// The classifier for batches of that many images, in which a class token is selected before the last block of a
/// transformer rather than behind it: rows of the block that nobody reads are not computed, forward or backward. A
/// network that selects nothing is returned as it is. The logits and the layers that the requests name stay whole.
/// Errors as explanation_graph().
LIMN_API Classifier with_early_selections(Classifier classifier, std::span<const MethodRequest> requests,
                                          std::int64_t batch);

/// The model and its explanations as one graph: inputs as in the model plus `target` (shaped like the logits: the
/// cotangent of the logits, for a class score its one-hot vector); outputs `logits` and `map_0`, `map_1`, ... in
/// the order of the requests (for eigen-cam: the activation [N, K, h, w] that eigen_cam() turns into the map).
/// Methods that are no graph have no map here. With several `targets` of each image there are more inputs,
/// `target_1` and so on, and a map of each request for each of them: `map_0_1` is that of request 0 for `target_1`.
/// Throws Error{not_found} for an unknown layer, method or variant (with close names), Error{unsupported} for a
/// layer without spatial extent or a method the network cannot serve (guided rules without a rectifier, cam without
/// a global-pooling head).
LIMN_API Graph explanation_graph(const Classifier& classifier, std::span<const MethodRequest> requests,
                                 std::size_t targets = 1);

/// Eigen-CAM (Muhammad and Yeasin 2020, arXiv 2008.00299): the first principal component of the centred activations
/// [K, h, w] of one image, with the sign that makes the largest absolute value positive; before any relu, [h, w].
LIMN_API std::vector<float> eigen_cam(std::span<const float> activation, std::int64_t channels, std::int64_t height,
                                      std::int64_t width);

struct ExplainerOptions {
  std::int64_t batch = 1;
  int threads = 1;
  std::optional<Precision> precision = {};  ///< nothing: default_precision()
  std::size_t targets = 1;           ///< of each image that the caller has to explain, as far as that is known
  std::filesystem::path cache = {};  ///< see CompileOptions
};

/// Fast for CAMs at the layer that `auto` means and for class scores alone: what a rectifier near zero decides
/// otherwise moves neither. Exact as soon as a request is a gradient at the pixels, a CAM at a layer before that
/// one or an occlusion. Never bf16. Errors as explanation_graph().
LIMN_API Precision default_precision(const Classifier& classifier, std::span<const MethodRequest> requests);
/// "exact", "fast" or "bf16"; nothing for "auto", which leaves it to default_precision(). Throws Error{not_found},
/// and Error{unsupported} for "bf16" on a processor without it.
LIMN_API std::optional<Precision> parse_precision(std::string_view name);

/// One request's raw result for one image.
struct RawMap {
  MapKind kind;
  Dims dims;                    ///< cam: [h, w]; attribution: [C, H, W]
  std::span<const float> data;  ///< valid until the next explain()
  /// integrated-gradients: the sum of the map minus what it should sum to, the target at the image minus the target
  /// at the baseline (completeness, proposition 1 of the paper). The smaller, the nearer the steps come to the
  /// integral.
  std::optional<double> delta = {};
};

/// As StepObserver, with the program that the step is one of.
using ProgramObserver =
    std::function<void(const Program&, std::size_t step, StepClock::time_point begin, StepClock::time_point end)>;

/// Runs a set of methods on batches of images: one forward pass for all methods and all target classes. Not to be
/// shared between threads; copies of the model's weights are shared through the Program.
class LIMN_API Explainer {
 public:
  /// Without requests it only predicts. Errors as explanation_graph() and Program::compile().
  Explainer(const Classifier& classifier, std::vector<MethodRequest> requests,
            const ExplainerOptions& options = {});
  /// Another explainer on the same compiled program, for another thread.
  Explainer(const Explainer& other);
  Explainer(Explainer&&) noexcept;
  Explainer& operator=(Explainer&&) noexcept;
  ~Explainer();

  std::int64_t batch() const;
  /// Of an image, explained at once: `options.targets` (8 at most) where classes that go back through large dense
  /// layers together save reading their weights again, and 1 where each costs little.
  std::size_t targets_at_once() const;
  const Program& program() const;
  const std::vector<MethodRequest>& requests() const;  ///< with variants and layers filled in

  /// From now on tells `observer` of every step that runs, of program() and of the programs that methods have
  /// beside it; an empty one ends this. Copies are not observed.
  void observe(const ProgramObserver& observer);
  /// Preprocessed images [batch, C, H, W], to be written before predict(). Unused places may hold anything finite.
  std::span<float> images();
  /// The forward pass. Throws Error{bad_input} when images or logits are NaN or infinite.
  void predict();
  /// Class scores of image n of the last predict(), [classes].
  std::span<const float> logits(std::int64_t n) const;
  /// Explains targets_at_once() targets of each image of the last predict(), those of image 0 first; later images
  /// may be left out.
  void explain(std::span<const Target> targets);
  /// Result of request r for target t of image n. Throws Error{bad_input} naming method and layer when it is not
  /// finite.
  RawMap map(std::size_t r, std::int64_t n, std::size_t t = 0) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limn
