// SPDX-License-Identifier: MIT
// What rope_check, rope_apply and rope_copy refuse: by which error, naming what, and with every
// byte of every tensor as it was. What they must not refuse: distances beyond 2^31 elements. And
// what the unchecked calls promise: no exceptions, no allocation.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/expect_error.hpp"
#include "../support/model_methods.hpp"
#include "../support/tensors.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using support::element;
using support::expect_error;
using yarn::heads_view;
using yarn::pairing;
using yarn::positions;
using yarn::positions_from;
using yarn::rows_view;
using yarn::table_view;

using invalid = std::invalid_argument;
using outside = std::out_of_range;

using elements = ::testing::Types<float, yarn::bfloat16>;
struct element_names {
  template <class T> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return element<T>::name;
  }
};

constexpr pairing half = pairing::half_split;

/// The two checked calls, one that only checks and one that would rotate, under one name.
struct checking {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_check(arguments...);
  }
};
struct applying {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_apply(arguments...);
  }
};
struct checking_copy {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_copy_check(arguments...);
  }
};
struct copying {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_copy(arguments...);
  }
};

/// Tensors of 3 tokens with heads of 8 elements, and a model of 6 rotated ones; a good call of each
/// kind, which every test makes bad in one place.
template <class T> class rope_refused : public ::testing::Test {
protected:
  static constexpr std::int64_t n_tokens = 3, n_q = 4, n_k = 2, dim = 8, n_pairs = 3;

  rope_refused() {
    rows.assign(freqs, positions_from(5, n_tokens));
    support::random_source random(1);
    std::generate(bytes_.begin(), bytes_.end(),
                  [&] { return static_cast<unsigned char>(random.next() >> 56U); });
    before_ = bytes_;
  }

  T* elements_at(std::size_t place) { return reinterpret_cast<T*>(bytes_.data() + place); }
  T* q_data() { return elements_at(512); }
  T* k_data() { return elements_at(1536); }
  T* other_data() { return elements_at(2560); }
  heads_view<T> q() { return {q_data(), n_tokens, n_q, dim}; }
  heads_view<T> k() { return {k_data(), n_tokens, n_k, dim}; }
  heads_view<T> other() { return {other_data(), n_tokens, n_q, dim}; }
  bool untouched() const { return bytes_ == before_; }

  /// Expects the error from rope_check and from rope_apply, and that no byte changed.
  template <class Error, class Call>
  void refused(std::initializer_list<std::string> words, const Call& call) {
    refused_by_both<Error>(
        words, [&] { call(checking{}); }, [&] { call(applying{}); });
  }
  /// The same from rope_copy_check and from rope_copy.
  template <class Error, class Call>
  void copy_refused(std::initializer_list<std::string> words, const Call& call) {
    refused_by_both<Error>(
        words, [&] { call(checking_copy{}); }, [&] { call(copying{}); });
  }

  /// A bad tensor, as q, as k, and alone, with rows, positions and table.
  template <class Error>
  void bad_tensor(std::initializer_list<std::string> words, const heads_view<T>& bad) {
    refused<Error>(words, [&](auto act) { act(bad, k(), rows, half); });
    refused<Error>(words, [&](auto act) { act(q(), bad, rows, half); });
    refused<Error>(words, [&](auto act) { act(bad, rows, half); });
    refused<Error>(words, [&](auto act) { act(bad, k(), yarn::rows_of(freqs, list()), half); });
    refused<Error>(words, [&](auto act) { act(q(), bad, yarn::rows_of(freqs, list()), half); });
    refused<Error>(words, [&](auto act) { act(bad, yarn::rows_of(freqs, list()), half); });
    refused<Error>(words, [&](auto act) { act(bad, k(), yarn::rows_of(table, list()), half); });
    refused<Error>(words, [&](auto act) { act(q(), bad, yarn::rows_of(table, list()), half); });
    refused<Error>(words, [&](auto act) { act(bad, yarn::rows_of(table, list()), half); });
  }

  positions list() const { return positions(list_); }

  const yarn::frequencies freqs = yarn::make_frequencies(support::shape_of(6, 1e4), [] {
    yarn::yarn_scaling method;
    method.factor = 16;
    method.original_max_position_embeddings = 4096;
    return method;
  }());
  const yarn::rotary_table<float> table = yarn::make_table<float>(freqs, 10);
  yarn::rotary_rows<float> rows;

private:
  // Not a template of the calls: a hundred of them are quicker to compile so.
  template <class Error>
  void refused_by_both(std::initializer_list<std::string> words, const std::function<void()>& check,
                       const std::function<void()>& rotate) {
    expect_error<Error>(check, words);
    EXPECT_TRUE(untouched()) << "the check wrote something";
    expect_error<Error>(rotate, words);
    EXPECT_TRUE(untouched()) << "the refused call wrote something";
    bytes_ = before_;
  }

  std::vector<unsigned char> bytes_ = std::vector<unsigned char>(4096);
  std::vector<unsigned char> before_;
  std::vector<std::int32_t> list_{9, 0, 4};
};
TYPED_TEST_SUITE(rope_refused, elements, element_names);

