// SPDX-License-Identifier: MIT
// The facts on which the rounding of float rows is based (detail/rows/kernel.hpp). The errors of
// the polynomial and of the recurrence are measured against points on the circle with 120 bits.
// Every interval made from these errors must contain the exact value. Every way of making rows must
// correctly round the hardest entries, which lie as near to a rounding boundary as a double
// amplitude can put them.
#include "../support/bits.hpp"
#include "../support/wide_real.hpp"

#include <gtest/gtest.h>
#include <yarn/rows.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace detail = yarn::detail;
using support::bits_of;
using support::random_source;
using yarn::real;

// ---- Tools ------------------------------------------------------------------------------------

using wide = detail::pack<double, detail::default_arch>;
using scalar = detail::scalar_pack<double>;
using packs =
    std::conditional_t<wide::size == 1, ::testing::Types<scalar>, ::testing::Types<wide, scalar>>;

constexpr std::size_t most_lanes = 64;
using lanes = std::array<double, most_lanes>;
using phase_lanes = std::array<std::uint64_t, most_lanes>;

template <class Pack> lanes values_of(const Pack& pack) {
  lanes values{};
  pack.store_unaligned(values.data());
  return values;
}

/// |value - exact| in units of e = 2^-53.
double error(double value, const real& exact) {
  return std::fabs(static_cast<double>(real(value) - exact)) * 0x1p53;
}

/// A random phase: uniform, or at a random distance from a multiple of an eighth of a turn. Near
/// these multiples the errors of the polynomials are largest and the values smallest.
std::uint64_t random_phase(random_source& random) {
  const std::uint64_t uniform = random.next();
  switch (uniform % 4) {
  case 0:
    return (uniform << 59U & std::uint64_t{7} << 61U) + (random.next() >> (random.next() % 64));
  case 1:
    return (uniform << 59U & std::uint64_t{7} << 61U) - (random.next() >> (4 + random.next() % 8));
  default:
    return random.next();
  }
}

template <class Pack> class row_kernel : public ::testing::Test {};

struct pack_names {
  template <class Pack> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return Pack::size == 1 ? "scalar" : "lanes_" + std::to_string(Pack::size);
  }
};
TYPED_TEST_SUITE(row_kernel, packs, pack_names);

// ---- The polynomial: 4e relative --------------------------------------------------------------

TYPED_TEST(row_kernel, polynomial_is_within_4e) {
  constexpr long n_phases = std::is_same_v<TypeParam, wide> ? 10000000 : 2000000;
  random_source random(1);
  double worst_cos = 0, worst_sin = 0;
  long outside = 0;
  phase_lanes phases{};
  for (long i = 0; i < n_phases; i += static_cast<long>(TypeParam::size)) {
    std::generate_n(phases.begin(), TypeParam::size, [&] { return random_phase(random); });
    const auto point = detail::polynomial_point<TypeParam>(phases.data(), 1);
    const lanes cos = values_of(point.cos), sin = values_of(point.sin);
    // The interval of detail::entries, with an amplitude that makes the product inexact.
    const double amplitude = random.number(0.5, 2);
    const TypeParam m(amplitude), below(1.0 - 0x1p-50), above(1.0 + 0x1p-50);
    const TypeParam c = m * point.cos, s = m * point.sin;
    const std::array<lanes, 4> ends{values_of(c * below), values_of(c * above),
                                    values_of(s * below), values_of(s * above)};
    for (std::size_t lane = 0; lane < TypeParam::size; ++lane) {
      const detail::circle_point exact = detail::exact_point(phases[lane]);
      const auto relative = [](double value, const real& truth) {
        return truth.is_zero() ? (value < 0 || value > 0 ? 1e300 : 0)
                               : error(value, truth) / std::fabs(static_cast<double>(truth));
      };
      const double cos_error = relative(cos[lane], exact.cos);
      const double sin_error = relative(sin[lane], exact.sin);
      // In odd quadrants the sine polynomial computes the cosine, and the cosine polynomial the
      // sine.
      const bool swapped = ((phases[lane] + (std::uint64_t{1} << 61U)) >> 62U & 1U) != 0;
      worst_cos = std::max(worst_cos, swapped ? sin_error : cos_error);
      worst_sin = std::max(worst_sin, swapped ? cos_error : sin_error);
      const auto encloses = [&](double end, double other, const real& truth) {
        const real value = truth * real(amplitude);
        return real(std::min(end, other)) <= value && value <= real(std::max(end, other));
      };
      outside += encloses(ends[0][lane], ends[1][lane], exact.cos) ? 0 : 1;
      outside += encloses(ends[2][lane], ends[3][lane], exact.sin) ? 0 : 1;
    }
  }
  std::printf("polynomial: cosine %.2f e, sine %.2f e\n", worst_cos, worst_sin);
  this->RecordProperty("cosine", std::to_string(worst_cos));
  this->RecordProperty("sine", std::to_string(worst_sin));
  EXPECT_LE(worst_cos, 4);
  EXPECT_LE(worst_sin, 4);
  EXPECT_EQ(outside, 0) << "intervals that miss the exact value";
}

