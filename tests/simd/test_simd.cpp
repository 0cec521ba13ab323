// SPDX-License-Identifier: MIT
// The operations of packs: each lane must equal the scalar definition. The tests run for the widest
// registers of this build, for all narrower registers, which the loops use for tails, and for the
// scalar pack.
#include "../support/bits.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/simd/pack.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace {

namespace detail = yarn::detail;
using support::bits_of;
using support::random_source;

// ---- The architectures --------------------------------------------------------------------------

template <class... Archs> struct arch_list {
  using types = ::testing::Types<Archs...>;
  template <class Arch> using with = arch_list<Archs..., Arch>;
};
template <class List, class Arch> constexpr auto narrower_archs() {
  if constexpr (std::is_same_v<Arch, detail::scalar_arch>) {
    return typename List::template with<Arch>{};
  } else {
    return narrower_archs<typename List::template with<Arch>, detail::narrower_arch<Arch>>();
  }
}
using archs = decltype(narrower_archs<arch_list<>, detail::default_arch>())::types;

template <class Arch> class simd : public ::testing::Test {};
struct arch_names {
  template <class Arch> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return "bytes_" + std::to_string(detail::pack<float, Arch>::size * sizeof(float));
  }
};
TYPED_TEST_SUITE(simd, archs, arch_names);

TEST(simd, loops_end_with_one_element) {
  EXPECT_EQ((detail::pack<float, detail::scalar_arch>::size), 1U);
  EXPECT_EQ((detail::pack<double, detail::scalar_arch>::size), 1U);
}

// ---- Tools ------------------------------------------------------------------------------------

constexpr std::size_t most_lanes = 64;

template <class Pack> using values_of_type = std::array<typename Pack::value_type, most_lanes>;

template <class Pack> Pack load(const values_of_type<Pack>& values) {
  return Pack::load_unaligned(values.data());
}
template <class Pack> values_of_type<Pack> store(const Pack& pack) {
  values_of_type<Pack> values{};
  pack.store_unaligned(values.data());
  return values;
}
template <class Pack> values_of_type<Pack> random_values(random_source& random) {
  values_of_type<Pack> values{};
  for (auto& value : values) {
    value = static_cast<typename Pack::value_type>(
        std::ldexp(random.number(-1, 1), static_cast<int>(random.integer(-20, 20))));
  }
  return values;
}

/// Calls check(Pack{}) for packs of float and of double.
template <class Arch, class Check> void for_both(const Check& check) {
  check(detail::pack<float, Arch>());
  check(detail::pack<double, Arch>());
}

// ---- Arithmetic -------------------------------------------------------------------------------

template <class T> T scalar_multiply_add(T a, T b, T c) {
#if YARN_HAS_FMA
  return std::fma(a, b, c);
#else
  volatile T product = a * b;
  return product + c;
#endif
}

TYPED_TEST(simd, multiply_add_is_fused_where_the_processor_can) {
  for_both<TypeParam>([](auto pack) {
    using wide = decltype(pack);
    random_source random(1);
    for (int i = 0; i < 10000; ++i) {
      const auto a = random_values<wide>(random), b = random_values<wide>(random);
      auto c = random_values<wide>(random);
      for (std::size_t lane = 0; i % 2 == 0 && lane < wide::size; ++lane) {
        c[lane] = -a[lane] * b[lane]; // a result of 0 shows that the product was rounded
      }
      const auto sum = store(detail::multiply_add(load<wide>(a), load<wide>(b), load<wide>(c)));
      const auto rest =
          store(detail::negated_multiply_add(load<wide>(a), load<wide>(b), load<wide>(c)));
      for (std::size_t lane = 0; lane < wide::size; ++lane) {
        ASSERT_EQ(sum[lane], scalar_multiply_add(a[lane], b[lane], c[lane])) << lane;
        ASSERT_EQ(rest[lane], scalar_multiply_add(-a[lane], b[lane], c[lane])) << lane;
      }
    }
  });
}

// Some versions of xsimd approximate both on ARM.
TYPED_TEST(simd, quotients_and_roots_are_correctly_rounded) {
  for_both<TypeParam>([](auto pack) {
    using wide = decltype(pack);
    random_source random(2);
    for (int i = 0; i < 10000; ++i) {
      const auto a = random_values<wide>(random), b = random_values<wide>(random);
      auto squares = a;
      for (auto& square : squares) {
        square *= square;
      }
      const auto quotients = store(detail::quotient(load<wide>(a), load<wide>(b)));
      const auto roots = store(detail::square_root(load<wide>(squares)));
      for (std::size_t lane = 0; lane < wide::size; ++lane) {
        ASSERT_EQ(quotients[lane], a[lane] / b[lane]) << lane;
        ASSERT_EQ(roots[lane], std::sqrt(squares[lane])) << lane;
      }
    }
  });
}