// ---- Not refused ------------------------------------------------------------------------------

// Without this the rest of the file would prove nothing.
TYPED_TEST(rope_refused, good_calls_are_not_refused) {
  const auto good = [&](const auto& act) {
    act(this->q(), this->k(), this->rows, half);
    act(this->q(), this->rows, half);
    act(this->q(), this->k(), yarn::rows_of(this->freqs, this->list()), half);
    act(this->k(), yarn::rows_of(this->freqs, this->list()), half);
    act(this->q(), this->k(), yarn::rows_of(this->table, this->list()), half);
    act(this->k(), yarn::rows_of(this->table, this->list()), half);
    act(this->k(), yarn::rows_of(this->table, positions_from(7)), half);
    act(this->k(), yarn::rows_of(this->table, positions_from(7, 3)), half);
  };
  good(checking{});
  yarn::rope_copy_check(this->q(), this->other(), this->rows, half, pairing::interleaved);
  EXPECT_TRUE(this->untouched());
  good(applying{});
  yarn::rope_copy(this->q(), this->other(), this->rows, half, pairing::interleaved);
  EXPECT_FALSE(this->untouched());
}

// ---- The pairing ------------------------------------------------------------------------------

TYPED_TEST(rope_refused, pairings_that_are_none) {
  for (const int number : {-1, 2, 77}) {
    const auto none = static_cast<pairing>(number);
    const std::string value = "pairing = " + std::to_string(number);
    this->template refused<invalid>({value}, [&](auto act) { act(this->q(), this->rows, none); });
    this->template refused<invalid>({value},
                                    [&](auto act) { act(this->q(), this->k(), this->rows, none); });
    this->template refused<invalid>({value}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->freqs, this->list()), none);
    });
    this->template refused<invalid>({value}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->table, this->list()), none);
    });
  }
}

// ---- Tensors ----------------------------------------------------------------------------------

TYPED_TEST(rope_refused, negative_extents) {
  TypeParam* const data = this->q_data();
  this->template bad_tensor<invalid>({"n_tokens = -3"}, {data, -3, 4, 8});
  this->template bad_tensor<invalid>({"n_heads = -1"}, {data, 3, -1, 8});
  this->template bad_tensor<invalid>({"head_dim = -8"}, {data, 3, 4, -8});
  this->template bad_tensor<invalid>({"n_heads"}, {data, 3, INT64_MIN, 8});
}

TYPED_TEST(rope_refused, heads_shorter_than_the_rotary_part) {
  TypeParam* const data = this->q_data();
  this->template bad_tensor<invalid>({"head_dim = 5", "rotary_dim = 6"}, {data, 3, 4, 5});
  this->template bad_tensor<invalid>({"head_dim = 0"}, {data, 3, 4, 0});
  this->template bad_tensor<invalid>({"head_dim = 5"}, {data, 3, 0, 5}); // though nothing is there
}

