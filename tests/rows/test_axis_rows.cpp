// SPDX-License-Identifier: MIT
// Rows of positions with several axes: each entry has the bits of a one-axis row at the position on
// the axis of its pair, for every list of positions, layout, slice and number of pairs.
#include "../support/axis_lists.hpp"
#include "../support/bits.hpp"
#include "../support/expect_error.hpp"
#include "../support/rows.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using support::axis_list;
using support::axis_lists;
using support::expect_error;
using support::expect_row;
using support::expected_rows;
using support::geometric;
using support::largest_position;
using invalid = std::invalid_argument;

/// Frequencies whose pairs have the axes 0, 1, 2 in an order without pattern.
yarn::frequencies mixed_axes(std::size_t n_pairs, double amplitude = 1) {
  std::vector<int> axes(n_pairs);
  support::random_source random(n_pairs);
  for (int& axis : axes) {
    axis = static_cast<int>(random.integer(0, 2));
  }
  return yarn::with_axes(geometric(n_pairs, amplitude), axes, 3);
}

std::vector<std::pair<std::string, yarn::frequencies>> layouts() {
  return {{"contiguous", yarn::with_axes(geometric(64), yarn::axis_sections{16, 24, 24})},
          {"interleaved", yarn::with_axes(geometric(64), yarn::interleaved_sections{24, 20, 20})},
          {"joined", yarn::joined(geometric(8, 1.2), geometric(28, 1.2), geometric(28, 1.2))},
          {"mixed", mixed_axes(21, 1.277)},
          {"inverse", yarn::inverse(mixed_axes(40, 0.8))}};
}

template <class T>
void expect_rows(const yarn::frequencies& freqs, const axis_list& list,
                 const yarn::rows_view<T>& rows, const std::string& what) {
  expected_rows<T> expected(freqs);
  ASSERT_EQ(rows.n_rows(), list.size());
  for (std::int64_t token = 0; token < list.size(); ++token) {
    expected.expect(list, token, rows.cos(token), rows.sin(token), what);
    if (testing::Test::HasFatalFailure()) {
      return;
    }
  }
}

template <class T> yarn::rotary_rows<T> made(const yarn::frequencies& f, const axis_list& list) {
  const std::vector<std::int64_t> ids = list.by_axis();
  yarn::rotary_rows<T> rows;
  rows.assign(f, yarn::axis_positions(ids.data(), list.size(), list.n_axes));
  return rows;
}

template <class T> class axis_rows : public testing::Test {};
using row_types = testing::Types<float, double>;
class row_type_names {
public:
  template <class T> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::is_same_v<T, float> ? "float" : "double";
  }
};
TYPED_TEST_SUITE(axis_rows, row_types, row_type_names);

TYPED_TEST(axis_rows, each_entry_is_that_of_its_axis) {
  for (const auto& [name, freqs] : layouts()) {
    for (const axis_list& list : axis_lists()) {
      if (std::is_same_v<TypeParam, double> && list.size() > 450) {
        continue; // slow
      }
      const auto rows = made<TypeParam>(freqs, list);
      expect_rows<TypeParam>(freqs, list, rows.view(), name);
    }
  }
}

TEST(axis_rows, any_number_of_pairs_equals_one_axis_rows) {
  axis_list list{"grid", 3, {}};
  support::append_grid(list, 900, 1, 9, 11);
  for (std::size_t n_pairs = 1; n_pairs <= 140; n_pairs += n_pairs < 70 ? 1 : 13) {
    const yarn::frequencies freqs = mixed_axes(n_pairs, n_pairs % 2 == 0 ? 1.0 : 0x1p60);
    const auto rows = made<float>(freqs, list);
    expect_rows<float>(freqs, list, rows.view(), std::to_string(n_pairs) + " pairs");
  }
}

TEST(axis_rows, eight_axes_equal_one_axis_rows) {
  const auto freqs =
      yarn::with_axes(geometric(9), std::array<int, 9>{7, 6, 5, 4, 3, 2, 1, 0, 7}, 8);
  axis_list list{"eight axes", 8, {}};
  for (std::int64_t i = 0; i < 50; ++i) {
    list.tokens.push_back({i, -i, 2 * i, 7, i / 5, i % 5, i * i, 40 - i});
  }
  const auto rows = made<float>(freqs, list);
  expect_rows<float>(freqs, list, rows.view(), "list");
}

TEST(axis_rows, scalars_give_the_same_bits) {
  for (const auto& [name, freqs] : layouts()) {
    for (const axis_list& list : axis_lists()) {
      const std::vector<std::int64_t> ids = list.by_axis();
      const std::int64_t n_pairs = freqs.n_pairs(), stride = 2 * n_pairs;
      std::vector<float> values(static_cast<std::size_t>(list.size() * stride));
      yarn::detail::compute_rows<float, yarn::detail::scalar_arch>(
          freqs, 0, n_pairs, yarn::axis_positions(ids.data(), list.size(), list.n_axes),
          {0, list.size()}, values.data(), values.data() + n_pairs, stride);
      const auto rows = yarn::rows_view<float>::packed(values.data(), list.size(), n_pairs, stride);
      expect_rows<float>(freqs, list, rows, name + " by scalars");
    }
  }
}