// ---- The recurrence: (5.5 + 8.3 n) m e after n products ----------------------------------------

/// The recurrence of line_of_entries, written again with one product per call of advance().
template <class Pack> class recurrence {
public:
  recurrence(const std::uint64_t* phases, std::uint64_t first, double amplitude)
      : increment_(detail::polynomial_point<Pack>(phases, 1)) {
    const auto start = detail::polynomial_point<Pack>(phases, first);
    const Pack m(amplitude);
    cos = m * start.cos;
    sin = m * start.sin;
  }
  void advance() {
    const Pack next = detail::negated_multiply_add(sin, increment_.sin, cos * increment_.cos);
    sin = detail::multiply_add(sin, increment_.cos, cos * increment_.sin);
    cos = next;
  }

  Pack cos;
  Pack sin;

private:
  detail::circle_pack<Pack> increment_;
};

TYPED_TEST(row_kernel, recurrence_is_within_its_bound) {
  static_assert(detail::run_length == 96, "the bound was derived for 95 multiplications");
  random_source random(2);

  // Collects increments of the phase whose point has a large error, because the recurrence repeats
  // this error 95 times.
  std::vector<std::uint64_t> bad_increments;
  phase_lanes phases{};
  for (int i = 0; i < 1000000; i += static_cast<int>(TypeParam::size)) {
    std::generate_n(phases.begin(), TypeParam::size, [&] { return random_phase(random); });
    const auto point = detail::polynomial_point<TypeParam>(phases.data(), 1);
    const lanes cos = values_of(point.cos), sin = values_of(point.sin);
    for (std::size_t lane = 0; lane < TypeParam::size; ++lane) {
      const detail::circle_point exact = detail::exact_point(phases[lane]);
      if (std::hypot(error(cos[lane], exact.cos), error(sin[lane], exact.sin)) > 1.75) {
        bad_increments.push_back(phases[lane]);
      }
    }
  }
  ASSERT_FALSE(bad_increments.empty());

  constexpr int n_runs = 1 << (std::is_same_v<TypeParam, wide> ? 17 : 16);
  double worst = 0, worst_last = 0;
  long outside = 0, checked = 0;
  for (int run = 0; run < n_runs / static_cast<int>(TypeParam::size); ++run) {
    for (std::size_t lane = 0; lane < TypeParam::size; ++lane) {
      const std::uint64_t any = random.next();
      if (any % 3 == 0) {
        phases[lane] = bad_increments[any / 3 % bad_increments.size()];
      } else if (any % 3 == 1) { // the values, and so the roundings, repeat every few rows
        phases[lane] = UINT64_MAX / (2 + any / 3 % 96) + random.next() % 1000;
      } else {
        phases[lane] = random_phase(random);
      }
    }
    const std::uint64_t first = run % 8 == 0 ? 0 : random.next() >> (random.next() % 64);
    const double amplitude = run % 2 == 0 ? 1.0 : random.number(1, 2);
    recurrence<TypeParam> state(phases.data(), first, amplitude);
    // Checks every second row and the last one.
    for (std::uint64_t row = 0; row < 96; ++row) {
      if ((row + static_cast<std::uint64_t>(run)) % 2 == 0 || row == 95) {
        const lanes cos = values_of(state.cos), sin = values_of(state.sin);
        const TypeParam bound(detail::recurrence_bound(amplitude, static_cast<std::int64_t>(row)));
        const std::array<lanes, 4> ends{values_of(state.cos - bound), values_of(state.cos + bound),
                                        values_of(state.sin - bound), values_of(state.sin + bound)};
        for (std::size_t lane = 0; lane < TypeParam::size; ++lane) {
          const auto exact = detail::exact_point(phases[lane] * (first + row));
          const real c = exact.cos * real(amplitude), s = exact.sin * real(amplitude);
          const double complex_error =
              std::hypot(error(cos[lane], c), error(sin[lane], s)) / amplitude;
          worst = std::max(worst, complex_error);
          worst_last = row == 95 ? std::max(worst_last, complex_error) : worst_last;
          EXPECT_LE(complex_error, 5.5 + 8.3 * static_cast<double>(row)) << row;
          outside += real(ends[0][lane]) <= c && c <= real(ends[1][lane]) ? 0 : 1;
          outside += real(ends[2][lane]) <= s && s <= real(ends[3][lane]) ? 0 : 1;
          ++checked;
        }
      }
      state.advance();
    }
  }
  std::printf("recurrence: %.1f m e at most over %ld points, %.1f in the last row\n", worst,
              checked, worst_last);
  this->RecordProperty("worst", std::to_string(worst));
  EXPECT_LE(worst, 794);
  EXPECT_GT(worst, 50) << "too good: is the recurrence still what the library does?";
  EXPECT_EQ(outside, 0) << "intervals that miss the exact value";
}