TYPED_TEST(rope_refused, null_data) {
  this->template bad_tensor<invalid>({"data is null"}, {static_cast<TypeParam*>(nullptr), 3, 4, 8});
}

TYPED_TEST(rope_refused, names_of_tensors) {
  const heads_view<TypeParam> bad{this->q_data(), 3, 4, 5};
  this->template refused<invalid>({"q.head_dim"},
                                  [&](auto act) { act(bad, this->k(), this->rows, half); });
  this->template refused<invalid>({"k.head_dim"},
                                  [&](auto act) { act(this->q(), bad, this->rows, half); });
  this->template refused<invalid>({"x.head_dim"}, [&](auto act) { act(bad, this->rows, half); });
}

// What is rotated twice is wrong, and slices of it race.
TYPED_TEST(rope_refused, heads_that_overlap) {
  const heads_view<TypeParam> x{this->q_data(), 3, 4, 8};
  const auto bad = [&](auto token_stride, auto head_stride) {
    this->template bad_tensor<invalid>({"overlap"}, x.with_strides(token_stride, head_stride));
  };
  bad(32, 7); // heads into each other
  bad(31, 8); // tokens into each other
  bad(32, 0); // all heads one
  bad(0, 8);  // all tokens one
  bad(0, 0);
  bad(-32, 8); // backwards
  bad(32, -8);
  bad(7, 24);  // [heads][tokens], tokens into each other
  bad(8, 23);  // [heads][tokens], heads into each other
  bad(16, 12); // neither axis within the other
  bad(8, 8);
  bad(INT64_MIN, 8);
  bad(32, INT64_MIN);
}

// One head or one token has no stride to be wrong.
TYPED_TEST(rope_refused, strides_that_do_not_matter) {
  TypeParam* const data = this->q_data();
  const heads_view<TypeParam> one_head{data, 3, 1, 8}, one_token{data, 1, 4, 8};
  for (const std::int64_t any : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
    yarn::rope_check(one_head.with_strides(8, any), this->rows, half);
    yarn::rope_check(one_token.with_strides(any, 8), yarn::rows_of(this->freqs, positions_from(0)),
                     half);
    yarn::rope_check(heads_view<TypeParam>{data, 1, 1, 8}.with_strides(any, any),
                     yarn::rows_of(this->table, positions_from(0)), half);
  }
  EXPECT_TRUE(this->untouched());
}

