// SPDX-License-Identifier: MIT
// The implementation of testing/report.hpp: names and texts.
#ifndef YARN_DETAIL_TESTING_REPORT_HPP
#define YARN_DETAIL_TESTING_REPORT_HPP

#include "../../testing/report.hpp"
#include "../base/text.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

using yarn::detail::fail_argument;
using yarn::detail::is_finite;
using yarn::detail::text_of;

} // namespace detail

inline const char* name_of(diagnosis what) {
  static constexpr const char* names[] = {
      "wrong_pairing",
      "wrong_output_order",
      "pair_distance",
      "rotary_dim",
      "rotary_offset",
      "unrotated_changed",
      "wrong_direction",
      "sign_of_one_half",
      "overwritten_input",
      "cos_sin_exchanged",
      "rotated_twice",
      "halves_differ",
      "attention_factor_missing",
      "attention_factor_squared",
      "attention_factor_on_one_side",
      "attention_factor_value",
      "wrong_theta",
      "wrong_exponent",
      "frequencies_over_head_dim",
      "scaling_missing",
      "wrong_method",
      "correction_range",
      "truncate",
      "factor_twice",
      "factor_inverted",
      "wrong_factor",
      "wrong_original_length",
      "wrong_seq_len",
      "position_offset",
      "positions_ignored",
      "positions_limited",
      "axes_ignored",
      "text_positions",
      "sections_contiguous",
      "sections_interleaved",
      "sections_in_elements",
      "wrong_sections",
      "axis_order",
      "whole_head_rotated",
      "float32_angles",
      "float32_inv_freq",
      "inv_freq_16bit",
      "positions_16bit",
      "angles_16bit",
      "table_16bit",
      "rounded_often",
      "not_finite",
      "unexplained",
  };
  static_assert(sizeof names / sizeof *names == static_cast<int>(diagnosis::unexplained) + 1);
  return names[static_cast<int>(what)];
}

inline std::string report::text() const {
  using detail::text_of;
  std::string all = text_of("{}: {}; largest error {:.3} {} ({:.3} ULP), allowed {:.3}", subject,
                            passed ? "ok" : "NOT OK", max_error, unit, max_error_ulp, tolerance);
  if (max_error > 0) {
    const std::pair<const char*, std::int64_t> indices[] = {{"position", worst.position},
                                                            {"axis", worst.axis},
                                                            {"pair", worst.pair},
                                                            {"element", worst.element}};
    all += ", at";
    for (const auto& [name, index] : indices)
      if (index >= 0)
        all += text_of(" {} {},", name, index);
    all += text_of(" {}: expected {:.9}, actual {:.9}", worst.what, worst.expected, worst.actual);
  }
  all += "\n";
  for (const finding& found : findings)
    all += std::string("  ") + name_of(found.what) + (passed ? " (accepted): " : ": ") +
           found.text + "\n";
  if (!findings.empty() && !has(diagnosis::unexplained) && !has(diagnosis::not_finite))
    all += text_of("  (the findings leave an error of {:.3})\n", remaining_error);
  for (const std::string& note : notes)
    all += "  note: " + note + "\n";
  return all;
}

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif
