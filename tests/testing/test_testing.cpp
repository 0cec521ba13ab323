// SPDX-License-Identifier: MIT
// yarn/testing.hpp names the bug: engines written for the purpose, one mistake put into each, seen
// as a table, a rotation and inverse frequencies. The named mistake must be there, alone.
#include "../support/engine_bugs.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <utility>
#include <vector>

namespace {

using namespace support;

// ---- Ways to look at an engine ----------------------------------------------------------------

enum class layout { once, halves, neighbours, packed };

template <class T>
report table_report(const tiny_engine& engine, const expectation& expected, layout how,
                    const yarn::testing::options& o = {}) {
  const std::vector<std::int64_t> list = {0, 1, 2, 3, 61, 1021, 4095, 32767, 131071};
  std::vector<T> cos;
  std::vector<T> sin;
  std::vector<T> packed;
  std::vector<double> c;
  std::vector<double> s;
  const auto add = [](std::vector<T>& to, double value) {
    to.emplace_back();
    yarn::detail::narrow(value, to.back());
  };
  for (std::size_t t = 0; t < list.size(); ++t) {
    engine.row(t, list[t], c, s);
    for (const auto& [from, to] : {std::pair{&c, &cos}, std::pair{&s, &sin}}) {
      for (int copy = 0; copy < (how == layout::halves ? 2 : 1); ++copy) {
        for (const double value : *from) {
          add(*to, value);
          add(packed, value);
          if (how == layout::neighbours) {
            add(*to, value);
          }
        }
      }
    }
  }
  const std::size_t n = list.size();
  if (how == layout::packed) {
    const yarn::rows_view<T> rows = yarn::rows_view<T>::packed(packed.data(), n, engine.n_pairs());
    return yarn::testing::check_rows(expected, rows, yarn::positions(list), o);
  }
  const std::size_t width = cos.size() / n;
  const yarn::rows_view<T> rows{cos.data(), sin.data(), n, width, width};
  return yarn::testing::check_rows(expected, rows, yarn::positions(list), o);
}

report frequency_report(const tiny_engine& engine, const expectation& expected,
                        const yarn::testing::options& o = {}) {
  std::vector<double> list;
  for (const double f : engine.inv_freq) {
    list.push_back(engine.round_frequency(f));
  }
  return yarn::testing::check_inv_freq(expected, list.data(), list.size(), engine.cos_factor, o);
}

// ---- Each bug in each model -------------------------------------------------------------------

struct case_of_bug {
  model in;
  bug put;
};
void PrintTo(const case_of_bug& one, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << one.put.name << " in " << one.in.name;
}

std::vector<case_of_bug> cases() {
  std::vector<case_of_bug> all;
  for (const bug& each : bugs()) {
    for (const model& one : models()) {
      if (each.applies(one)) {
        all.push_back({one, each});
      }
    }
  }
  return all;
}

class testing_bugs : public testing::TestWithParam<case_of_bug> {};

TEST_P(testing_bugs, are_named_in_tables) {
  const auto& [m, put] = GetParam();
  if ((put.where & in_table) == 0) {
    return; // of the rotation only
  }
  tiny_engine engine = engine_of(m);
  const expectation expected = expected_of(m);
  ASSERT_TRUE(table_report<float>(engine, expected, layout::once));
  put.put_in(engine, m);
  EXPECT_TRUE(names(table_report<float>(engine, expected, layout::once), put.wanted()));
  EXPECT_TRUE(names(table_report<double>(engine, expected, layout::once), put.wanted()));
  if (m.name != "yarn_x16_128") {
    return; // how a table lies in memory does not depend on the model
  }
  EXPECT_TRUE(names(table_report<float>(engine, expected, layout::halves), put.wanted()));
  EXPECT_TRUE(names(table_report<double>(engine, expected, layout::neighbours), put.wanted()));
  EXPECT_TRUE(names(table_report<float>(engine, expected, layout::packed), put.wanted()));
}

TEST_P(testing_bugs, are_named_in_rotations) {
  const auto& [m, put] = GetParam();
  if ((put.where & in_rotation) == 0) {
    return;
  }
  for (const yarn::pairing order : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    tiny_engine engine = engine_of(m, order);
    const expectation expected = expected_of(m, order);
    ASSERT_TRUE(yarn::testing::check_rotation<float>(expected, engine));
    put.put_in(engine, m);
    if (put.what == diagnosis::pair_distance && order == yarn::pairing::interleaved) {
      continue; // neighbours have no such distance
    }
    EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected, engine), put.wanted()));
    if (order == yarn::pairing::interleaved) {
      continue; // nor does what a type hides depend on the pairing
    }
    EXPECT_TRUE(names(yarn::testing::check_rotation<double>(expected, engine), put.wanted()));
    if ((put.where & in_low_precision) != 0) {
      EXPECT_TRUE(
          names(yarn::testing::check_rotation<yarn::float16>(expected, engine), put.wanted()));
      EXPECT_TRUE(
          names(yarn::testing::check_rotation<yarn::bfloat16>(expected, engine), put.wanted()));
    }
  }
}

TEST_P(testing_bugs, are_named_in_frequencies) {
  const auto& [m, put] = GetParam();
  if ((put.where & in_frequencies) == 0) {
    return;
  }
  tiny_engine engine = engine_of(m);
  ASSERT_TRUE(frequency_report(engine, expected_of(m)));
  put.put_in(engine, m);
  EXPECT_TRUE(names(frequency_report(engine, expected_of(m)), put.wanted()));
}

INSTANTIATE_TEST_SUITE_P(all, testing_bugs, testing::ValuesIn(cases()), [](const auto& each) {
  return each.param.put.name + "_in_" + each.param.in.name;
});

} // namespace