// ---- exact_entries is correctly rounded -------------------------------------------------------

/// The float nearest to a real number, ties to even.
float nearest_float(const oracle::real& x) {
  const auto near = static_cast<float>(x.to_double());
  const float infinity = std::numeric_limits<float>::infinity();
  float best = near;
  for (const float other : {std::nextafter(near, infinity), std::nextafter(near, -infinity)}) {
    const oracle::real gain =
        abs(x - static_cast<double>(best)) - abs(x - static_cast<double>(other));
    if (gain > 0 || (gain.is_zero() && (bits_of(other) & 1U) == 0)) {
      best = other;
    }
  }
  return best;
}

oracle::sine_and_cosine exact_circle(std::uint64_t phase) {
  return oracle::sin_cos(oracle::real(phase).times_power_of_2(-63) * oracle::pi());
}

TEST(exact_entries, are_correctly_rounded) {
  random_source random(3);
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t phase = random_phase(random);
    const double amplitude = i % 3 == 0 ? 1.0 : std::ldexp(random.number(1, 2), i % 61 - 30);
    const oracle::sine_and_cosine truth = exact_circle(phase);
    const oracle::real exact_cos = truth.cosine * amplitude, exact_sin = truth.sine * amplitude;
    float cos = 0, sin = 0;
    detail::exact_entries(&phase, 1, 1, amplitude, &cos, &sin);
    ASSERT_EQ(cos, nearest_float(exact_cos)) << phase;
    ASSERT_EQ(sin, nearest_float(exact_sin)) << phase;
    double cos64 = 0, sin64 = 0;
    detail::exact_entries(&phase, 1, 1, amplitude, &cos64, &sin64);
    ASSERT_EQ(cos64, exact_cos.to_double()) << phase;
    ASSERT_EQ(sin64, exact_sin.to_double()) << phase;
  }
}

// ---- All ways of making rows, near rounding boundaries ----------------------------------------

