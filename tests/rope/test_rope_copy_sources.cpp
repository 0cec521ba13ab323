// SPDX-License-Identifier: MIT
// rope_copy with every source of rows, in place, and between sections of one buffer.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/rope_copies.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace {

using support::all_orders;
using support::arrangement;
using support::arrangements;
using support::bf16;
using support::compute_type;
using support::content;
using support::copy_compute_type;
using support::copy_shape;
using support::description;
using support::element_of;
using support::expect_contents;
using support::f16;
using support::fenced_tensor;
using support::frequencies_for;
using support::orders;
using support::random_heads;
using support::rotated_step_by_step;
using support::rows_for;
using support::same_bytes;
using support::shapes;
using yarn::pairing;

// ---- From every source of rows ----------------------------------------------------------------

/// The target after a copy that `call(source, target)` makes.
template <class From, class To, class Call>
std::vector<To> copied_by(const copy_shape& s, const Call& call) {
  fenced_tensor<From> source(s, arrangement::packed);
  fenced_tensor<To> target(s, arrangement::head_major);
  source.fill(random_heads<From>(s, content::ordinary));
  call(source.const_view(), target.view());
  return target.contents();
}

// One shape has more tokens than the scratch buffer of rows holds, the other more pairs. Positions
// are given as a run and as a list.
template <class From, class To> void expect_same_from_all_sources() {
  using compute = copy_compute_type<From, To>;
  constexpr std::int64_t first = 3;
  const pairing in = pairing::interleaved;
  const pairing out = pairing::half_split;
  for (const copy_shape& s : {copy_shape{70, 2, 24, 2}, copy_shape{3, 2, 1100, 1}}) {
    const yarn::frequencies freqs = frequencies_for(s);
    yarn::rotary_rows<compute> rows;
    rows.assign(freqs, yarn::positions_from(first, s.n_tokens));
    const yarn::rotary_table<compute> table(freqs, first + s.n_tokens);
    std::vector<std::int32_t> list;
    for (std::int64_t t = 0; t < s.n_tokens; ++t) {
      list.push_back(static_cast<std::int32_t>(first + t));
    }
    const auto run = yarn::positions_from(first);
    const auto expected = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, rows, in, yarn::output_order{out});
    });
    const auto by_freqs = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_of(freqs, run), in, yarn::output_order{out});
    });
    const auto by_list = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_of(freqs, yarn::positions(list)), in,
                      yarn::output_order{out});
    });
    const auto by_table = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_of(table, run), in, yarn::output_order{out});
    });
    EXPECT_TRUE(same_bytes(by_freqs, expected)) << s.n_tokens << " tokens";
    EXPECT_TRUE(same_bytes(by_list, expected)) << s.n_tokens << " tokens";
    EXPECT_TRUE(same_bytes(by_table, expected)) << s.n_tokens << " tokens";
  }
}
TEST(rope_copy_sources, give_the_same_bits) {
  expect_same_from_all_sources<float, bf16>();
  expect_same_from_all_sources<bf16, float>();
  expect_same_from_all_sources<double, f16>();
  expect_same_from_all_sources<bf16, bf16>();
}

// Rows of another type are widened or rounded to the type in which the copy computes.
template <class R, class From, class To> void expect_rows_converted() {
  using compute = copy_compute_type<From, To>;
  const copy_shape s{3, 2, 21, 1};
  const yarn::rotary_rows<compute> exact = rows_for<compute>(s);
  std::vector<R> theirs;
  std::vector<compute> widened;
  for (std::int64_t t = 0; t < s.n_tokens; ++t) {
    for (const compute* const entries : {exact.cos(t), exact.sin(t)}) {
      for (std::int64_t i = 0; i < s.n_pairs; ++i) {
        theirs.push_back(element_of<R>(double{entries[i]}));
        widened.push_back(yarn::detail::widen<compute>(theirs.back()));
      }
    }
  }
  const auto rows = yarn::rows_view<R>::packed(theirs.data(), s.n_tokens, s.n_pairs);
  const auto wide = yarn::rows_view<compute>::packed(widened.data(), s.n_tokens, s.n_pairs);
  for (const orders& order : all_orders) {
    const auto found = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_view<R>(rows), order.in,
                      yarn::output_order{order.out});
    });
    const auto expected = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_view<compute>(wide), order.in,
                      yarn::output_order{order.out});
    });
    EXPECT_TRUE(same_bytes(found, expected)) << description(s, order);
  }
}
TEST(rope_copy_sources, accept_rows_of_any_type) {
  expect_rows_converted<bf16, float, bf16>();
  expect_rows_converted<f16, bf16, float>();
  expect_rows_converted<float, float, double>();
  expect_rows_converted<double, float, f16>();
  expect_rows_converted<f16, double, double>();
}

