// SPDX-License-Identifier: MIT
// rope_check and rope_apply refuse bad pairings, tensors and counts of tokens. The tests check the
// type of the error, the words of its message, and that no byte of any tensor changes.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/expect_error.hpp"
#include "../support/refused_calls.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace {

using support::call_rope_apply;
using support::call_rope_check;

using support::expect_error;
using yarn::heads_view;
using yarn::pairing;
using yarn::positions;
using yarn::positions_from;

using invalid = std::invalid_argument;

constexpr pairing half_split = pairing::half_split;

template <class T> class rope_refused : public support::refused_calls<T> {};
using elements = ::testing::Types<float, yarn::bfloat16>;
TYPED_TEST_SUITE(rope_refused, elements, support::element_names);

// ---- Accepted calls ---------------------------------------------------------------------------

// If good calls were refused, the other tests of this file would prove nothing.
TYPED_TEST(rope_refused, good_calls_are_not_refused) {
  const auto call_all = [&](const auto& act) {
    act(this->q(), this->k(), this->rows, half_split);
    act(this->q(), this->rows, half_split);
    act(this->q(), this->k(), yarn::rows_of(this->freqs, this->list()), half_split);
    act(this->k(), yarn::rows_of(this->freqs, this->list()), half_split);
    act(this->q(), this->k(), yarn::rows_of(this->table, this->list()), half_split);
    act(this->k(), yarn::rows_of(this->table, this->list()), half_split);
    act(this->k(), yarn::rows_of(this->table, positions_from(7)), half_split);
    act(this->k(), yarn::rows_of(this->table, positions_from(7, 3)), half_split);
  };
  call_all(call_rope_check{});
  yarn::rope_copy_check(this->q(), this->other(), this->rows, half_split,
                        yarn::output_order{pairing::interleaved});
  EXPECT_TRUE(this->is_unchanged());
  call_all(call_rope_apply{});
  yarn::rope_copy(this->q(), this->other(), this->rows, half_split,
                  yarn::output_order{pairing::interleaved});
  EXPECT_FALSE(this->is_unchanged());
}

// ---- The pairing ------------------------------------------------------------------------------

TYPED_TEST(rope_refused, unknown_pairings) {
  for (const int number : {-1, 2, 77}) {
    const auto unknown = static_cast<pairing>(number);
    const std::string value = "pairing = " + std::to_string(number);
    this->template expect_refused<invalid>({value},
                                           [&](auto act) { act(this->q(), this->rows, unknown); });
    this->template expect_refused<invalid>(
        {value}, [&](auto act) { act(this->q(), this->k(), this->rows, unknown); });
    this->template expect_refused<invalid>({value}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->freqs, this->list()), unknown);
    });
    this->template expect_refused<invalid>({value}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->table, this->list()), unknown);
    });
  }
}

// ---- Tensors ----------------------------------------------------------------------------------

TYPED_TEST(rope_refused, negative_extents) {
  TypeParam* const data = this->q_data();
  this->template expect_tensor_refused<invalid>({"n_tokens = -3"}, {data, -3, 4, 8});
  this->template expect_tensor_refused<invalid>({"n_heads = -1"}, {data, 3, -1, 8});
  this->template expect_tensor_refused<invalid>({"head_dim = -8"}, {data, 3, 4, -8});
  this->template expect_tensor_refused<invalid>({"n_heads"}, {data, 3, INT64_MIN, 8});
}

TYPED_TEST(rope_refused, heads_shorter_than_rotary_dim) {
  TypeParam* const data = this->q_data();
  this->template expect_tensor_refused<invalid>({"head_dim = 5", "rotary_dim = 6"},
                                                {data, 3, 4, 5});
  this->template expect_tensor_refused<invalid>({"head_dim = 0"}, {data, 3, 4, 0});
  this->template expect_tensor_refused<invalid>({"head_dim = 5"},
                                                {data, 3, 0, 5}); // even without heads
}