// ---- Layouts of the positions, slices, and other ways -------------------------------------------

TEST(axis_rows, any_strides_and_integers_give_the_same_bits) {
  const yarn::frequencies freqs = mixed_axes(20);
  for (const axis_list& list : axis_lists()) {
    const std::vector<std::int64_t> wide = list.by_axis();
    if (wide.empty() || std::any_of(wide.begin(), wide.end(), [](std::int64_t position) {
          return position != static_cast<std::int32_t>(position);
        })) {
      continue;
    }
    const std::int64_t n = list.size();
    std::vector<std::int32_t> by_axis = list.by_axis<std::int32_t>(), by_token, backwards;
    for (std::int64_t token = 0; token < n; ++token) {
      for (std::int64_t axis = 0; axis < 3; ++axis) {
        by_token.push_back(static_cast<std::int32_t>(list.at(token, axis)));
        by_token.push_back(-12345); // between the numbers of the list
      }
    }
    backwards.assign(by_axis.rbegin(), by_axis.rend());
    const std::pair<const char*, yarn::axis_positions> lists[] = {
        {"[axis][token]", yarn::axis_positions(by_axis.data(), n, 3)},
        {"[token][axis][2]", yarn::axis_positions(by_token.data(), n, 3).with_strides(2, 6)},
        {"backwards",
         yarn::axis_positions(backwards.data() + 3 * n - 1, n, 3).with_strides(-n, -1)},
    };
    for (const auto& [name, positions] : lists) {
      yarn::rotary_rows<float> rows;
      rows.assign(freqs, positions);
      expect_rows<float>(freqs, list, rows.view(), name);
    }
  }
}

TEST(axis_rows, a_stride_of_zero_repeats) {
  const yarn::frequencies freqs = mixed_axes(20);
  const std::int64_t ids[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::axis_positions(ids, 10, 3).with_strides(0, 1));
  for (std::int64_t t = 0; t < 10; ++t) {
    expect_row(freqs, ids[t], rows.cos(t), rows.sin(t), "equal on all axes");
  }
  rows.assign(freqs, yarn::axis_positions(ids, 30, 1 + 2).with_strides(1, 0));
  axis_list same{"the same token", 3, {}};
  same.tokens.assign(30, {3, 1, 4});
  expect_rows<float>(freqs, same, rows.view(), "stride 0");
}

TEST(axis_rows, additional_axes_are_not_read) {
  const yarn::frequencies freqs = mixed_axes(20);
  axis_list list{"grid", 3, {}};
  support::append_grid(list, 0, 2, 5, 9);
  const std::vector<std::int64_t> ids = list.by_axis();
  // The fourth axis would lie in the inaccessible page after the array.
  support::fenced_array<std::int64_t> fenced(ids.size());
  std::copy(ids.begin(), ids.end(), fenced.data());
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::axis_positions(fenced.data(), list.size(), 4));
  expect_rows<float>(freqs, list, rows.view(), "four axes");
}

TEST(axis_rows, slices_together_make_all_rows) {
  const yarn::frequencies freqs = mixed_axes(33);
  const std::int64_t n_pairs = freqs.n_pairs(), stride = n_pairs + 3;
  for (const axis_list& list : axis_lists()) {
    const std::vector<std::int64_t> ids = list.by_axis();
    const yarn::axis_positions positions(ids.data(), list.size(), 3);
    for (const std::int64_t n_threads : {2, 7}) {
      std::vector<float> cos(static_cast<std::size_t>(list.size() * stride), -7), sin = cos;
      for (std::int64_t thread = 0; thread < n_threads; ++thread) {
        yarn::fill_rows(freqs, positions, cos.data(), sin.data(), stride, {thread, n_threads});
      }
      expect_rows<float>(
          freqs, list, yarn::rows_view<float>(cos.data(), sin.data(), list.size(), n_pairs, stride),
          "slices");
      for (std::size_t i = 0; i < cos.size(); ++i) {
        if (static_cast<std::int64_t>(i) % stride >= n_pairs) {
          ASSERT_EQ(cos[i], -7) << "written between the rows";
        }
      }
    }
  }
}

TEST(axis_rows, one_axis_positions_are_equal_on_all_axes) {
  const yarn::frequencies freqs = mixed_axes(30, 1.1);
  const yarn::frequencies one_axis = geometric(30, 1.1);
  for (const auto& positions : {yarn::positions_from(-20, 130), yarn::positions_from(5, 3)}) {
    yarn::rotary_rows<float> rows;
    rows.assign(freqs, positions);
    for (std::int64_t t = 0; t < positions.size(); ++t) {
      expect_row(one_axis, positions[t], rows.cos(t), rows.sin(t), "text");
    }
  }
}

