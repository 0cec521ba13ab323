// SPDX-License-Identifier: MIT
// The functions of the tester in a build with YARN_C_API_NO_TESTING.
#ifndef YARN_DETAIL_C_API_NO_TESTER_HPP
#define YARN_DETAIL_C_API_NO_TESTER_HPP

#include "status.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline yarn_status no_tester() {
  return failed(YARN_UNSUPPORTED,
                "yarn: built with YARN_C_API_NO_TESTING, without yarn/testing.hpp");
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API yarn_status yarn_expectation_make(const yarn_shape*, const yarn_method*, yarn_pairing,
                                             std::int64_t, yarn_expectation**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_expectation_from(const yarn_shape*, const yarn_frequencies*,
                                             yarn_pairing, yarn_expectation**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_expectation_set_output_order(yarn_expectation*, yarn_pairing) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_expectation_set_rotary_offset(yarn_expectation*, std::int64_t) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_expectation_set_axes(yarn_expectation*, const std::uint8_t*,
                                                 std::int64_t, std::int64_t) {
  return yarn::detail::no_tester();
}
YARN_C_API void yarn_expectation_free(yarn_expectation*) {}
YARN_C_API yarn_status yarn_check_options_init(yarn_check_options*, std::size_t) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_check_rows(const yarn_expectation*, const yarn_cos_sin*,
                                       const yarn_positions*, const yarn_check_options*,
                                       yarn_report**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_check_table(const yarn_expectation*, const yarn_cos_sin*,
                                        const yarn_check_options*, yarn_report**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_check_inv_freq(const yarn_expectation*, const void*, yarn_element_type,
                                           std::int64_t, double, const yarn_check_options*,
                                           yarn_report**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_check_rotation(const yarn_expectation*, yarn_element_type,
                                           yarn_engine_rotation, void*, const yarn_check_options*,
                                           yarn_report**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_check_rotations(const yarn_expectation*, yarn_element_type,
                                            yarn_engine_rotation, yarn_engine_rotation, void*,
                                            const yarn_check_options*, yarn_report**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_check_copy(const yarn_expectation*, yarn_element_type,
                                       yarn_element_type, yarn_engine_copy, void*,
                                       const yarn_check_options*, yarn_report**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_check_rotated(const yarn_expectation*, const yarn_tensor*,
                                          const yarn_tensor*, const yarn_positions*,
                                          const yarn_check_options*, yarn_report**) {
  return yarn::detail::no_tester();
}
YARN_C_API yarn_status yarn_report_get(const yarn_report*, yarn_report_info*) {
  return yarn::detail::no_tester();
}
YARN_C_API void yarn_report_free(yarn_report*) {}

} // extern "C"

#endif
