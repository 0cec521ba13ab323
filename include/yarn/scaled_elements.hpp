// SPDX-License-Identifier: MIT
// Formats of KV caches whose heads are 8-bit elements with a scale: int8, float8_e4m3 and
// float8_e5m2. Opt-in.
//
//     element stored = round(value * (1 / scale))
//     value read     = element * scale
//
// Each product and the reciprocal are rounded to float. `round` is to nearest even and saturates:
// int8 to [-128, 127], float8_e4m3 to +-448, float8_e5m2 to +-57344. The bytes are the same with
// every instruction set, except with -ffast-math.
//
// A scale is given, or computed for each head when the head is written:
//
//     scale = (largest magnitude of the head) / (largest number of the type: 127, 448 or 57344)
//
// A computed scale is at least 2^-126, also for a head of zeros: with a scale of 0, 1 / scale would
// be infinite.
//
// Frameworks differ in the last rounding. vLLM multiplies by 1 / scale if it computes a scale for
// each token and head, but divides by a given scale of a float8 cache. TensorRT-LLM multiplies by a
// given reciprocal. A division and a product give different elements only if value / scale is near
// the boundary between two elements: at a relative distance of at most about 2^-23.
//
// float8 elements without a scale need none of these formats: they are the element types
// float8_e4m3 and float8_e5m2 (types.hpp).
#ifndef YARN_SCALED_ELEMENTS_HPP
#define YARN_SCALED_ELEMENTS_HPP

