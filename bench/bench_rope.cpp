// SPDX-License-Identifier: MIT
// Compares rope_apply with multiplying as many bytes in place, and rope_copy with a copy that only
// converts. The benchmarks cover decode steps and prompts, element types, pairings, sources of rows,
// layouts, shapes and threads.
#include "support.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using support::contender;
using yarn::pairing;

constexpr std::int64_t n_table_rows = 131072;
constexpr std::int64_t first_position = 100000;

enum class source {
  kept_rows, ///< made before the measurement, so only rotations are measured
  rows,      ///< made once per step, for all layers
  run,       ///< frequencies and consecutive positions
  scattered, ///< frequencies and positions in no order
  table,     ///< a table of 131072 positions
};
enum class layout { token_major, head_major, packed_qkv };

struct scenario {
  std::string name;
  std::int64_t n_tokens = 1;
  std::int64_t n_layers = 1; ///< each has its own q and k; the size of all layers decides which
                             ///< cache is measured
  std::int64_t n_q_heads = 32;
  std::int64_t n_kv_heads = 8;
  std::int64_t head_dim = 128;
  std::int64_t rotary_dim = 0; ///< 0: head_dim
  yarn::pairing order = pairing::half_split;
  source from = source::kept_rows;
  layout memory = layout::token_major;
  std::size_t offset = 0; ///< of the first element from a multiple of 64, in bytes

  std::int64_t pairs() const { return (rotary_dim == 0 ? head_dim : rotary_dim) / 2; }
};

const char* source_name(source from) {
  switch (from) {
  case source::kept_rows:
    return "kept_rows";
  case source::rows:
    return "rows";
  case source::run:
    return "run";
  case source::scattered:
    return "scattered";
  default:
    return "table";
  }
}

template <class T> struct layer {
  yarn::heads_view<T> q;
  yarn::heads_view<T> k;
};

std::int64_t qkv_size(const scenario& s) { return (s.n_q_heads + 2 * s.n_kv_heads) * s.head_dim; }

std::size_t elements_of(const scenario& s) {
  const std::int64_t token_size =
      s.memory == layout::packed_qkv ? qkv_size(s) : (s.n_q_heads + s.n_kv_heads) * s.head_dim;
  return static_cast<std::size_t>(s.n_layers * s.n_tokens * token_size);
}

/// q and k of all layers, one after the other in one array. (If each tensor began on its own page,
/// all tensors would compete for the same few sets of the caches.)
template <class T> std::vector<layer<T>> layers_in(const scenario& s, T* free) {
  std::vector<layer<T>> layers;
  const auto next = [&](std::int64_t n_heads) {
    yarn::heads_view<T> x(free, s.n_tokens, n_heads, s.head_dim);
    if (s.memory == layout::head_major)
      x = x.with_strides(s.head_dim, s.n_tokens * s.head_dim);
    if (s.memory == layout::packed_qkv) {
      x = x.with_strides(qkv_size(s), s.head_dim);
      free += n_heads * s.head_dim;
    } else {
      free += s.n_tokens * n_heads * s.head_dim;
    }
    return x;
  };
  for (std::int64_t i = 0; i < s.n_layers; ++i) {
    const yarn::heads_view<T> q = next(s.n_q_heads), k = next(s.n_kv_heads);
    layers.push_back({q, k});
    if (s.memory == layout::packed_qkv)
      free += s.n_tokens * qkv_size(s) - (s.n_q_heads + s.n_kv_heads) * s.head_dim;
  }
  return layers;
}

std::vector<std::int32_t> scattered_positions(std::int64_t n) {
  std::mt19937 random(1);
  std::vector<std::int32_t> list(static_cast<std::size_t>(n));
  for (std::int32_t& position : list)
    position = static_cast<std::int32_t>(random() % n_table_rows);
  return list;
}

/// The baselines of a kernel in place: multiplying the same bytes, with and without prefetching,
/// and for 16-bit elements also converting to float and back. (With packed_qkv they also multiply
/// v, which is not rotated.)
template <class T> class baselines {
public:
  using real = std::conditional_t<sizeof(T) == 8, double, float>;

  /// For floats and doubles, the baselines use the memory of the tensor, so that both use the same
  /// pages. For 16-bit types, the multiplications use another array with as many bytes, and the
  /// conversion uses the memory of the tensor.
  baselines(T* data, std::size_t n)
      : data_(data), n_(n * sizeof(T) / sizeof(real)),
        scale_memory_(std::is_same_v<T, real> ? 0 : n_) {
    benchmark::DoNotOptimize(factor_);
  }

  template <class Work>
  void compare(benchmark::State& state, std::size_t bytes, const Work& work) const {
    const auto scale = [&] { support::scale(target(), n_, factor_); };
    const auto scale_prefetching = [&] { support::scale_prefetching(target(), n_, factor_); };
    if constexpr (sizeof(T) == 2)
      support::compare(state, bytes, work, contender{"scale", scale},
                       contender{"scale_prefetching", scale_prefetching},
                       contender{"convert", [&] { support::convert(data_, n_ * 2); }});
    else
      support::compare(state, bytes, work, contender{"scale", scale},
                       contender{"scale_prefetching", scale_prefetching});
  }

private:
  real* target() const {
    if constexpr (std::is_same_v<T, real>)
      return data_;
    else
      return scale_memory_.data();
  }

  T* data_;
  std::size_t n_;
  support::warm_array<real> scale_memory_;
  real factor_ = -1;
};