TYPED_TEST(rope_refused, null_data) {
  this->template expect_tensor_refused<invalid>({"data is null"},
                                                {static_cast<TypeParam*>(nullptr), 3, 4, 8});
}

TYPED_TEST(rope_refused, messages_name_the_tensor) {
  const heads_view<TypeParam> bad{this->q_data(), 3, 4, 5};
  this->template expect_refused<invalid>(
      {"q.head_dim"}, [&](auto act) { act(bad, this->k(), this->rows, half_split); });
  this->template expect_refused<invalid>(
      {"k.head_dim"}, [&](auto act) { act(this->q(), bad, this->rows, half_split); });
  this->template expect_refused<invalid>({"x.head_dim"},
                                         [&](auto act) { act(bad, this->rows, half_split); });
}

// An element in two heads would be rotated twice, and two threads could write it at the same time.
TYPED_TEST(rope_refused, heads_that_overlap) {
  const heads_view<TypeParam> x{this->q_data(), 3, 4, 8};
  const auto expect_refused = [&](auto token_stride, auto head_stride) {
    this->template expect_tensor_refused<invalid>({"overlap"},
                                                  x.with_strides(token_stride, head_stride));
  };
  expect_refused(32, 7); // heads overlap
  expect_refused(31, 8); // tokens overlap
  expect_refused(32, 0); // all heads are the same
  expect_refused(0, 8);  // all tokens are the same
  expect_refused(0, 0);
  expect_refused(-32, 8); // backwards
  expect_refused(32, -8);
  expect_refused(7, 24);  // [heads][tokens], tokens overlap
  expect_refused(8, 23);  // [heads][tokens], heads overlap
  expect_refused(16, 12); // heads and tokens interweave
  expect_refused(8, 8);
  expect_refused(INT64_MIN, 8);
  expect_refused(32, INT64_MIN);
}

// With one head the head stride is not used, and with one token the token stride is not used.
TYPED_TEST(rope_refused, unused_strides_are_not_refused) {
  TypeParam* const data = this->q_data();
  const heads_view<TypeParam> one_head{data, 3, 1, 8}, one_token{data, 1, 4, 8};
  for (const std::int64_t any : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
    yarn::rope_check(one_head.with_strides(8, any), this->rows, half_split);
    yarn::rope_check(one_token.with_strides(any, 8), yarn::rows_of(this->freqs, positions_from(0)),
                     half_split);
    yarn::rope_check(heads_view<TypeParam>{data, 1, 1, 8}.with_strides(any, any),
                     yarn::rows_of(this->table, positions_from(0)), half_split);
  }
  EXPECT_TRUE(this->is_unchanged());
}