#include "detail/cache/place.hpp"
#include "detail/cache/scaled.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// A format of a KV cache: elements of type T with scales.
/// Shape    A head is stored as head_dim elements of one byte, without padding. The scales are
///          floats outside the heads.
/// Units    Strides count floats. The scale of a place is scales[row * row_stride + head *
///          head_stride].
/// Types    T: std::int8_t, float8_e4m3 or float8_e5m2.
/// Requires Given scales are in [2^-126, 2^126]; only the scale of per_tensor is checked.
/// Accuracy Bounds on |read - value|, if value / s does not saturate. s is the scale.
///          std::int8_t, |value| <= 127 * s: 0.50003 * s.
///          float8_e4m3: the larger one of |value| / 16 and s / 1000.
///          float8_e5m2: the larger one of |value| / 8 and s / 130000.
///          (tests/cache/test_scaled_elements.cpp)
/// Source   vLLM, vllm/v1/attention/ops/triton_reshape_and_cache_flash.py (computed scales).
template <class T> class scaled {
public:
  static_assert(std::is_same_v<T, std::int8_t> || std::is_same_v<T, float8_e4m3> ||
                    std::is_same_v<T, float8_e5m2>,
                "yarn: scaled: elements are std::int8_t, float8_e4m3 or float8_e5m2");

  /// One scale for all heads.
  YARN_ALWAYS_INLINE static scaled per_tensor(float scale) {
    return scaled(source::value, nullptr, nullptr, 0, 0, scale);
  }
  /// A scale for each head index, the same for all rows.
  YARN_ALWAYS_INLINE static scaled per_head(const float* scales, std::int64_t head_stride = 1) {
    return scaled(source::array, scales, nullptr, 0, head_stride, 0);
  }
  /// A given scale for each row and head. A head_stride of 0 gives all heads of a row one scale.
  YARN_ALWAYS_INLINE static scaled per_row(const float* scales, std::int64_t row_stride,
                                           std::int64_t head_stride = 1) {
    return scaled(source::array, scales, nullptr, row_stride, head_stride, 0);
  }
  /// A scale for each row and head, which `encode` computes and writes.
  YARN_ALWAYS_INLINE static scaled computed(float* scales, std::int64_t row_stride,
                                            std::int64_t head_stride = 1) {
    return scaled(source::computed, scales, scales, row_stride, head_stride, 0);
  }

  /// The same format for scales in blocks, as vLLM lays them out: row = block * block_size + i has
  /// its scale at scales[block * block_stride + i * row_stride + head * head_stride].
  YARN_ALWAYS_INLINE scaled with_blocks(std::int64_t block_size, std::int64_t block_stride) const {
    scaled changed = *this;
    changed.has_blocks_ = true;
    changed.block_size_ = block_size;
    changed.block_stride_ = block_stride;
    return changed;
  }

  /// The scale of a head. A computed scale is undefined until `encode` has written the head.
  YARN_ALWAYS_INLINE float scale(cache_place at) const noexcept {
    return source_ == source::value ? value_ : scales_[offset(at)];
  }

  // ---- The members of a format ----

  /// The bytes of a stored head.
  YARN_ALWAYS_INLINE std::int64_t head_bytes(std::int64_t head_dim) const noexcept {
    return head_dim;
  }
  /// Errors   std::invalid_argument: the scales are null; the scale of per_tensor is not in
  ///          [2^-126, 2^126]; a stride of computed scales is 0; block_size < 1.
  void check(std::int64_t /*head_dim*/) const {
    if (source_ == source::value && !detail::is_scale(value_))
      detail::fail_argument("yarn: scaled: scale = {:.9} must be in [2^-126, 2^126]",
                            static_cast<double>(value_));
    if (source_ != source::value && scales_ == nullptr)
      detail::fail_argument("yarn: scaled: the scales are null");
    if (source_ == source::computed && (row_stride_ == 0 || head_stride_ == 0))
      detail::fail_argument(
          "yarn: scaled: row_stride = {} and head_stride = {} must not be 0: each "
          "row and head has its own computed scale",
          row_stride_, head_stride_);
    if (has_blocks_ && source_ == source::computed && block_stride_ == 0)
      detail::fail_argument(
          "yarn: scaled: block_stride = 0: each block has its own computed scales");
    if (has_blocks_ && block_size_ < 1)
      detail::fail_argument("yarn: scaled: block_size = {} must be >= 1", block_size_);
  }
  /// Writes a head, and its scale if scales are computed. A computed scale ignores NaN, and
  /// counts an infinite value as the largest float. A NaN is stored as NaN, or as 0 in int8.
  void encode(const float* values, std::int64_t head_dim, void* head,
              cache_place at) const noexcept {
    using arch = detail::default_arch;
    float divisor;
    if (source_ == source::computed)
      written_[offset(at)] = divisor = detail::scale_of_head<T, arch>(values, head_dim);
    else
      divisor = scale(at);
    detail::encode_scaled<T, arch>(values, head_dim, 1.0F / divisor, static_cast<T*>(head));
  }
  /// Reads a head.
  void decode(const void* head, std::int64_t head_dim, float* values,
              cache_place at) const noexcept {
    detail::decode_scaled<T, detail::default_arch>(static_cast<const T*>(head), head_dim, scale(at),
                                                   values);
  }

private:
  enum class source { value, array, computed };

  YARN_ALWAYS_INLINE scaled(source from, const float* scales, float* written,
                            std::int64_t row_stride, std::int64_t head_stride, float value)
      : scales_(scales), written_(written), row_stride_(row_stride), head_stride_(head_stride),
        value_(value), source_(from) {}

  YARN_ALWAYS_INLINE std::int64_t offset(cache_place at) const noexcept {
    const std::int64_t in_row = at.head * head_stride_;
    if (!has_blocks_)
      return at.row * row_stride_ + in_row;
    return at.row / block_size_ * block_stride_ + at.row % block_size_ * row_stride_ + in_row;
  }

  const float* scales_;
  float* written_; // equal to scales_ if scales are computed, else null
  std::int64_t row_stride_;
  std::int64_t head_stride_;
  std::int64_t block_size_ = 0;
  std::int64_t block_stride_ = 0;
  bool has_blocks_ = false;
  float value_;
  source source_;
};

} // namespace YARN_ABI
} // namespace yarn

#endif