/// Measures one step of all layers.
template <class T> void rope(benchmark::State& state, const scenario& s) {
  using real = std::conditional_t<sizeof(T) == 8, double, float>; // 16-bit tensors take float rows
  const yarn::frequencies freqs = support::steady_frequencies(2 * s.pairs());
  const std::vector<std::int32_t> list = scattered_positions(s.n_tokens);
  const yarn::positions scattered(list);
  const yarn::positions run = yarn::positions_from(first_position, s.n_tokens);
  const std::size_t n = elements_of(s);
  const support::warm_array<T> memory(n + 64);
  T* const data = memory.data() + s.offset / sizeof(T);
  const std::vector<layer<T>> layers = layers_in(s, data);
  const baselines<T> baseline(data, n / 128 * 128);
  const auto measure = [&](const auto& step) {
    const std::int64_t touched =
        s.n_layers * s.n_tokens * (s.n_q_heads + s.n_kv_heads) * s.head_dim;
    baseline.compare(state, 2 * sizeof(T) * static_cast<std::size_t>(touched), step);
  };
  const auto rotate_all = [&](const auto& any_rows) {
    for (const layer<T>& l : layers)
      yarn::rope_apply(l.q, l.k, any_rows, s.order);
  };

  yarn::rotary_rows<real> rows;
  switch (s.from) {
  case source::kept_rows:
    rows.assign(freqs, run);
    measure([&] { rotate_all(rows); });
    break;
  case source::rows:
    measure([&] {
      rows.assign(freqs, run);
      rotate_all(rows);
    });
    break;
  case source::run:
    measure([&] { rotate_all(yarn::rows_of(freqs, run)); });
    break;
  case source::scattered:
    measure([&] { rotate_all(yarn::rows_of(freqs, scattered)); });
    break;
  case source::table: {
    const yarn::rotary_table<real> table = yarn::make_table<real>(freqs, n_table_rows);
    measure([&] { rotate_all(yarn::rows_of(table, scattered)); });
    break;
  }
  }
}

/// Compares a checked call with the same call without checks.
void checks(benchmark::State& state, const scenario& s) {
  const support::warm_array<float> memory(elements_of(s));
  const layer<float> l = layers_in(s, memory.data()).front();
  yarn::rotary_rows<float> rows;
  rows.assign(support::steady_frequencies(128), yarn::positions_from(first_position, s.n_tokens));
  support::compare(
      state, 2 * memory.bytes(), [&] { yarn::rope_apply(l.q, l.k, rows, s.order); },
      contender{"unchecked", [&] { yarn::rope_apply_unchecked(l.q, l.k, rows, s.order); }});
}

/// Compares rope_copy of floats into a cache of another type with a conversion of these floats.
template <class To> void copy(benchmark::State& state, const scenario& s) {
  const std::size_t n = elements_of(s);
  const support::warm_array<float> from(n);
  const support::warm_array<To> to(n);
  const yarn::frequencies freqs = support::steady_frequencies(2 * s.pairs());
  const yarn::positions run = yarn::positions_from(first_position, s.n_tokens);
  const std::int64_t heads = s.n_q_heads + s.n_kv_heads;
  const yarn::heads_view<const float> source(from.data(), s.n_tokens, heads, s.head_dim);
  const yarn::heads_view<To> target(to.data(), s.n_tokens, heads, s.head_dim);
  support::compare(
      state, from.bytes() + to.bytes(),
      [&] { yarn::rope_copy(source, target, yarn::rows_of(freqs, run), s.order); },
      contender{"converting_copy",
                [&] { support::convert_copy(from.data(), to.data(), from.size()); }});
}

/// Compares two threads, each with half of the tokens, with one thread that rotates all tokens. The
/// times are CPU times of the calling thread, which waits in a loop for the other thread.
template <class T> void two_threads(benchmark::State& state, const scenario& s) {
  const support::warm_array<T> memory(elements_of(s));
  const layer<T> l = layers_in(s, memory.data()).front();
  const yarn::frequencies freqs = support::steady_frequencies(2 * s.pairs());
  const yarn::positions run = yarn::positions_from(first_position, s.n_tokens);
  const auto rotate = [&](yarn::thread_slice slice) {
    yarn::rope_apply_unchecked(l.q, l.k, yarn::rows_of(freqs, run), s.order, slice);
  };
  // The other thread waits in a loop, like the threads of an engine within a step.
  std::atomic<int> requested{0}, done{0};
  std::thread worker([&] {
    for (int request = 1;; ++request) {
      int now = 0;
      while ((now = requested.load(std::memory_order_acquire)) < request && now >= 0)
        ;
      if (now < 0)
        return;
      rotate({1, 2});
      done.store(request, std::memory_order_release);
    }
  });
  const auto rotate_on_two_threads = [&] {
    const int request = requested.load(std::memory_order_relaxed) + 1;
    requested.store(request, std::memory_order_release);
    rotate({0, 2});
    while (done.load(std::memory_order_acquire) < request)
      ;
  };
  support::compare(state, 2 * memory.bytes(), rotate_on_two_threads, contender{"one_thread", [&] {
                                                                                 rotate({0, 1});
                                                                               }});
  requested.store(-1, std::memory_order_release);
  worker.join();
}