TEST(axis_rows, appended_lists_follow_each_other) {
  const yarn::frequencies freqs = mixed_axes(30);
  axis_list list{"prompt", 3, {}};
  support::append_text(list, 0, 12);
  axis_list image{"image", 3, {}};
  support::append_grid(image, 12, 1, 8, 8);
  const std::vector<std::int64_t> ids = image.by_axis();
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(0, 12));
  rows.append(freqs, yarn::axis_positions(ids.data(), image.size(), 3));
  list.tokens.insert(list.tokens.end(), image.tokens.begin(), image.tokens.end());
  expect_rows<float>(freqs, list, rows.view(), "appended");
}

TEST(axis_rows, float32_pipeline_rounds_the_angle_of_each_axis) {
  const yarn::frequencies freqs = yarn::float32_pipeline(mixed_axes(70, 1.277));
  axis_list list{"prompt", 3, {}};
  support::append_text(list, 131000, 20);
  support::append_grid(list, 131020, 1, 12, 12);
  const auto rows = made<float>(freqs, list);
  expect_rows<float>(freqs, list, rows.view(), "float32");
}

// ---- Refused ----------------------------------------------------------------------------------

/// Calls assign and fill_rows with the same arguments. Both must be refused, and write nothing.
template <class Error>
void expect_refused(const yarn::frequencies& freqs, const yarn::axis_positions& list,
                    std::initializer_list<std::string> words) {
  yarn::rotary_rows<float> rows;
  expect_error<Error>([&] { rows.assign(freqs, list); }, words);
  EXPECT_EQ(rows.n_rows(), 0);
  std::vector<float> cos(1000, -7), sin = cos;
  expect_error<Error>(
      [&] { yarn::fill_rows(freqs, list, cos.data(), sin.data(), freqs.n_pairs()); }, words);
  EXPECT_TRUE(cos == std::vector<float>(1000, -7) && sin == cos) << "written";
}

TEST(axis_rows_refused, too_few_axes) {
  const std::int64_t ids[20] = {};
  expect_refused<invalid>(mixed_axes(20), yarn::axis_positions(ids, 10, 2),
                          {"n_axes = 2", "n_axes = 3", "frequencies"});
  expect_refused<invalid>(mixed_axes(20), yarn::axis_positions(ids, 10, 1), {"n_axes = 1"});
}

TEST(axis_rows_refused, several_axes_for_frequencies_with_one) {
  const std::int64_t ids[30] = {};
  expect_refused<invalid>(geometric(20), yarn::axis_positions(ids, 10, 3),
                          {"n_axes = 3", "one axis", "with_axes"});
}

TEST(axis_rows_refused, null_and_negative_numbers) {
  const yarn::frequencies freqs = mixed_axes(20);
  const std::int64_t ids[30] = {};
  const std::int64_t* const null = nullptr;
  expect_refused<invalid>(freqs, yarn::axis_positions(null, 10, 3), {"data is null", "size = 10"});
  expect_refused<invalid>(freqs, yarn::axis_positions(ids, -1, 3), {"size = -1"});
  expect_refused<invalid>(freqs, yarn::axis_positions(ids, 10, 0), {"n_axes = 0"});
  expect_refused<invalid>(freqs, yarn::axis_positions(ids, 10, -3), {"n_axes = -3"});
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::axis_positions(null, 0, 3)); // no tokens: null is fine
  EXPECT_EQ(rows.n_rows(), 0);
  expect_error<invalid>([&] { (void)yarn::axis_positions(ids, UINT64_MAX, 3); },
                        {"axis_positions.size"});
}

TEST(axis_rows_refused, offsets_beyond_memory) {
  const yarn::frequencies freqs = mixed_axes(20);
  const std::int64_t ids[30] = {};
  const yarn::axis_positions list(ids, 10, 3);
  for (const std::int64_t far : {PTRDIFF_MAX / 8, -PTRDIFF_MAX / 8, PTRDIFF_MAX}) {
    expect_refused<invalid>(freqs, list.with_strides(10, far), {"token_stride", "ptrdiff_t"});
    expect_refused<invalid>(freqs, list.with_strides(far, 1), {"axis_stride", "ptrdiff_t"});
  }
}

TEST(axis_rows_refused, positions_beyond_the_bound_of_any_axis) {
  const yarn::frequencies freqs = mixed_axes(20);
  for (const std::int64_t beyond :
       {largest_position + 1, -largest_position - 1, INT64_MAX, INT64_MIN}) {
    std::int64_t ids[30] = {};
    ids[2 * 10 + 7] = beyond;
    expect_refused<std::out_of_range>(freqs, yarn::axis_positions(ids, 10, 3),
                                      {std::to_string(beyond), "token 7", "axis 2"});
    ids[2 * 10 + 7] = beyond > 0 ? largest_position : -largest_position;
    (void)made<float>(freqs, {"at the bound", 3, {{ids[27], 0, 0}, {0, ids[27], ids[27]}}});
  }
}

TEST(axis_rows_refused, default_constructed_frequencies) {
  const std::int64_t ids[3] = {};
  yarn::rotary_rows<float> rows;
  expect_error<invalid>([&] { rows.assign({}, yarn::axis_positions(ids, 1, 3)); }, {"n_pairs = 0"});
}

} // namespace
