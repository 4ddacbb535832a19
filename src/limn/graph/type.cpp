#include <algorithm>

#include "limn/graph.h"

namespace limn {

std::string to_string(const Shape& shape) {
  std::string s = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i) s += ", ";
    s += shape[i].known() ? std::to_string(shape[i].value) : shape[i].symbol.empty() ? "?" : shape[i].symbol;
  }
  return s + "]";
}

bool is_known(const Shape& shape) { return std::ranges::all_of(shape, &Dim::known); }

Dims known_dims(const Shape& shape) {
  Dims dims;
  for (const Dim& d : shape) {
    if (!d.known())
      throw Error(ErrorCode::internal, "the sizes " + to_string(shape) + " were used before they were all known");
    dims.push_back(d.value);
  }
  return dims;
}

Shape to_shape(std::span<const std::int64_t> dims) { return {dims.begin(), dims.end()}; }

std::string to_string(const Type& type) {
  return std::string(name_of(type.dtype)) + " " +
         (type.shape ? to_string(*type.shape) : std::string("of any shape"));
}

void Attrs::erase(std::string_view name) {
  if (const auto it = map_.find(name); it != map_.end()) map_.erase(it);
}

template <class T>
const T* Attrs::get(std::string_view name) const {
  const auto it = map_.find(name);
  if (it == map_.end()) return nullptr;
  const T* v = std::get_if<T>(&it->second);
  if (v == nullptr)
    throw Error(ErrorCode::bad_input, "the attribute '" + std::string(name) + "' has the wrong kind of value");
  return v;
}

std::int64_t Attrs::integer(std::string_view name, std::int64_t otherwise) const {
  const auto* v = get<std::int64_t>(name);
  return v ? *v : otherwise;
}
double Attrs::real(std::string_view name, double otherwise) const {
  const auto* v = get<double>(name);
  return v ? *v : otherwise;
}
std::string Attrs::text(std::string_view name, std::string otherwise) const {
  const auto* v = get<std::string>(name);
  return v ? *v : std::move(otherwise);
}
std::vector<std::int64_t> Attrs::integers(std::string_view name, std::vector<std::int64_t> otherwise) const {
  const auto* v = get<std::vector<std::int64_t>>(name);
  return v ? *v : std::move(otherwise);
}
std::vector<double> Attrs::reals(std::string_view name, std::vector<double> otherwise) const {
  const auto* v = get<std::vector<double>>(name);
  return v ? *v : std::move(otherwise);
}
const Tensor* Attrs::tensor(std::string_view name) const { return get<Tensor>(name); }

}  // namespace limn
