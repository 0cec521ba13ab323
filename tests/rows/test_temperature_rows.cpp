// SPDX-License-Identifier: MIT
// Rows with a temperature by position: the amplitude is m * temperature(position), entries are
// correctly rounded, and all ways of making rows give the same bits. The expected bits come from
// 128-bit points on the circle.
#include "../support/bits.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

namespace detail = yarn::detail;
using support::expect_error;
using support::random_source;
using yarn::real;
using position_list = std::vector<std::int64_t>;

yarn::llama4_temperature llama4(double floor_scale = 8192.0) { return {0.1, floor_scale}; }
yarn::ministral_temperature ministral() { return {0.1, 16384.0}; }
yarn::log_n_temperature log_n(double length = 2048.0) { return {length}; }

/// Changes at each token, up and down, also at negative positions.
double zigzag(std::int64_t position) {
  return position % 7 == 0 ? 0.25 : 1.0 + 1e-3 * static_cast<double>(position % 1000);
}

yarn::frequencies model(std::int64_t n_pairs, double attention_factor = 1.0) {
  yarn::rope_shape shape;
  shape.head_dim = 2 * n_pairs;
  shape.rope_theta = 500000.0;
  const auto f = yarn::make_frequencies(shape, yarn::default_scaling{});
  return yarn::frequencies_from(f.inv_freq().data(), n_pairs, attention_factor);
}
yarn::frequencies still(std::int64_t n_pairs, double attention_factor = 1.0) {
  const std::vector<double> zeros(static_cast<std::size_t>(n_pairs));
  return yarn::frequencies_from(zeros.data(), n_pairs, attention_factor);
}

/// The entries of a position by 128-bit integers.
template <class T>
void expected_row(const yarn::frequencies& f, std::int64_t position, double amplitude, T* cos,
                  T* sin) {
  detail::exact_entries(f.phase_steps().data(), static_cast<std::uint64_t>(position),
                        static_cast<std::size_t>(f.n_pairs()), amplitude, cos, sin);
}

/// Calls f(temperature) with temperatures of each type. Each changes within the positions that
/// the tests use.
template <class F> void for_temperatures(const F& f) {
  f(llama4());
  f(llama4(3.0));
  f(llama4(12.0));
  f(llama4(2500.5));
  f(ministral());
  f(log_n());
  f(log_n(3000.0));
  f(log_n(100.0));
  f(log_n(1.5));
  f(yarn::any_temperature{});
  f(yarn::any_temperature{llama4()});
  f(yarn::any_temperature{ministral()});
  f(yarn::any_temperature{log_n()});
  f(&zigzag);
  f([](std::int64_t) { return 0.75; });
}

template <class T, class Temperature>
void expect_rows(const yarn::frequencies& f, const yarn::positions& list,
                 const Temperature& temperature) {
  yarn::rotary_rows<T> rows;
  rows.assign(f, list, temperature);
  ASSERT_EQ(rows.n_rows(), list.size());
  const auto n = static_cast<std::size_t>(f.n_pairs());
  std::vector<T> cos(n), sin(n);
  for (std::int64_t t = 0; t < list.size(); ++t) {
    expected_row(f, list[t], f.attention_factor() * temperature(list[t]), cos.data(), sin.data());
    ASSERT_EQ(support::first_difference(rows.cos(t), cos.data(), n), -1) << "position " << list[t];
    ASSERT_EQ(support::first_difference(rows.sin(t), sin.data(), n), -1) << "position " << list[t];
  }
}

TEST(temperature_rows, are_correctly_rounded) {
  random_source random(1);
  for (const std::int64_t n_pairs : {1, 5, 64, 69}) {
    const yarn::frequencies f = model(n_pairs, n_pairs == 5 ? 1.2772588722239782 : 1.0);
    for_temperatures([&](const auto& temperature) {
      // Around the changes of the temperature, and far away.
      for (const std::int64_t first : {0, 95, 2040, 8100, 16300, 100000, 2147483000}) {
        expect_rows<float>(f, yarn::positions_from(first, n_pairs < 64 ? 300 : 130), temperature);
      }
      // Runs of all lengths in a list, next to single positions.
      position_list list;
      for (std::int64_t size = 1; size < 20; ++size) {
        const auto first = static_cast<std::int64_t>(random.next() % 20000);
        for (std::int64_t i = 0; i < size; ++i) {
          list.push_back(first + i);
        }
      }
      expect_rows<float>(f, yarn::positions(list), temperature);
      expect_rows<double>(f, yarn::positions_from(8185, 12), temperature);
    });
  }
}

