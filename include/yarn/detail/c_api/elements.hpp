// SPDX-License-Identifier: MIT
// The element types of the C API.
#ifndef YARN_DETAIL_C_API_ELEMENTS_HPP
#define YARN_DETAIL_C_API_ELEMENTS_HPP

#include "../../c_api.h"
#include "../base/formats.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class T> struct element_tag { using type = T; };

YARN_ALWAYS_INLINE bool is_element_type(yarn_element_type type) {
  return type >= YARN_FLOAT32 && type <= YARN_FLOAT8_E5M2;
}

// Calls use(element_tag<T>) for a known type.
template <class Use> decltype(auto) with_element(yarn_element_type type, const Use& use) {
  switch (type) {
  case YARN_FLOAT64:
    return use(element_tag<double>{});
  case YARN_FLOAT16:
    return use(element_tag<float16>{});
  case YARN_BFLOAT16:
    return use(element_tag<bfloat16>{});
  case YARN_FLOAT8_E4M3:
    return use(element_tag<float8_e4m3>{});
  case YARN_FLOAT8_E5M2:
    return use(element_tag<float8_e5m2>{});
  default:
    return use(element_tag<float>{});
  }
}

YARN_ALWAYS_INLINE std::int64_t bytes_of_element(yarn_element_type type) {
  switch (type) {
  case YARN_FLOAT64:
    return 8;
  case YARN_FLOAT32:
    return 4;
  case YARN_FLOAT8_E4M3:
  case YARN_FLOAT8_E5M2:
    return 1;
  default:
    return 2;
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
