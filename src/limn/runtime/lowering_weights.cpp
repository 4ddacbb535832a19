// Lowering: constants, and weights in the forms that primitives want.

#include <algorithm>
#include <cstring>
#include <utility>

#include "limn/base/memory.h"
#include "limn/ops/diagnostics.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

constexpr const char* kNoMemory = "not enough memory for the weights of the network";

/// Tells forms of weights apart.
std::string name_of(const dnnl::memory::desc& form) {
  return {reinterpret_cast<const char*>(&form.data), sizeof(form.data)};
}

WeightCache::Entry checked_form(std::span<const float> weights, const dnnl::memory::desc& lies,
                                const dnnl::memory::desc& want, const WeightChange& change,
                                const WeightCheck& check) {
  const auto changed = change.apply ? change.apply(weights) : std::vector<float>();
  const std::span<const float> values = change.apply ? std::span(changed) : weights;
  WeightCache::Entry form{limn::allocate(want.get_size(), kNoMemory), want.get_size()};
  reorder_weights(values.data(), lies, want, form.bytes.get());
  return check.passes(values, form.bytes.get()) ? form : WeightCache::Entry();
}

}  // namespace

View Lowering::constant_view(const Tensor& t) {
  const auto it = constants_.find(t.identity());
  View v = whole(0, Layout::plain, t.dtype(), t.dims());
  if (it != constants_.end() && it->second.extent() == v.extent()) {
    v.buffer = it->second.buffer;
    return v;
  }
  v.buffer = new_buffer(t.byte_count());
  plan_.buffers[v.buffer].constant = t.bytes();
  plan_.owners.push_back(std::make_shared<Tensor>(t));
  constants_.insert_or_assign(t.identity(), v);
  return v;
}

View Lowering::own_constant(std::vector<float> values, Dims dims) {
  View v = whole(0, Layout::plain, DType::f32, std::move(dims));
  const std::size_t size = values.size() * sizeof(float);
  std::byte* const bytes = weight_memory(size);
  std::memcpy(bytes, values.data(), size);
  v.buffer = bytes_view(bytes, size).buffer;
  return v;
}

View Lowering::bytes_view(const std::byte* bytes, std::size_t size) {
  const View v = whole(new_buffer(size), Layout::plain, DType::u8, {static_cast<std::int64_t>(size)});
  plan_.buffers[v.buffer].constant = bytes;
  return v;
}

/// Many weights share a piece of whole huge pages; what of it is not written to costs no memory.
std::byte* Lowering::weight_memory(std::size_t bytes) {
  constexpr std::size_t kPiece = std::size_t{64} << 20, kLine = 64;
  const std::size_t needed = (bytes + kLine - 1) / kLine * kLine;
  plan_.weight_bytes += bytes;
  if (needed > piece_left_) {
    auto piece = limn::allocate(std::max(needed, kPiece), kNoMemory);
    plan_.owners.push_back(piece);
    if (needed >= kPiece) return piece.get();
    piece_ = piece.get();
    piece_left_ = kPiece;
  }
  piece_left_ -= needed;
  return std::exchange(piece_, piece_ + needed);
}

std::span<const float> Lowering::look(const Tensor& t) {
  if (t.identity() != looked_at_.identity()) {
    seen_ = t.bytes(lender_);
    looked_at_ = t;
  }
  return {reinterpret_cast<const float*>(seen_), static_cast<std::size_t>(t.count())};
}

void Lowering::end_look() {
  looked_at_ = Tensor();
  lender_.take_back();
}

void Lowering::check_numbers(ValueId id, bool keep) {
  const Tensor& t = *constant(id);
  if (t.dtype() != DType::f32 || !checked_.insert(t.identity()).second) return;
  if (!has_nan(keep ? t.as<float>() : look(t))) return;
  throw Error(ErrorCode::bad_input, "the weights '" + graph_.value(id).name + "' contain NaN",
              readers_[index(id)].empty() ? std::string() : place_of(node(readers_[index(id)].front())),
              "export the network again from a checkpoint that trained without NaN");
}

View Lowering::weights(ValueId id, const Dims& dims, const dnnl::memory::desc& want) {
  return reordered(id, dnnl_plain(dims), want);
}

View Lowering::matrix(ValueId id, std::int64_t rows, std::int64_t columns, bool row_major,
                      const dnnl::memory::desc& want) {
  using tag = dnnl::memory::format_tag;
  return reordered(id, {{rows, columns}, dnnl::memory::data_type::f32, row_major ? tag::ab : tag::ba}, want);
}

View Lowering::reordered(ValueId id, const dnnl::memory::desc& lies, const dnnl::memory::desc& want,
                         const WeightChange& change) {
  const Tensor& t = *constant(id);
  const bool as_it_is = !change.apply && want == lies;
  check_numbers(id, as_it_is);
  if (as_it_is) return constant_view(t);
  const auto [it, fresh] = weight_forms_.try_emplace({t.identity(), change.name + name_of(lies) + name_of(want)});
  if (!fresh) return it->second;
  const auto changed = change.apply ? change.apply(look(t)) : std::vector<float>();
  std::byte* const bytes = weight_memory(want.get_size());
  reorder_weights(change.apply ? changed.data() : look(t).data(), lies, want, bytes);
  return it->second = bytes_view(bytes, want.get_size());
}

std::optional<View> Lowering::weights_that_suit(ValueId id, const dnnl::memory::desc& lies,
                                                const dnnl::memory::desc& want, const WeightChange& change,
                                                const WeightCheck& check) {
  check_numbers(id, false);
  const Tensor& t = *constant(id);
  const std::string form_name = change.name + name_of(lies) + name_of(want);
  const auto [known, fresh] = suiting_.try_emplace({t.identity(), form_name + check.name});
  if (!fresh) return known->second;
  const std::string cached = cache_.key(look(t), form_name + check.name);
  auto form = cache_.find(cached);
  if (!form || (form->bytes != nullptr && form->size != want.get_size())) {
    form = checked_form(look(t), lies, want, change, check);
    cache_.keep(cached, {form->bytes.get(), form->size});
  }
  if (form->bytes == nullptr) return std::nullopt;
  // Another check may have passed the same form.
  const auto [it, first] = weight_forms_.try_emplace({t.identity(), form_name});
  if (first) {
    plan_.weight_bytes += form->size;
    plan_.owners.push_back(form->bytes);
    it->second = bytes_view(form->bytes.get(), form->size);
  }
  return known->second = it->second;
}

}  // namespace limn