std::string full_name(const scenario& s, const char* type) {
  std::string name = "rope/" + s.name + "/" + type + "/" + support::pairing_name(s.order) + "/" +
                     source_name(s.from);
  if (s.memory != layout::token_major)
    name += s.memory == layout::head_major ? "/head_major" : "/packed_qkv";
  if (s.offset != 0)
    name += "/offset_" + std::to_string(s.offset);
  name += "/" + std::to_string(s.n_tokens) + "x(" + std::to_string(s.n_q_heads) + "+" +
          std::to_string(s.n_kv_heads) + ")x" + std::to_string(s.head_dim);
  if (s.rotary_dim != 0)
    name += "of" + std::to_string(s.rotary_dim);
  return name + "/" + support::arch_name();
}

void add(const std::string& name, void (*function)(benchmark::State&, const scenario&),
         const scenario& s) {
  support::add_comparison(name, [=](benchmark::State& state) { function(state, s); });
}
template <class T> void add(const scenario& s) {
  add(full_name(s, support::type_name<T>()), rope<T>, s);
}
void add_all_types(const scenario& s) {
  add<float>(s);
  add<yarn::bfloat16>(s);
  add<yarn::float16>(s);
}

const bool registered = [] {
  for (const yarn::pairing order : {pairing::half_split, pairing::interleaved}) {
    scenario decode;
    decode.name = "decode_1_layer"; // 20 KB of floats: L1
    decode.order = order;
    add_all_types(decode);
    add<double>(decode);
    add(full_name(decode, "f32") + "/checks", checks, decode);
    decode.name = "decode_32_layers"; // 640 KB of floats: L2
    decode.n_layers = 32;
    add_all_types(decode);
    decode.from = source::rows;
    add_all_types(decode);

    scenario prefill;
    prefill.name = "prefill";
    prefill.order = order;
    for (const std::int64_t n_tokens : {4096, 16384})
      for (const source from : {source::run, source::scattered, source::table}) {
        prefill.n_tokens = n_tokens;
        prefill.from = from;
        add<float>(prefill);
      }
    prefill.from = source::run;
    prefill.n_tokens = 26214; // 256 MB of 16-bit elements
    add<yarn::bfloat16>(prefill);
    add<yarn::float16>(prefill);
    prefill.n_tokens = 64; // 640 KB of 16-bit elements
    add<yarn::bfloat16>(prefill);
    add<yarn::float16>(prefill);
    prefill.n_tokens = 4096;
    prefill.memory = layout::head_major;
    add_all_types(prefill);
    prefill.memory = layout::packed_qkv;
    add<float>(prefill);

    scenario few_heads = prefill;
    few_heads.name = "few_heads";
    few_heads.memory = layout::token_major;
    few_heads.n_kv_heads = 1;
    for (const std::int64_t n_q_heads : {1, 8}) {
      few_heads.n_q_heads = n_q_heads;
      add<float>(few_heads);
    }

    for (const std::int64_t n_tokens : {64, 4096}) {
      scenario cache;
      cache.name = "rope_copy";
      cache.order = order;
      cache.n_tokens = n_tokens;
      cache.from = source::run;
      add(full_name(cache, "f32_to_bf16"), copy<yarn::bfloat16>, cache);
      add(full_name(cache, "f32_to_f16"), copy<yarn::float16>, cache);
    }

    // 512 tokens of 32 + 8 heads: beyond L2 for every head size.
    scenario shape;
    shape.name = "shape";
    shape.order = order;
    shape.from = source::run;
    shape.n_tokens = 512;
    for (const std::int64_t head_dim : {64, 80, 96, 128, 192, 256}) {
      shape.head_dim = head_dim;
      add<float>(shape);
      add<yarn::bfloat16>(shape);
    }
    shape.head_dim = 128;
    shape.rotary_dim = 32;
    add<float>(shape);
    add<yarn::bfloat16>(shape);
    shape.rotary_dim = 0;
    for (const std::size_t offset : {std::size_t{4}, std::size_t{16}, std::size_t{32}}) {
      shape.offset = offset;
      add<float>(shape);
      add<yarn::bfloat16>(shape);
    }
  }

  for (const std::int64_t n_tokens : {1, 16, 256, 4096}) {
    scenario slices;
    slices.name = "two_threads";
    slices.from = source::run;
    slices.n_tokens = n_tokens;
    add(full_name(slices, "f32"), two_threads<float>, slices);
    add(full_name(slices, "bf16"), two_threads<yarn::bfloat16>, slices);
  }
  return true;
}();

} // namespace
