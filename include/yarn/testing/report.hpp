// SPDX-License-Identifier: MIT
// report: the result of a check of testing.hpp, with its findings. options: the arguments of the
// checks. Opt-in.
#ifndef YARN_TESTING_REPORT_HPP
#define YARN_TESTING_REPORT_HPP

#include "../yarn.hpp"

#include <algorithm>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {

/// The mistakes that the checks know. Those of the group "Precision" have the right formula, but
/// compute with too few digits.
enum class diagnosis {
  // Elements and pairs.
  wrong_pairing,      ///< half_split where interleaved was meant, or the reverse
  wrong_output_order, ///< the right rotation, written in the other order
  pair_distance,      ///< the elements of a pair are half a head apart, not half the rotated part
  rotary_dim,         ///< more or fewer elements are rotated than rotary_dim
  rotary_offset,      ///< the rotated part begins at another element, such as 0
  unrotated_changed,  ///< elements outside of the rotated part are changed
  wrong_direction,    ///< rotates by -angle
  sign_of_one_half,   ///< one of the two sin terms has the wrong sign, so this is no rotation
  overwritten_input,  ///< x0' is stored before x0 is read for x1'
  cos_sin_exchanged,  ///< cos in place of sin, and sin in place of cos
  rotated_twice,      ///< twice the angle, and the attention factor squared
  halves_differ,      ///< the two copies of the entries of a table differ
  // The attention factor.
  attention_factor_missing,
  attention_factor_squared,
  attention_factor_on_one_side, ///< on cos or sin only, or on q or k only
  attention_factor_value,       ///< any other wrong value
  // The frequencies.
  wrong_theta,
  wrong_exponent,            ///< i/d or i/(n_pairs - 1) in place of 2i/d
  frequencies_over_head_dim, ///< head_dim in the exponent in place of rotary_dim
  scaling_missing,           ///< the unscaled frequencies
  wrong_method,     ///< another method with the same numbers, such as linear in place of YaRN
  correction_range, ///< low or high of YaRN's ramp is off by one, or comes from other betas
  truncate,         ///< low and high are rounded but should not be, or the reverse
  factor_twice,
  factor_inverted, ///< multiplies in place of dividing
  wrong_factor,
  wrong_original_length,
  wrong_seq_len, ///< a dynamic method, or LongRoPE's choice of list, for another length
  // The positions.
  position_offset,   ///< position p is rotated as p + n
  positions_ignored, ///< the index in the batch, or one position for all, in place of the list
  positions_limited, ///< clamped to a length, modulo a length, or wrapped at 16 bits
  // The axes of positions.
  axes_ignored,         ///< the position on one axis (such as time) is used for others, too
  text_positions,       ///< tokens of images turn with their index in the sequence
  sections_contiguous,  ///< the pairs of an axis are side by side where they should alternate
  sections_interleaved, ///< the reverse
  sections_in_elements, ///< the sections count elements where they should count pairs, or reverse
  wrong_sections,       ///< pairs have wrong axes, but not by the three mistakes before this one
  axis_order,           ///< the axes are exchanged, such as width, height in place of height, width
  whole_head_rotated,   ///< a model with axes: all of the head is rotated, not only rotary_dim
  // Precision.
  float32_angles,   ///< float32(position * inv_freq): the error grows with the position
  float32_inv_freq, ///< frequencies rounded to float32
  inv_freq_16bit,
  positions_16bit,
  angles_16bit,
  table_16bit,   ///< cos and sin are numbers of a 16-bit format
  rounded_often, ///< results of 16 bits are rounded more than once
  // Others.
  not_finite,  ///< NaN or infinity
  unexplained, ///< wrong, and none of the above
};

/// The name of the enumerator.
/// Errors   None.
const char* name_of(diagnosis what);

/// Whether the diagnosis belongs to the group "Precision".
/// Errors   None.
inline bool is_about_precision(diagnosis what) {
  return what >= diagnosis::float32_angles && what <= diagnosis::rounded_often;
}
/// Whether the diagnosis is about float32 angles or float32 frequencies, as in the common
/// frameworks.
/// Errors   None.
inline bool is_float32_precision(diagnosis what) {
  return what == diagnosis::float32_angles || what == diagnosis::float32_inv_freq;
}

struct finding {
  diagnosis what;
  std::string text; ///< one sentence with the numbers
};

/// The place of the largest error.
struct place {
  std::int64_t position = -1; ///< -1: no position (inverse frequencies)
  std::int64_t pair = -1; ///< -1: an element outside of the rotated part, or the attention factor
  std::int64_t element = -1; ///< within the head; -1 for tables and frequencies
  std::string what;          ///< "cos", "first element", "inv_freq" ...
  double expected = 0;
  double actual = 0;
  std::int64_t axis = -1; ///< of `position`; -1 if there is one axis
};

/// The result of a check. It converts to bool.
/// Example  EXPECT_TRUE(r) << r; in GoogleTest, INFO(r.text()); CHECK(r.ok()); in Catch2
struct report {
  bool passed = false;
  std::string subject; ///< what was checked: "table of float32, 9 positions, 64 pairs"
  std::string unit = "of the amplitude"; ///< the unit of errors and tolerance
  double max_error = 0;                  ///< the largest |actual - expected|, in `unit`
  double max_error_ulp = 0;              ///< the same in units of 2^-digits (float: 24 digits)
  double tolerance = 0;                  ///< the largest error that passes, in `unit`
  double remaining_error = 0;            ///< the error that the findings do not explain
  place worst;
  std::vector<finding> findings; ///< the mistakes, and coarse precision that was accepted
  /// Mistakes in axes that the check cannot rule out, because they give the same numbers at the
  /// positions of the check.
  std::vector<std::string> notes;

  bool ok() const { return passed; }
  explicit operator bool() const { return passed; }
  bool has(diagnosis what) const {
    return std::any_of(findings.begin(), findings.end(),
                       [what](const finding& found) { return found.what == what; });
  }

  /// The report as text of a few lines, for logs.
  std::string text() const;
};

/// Writes the text of a report to a stream.
/// Errors   None.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             const report& r) {
  return out << r.text().c_str();
}

struct options {
  /// The largest error that passes. The error of a row is relative to the attention factor. The
  /// error of a rotation is relative to the attention factor times the length of the pair. The
  /// error of an inverse frequency is relative to the frequency. 0 allows the rounding errors of
  /// the type: 2.4e-7 for a float table, 4.8e-7 for a float rotation, 1.6e-2 for a bfloat16
  /// rotation. A known mistake that is not about precision fails with any tolerance.
  double tolerance = 0;
  /// If true, an engine still passes if its only fault is float32 angles or frequencies, as in the
  /// common frameworks. The report still lists the finding.
  bool accept_float32_angles = false;
  /// The largest position that the engine supports.
  std::int64_t max_position = 131071;
  /// The number of heads in the buffers of a rotation.
  std::int64_t n_heads = 2;
};

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#include "../detail/testing/report.hpp"

#endif