TYPED_TEST(simd, lanes_are_summed_in_halves) {
  for_both<TypeParam>([](auto pack) {
    using wide = decltype(pack);
    random_source random(3);
    for (int i = 0; i < 10000; ++i) {
      auto a = random_values<wide>(random);
      const auto sum = detail::sum_of_lanes(load<wide>(a));
      for (std::size_t half = wide::size / 2; half > 0; half /= 2) {
        for (std::size_t lane = 0; lane < half; ++lane) {
          a[lane] += a[lane + half];
        }
      }
      ASSERT_EQ(sum, a[0]);
    }
  });
}

// ---- Permutations -----------------------------------------------------------------------------

TYPED_TEST(simd, permutations_move_every_element_to_its_place) {
  for_both<TypeParam>([](auto pack) {
    using wide = decltype(pack);
    constexpr std::size_t n = wide::size;
    values_of_type<wide> a{}, b{};
    for (std::size_t lane = 0; lane < n; ++lane) {
      a[lane] = static_cast<typename wide::value_type>(lane + 1);
      b[lane] = static_cast<typename wide::value_type>(lane + 101);
    }
    // [a0 b0 a1 b1 ...], as two packs.
    const auto woven = detail::interleave(load<wide>(a), load<wide>(b));
    const auto low = store(woven.first), high = store(woven.second);
    for (std::size_t at = 0; at < 2 * n; ++at) {
      const auto expected = at % 2 == 0 ? a[at / 2] : b[at / 2];
      ASSERT_EQ((at < n ? low[at] : high[at - n]), expected) << at;
    }
    const auto back = detail::deinterleave(woven.first, woven.second);
    ASSERT_EQ(store(back.first), a);
    ASSERT_EQ(store(back.second), b);
#if !defined(YARN_NO_XSIMD)
    if constexpr (n > 1) {
      const auto swapped = store(detail::swap_neighbours(load<wide>(a)));
      for (std::size_t lane = 0; lane < n; ++lane) {
        ASSERT_EQ(swapped[lane], a[lane ^ 1U]) << lane;
      }
    }
#endif
  });
}

// ---- Phases -----------------------------------------------------------------------------------

TYPED_TEST(simd, octants_are_those_of_each_phase) {
  using wide = detail::pack<double, TypeParam>;
  random_source random(2);
  for (int i = 0; i < 20000; ++i) {
    std::array<std::uint64_t, most_lanes> phases{};
    for (std::uint64_t& phase : phases) {
      phase = random.next() << (random.next() % 64);
    }
    const std::uint64_t multiplier = i % 4 == 0 ? 1 : random.next() >> (random.next() % 64);
    const auto all = detail::load_octant(phases.data(), multiplier, wide());
    const auto eighths = store(all.eighths), swap = store(all.swap);
    const auto cos_sign = store(all.cos_sign), sin_sign = store(all.sin_sign);
    for (std::size_t lane = 0; lane < wide::size; ++lane) {
      const std::uint64_t phase = phases[lane] * multiplier;
      // The nearest quarter turn, and the signed distance to this quarter.
      const std::uint64_t quarter = (phase + (std::uint64_t{1} << 61U)) >> 62U;
      const auto distance = static_cast<std::int64_t>(phase - (quarter << 62U));
      const std::uint64_t sign = std::uint64_t{1} << 63U;
      ASSERT_EQ(eighths[lane], std::ldexp(static_cast<double>(distance), -61)) << phase;
      ASSERT_EQ(bits_of(swap[lane]), quarter % 2 == 1 ? UINT64_MAX : 0) << phase;
      ASSERT_EQ(bits_of(cos_sign[lane]), quarter == 1 || quarter == 2 ? sign : 0) << phase;
      ASSERT_EQ(bits_of(sin_sign[lane]), quarter >= 2 ? sign : 0) << phase;
    }
  }
}

