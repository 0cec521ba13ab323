// SPDX-License-Identifier: MIT
// Tensors of all element types, layouts and orders for the tests of rope_copy, and the expected
// result of a copy, computed in four stages: widened, rotated in place, reordered, rounded.
#ifndef YARN_TESTS_SUPPORT_ROPE_COPIES_HPP
#define YARN_TESTS_SUPPORT_ROPE_COPIES_HPP

#include "bits.hpp"
#include "emulated_rotation.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace support {

using f16 = yarn::float16;
using bf16 = yarn::bfloat16;
using e4m3 = yarn::float8_e4m3;
using e5m2 = yarn::float8_e5m2;

// ---- Elements ---------------------------------------------------------------------------------

/// The type in which rope_copy between two types computes.
template <class From, class To>
using copy_compute_type =
    std::conditional_t<std::is_same_v<From, double> || std::is_same_v<To, double>, double, float>;

template <class T> double value_of(T x) { return static_cast<double>(element<T>::widen(x)); }

/// Whether `a` has the bits of `expected`. If a NaN is expected, any NaN is accepted.
template <class T> bool is_same(T a, T expected) {
  return std::isnan(value_of(expected)) ? std::isnan(value_of(a))
                                        : std::memcmp(&a, &expected, sizeof(T)) == 0;
}

/// The values of elements: ordinary numbers only, or also special values, at which conversions
/// often fail.
enum class content { ordinary, special };

inline double random_value(random_source& random, content what) {
  const double specials[] = {0.0,
                             -0.0,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(),
                             0x1p-14,    // binary16: normal, and subnormal
                             0x1.8p-24,  //
                             65504,      // binary16: the largest, and above
                             65520,      //
                             0x1p-126,   // float and bfloat16: normal, and subnormal
                             0x1p-133,   //
                             0x1.8p-149, //
                             0x1.fep127, // the largest of bfloat16, and of float
                             0x1.fffffep127,
                             0x1p-1060,
                             1e300};
  if (what == content::special && random.next() % 4 == 0) {
    return specials[random.next() % std::size(specials)];
  }
  return random.number(-4, 4);
}

// ---- Tensors ----------------------------------------------------------------------------------

struct copy_shape {
  std::int64_t n_tokens;
  std::int64_t n_heads;
  std::int64_t n_pairs;
  std::int64_t rest; // elements of a head after the pairs

  std::int64_t head_dim() const { return 2 * n_pairs + rest; }
  std::size_t n_elements() const {
    return static_cast<std::size_t>(n_tokens * n_heads * head_dim());
  }
};

/// The layout of heads in memory.
enum class arrangement {
  dense,      // [token][head][dim]
  packed,     // k of rows [q | k | v] with twice as many q heads
  head_major, // [head][token][dim], with room for two more tokens
  padded      // [token][head][dim] with odd gaps, beginning at an odd element
};
constexpr arrangement arrangements[] = {arrangement::dense, arrangement::packed,
                                        arrangement::head_major, arrangement::padded};

struct layout {
  std::int64_t first;
  std::int64_t token_stride;
  std::int64_t head_stride;
};
inline layout layout_of(const copy_shape& s, arrangement how) {
  const std::int64_t dim = s.head_dim();
  switch (how) {
  case arrangement::packed:
    return {2 * s.n_heads * dim, 4 * s.n_heads * dim, dim};
  case arrangement::head_major:
    return {0, dim, (s.n_tokens + 2) * dim};
  case arrangement::padded:
    return {1, s.n_heads * (dim + 3) + 5, dim + 3};
  default:
    return {0, s.n_heads * dim, dim};
  }
}

