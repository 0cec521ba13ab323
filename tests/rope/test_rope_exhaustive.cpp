// SPDX-License-Identifier: MIT
// 10^8 rotations of random elements by random rows, for each pairing and each type of 16, 32 or 64
// bits. Every result must have the bits of the documented arithmetic, computed one pair at a time.
// The head sizes cover all paths of the kernels.
//
// YARN_TEST_ROTATIONS=n sets another number of rotations per type and pairing, for example for
// builds with sanitizers.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"

#include <gtest/gtest.h>
#include <yarn/rope.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::element;
using support::random_source;
using yarn::pairing;

template <class T, pairing Pairing> struct subject {
  using type = T;
  static constexpr pairing order = Pairing;
};
using subjects = ::testing::Types<
    subject<float, pairing::half_split>, subject<float, pairing::interleaved>,
    subject<double, pairing::half_split>, subject<double, pairing::interleaved>,
    subject<yarn::float16, pairing::half_split>, subject<yarn::float16, pairing::interleaved>,
    subject<yarn::bfloat16, pairing::half_split>, subject<yarn::bfloat16, pairing::interleaved>>;

struct subject_names {
  template <class Subject> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::string(element<typename Subject::type>::name) +
           (Subject::order == pairing::half_split ? "_half_split" : "_interleaved");
  }
};
template <class Subject> class rope_exhaustive : public ::testing::Test {};
TYPED_TEST_SUITE(rope_exhaustive, subjects, subject_names);

long long rotations_wanted() {
  const char* const text = std::getenv("YARN_TEST_ROTATIONS");
  return text == nullptr ? 100000000 : std::atoll(text);
}

// ---- Random numbers ---------------------------------------------------------------------------

enum class sizes {
  close, // within a factor of 16: both products contribute to every bit of a result
  wide,  // within a factor of 2^64, or within the range of the type if that is smaller
  tiny,  // around the smallest normal number
  any,   // any bits, also infinities and NaN
};

/// Fills elements with random bits whose exponents are of one kind.
template <class T> void fill(std::vector<T>& elements, sizes kind, random_source& random) {
  using bits_type = std::conditional_t<sizeof(T) == 2, std::uint16_t, support::bits_type<T>>;
  constexpr unsigned fraction_bits = element<T>::digits - 1;
  constexpr unsigned exponent_bits = 8 * sizeof(T) - 1 - fraction_bits;
  constexpr std::uint64_t largest_field = (1U << exponent_bits) - 2,
                          exponent_of_1 = largest_field / 2;
  constexpr std::uint64_t spread = exponent_bits < 6 ? largest_field : 63;
  const std::uint64_t lowest = kind == sizes::close  ? exponent_of_1 - 2
                               : kind == sizes::wide ? exponent_of_1 - spread / 2
                                                     : 0;
  const std::uint64_t mask = kind == sizes::wide ? spread : 3;
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    constexpr std::size_t per_word = 8 / sizeof(T);
    word = i % per_word == 0 ? random.next() : word >> (8 * sizeof(T) % 64);
    std::uint64_t bits = word;
    if (kind != sizes::any) {
      const std::uint64_t chosen = (word >> fraction_bits & mask) + lowest;
      const std::uint64_t field = chosen > largest_field ? exponent_of_1 : chosen;
      const std::uint64_t keep =
          ((std::uint64_t{1} << fraction_bits) - 1) | (std::uint64_t{1} << (8 * sizeof(T) - 1));
      bits = (word & keep) | field << fraction_bits;
    }
    const auto narrow = static_cast<bits_type>(bits);
    std::memcpy(static_cast<void*>(&elements[i]), &narrow, sizeof narrow);
  }
}

/// Cosines and sines of three kinds: like those of YaRN; with the few bits of 16-bit tables, whose
/// products make ties; and numbers that are not the cosine and sine of one angle.
template <class C> class row_pool {
public:
  static constexpr std::size_t size = 1U << 17U;

  explicit row_pool(random_source& random) : cos_(size), sin_(size) {
    for (std::size_t i = 0; i < size; ++i) {
      const double angle = random.number(0, 6.283185307179586), m = random.number(1, 1.5);
      double c = m * std::cos(angle), s = m * std::sin(angle);
      // The kind changes every 2^10 entries.
      switch (i >> 10U & 7U) {
      case 5:
        c = to_bits(c, 8), s = to_bits(s, 8);
        break;
      case 6:
        c = to_bits(c, 11), s = to_bits(s, 11);
        break;
      case 7:
        c = std::ldexp(c, static_cast<int>(random.integer(-24, 2)));
        s = std::ldexp(s, static_cast<int>(random.integer(-24, 2)));
        break;
      default:
        break;
      }
      cos_[i] = static_cast<C>(c), sin_[i] = static_cast<C>(s);
    }
  }
  const C* cos(std::size_t first) const { return cos_.data() + first; }
  const C* sin(std::size_t first) const { return sin_.data() + first; }

private:
  static double to_bits(double value, int digits) {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    return std::ldexp(std::nearbyint(std::ldexp(fraction, digits)), exponent - digits);
  }
  std::vector<C> cos_;
  std::vector<C> sin_;
};

