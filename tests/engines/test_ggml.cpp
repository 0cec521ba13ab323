// SPDX-License-Identifier: MIT
// Rotates the same tensors with our node in a graph of ggml and with ggml_rope_ext. Compares both
// with the exact rotation.
#include "ggml_graphs.hpp"
#include "support/emulated_rotation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using engines::all_parameters;
using engines::compute;
using engines::fill;
using engines::freq_factor;
using engines::memory;
using engines::new_positions;
using engines::new_tensor;
using engines::our_frequencies;
using engines::parameters;
using engines::thread_counts;
using engines::values_of;
using support::same_bits;
using yarn::pairing;

// The exact rotation in long double, written from ggml.h and the papers.
struct exact_rope {
  explicit exact_rope(const parameters& p) {
    const long double pi = std::acos(-1.0L);
    const long double d = p.n_dims, base = static_cast<long double>(p.freq_base);
    const auto pair_of = [&](long double turns) {
      return d * std::log(static_cast<long double>(p.n_ctx_orig) / (2 * pi * turns)) /
             (2 * std::log(base));
    };
    const long double low = std::max(0.0L, std::floor(pair_of(32)));
    const long double high = std::min(d - 1, std::ceil(pair_of(1)));
    const long double ext = static_cast<long double>(p.ext_factor);
    for (int i = 0; i < p.n_dims / 2; ++i) {
      long double theta = std::pow(base, -2 * static_cast<long double>(i) / d);
      if (p.has_freq_factors)
        theta /= static_cast<long double>(freq_factor(i));
      const long double y = (i - low) / std::max(0.001L, high - low);
      const long double kept = (1 - std::min(1.0L, std::max(0.0L, y))) * ext;
      inv_freq.push_back(theta / static_cast<long double>(p.factor) * (1 - kept) + theta * kept);
    }
    attention_factor = static_cast<long double>(p.attn_factor);
    if (ext != 0)
      attention_factor *= 1 + 0.1L * std::log(static_cast<long double>(p.factor));
  }
  std::vector<long double> inv_freq;
  long double attention_factor = 1;
};

const std::vector<std::int32_t> test_positions = {0,    1,    2,     3,     40,    511,   1000,
                                                  4095, 4096, 16385, 32767, 65535, 131071};

template <class T>
std::vector<T> rotated_by_ggml(const parameters& p, pairing order, int n_heads, int n_threads) {
  const engines::context_ptr context = engines::make_context(memory);
  const auto n_tokens = static_cast<std::int64_t>(test_positions.size());
  ggml_tensor* const x = new_tensor<T>(context.get(), n_heads, n_tokens);
  ggml_tensor* factors = nullptr;
  if (p.has_freq_factors) {
    factors = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, p.n_dims / 2);
    for (int i = 0; i < p.n_dims / 2; ++i)
      static_cast<float*>(factors->data)[i] = freq_factor(i);
  }
  ggml_tensor* const y = ggml_rope_ext(
      context.get(), x, new_positions(context.get(), test_positions), factors, p.n_dims,
      order == pairing::half_split ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL, p.n_ctx_orig,
      p.freq_base, 1 / p.factor, p.ext_factor, p.attn_factor, 32.0F, 1.0F);
  compute(context.get(), {y}, n_threads);
  return values_of<T>(y);
}
template <class T>
std::vector<T> rotated_by_library(const parameters& p, pairing order, int n_heads, int n_threads) {
  const engines::context_ptr context = engines::make_context(memory);
  const auto n_tokens = static_cast<std::int64_t>(test_positions.size());
  const auto freqs = our_frequencies(p);
  ggml_tensor* const rows =
      yarn::rope_rows_node(context.get(), new_positions(context.get(), test_positions), freqs);
  ggml_tensor* const y = yarn::rope_inplace_node(
      context.get(), new_tensor<T>(context.get(), n_heads, n_tokens), rows, order);
  compute(context.get(), {y}, n_threads);
  return values_of<T>(y);
}