TYPED_TEST(rope_refused, products_beyond_ptrdiff) {
  TypeParam* const data = this->q_data();
  constexpr auto limit = PTRDIFF_MAX / static_cast<std::int64_t>(sizeof(TypeParam));
  const auto bad = [&](const heads_view<TypeParam>& x) {
    this->template bad_tensor<invalid>({"n_tokens = ", "n_heads = "}, x);
  };
  const heads_view<TypeParam> x{data, 3, 4, 8};
  bad(x.with_strides(limit, 8));
  bad(x.with_strides(limit / 2, 8)); // twice that, and four heads
  bad(x.with_strides(INT64_MAX, 8));
  bad(x.with_strides(8, limit));
  bad(x.with_strides(8, limit / 3));
  bad(x.with_strides(8, INT64_MAX));
  bad({data, std::int64_t{1} << 61, 4, 8});
  bad({data, 1, 1, limit + 1});
  bad(heads_view<TypeParam>{data, std::int64_t{1} << 32, std::int64_t{1} << 32, 8}.with_strides(
      std::int64_t{1} << 40, 8));
  // n_heads * head_dim wraps to a stride that looks small, negative, or good.
  this->template bad_tensor<invalid>({}, {data, 3, std::int64_t{1} << 60, 8});
  this->template bad_tensor<invalid>({}, {data, 3, 4, INT64_MAX});
  this->template bad_tensor<invalid>({}, {data, 3, std::int64_t{1} << 61, 8});
  this->template bad_tensor<invalid>({}, {data, 3, (std::int64_t{1} << 61) + 4, 8});
  this->template bad_tensor<invalid>({}, {data, 3, std::int64_t{1} << 62, 12});

  // The largest tensor there is, and one element more. (Checking touches nothing.)
  yarn::rope_check(heads_view<TypeParam>{data, 2, 4, 8}.with_strides(limit - 32, 8),
                   yarn::rows_of(this->freqs, positions_from(0)), half);
  yarn::rope_check(heads_view<TypeParam>{data, 2, 4, 8}.with_strides(8, (limit - 16) / 3),
                   yarn::rows_of(this->freqs, positions_from(0)), half);
  yarn::rope_check(heads_view<TypeParam>{data, 1, 1, limit},
                   yarn::rows_of(this->freqs, positions_from(0)), half);
  expect_error<invalid>(
      [&] {
        yarn::rope_check(heads_view<TypeParam>{data, 2, 4, 8}.with_strides(limit - 31, 8),
                         yarn::rows_of(this->freqs, positions_from(0)), half);
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
  EXPECT_TRUE(this->untouched());
}

// ---- Counts of tokens -------------------------------------------------------------------------

TYPED_TEST(rope_refused, counts_of_tokens_that_differ) {
  for (const std::int64_t n : {0, 1, 2, 4}) {
    const heads_view<TypeParam> other{this->k_data(), n, 2, 8};
    const std::string value = "n_tokens = " + std::to_string(n);
    this->template refused<invalid>({"k.n_tokens", std::to_string(n)},
                                    [&](auto act) { act(this->q(), other, this->rows, half); });
    this->template refused<invalid>({"k.n_tokens"}, [&](auto act) {
      act(this->q(), other, yarn::rows_of(this->freqs, positions_from(0)), half);
    });
    this->template refused<invalid>({"k.n_tokens"}, [&](auto act) {
      act(this->q(), other, yarn::rows_of(this->table, positions_from(0)), half);
    });
    this->template refused<invalid>({"rows.n_rows = 3"},
                                    [&](auto act) { act(other, this->rows, half); });
    this->template refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->freqs, this->list()), half);
    });
    this->template refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->table, this->list()), half);
    });
    this->template refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->table, positions_from(0, 3)), half);
    });
    this->template refused<invalid>({"positions.size = 3"}, [&](auto act) {
      act(other, yarn::rows_of(this->freqs, positions_from(0, 3)), half);
    });
  }
  yarn::rotary_rows<float> more;
  more.assign(this->freqs, positions_from(0, 4));
  this->template refused<invalid>({"rows.n_rows = 4", "n_tokens = 3"},
                                  [&](auto act) { act(this->q(), this->k(), more, half); });
}

// ---- Rows and tables of the engine ------------------------------------------------------------

TYPED_TEST(rope_refused, rows_and_tables_without_sense) {
  const std::vector<float> values(64, 1.0F);
  const float* const some = values.data();
  const float* const none = nullptr;
  const auto bad = [&](std::initializer_list<std::string> words, const float* cos, const float* sin,
                       std::int64_t n_rows, std::int64_t pairs, std::int64_t stride) {
    const rows_view<float> their_rows{cos, sin, n_rows, pairs, stride};
    const table_view<float> their_table{cos, sin, n_rows, pairs, stride};
    this->template refused<invalid>(words,
                                    [&](auto act) { act(this->q(), this->k(), their_rows, half); });
    this->template refused<invalid>(words, [&](auto act) { act(this->q(), their_rows, half); });
    this->template refused<invalid>(words, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(their_table, positions_from(0)), half);
    });
    this->template refused<invalid>(words, [&](auto act) {
      act(this->q(), yarn::rows_of(their_table, positions_from(0)), half);
    });
  };
  bad({"n_pairs = 0"}, some, some, 3, 0, 4);
  bad({"n_pairs = -3"}, some, some, 3, -3, 4);
  bad({"n_rows = -3"}, some, some, -3, 3, 4);
  bad({"row_stride = 2", "n_pairs = 3"}, some, some, 3, 3, 2);
  bad({"row_stride = 0"}, some, some, 3, 3, 0);
  bad({"row_stride = -3"}, some, some, 3, 3, -3);
  bad({"null"}, none, some, 3, 3, 3);
  bad({"null"}, some, none, 3, 3, 3);
  bad({"head_dim = 8", "rotary_dim = 10"}, some, some, 3, 5, 5);
}

