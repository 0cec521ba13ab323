// SPDX-License-Identifier: MIT
// Packs of every width (detail/simd) load and store 16-bit elements like the functions for single
// elements. The tests use every code, the floats and doubles at every rounding boundary of a
// format, random numbers, and for the widest pack all floats.
#include "../support/bits.hpp"
#include "../support/half_formats.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace {

namespace detail = yarn::detail;
using support::bfloat16_format;
using support::binary16_format;
using support::bits_of;
using support::first_float_of;
using support::from_bits;
using support::is_slow_build;
using support::random_double;
using support::random_source;

/// The types Arch, the next narrower architecture, and so on, down to one element.
template <class Arch, class... Wider> struct narrowing_chain {
  using type = typename narrowing_chain<detail::narrower_arch<Arch>, Wider..., Arch>::type;
};
template <class... Wider> struct narrowing_chain<detail::scalar_arch, Wider...> {
  using type = ::testing::Types<Wider..., detail::scalar_arch>;
};
using archs = narrowing_chain<detail::default_arch>::type;

struct arch_names {
  template <class Arch> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return "floats_" + std::to_string(detail::pack<float, Arch>::size);
  }
};

template <class Arch> class packs : public ::testing::Test {};
TYPED_TEST_SUITE(packs, archs, arch_names);

bool is_quiet_nan(yarn::float16 x) { return support::definition<5>::is_quiet_nan(x.bits); }
bool is_quiet_nan(yarn::bfloat16 x) { return support::definition<8>::is_quiet_nan(x.bits); }
bool is_quiet_nan(float x) { return std::isnan(x) && (bits_of(x) & 0x400000U) != 0; }

/// Loads `elements` pack by pack and compares each value with `widen`. A NaN may have any payload.
template <class Compute, class Arch, class T> void expect_loads(std::vector<T> elements) {
  using wide = detail::pack<Compute, Arch>;
  elements.resize((elements.size() + wide::size - 1) / wide::size * wide::size);
  for (std::size_t i = 0; i < elements.size(); i += wide::size) {
    Compute values[wide::size];
    detail::load_elements(elements.data() + i, wide{}).store_unaligned(values);
    for (std::size_t lane = 0; lane < wide::size; ++lane) {
      const auto expected = detail::widen<Compute>(elements[i + lane]);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(values[lane])) << "element " << i + lane;
      } else {
        ASSERT_EQ(bits_of(values[lane]), bits_of(expected)) << "element " << i + lane;
      }
    }
  }
}

/// Compares each of n elements with `narrow` of its value. A NaN must be quiet.
template <class T, class Compute>
void expect_narrowed(const Compute* values, const T* elements, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    T expected{};
    detail::narrow(values[i], expected);
    const bool is_right = std::isnan(values[i])
                              ? is_quiet_nan(elements[i])
                              : std::memcmp(&elements[i], &expected, sizeof(T)) == 0;
    ASSERT_TRUE(is_right) << "lane " << i << ", of " << std::hexfloat << values[i];
  }
}

// The first n_alone values of a list are also stored alone in a pack of ones, so that no other lane
// can select the slow path for ties and NaN. A list begins with the values at which rounding
// changes.
constexpr std::size_t n_alone = is_slow_build ? 20000 : 500000;

