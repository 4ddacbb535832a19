#include "limn/ops/diagnostics.h"

namespace limn {

std::string place_of(const Node& node) { return "node '" + node.name + "' (" + node.op + ")"; }

void refuse_parameter_gradients(const VjpContext& c, std::size_t first) {
  for (std::size_t i = first; i < c.wants.size(); ++i)
    if (c.wants[i])
      throw Error(
          ErrorCode::unsupported,
          "input " + std::to_string(i) + " is a parameter, but is itself computed from what is differentiated",
          place_of(c.node), "limn differentiates by data only: choose a layer after this node");
}

}  // namespace limn
