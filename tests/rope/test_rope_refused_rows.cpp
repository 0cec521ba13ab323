// SPDX-License-Identifier: MIT
// rope_check and rope_apply refuse bad rows, tables and positions. rope_copy_check and rope_copy
// refuse bad arguments of every kind.
#include "../support/emulated_rotation.hpp"
#include "../support/expect_error.hpp"
#include "../support/refused_calls.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::expect_error;
using yarn::heads_view;
using yarn::pairing;
using yarn::positions;
using yarn::positions_from;
using yarn::rows_view;
using yarn::table_view;

using invalid = std::invalid_argument;
using outside = std::out_of_range;

constexpr pairing half_split = pairing::half_split;

template <class T> class rope_refused_rows : public support::refused_calls<T> {};
using elements = ::testing::Types<float, yarn::bfloat16>;
TYPED_TEST_SUITE(rope_refused_rows, elements, support::element_names);

// ---- Rows and tables of the engine ------------------------------------------------------------

TYPED_TEST(rope_refused_rows, rows_and_tables_with_bad_sizes_or_null_data) {
  const std::vector<float> values(64, 1.0F);
  const float* const entries = values.data();
  const float* const null = nullptr;
  const auto expect_refused = [&](std::initializer_list<std::string> words, const float* cos,
                                  const float* sin, std::int64_t n_rows, std::int64_t pairs,
                                  std::int64_t stride) {
    const rows_view<float> their_rows{cos, sin, n_rows, pairs, stride};
    const table_view<float> their_table{cos, sin, n_rows, pairs, stride};
    this->template expect_refused<invalid>(
        words, [&](auto act) { act(this->q(), this->k(), their_rows, half_split); });
    this->template expect_refused<invalid>(
        words, [&](auto act) { act(this->q(), their_rows, half_split); });
    this->template expect_refused<invalid>(words, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(their_table, positions_from(0)), half_split);
    });
    this->template expect_refused<invalid>(words, [&](auto act) {
      act(this->q(), yarn::rows_of(their_table, positions_from(0)), half_split);
    });
  };
  expect_refused({"n_pairs = 0"}, entries, entries, 3, 0, 4);
  expect_refused({"n_pairs = -3"}, entries, entries, 3, -3, 4);
  expect_refused({"n_rows = -3"}, entries, entries, -3, 3, 4);
  expect_refused({"row_stride = 2", "n_pairs = 3"}, entries, entries, 3, 3, 2);
  expect_refused({"row_stride = 0"}, entries, entries, 3, 3, 0);
  expect_refused({"row_stride = -3"}, entries, entries, 3, 3, -3);
  expect_refused({"null"}, null, entries, 3, 3, 3);
  expect_refused({"null"}, entries, null, 3, 3, 3);
  expect_refused({"head_dim = 8", "rotary_dim = 10"}, entries, entries, 3, 5, 5);
}

// Numbers of pairs whose double does not fit 64 bits, and row strides that do not fit ptrdiff_t.
TYPED_TEST(rope_refused_rows, rows_and_tables_beyond_ptrdiff) {
  const std::vector<float> values(64, 1.0F);
  const float* const entries = values.data();
  for (const std::int64_t pairs : {(std::int64_t{1} << 62), (std::int64_t{1} << 62) + 3, INT64_MAX,
                                   INT64_MAX / 2, std::int64_t{1} << 40}) {
    const rows_view<float> their_rows{entries, entries, 3, pairs, pairs};
    const table_view<float> their_table{entries, entries, 3, pairs, pairs};
    expect_error<invalid>([&] { yarn::rope_check(this->q(), their_rows, half_split); }, {});
    expect_error<invalid>([&] { yarn::rope_check(this->q(), this->k(), their_rows, half_split); },
                          {});
    expect_error<invalid>(
        [&] {
          yarn::rope_check(this->q(), yarn::rows_of(their_table, positions_from(0)), half_split);
        },
        {});
  }
  constexpr std::int64_t limit = PTRDIFF_MAX / 4;
  for (const std::int64_t stride : {INT64_MAX, limit, limit / 2}) {
    const rows_view<float> their_rows{entries, entries, 3, 3, stride};
    const table_view<float> their_table{entries, entries, 3, 3, stride};
    expect_error<invalid>([&] { yarn::rope_check(this->q(), their_rows, half_split); },
                          {"row_stride"});
    expect_error<invalid>(
        [&] {
          yarn::rope_check(this->q(), yarn::rows_of(their_table, positions_from(0)), half_split);
        },
        {"row_stride"});
  }
}

// ---- Positions --------------------------------------------------------------------------------

