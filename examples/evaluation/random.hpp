// SPDX-License-Identifier: MIT
// Random numbers by splitmix64, which are the same with every standard library.
#ifndef YARN_EXAMPLES_EVALUATION_RANDOM_HPP
#define YARN_EXAMPLES_EVALUATION_RANDOM_HPP

#include <cstddef>
#include <cstdint>

namespace evaluation {

class random_numbers {
public:
  explicit random_numbers(std::uint64_t seed) : state_(seed) {}
  /// The stream with this number among those of a seed, for example that of a step.
  random_numbers(std::uint64_t seed, std::uint64_t stream) : state_(seed) {
    state_ = next() ^ (stream * 0xd1342543de82ef95U);
    state_ = next();
  }

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// In [0, 1).
  double unit() { return static_cast<double>(next() >> 11U) * 0x1p-53; }
  /// In [0, n). n is far below 2^53.
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>(unit() * static_cast<double>(n));
  }

private:
  std::uint64_t state_;
};

} // namespace evaluation

#endif