TYPED_TEST(rope_refused, products_beyond_ptrdiff) {
  TypeParam* const data = this->q_data();
  constexpr auto limit = PTRDIFF_MAX / static_cast<std::int64_t>(sizeof(TypeParam));
  const auto expect_refused = [&](const heads_view<TypeParam>& x) {
    this->template expect_tensor_refused<invalid>({"n_tokens = ", "n_heads = "}, x);
  };
  const heads_view<TypeParam> x{data, 3, 4, 8};
  expect_refused(x.with_strides(limit, 8));
  expect_refused(
      x.with_strides(limit / 2, 8)); // 2 token strides fit, but not the four heads after them
  expect_refused(x.with_strides(INT64_MAX, 8));
  expect_refused(x.with_strides(8, limit));
  expect_refused(x.with_strides(8, limit / 3));
  expect_refused(x.with_strides(8, INT64_MAX));
  expect_refused({data, std::int64_t{1} << 61, 4, 8});
  expect_refused({data, 1, 1, limit + 1});
  expect_refused(
      heads_view<TypeParam>{data, std::int64_t{1} << 32, std::int64_t{1} << 32, 8}.with_strides(
          std::int64_t{1} << 40, 8));
  // n_heads * head_dim wraps around to a small stride, a negative one, or one that looks right.
  this->template expect_tensor_refused<invalid>({}, {data, 3, std::int64_t{1} << 60, 8});
  this->template expect_tensor_refused<invalid>({}, {data, 3, 4, INT64_MAX});
  this->template expect_tensor_refused<invalid>({}, {data, 3, std::int64_t{1} << 61, 8});
  this->template expect_tensor_refused<invalid>({}, {data, 3, (std::int64_t{1} << 61) + 4, 8});
  this->template expect_tensor_refused<invalid>({}, {data, 3, std::int64_t{1} << 62, 12});

  // The largest possible tensor is accepted, and a tensor with one more element is refused. (The
  // checks access no element.)
  yarn::rope_check(heads_view<TypeParam>{data, 2, 4, 8}.with_strides(limit - 32, 8),
                   yarn::rows_of(this->freqs, positions_from(0)), half_split);
  yarn::rope_check(heads_view<TypeParam>{data, 2, 4, 8}.with_strides(8, (limit - 16) / 3),
                   yarn::rows_of(this->freqs, positions_from(0)), half_split);
  yarn::rope_check(heads_view<TypeParam>{data, 1, 1, limit},
                   yarn::rows_of(this->freqs, positions_from(0)), half_split);
  expect_error<invalid>(
      [&] {
        yarn::rope_check(heads_view<TypeParam>{data, 2, 4, 8}.with_strides(limit - 31, 8),
                         yarn::rows_of(this->freqs, positions_from(0)), half_split);
      },
      {"ptrdiff_t"});
}

TYPED_TEST(rope_refused, unsigned_numbers_beyond_63_bits) {
  TypeParam* const data = this->q_data();
  constexpr std::uint64_t huge = std::uint64_t{1} << 63;
  expect_error<invalid>([&] { heads_view{data, huge, 4, 8}; }, {"n_tokens", "9223372036854775808"});
  expect_error<invalid>([&] { heads_view{data, 3, huge, 8}; }, {"n_heads", "9223372036854775808"});
  expect_error<invalid>([&] { heads_view{data, 3, 4, UINT64_MAX}; }, {"head_dim"});
  expect_error<invalid>([&] { return this->q().with_strides(huge, 8); }, {"token_stride"});
  expect_error<invalid>([&] { return this->q().with_strides(32, huge); }, {"head_stride"});
  expect_error<invalid>([&] { return positions_from(huge); }, {"position"});
  EXPECT_TRUE(this->is_unchanged());
}

// ---- Counts of tokens -------------------------------------------------------------------------

TYPED_TEST(rope_refused, counts_of_tokens_that_differ) {
  for (const std::int64_t n : {0, 1, 2, 4}) {
    const heads_view<TypeParam> other{this->k_data(), n, 2, 8};
    const std::string value = "n_tokens = " + std::to_string(n);
    this->template expect_refused<invalid>({"k.n_tokens", std::to_string(n)}, [&](auto act) {
      act(this->q(), other, this->rows, half_split);
    });
    this->template expect_refused<invalid>({"k.n_tokens"}, [&](auto act) {
      act(this->q(), other, yarn::rows_of(this->freqs, positions_from(0)), half_split);
    });
    this->template expect_refused<invalid>({"k.n_tokens"}, [&](auto act) {
      act(this->q(), other, yarn::rows_of(this->table, positions_from(0)), half_split);
    });
    this->template expect_refused<invalid>({"rows.n_rows = 3"},
                                           [&](auto act) { act(other, this->rows, half_split); });
    this->template expect_refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->freqs, this->list()), half_split);
    });
    this->template expect_refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->table, this->list()), half_split);
    });
    this->template expect_refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->table, positions_from(0, 3)), half_split);
    });
    this->template expect_refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->freqs, positions_from(0, 3)), half_split);
    });
  }
  yarn::rotary_rows<float> more;
  more.assign(this->freqs, positions_from(0, 4));
  this->template expect_refused<invalid>({"rows.n_rows = 4", "n_tokens = 3"}, [&](auto act) {
    act(this->q(), this->k(), more, half_split);
  });
}

} // namespace