TYPED_TEST(rope_refused_rows, positions_outside_a_table) {
  const auto expect_refused = [&](const std::vector<std::int64_t>& numbers,
                                  const std::string& value, const std::string& token) {
    const positions wide(numbers);
    this->template expect_refused<outside>(
        {"position " + value, "token " + token, "[0, 10)"},
        [&](auto act) { act(this->q(), this->k(), yarn::rows_of(this->table, wide), half_split); });
    this->template expect_refused<outside>({"position " + value, "token " + token}, [&](auto act) {
      act(this->q(), yarn::rows_of(this->table, wide), half_split);
    });
    if (numbers[0] >= INT32_MIN && numbers[0] <= INT32_MAX && numbers[2] >= INT32_MIN &&
        numbers[2] <= INT32_MAX) {
      const std::vector<std::int32_t> narrow(numbers.begin(), numbers.end());
      this->template expect_refused<outside>(
          {"position " + value, "token " + token}, [&](auto act) {
            act(this->q(), this->k(), yarn::rows_of(this->table, positions(narrow)), half_split);
          });
    }
  };
  expect_refused({10, 0, 0}, "10", "0");
  expect_refused({0, 11, 0}, "11", "1");
  expect_refused({9, 9, 10}, "10", "2");
  expect_refused({0, 0, -1}, "-1", "2");
  expect_refused({-1, 0, 0}, "-1", "0");
  expect_refused({INT64_MIN, 0, 0}, std::to_string(INT64_MIN), "0");
  expect_refused({0, 0, INT64_MAX}, std::to_string(INT64_MAX), "2");
  expect_refused({0, 0, std::int64_t{1} << 32}, "4294967296", "2"); // the lower 32 bits are 0
  for (const std::int64_t first : {std::int64_t{8}, std::int64_t{9}, std::int64_t{10},
                                   std::int64_t{-1}, std::int64_t{-3}, INT64_MAX, INT64_MIN}) {
    this->template expect_refused<outside>({"[0, 10)", std::to_string(first)}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->table, positions_from(first)), half_split);
    });
    this->template expect_refused<outside>({"[0, 10)"}, [&](auto act) {
      act(this->q(), yarn::rows_of(this->table, positions_from(first, 3)), half_split);
    });
  }
  // A table without rows refuses one token, and a table of one row accepts only position 0.
  const table_view<float> no_row{this->table.cos(0), this->table.sin(0), 0, 3, 16};
  const table_view<float> one_row{this->table.cos(0), this->table.sin(0), 1, 3, 0};
  const heads_view<TypeParam> one_token{this->q_data(), 1, 1, 8};
  this->template expect_refused<outside>({"[0, 0)"}, [&](auto act) {
    act(one_token, yarn::rows_of(no_row, positions_from(0)), half_split);
  });
  this->template expect_refused<outside>({"[0, 1)"}, [&](auto act) {
    act(one_token, yarn::rows_of(one_row, positions_from(1)), half_split);
  });
  yarn::rope_check(one_token, yarn::rows_of(one_row, positions_from(0)), half_split);
}

TYPED_TEST(rope_refused_rows, positions_beyond_2_to_the_31) {
  constexpr std::int64_t largest = std::int64_t{1} << 31;
  const auto expect_refused = [&](const std::vector<std::int64_t>& numbers, std::int64_t value) {
    this->template expect_refused<outside>({std::to_string(value)}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->freqs, positions(numbers)), half_split);
    });
    this->template expect_refused<outside>({std::to_string(value)}, [&](auto act) {
      act(this->k(), yarn::rows_of(this->freqs, positions(numbers)), half_split);
    });
  };
  expect_refused({largest + 1, 0, 0}, largest + 1);
  expect_refused({0, -largest - 1, 0}, -largest - 1);
  expect_refused({0, 0, INT64_MAX}, INT64_MAX);
  expect_refused({0, 0, INT64_MIN}, INT64_MIN);
  expect_refused({0, 0, (std::int64_t{1} << 32) + 1}, (std::int64_t{1} << 32) + 1);
  for (const std::int64_t first : {largest + 1, largest - 1, -largest - 1, INT64_MAX, INT64_MIN}) {
    this->template expect_refused<outside>({"position"}, [&](auto act) {
      act(this->q(), this->k(), yarn::rows_of(this->freqs, positions_from(first)), half_split);
    });
  }
  const std::vector<std::int64_t> ends{largest, -largest, 0};
  yarn::rope_check(this->q(), this->k(), yarn::rows_of(this->freqs, positions(ends)), half_split);
  yarn::rope_check(this->q(), yarn::rows_of(this->freqs, positions_from(largest - 2)), half_split);
  yarn::rope_check(this->q(), yarn::rows_of(this->freqs, positions_from(-largest)), half_split);
}

// ---- rope_copy --------------------------------------------------------------------------------

