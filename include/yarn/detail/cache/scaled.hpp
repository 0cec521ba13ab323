// SPDX-License-Identifier: MIT
// The loops of scaled_elements.hpp.
#ifndef YARN_DETAIL_CACHE_SCALED_HPP
#define YARN_DETAIL_CACHE_SCALED_HPP

#include "../simd/pack.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// The largest number of an element type of scaled_elements.hpp.
template <class T> YARN_ALWAYS_INLINE float largest_number_of() {
  if constexpr (std::is_same_v<T, std::int8_t>)
    return 127.0F;
  else
    return bit_cast<float>(element_traits<T>::largest);
}

/// The bounds on a scale. Its reciprocal is then a normal number, which has the full precision.
inline constexpr float least_scale = 0x1p-126F;
inline constexpr float largest_scale = 0x1p126F;

/// Whether x is within these bounds. Compares bits, because x may be NaN (see is_finite).
YARN_ALWAYS_INLINE bool is_scale(float x) {
  const auto bits = bit_cast<std::uint32_t>(x);
  return bits >= bit_cast<std::uint32_t>(least_scale) &&
         bits <= bit_cast<std::uint32_t>(largest_scale);
}

// ---- The largest magnitude of a head -----------------------------------------------------------

/// The largest lane of a pack of magnitudes.
template <class Arch> YARN_ALWAYS_INLINE float largest_lane(pack<float, Arch> x) {
  if constexpr (std::is_same_v<Arch, scalar_arch>) {
    return x.value;
  } else {
    using narrower = narrower_arch<Arch>;
    using part = pack<float, narrower>;
    float lanes[pack<float, Arch>::size];
    x.store_unaligned(lanes);
    part largest = part::load_unaligned(lanes);
    for (std::size_t i = part::size; i < pack<float, Arch>::size; i += part::size)
      largest = larger_magnitude(largest, part::load_unaligned(lanes + i));
    return largest_lane<narrower>(largest);
  }
}

/// The largest of `largest` and the magnitudes of n values. Ignores NaN. After the packs of Arch,
/// the rest is done in narrower packs.
template <class Arch>
YARN_ALWAYS_INLINE float largest_magnitude_of(const float* values, std::int64_t n, float largest) {
  using wide = pack<float, Arch>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  std::int64_t i = 0;
  if (n >= size) {
    wide found(largest);
    for (; i + size <= n; i += size)
      found = larger_magnitude(found, wide::load_unaligned(values + i));
    largest = largest_lane<Arch>(found);
  }
  if constexpr (!std::is_same_v<Arch, scalar_arch>)
    return largest_magnitude_of<narrower_arch<Arch>>(values + i, n - i, largest);
  else
    return largest;
}

/// The scale with which the largest magnitude of a head becomes the largest number of T. An
/// infinite magnitude counts as the largest float.
template <class T, class Arch>
YARN_ALWAYS_INLINE float scale_of_head(const float* values, std::int64_t n) {
  const auto found = bit_cast<std::uint32_t>(largest_magnitude_of<Arch>(values, n, 0.0F));
  const auto finite = bit_cast<float>(found < float_infinity ? found : float_infinity - 1);
  const float scale = finite / largest_number_of<T>();
  return scale > least_scale ? scale : least_scale;
}

// ---- Codes --------------------------------------------------------------------------------------

template <class T, class Arch>
YARN_ALWAYS_INLINE void encode_scaled(const float* values, std::int64_t n, float factor, T* codes) {
  using wide = pack<float, Arch>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  const wide factors(factor);
  std::int64_t i = 0;
  for (; i + size <= n; i += size) {
    const wide x = wide::load_unaligned(values + i) * factors;
    if constexpr (std::is_same_v<T, std::int8_t>)
      store_int8(x, codes + i);
    else
      store_elements(x, codes + i);
  }
  if constexpr (!std::is_same_v<Arch, scalar_arch>)
    encode_scaled<T, narrower_arch<Arch>>(values + i, n - i, factor, codes + i);
}

template <class T, class Arch>
YARN_ALWAYS_INLINE void decode_scaled(const T* codes, std::int64_t n, float scale, float* values) {
  using wide = pack<float, Arch>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  const wide scales(scale);
  std::int64_t i = 0;
  for (; i + size <= n; i += size) {
    if constexpr (std::is_same_v<T, std::int8_t>)
      (load_int8(codes + i, wide{}) * scales).store_unaligned(values + i);
    else
      (load_elements(codes + i, wide{}) * scales).store_unaligned(values + i);
  }
  if constexpr (!std::is_same_v<Arch, scalar_arch>)
    decode_scaled<T, narrower_arch<Arch>>(codes + i, n - i, scale, values + i);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
