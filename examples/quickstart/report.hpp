// SPDX-License-Identifier: MIT
// Prints tables of the frequencies of each model.
#ifndef YARN_EXAMPLES_QUICKSTART_REPORT_HPP
#define YARN_EXAMPLES_QUICKSTART_REPORT_HPP

#include "models.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace quickstart {

/// The instruction set that the program was compiled for.
inline const char* instruction_set() {
#if defined(YARN_NO_XSIMD)
  return "scalar code";
#elif defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#elif defined(__SSE2__) || defined(_M_X64)
  return "SSE2";
#elif defined(__ARM_NEON)
  return "NEON";
#else
  return "this processor";
#endif
}

/// A wavelength in tokens, with three digits.
inline std::string wavelength(double inv_freq) {
  constexpr double two_pi = 6.283185307179586;
  const double tokens = two_pi / inv_freq;
  char text[32];
  if (tokens < 1e3)
    std::snprintf(text, sizeof text, "%.3g", tokens);
  else if (tokens < 1e6)
    std::snprintf(text, sizeof text, "%.3gk", tokens / 1e3);
  else
    std::snprintf(text, sizeof text, "%.3gM", tokens / 1e6);
  return text;
}

inline void print_wavelengths(const std::vector<model>& models) {
  std::printf("Wavelengths in tokens, unscaled > scaled\n");
  std::printf("%-22s %9s %9s %11s %12s %12s\n", "  of the pair", "first", "1/4", "1/2", "3/4",
              "last");
  constexpr int widths[] = {9, 9, 11, 12, 12};
  for (const model& m : models) {
    const yarn::frequencies scaled = m.frequencies();
    const yarn::frequencies unscaled = make_frequencies(m.shape, yarn::default_scaling{});
    std::printf("%-22s", m.name);
    for (int quarter = 0; quarter <= 4; ++quarter) {
      const std::int64_t pair = quarter < 4 ? scaled.n_pairs() * quarter / 4 : scaled.n_pairs() - 1;
      std::string cell = wavelength(unscaled.inv_freq()[pair]);
      if (scaled.inv_freq()[pair] < unscaled.inv_freq()[pair])
        cell += ">" + wavelength(scaled.inv_freq()[pair]);
      std::printf(" %*s", widths[quarter], cell.c_str());
    }
    std::printf("\n");
  }
}

inline void print_zones(const std::vector<model>& models) {
  std::printf("Pairs by zone; correction range; attention factor on cos and sin; softmax scale\n");
  std::printf("%-22s %6s %7s %12s %6s %9s %11s\n", "", "kept", "blended", "interpolated", "range",
              "attention", "softmax");
  for (const model& m : models) {
    const yarn::frequencies freqs = m.frequencies();
    const auto count = [&](yarn::frequency_zone zone) {
      int n = 0;
      for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair)
        n += freqs.zone(pair) == zone ? 1 : 0;
      return n;
    };
    const yarn::pair_range range = freqs.correction_range();
    char range_text[32] = "-";
    if (range.has_value)
      std::snprintf(range_text, sizeof range_text, "%g-%g", range.low, range.high);
    std::printf("%-22s %6d %7d %12d %6s %9.6f %11.6f\n", m.name,
                count(yarn::frequency_zone::extrapolated), count(yarn::frequency_zone::blended),
                count(yarn::frequency_zone::interpolated), range_text, freqs.attention_factor(),
                m.softmax_scale());
  }
}

} // namespace quickstart

#endif
