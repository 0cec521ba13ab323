// SPDX-License-Identifier: MIT
// Every combination of the options of a call with a norm: the options of the norm, its weight type,
// the pairing, the order that is written, the layout, the kind of rows, and whole or partial
// rotation. Each combination is one small call. The number of heads and the head size change from
// combination to combination.
#ifndef YARN_TESTS_SUPPORT_NORM_MATRIX_HPP
#define YARN_TESTS_SUPPORT_NORM_MATRIX_HPP

#include "norms.hpp"
#include "typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace support {

enum class rows_kind { prepared, of_frequencies, of_table, of_axes };
enum class heads_layout { dense, head_major, in_qkv, mla };
enum class written { in_place, half_split, interleaved };

struct norm_combination {
  norm_options norm;
  yarn::pairing pairing;
  written order;
  heads_layout layout;
  rows_kind rows;
  bool is_partial;
  std::size_t n_heads;
  std::size_t head_dim;
};

/// The combinations for one element type and one weight type.
inline std::vector<norm_combination> all_norm_combinations() {
  std::vector<norm_combination> all;
  constexpr std::size_t head_dims[] = {6, 40, 16, 70, 8}, n_heads[] = {3, 1, 2, 5, 33, 1, 4};
  for (const norm_options& norm : all_norm_options()) {
    for (const yarn::pairing p : pairings) {
      for (const written order : {written::in_place, written::half_split, written::interleaved}) {
        for (const heads_layout layout : {heads_layout::dense, heads_layout::head_major,
                                          heads_layout::in_qkv, heads_layout::mla}) {
          for (const rows_kind rows : {rows_kind::prepared, rows_kind::of_frequencies,
                                       rows_kind::of_table, rows_kind::of_axes}) {
            for (const bool is_partial : {false, true}) {
              const std::size_t i = all.size();
              all.push_back({norm, p, order, layout, rows, is_partial,
                             n_heads[i % std::size(n_heads)], head_dims[i % std::size(head_dims)]});
            }
          }
        }
      }
    }
  }
  return all;
}

inline tensor_layout layout_of(heads_layout layout, std::size_t n_tokens, std::size_t n_heads,
                               std::size_t head_dim) {
  switch (layout) {
  case heads_layout::dense:
    return dense(n_tokens, n_heads, head_dim);
  case heads_layout::head_major:
    return head_major(n_tokens, n_heads, head_dim);
  case heads_layout::in_qkv: // the middle of rows [q | k | v]
    return {n_tokens, n_heads, head_dim, 3 * n_heads * head_dim, head_dim, n_heads * head_dim};
  case heads_layout::mla: // after 5 elements of each head
    break;
  }
  return {n_tokens, n_heads, head_dim, n_heads * (head_dim + 5), head_dim + 5, 5};
}

