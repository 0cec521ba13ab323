// SPDX-License-Identifier: MIT
// The two kinds of ramps by which YaRN, NTK-by-parts and Llama 3 blend two frequencies: linear in
// the pair index, or in the turns. fast_share is 1 for the pairs that turn fast and 0 for those
// that turn slowly. It is the weight of the less scaled of the two frequencies.
//
// Source: jquesnelle/yarn, find_correction_range and linear_ramp_mask; arXiv 2309.00071, section
// 3.2.
#ifndef YARN_SCALING_CORRECTION_RANGE_HPP
#define YARN_SCALING_CORRECTION_RANGE_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// A ramp that is linear in the pair index: 1 up to pair low, 0 from pair high on. (The ramp of
// Hugging Face has the opposite direction: 0 up to low, 1 from high on.)
struct pair_index_ramp {
  real low;
  real high;
  real slope; // 1 / (high - low). Stored, because a division costs ten products.

  real fast_share(std::int64_t pair) const {
    if (real(pair) >= high) // Exactly 0. The formula below may give slightly more.
      return 0;
    return real(1) - max((real(pair) - low) * slope, 0);
  }
  pair_range report() const { return {true, static_cast<double>(low), static_cast<double>(high)}; }
};

// The ramp from the pair that turns `fast` times within `length` tokens to the pair that turns
// `slow` times. Requires fast >= slow > 0. As in Hugging Face, low is >= 0, high is <= d - 1 (not
// d/2 - 1), and high = low + 0.001 if both are equal. If an original length of a few tokens makes
// high less than low, the ramp of Hugging Face runs backwards and leaves every pair unscaled. Here
// high is raised to low, as in ggml.
inline pair_index_ramp find_correction_range(const spectrum& s, real length, real fast, real slow,
                                             bool truncate) {
  if (s.log_theta() <= real(0))
    fail_argument(
        "yarn: rope_shape.rope_theta = {} must be > 1 for a method that blends by pair index",
        s.shape().rope_theta);
  const real last = s.rotary_dim() - 1;
  const auto pair_of = [&](real turns) {
    return real(s.rotary_dim()) * log(length / (real(2) * constant::pi * turns)) /
           (real(2) * s.log_theta());
  };
  const real at_fast = pair_of(fast);
  const real at_slow = pair_of(slow);
  const real low = min(max(truncate ? floor(at_fast) : at_fast, 0), last);
  real high = max(min(truncate ? ceil(at_slow) : at_slow, last), low);
  if (!(low < high))
    high = low + real(1) / real(1000);
  return {low, high, real(1) / (high - low)};
}

// A ramp that is linear in the turns within the original length: 0 up to `slow` turns, 1 from
// `fast` turns on.
class rotations_ramp {
public:
  rotations_ramp(real length, real slow, real fast)
      : turns_per_radian_(length / (real(2) * constant::pi)), slow_(slow), fast_(fast),
        slope_(slow < fast ? real(1) / (fast - slow) : real(0)) {}

  real fast_share(real inv_freq) const {
    const real turns = turns_per_radian_ * inv_freq;
    if (turns >= fast_)
      return 1;
    if (turns <= slow_)
      return 0;
    return (turns - slow_) * slope_;
  }

private:
  real turns_per_radian_;
  real slow_;
  real fast_;
  real slope_;
};

// Frequency i becomes k * theta_i + (1 - k) * theta_i / scale, with k = kept_share(i).
template <class Share> void blend(spectrum& s, real scale, const Share& kept_share) {
  const real compression = real(1) / scale;
  for (std::int64_t i = 0; i < s.n_pairs(); ++i) {
    const real kept = kept_share(i);
    const real theta = s.inv_freq(i);
    if (kept == real(1))
      s.set(i, theta, frequency_zone::extrapolated);
    else if (kept.is_zero())
      s.set(i, theta * compression, frequency_zone::interpolated);
    else
      s.set(i, kept * theta + (real(1) - kept) * (theta * compression), frequency_zone::blended);
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