// Pairs so many that their double is not a number of 64 bits, and rows so far apart that no memory
// holds them.
TYPED_TEST(rope_refused, rows_and_tables_beyond_ptrdiff) {
  const std::vector<float> values(64, 1.0F);
  const float* const some = values.data();
  for (const std::int64_t pairs : {(std::int64_t{1} << 62), (std::int64_t{1} << 62) + 3, INT64_MAX,
                                   INT64_MAX / 2, std::int64_t{1} << 40}) {
    const rows_view<float> their_rows{some, some, 3, pairs, pairs};
    const table_view<float> their_table{some, some, 3, pairs, pairs};
    expect_error<invalid>([&] { yarn::rope_check(this->q(), their_rows, half); }, {});
    expect_error<invalid>([&] { yarn::rope_check(this->q(), this->k(), their_rows, half); }, {});
    expect_error<invalid>(
        [&] { yarn::rope_check(this->q(), yarn::rows_of(their_table, positions_from(0)), half); },
        {});
  }
  constexpr std::int64_t limit = PTRDIFF_MAX / 4;
  for (const std::int64_t stride : {INT64_MAX, limit, limit / 2}) {
    const rows_view<float> their_rows{some, some, 3, 3, stride};
    const table_view<float> their_table{some, some, 3, 3, stride};
    expect_error<invalid>([&] { yarn::rope_check(this->q(), their_rows, half); }, {"row_stride"});
    expect_error<invalid>(
        [&] { yarn::rope_check(this->q(), yarn::rows_of(their_table, positions_from(0)), half); },
        {"row_stride"});
  }
}

// ---- Positions --------------------------------------------------------------------------------

TYPED_TEST(rope_refused, positions_outside_a_table) {
  const auto bad = [&](const std::vector<std::int64_t>& numbers, const std::string& value,
                       const std::string& token) {
    const positions wide(numbers);
    this->template refused<outside>(
        {"position " + value, "token " + token, "[0, 10)"},
        [&](auto act) { act(this->q(), this->k(), yarn::rows_of(this->table, wide), half); });
    this->template refused<outside>({"position " + value, "token " + token}, [&](auto act) {
      act(this->q(), yarn::rows_of(this->table, wide), half);
    });
    if (numbers[0] >= INT32_MIN && numbers[0] <= INT32_MAX && numbers[2] >= INT32_MIN &&
        numbers[2] <= INT32_MAX) {
      const std::vector<std::int32_t> narrow(numbers.begin(), numbers.end());
      this->template refused<outside>({"position " + value, "token " + token}, [&](auto act) {
        act(this->q(), this->k(), yarn::rows_of(this->table, positions(narrow)), half);
      });
    }
  };
  bad({10, 0, 0}, "10", "0");
  bad({0, 11, 0}, "11", "1");
  bad({9, 9, 10}, "10", "2");
  bad({0, 0, -1}, "-1", "2");
  bad({-1, 0, 0}, "-1", "0");
  bad({INT64_MIN, 0, 0}, std::to_string(INT64_MIN), "0");
  bad({0, 0, INT64_MAX}, std::to_string(INT64_MAX), "2");
  bad({0, 0, std::int64_t{1} << 32}, "4294967296", "2"); // 0 in its lower half
  for (const std::int64_t first : {std::int64_t{8}, std::int64_t{9}, std::int64_t{10},
                                   std::int64_t{-1}, std::int64_t{-3}, INT64_MAX, INT64_MIN}) {
    this->template refused<outside>({"[0, 10)", std::to_string(first)}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->table, positions_from(first)), half);
    });
    this->template refused<outside>({"[0, 10)"}, [&](auto act) {
      act(this->q(), yarn::rows_of(this->table, positions_from(first, 3)), half);
    });
  }
  // A table without a row, and one row: no token, one token.
  const table_view<float> no_row{this->table.cos(0), this->table.sin(0), 0, 3, 16};
  const table_view<float> one_row{this->table.cos(0), this->table.sin(0), 1, 3, 0};
  const heads_view<TypeParam> one{this->q_data(), 1, 1, 8};
  this->template refused<outside>(
      {"[0, 0)"}, [&](auto act) { act(one, yarn::rows_of(no_row, positions_from(0)), half); });
  this->template refused<outside>(
      {"[0, 1)"}, [&](auto act) { act(one, yarn::rows_of(one_row, positions_from(1)), half); });
  yarn::rope_check(one, yarn::rows_of(one_row, positions_from(0)), half);
}