TEST(temperature_rows, edges_of_steps_are_correctly_rounded) {
  const yarn::frequencies f = model(8);
  for (std::int64_t before = 0; before < 20; ++before) {
    for (std::int64_t n = 1; n < 30; ++n) {
      expect_rows<float>(f, yarn::positions_from(8191 - before, n), llama4());
      expect_rows<float>(f, yarn::positions_from(2048 - before, n), log_n());
      expect_rows<float>(f, yarn::positions_from(5 * before, n), llama4(9.0));
    }
  }
}

// The entries of rows whose amplitude makes one entry as near to a rounding boundary as a double
// can. Only the exact amplitude rounds it correctly.
TEST(temperature_rows, hardest_entries_are_correctly_rounded) {
  const yarn::frequencies one = model(16);
  random_source random(2);
  for (int i = 0; i < 300; ++i) {
    const auto first = static_cast<std::int64_t>(2048 + random.next() % 100000);
    const std::int64_t row = i % 97;
    const double factor = log_n()(first + row);
    const real cosine =
        detail::exact_point(one.phase_steps()[i % 16] * static_cast<std::uint64_t>(first + row))
            .cos;
    const std::uint64_t middle = std::uint64_t{1} << 24U | random.next() >> 40U | 1U; // 25 bits
    const auto m =
        std::fabs(static_cast<double>(real(middle) * real(0x1p-25) / (cosine * real(factor))));
    if (m < 0x1p20) {
      expect_rows<float>(yarn::frequencies_from(one.inv_freq().data(), 16, m),
                         yarn::positions_from(first, 100), log_n());
    }
  }
}

// The approximation of a run is within 8e, e = 2^-53, as the bound of the recurrence assumes.
TEST(temperature_rows, near_amplitudes_are_within_8e) {
  double worst = 0;
  random_source random(3);
  for (const double length : {1.25, 2.0, 3.0, 100.0, 2048.0, 2500.5, 8192.0}) {
    const yarn::log_n_temperature temperature = log_n(length);
    for (int i = 0; i < 300; ++i) {
      const auto first =
          static_cast<std::int64_t>(random.next() % (i % 2 == 0 ? 3000 : 2147483000));
      const double m = random.number(0.5, 2);
      const detail::amplitude_by_position<yarn::log_n_temperature> amplitude{m, &temperature};
      double values[detail::run_length];
      detail::near_amplitudes(amplitude, first, detail::run_length, values);
      for (std::int64_t row = 0; row < detail::run_length; ++row) {
        const real n(first + row + 1);
        const real exact = real(m) * (n > real(length) ? log(n) / log(real(length)) : real(1));
        worst =
            std::max(worst, std::fabs(static_cast<double>((real(values[row]) - exact) / exact)));
      }
    }
  }
  RecordProperty("worst", std::to_string(worst * 0x1p53));
  EXPECT_LE(worst * 0x1p53, 8);
}

// cos of a frequency of 0 is the amplitude, in double rows without further rounding.
TEST(temperature_rows, of_layers_without_rope_hold_the_factor) {
  for (const double m : {1.0, 1.25}) {
    const yarn::frequencies f = still(3, m);
    for_temperatures([&](const auto& temperature) {
      yarn::rotary_rows<double> rows;
      rows.assign(f, yarn::positions_from(8000, 500), temperature);
      for (std::int64_t t = 0; t < rows.n_rows(); ++t) {
        ASSERT_EQ(rows.cos(t)[2], m * temperature(8000 + t));
        ASSERT_EQ(rows.sin(t)[2], 0.0);
      }
      expect_rows<float>(f, yarn::positions_from(8000, 500), temperature);
    });
  }
}

TEST(temperature_rows, all_ways_give_the_same_bits) {
  const std::int64_t n = 250, n_pairs = 20, stride = 43;
  const yarn::frequencies f = model(n_pairs, 1.2772588722239782);
  for_temperatures([&](const auto& temperature) {
    const yarn::positions run = yarn::positions_from(8100, n);
    position_list list;
    for (std::int64_t t = 0; t < n; ++t) {
      list.push_back(run[t]);
    }
    yarn::rotary_rows<float> rows, other;
    rows.assign(f, run, temperature);
    other.assign(f, yarn::positions(list), temperature);
    std::vector<float> filled(static_cast<std::size_t>(n * stride), -7.0F), sliced = filled;
    yarn::fill_rows(f, run, temperature, filled.data(), filled.data() + n_pairs, stride);
    for (int thread = 0; thread < 7; ++thread) {
      yarn::fill_rows(f, run, temperature, sliced.data(), sliced.data() + n_pairs, stride,
                      {thread, 7});
    }
    EXPECT_EQ(filled, sliced);
    for (std::int64_t t = 0; t < n; ++t) {
      const float* const at = filled.data() + t * stride;
      for (std::int64_t i = 0; i < n_pairs; ++i) {
        ASSERT_EQ(rows.cos(t)[i], other.cos(t)[i]);
        ASSERT_EQ(rows.sin(t)[i], other.sin(t)[i]);
        ASSERT_EQ(rows.cos(t)[i], at[i]);
        ASSERT_EQ(rows.sin(t)[i], at[n_pairs + i]);
      }
      ASSERT_EQ(at[2 * n_pairs], -7.0F);
    }

    std::vector<float> q(static_cast<std::size_t>(n * 3 * 2 * n_pairs));
    random_source random(4);
    std::generate(q.begin(), q.end(), [&] { return static_cast<float>(random.number(-2, 2)); });
    std::vector<float> lazy = q, open = q, threads = q;
    const auto heads = [&](std::vector<float>& x) {
      return yarn::heads_view{x.data(), n, 3, 2 * n_pairs};
    };
    yarn::rope_apply(heads(q), rows, yarn::pairing::half_split);
    yarn::rope_apply(heads(lazy), yarn::rows_of(f, run, temperature), yarn::pairing::half_split);
    yarn::rope_apply(heads(open), yarn::rows_of(f, yarn::positions_from(8100), temperature),
                     yarn::pairing::half_split);
    for (int thread = 0; thread < 5; ++thread) {
      yarn::rope_apply_unchecked(heads(threads), yarn::rows_of(f, run, temperature),
                                 yarn::pairing::half_split, {thread, 5});
    }
    EXPECT_EQ(q, lazy);
    EXPECT_EQ(q, open);
    EXPECT_EQ(q, threads);
  });
}