TYPED_TEST(rope_refused_rows, bad_arguments_of_rope_copy) {
  const auto order = pairing::interleaved;
  const heads_view<TypeParam> source = this->q(), target = this->other();
  TypeParam* const data = this->other_data();
  const auto expect_refused = [&](std::initializer_list<std::string> words,
                                  const heads_view<TypeParam>& from, const auto& to,
                                  pairing p = half_split, pairing written = half_split) {
    const yarn::output_order order_written{written};
    this->template expect_copy_refused<invalid>(
        words, [&](auto act) { act(from, to, this->rows, p, order_written); });
    this->template expect_copy_refused<invalid>(words, [&](auto act) {
      act(from, to, yarn::rows_of(this->freqs, this->list()), p, order_written);
    });
    this->template expect_copy_refused<invalid>(words, [&](auto act) {
      act(from, to, yarn::rows_of(this->table, this->list()), p, order_written);
    });
  };
  using view = heads_view<TypeParam>;
  expect_refused({"target.n_tokens = 2"}, source, view{data, 2, 4, 8});
  expect_refused({"target.n_tokens = 4"}, source, view{data, 4, 4, 8});
  expect_refused({"n_heads = 3"}, source, view{data, 3, 3, 8});
  expect_refused({"head_dim = 9"}, source, view{data, 3, 4, 9});
  expect_refused({"head_dim = 7"}, source, view{data, 3, 4, 7});
  expect_refused({"target.head_dim = 5"}, source, view{data, 3, 4, 5});
  expect_refused({"source.head_dim = 5"}, view{data, 3, 4, 5}, target);
  expect_refused({"source.data is null"}, view{static_cast<TypeParam*>(nullptr), 3, 4, 8}, target);
  expect_refused({"target.data is null"}, source, view{static_cast<TypeParam*>(nullptr), 3, 4, 8});
  expect_refused({"target", "overlap"}, source, target.with_strides(31, 8));
  expect_refused({"source", "overlap"}, source.with_strides(32, 4), target);
  expect_refused({"target", "ptrdiff_t"}, source, target.with_strides(INT64_MAX, 8));
  expect_refused({"source", "n_tokens = -3"}, view{data, -3, 4, 8}, target);
  expect_refused({"pairing = 2"}, source, target, static_cast<pairing>(2), half_split);
  expect_refused({"pairing = 3"}, source, target, half_split, static_cast<pairing>(3));

  // Source and target overlap and are not the same view.
  expect_refused({"overlap"}, source, view{this->q_data() + 1, 3, 4, 8});
  expect_refused({"overlap"}, source, view{this->q_data() + 8, 3, 4, 8}); // the next head
  expect_refused({"overlap"}, source, view{this->q_data() + 32, 3, 4, 8});
  expect_refused({"overlap"}, source, view{this->q_data() + 95, 3, 4, 8});
  expect_refused({"overlap"}, view{this->q_data() + 95, 3, 4, 8}, source);
  expect_refused({"overlap"}, source, source.with_strides(8, 24));
  expect_refused({"overlap"}, source, source, half_split, order);
  expect_refused({"overlap"}, source, source, order, half_split);
  if constexpr (sizeof(TypeParam) == 4) { // the same memory as elements of two types
    const heads_view<yarn::float16> halves{reinterpret_cast<yarn::float16*>(this->q_data()), 3, 4,
                                           8};
    expect_refused({"overlap"}, source, halves);
  }
  // Separate sections of packed rows do not overlap. Neither do two tensors, one after the other.
  const view rows_of_three = view{this->q_data(), 3, 1, 8}.with_strides(24, 8);
  const view beside = view{this->q_data() + 8, 3, 1, 8}.with_strides(24, 8);
  const view overlapping = view{this->q_data() + 7, 3, 1, 8}.with_strides(24, 8);
  yarn::rope_copy_check(rows_of_three, beside, this->rows, half_split, yarn::output_order{order});
  yarn::rope_copy_check(beside, rows_of_three, this->rows, half_split, yarn::output_order{order});
  yarn::rope_copy_check(source, view{this->q_data() + 96, 3, 4, 8}, this->rows, half_split,
                        yarn::output_order{order});
  yarn::rope_copy_check(source, source, this->rows, half_split, yarn::output_order{half_split});
  expect_refused({"overlap"}, rows_of_three, overlapping);
  expect_refused({"overlap"}, overlapping, rows_of_three);

  const auto two_rows = rows_view<float>{this->rows.cos(0), this->rows.sin(0), 2, 3, 16};
  this->template expect_copy_refused<invalid>({"rows.n_rows = 2"}, [&](auto act) {
    act(source, target, two_rows, half_split, yarn::output_order{half_split});
  });
  this->template expect_copy_refused<invalid>({"positions.size = 2"}, [&](auto act) {
    act(source, target, yarn::rows_of(this->freqs, positions_from(0, 2)), half_split,
        yarn::output_order{half_split});
  });
  this->template expect_copy_refused<outside>({"[0, 10)"}, [&](auto act) {
    act(source, target, yarn::rows_of(this->table, positions_from(8)), half_split,
        yarn::output_order{half_split});
  });
  this->template expect_copy_refused<outside>({"2^31"}, [&](auto act) {
    act(source, target, yarn::rows_of(this->freqs, positions_from(std::int64_t{1} << 32)),
        half_split, yarn::output_order{half_split});
  });
}

} // namespace