/// Makes the row of one position in every way: alone, and in runs that begin up to a whole
/// recurrence earlier, each with vectors and with scalars. Calls check(way, cos, sin) for each.
template <class Check>
void check_every_way(const yarn::frequencies& freqs, std::int64_t position, const Check& check) {
  const auto n_pairs = static_cast<std::size_t>(freqs.n_pairs());
  constexpr std::int64_t n_rows = 100; // a recurrence and the beginning of the next
  std::vector<float> cos(n_pairs * n_rows), sin(n_pairs * n_rows);
  const auto run_of_1 = yarn::positions_from(position, 1);
  yarn::fill_rows(freqs, run_of_1, cos.data(), sin.data(), n_pairs);
  check("alone", cos.data(), sin.data());
  detail::compute_rows<float, detail::scalar_arch>(freqs, 0, freqs.n_pairs(), run_of_1, {0, 1},
                                                   cos.data(), sin.data(), freqs.n_pairs());
  check("alone, scalar", cos.data(), sin.data());
  for (const std::int64_t before : {0, 1, 2, 48, 94, 95, 96, 99}) {
    const auto run = yarn::positions_from(position - before, n_rows);
    const std::size_t offset = static_cast<std::size_t>(before) * n_pairs;
    yarn::fill_rows(freqs, run, cos.data(), sin.data(), n_pairs);
    check("in a run", cos.data() + offset, sin.data() + offset);
    detail::compute_rows<float, detail::scalar_arch>(freqs, 0, freqs.n_pairs(), run, {0, n_rows},
                                                     cos.data(), sin.data(), freqs.n_pairs());
    check("in a run, scalar", cos.data() + offset, sin.data() + offset);
  }
}

TEST(hard_entries, are_correctly_rounded_in_every_way) {
  // For a phase, the test searches amplitudes m that put m cos (or m sin) next to the middle
  // between two floats. With m = middle / cos, rounded to double, the distance from the middle is
  // 2^-54 on average, but some of many candidates are much nearer.
  constexpr double near_enough = 0x1p-60;
  constexpr int n_tries = 1 << 15; // some 2^8 of them are near enough
  constexpr std::size_t n_pairs = 19;
  random_source random(4);
  double nearest = 1;
  int found = 0;
  for (int round = 0; round < 16; ++round) {
    const std::int64_t position = random.integer(-(std::int64_t{1} << 31), std::int64_t{1} << 31);
    std::vector<double> inv_freq(n_pairs);
    for (double& frequency : inv_freq) {
      frequency = std::ldexp(random.number(1, 2), static_cast<int>(random.integer(-20, 1)));
    }
    const std::size_t hard_pair = random.next() % n_pairs;
    const std::uint64_t phase =
        detail::phase_of(inv_freq[hard_pair]) * static_cast<std::uint64_t>(position);
    const bool of_sine = round % 2 == 1;
    const detail::circle_point point = detail::exact_point(phase);
    const real exact = of_sine ? point.sin : point.cos;
    const oracle::sine_and_cosine truth = exact_circle(phase);

    // The nearest candidates of this round.
    std::vector<std::pair<double, double>> candidates; // distance, amplitude
    for (int i = 0; i < n_tries; ++i) {
      const std::uint64_t odd = std::uint64_t{1} << 24U | random.next() >> 40U | 1U; // 25 bits
      const double middle = std::ldexp(static_cast<double>(odd), i % 40 - 44);
      const auto amplitude = std::fabs(static_cast<double>(real(middle) / exact));
      const real value = exact.is_negative() ? -exact : exact;
      const real distance = (real(amplitude) * value - real(middle)) / real(middle);
      const double size = std::fabs(static_cast<double>(distance));
      if (size <= near_enough && amplitude >= 0x1p-60 && amplitude <= 0x1p60) {
        candidates.emplace_back(size, amplitude);
      }
    }
    std::sort(candidates.begin(), candidates.end());
    candidates.resize(std::min<std::size_t>(candidates.size(), 24));
    ASSERT_FALSE(candidates.empty());
    nearest = std::min(nearest, candidates.front().first);

    for (const auto& candidate : candidates) {
      const double distance = candidate.first, amplitude = candidate.second;
      ++found;
      const float expected =
          nearest_float((of_sine ? truth.sine : truth.cosine) * oracle::real(amplitude));
      const auto freqs = yarn::frequencies_from(inv_freq.data(), n_pairs, amplitude);
      check_every_way(freqs, position, [&](const char* way, const float* cos, const float* sin) {
        EXPECT_EQ(bits_of((of_sine ? sin : cos)[hard_pair]), bits_of(expected))
            << way << ", position " << position << ", m " << amplitude << ", 2^"
            << std::log2(distance) << " from the middle";
      });
    }
  }
  std::printf("%d entries, the nearest 2^%.1f (relative) from a rounding boundary\n", found,
              std::log2(nearest));
  EXPECT_GE(found, 100);
  EXPECT_LT(nearest, 0x1p-66);
}