TYPED_TEST(simd, bit_and_and_bit_xor_combine_bits) {
  using wide = detail::pack<double, TypeParam>;
  random_source random(3);
  values_of_type<wide> a = random_values<wide>(random), b = random_values<wide>(random);
  const auto both = store(detail::bit_and(load<wide>(a), load<wide>(b)));
  const auto either = store(detail::bit_xor(load<wide>(a), load<wide>(b)));
  for (std::size_t lane = 0; lane < wide::size; ++lane) {
    ASSERT_EQ(bits_of(both[lane]), bits_of(a[lane]) & bits_of(b[lane]));
    ASSERT_EQ(bits_of(either[lane]), bits_of(a[lane]) ^ bits_of(b[lane]));
  }
}

TYPED_TEST(simd, round_both_stores_one_and_compares_every_lane) {
  using wide = detail::pack<double, TypeParam>;
  random_source random(4);
  for (int i = 0; i < 1000; ++i) {
    const auto low = random_values<wide>(random);
    std::vector<float> out(wide::size + 1, 7.0F);
    ASSERT_EQ(detail::round_both<false>(load<wide>(low), load<wide>(low), out.data()), 0u);
    for (std::size_t lane = 0; lane < wide::size; ++lane) {
      ASSERT_EQ(bits_of(out[lane]), bits_of(static_cast<float>(low[lane])));
    }
    ASSERT_EQ(out[wide::size], 7.0F); // nothing was written after the pack
    for (std::size_t lane = 0; lane < wide::size; ++lane) {
      // In one lane the second end rounds to another float. The float of the first end is stored.
      auto high = low;
      high[lane] = static_cast<double>(
          std::nextafter(static_cast<float>(low[lane]), i % 2 == 0 ? 1e30F : -1e30F));
      ASSERT_NE(detail::round_both<false>(load<wide>(low), load<wide>(high), out.data()), 0u)
          << lane;
      ASSERT_EQ(bits_of(out[lane]), bits_of(static_cast<float>(low[lane])));
    }
  }
}

// ---- Elements of 16 bits ------------------------------------------------------------------------

TYPED_TEST(simd, loads_and_stores_16_bit_elements_like_the_scalar_functions) {
  using wide = detail::pack<float, TypeParam>;
  const auto check = [](auto format) {
    using stored = decltype(format);
    for (std::uint32_t first = 0; first < 0x10000; first += wide::size) {
      std::vector<stored> in(wide::size), out(wide::size + 1, stored{0x1234});
      for (std::size_t lane = 0; lane < wide::size; ++lane) {
        in[lane].bits = static_cast<std::uint16_t>(first + lane);
      }
      const auto loaded = store(detail::load_elements(in.data(), wide()));
      detail::store_elements(load<wide>(loaded), out.data());
      for (std::size_t lane = 0; lane < wide::size; ++lane) {
        const auto expected = detail::widen<float>(in[lane]);
        if (std::isnan(expected)) {
          ASSERT_TRUE(std::isnan(loaded[lane])) << first + lane;
          ASSERT_TRUE(std::isnan(detail::widen<float>(out[lane]))) << first + lane;
        } else {
          ASSERT_EQ(bits_of(loaded[lane]), bits_of(expected)) << first + lane;
          ASSERT_EQ(out[lane].bits, in[lane].bits) << first + lane;
        }
      }
      ASSERT_EQ(out[wide::size].bits, 0x1234);
    }
    // Rounding: random floats of every size, and floats at or next to the middle between two
    // elements.
    random_source random(5);
    for (int i = 0; i < 100000; ++i) {
      values_of_type<wide> values{};
      for (float& value : values) {
        auto bits = static_cast<std::uint32_t>(random.next());
        if (i % 2 == 0) { // the discarded bits are a tie, or one more, or one less
          const unsigned leaving = std::is_same_v<stored, yarn::float16> ? 13 : 16;
          bits = (bits >> leaving << leaving | 1U << (leaving - 1)) +
                 static_cast<std::uint32_t>(random.integer(-1, 1));
        }
        value = support::from_bits<float>(bits);
        value = std::isnan(value) ? 1.0F : value;
      }
      std::vector<stored> out(wide::size);
      detail::store_elements(load<wide>(values), out.data());
      for (std::size_t lane = 0; lane < wide::size; ++lane) {
        stored expected{};
        detail::narrow(values[lane], expected);
        ASSERT_EQ(out[lane].bits, expected.bits) << values[lane];
      }
    }
  };
  check(yarn::float16{});
  check(yarn::bfloat16{});
}

// ---- NaN in 16 bits -----------------------------------------------------------------------------

