#include "limn/compile/picture.h"

#include <fmt/format.h>

#include "limn/compile/append.h"
#include "limn/compile/preprocess_nodes.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

void check_size(const Shape& made, const Shape& wanted) {
  for (std::size_t i = 1; i < 4; ++i)
    if (made[i].known() && wanted[i].known() && made[i] != wanted[i])
      throw Error(ErrorCode::bad_input,
                  fmt::format("the preprocessing makes images {}, but the network takes {}", to_string(made),
                              to_string(wanted)),
                  {}, "choose --resize and --crop that end at the network's input size");
}

}  // namespace

PictureInput picture_input(const Graph& model, ValueId image) {
  const char* name = model.find("image") ? "picture" : "image";
  return {name, {DType::u8, Shape{model.shape(image)[0], Dim("picture_height"), Dim("picture_width"), 3}}};
}

Graph preprocess_graph(const Graph& model, ValueId image, const Preprocess& options, bool channels_last) {
  const PictureInput input = picture_input(model, image);
  const Shape& wanted = model.shape(image);
  GraphBuilder g(operators());
  const Value picture = g.input(input.name, input.type);
  const Value x = append_preprocess(picture, picture_axes(picture, options), options, channels_last);
  check_size(x.shape(), wanted);
  const Graph nothing = GraphBuilder(operators()).finish({});
  return appended(nothing, std::move(g).finish({{model.value(image).name, x}}), "preprocess");
}

}  // namespace limn