TEST(hard_entries, exact_ties_go_to_even) {
  // At whole turns the entry is the amplitude, which may lie exactly between two floats.
  const double step = 0x1p-23;
  const std::vector<double> inv_freq(11, 0.0);
  for (const int k : {0, 1, 2, 3, 1000, 1001, 8388606}) {
    const double middle = 1 + (k + 0.5) * step;
    const auto even = static_cast<float>(1 + (k % 2 == 0 ? k : k + 1) * step);
    for (const double amplitude :
         {middle, std::nextafter(middle, 0.0), std::nextafter(middle, 4.0)}) {
      const auto expected = amplitude < middle   ? static_cast<float>(1 + k * step)
                            : amplitude > middle ? static_cast<float>(1 + (k + 1) * step)
                                                 : even;
      const auto freqs = yarn::frequencies_from(inv_freq.data(), inv_freq.size(), amplitude);
      for (const std::int64_t position : {0, 5, -77}) {
        check_every_way(freqs, position, [&](const char* way, const float* cos, const float* sin) {
          for (std::size_t pair = 0; pair < inv_freq.size(); ++pair) {
            EXPECT_EQ(cos[pair], expected) << way << " " << k;
            EXPECT_EQ(bits_of(sin[pair]), 0U) << way << " " << k;
          }
        });
      }
    }
  }
}

TEST(hard_entries, zeros_have_the_same_sign_in_every_way) {
  // The wavelength is 2^14 tokens, so cos or sin is exactly zero every 2^12 positions. The zero
  // must have the sign bit that exact_entries gives. The sign must not depend on the way of making
  // rows, or on whether another pair of the same vector needs the slow path.
  const double quarter_turns = std::ldexp(3.14159265358979312, -13);
  ASSERT_EQ(detail::phase_of(quarter_turns), std::uint64_t{1} << 50U);
  constexpr std::size_t n_pairs = 19;
  for (const std::int64_t position : {0, 4096, 8192, 12288, 16384, -4096, -8192, -12288}) {
    const std::uint64_t phase =
        detail::phase_of(quarter_turns) * static_cast<std::uint64_t>(position);
    float zero_cos = 0, zero_sin = 0;
    detail::exact_entries(&phase, 1, 1, 1.0, &zero_cos, &zero_sin);
    const bool zero_is_cos = (position / 4096) % 2 != 0;
    const std::uint32_t expected = bits_of(zero_is_cos ? zero_cos : zero_sin);
    ASSERT_EQ(expected << 1U, 0U);
    // This amplitude puts the cosine of one other pair on a rounding boundary.
    const real cosine =
        detail::exact_point(detail::phase_of(0.37) * static_cast<std::uint64_t>(position)).cos;
    const double amplitude = std::fabs(static_cast<double>(real(0.25 + 0x1p-26) / cosine));
    int wrong = 0;
    for (std::size_t hard_pair = 0; hard_pair < n_pairs; ++hard_pair) {
      std::vector<double> inv_freq(n_pairs, quarter_turns);
      inv_freq[hard_pair] = 0.37;
      const auto freqs = yarn::frequencies_from(inv_freq.data(), n_pairs, amplitude);
      check_every_way(freqs, position, [&](const char*, const float* cos, const float* sin) {
        for (std::size_t pair = 0; pair < n_pairs; ++pair) {
          wrong +=
              pair == hard_pair || bits_of((zero_is_cos ? cos : sin)[pair]) == expected ? 0 : 1;
        }
      });
    }
    EXPECT_EQ(wrong, 0) << "zeros of another sign at position " << position;
  }
}

} // namespace