// A paged cache: each page is one view, and the copy into a page uses the rows of its tokens.
TEST(rope_copy_sources, give_each_page_its_own_rows) {
  const copy_shape s{14, 3, 16, 8};
  constexpr std::int64_t page_size = 4;
  const std::vector<float> heads = random_heads<float>(s, content::ordinary);
  const std::vector<bf16> expected =
      rotated_step_by_step<float, bf16>(heads, s, {pairing::half_split, pairing::interleaved});
  const yarn::rotary_rows<float> rows = rows_for<float>(s);
  const std::int64_t token = s.n_heads * s.head_dim();
  for (std::int64_t first = 0; first < s.n_tokens; first += page_size) {
    copy_shape page_shape = s;
    page_shape.n_tokens = std::min(page_size, s.n_tokens - first);
    fenced_tensor<bf16> page(page_shape, arrangement::head_major);
    const yarn::rows_view<float> here(rows.cos(first), rows.sin(first), page_shape.n_tokens,
                                      s.n_pairs, rows.view().row_stride());
    const yarn::heads_view<const float> source(heads.data() + first * token, page_shape.n_tokens,
                                               s.n_heads, s.head_dim());
    const auto begin = expected.begin() + first * token;
    const std::vector<bf16> wanted =
        page.with_heads({begin, begin + static_cast<std::ptrdiff_t>(page_shape.n_elements())});
    yarn::rope_copy(source, page.view(), here, pairing::half_split,
                    yarn::output_order{pairing::interleaved});
    expect_contents(page.contents(), wanted, "page at " + std::to_string(first));
  }
}

// ---- In place ---------------------------------------------------------------------------------

template <class T> class rope_copy_in_place : public ::testing::Test {};
TYPED_TEST_SUITE(rope_copy_in_place, support::element_types, support::element_names);

TYPED_TEST(rope_copy_in_place, equals_rope_apply) {
  for (const copy_shape& s : shapes) {
    for (const arrangement how : arrangements) {
      for (const pairing order : {pairing::half_split, pairing::interleaved}) {
        const auto heads = random_heads<TypeParam>(s, content::special);
        const auto rows = rows_for<compute_type<TypeParam>>(s);
        fenced_tensor<TypeParam> copied(s, how);
        fenced_tensor<TypeParam> applied(s, how);
        copied.fill(heads);
        applied.fill(heads);
        yarn::rope_copy(copied.const_view(), copied.view(), rows, order);
        yarn::rope_apply(applied.view(), rows, order);
        expect_contents(copied.contents(), applied.contents(), description(s, {order, order}));
        ASSERT_FALSE(this->HasFatalFailure());
      }
    }
  }
}

// Copies from one 16-bit format to the other in the same memory.
template <class From, class To> void expect_format_changed() {
  for (const copy_shape& s : shapes) {
    for (const pairing order : {pairing::half_split, pairing::interleaved}) {
      std::vector<From> memory = random_heads<From>(s, content::ordinary);
      const std::vector<To> expected = rotated_step_by_step<From, To>(memory, s, {order, order});
      const yarn::heads_view<const From> before(memory.data(), s.n_tokens, s.n_heads, s.head_dim());
      const yarn::heads_view<To> after(reinterpret_cast<To*>(memory.data()), s.n_tokens, s.n_heads,
                                       s.head_dim());
      yarn::rope_copy(before, after, rows_for<float>(s), order);
      EXPECT_EQ(std::memcmp(memory.data(), expected.data(), sizeof(To) * expected.size()), 0)
          << description(s, {order, order});
    }
  }
}
TEST(rope_copy_in_one_buffer, converts_between_16_bit_formats) {
  expect_format_changed<f16, bf16>();
  expect_format_changed<bf16, f16>();
}

// Source and target may be sections of one buffer if they share no element.
TEST(rope_copy_in_one_buffer, copies_between_sections_that_share_no_element) {
  const copy_shape s{5, 2, 8, 3};
  const std::int64_t dim = s.head_dim();
  const yarn::rotary_rows<float> rows = rows_for<float>(s);
  const std::vector<float> heads = random_heads<float>(s, content::ordinary);
  for (const orders& order : all_orders) {
    const std::vector<float> expected = rotated_step_by_step<float, float>(heads, s, order);
    // Rows [target | source], rows [source | target], and all of the source before the target.
    for (const int arranged : {0, 1, 2}) {
      std::vector<float> memory(2 * s.n_elements());
      const std::int64_t stride = (arranged == 2 ? 1 : 2) * s.n_heads * dim;
      const std::int64_t other =
          arranged == 2 ? static_cast<std::int64_t>(s.n_elements()) : s.n_heads * dim;
      const auto view_at = [&](std::int64_t first) {
        return yarn::heads_view<float>(memory.data() + first, s.n_tokens, s.n_heads, dim)
            .with_strides(stride, dim);
      };
      const std::int64_t source = arranged == 0 ? other : 0;
      const std::int64_t target = arranged == 0 ? 0 : other;
      for (std::int64_t t = 0; t < s.n_tokens; ++t) {
        std::copy_n(heads.begin() + t * s.n_heads * dim, s.n_heads * dim,
                    memory.begin() + source + t * stride);
      }
      yarn::rope_copy(view_at(source), view_at(target), rows, order.in,
                      yarn::output_order{order.out});
      for (std::int64_t t = 0; t < s.n_tokens; ++t) {
        const auto bytes = static_cast<std::size_t>(s.n_heads * dim) * sizeof(float);
        EXPECT_EQ(std::memcmp(&memory[static_cast<std::size_t>(target + t * stride)],
                              &expected[static_cast<std::size_t>(t * s.n_heads * dim)], bytes),
                  0);
        EXPECT_EQ(std::memcmp(&memory[static_cast<std::size_t>(source + t * stride)],
                              &heads[static_cast<std::size_t>(t * s.n_heads * dim)], bytes),
                  0);
      }
    }
  }
}

} // namespace
