// SPDX-License-Identifier: MIT
// Blocks of 32 floats for the tests of ggml's block formats: random ones, and those on which
// implementations differ.
#ifndef YARN_TESTS_SUPPORT_GGML_BLOCKS_HPP
#define YARN_TESTS_SUPPORT_GGML_BLOCKS_HPP

#include "bits.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

namespace support {

using block_of_floats = std::array<float, 32>;

/// The kinds of blocks that random_block makes.
enum class block_kind {
  uniform,    // of a random magnitude, 2^-14 to 2^14
  any_scale,  // tiny to huge: 2^-149 to 2^127, where scales are subnormal, 0 or infinite
  constant,   // all elements equal, also 0
  signs,      // elements of two magnitudes and any signs, also of 0
  ties,       // multiples of half the scale of a format
  near_ties,  // and their neighbours
  sparse,     // most elements are 0 or -0
  outlier,    // one element is much larger
  any_bits,   // any finite numbers
  infinities, // some infinite elements
};
inline constexpr int n_block_kinds = 10;

inline block_of_floats random_block(block_kind kind, random_source& random) {
  block_of_floats x;
  const auto exponent = [&](int low, int high) {
    return static_cast<int>(random.integer(low, high));
  };
  const auto number = [&] { return static_cast<float>(random.number(-1, 1)); };
  const float scale = std::ldexp(1.0F, exponent(-14, 14));
  for (float& element : x) {
    element = number() * scale;
    if (kind == block_kind::sparse && random.integer(0, 5) != 0)
      element *= 0.0F;
  }
  if (kind == block_kind::any_scale) {
    const int e = exponent(-149, 127);
    for (float& element : x)
      element = std::ldexp(number(), e);
  } else if (kind == block_kind::constant) {
    const float value = random.integer(0, 7) == 0 ? x[0] * 0.0F : x[0];
    x.fill(value);
  } else if (kind == block_kind::signs) {
    const float values[2] = {random.integer(0, 3) == 0 ? 0.0F : x[0], x[1]};
    for (float& element : x)
      element = std::copysign(values[random.integer(0, 1)], number());
  } else if (kind == block_kind::ties || kind == block_kind::near_ties) {
    // The largest magnitude is `steps` times a power of two, so the scale is this power of two.
    constexpr int all_steps[] = {8, 15, 16, 31, 127};
    const auto steps = all_steps[random.integer(0, 4)];
    const auto first = random.integer(0, 1) == 0 ? -2 * steps : 0; // q4_1 and q5_1 count from here
    for (float& element : x) {
      element = static_cast<float>(random.integer(first, 2 * steps)) * 0.5F * scale;
      if (kind == block_kind::near_ties)
        element = std::nextafter(element, number());
    }
    x[static_cast<std::size_t>(random.integer(0, 15))] = static_cast<float>(steps) * scale;
    x[static_cast<std::size_t>(random.integer(16, 31))] = static_cast<float>(first) * 0.5F * scale;
  } else if (kind == block_kind::outlier) {
    x[static_cast<std::size_t>(random.integer(0, 31))] = number() * scale * 100;
  } else if (kind == block_kind::any_bits) {
    for (float& element : x)
      do
        element = from_bits<float>(static_cast<std::uint32_t>(random.next()));
      while (!std::isfinite(element));
  } else if (kind == block_kind::infinities) {
    for (float& element : x)
      if (random.integer(0, 7) == 0)
        element = std::copysign(std::numeric_limits<float>::infinity(), number());
  }
  return x;
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_GGML_BLOCKS_HPP
