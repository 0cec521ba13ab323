// SPDX-License-Identifier: MIT
// Rotates some tokens of a key cache [heads][tokens][dim] in place, as a std::mdspan (C++23).
#include <yarn/mdspan.hpp>
#include <yarn/yarn.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mdspan>
#include <vector>

int main() try {
  constexpr std::size_t n_heads = 2, capacity = 100,
                        head_dim = 2; // one pair; its angle is the position
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rope_theta = 10000.0;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});

  std::vector<float> memory(n_heads * capacity * head_dim, 1.0F);
  const std::mdspan cache(memory.data(), std::extents<std::size_t, n_heads, capacity, head_dim>{});
  // Three tokens, from position 7 on.
  const std::mdspan some(
      &cache[0, 7, 0],
      std::layout_stride::mapping(std::dextents<std::size_t, 3>(n_heads, 3, head_dim),
                                  std::array{cache.stride(0), cache.stride(1), cache.stride(2)}));
  yarn::rope_apply(yarn::heads_from(some, yarn::dim_order::heads_tokens_dim),
                   yarn::rows_of(freqs, yarn::positions_from(7)), yarn::pairing::half_split);

  double largest = 0;
  for (std::size_t t = 6; t < 11; ++t) {
    const bool is_rotated = t > 6 && t < 10;
    const auto angle = static_cast<double>(t);
    const double expected = is_rotated ? std::cos(angle) - std::sin(angle) : 1.0;
    std::printf("token %2zu: %8.5f, expected %8.5f\n", t, static_cast<double>(cache[1, t, 0]),
                expected);
    largest = std::fmax(largest, std::fabs(static_cast<double>(cache[1, t, 0]) - expected));
  }
  return largest < 1e-6 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
