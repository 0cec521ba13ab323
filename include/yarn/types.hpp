// SPDX-License-Identifier: MIT
// The words of the library: pairing, shape, slice, element formats. Plain data.
#ifndef YARN_TYPES_HPP
#define YARN_TYPES_HPP

#include "detail/base/bits.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace Eigen {
struct half;     // registered below by name only: Eigen is not included
struct bfloat16; // (its class keyword is struct from 3.4 to 5)
} // namespace Eigen

namespace yarn {
inline namespace v0 {

/// Which two elements of a head form pair i. There is no default: models differ, and confusing the
/// two gives fluent nonsense. With rotary_dim 8, pairs a, b, c, d:
///
///     half_split   [a b c d a b c d]   (i, i + rotary_dim/2): GPT-NeoX, Llama in Hugging Face
///     interleaved  [a a b b c c d d]   (2i, 2i + 1): GPT-J, RoFormer, Llama as Meta and GGUF store
///     it
enum class pairing { half_split, interleaved };

/// Part `index` of `count` nearly equal runs of tokens, for callers that spread one call over their
/// threads. Every slice writes other tokens, and together they do what one call does, bit for bit.
struct slice {
  std::int64_t index = 0;
  std::int64_t count = 1;
};

/// IEEE binary16, storage only: the bits as they lie in memory.
struct float16 {
  std::uint16_t bits;
};

/// bfloat16 (the upper half of a binary32), storage only.
struct bfloat16 {
  std::uint16_t bits;
};

/// 8-bit float with 4 exponent and 3 fraction bits (OCP E4M3, torch.float8_e4m3fn), storage only.
/// It has NaN and no infinity. A value beyond the largest number, 448, and infinity become 448.
struct float8_e4m3 {
  std::uint8_t bits;
};

/// How an element type is stored. detail/base/formats.hpp has a description of each.
enum class element_format { unknown, binary64, binary32, binary16, bfloat16, float8_e4m3 };

/// The format behind a C++ type. Specialise it (a static member `value`) to register an engine's
/// own type. The type must be trivially copyable and have the size of its format, which every use
/// checks at compile time. Ours, Eigen's, `_Float16` and `__bf16` (which the C++23 types are) are
/// registered here.
template <class T> struct format_of {
  static constexpr element_format value = element_format::unknown;
};
template <> struct format_of<double> {
  static constexpr element_format value = element_format::binary64;
};
template <> struct format_of<float> {
  static constexpr element_format value = element_format::binary32;
};
template <> struct format_of<float16> {
  static constexpr element_format value = element_format::binary16;
};
template <> struct format_of<bfloat16> {
  static constexpr element_format value = element_format::bfloat16;
};
template <> struct format_of<float8_e4m3> {
  static constexpr element_format value = element_format::float8_e4m3;
};
template <> struct format_of<Eigen::half> {
  static constexpr element_format value = element_format::binary16;
};
template <> struct format_of<Eigen::bfloat16> {
  static constexpr element_format value = element_format::bfloat16;
};
// g++ 12 knows _Float16 in C++ on x86 only, and defines its limits everywhere.
#if defined(__FLT16_MANT_DIG__) &&                                                                 \
    (defined(__clang__) || __GNUC__ >= 13 || (__GNUC__ == 12 && defined(__SSE2__)))
template <> struct format_of<_Float16> {
  static constexpr element_format value = element_format::binary16;
};
#endif
#if defined(__BFLT16_MANT_DIG__)
__extension__ typedef __bf16 compiler_bfloat16;
template <> struct format_of<compiler_bfloat16> {
  static constexpr element_format value = element_format::bfloat16;
};
#endif

template <class T>
inline constexpr element_format format_of_v = format_of<std::remove_const_t<T>>::value;

} // namespace v0

inline namespace YARN_ABI {

/// What a model's configuration says about its heads.
struct rope_shape {
  std::int64_t head_dim = 0;   ///< elements of one head, > 0
  std::int64_t rotary_dim = 0; ///< elements that are rotated, even, <= head_dim; 0: all of head_dim
  double rope_theta = 0.0;     ///< base of the frequencies, > 0; there is no default

  /// The number of rotated elements: rotary_dim, or head_dim where that is 0.
  YARN_ALWAYS_INLINE constexpr std::int64_t rotated() const {
    return rotary_dim == 0 ? head_dim : rotary_dim;
  }
};

/// A number that may be absent, as `null` in a config.json: `m.attention_factor = 1.0;` sets it,
/// `m.attention_factor = {};` takes it away.
class optional_number {
public:
  constexpr optional_number() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): assigning a number is the point
  YARN_ALWAYS_INLINE constexpr optional_number(double value) : value_(value), present_(true) {}
  YARN_ALWAYS_INLINE constexpr bool has_value() const { return present_; }
  /// The number; 0 when it is absent.
  YARN_ALWAYS_INLINE constexpr double value() const { return value_; }

private:
  double value_ = 0.0;
  bool present_ = false;
};

} // namespace YARN_ABI
} // namespace yarn

#endif