/// A tensor in memory that ends or begins at an inaccessible page. The elements between the heads
/// are filled, too.
template <class T> class fenced_tensor {
public:
  fenced_tensor(const copy_shape& s, arrangement how, fence side = fence::after)
      : shape_(s), layout_(layout_of(s, how)), memory_(size_of(s, layout_), side) {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      memory_[i] = element_of<T>(static_cast<double>(i % 61) * 0.25 - 7);
    }
  }

  yarn::heads_view<T> view() {
    return yarn::heads_view<T>(memory_.data() + layout_.first, shape_.n_tokens, shape_.n_heads,
                               shape_.head_dim())
        .with_strides(layout_.token_stride, layout_.head_stride);
  }
  yarn::heads_view<const T> const_view() {
    return yarn::heads_view<const T>(memory_.data() + layout_.first, shape_.n_tokens,
                                     shape_.n_heads, shape_.head_dim())
        .with_strides(layout_.token_stride, layout_.head_stride);
  }
  /// All elements of the memory, including the gaps.
  std::vector<T> contents() { return {memory_.data(), memory_.data() + memory_.size()}; }

  /// Sets the heads. `heads` is [token][head][dim].
  void fill(const std::vector<T>& heads) {
    for_each_head([&](std::size_t dense, std::size_t at) {
      std::copy_n(heads.begin() + static_cast<std::ptrdiff_t>(dense), shape_.head_dim(),
                  memory_.data() + at);
    });
  }
  /// The contents of the memory with its heads replaced by `heads`, which is [token][head][dim].
  std::vector<T> with_heads(const std::vector<T>& heads) {
    std::vector<T> expected = contents();
    for_each_head([&](std::size_t dense, std::size_t at) {
      std::copy_n(heads.begin() + static_cast<std::ptrdiff_t>(dense), shape_.head_dim(),
                  expected.begin() + static_cast<std::ptrdiff_t>(at));
    });
    return expected;
  }

private:
  static std::size_t size_of(const copy_shape& s, const layout& l) {
    return static_cast<std::size_t>(l.first + (s.n_tokens - 1) * l.token_stride +
                                    (s.n_heads - 1) * l.head_stride + s.head_dim());
  }
  /// Calls visit(dense, at) for every head: its first element in dense order and in the memory.
  template <class Visit> void for_each_head(const Visit& visit) const {
    std::size_t dense = 0;
    for (std::int64_t t = 0; t < shape_.n_tokens; ++t) {
      for (std::int64_t h = 0; h < shape_.n_heads; ++h) {
        visit(dense, static_cast<std::size_t>(layout_.first + t * layout_.token_stride +
                                              h * layout_.head_stride));
        dense += static_cast<std::size_t>(shape_.head_dim());
      }
    }
  }

  copy_shape shape_;
  layout layout_;
  fenced_array<T> memory_;
};

template <class T>
inline std::vector<T> random_heads(const copy_shape& s, content what, std::uint64_t seed = 1) {
  random_source random(seed);
  std::vector<T> heads;
  for (std::size_t i = 0; i < s.n_elements(); ++i) {
    heads.push_back(element_of<T>(random_value(random, what)));
  }
  return heads;
}

/// Expects the same elements in both lists.
template <class T>
void expect_contents(const std::vector<T>& found, const std::vector<T>& expected,
                     const std::string& where) {
  ASSERT_EQ(found.size(), expected.size()) << where;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_TRUE(is_same(found[i], expected[i]))
        << where << ", element " << i << " of " << found.size() << ": " << std::hexfloat
        << value_of(found[i]) << " in place of " << value_of(expected[i]);
  }
}
template <class T> bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && first_difference(a.data(), b.data(), a.size()) < 0;
}

// ---- Rows and orders --------------------------------------------------------------------------

inline yarn::frequencies frequencies_for(const copy_shape& s) {
  yarn::yarn_scaling method; // with an attention factor of 1.208
  method.factor = 8;
  method.original_max_position_embeddings = 4096;
  yarn::rope_shape model;
  model.head_dim = std::max(2 * s.n_pairs, std::int64_t{4});
  model.rope_theta = 10000;
  const yarn::frequencies freqs = yarn::make_frequencies(model, method);
  return yarn::frequencies_from(freqs.inv_freq().data(), s.n_pairs, freqs.attention_factor());
}

constexpr std::int64_t first_position = 30001;