TEST(temperature_rows, no_temperature_is_the_call_without_one) {
  const yarn::frequencies f = model(70, 1.1);
  yarn::rotary_rows<float> with, without;
  with.assign(f, yarn::positions_from(-50, 200), yarn::any_temperature{});
  without.assign(f, yarn::positions_from(-50, 200));
  for (std::int64_t t = 0; t < 200; ++t) {
    ASSERT_EQ(support::first_difference(with.cos(t), without.cos(t), 70), -1);
    ASSERT_EQ(support::first_difference(with.sin(t), without.sin(t), 70), -1);
  }
}

TEST(temperature_rows, of_the_float32_pipeline_have_the_factor_of_each_position) {
  const yarn::frequencies f = yarn::float32_pipeline(model(9));
  yarn::rotary_rows<float> rows, single;
  rows.assign(f, yarn::positions_from(100000, 20), log_n());
  for (std::int64_t t = 0; t < 20; ++t) {
    const yarn::frequencies scaled = yarn::float32_pipeline(model(9, log_n()(100000 + t)));
    single.assign(scaled, yarn::positions_from(100000 + t, 1));
    ASSERT_EQ(support::first_difference(rows.cos(t), single.cos(0), 9), -1);
    ASSERT_EQ(support::first_difference(rows.sin(t), single.sin(0), 9), -1);
  }
}

TEST(temperature_rows, append_takes_another_temperature_for_each_sequence) {
  const yarn::frequencies f = model(10);
  yarn::rotary_rows<float> rows, expected;
  rows.assign(f, yarn::positions_from(20000, 10), llama4());
  rows.append(f, yarn::positions_from(30000, 10), log_n());
  rows.append(f, yarn::positions_from(5, 2));
  expected.assign(f, yarn::positions_from(30000, 10), log_n());
  ASSERT_EQ(rows.n_rows(), 22);
  EXPECT_EQ(support::first_difference(rows.cos(13), expected.cos(3), 10), -1);
  expected.assign(f, yarn::positions_from(20000, 10), llama4());
  EXPECT_EQ(support::first_difference(rows.cos(3), expected.cos(3), 10), -1);
  expected.assign(f, yarn::positions_from(5, 2));
  EXPECT_EQ(support::first_difference(rows.sin(21), expected.sin(1), 10), -1);
}

TEST(temperature_rows, q_and_k_have_rows_of_their_own_and_the_rest_of_a_head_its_factor) {
  const std::int64_t head_dim = 12, n = 4;
  const yarn::frequencies f = model(4); // rotates 8 of 12 elements
  const yarn::positions list = yarn::positions_from(100000, n);
  std::vector<double> q(static_cast<std::size_t>(n * head_dim), 1.0), k = q;
  yarn::rope_apply(yarn::heads_view{q.data(), n, 1, head_dim}, yarn::rows_of(f, list, ministral()),
                   yarn::pairing::half_split);
  yarn::rope_apply(yarn::heads_view{k.data(), n, 1, head_dim}, yarn::rows_of(f, list),
                   yarn::pairing::half_split);
  const double factor = ministral()(100000);
  for (std::int64_t t = 0; t < n; ++t) {
    for (std::int64_t i = 0; i < head_dim; ++i) {
      const auto at = static_cast<std::size_t>(t * head_dim + i);
      if (i < 8) {
        EXPECT_NEAR(q[at], factor * k[at], 1e-15);
      } else {
        EXPECT_EQ(q[at], 1.0);
      }
    }
  }
  const auto rest = yarn::heads_view{q.data() + 8, n, 1, 4}.with_strides(head_dim, head_dim);
  yarn::rope_apply(rest, yarn::rows_of(still(2), list, ministral()), yarn::pairing::half_split);
  for (std::int64_t t = 0; t < n; ++t) {
    for (std::int64_t i = 8; i < head_dim; ++i) {
      EXPECT_EQ(q[static_cast<std::size_t>(t * head_dim + i)], factor);
    }
  }
}