/// The largest distances of an element from the exact rotation.
struct distances {
  long double largest = 0;
  long double of_ggml_bound = 0; // as a fraction of ggml's bound, 4e-6 * angle * m + rounding
};
template <class T>
distances distances_of(const std::vector<T>& rotated, const parameters& p, pairing order,
                       int n_heads) {
  using type = support::element<T>;
  const exact_rope exact(p);
  const std::size_t n_pairs = exact.inv_freq.size();
  std::vector<T> before(rotated.size());
  fill(before.data(), before.size(), 7);
  distances result;
  for (std::size_t head = 0; head < rotated.size() / 128; ++head) {
    const auto position =
        static_cast<long double>(test_positions[head / static_cast<std::size_t>(n_heads)]);
    const T* const x = before.data() + head * 128;
    const T* const y = rotated.data() + head * 128;
    for (std::size_t i = 0; i < n_pairs; ++i) {
      const long double angle = position * exact.inv_freq[i], m = exact.attention_factor;
      const auto at = support::places_of_pair(order, i, n_pairs);
      const auto wanted =
          support::exact_rotation(static_cast<long double>(type::widen(x[at.first])),
                                  static_cast<long double>(type::widen(x[at.second])),
                                  m * std::cos(angle), m * std::sin(angle));
      const long double distance =
          std::max(std::fabs(wanted.first - static_cast<long double>(type::widen(y[at.first]))),
                   std::fabs(wanted.second - static_cast<long double>(type::widen(y[at.second]))));
      const long double rounding = std::is_same_v<T, float> ? 3e-7L : 3e-7L + 1e-3L * m;
      result.largest = std::max(result.largest, distance);
      result.of_ggml_bound =
          std::max(result.of_ggml_bound, distance / (4e-6L * angle * m + rounding));
    }
    for (std::size_t i = 2 * n_pairs; i < 128; ++i)
      EXPECT_EQ(std::memcmp(&x[i], &y[i], sizeof(T)), 0) << "element " << i << " was touched";
  }
  return result;
}

// ---- Comparison with ggml_rope_ext --------------------------------------------------------------

template <class T> void compare_with_ggml() {
  constexpr int n_heads = 5;
  for (const parameters& p : all_parameters) {
    for (const pairing order : {pairing::half_split, pairing::interleaved}) {
      SCOPED_TRACE(std::string(p.name) +
                   (order == pairing::half_split ? ", half_split" : ", interleaved"));
      const auto theirs = rotated_by_ggml<T>(p, order, n_heads, 1);
      const auto ours = rotated_by_library<T>(p, order, n_heads, 1);
      for (const int n_threads : thread_counts)
        EXPECT_TRUE(same_bits(rotated_by_library<T>(p, order, n_heads, n_threads), ours))
            << n_threads << " threads";

      const distances their = distances_of(theirs, p, order, n_heads);
      const distances our = distances_of(ours, p, order, n_heads);
      const exact_rope exact(p);
      // |x| <= 0.5, so a pair is at most 0.71 * m long. For floats the bound is the error of a
      // float row and of one rounding. This is less than the 2 ULP of rope.hpp, but the errors of
      // these tensors are smaller still. For float16 the bound is one rounding to 11 bits.
      const long double longest = 0.7072L * exact.attention_factor;
      const long double bound = std::is_same_v<T, float> ? 0x1p-23L * longest : 0x1p-11L * longest;
      EXPECT_LE(static_cast<double>(our.largest), static_cast<double>(bound));
      EXPECT_LE(static_cast<double>(their.of_ggml_bound), 1.0) << "ggml's error is above its bound";
      // The angles of ggml are products of floats, with an error of some 1e-2 at position 131071.
      // In float16, most of ggml's error is the rounding of the elements.
      const double times = std::is_same_v<T, float> ? 1e3 : 2;
      EXPECT_GT(static_cast<double>(their.largest), times * static_cast<double>(our.largest));
      if (std::getenv("YARN_PRINT_ERRORS") != nullptr)
        std::printf("%s, %s, pairing %d: ours %.2e, ggml %.2e\n", support::element<T>::name, p.name,
                    static_cast<int>(order), static_cast<double>(our.largest),
                    static_cast<double>(their.largest));
    }
  }
}
TEST(ggml_graph, is_nearer_to_the_exact_rotation_than_ggml_f32) { compare_with_ggml<float>(); }
TEST(ggml_graph, is_nearer_to_the_exact_rotation_than_ggml_f16) {
  compare_with_ggml<yarn::float16>();
}

// ggml_rope_ext does not rotate bfloat16.
TEST(ggml_graph, rotates_bfloat16) {
  const parameters& p = all_parameters[4];
  for (const pairing order : {pairing::half_split, pairing::interleaved}) {
    const auto ours = rotated_by_library<yarn::bfloat16>(p, order, 3, 2);
    const exact_rope exact(p);
    EXPECT_LE(static_cast<double>(distances_of(ours, p, order, 3).largest),
              static_cast<double>(0x1p-8L * 0.7072L * exact.attention_factor));
  }
}

} // namespace
