// SPDX-License-Identifier: MIT
// What the checks of testing.hpp answer: a report, its findings, and their words. Opt-in.
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

/// What is wrong with an engine. The last group is about precision: right formula, coarse numbers.
enum class diagnosis {
  // Which elements are turned, and how.
  wrong_pairing,      ///< half_split where interleaved was meant, or the reverse
  wrong_output_order, ///< the right rotation, written in the other order
  pair_distance,      ///< pairs half a head apart, where the rotary part is less than the head
  rotary_dim,         ///< more or fewer elements are turned than rotary_dim
  rotary_offset,      ///< the rotary part lies elsewhere (front where it should be the back)
  unrotated_changed,  ///< elements beyond the rotary part are changed
  wrong_direction,    ///< turns by -angle
  sign_of_one_half,   ///< one of the two sin terms has the wrong sign: no rotation at all
  overwritten_input,  ///< x0' is stored before x1' has read x0
  cos_sin_exchanged,  ///< cos where sin belongs
  rotated_twice,      ///< twice the angle, and the attention factor squared
  halves_differ,      ///< a table's duplicated entries are not duplicates of each other
  // The attention factor.
  attention_factor_missing,
  attention_factor_squared,
  attention_factor_on_one_side, ///< on cos but not on sin, or on q but not on k
  attention_factor_value,       ///< another number
  // The frequencies.
  wrong_theta,
  wrong_exponent,            ///< i/d or i/(n_pairs - 1) where 2i/d belongs
  frequencies_over_head_dim, ///< head_dim in the exponent where rotary_dim belongs
  scaling_missing,           ///< the unscaled frequencies
  wrong_method,              ///< another method with the same numbers: linear for YaRN ...
  correction_range,          ///< low or high of YaRN's ramp off by one, or made of other betas
  truncate,                  ///< low and high rounded where they should not be, or the reverse
  factor_twice,
  factor_inverted, ///< multiplied where it divides
  wrong_factor,
  wrong_original_length,
  wrong_seq_len, ///< a dynamic method, or LongRoPE's choice of list, at another length
  // The positions.
  position_offset,   ///< position p is turned as p + n
  positions_ignored, ///< the place in the batch, or one position for all, in place of the list
  positions_limited, ///< clamped to the original length, or modulo it, or wrapped at 16 bits
  // Precision.
  float32_angles,   ///< float32(position * inv_freq): the error grows with the position
  float32_inv_freq, ///< frequencies rounded to float32
  inv_freq_16bit,
  positions_16bit,
  angles_16bit,
  table_16bit,   ///< cos and sin hold no more than a 16-bit format does
  rounded_often, ///< 16-bit data, rounded more than once on the way
  // The rest.
  not_finite,  ///< NaN or infinity
  unexplained, ///< wrong, and none of the above
};

/// The enumerator's name.
const char* name_of(diagnosis what);

/// Whether the formula is right and only its numbers are coarse.
inline bool is_about_precision(diagnosis what) {
  return what >= diagnosis::float32_angles && what <= diagnosis::rounded_often;
}
/// Whether it is what every float32 framework does.
inline bool is_float32_precision(diagnosis what) {
  return what == diagnosis::float32_angles || what == diagnosis::float32_inv_freq;
}

struct finding {
  diagnosis what;
  std::string text; ///< one sentence with the numbers
};

/// Where the largest error is.
struct place {
  std::int64_t position = -1; ///< -1: no position (inverse frequencies)
  std::int64_t pair = -1;     ///< -1: an element beyond the rotary part, or the attention factor
  std::int64_t element = -1;  ///< within the head; -1 for tables and frequencies
  std::string what;           ///< "cos", "sin", "q", "inv_freq" ...
  double expected = 0;
  double actual = 0;
};

/// The answer of a check. It converts to bool: `EXPECT_TRUE(r) << r;` in GoogleTest,
/// `INFO(r.text()); CHECK(r.ok())` in Catch2.
struct report {
  bool passed = false;
  std::string subject; ///< what was looked at: "table of float, 9 positions, 64 pairs"
  std::string unit = "of the amplitude"; ///< of the errors and the tolerance
  double max_error = 0;                  ///< largest |actual - expected|
  double max_error_ulp = 0;              ///< the same in units of the type's 2^-digits
  double tolerance = 0;                  ///< what was allowed
  double explained_error = 0; ///< what is left of the error when the findings are taken for true
  place worst;
  std::vector<finding> findings; ///< what is wrong; precision that was accepted is here, too

  bool ok() const { return passed; }
  explicit operator bool() const { return passed; }
  bool has(diagnosis what) const {
    return std::any_of(findings.begin(), findings.end(),
                       [what](const finding& found) { return found.what == what; });
  }

  /// All of it for a log, some lines.
  std::string text() const;
};

/// For GoogleTest, logs and other streams of characters.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             const report& r) {
  return out << r.text().c_str();
}

struct options {
  /// Largest error that passes, absolute over the amplitude (the attention factor, for a rotation
  /// times the length of the pair); for inverse frequencies relative. 0: what arithmetic in the
  /// type makes: 2.4e-7 for a float table, 4.8e-7 for a float rotation, 1.6e-2 for bfloat16 ...
  /// A finding that is not about precision fails whatever the tolerance.
  double tolerance = 0;
  /// Passes engines whose only fault is that of the common frameworks: angles, or frequencies, in
  /// float32. Their error is reported.
  bool accept_float32_angles = false;
  /// The largest position that the engine supports.
  std::int64_t max_position = 131071;
  /// Heads in the buffers that a rotation gets.
  std::int64_t n_heads = 2;
};

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#include "../detail/testing/report.hpp"

#endif