/// Stores `values` pack by pack: a pack alone, together with a pack of ones before or after it, and
/// each value alone among ones.
template <class T, class Arch, class Compute> void expect_stores(std::vector<Compute> values) {
  using wide = detail::pack<Compute, Arch>;
  values.resize((values.size() + wide::size - 1) / wide::size * wide::size);
  const std::vector<Compute> ones(wide::size, Compute(1));
  const auto expect_two = [](const Compute* first, const Compute* second) {
    T elements[2 * wide::size];
    const detail::two_packs<wide> both{wide::load_unaligned(first), wide::load_unaligned(second)};
    detail::store_elements(both, elements + wide::size, elements);
    expect_narrowed(first, elements + wide::size, wide::size);
    expect_narrowed(second, elements, wide::size);
  };
  for (std::size_t i = 0; i < values.size(); i += wide::size) {
    T elements[wide::size];
    detail::store_elements(wide::load_unaligned(values.data() + i), elements);
    expect_narrowed(values.data() + i, elements, wide::size);
    expect_two(values.data() + i, ones.data());
    expect_two(ones.data(), values.data() + i);
    std::vector<Compute> alone = ones;
    for (std::size_t lane = 0; lane < wide::size && i < n_alone; ++lane, alone = ones) {
      alone[lane] = values[i + lane];
      detail::store_elements(wide::load_unaligned(alone.data()), elements);
      expect_narrowed(alone.data(), elements, wide::size);
      expect_two(alone.data(), ones.data());
      expect_two(ones.data(), alone.data());
    }
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
  }
}

template <class Format> std::vector<typename Format::element> all_codes() {
  std::vector<typename Format::element> codes;
  for (unsigned code = 0; code <= 0xffff; ++code) {
    codes.push_back({static_cast<std::uint16_t>(code)});
  }
  return codes;
}

/// Floats that show errors of rounding: the three floats on each side of every boundary, with both
/// signs; all kinds of NaN; and random bits.
template <class Format> std::vector<float> boundary_floats() {
  std::vector<float> floats;
  const auto add = [&floats](std::uint32_t magnitude) {
    floats.push_back(from_bits<float>(magnitude));
    floats.push_back(from_bits<float>(magnitude | 0x80000000U));
  };
  for (unsigned code = 0; code <= Format::defined::infinity; ++code) {
    const std::uint32_t first = first_float_of<Format>(code);
    for (std::uint32_t offset = 0; offset <= 6; ++offset) {
      add(std::max(first + offset, 3U) - 3U);
    }
  }
  add(0x7f7fffffU);
  add(0x7f800000U);
  for (unsigned bit = 0; bit < 23; ++bit) {
    add(0x7f800000U | 1U << bit);
    add(0x7fffffffU ^ 1U << bit);
  }
  random_source random(2);
  for (int i = 0; i < (is_slow_build ? 20000 : 20000000); ++i) {
    floats.push_back(from_bits<float>(static_cast<std::uint32_t>(random.next())));
  }
  return floats;
}

/// Doubles that show errors of rounding: at and beside every boundary, special values, and random
/// ones.
template <class Format> std::vector<double> boundary_doubles() {
  std::vector<double> doubles;
  for (unsigned code = 1; code <= Format::defined::infinity; ++code) {
    const double boundary = Format::defined::boundary(code);
    for (const double offset : {-0x1p-20, -0x1p-30, -0x1p-52, 0.0, 0x1p-52, 0x1p-30, 0x1p-20}) {
      doubles.push_back(boundary + boundary * offset);
      doubles.push_back(-doubles.back());
    }
  }
  for (const double special :
       {0.0, 0x1p-1074, 0x1p-150, 0x1p128, std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN(),
        from_bits<double>((std::uint64_t{0x7ff} << 52U) | 1U)}) {
    doubles.push_back(special);
    doubles.push_back(-special);
  }
  random_source random(3);
  for (int i = 0; i < (is_slow_build ? 20000 : 2000000); ++i) {
    doubles.push_back(random_double(random));
  }
  return doubles;
}

TYPED_TEST(packs, load_every_code) {
  expect_loads<float, TypeParam>(all_codes<binary16_format>());
  expect_loads<float, TypeParam>(all_codes<bfloat16_format>());
  expect_loads<double, TypeParam>(all_codes<binary16_format>());
  expect_loads<double, TypeParam>(all_codes<bfloat16_format>());
}

