#pragma once
// The only header that includes oneDNN (2.x, the API of Debian 12).

#include <dnnl.hpp>
#include <string>
#include <vector>

#include "limn/runtime/plan.h"

namespace limn {

dnnl::engine& dnnl_engine();

/// What oneDNN calls the layout of that view; with `images` = 1 that of one of its images.
dnnl::memory::desc dnnl_desc(const View& view, std::int64_t images);
dnnl::memory::desc dnnl_desc(const View& view);
/// Row-major float32, or bfloat16.
dnnl::memory::desc dnnl_plain(const Dims& dims, bool bf16 = false);
/// The type of an operand of convolutions and products.
inline dnnl::memory::data_type dnnl_floats(bool bf16) {
  return bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

/// Whether the processor multiplies tiles of bfloat16 (AMX), as oneDNN does for values that lie as nhwc: several
/// times as fast as its other kernels for bfloat16, which are slower than those for float on such processors.
bool processor_has_amx();

/// Reference implementations of oneDNN are hundreds of times slower than the others, silently.
inline bool is_slow(const char* implementation) { return std::string(implementation).starts_with("ref"); }

/// Attributes of a primitive whose scratch memory is the session's.
dnnl::primitive_attr user_scratch();

/// Weights in another form.
void reorder_weights(const void* values, const dnnl::memory::desc& lies, const dnnl::memory::desc& want,
                     std::byte* bytes);

/// Multiplications and additions of one call of a convolution, an inner product or a product of matrices; 0 for
/// other primitives.
double operations_of(const_dnnl_primitive_desc_t primitive);

/// One argument of a primitive.
struct DnnlArgument {
  int name;
  dnnl::memory::desc desc;
  View view;
  bool per_image = false;  ///< whether a primitive that runs once per image moves on to the next image
};
/// A tensor of `images` images at a time.
inline DnnlArgument data_argument(int name, const View& view, std::int64_t images) {
  return {name, dnnl_desc(view, images), view, true};
}

/// Binds a primitive to the memory of a session, to run `times` times, each on the next image; with `alone` by one
/// thread.
Bind bind_primitive(dnnl::primitive primitive, std::vector<DnnlArgument> arguments, std::int64_t times,
                    bool alone = false);

}  // namespace limn