/// A call, its data, and the comparison of its result.
template <class T, class W> class norm_matrix_call {
public:
  using C = compute_type<T>;
  static constexpr std::size_t n_tokens = 3;

  explicit norm_matrix_call(const norm_combination& given)
      : c(given), n_pairs(c.is_partial ? c.head_dim / 4 : c.head_dim / 2),
        layout(layout_of(c.layout, n_tokens, c.n_heads, c.head_dim)),
        before(random_elements<T>(layout.size() + 9, 3)), data(before),
        target(random_elements<T>(layout.size() + 9, 4)), target_before(target),
        weights(random_elements<W>(c.n_heads * c.head_dim, 7)) {
    std::vector<double> inv_freq(n_pairs);
    std::vector<int> axes(n_pairs);
    for (std::size_t i = 0; i < n_pairs; ++i) {
      inv_freq[i] = 1.0 / static_cast<double>(1 + i);
      axes[i] = static_cast<int>(i % 2);
    }
    freqs = yarn::frequencies_from(inv_freq.data(), n_pairs, 1.25);
    if (c.rows == rows_kind::of_axes) {
      freqs = yarn::with_axes(freqs, axes, 2);
    }
    if (c.rows == rows_kind::of_table) {
      table = yarn::make_table<float>(freqs, 12);
    }
  }

  void run() {
    if (c.rows == rows_kind::of_axes) {
      rows.assign(freqs, axis_list());
    } else {
      rows.assign(freqs, yarn::positions(ids.data(), n_tokens));
    }
    with_norm(c.norm, weights.data(), [&](const auto& norm) {
      switch (c.rows) {
      case rows_kind::prepared:
        return call(norm, rows);
      case rows_kind::of_frequencies:
        return call(norm, yarn::rows_of(freqs, yarn::positions(ids.data(), n_tokens)));
      case rows_kind::of_table:
        return call(norm, yarn::rows_of(*table, yarn::positions(ids.data(), n_tokens)));
      case rows_kind::of_axes:
        return call(norm, yarn::rows_of(freqs, axis_list()));
      }
    });
  }

  /// Compares the heads with the oracle, and all other elements with their values before the call.
  bool expect_exact() const {
    const bool is_copy = c.order != written::in_place;
    const yarn::pairing out = c.order == written::in_place     ? c.pairing
                              : c.order == written::half_split ? yarn::pairing::half_split
                                                               : yarn::pairing::interleaved;
    std::vector<T> expected_rest = is_copy ? target_before : before;
    const std::vector<T>& result = is_copy ? target : data;
    for (std::size_t t = 0; t < n_tokens; ++t) {
      const auto expected =
          exact_norm_rotation(heads_of_token(layout, before, t), c.norm, numbers_of(weights),
                              row(t, true), row(t, false), c.pairing, out, rounding_unit<C>);
      for (std::size_t h = 0; h < c.n_heads; ++h) {
        for (std::size_t e = 0; e < c.head_dim; ++e) {
          const std::size_t at = layout.place(t, h) + e;
          expected_rest[at] = result[at]; // compared here
          const double share = error_share(result[at], expected[h][e]);
          EXPECT_LE(share, 1) << "token " << t << ", head " << h << ", element " << e;
          if (!(share <= 1)) {
            return false;
          }
        }
      }
    }
    EXPECT_TRUE(same_bits(result, expected_rest));
    if (is_copy) {
      EXPECT_TRUE(same_bits(data, before));
    }
    return true;
  }

private:
  yarn::axis_positions axis_list() const { return {axis_ids.data(), n_tokens, 2}; }

  template <class Norm, class Rows> void call(const Norm& norm, const Rows& source) {
    const auto x = yarn::normed(layout.view(data.data()), norm);
    if (c.order == written::in_place) {
      yarn::rope_apply(x, source, c.pairing);
    } else {
      yarn::rope_copy(x, layout.view(target.data()), source, c.pairing,
                      yarn::output_order{c.order == written::half_split
                                             ? yarn::pairing::half_split
                                             : yarn::pairing::interleaved});
    }
  }

  /// cos or sin of the row of token t.
  std::vector<long double> row(std::size_t t, bool is_cos) const {
    std::vector<long double> entries;
    const auto token = static_cast<std::int64_t>(t);
    for (std::size_t i = 0; i < n_pairs; ++i) {
      if (c.rows == rows_kind::of_table) {
        const std::int64_t at = ids[t];
        entries.push_back(static_cast<long double>((is_cos ? table->cos(at) : table->sin(at))[i]));
      } else {
        entries.push_back(
            static_cast<long double>((is_cos ? rows.cos(token) : rows.sin(token))[i]));
      }
    }
    return entries;
  }

  norm_combination c;
  std::size_t n_pairs;
  tensor_layout layout;
  std::vector<T> before, data, target, target_before;
  std::vector<W> weights;
  yarn::frequencies freqs;
  yarn::rotary_rows<C> rows;
  std::optional<yarn::rotary_table<float>> table;
  std::vector<std::int32_t> ids{4, 11, 0};
  std::vector<std::int32_t> axis_ids{4, 11, 0, 7, 2, 9};
};

/// The type pairs of a suite.
template <class T, class W> struct element_and_weight {
  using element_type = T;
  using weight_type = W;
};
struct element_and_weight_names {
  template <class P> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::string(element<typename P::element_type>::name) + "_with_weights_in_" +
           element<typename P::weight_type>::name;
  }
};

template <class P> class norm_matrix : public ::testing::Test {};
TYPED_TEST_SUITE_P(norm_matrix);
TYPED_TEST_P(norm_matrix, every_combination_of_options_is_exact) {
  using T = typename TypeParam::element_type;
  for (const norm_combination& c : all_norm_combinations()) {
    SCOPED_TRACE(::testing::Message()
                 << c.norm << ", pairing " << static_cast<int>(c.pairing) << ", order "
                 << static_cast<int>(c.order) << ", layout " << static_cast<int>(c.layout)
                 << ", rows " << static_cast<int>(c.rows) << ", partial " << c.is_partial
                 << ", heads " << c.n_heads << " of " << c.head_dim);
    norm_matrix_call<T, typename TypeParam::weight_type> call(c);
    call.run();
    if (!call.expect_exact()) {
      return; // One report is enough.
    }
  }
}
REGISTER_TYPED_TEST_SUITE_P(norm_matrix, every_combination_of_options_is_exact);

} // namespace support

#endif // YARN_TESTS_SUPPORT_NORM_MATRIX_HPP
