// SPDX-License-Identifier: MIT
// Compares times with the least work that any operation in place must do: reading and writing the
// same bytes.
#ifndef YARN_EXAMPLES_QUICKSTART_THROUGHPUT_HPP
#define YARN_EXAMPLES_QUICKSTART_THROUGHPUT_HPP

#include <yarn/yarn.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace quickstart {

inline void negate(float& element) { element = -element; }
inline void negate(yarn::bfloat16& element) {
  element.bits = static_cast<std::uint16_t>(element.bits ^ 0x8000);
}

/// Multiplies n elements by -1 in place. n is a multiple of 64, so that the inner loop has a fixed
/// length. At -O2, g++ 12 vectorises only such loops.
template <class T> void negate(T* data, std::size_t n) {
  constexpr std::size_t block = 64;
  for (std::size_t i = 0; i < n; i += block)
    for (std::size_t j = 0; j < block; ++j)
      negate(data[i + j]);
}

template <class Work> double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct comparison {
  double seconds;          ///< median time of the work
  double baseline_seconds; ///< median time of the baseline
  double ratio; ///< median over the rounds of baseline / work; above 1, the work is faster
};

/// Measures work and baseline alternately for `seconds`, so that changes of the clock rate and
/// other programs affect both.
template <class Work, class Baseline>
comparison compare(double seconds, const Work& work, const Baseline& baseline) {
  std::vector<double> times, baseline_times, ratios;
  const auto round = [&] {
    baseline_times.push_back(seconds_of(baseline));
    times.push_back(seconds_of(work));
    ratios.push_back(baseline_times.back() / times.back());
    return baseline_times.back() + times.back();
  };
  seconds_of(baseline), seconds_of(work); // warm-up
  for (double elapsed = 0; elapsed < seconds || ratios.size() < 5;)
    elapsed += round();
  return {median(times), median(baseline_times), median(ratios)};
}

} // namespace quickstart

#endif