// ---- Comparison -------------------------------------------------------------------------------

/// The index of the first wrong element, or -1. If a NaN is expected, any quiet NaN is accepted.
template <class T>
std::ptrdiff_t first_wrong(const std::vector<T>& values, const std::vector<T>& expected) {
  if (std::memcmp(static_cast<const void*>(values.data()), expected.data(),
                  values.size() * sizeof(T)) == 0) {
    return -1;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::memcmp(&values[i], &expected[i], sizeof(T)) != 0 &&
        !(support::is_nan(expected[i]) && element<T>::is_quiet_nan(values[i]))) {
      return static_cast<std::ptrdiff_t>(i);
    }
  }
  return -1;
}

TYPED_TEST(rope_exhaustive, random_rotations_are_exact_to_the_bit) {
  using T = typename TypeParam::type;
  using compute = support::compute_type<T>;
  constexpr pairing order = TypeParam::order;
  constexpr std::array<std::size_t, 14> n_pairs{64, 32,  3,  15, 127, 1, 48,
                                                7,  128, 33, 16, 50,  8, 256};
  constexpr std::array<std::size_t, 5> n_heads{8, 1, 3, 32, 2};
  constexpr std::array<sizes, 10> kinds{sizes::close, sizes::wide, sizes::close, sizes::tiny,
                                        sizes::close, sizes::any,  sizes::close, sizes::wide,
                                        sizes::close, sizes::close};
  constexpr std::size_t rotations_per_call = 1U << 16U;

  random_source random(2024);
  const row_pool<compute> pool(random);
  std::vector<T> x, expected, before;
  const long long n_wanted = rotations_wanted();
  long long done = 0;
  for (std::size_t call = 0; done < n_wanted; ++call) {
    const std::size_t pairs = n_pairs[call % n_pairs.size()];
    const std::size_t heads = n_heads[call / 3 % n_heads.size()];
    const std::size_t tokens = rotations_per_call / (pairs * heads);
    x.resize(tokens * heads * 2 * pairs);
    fill(x, kinds[call / 2 % kinds.size()], random);
    before = x;
    expected = x;

    const std::size_t first = random.next() % (row_pool<compute>::size - rotations_per_call);
    const yarn::rows_view<compute> rows{pool.cos(first), pool.sin(first), tokens, pairs, pairs};
    yarn::rope_apply(yarn::heads_view{x.data(), tokens, heads, 2 * pairs}, rows, order);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t h = 0; h < heads; ++h) {
        support::emulate_head(&expected[(t * heads + h) * 2 * pairs], order,
                              pool.cos(first + t * pairs), pool.sin(first + t * pairs), pairs);
      }
    }

    const std::ptrdiff_t wrong = first_wrong(x, expected);
    if (wrong >= 0) {
      const auto at = static_cast<std::size_t>(wrong);
      const std::size_t in_head = at % (2 * pairs), token = at / (2 * pairs * heads);
      const std::size_t pair = order == pairing::half_split ? in_head % pairs : in_head / 2;
      const auto places = support::places_of_pair(order, pair, pairs);
      FAIL() << std::hexfloat << "(" << element<T>::widen(before[at - in_head + places.first])
             << ", " << element<T>::widen(before[at - in_head + places.second]) << ") by ("
             << rows.cos(0)[token * pairs + pair] << ", " << rows.sin(0)[token * pairs + pair]
             << "): element " << in_head << " of " << 2 * pairs << " is "
             << element<T>::widen(x[at]) << ", not " << element<T>::widen(expected[at]) << std::dec
             << " (call " << call << ", " << heads << " heads)";
    }
    done += static_cast<long long>(tokens * heads * pairs);
  }
  std::printf("%lld rotations\n", done);
  this->RecordProperty("rotations", std::to_string(done));
  EXPECT_GE(done, n_wanted);
}

} // namespace
