#pragma once

#include <cstdint>
#include <type_traits>

namespace limn {

template <class T, bool = std::is_integral_v<T>>
struct WrappingType {
  using type = T;
};
template <class T>
struct WrappingType<T, true> {
  using type = std::conditional_t<sizeof(T) <= sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;
};

/// The type to add and multiply numbers of type T in: integers wrap around instead of overflowing, which C++ leaves
/// undefined for signed ones.
template <class T>
using Wrapping = typename WrappingType<T>::type;

}  // namespace limn