TEST(temperature_rows_refused, amplitudes_out_of_range) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const yarn::frequencies f = model(4);
  for (const double wrong : {nan, HUGE_VAL, -HUGE_VAL, -1.0, 0.0, 0x1p-61, 0x1p61}) {
    // The wrong factor is that of the last token.
    const auto temperature = [&](std::int64_t position) { return position == 109 ? wrong : 1.0; };
    const auto refuses = [&](const auto& call) {
      expect_error<std::invalid_argument>(
          call, {"yarn: temperature(position 109 of token 9)", "[2^-60, 2^60]"});
    };
    std::vector<float> memory(80, 3.0F), before = memory;
    const yarn::positions run = yarn::positions_from(100, 10);
    refuses([&] { yarn::fill_rows(f, run, temperature, memory.data(), memory.data() + 4, 8); });
    position_list list;
    for (std::int64_t t = 0; t < 10; ++t) {
      list.push_back(100 + t);
    }
    refuses([&] {
      yarn::fill_rows(f, yarn::positions(list), temperature, memory.data(), memory.data() + 4, 8);
    });
    const yarn::heads_view<float> x{memory.data(), 10, 1, 8};
    refuses([&] {
      yarn::rope_apply(x, yarn::rows_of(f, run, temperature), yarn::pairing::half_split);
    });
    EXPECT_EQ(memory, before);

    yarn::rotary_rows<float> rows;
    rows.assign(f, yarn::positions_from(0, 3));
    refuses([&] { rows.append(f, run, temperature); });
    EXPECT_EQ(rows.n_rows(), 3);
    refuses([&] { rows.assign(f, run, temperature); });
    EXPECT_EQ(rows.n_rows(), 0);
  }
  // Both factors are in range, but not their product.
  yarn::rotary_rows<float> rows;
  expect_error<std::invalid_argument>(
      [&] { rows.assign(model(4, 0x1p60), yarn::positions_from(20000, 1), llama4()); },
      {"position 20000 of token 0", "[2^-60, 2^60]"});
  rows.assign(model(4, 0x1p60), yarn::positions_from(8000, 100), llama4()); // factors of 1
  expect_error<std::invalid_argument>(
      [&] {
        rows.assign(f, yarn::positions_from(20000, 1), yarn::llama4_temperature{0x1p62, 1});
      },
      {"position 20000 of token 0"});
}

TEST(temperature_rows_refused, bad_numbers_and_negative_positions) {
  const yarn::frequencies f = model(4);
  yarn::rotary_rows<float> rows;
  const yarn::positions run = yarn::positions_from(0, 1);
  expect_error<std::invalid_argument>([&] { rows.assign(f, run, llama4(0.0)); },
                                      {"llama4_temperature.floor_scale = 0"});
  expect_error<std::invalid_argument>(
      [&] {
        rows.assign(f, run, yarn::llama4_temperature{-1, 8192});
      },
      {"llama4_temperature.attn_scale = -1"});
  expect_error<std::invalid_argument>([&] { rows.assign(f, run, yarn::ministral_temperature{}); },
                                      {"ministral_temperature.original_max_position_embeddings"});
  expect_error<std::invalid_argument>(
      [&] { rows.assign(f, run, yarn::any_temperature{log_n(1.0)}); },
      {"log_n_temperature.original_length = 1"});
  // The numbers are checked even if no token needs them.
  expect_error<std::invalid_argument>(
      [&] { rows.assign(f, yarn::positions_from(0, 0), log_n(0.0)); },
      {"log_n_temperature.original_length = 0"});
  const auto refuses = [&](const auto& temperature) {
    expect_error<std::out_of_range>(
        [&] { rows.assign(f, yarn::positions_from(-1, 3), temperature); },
        {"position -1 of token 0", ">= 0"});
    const position_list list{5, -2};
    expect_error<std::out_of_range>([&] { rows.assign(f, yarn::positions(list), temperature); },
                                    {"position -2 of token 1", ">= 0"});
  };
  refuses(llama4());
  refuses(ministral());
  refuses(log_n());
  refuses(yarn::any_temperature{log_n()});
  rows.assign(f, yarn::positions_from(-20, 40), &zigzag); // A callable accepts them.
  EXPECT_EQ(rows.n_rows(), 40);
}

} // namespace
