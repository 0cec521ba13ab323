// SPDX-License-Identifier: MIT
// All ways of making rows give the same bits. The file also tests which memory they write, and rows
// of methods that depend on the current length. (test_rows_error.cpp measures the error of rows.)
#include "../support/bits.hpp"
#include "../support/model_methods.hpp"
#include "../support/rows.hpp"

#include <gtest/gtest.h>
#include <yarn/rows.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::bits_of;
using support::expect_row;
using support::first_difference;
using support::geometric;
using support::largest_position;
using support::position_lists;
using support::single_row;

// ---- All ways give the same bits ---------------------------------------------------------------

constexpr double amplitudes[] = {1.0, 1.277, 0.5, 0x1p-60, 0x1p60};

TEST(rows, run_equals_single_rows) {
  // A recurrence makes up to 96 rows. Fewer than 8 rows are made without a recurrence.
  for (const std::int64_t n_rows : {1, 2, 7, 8, 9, 95, 96, 97, 191, 192, 193, 300}) {
    for (const std::int64_t first : {std::int64_t{0}, std::int64_t{-150}, std::int64_t{131000},
                                     largest_position - n_rows + 1, -largest_position}) {
      const yarn::frequencies freqs = geometric(21, 1.277);
      yarn::rotary_rows<float> rows;
      rows.assign(freqs, yarn::positions_from(first, n_rows));
      ASSERT_EQ(rows.n_rows(), n_rows);
      for (std::int64_t row = 0; row < n_rows; ++row) {
        expect_row(freqs, first + row, rows.cos(row), rows.sin(row), "run");
      }
    }
  }
}

TEST(rows, any_number_of_pairs_equals_single_rows) {
  for (std::size_t n_pairs = 1; n_pairs <= 70; ++n_pairs) {
    const yarn::frequencies freqs = geometric(n_pairs, amplitudes[n_pairs % 5]);
    yarn::rotary_rows<float> rows;
    rows.assign(freqs, yarn::positions_from(-30, 110));
    ASSERT_EQ(rows.n_pairs(), static_cast<std::int64_t>(n_pairs));
    for (const std::int64_t row : {0, 29, 30, 31, 95, 96, 109}) {
      expect_row(freqs, row - 30, rows.cos(row), rows.sin(row), std::to_string(n_pairs));
    }
    // The entries of a pair do not depend on the other pairs.
    for (std::size_t pair = 0; pair < n_pairs; pair += 7) {
      const auto alone =
          yarn::frequencies_from(&freqs.inv_freq()[pair], 1, freqs.attention_factor());
      const single_row<float> single_pair(alone, 77);
      const single_row<float> row(freqs, 77);
      ASSERT_EQ(bits_of(single_pair.cos[0]), bits_of(row.cos[pair])) << n_pairs << " " << pair;
      ASSERT_EQ(bits_of(single_pair.sin[0]), bits_of(row.sin[pair])) << n_pairs << " " << pair;
    }
  }
}

TEST(rows, any_amplitude_and_frequency_equals_single_rows) {
  const std::vector<double> inv_freq{1.0,    -1.0,  0.0, -0.0, 6.3, 2.5e3, -7e5, 1e-9, 0.37,   1e-5,
                                     3.1e-3, 4.2e9, 0.1, 0.2,  0.3, 0.4,   0.5,  -0.6, 0x1p-60};
  for (const double m : amplitudes) {
    const auto freqs = yarn::frequencies_from(inv_freq.data(), inv_freq.size(), m);
    yarn::rotary_rows<float> rows;
    for (const std::int64_t first : {std::int64_t{-100}, largest_position - 250}) {
      rows.assign(freqs, yarn::positions_from(first, 250));
      for (std::int64_t row = 0; row < 250; ++row) {
        expect_row(freqs, first + row, rows.cos(row), rows.sin(row), std::to_string(m));
      }
    }
  }
}

TEST(rows, list_equals_single_rows) {
  const yarn::frequencies freqs = geometric(19, 1.1);
  for (const std::vector<std::int64_t>& list : position_lists()) {
    const std::vector<std::int32_t> list32(list.begin(), list.end());
    yarn::rotary_rows<float> rows, rows32;
    yarn::rotary_rows<double> doubles;
    rows.assign(freqs, yarn::positions(list));
    doubles.assign(freqs, yarn::positions(list));
    const bool fits = std::equal(list.begin(), list.end(), list32.begin());
    if (fits) {
      rows32.assign(freqs, yarn::positions(list32.data(), list32.size()));
    }
    ASSERT_EQ(rows.n_rows(), static_cast<std::int64_t>(list.size()));
    for (std::size_t t = 0; t < list.size(); ++t) {
      const auto row = static_cast<std::int64_t>(t);
      expect_row(freqs, list[t], rows.cos(row), rows.sin(row), "list");
      expect_row(freqs, list[t], doubles.cos(row), doubles.sin(row), "double list");
      if (fits) {
        expect_row(freqs, list[t], rows32.cos(row), rows32.sin(row), "32-bit list");
      }
    }
  }
}

TEST(rows, table_equals_single_rows) {
  const yarn::frequencies freqs = geometric(33, 1.277);
  const yarn::rotary_table<float> table = yarn::make_table<float>(freqs, 700);
  const auto doubles = yarn::make_table<double>(freqs, std::size_t{20});
  ASSERT_EQ(table.n_rows(), 700);
  ASSERT_EQ(table.n_pairs(), 33);
  for (std::int64_t position = 0; position < 700; ++position) {
    expect_row(freqs, position, table.cos(position), table.sin(position), "table");
    EXPECT_EQ(table.view().cos(position), table.cos(position));
    EXPECT_EQ(table.view().sin(position), table.sin(position));
  }
  for (std::int64_t position = 0; position < 20; ++position) {
    expect_row(freqs, position, doubles.cos(position), doubles.sin(position), "double table");
  }
  EXPECT_EQ(yarn::make_table<float>(freqs, 0).n_rows(), 0);
}

// If the processor has streaming stores, the library writes the rows of a large table with them,
// except rows that it computes again.
TEST(rows, large_table_equals_single_rows) {
  const yarn::frequencies freqs = geometric(512, 1.277);
  const std::int64_t n_rows = (std::int64_t{1} << 21) / 512 + 3;
  const yarn::rotary_table<float> table = yarn::make_table<float>(freqs, n_rows);
#if !defined(YARN_NO_XSIMD)
  using arch = yarn::detail::default_arch;
  EXPECT_EQ(yarn::detail::should_stream<arch>(512, n_rows, table.cos(0), table.sin(0), 1024),
            yarn::detail::can_stream_v<arch>);
#endif
  yarn::rotary_rows<float> alone;
  for (std::int64_t position = 0; position < n_rows; ++position) {
    alone.assign(freqs, yarn::positions_from(position, 1));
    ASSERT_EQ(std::memcmp(alone.cos(0), table.cos(position), 512 * sizeof(float)), 0) << position;
    ASSERT_EQ(std::memcmp(alone.sin(0), table.sin(position), 512 * sizeof(float)), 0) << position;
  }
}

TEST(rows, all_slices_equal_one_call) {
  const yarn::frequencies freqs = geometric(13, 1.277);
  const auto n_pairs = static_cast<std::size_t>(freqs.n_pairs());
  std::vector<std::int64_t> list(230);
  std::iota(list.begin(), list.end(), -20);
  list[100] = 5; // splits the list into two runs
  for (const auto& positions : {yarn::positions(list), yarn::positions_from(-20, 230)}) {
    std::vector<float> whole_cos(230 * n_pairs), whole_sin(whole_cos.size());
    yarn::fill_rows(freqs, positions, whole_cos.data(), whole_sin.data(), n_pairs);
    for (const std::int64_t count : {1, 2, 3, 7, 64, 229, 230, 231, 1000}) {
      std::vector<float> cos(whole_cos.size(), -7), sin(whole_sin.size(), -7);
      for (std::int64_t index = count; index-- > 0;) {
        const std::vector<float> before = cos;
        yarn::fill_rows(freqs, positions, cos.data(), sin.data(), n_pairs, {index, count});
        // A slice writes only its own rows: every entry that it changed was unwritten before.
        for (std::size_t i = 0; i < cos.size(); ++i) {
          ASSERT_TRUE(bits_of(cos[i]) == bits_of(before[i]) || before[i] == -7) << index;
        }
      }
      EXPECT_EQ(first_difference(cos.data(), whole_cos.data(), cos.size()), -1) << count;
      EXPECT_EQ(first_difference(sin.data(), whole_sin.data(), sin.size()), -1) << count;
    }
  }
}

TEST(rows, appended_rows_equal_single_rows) {
  // A ragged batch: sequences with different frequencies and lengths.
  const yarn::frequencies a = geometric(24, 1.0), b = geometric(24, 1.3);
  const std::vector<std::int32_t> list{9, 8, 1000, 1001};
  yarn::rotary_rows<float> rows;
  rows.append(a, yarn::positions_from(-5, 120));
  rows.append(b, yarn::positions(list));
  rows.append(b, yarn::positions_from(17, 0));
  rows.append(a, yarn::positions_from(40, 9));
  ASSERT_EQ(rows.n_rows(), 133);
  const auto check = [&] {
    for (std::int64_t row = 0; row < 133; ++row) {
      if (row < 120) {
        expect_row(a, row - 5, rows.cos(row), rows.sin(row), "first");
      } else if (row < 124) {
        expect_row(b, list[static_cast<std::size_t>(row - 120)], rows.cos(row), rows.sin(row),
                   "second");
      } else {
        expect_row(a, row - 124 + 40, rows.cos(row), rows.sin(row), "third");
      }
    }
  };
  check();

  // A refused call leaves the rows unchanged.
  EXPECT_THROW(rows.append(geometric(25), yarn::positions_from(0, 1)), std::invalid_argument);
  EXPECT_THROW(rows.append(a, yarn::positions_from(0)), std::invalid_argument);
  EXPECT_THROW(rows.append(a, yarn::positions_from(largest_position, 2)), std::out_of_range);
  ASSERT_EQ(rows.n_rows(), 133);
  check();

  // A copy is independent, and a moved-from object can be used again.
  yarn::rotary_rows<float> copy = rows;
  yarn::rotary_rows<float> moved = std::move(rows);
  copy.assign(b, yarn::positions_from(0, 3));
  EXPECT_EQ(copy.n_rows(), 3);
  rows = moved;
  check();
  rows.clear();
  EXPECT_EQ(rows.n_rows(), 0);
  rows.append(geometric(25), yarn::positions_from(3, 1)); // empty rows accept another n_pairs
  expect_row(geometric(25), 3, rows.cos(0), rows.sin(0), "after clear");
}

TEST(rows, keep_their_memory_between_steps) {
  const yarn::frequencies freqs = geometric(64);
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(0, 100));
  const float* const first = rows.cos(0);
  for (std::int64_t step = 0; step < 5; ++step) {
    rows.assign(freqs, yarn::positions_from(step, 100 - step));
    EXPECT_EQ(rows.cos(0), first);
  }
  EXPECT_THROW(rows.assign(freqs, yarn::positions_from(0)), std::invalid_argument);
  EXPECT_EQ(rows.n_rows(), 0); // after a failed assign there are no rows
}

TEST(rows, begin_on_cache_lines) {
  for (const std::size_t n_pairs : {1U, 15U, 16U, 17U, 64U}) {
    yarn::rotary_rows<float> rows;
    yarn::rotary_rows<double> doubles;
    rows.assign(geometric(n_pairs), yarn::positions_from(0, 3));
    doubles.assign(geometric(n_pairs), yarn::positions_from(0, 3));
    for (std::int64_t row = 0; row < 3; ++row) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(rows.cos(row)) % 64, 0U);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(rows.sin(row)) % 64, 0U);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(doubles.cos(row)) % 64, 0U);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(doubles.sin(row)) % 64, 0U);
      EXPECT_EQ(rows.cos(row), rows.view().cos(row));
      EXPECT_EQ(rows.sin(row), rows.view().sin(row));
    }
  }
}

// ---- Memory of the caller ----------------------------------------------------------------------

template <class T> class fill_rows : public ::testing::Test {};
using row_types = ::testing::Types<float, double>;
struct type_names {
  template <class T> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::is_same_v<T, float> ? "float" : "double";
  }
};
TYPED_TEST_SUITE(fill_rows, row_types, type_names);

TYPED_TEST(fill_rows, writes_only_its_entries) {
  using T = TypeParam;
  const T guard = support::from_bits<T>(static_cast<support::bits_type<T>>(0x7ff4deadbeefcafeU));
  for (const std::size_t n_pairs : {1U, 2U, 7U, 8U, 9U, 17U, 48U, 67U}) {
    const yarn::frequencies freqs = geometric(n_pairs, 1.277);
    constexpr std::size_t n_rows = 21; // two single rows, a run, and another single row
    std::vector<std::int32_t> list{3, 3};
    for (std::int32_t i = 0; i < 18; ++i) {
      list.push_back(100 + i);
    }
    list.push_back(-1);
    for (const std::size_t extra : {0U, 1U, 3U, 13U}) {
      for (const bool packed : {false, true}) {
        const std::size_t stride = (packed ? 2 * n_pairs : n_pairs) + extra;
        // The memory ends at an inaccessible page after the last entry.
        const std::size_t size = (n_rows - 1) * stride + (packed ? 2 * n_pairs : n_pairs);
        support::fenced_array<T> first(size), second(size);
        std::fill_n(first.data(), size, guard);
        std::fill_n(second.data(), size, guard);
        T* const cos = first.data();
        T* const sin = packed ? first.data() + n_pairs : second.data();
        yarn::fill_rows(freqs, yarn::positions(list), cos, sin, stride);
        for (std::size_t row = 0; row < n_rows; ++row) {
          expect_row(freqs, list[row], cos + row * stride, sin + row * stride, "caller's memory");
        }
        for (std::size_t i = 0; i < size; ++i) {
          const bool in_cos = i % stride < n_pairs;
          const bool in_sin = packed && i % stride >= n_pairs && i % stride < 2 * n_pairs;
          ASSERT_TRUE(in_cos || in_sin || bits_of(first[i]) == bits_of(guard)) << i;
          ASSERT_TRUE(packed ? bits_of(second[i]) == bits_of(guard)
                             : in_cos || bits_of(second[i]) == bits_of(guard))
              << i;
        }
      }
    }
  }
}

TYPED_TEST(fill_rows, writes_nothing_on_error) {
  using T = TypeParam;
  const yarn::frequencies freqs = geometric(8);
  std::vector<T> cos(64, 5), sin(64, 5);
  const std::vector<std::int64_t> far{0, 1, 2, largest_position + 1};
  EXPECT_THROW(yarn::fill_rows(freqs, yarn::positions(far), cos.data(), sin.data(), 8),
               std::out_of_range);
  EXPECT_THROW(yarn::fill_rows(freqs, yarn::positions_from(0, 4), cos.data(), sin.data(), 7),
               std::invalid_argument);
  EXPECT_THROW(yarn::fill_rows(freqs, yarn::positions_from(0), cos.data(), sin.data(), 8),
               std::invalid_argument);
  EXPECT_THROW(
      yarn::fill_rows(freqs, yarn::positions_from(0, 4), cos.data(), sin.data(), 8, {2, 2}),
      std::invalid_argument);
  T* const null = nullptr;
  EXPECT_THROW(yarn::fill_rows(freqs, yarn::positions_from(0, 4), null, sin.data(), 8),
               std::invalid_argument);
  EXPECT_THROW(yarn::fill_rows(freqs, yarn::positions_from(0, 4), cos.data(), null, 8),
               std::invalid_argument);
  yarn::fill_rows(freqs, yarn::positions_from(3, 0), null, null, 8); // null is accepted for no rows
  for (std::size_t i = 0; i < 64; ++i) {
    ASSERT_EQ(cos[i], T{5});
    ASSERT_EQ(sin[i], T{5});
  }
}

// ---- Methods that depend on the current length --------------------------------------------------

TEST(rows, do_not_depend_on_earlier_lengths) {
  for (const support::model_method& model : support::model_methods()) {
    for (const std::int64_t seq_len : {std::int64_t{0}, std::int64_t{1}, std::int64_t{4096},
                                       std::int64_t{4097}, std::int64_t{100000}}) {
      const auto before = yarn::make_frequencies(model.shape, model.method, seq_len);
      const auto between = yarn::make_frequencies(model.shape, model.method, 1 << 20);
      const auto after = yarn::make_frequencies(model.shape, model.method, seq_len);
      const single_row<float> a(before, 4095), b(after, 4095);
      EXPECT_EQ(first_difference(a.cos.data(), b.cos.data(), a.cos.size()), -1) << model.name;
      EXPECT_EQ(first_difference(a.sin.data(), b.sin.data(), a.sin.size()), -1) << model.name;
      const single_row<float> c(between, 4095);
      const bool dynamic = model.name.find("dynamic") == 0 || model.name.find("longrope") == 0 ||
                           model.name.find("stepped_ntk") == 0;
      if (seq_len <= 4096) {
        EXPECT_EQ(first_difference(a.cos.data(), c.cos.data(), a.cos.size()) != -1, dynamic)
            << model.name;
      }
    }
  }
}

} // namespace