// NaNs that rounding by integers gets wrong. A small payload is rounded off, which leaves infinity.
// A payload of all ones carries into the sign, which leaves zero. Without the first bit of its
// payload the result is a signalling NaN.
constexpr std::uint32_t nans_that_rounding_may_break[] = {
    0x7f800001, 0x7f807fff, 0x7f808000, 0x7f808001, 0x7f80ffff, 0x7fbfffff,
    0x7fc00000, 0x7fc00001, 0x7fff7fff, 0x7fff8000, 0x7fffffff};

/// Calls store(floats, elements) for n floats, one of them a NaN. Expects that the NaN becomes a
/// quiet NaN of the same sign, and that the other floats are rounded as without the NaN. (If the
/// processor has a bfloat16 instruction, store_words treats subnormal floats separately. Therefore
/// one of the floats is subnormal.)
template <class T, class Store> void expect_nans_stay_nan(std::size_t n, const Store& store) {
  constexpr unsigned quiet = std::is_same_v<T, yarn::float16> ? 0x7e00 : 0x7fc0;
  for (const std::uint32_t magnitude : nans_that_rounding_may_break) {
    for (const std::uint32_t sign : {0U, 0x80000000U}) {
      for (const float other : {1.5F, 0x1p-130F}) {
        T expected{};
        detail::narrow(other, expected);
        for (std::size_t place = 0; place < n; ++place) {
          std::vector<float> values(n, other);
          values[place] = support::from_bits<float>(sign | magnitude);
          std::vector<T> elements(n);
          store(values.data(), elements.data());
          for (std::size_t lane = 0; lane < n; ++lane) {
            const unsigned bits = elements[lane].bits;
            const bool is_right = lane == place
                                      ? (bits & quiet) == quiet && bits >> 15U == sign >> 31U
                                      : bits == expected.bits;
            ASSERT_TRUE(is_right) << std::hex << "lane " << lane << " is " << bits << ", with "
                                  << (sign | magnitude) << " in lane " << place;
          }
        }
      }
    }
  }
}

template <class Arch, class T> void expect_nans_are_stored_as_nan() {
  using wide = detail::pack<float, Arch>;
  expect_nans_stay_nan<T>(wide::size, [](const float* values, T* elements) {
    detail::store_elements(wide::load_unaligned(values), elements);
  });
  expect_nans_stay_nan<T>(2 * wide::size, [](const float* values, T* elements) {
    const detail::two_packs<wide> both{wide::load_unaligned(values),
                                       wide::load_unaligned(values + wide::size)};
    detail::store_elements(both, elements, elements + wide::size);
  });
}
TYPED_TEST(simd, stores_every_nan_as_a_quiet_nan_of_the_same_sign) {
  expect_nans_are_stored_as_nan<TypeParam, yarn::float16>();
  expect_nans_are_stored_as_nan<TypeParam, yarn::bfloat16>();
}

#if !defined(YARN_NO_XSIMD)
TYPED_TEST(simd, stores_every_nan_in_words_as_a_quiet_nan_of_the_same_sign) {
  if constexpr (detail::has_words_v<TypeParam>) {
    using wide = detail::pack<float, TypeParam>;
    const auto words_of = [](const float* values) {
      float even[wide::size], odd[wide::size];
      for (std::size_t lane = 0; lane < wide::size; ++lane) {
        even[lane] = values[2 * lane], odd[lane] = values[2 * lane + 1];
      }
      return detail::two_packs<wide>{wide::load_unaligned(even), wide::load_unaligned(odd)};
    };
    expect_nans_stay_nan<yarn::bfloat16>(2 * wide::size,
                                         [&](const float* values, yarn::bfloat16* elements) {
                                           const auto words = words_of(values);
                                           detail::round_words(words.first, words.second, elements);
                                         });
    expect_nans_stay_nan<yarn::bfloat16>(
        4 * wide::size, [&](const float* values, yarn::bfloat16* elements) {
          constexpr std::size_t step = 2 * wide::size;
          detail::store_words(words_of(values), elements, words_of(values + step), elements + step);
        });
  } else {
    // The scalar pack has no words. Other packs have none only on processors without a file in
    // detail/simd. On the processors below the test may skip only the scalar pack.
#if (defined(__SSE2__) && !defined(__AVX512F__)) || defined(__AVX512BW__) || defined(__aarch64__)
    ASSERT_EQ((detail::pack<float, TypeParam>::size), 1U);
#endif
    GTEST_SKIP() << "no words on this architecture";
  }
}
#endif

} // namespace
