#pragma once
// A compiled model that takes pictures.

#include "limn/compile/picture_axes.h"

namespace limn {

/// Name and type, uint8 [N, height, width, 3], of the pictures that become `image`, a value of `model`: `image` is
/// their name, or `picture` where the model has such a value itself.
struct PictureInput {
  std::string name;
  Type type;
};
PictureInput picture_input(const Graph& model, ValueId image);

/// The graph with the input of pictures and one output, named and shaped like `image`, whose channels may be last. Throws Error{bad_input} when
/// the preprocessing makes images of another size, and as append_preprocess().
Graph preprocess_graph(const Graph& model, ValueId image, const Preprocess&, bool channels_last);

}  // namespace limn