TYPED_TEST(rope_refused, positions_beyond_2_to_the_31) {
  constexpr std::int64_t largest = std::int64_t{1} << 31;
  const auto bad = [&](const std::vector<std::int64_t>& numbers, std::int64_t value) {
    this->template refused<outside>({std::to_string(value)}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->freqs, positions(numbers)), half);
    });
    this->template refused<outside>({std::to_string(value)}, [&](auto act) {
      act(this->k(), yarn::rows_of(this->freqs, positions(numbers)), half);
    });
  };
  bad({largest + 1, 0, 0}, largest + 1);
  bad({0, -largest - 1, 0}, -largest - 1);
  bad({0, 0, INT64_MAX}, INT64_MAX);
  bad({0, 0, INT64_MIN}, INT64_MIN);
  bad({0, 0, (std::int64_t{1} << 32) + 1}, (std::int64_t{1} << 32) + 1);
  for (const std::int64_t first : {largest + 1, largest - 1, -largest - 1, INT64_MAX, INT64_MIN}) {
    this->template refused<outside>({"position"}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->freqs, positions_from(first)), half);
    });
  }
  const std::vector<std::int64_t> ends{largest, -largest, 0};
  yarn::rope_check(this->q(), this->k(), yarn::rows_of(this->freqs, positions(ends)), half);
  yarn::rope_check(this->q(), yarn::rows_of(this->freqs, positions_from(largest - 2)), half);
  yarn::rope_check(this->q(), yarn::rows_of(this->freqs, positions_from(-largest)), half);
}

// ---- rope_copy --------------------------------------------------------------------------------

