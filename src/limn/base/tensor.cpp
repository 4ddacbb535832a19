#include "limn/tensor.h"

#include <array>
#include <utility>

#include "limn/base/file_part.h"
#include "limn/base/memory.h"

namespace limn {
namespace {

struct TypeRow {
  std::size_t size;
  std::string_view name;
};
// In the order of the enumeration.
constexpr std::array<TypeRow, 12> kTypes{{{0, "undefined"},
                                          {4, "float32"},
                                          {8, "float64"},
                                          {1, "int8"},
                                          {2, "int16"},
                                          {4, "int32"},
                                          {8, "int64"},
                                          {1, "uint8"},
                                          {2, "uint16"},
                                          {4, "uint32"},
                                          {8, "uint64"},
                                          {1, "bool"}}};

}  // namespace

std::size_t size_of(DType t) { return kTypes[static_cast<std::size_t>(t)].size; }
std::string_view name_of(DType t) { return kTypes[static_cast<std::size_t>(t)].name; }

std::int64_t element_count(std::span<const std::int64_t> dims) {
  std::int64_t n = 1;
  for (std::int64_t d : dims) {
    if (d < 0) throw Error(ErrorCode::bad_input, "a tensor cannot have the sizes " + to_string(dims));
    if (__builtin_mul_overflow(n, d, &n))
      throw Error(ErrorCode::limit, "a tensor of the sizes " + to_string(dims) + " is too large to count");
  }
  return n;
}

std::string to_string(std::span<const std::int64_t> dims) {
  std::string s = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) s += (i ? ", " : "") + std::to_string(dims[i]);
  return s + "]";
}

Tensor::Tensor(DType dtype, Dims dims) : dtype_(dtype), dims_(std::move(dims)) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(count(), static_cast<std::int64_t>(size_of(dtype)), &bytes))
    throw Error(ErrorCode::limit, "a tensor of the sizes " + to_string(dims_) + " is too large");
  const auto memory = allocate(static_cast<std::size_t>(bytes));
  if (memory == nullptr)
    throw Error(ErrorCode::limit, "there is no memory for a tensor of the sizes " + to_string(dims_));
  owner_ = memory;
  bytes_ = memory.get();
}

Tensor::Tensor(DType dtype, Dims dims, std::shared_ptr<const void> owner, const std::byte* bytes)
    : dtype_(dtype), dims_(std::move(dims)), owner_(std::move(owner)), bytes_(bytes) {}

Tensor::Tensor(DType dtype, Dims dims, std::shared_ptr<const FilePart> file)
    : dtype_(dtype), dims_(std::move(dims)), file_(std::move(file)) {}

const std::byte* Tensor::kept() const { return file_->keep(); }

const std::byte* Tensor::bytes(Lender& lender) const { return file_ == nullptr ? bytes_ : lender.lend(*file_); }

MutableTensorView Tensor::mutable_view() {
  // The storage came from aligned_alloc in the constructor that this function is documented for.
  return {dtype_, dims_, const_cast<std::byte*>(bytes_)};
}

Tensor Tensor::reshaped(Dims dims) const {
  if (element_count(dims) != count())
    throw Error(ErrorCode::bad_input,
                "a tensor of the sizes " + to_string(dims_) + " cannot be laid out as " + to_string(dims));
  Tensor out = *this;
  out.dims_ = std::move(dims);
  return out;
}

Tensor Tensor::converted(DType to) const {
  Tensor out(to, dims_);
  dispatch(dtype_, [&]<class From>() {
    dispatch(to, [&]<class To>() {
      const auto in = as<From>();
      const auto o = out.mutable_view().as<To>();
      for (std::size_t i = 0; i < in.size(); ++i) {
        if constexpr (std::is_same_v<To, bool>)
          o[i] = in[i] != From{};
        else
          o[i] = static_cast<To>(in[i]);
      }
    });
  });
  return out;
}

std::vector<std::int64_t> Tensor::to_int64() const {
  if (is_float(dtype_) || !present())
    throw Error(ErrorCode::bad_input,
                "integers were expected, found a " + std::string(name_of(dtype_)) + " tensor");
  const Tensor t = dtype_ == DType::i64 ? *this : converted(DType::i64);
  const auto s = t.as<std::int64_t>();
  return {s.begin(), s.end()};
}

void Tensor::check_count(std::size_t n) const {
  if (static_cast<std::int64_t>(n) != count())
    throw Error(ErrorCode::internal,
                std::to_string(n) + " values were given for a tensor of the sizes " + to_string(dims_));
}

}  // namespace limn