template <class R> yarn::rotary_rows<R> rows_for(const copy_shape& s) {
  yarn::rotary_rows<R> rows;
  rows.assign(frequencies_for(s), yarn::positions_from(first_position, s.n_tokens));
  return rows;
}

struct orders {
  yarn::pairing in;
  yarn::pairing out;
};
constexpr orders all_orders[] = {{yarn::pairing::half_split, yarn::pairing::half_split},
                                 {yarn::pairing::half_split, yarn::pairing::interleaved},
                                 {yarn::pairing::interleaved, yarn::pairing::half_split},
                                 {yarn::pairing::interleaved, yarn::pairing::interleaved}};

/// The indices of the two elements of a pair in a head.
inline pair_of<std::size_t> places_of(std::int64_t pair, yarn::pairing order,
                                      std::int64_t n_pairs) {
  return places_of_pair(order, static_cast<std::size_t>(pair), static_cast<std::size_t>(n_pairs));
}

inline std::string description(const copy_shape& s, const orders& order) {
  const auto name = [](yarn::pairing p) {
    return p == yarn::pairing::half_split ? "half" : "interleaved";
  };
  return std::to_string(s.n_tokens) + " tokens, " + std::to_string(s.n_heads) + " heads, " +
         std::to_string(s.n_pairs) + " pairs and " + std::to_string(s.rest) + ", " +
         name(order.in) + " to " + name(order.out);
}

/// The expected result of rope_copy: widens the source to the type in which the copy computes,
/// rotates in place, reorders, and rounds to the type of the target.
template <class From, class To>
inline std::vector<To> rotated_step_by_step(const std::vector<From>& source, const copy_shape& s,
                                            const orders& order) {
  using compute = copy_compute_type<From, To>;
  std::vector<compute> wide(source.size());
  std::transform(source.begin(), source.end(), wide.begin(),
                 [](From element) { return yarn::detail::widen<compute>(element); });
  const yarn::rotary_rows<compute> rows = rows_for<compute>(s);
  yarn::rope_apply(yarn::heads_view<compute>(wide.data(), s.n_tokens, s.n_heads, s.head_dim()),
                   rows, order.in);
  std::vector<To> target(source.size());
  const auto dim = static_cast<std::size_t>(s.head_dim());
  for (std::size_t head = 0; head < source.size(); head += dim) {
    for (std::int64_t pair = 0; pair < s.n_pairs; ++pair) {
      const auto in = places_of(pair, order.in, s.n_pairs);
      const auto out = places_of(pair, order.out, s.n_pairs);
      yarn::detail::narrow(wide[head + in.first], target[head + out.first]);
      yarn::detail::narrow(wide[head + in.second], target[head + out.second]);
    }
    for (auto i = static_cast<std::size_t>(2 * s.n_pairs); i < dim; ++i) {
      if constexpr (std::is_same_v<From, To>) {
        target[head + i] = source[head + i];
      } else {
        yarn::detail::narrow(wide[head + i], target[head + i]);
      }
    }
  }
  return target;
}

// The numbers of pairs are near the widths of all packs (2 to 16) and near twice these widths. Some
// heads have elements after the rotated part. The last shape has more pairs than the scratch buffer
// of rows holds.
constexpr copy_shape shapes[] = {
    {2, 3, 1, 0},   {2, 1, 1, 3},   {1, 3, 2, 0},   {5, 2, 3, 1},   {2, 3, 4, 0},  {1, 1, 5, 2},
    {3, 2, 7, 0},   {2, 3, 8, 9},   {2, 1, 9, 0},   {3, 3, 15, 1},  {2, 2, 16, 0}, {1, 2, 17, 5},
    {2, 3, 24, 16}, {3, 2, 31, 0},  {2, 4, 32, 0},  {4, 1, 32, 64}, {2, 2, 33, 1}, {2, 3, 47, 2},
    {3, 2, 64, 0},  {2, 2, 65, 63}, {1, 2, 128, 1}, {2, 2, 1100, 3}};

} // namespace support

#endif // YARN_TESTS_SUPPORT_ROPE_COPIES_HPP
