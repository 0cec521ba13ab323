// SPDX-License-Identifier: MIT
// The basic types: pairing, rope_shape, thread_slice, element formats. Plain data.
#ifndef YARN_TYPES_HPP
#define YARN_TYPES_HPP

#include "detail/base/bits.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace Eigen {
// Declared, not included: format_of below needs only the names. Both are structs in Eigen 3.4 to 5.
struct half;
struct bfloat16;
} // namespace Eigen

namespace yarn {
inline namespace v0 {

/// Which two elements of a head form pair i. Models differ, so there is no default. With the wrong
/// pairing, a model still writes fluent text, but it is nonsense. For rotary_dim 8, the elements of
/// the pairs a, b, c and d are:
///
///     half_split   [a b c d a b c d]   (i, i + rotary_dim/2): GPT-NeoX; Llama in Hugging Face
///     interleaved  [a a b b c c d d]   (2i, 2i + 1): GPT-J, RoFormer; Llama by Meta and in GGUF
enum class pairing { half_split, interleaved };

/// The order in which rope_copy writes the pairs: `output_order{pairing::half_split}`. It is a
/// separate type, so that the two pairings of a call cannot be exchanged by mistake.
struct output_order {
  YARN_ALWAYS_INLINE constexpr explicit output_order(pairing written) noexcept : value(written) {}
  pairing value;
};

/// The tokens of a call that one thread rotates. The tokens are divided into n_threads nearly equal
/// ranges. Pass thread_slice{i, n} on thread i of n. No two slices write the same token, and all
/// slices together give the same bits as one call.
struct thread_slice {
  std::int64_t thread = 0; ///< in [0, n_threads)
  std::int64_t n_threads = 1;
};
using slice = thread_slice; ///< the name in version 0.1

/// IEEE binary16, for storage only: the bits in memory.
struct float16 {
  std::uint16_t bits;
};

/// bfloat16, the upper half of a binary32, for storage only.
struct bfloat16 {
  std::uint16_t bits;
};

/// 8-bit float with 4 exponent and 3 fraction bits (OCP E4M3, torch.float8_e4m3fn), for storage
/// only. The format has NaN and no infinity; its largest number is 448. Infinity and larger numbers
/// are stored as 448, with their sign.
struct float8_e4m3 {
  std::uint8_t bits;
};

/// 8-bit float with 5 exponent and 2 fraction bits (OCP E5M2, torch.float8_e5m2), for storage only.
/// Its largest number is 57344. The format has NaN and infinity, but stores saturate as for
/// float8_e4m3: infinity and larger numbers are stored as 57344, with their sign.
struct float8_e5m2 {
  std::uint8_t bits;
};

/// The format of an element in memory. detail/base/formats.hpp describes each format.
enum class element_format {
  unknown,
  binary64,
  binary32,
  binary16,
  bfloat16,
  float8_e4m3,
  float8_e5m2
};

/// The format of an element type. To register an engine's own type, specialise format_of with a
/// static member `value`. The type must be trivially copyable and have the size of its format; each
/// use checks this at compile time. Registered here: the types above, Eigen's, `_Float16` and
/// `__bf16`. (In C++23, std::float16_t and std::bfloat16_t are the same types as `_Float16` and
/// `__bf16`.)
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
template <> struct format_of<float8_e5m2> {
  static constexpr element_format value = element_format::float8_e5m2;
};
template <> struct format_of<Eigen::half> {
  static constexpr element_format value = element_format::binary16;
};
template <> struct format_of<Eigen::bfloat16> {
  static constexpr element_format value = element_format::bfloat16;
};
// g++ 12 defines __FLT16_MANT_DIG__ on AArch64, too, but has _Float16 in C++ on x86 only.
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

/// The shape of a model's heads and the base of its frequencies, from the configuration of the
/// model.
struct rope_shape {
  std::int64_t head_dim = 0;   ///< elements of one head, > 0
  std::int64_t rotary_dim = 0; ///< rotated elements of a head, even, <= head_dim; 0: head_dim
  double rope_theta = 0.0;     ///< base of the frequencies, > 0; there is no default

  /// The number of rotated elements: rotary_dim, or head_dim if rotary_dim is 0.
  YARN_ALWAYS_INLINE constexpr std::int64_t rotated() const {
    return rotary_dim == 0 ? head_dim : rotary_dim;
  }
};

/// A number that may be absent, like `null` in a config.json. `m.attention_factor = 1.0;` sets the
/// number, `m.attention_factor = {};` removes it.
class optional_number {
public:
  constexpr optional_number() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): so that a number can be assigned
  YARN_ALWAYS_INLINE constexpr optional_number(double value) : value_(value), present_(true) {}
  YARN_ALWAYS_INLINE constexpr bool has_value() const { return present_; }
  /// Requires has_value().
  YARN_ALWAYS_INLINE constexpr double value() const {
    YARN_ASSERT(present_);
    return value_;
  }
  YARN_ALWAYS_INLINE constexpr double value_or_zero() const { return value_; }

private:
  double value_ = 0.0;
  bool present_ = false;
};

} // namespace YARN_ABI
} // namespace yarn

#endif
