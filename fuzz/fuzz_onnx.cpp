// Any bytes at the model door: a graph that can be looked at, or an Error; nothing else.

#include <cstddef>
#include <cstdint>
#include <span>

#include "limn/model.h"
#include "limn/passes/summary.h"
#include "limn/passes/target_layer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    // Shape inference runs while the graph is built.
    const limn::Model model =
        limn::import_onnx(std::as_bytes(std::span(data, size)), {}, {.allow_unsupported = true});
    limn::summarize(model.graph);
    const limn::Logits logits = limn::find_logits(model.graph);
    limn::auto_target_layer(model.graph, logits.value);
    limn::candidate_layers(model.graph, logits.value);
  } catch (const limn::Error& error) {
    // A bug of ours is no answer to bad bytes.
    if (error.code() == limn::ErrorCode::internal) __builtin_trap();
  }
  return 0;
}
