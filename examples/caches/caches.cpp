// SPDX-License-Identifier: MIT
// Two KV caches: a paged cache with q8_0 blocks of ggml, and a cache whose format and addressing
// are the engine's own. The program writes keys, moves them in place, and compares the cached keys
// with keys that were never cached.
#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

// A format: a float scale, then a signed byte for each element.
struct int8_with_scale {
  std::int64_t head_bytes(std::int64_t head_dim) const { return 4 + head_dim; }
  void check(std::int64_t /*head_dim*/) const {}
  void encode(const float* values, std::int64_t head_dim, void* head,
              yarn::cache_place /*at*/) const noexcept {
    float largest = 0;
    for (std::int64_t i = 0; i < head_dim; ++i)
      largest = std::fmax(largest, std::fabs(values[i]));
    const float scale = largest > 0 ? largest / 127 : 1;
    auto* const bytes = static_cast<signed char*>(head);
    std::memcpy(bytes, &scale, 4);
    for (std::int64_t i = 0; i < head_dim; ++i)
      bytes[4 + i] = static_cast<signed char>(std::lrint(values[i] / scale));
  }
  void decode(const void* head, std::int64_t head_dim, float* values,
              yarn::cache_place /*at*/) const noexcept {
    const auto* const bytes = static_cast<const signed char*>(head);
    float scale;
    std::memcpy(&scale, bytes, 4);
    for (std::int64_t i = 0; i < head_dim; ++i)
      values[i] = scale * static_cast<float>(bytes[4 + i]);
  }
};

// An addressing: a sliding window. Each of the newest `window` positions has a row; older positions
// have none.
struct sliding_window {
  std::byte* memory;
  std::int64_t window, heads, bytes; // `bytes` is the size of a head
  std::int64_t first_position, tokens, last_position;

  std::int64_t n_tokens() const { return tokens; }
  std::int64_t n_heads() const { return heads; }
  std::int64_t head_bytes() const { return bytes; }
  std::int64_t row(std::int64_t token) const {
    const std::int64_t position = first_position + token;
    return position > last_position - window ? position % window : -1;
  }
  void* head(yarn::cache_place place) const {
    return memory + (place.row * heads + place.head) * bytes;
  }
  void check() const {
    if (memory == nullptr || first_position < 0 || window < 1)
      throw std::invalid_argument("sliding_window: no memory, no window, or a negative position");
  }
};

constexpr std::int64_t n_tokens = 40, n_heads = 2, head_dim = 64;
constexpr yarn::pairing half_split = yarn::pairing::half_split;
using heads = yarn::heads_view<float>;

std::vector<float> some_keys() {
  std::vector<float> k(n_tokens * n_heads * head_dim);
  for (std::size_t i = 0; i < k.size(); ++i)
    k[i] = std::sin(0.37F * static_cast<float>(i));
  return k;
}
yarn::frequencies some_frequencies() {
  return yarn::make_frequencies(yarn::rope_shape{head_dim, 0, 10000.0}, yarn::default_scaling{});
}

// Moves all keys of a cache back by 5 positions, without a float copy of the cache. Then compares
// the tokens from `first` on with keys that are rotated at their new positions.
template <class Cache> bool moves_keys(const char* name, const Cache& cache, std::int64_t first) {
  const yarn::frequencies freqs = some_frequencies();
  const std::vector<std::int64_t> moved_by(n_tokens, -5);
  yarn::rope_apply(cache, yarn::rows_of(yarn::unscaled(freqs), yarn::positions(moved_by)),
                   half_split);

  std::vector<float> cached(n_tokens * n_heads * head_dim), exact = some_keys();
  yarn::copy_heads(cache, heads{cached.data(), n_tokens, n_heads, head_dim});
  yarn::rope_apply(heads{exact.data(), n_tokens, n_heads, head_dim},
                   yarn::rows_of(freqs, yarn::positions_from(-5)), half_split);
  float largest_error = 0;
  for (auto i = static_cast<std::size_t>(first * n_heads * head_dim); i < exact.size(); ++i)
    largest_error = std::fmax(largest_error, std::fabs(cached[i] - exact[i]));
  std::printf("%s: the largest error is %.4f\n", name, static_cast<double>(largest_error));
  // Each store of int8_with_scale rounds by up to 1.42 / 254. The move makes the first error up to
  // sqrt(2) times as large. q8_0 also rounds the scale, which adds up to 1.42 / 2^11 to the error
  // of a store, but the errors of these keys stay below the same number.
  return largest_error < 0.0135F;
}

bool paged_cache() {
  std::vector<float> x = some_keys();
  const heads k{x.data(), n_tokens, n_heads, head_dim}, v = k;
  const auto rows = yarn::rows_of(some_frequencies(), yarn::positions_from(0));
  constexpr std::int64_t n_pages = 4;
  const yarn::q8_0 format;
  const std::int64_t head_size = format.head_bytes(head_dim); // 68
  std::vector<std::byte> k_memory(static_cast<std::size_t>(n_pages * 16 * n_heads * head_size));
  std::vector<std::byte> v_memory(k_memory.size());
  std::vector<std::int64_t> slots; // the tokens lie in pages 2, 0 and 3
  for (const std::int64_t page : {2, 0, 3})
    for (std::int64_t i = 0; i < 16; ++i)
      slots.push_back(page * 16 + i);

  const yarn::paged_view k_pages{k_memory.data(), n_pages, 16, n_heads, head_size};
  const yarn::paged_view v_pages{v_memory.data(), n_pages, 16, n_heads, head_size};
  const auto k_cache = yarn::stored(k_pages.at(slots.data(), n_tokens), format, head_dim);
  const auto v_cache = yarn::stored(v_pages.at(slots.data(), n_tokens), format, head_dim);
  yarn::rope_copy(k, k_cache, rows, half_split); // rotates keys and writes them
  yarn::copy_heads(v, v_cache);                  // writes values
  return moves_keys("paged cache", k_cache, 0);
}

bool own_cache() {
  std::vector<float> x = some_keys();
  const heads k{x.data(), n_tokens, n_heads, head_dim};
  constexpr std::int64_t window = 32, head_size = 4 + head_dim;
  std::vector<std::byte> memory(window * n_heads * head_size);
  const sliding_window newest{memory.data(), window, n_heads, head_size, 0, n_tokens, n_tokens - 1};
  const auto cache = yarn::stored(newest, int8_with_scale{}, head_dim);
  yarn::rope_copy(k, cache, yarn::rows_of(some_frequencies(), yarn::positions_from(0)), half_split);
  return moves_keys("own cache", cache, n_tokens - window);
}

int main() {
  try {
    return paged_cache() && own_cache() ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
