// SPDX-License-Identifier: MIT
// rope_apply on tensors of a 7B model, 32 query and 8 key heads of 128 elements: decode steps and
// prompts, all element types, both pairings, from rows, frequencies and tables, beside multiplying
// the same memory in place.
#include "support.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::contender;

constexpr std::int64_t head_dim = 128;
constexpr std::int64_t n_q_heads = 32;
constexpr std::int64_t n_kv_heads = 8;
constexpr std::int64_t n_table_rows = 131072;
constexpr std::int64_t first_position = 100000;

enum class source { rows, frequencies, table };
enum class layout { token_major, head_major };

struct scenario {
  std::string name;
  std::int64_t n_tokens;
  std::int64_t n_layers; ///< tensors rotated in turn: they choose the cache that is measured
  yarn::pairing pairing;
  source from;
  layout order;
};

const char* source_name(source from) {
  switch (from) {
  case source::rows:
    return "rows";
  case source::frequencies:
    return "frequencies";
  default:
    return "table";
  }
}

template <class T> struct layer {
  yarn::heads_view<T> q;
  yarn::heads_view<T> k;
};

/// q and k of all layers, one behind the other in one array. (Each on a page of its own, they would
/// compete for the same few sets of the caches.)
template <class T>
std::vector<layer<T>> layers_in(const scenario& s, const support::warm_array<T>& memory) {
  std::vector<layer<T>> layers;
  T* free = memory.data();
  const auto next = [&](std::int64_t n_heads) {
    const yarn::heads_view<T> dense(free, s.n_tokens, n_heads, head_dim);
    free += s.n_tokens * n_heads * head_dim;
    return s.order == layout::token_major ? dense
                                          : dense.with_strides(head_dim, s.n_tokens * head_dim);
  };
  for (std::int64_t i = 0; i < s.n_layers; ++i) {
    const yarn::heads_view<T> q = next(n_q_heads);
    layers.push_back({q, next(n_kv_heads)});
  }
  return layers;
}

/// The work is one step: all layers. From rows it includes making them, once for all layers.
template <class T> void rope(benchmark::State& state, const scenario& s) {
  // 16-bit tensors take float rows, and for their baseline floats of as many bytes.
  using real = std::conditional_t<sizeof(T) == 8, double, float>;
  const yarn::frequencies freqs = support::steady_frequencies();
  const yarn::positions run = yarn::positions_from(first_position, s.n_tokens);
  const support::warm_array<T> memory(
      static_cast<std::size_t>(s.n_layers * s.n_tokens * (n_q_heads + n_kv_heads) * head_dim));
  const std::size_t n_scaled = memory.bytes() / sizeof(real);
  const support::warm_array<real> twin(std::is_same_v<T, real> ? 0 : n_scaled);
  const std::vector<layer<T>> layers = layers_in(s, memory);

  real* scaled = twin.data();
  if constexpr (std::is_same_v<T, real>)
    scaled = memory.data();
  real factor = -1;
  benchmark::DoNotOptimize(factor);
  const auto scale = [&] { support::scale(scaled, n_scaled, factor); };
  const auto scale_prefetching = [&] { support::scale_prefetching(scaled, n_scaled, factor); };
  const auto measure = [&](const auto& step) {
    support::compare(state, 2 * memory.bytes(), step, contender{"scale", scale},
                     contender{"scale_prefetching", scale_prefetching});
  };
  switch (s.from) {
  case source::rows: {
    yarn::rotary_rows<real> rows;
    measure([&] {
      rows.assign(freqs, run);
      for (const layer<T>& l : layers)
        yarn::rope_apply(l.q, l.k, rows, s.pairing);
    });
    break;
  }
  case source::frequencies:
    measure([&] {
      for (const layer<T>& l : layers)
        yarn::rope_apply(l.q, l.k, run, freqs, s.pairing);
    });
    break;
  case source::table: {
    const yarn::rotary_table<real> table = yarn::make_table<real>(freqs, n_table_rows);
    measure([&] {
      for (const layer<T>& l : layers)
        yarn::rope_apply(l.q, l.k, run, table, s.pairing);
    });
    break;
  }
  }
}

template <class T> void add(const scenario& s) {
  const std::string name = "rope/" + s.name + "/" + support::type_name<T>() + "/" +
                           support::pairing_name(s.pairing) + "/" + source_name(s.from) +
                           (s.order == layout::head_major ? "/head_major" : "") + "/" +
                           std::to_string(s.n_tokens) + "x(32+8)x128/" + support::arch_name();
  support::add_comparison(name, [s](benchmark::State& state) { rope<T>(state, s); });
}

const bool registered = [] {
  constexpr auto half_split = yarn::pairing::half_split;
  constexpr auto interleaved = yarn::pairing::interleaved;
  for (const yarn::pairing pairing : {half_split, interleaved})
    for (const source from : {source::rows, source::frequencies, source::table}) {
      add<float>({"decode_1_layer", 1, 1, pairing, from, layout::token_major});
      add<float>({"decode_32_layers", 1, 32, pairing, from, layout::token_major});
      add<float>({"prefill", 4096, 1, pairing, from, layout::token_major});
    }
  for (const source from : {source::rows, source::frequencies, source::table})
    add<float>({"prefill", 4096, 1, half_split, from, layout::head_major});
  for (const yarn::pairing pairing : {half_split, interleaved}) {
    const scenario decode{"decode_32_layers", 1, 32, pairing, source::rows, layout::token_major};
    const scenario prefill{"prefill", 4096, 1, pairing, source::table, layout::token_major};
    add<yarn::bfloat16>(decode);
    add<yarn::bfloat16>(prefill);
    add<yarn::float16>(decode);
    add<yarn::float16>(prefill);
    add<double>(decode);
    add<double>(prefill);
  }
  return true;
}();

} // namespace
