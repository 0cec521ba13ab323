// SPDX-License-Identifier: MIT
// The formats of KV caches in the C API.
#ifndef YARN_DETAIL_C_API_CACHE_FORMATS_HPP
#define YARN_DETAIL_C_API_CACHE_FORMATS_HPP

#include "../../c_api.h"
#include "../../ggml_blocks.hpp"
#include "../../scaled_elements.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// A format of the caller.
class function_format {
public:
  explicit function_format(const yarn_cache_format& format) : format_(&format) {}

  std::int64_t head_bytes(std::int64_t head_dim) const {
    return format_->head_bytes(format_->user, head_dim);
  }
  void check(std::int64_t /*head_dim*/) const {}
  void encode(const float* values, std::int64_t head_dim, void* head,
              cache_place at) const noexcept {
    format_->encode(format_->user, values, head_dim, head, at.row, at.head);
  }
  void decode(const void* head, std::int64_t head_dim, float* values,
              cache_place at) const noexcept {
    format_->decode(format_->user, head, head_dim, values, at.row, at.head);
  }

private:
  const yarn_cache_format* format_;
};

template <class T> scaled<T> scaled_format(const yarn_cache_format& f) {
  scaled<T> made = scaled<T>::per_tensor(f.scale);
  if (f.scale_source == YARN_SCALE_GIVEN)
    made = scaled<T>::per_row(f.scales, f.row_stride, f.head_stride);
  else if (f.scale_source == YARN_SCALE_COMPUTED)
    made = scaled<T>::computed(f.scales, f.row_stride, f.head_stride);
  return f.block_size != 0 ? made.with_blocks(f.block_size, f.block_stride) : made;
}

// Calls use(format of C++) for a known kind.
template <class Use> decltype(auto) with_cache_format(const yarn_cache_format& f, const Use& use) {
  switch (f.kind) {
  case YARN_Q8_0:
    return use(q8_0{});
  case YARN_Q8_0_AVX:
    return use(q8_0{q8_0_writer::avx});
  case YARN_Q4_0:
    return use(q4_0{});
  case YARN_Q4_1:
    return use(q4_1{});
  case YARN_Q5_0:
    return use(q5_0{});
  case YARN_Q5_1:
    return use(q5_1{});
  case YARN_IQ4_NL:
    return use(iq4_nl{});
  case YARN_SCALED_INT8:
    return use(scaled_format<std::int8_t>(f));
  case YARN_SCALED_FLOAT8_E4M3:
    return use(scaled_format<float8_e4m3>(f));
  case YARN_SCALED_FLOAT8_E5M2:
    return use(scaled_format<float8_e5m2>(f));
  default:
    return use(function_format(f));
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
