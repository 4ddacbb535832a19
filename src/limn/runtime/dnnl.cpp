#include "limn/runtime/dnnl.h"

#include "limn/base/memory.h"
#include "limn/runtime.h"
#include "limn/runtime/threads.h"

namespace limn {
namespace {

dnnl::memory::data_type data_type_of(const View& view) {
  if (view.bf16) return dnnl::memory::data_type::bf16;
  switch (view.dtype) {
    case DType::f32: return dnnl::memory::data_type::f32;
    case DType::u8: return dnnl::memory::data_type::u8;
    case DType::i32: return dnnl::memory::data_type::s32;
    default: throw Error(ErrorCode::internal, "oneDNN was given a tensor of " + std::string(name_of(view.dtype)));
  }
}

dnnl::memory::format_tag tag_of(Layout layout) {
  using tag = dnnl::memory::format_tag;
  if (layout == Layout::plain) return tag::nchw;
  if (layout == Layout::nhwc) return tag::nhwc;
  return channel_block() == 16 ? tag::nChw16c : tag::nChw8c;
}

constexpr unsigned kAvx512 = 0x27, kAvx512Bf16 = 0xe7;

/// Whether oneDNN may use every instruction set among `wanted`.
bool has(unsigned wanted) { return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted; }

/// A primitive with its arguments in the form that the C interface takes, made once.
struct BoundPrimitive {
  dnnl::primitive primitive;
  dnnl::stream stream;
  std::vector<dnnl::memory> memories;
  std::vector<dnnl_exec_arg_t> arguments;
  int per_run = 0;
  bool alone = false;

  void operator()() const {
    const ThreadScope threads(threads_of(alone));
    for (std::size_t i = 0; i < arguments.size(); i += static_cast<std::size_t>(per_run))
      dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream.get(), per_run, arguments.data() + i),
                              "a oneDNN primitive failed");
  }
};

}  // namespace

std::int64_t channel_block() {
  static const bool wide = has(kAvx512);
  return wide ? 16 : 8;
}

bool processor_has_amx() {
  static const bool multiplies = dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx512_core_amx;
  return multiplies;
}

bool processor_has_bf16() {
  static const bool multiplies = has(kAvx512Bf16);
  return multiplies;
}

dnnl::engine& dnnl_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::memory::desc dnnl_plain(const Dims& dims, bool bf16) {
  dnnl::memory::dims strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return dnnl::memory::desc(dims, dnnl_floats(bf16), strides);
}

dnnl::memory::desc dnnl_desc(const View& view, std::int64_t images) {
  Dims dims = view.dims;
  dims[0] = images;
  if (dims.size() != 4) return dnnl_plain(dims, view.bf16);
  return dnnl::memory::desc(dims, data_type_of(view), tag_of(view.layout));
}

dnnl::memory::desc dnnl_desc(const View& view) { return dnnl_desc(view, view.images()); }

void reorder_weights(const void* values, const dnnl::memory::desc& lies, const dnnl::memory::desc& want,
                     std::byte* bytes) {
  const dnnl::memory from(lies, dnnl_engine(), const_cast<void*>(values)), to(want, dnnl_engine(), bytes);
  const dnnl::reorder::primitive_desc reorder(from, to, user_scratch());
  // Not malloc's, which would keep memory as large as the weights for later.
  const auto scratch = limn::allocate(reorder.scratchpad_desc().get_size(),
                                      "not enough memory to rearrange the weights of the network");
  dnnl::stream stream(dnnl_engine());
  dnnl::reorder(reorder).execute(
      stream, {{DNNL_ARG_FROM, from},
               {DNNL_ARG_TO, to},
               {DNNL_ARG_SCRATCHPAD, dnnl::memory(reorder.scratchpad_desc(), dnnl_engine(), scratch.get())}});
  stream.wait();
}

dnnl::primitive_attr user_scratch() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

double operations_of(const_dnnl_primitive_desc_t primitive) {
  const dnnl_memory_desc_t* weights = dnnl_primitive_desc_query_md(primitive, dnnl_query_weights_md, 0);
  dnnl_primitive_kind_t kind = dnnl_undefined_primitive;
  dnnl_primitive_desc_query(primitive, dnnl_query_primitive_kind, 0, &kind);
  const bool matrices = kind == dnnl_matmul;
  if (weights == nullptr || (kind != dnnl_convolution && kind != dnnl_inner_product && !matrices)) return 0;
  const dnnl_memory_desc_t* result = dnnl_primitive_desc_query_md(primitive, dnnl_query_dst_md, 0);
  if (result == nullptr || result->ndims == 0)
    result = dnnl_primitive_desc_query_md(primitive, dnnl_query_diff_dst_md, 0);
  if (matrices) {
    const double sums = static_cast<double>(element_count(std::span(result->dims, result->ndims)));
    return 2 * sums * static_cast<double>(weights->dims[weights->ndims - 2]);
  }
  // Every weight meets every position of every image once.
  double products = static_cast<double>(element_count(std::span(weights->dims, weights->ndims)));
  for (int i = 0; i < result->ndims; ++i)
    if (i != 1) products *= static_cast<double>(result->dims[i]);
  return 2 * products;
}

Bind bind_primitive(dnnl::primitive primitive, std::vector<DnnlArgument> arguments, std::int64_t times,
                    bool alone) {
  return [=](const Memory& memory) -> Run {
    auto bound = std::make_shared<BoundPrimitive>();
    bound->alone = alone;
    bound->primitive = primitive;
    bound->stream = dnnl::stream(dnnl_engine());
    bound->per_run = static_cast<int>(arguments.size());
    for (std::int64_t image = 0; image < times; ++image)
      for (const DnnlArgument& a : arguments) {
        const std::int64_t bytes = a.per_image ? image * a.view.image_stride * a.view.element_bytes() : 0;
        bound->memories.emplace_back(a.desc, dnnl_engine(), memory.at<std::byte>(a.view) + bytes);
        bound->arguments.push_back({a.name, bound->memories.back().get()});
      }
    return [bound] { (*bound)(); };
  };
}

}  // namespace limn