TYPED_TEST(packs, store_floats_as_binary16) {
  expect_stores<yarn::float16, TypeParam>(boundary_floats<binary16_format>());
}
TYPED_TEST(packs, store_floats_as_bfloat16) {
  expect_stores<yarn::bfloat16, TypeParam>(boundary_floats<bfloat16_format>());
}
TYPED_TEST(packs, store_doubles_as_binary16) {
  expect_stores<yarn::float16, TypeParam>(boundary_doubles<binary16_format>());
}
TYPED_TEST(packs, store_doubles_as_bfloat16) {
  expect_stores<yarn::bfloat16, TypeParam>(boundary_doubles<bfloat16_format>());
}

TYPED_TEST(packs, convert_between_float_and_double) {
  std::vector<float> floats = boundary_floats<bfloat16_format>();
  floats.resize(std::min(floats.size(), std::size_t{1000000}));
  expect_loads<double, TypeParam>(floats);
  std::vector<double> doubles = boundary_doubles<bfloat16_format>();
  for (const float value : floats) {
    doubles.push_back(double{value} * (1 + 0x1p-25)); // near a tie
  }
  expect_stores<float, TypeParam>(doubles);
}

/// Loads and stores a pack at the end and at the start of accessible memory.
template <class Compute, class Arch, class T> void expect_within_bounds() {
  using wide = detail::pack<Compute, Arch>;
  for (const support::fence side : {support::fence::after, support::fence::before}) {
    support::fenced_array<T> memory(wide::size, side);
    std::memset(static_cast<void*>(memory.data()), 0, wide::size * sizeof(T));
    const wide loaded = detail::load_elements(memory.data(), wide{});
    detail::store_elements(loaded + wide(Compute(1)), memory.data());
    for (std::size_t lane = 0; lane < wide::size; ++lane) {
      EXPECT_EQ(detail::widen<Compute>(memory[lane]), Compute(1));
    }
    T elements[wide::size];
    const detail::two_packs<wide> both{loaded, loaded};
    detail::store_elements(both, memory.data(), elements);
    detail::store_elements(both, elements, memory.data());
  }
}

TYPED_TEST(packs, access_only_their_elements) {
  expect_within_bounds<float, TypeParam, yarn::float16>();
  expect_within_bounds<float, TypeParam, yarn::bfloat16>();
  expect_within_bounds<float, TypeParam, float>();
  expect_within_bounds<double, TypeParam, yarn::float16>();
  expect_within_bounds<double, TypeParam, yarn::bfloat16>();
  expect_within_bounds<double, TypeParam, float>();
  expect_within_bounds<double, TypeParam, double>();
}

#if !defined(YARN_NO_XSIMD)