TYPED_TEST(rope_refused, copies) {
  const auto order = pairing::interleaved;
  const heads_view<TypeParam> source = this->q(), target = this->other();
  TypeParam* const data = this->other_data();
  const auto bad = [&](std::initializer_list<std::string> words, const heads_view<TypeParam>& from,
                       const auto& to, pairing p = half, pairing target_order = half) {
    this->template copy_refused<invalid>(
        words, [&](auto act) { act(from, to, this->rows, p, target_order); });
    this->template copy_refused<invalid>(words, [&](auto act) {
      act(from, to, yarn::rows_of(this->freqs, this->list()), p, target_order);
    });
    this->template copy_refused<invalid>(words, [&](auto act) {
      act(from, to, yarn::rows_of(this->table, this->list()), p, target_order);
    });
  };
  using view = heads_view<TypeParam>;
  bad({"target.n_tokens = 2"}, source, view{data, 2, 4, 8});
  bad({"target.n_tokens = 4"}, source, view{data, 4, 4, 8});
  bad({"n_heads = 3"}, source, view{data, 3, 3, 8});
  bad({"head_dim = 9"}, source, view{data, 3, 4, 9});
  bad({"head_dim = 7"}, source, view{data, 3, 4, 7});
  bad({"target.head_dim = 5"}, source, view{data, 3, 4, 5});
  bad({"source.head_dim = 5"}, view{data, 3, 4, 5}, target);
  bad({"source.data is null"}, view{static_cast<TypeParam*>(nullptr), 3, 4, 8}, target);
  bad({"target.data is null"}, source, view{static_cast<TypeParam*>(nullptr), 3, 4, 8});
  bad({"target", "overlap"}, source, target.with_strides(31, 8));
  bad({"source", "overlap"}, source.with_strides(32, 4), target);
  bad({"target", "ptrdiff_t"}, source, target.with_strides(INT64_MAX, 8));
  bad({"source", "n_tokens = -3"}, view{data, -3, 4, 8}, target);
  bad({"pairing = 2"}, source, target, static_cast<pairing>(2), half);
  bad({"pairing = 3"}, source, target, half, static_cast<pairing>(3));

  // Memory that overlaps without being the same elements in the same places.
  bad({"overlap"}, source, view{this->q_data() + 1, 3, 4, 8});
  bad({"overlap"}, source, view{this->q_data() + 8, 3, 4, 8}); // the next head
  bad({"overlap"}, source, view{this->q_data() + 32, 3, 4, 8});
  bad({"overlap"}, source, view{this->q_data() + 95, 3, 4, 8});
  bad({"overlap"}, view{this->q_data() + 95, 3, 4, 8}, source);
  bad({"overlap"}, source, source.with_strides(8, 24));
  bad({"overlap"}, source, source, half, order);
  bad({"overlap"}, source, source, order, half);
  if constexpr (sizeof(TypeParam) == 4) { // one place, two types
    const heads_view<yarn::float16> halves{reinterpret_cast<yarn::float16*>(this->q_data()), 3, 4,
                                           8};
    bad({"overlap"}, source, halves);
  }
  // Side by side in rows of packed tensors, and one behind the other, they do not.
  const view rows_of_three = view{this->q_data(), 3, 1, 8}.with_strides(24, 8);
  const view beside = view{this->q_data() + 8, 3, 1, 8}.with_strides(24, 8);
  const view overlapping = view{this->q_data() + 7, 3, 1, 8}.with_strides(24, 8);
  yarn::rope_copy_check(rows_of_three, beside, this->rows, half, order);
  yarn::rope_copy_check(beside, rows_of_three, this->rows, half, order);
  yarn::rope_copy_check(source, view{this->q_data() + 96, 3, 4, 8}, this->rows, half, order);
  yarn::rope_copy_check(source, source, this->rows, half, half);
  bad({"overlap"}, rows_of_three, overlapping);
  bad({"overlap"}, overlapping, rows_of_three);

  const auto no_rows = rows_view<float>{this->rows.cos(0), this->rows.sin(0), 2, 3, 16};
  this->template copy_refused<invalid>({"rows.n_rows = 2"},
                                       [&](auto act) { act(source, target, no_rows, half, half); });
  this->template copy_refused<invalid>({"positions.size = 2"}, [&](auto act) {
    act(source, target, yarn::rows_of(this->freqs, positions_from(0, 2)), half, half);
  });
  this->template copy_refused<outside>({"[0, 10)"}, [&](auto act) {
    act(source, target, yarn::rows_of(this->table, positions_from(8)), half, half);
  });
  this->template copy_refused<outside>({"2^31"}, [&](auto act) {
    act(source, target, yarn::rows_of(this->freqs, positions_from(std::int64_t{1} << 32)), half,
        half);
  });
}

} // namespace
