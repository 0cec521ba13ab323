// SPDX-License-Identifier: MIT
// Element formats by the codes that other libraries have for them. An adapter has one function from
// a format to its library's code, a switch without default, and searches with find_format.
#ifndef YARN_DETAIL_ADAPTERS_FORMATS_HPP
#define YARN_DETAIL_ADAPTERS_FORMATS_HPP

#include "../base/formats.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// False for `unknown` and for the number behind the last enumerator. There is no default: compilers
// warn where an enumerator is missing.
constexpr bool is_format(element_format format) {
  switch (format) {
  case element_format::binary64:
  case element_format::binary32:
  case element_format::binary16:
  case element_format::bfloat16:
  case element_format::float8_e4m3:
    return true;
  case element_format::unknown:
    break;
  }
  return false;
}

// The format for which `condition` holds; unknown where there is none.
template <class Condition> element_format find_format(Condition condition) {
  for (int i = 1; is_format(static_cast<element_format>(i)); ++i)
    if (condition(static_cast<element_format>(i)))
      return static_cast<element_format>(i);
  return element_format::unknown;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