/// Tests loads and stores of bfloat16 as 32-bit words: 2 * size elements are a pack of the even and
/// a pack of the odd elements. (store_words stores two such pairs of packs at once. Neither pair
/// may affect the other.)
template <class Arch> void expect_words() {
  using wide = detail::pack<float, Arch>;
  constexpr std::size_t stride = 2 * wide::size;
  const auto place = [](std::size_t lane) { return lane / 2 + lane % 2 * wide::size; };
  const std::vector<yarn::bfloat16> codes = all_codes<bfloat16_format>();
  for (std::size_t i = 0; i < codes.size(); i += stride) {
    const auto words = detail::load_words(codes.data() + i, wide{});
    float values[stride]; // the even elements, then the odd ones
    words.first.store_unaligned(values);
    words.second.store_unaligned(values + wide::size);
    for (std::size_t lane = 0; lane < stride; ++lane) { // NaNs keep their bits, too
      ASSERT_EQ(bits_of(values[place(lane)]), bits_of(detail::widen<float>(codes[i + lane])))
          << "code " << i + lane;
    }
  }
  std::vector<float> floats = boundary_floats<bfloat16_format>();
  floats.resize(floats.size() / stride * stride);
  const auto words_at = [](const float* values) {
    return detail::two_packs<wide>{wide::load_unaligned(values),
                                   wide::load_unaligned(values + wide::size)};
  };
  const auto expect_rounded = [&](const float* values, const yarn::bfloat16* elements) {
    for (std::size_t lane = 0; lane < stride; ++lane) {
      const float value = values[place(lane)];
      const bool is_right = std::isnan(value)
                                ? is_quiet_nan(elements[lane])
                                : elements[lane].bits == bfloat16_format::narrow(value);
      ASSERT_TRUE(is_right) << "lane " << lane << ", of " << std::hexfloat << value;
    }
  };
  const std::vector<float> ones(stride, 1.0F);
  const auto expect_stored = [&](const float* values) {
    yarn::bfloat16 elements[2 * stride];
    detail::round_words(words_at(values).first, words_at(values).second, elements);
    expect_rounded(values, elements);
    for (const bool is_first : {true, false}) {
      detail::store_words(words_at(is_first ? values : ones.data()), elements,
                          words_at(is_first ? ones.data() : values), elements + stride);
      expect_rounded(is_first ? values : ones.data(), elements);
      expect_rounded(is_first ? ones.data() : values, elements + stride);
    }
  };
  for (std::size_t i = 0; i < floats.size(); i += stride) {
    expect_stored(floats.data() + i);
    std::vector<float> alone = ones;
    for (std::size_t lane = 0; lane < stride && i < n_alone; ++lane, alone = ones) {
      alone[lane] = floats[i + lane];
      expect_stored(alone.data());
    }
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
  }
  support::fenced_array<yarn::bfloat16> memory(2 * stride);
  std::memset(static_cast<void*>(memory.data()), 0, 2 * stride * sizeof(yarn::bfloat16));
  const auto words = detail::load_words(memory.data() + stride, wide{});
  detail::store_words(words, memory.data(), words, memory.data() + stride);
}

TYPED_TEST(packs, load_and_store_words) {
  if constexpr (detail::has_words_v<TypeParam>) {
    expect_words<TypeParam>();
  } else {
    // The scalar pack has no words. Other packs have none only on processors without a file in
    // detail/simd. On the processors below the test may skip only the scalar pack.
#if (defined(__SSE2__) && !defined(__AVX512F__)) || defined(__AVX512BW__) || defined(__aarch64__)
    ASSERT_EQ((detail::pack<float, TypeParam>::size), 1U);
#endif
    GTEST_SKIP() << "no words on this architecture";
  }
}

#if !defined(YARN_TEST_SLOW_BUILD)
// Tests the widest pack with all 2^32 floats, because this pack rounds most elements of a head.
// The loops process blocks, so that the compiler can vectorise them.
template <class Format> std::uint64_t count_differences_of_the_widest_pack() {
  using wide = detail::pack<float, detail::default_arch>;
  using defined = typename Format::defined;
  constexpr std::uint32_t block = 4096;
  static float values[block];
  static typename Format::element elements[block];
  std::uint64_t n_different = 0;
  for (std::uint64_t start = 0; start < std::uint64_t{1} << 32U; start += block) {
    for (std::uint32_t i = 0; i < block; ++i) {
      values[i] = from_bits<float>(static_cast<std::uint32_t>(start) + i);
    }
    for (std::uint32_t i = 0; i < block; i += wide::size) {
      detail::store_elements(wide::load_unaligned(values + i), elements + i);
    }
    for (std::uint32_t i = 0; i < block; ++i) {
      const std::uint16_t expected = Format::narrow(values[i]);
      const std::uint16_t bits = elements[i].bits;
      const bool is_right =
          bits == expected || (defined::is_nan(expected) && defined::is_quiet_nan(bits));
      n_different += is_right ? 0U : 1U;
    }
  }
  return n_different;
}

template <class Format> class widest_pack : public ::testing::Test {};
TYPED_TEST_SUITE(widest_pack, support::formats, support::format_names);

TYPED_TEST(widest_pack, rounds_every_float_like_the_scalar_function) {
  EXPECT_EQ(count_differences_of_the_widest_pack<TypeParam>(), 0U);
}
#endif

#endif

} // namespace
