// SPDX-License-Identifier: MIT
// 16-bit elements (detail/base/formats.hpp, detail/simd/element.hpp) against the definition of the
// formats: every value of both, every float rounded to both, doubles at every boundary between two
// of their numbers; packs of every width against the scalar functions; and the types that they come
// under.
//
// In builds without optimisation or with sanitizers the floats between two boundaries are sampled,
// and fewer random numbers are drawn; the output says so.
#include "../support/bits.hpp"
#include "../support/half_formats.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

namespace detail = yarn::detail;
using support::binary16_format;
using support::bits_of;
using support::first_float_of;
using support::from_bits;
using support::is_slow_build;
using support::random_double;
using support::random_source;

#if defined(YARN_TEST_SLOW_BUILD)
constexpr bool is_slow_build = true;
#else
constexpr bool is_slow_build = false;
#endif

// ---- The formats, by their definition ---------------------------------------------------------

/// A 16-bit format: sign, exponent, fraction; the exponent of all ones is infinity and NaN.
template <int ExponentBits> struct definition {
  static constexpr int fraction_bits = 15 - ExponentBits;
  static constexpr int bias = (1 << (ExponentBits - 1)) - 1;
  static constexpr unsigned infinity = ((1U << ExponentBits) - 1) << fraction_bits;
  static constexpr unsigned quiet_bit = 1U << (fraction_bits - 1);

  /// The number behind a code without sign; for infinity the number that would follow the largest,
  /// which is what rounding sees there.
  static double value(unsigned code) {
    const auto exponent = static_cast<int>(code >> fraction_bits);
    const auto fraction = static_cast<double>(code & ((1U << fraction_bits) - 1));
    const double hidden = exponent == 0 ? 0 : std::ldexp(1, fraction_bits);
    return std::ldexp(fraction + hidden, std::max(exponent, 1) - bias - fraction_bits);
  }
  /// Halfway between code - 1 and code; a tie goes to the even one of the two.
  static double boundary(unsigned code) { return (value(code - 1) + value(code)) / 2; }

  static bool is_nan(unsigned code) { return (code & 0x7fffU) > infinity; }
  static bool is_quiet_nan(unsigned code) { return is_nan(code) && (code & quiet_bit) != 0; }
};

struct binary16_format {
  using defined = definition<5>;
  using element = yarn::float16;
  static float widen(std::uint16_t bits) {
    return detail::format_traits<yarn::element_format::binary16>::widen(bits);
  }
  static std::uint16_t narrow(float value) {
    return detail::format_traits<yarn::element_format::binary16>::narrow(value);
  }
};
struct bfloat16_format {
  using defined = definition<8>;
  using element = yarn::bfloat16;
  static float widen(std::uint16_t bits) {
    return detail::format_traits<yarn::element_format::bfloat16>::widen(bits);
  }
  static std::uint16_t narrow(float value) {
    return detail::format_traits<yarn::element_format::bfloat16>::narrow(value);
  }
};
using formats = ::testing::Types<binary16_format, bfloat16_format>;

struct format_names {
  template <class Format> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::is_same_v<Format, binary16_format> ? "binary16" : "bfloat16";
  }
};

template <class Format> class half : public ::testing::Test {};
TYPED_TEST_SUITE(half, support::formats, support::format_names);

TYPED_TEST(half, definition_has_the_numbers_that_everybody_knows) {
  using defined = typename TypeParam::defined;
  EXPECT_EQ(defined::value(0), 0);
  if constexpr (std::is_same_v<TypeParam, binary16_format>) {
    EXPECT_EQ(defined::value(0x3c00), 1);
    EXPECT_EQ(defined::value(0x7bff), 65504);
    EXPECT_EQ(defined::value(0x0001), 0x1p-24);
    EXPECT_EQ(defined::value(0x0400), 0x1p-14);
    EXPECT_EQ(defined::infinity, 0x7c00U);
  } else {
    EXPECT_EQ(defined::value(0x3f80), 1);
    EXPECT_EQ(defined::value(0x7f7f), 0x1.fep127);
    EXPECT_EQ(defined::value(0x0001), 0x1p-133);
    EXPECT_EQ(defined::value(0x0080), 0x1p-126);
    EXPECT_EQ(defined::infinity, 0x7f80U);
  }
}

// ---- Widening ---------------------------------------------------------------------------------

TYPED_TEST(half, every_code_widens_to_its_value) {
  using defined = typename TypeParam::defined;
  for (unsigned code = 0; code <= 0xffff; ++code) {
    const auto bits = static_cast<std::uint16_t>(code);
    const float wide = TypeParam::widen(bits);
    const typename TypeParam::element element{bits};
    ASSERT_EQ(bits_of(detail::widen<float>(element)), bits_of(wide)) << code;
    if (defined::is_nan(code)) {
      EXPECT_TRUE(std::isnan(wide)) << code;
      EXPECT_TRUE(std::isnan(detail::widen<double>(element))) << code;
      EXPECT_EQ(std::signbit(wide), code >= 0x8000) << code;
      continue;
    }
    const unsigned magnitude = code & 0x7fffU;
    const double value =
        std::copysign(magnitude == defined::infinity ? std::numeric_limits<double>::infinity()
                                                     : defined::value(magnitude),
                      code >= 0x8000 ? -1.0 : 1.0);
    ASSERT_EQ(bits_of(wide), bits_of(static_cast<float>(value))) << code;
    ASSERT_EQ(bits_of(detail::widen<double>(element)), bits_of(value)) << code;
    ASSERT_EQ(TypeParam::narrow(wide), bits) << code;
  }
}

// ---- Narrowing floats -------------------------------------------------------------------------

/// How many of the floats [first, last] do not become `code`. In slow builds, of the ends and of
/// every 509th in between.
template <class Format>
std::uint64_t count_wrong(std::uint32_t first, std::uint32_t last, unsigned code) {
  constexpr std::uint32_t ends = 4;
  constexpr std::uint32_t step = is_slow_build ? 509 : 1;
  std::uint64_t wrong = 0;
  for (std::uint32_t bits = first; bits <= last;) {
    wrong += Format::narrow(from_bits<float>(bits)) == code ? 0U : 1U;
    const bool is_inside = bits - first >= ends && last - bits > step + ends;
    bits += step > 1 && is_inside ? step : 1;
  }
  return wrong;
}

TYPED_TEST(half, every_float_is_rounded_to_nearest_even) {
  using defined = typename TypeParam::defined;
  std::printf("floats between boundaries: %s\n", is_slow_build ? "every 509th" : "all");
  constexpr std::uint32_t float_infinity = 0x7f800000U;
  constexpr std::uint32_t minus = 0x80000000U;
  for (unsigned code = 0; code <= defined::infinity; ++code) {
    const std::uint32_t first = first_float_of<TypeParam>(code);
    const std::uint32_t last =
        code == defined::infinity ? float_infinity : first_float_of<TypeParam>(code + 1) - 1;
    ASSERT_LE(first, last);
    ASSERT_EQ(count_wrong<TypeParam>(first, last, code), 0U) << "to " << code;
    ASSERT_EQ(count_wrong<TypeParam>(first | minus, last | minus, code | 0x8000U), 0U)
        << "to " << (code | 0x8000U);
  }
}

TYPED_TEST(half, every_nan_stays_a_quiet_nan) {
  constexpr std::uint32_t step = is_slow_build ? 509 : 1;
  std::uint64_t n_wrong = 0;
  for (std::uint32_t fraction = 1; fraction < 0x800000; fraction += step) {
    for (const std::uint32_t sign : {0U, 1U}) {
      const auto nan = from_bits<float>(sign << 31U | 0x7f800000U | fraction);
      const std::uint16_t bits = TypeParam::narrow(nan);
      const bool is_right = TypeParam::defined::is_quiet_nan(bits) && bits >> 15U == sign;
      n_wrong += is_right ? 0U : 1U;
    }
  }
  EXPECT_EQ(n_wrong, 0U);
}

// ---- Narrowing doubles: rounded once ----------------------------------------------------------

template <class Format> unsigned narrowed(double value) {
  typename Format::element element{0};
  detail::narrow(value, element);
  return element.bits;
}

/// Expects both signs of a magnitude to become a code.
template <class Format> void expect_narrowed(double magnitude, unsigned code) {
  ASSERT_EQ(narrowed<Format>(magnitude), code) << std::hexfloat << magnitude;
  ASSERT_EQ(narrowed<Format>(-magnitude), code | 0x8000U) << std::hexfloat << -magnitude;
}

// At a boundary and beside it, from the next double to where rounding to float first would see no
// difference from a tie (2^-25 and less) and where it would see one.
TYPED_TEST(half, doubles_beside_a_boundary_are_rounded_once) {
  using defined = typename TypeParam::defined;
  for (unsigned code = 1; code <= defined::infinity; ++code) {
    const double boundary = defined::boundary(code);
    expect_narrowed<TypeParam>(boundary, code % 2 == 0 ? code : code - 1);
    expect_narrowed<TypeParam>(std::nextafter(boundary, 0), code - 1);
    for (int power = 14; power <= 52; ++power) {
      const double step = std::ldexp(boundary, -power);
      expect_narrowed<TypeParam>(boundary - step, code - 1);
      expect_narrowed<TypeParam>(boundary + step, code);
    }
    if (code < defined::infinity) {
      const double value = defined::value(code);
      expect_narrowed<TypeParam>(value, code);
      expect_narrowed<TypeParam>(std::nextafter(value, 0), code);
      expect_narrowed<TypeParam>(std::nextafter(value, 1e300), code);
    }
    ASSERT_FALSE(this->HasFatalFailure()) << "between " << code - 1 << " and " << code;
  }
}

TYPED_TEST(half, doubles_beyond_float_are_rounded_once) {
  using defined = typename TypeParam::defined;
  for (const double tiny : {0.0, 0x1p-1074, 0x1p-1022, 0x1p-200, 0x1p-151, 0x1p-150, 0x1.8p-150,
                            0x1p-149, 0x1.8p-149, 0x1p-136}) {
    expect_narrowed<TypeParam>(tiny, 0);
  }
  for (const double huge : {0x1p128, 0x1.ffffffp127, 0x1p129, 0x1p1023, 0x1.fffffffffffffp1023,
                            std::numeric_limits<double>::infinity()}) {
    expect_narrowed<TypeParam>(huge, defined::infinity);
  }
  for (const std::uint64_t fraction :
       {std::uint64_t{1}, std::uint64_t{1} << 29U, (std::uint64_t{1} << 51U) - 1,
        std::uint64_t{1} << 51U, (std::uint64_t{1} << 52U) - 1}) {
    for (const std::uint64_t sign : {0U, 1U}) {
      const auto nan = from_bits<double>(sign << 63U | std::uint64_t{0x7ff} << 52U | fraction);
      const unsigned code = narrowed<TypeParam>(nan);
      EXPECT_TRUE(defined::is_quiet_nan(code)) << std::hex << fraction;
      EXPECT_EQ(code >> 15U, sign) << std::hex << fraction;
    }
  }
}

TYPED_TEST(half, random_doubles_are_rounded_once) {
  using defined = typename TypeParam::defined;
  std::vector<double> boundaries; // boundaries[i] lies between codes i and i + 1
  for (unsigned code = 1; code <= defined::infinity; ++code) {
    boundaries.push_back(defined::boundary(code));
  }
  random_source random(1);
  for (int i = 0; i < (is_slow_build ? 100000 : 10000000); ++i) {
    const double value = random_double(random);
    const double size = std::fabs(value);
    const auto above = std::lower_bound(boundaries.begin(), boundaries.end(), size);
    auto code = static_cast<unsigned>(above - boundaries.begin());
    if (above != boundaries.end() && *above == size && code % 2 != 0) {
      ++code; // a tie
    }
    ASSERT_EQ(narrowed<TypeParam>(value), code | (std::signbit(value) ? 0x8000U : 0U))
        << std::hexfloat << value;
  }
}

// ---- Packs ------------------------------------------------------------------------------------

/// Arch, the next narrower, ..., and one element.
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

bool is_quiet_nan(yarn::float16 x) { return definition<5>::is_quiet_nan(x.bits); }
bool is_quiet_nan(yarn::bfloat16 x) { return definition<8>::is_quiet_nan(x.bits); }
bool is_quiet_nan(float x) { return std::isnan(x) && (bits_of(x) & 0x400000U) != 0; }

/// Loads pack after pack of `elements` and compares each value with what widen makes of it; a NaN
/// must be one, with any payload.
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

/// Compares each of n elements with what narrow makes of its value; a NaN must be a quiet one.
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

// So many values of a list are stored alone among ones, too, where nothing beside them asks for
// care: those where rounding changes, which come first.
constexpr std::size_t n_alone = is_slow_build ? 20000 : 500000;

/// Stores pack after pack of `values`: one by one, together with a pack of ones before or behind
/// it, and each value alone.
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

/// Where rounding to a format changes, the three floats on either side, both signs; NaNs of all
/// kinds; and random bits.
template <class Format> std::vector<float> telling_floats() {
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

/// The same between doubles.
template <class Format> std::vector<double> telling_doubles() {
  std::vector<double> doubles;
  for (unsigned code = 1; code <= Format::defined::infinity; ++code) {
    const double boundary = Format::defined::boundary(code);
    for (const double step : {-0x1p-20, -0x1p-30, -0x1p-52, 0.0, 0x1p-52, 0x1p-30, 0x1p-20}) {
      doubles.push_back(boundary + boundary * step);
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
  expect_stores<yarn::float16, TypeParam>(telling_floats<binary16_format>());
}
TYPED_TEST(packs, store_floats_as_bfloat16) {
  expect_stores<yarn::bfloat16, TypeParam>(telling_floats<bfloat16_format>());
}
TYPED_TEST(packs, store_doubles_as_binary16) {
  expect_stores<yarn::float16, TypeParam>(telling_doubles<binary16_format>());
}
TYPED_TEST(packs, store_doubles_as_bfloat16) {
  expect_stores<yarn::bfloat16, TypeParam>(telling_doubles<bfloat16_format>());
}

TYPED_TEST(packs, convert_between_float_and_double) {
  std::vector<float> floats = telling_floats<bfloat16_format>();
  floats.resize(std::min(floats.size(), std::size_t{1000000}));
  expect_loads<double, TypeParam>(floats);
  std::vector<double> doubles = telling_doubles<bfloat16_format>();
  for (const float value : floats) {
    doubles.push_back(double{value} * (1 + 0x1p-25)); // near a tie
  }
  expect_stores<float, TypeParam>(doubles);
}

/// A pack at the very end, or the very start, of memory touches nothing else.
template <class Compute, class Arch, class T> void expect_within_bounds() {
  using wide = detail::pack<Compute, Arch>;
  for (const support::fence side : {support::fence::behind, support::fence::before}) {
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

TYPED_TEST(packs, stay_within_their_elements) {
  expect_within_bounds<float, TypeParam, yarn::float16>();
  expect_within_bounds<float, TypeParam, yarn::bfloat16>();
  expect_within_bounds<float, TypeParam, float>();
  expect_within_bounds<double, TypeParam, yarn::float16>();
  expect_within_bounds<double, TypeParam, yarn::bfloat16>();
  expect_within_bounds<double, TypeParam, float>();
  expect_within_bounds<double, TypeParam, double>();
}

#if !defined(YARN_NO_XSIMD)

/// bfloat16 by words, 2 * size elements: a pack of the even and one of the odd places. (Two such
/// are stored at once, and what one of them holds must not matter to the other.)
template <class Arch> void expect_words() {
  using wide = detail::pack<float, Arch>;
  constexpr std::size_t step = 2 * wide::size;
  const auto place = [](std::size_t lane) { return lane / 2 + lane % 2 * wide::size; };
  const std::vector<yarn::bfloat16> codes = all_codes<bfloat16_format>();
  for (std::size_t i = 0; i < codes.size(); i += step) {
    const auto words = detail::load_words(codes.data() + i, wide{});
    float values[step]; // the even ones, then the odd ones
    words.first.store_unaligned(values);
    words.second.store_unaligned(values + wide::size);
    for (std::size_t lane = 0; lane < step; ++lane) { // NaNs keep their bits, too
      ASSERT_EQ(bits_of(values[place(lane)]), bits_of(detail::widen<float>(codes[i + lane])))
          << "code " << i + lane;
    }
  }
  std::vector<float> floats = telling_floats<bfloat16_format>();
  floats.resize(floats.size() / step * step);
  const auto words_at = [](const float* values) {
    return detail::two_packs<wide>{wide::load_unaligned(values),
                                   wide::load_unaligned(values + wide::size)};
  };
  const auto expect_rounded = [&](const float* values, const yarn::bfloat16* elements) {
    for (std::size_t lane = 0; lane < step; ++lane) {
      const float value = values[place(lane)];
      const bool is_right = std::isnan(value)
                                ? is_quiet_nan(elements[lane])
                                : elements[lane].bits == bfloat16_format::narrow(value);
      ASSERT_TRUE(is_right) << "lane " << lane << ", of " << std::hexfloat << value;
    }
  };
  const std::vector<float> ones(step, 1.0F);
  const auto expect_stored = [&](const float* values) {
    yarn::bfloat16 elements[2 * step];
    detail::round_words(words_at(values).first, words_at(values).second, elements);
    expect_rounded(values, elements);
    for (const bool is_first : {true, false}) {
      detail::store_words(words_at(is_first ? values : ones.data()), elements,
                          words_at(is_first ? ones.data() : values), elements + step);
      expect_rounded(is_first ? values : ones.data(), elements);
      expect_rounded(is_first ? ones.data() : values, elements + step);
    }
  };
  for (std::size_t i = 0; i < floats.size(); i += step) {
    expect_stored(floats.data() + i);
    std::vector<float> alone = ones;
    for (std::size_t lane = 0; lane < step && i < n_alone; ++lane, alone = ones) {
      alone[lane] = floats[i + lane];
      expect_stored(alone.data());
    }
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
  }
  support::fenced_array<yarn::bfloat16> memory(2 * step);
  std::memset(static_cast<void*>(memory.data()), 0, 2 * step * sizeof(yarn::bfloat16));
  const auto words = detail::load_words(memory.data() + step, wide{});
  detail::store_words(words, memory.data(), words, memory.data() + step);
}

TYPED_TEST(packs, load_and_store_words) {
  if constexpr (detail::has_words_v<TypeParam>) {
    expect_words<TypeParam>();
  } else {
    // A single element is no word. Packs of several without words are other processors' than those
    // that simd_bfloat16.hpp knows: not ours to skip.
#if (defined(__SSE2__) && !defined(__AVX512F__)) || defined(__AVX512BW__) || defined(__aarch64__)
    ASSERT_EQ((detail::pack<float, TypeParam>::size), 1U);
#endif
    GTEST_SKIP() << "no words on this architecture";
  }
}

#if !defined(YARN_TEST_SLOW_BUILD)
// The widest pack rounds most elements of a head: all floats, four billion. A block at a time, for
// the compiler to keep the loops tight.
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

TYPED_TEST(half, widest_pack_rounds_every_float_alike) {
  EXPECT_EQ(count_differences_of_the_widest_pack<TypeParam>(), 0U);
}
#endif

#endif

// ---- Under the types that engines have --------------------------------------------------------

static_assert(yarn::format_of_v<engine_half> == yarn::element_format::binary16);
static_assert(yarn::format_of_v<const engine_bfloat16> == yarn::element_format::bfloat16);
static_assert(yarn::format_of_v<std::uint16_t> == yarn::element_format::unknown); // of which one?
static_assert(yarn::format_of_v<int> == yarn::element_format::unknown);
static_assert(sizeof(yarn::float16) == 2);
static_assert(sizeof(yarn::bfloat16) == 2);
static_assert(alignof(yarn::float16) == alignof(std::uint16_t)); // to lie over an engine's words
static_assert(alignof(yarn::bfloat16) == alignof(std::uint16_t));

constexpr std::int64_t n_tokens = 3;
constexpr std::int64_t n_heads = 2;

/// Numbers of ordinary size in a format, and some infinities, NaNs and subnormals among them.
template <class Format> std::vector<std::uint16_t> random_codes(std::int64_t head_dim) {
  random_source random(4);
  std::vector<std::uint16_t> codes(static_cast<std::size_t>(n_tokens * n_heads * head_dim));
  for (std::uint16_t& code : codes) {
    code = random.next() % 16 == 0 ? static_cast<std::uint16_t>(random.next())
                                   : Format::narrow(static_cast<float>(random.number(-4, 4)));
  }
  return codes;
}

yarn::rotary_rows<float> rows_for(std::int64_t n_pairs) {
  yarn::rope_shape shape;
  shape.head_dim = 2 * n_pairs;
  shape.rope_theta = 10000;
  yarn::rotary_rows<float> rows;
  rows.assign(yarn::make_frequencies(shape, yarn::default_scaling{}),
              yarn::positions_from(1000, n_tokens));
  return rows;
}

/// What rope_apply makes of memory that holds `codes`, seen as T.
template <class T>
std::vector<std::uint16_t> rotated(std::vector<std::uint16_t> codes, yarn::pairing order,
                                   std::int64_t head_dim, std::int64_t n_pairs) {
  std::vector<T> elements(codes.size());
  std::memcpy(static_cast<void*>(elements.data()), codes.data(), 2 * codes.size());
  const yarn::heads_view<T> x(elements.data(), n_tokens, n_heads, head_dim);
  yarn::rope_apply(x, rows_for(n_pairs), order);
  std::memcpy(codes.data(), static_cast<const void*>(elements.data()), 2 * codes.size());
  return codes;
}

template <class Format, class T> void expect_rotated_like_ours() {
  static_assert(yarn::format_of_v<T> == yarn::format_of_v<typename Format::element>);
  for (const yarn::pairing order : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    for (const std::int64_t n_pairs : {1, 2, 3, 7, 8, 15, 16, 31, 32, 37, 64}) {
      const std::int64_t head_dim = 2 * n_pairs + 3;
      const std::vector<std::uint16_t> codes = random_codes<Format>(head_dim);
      const auto ours = rotated<typename Format::element>(codes, order, head_dim, n_pairs);
      EXPECT_NE(ours, codes);
      EXPECT_EQ(rotated<T>(codes, order, head_dim, n_pairs), ours) << n_pairs << " pairs";
    }
  }
}

TEST(element_types, may_be_registered_by_an_engine) {
  expect_rotated_like_ours<binary16_format, engine_half>();
  expect_rotated_like_ours<bfloat16_format, engine_bfloat16>();
}

#if YARN_TEST_EIGEN
TEST(element_types, may_be_eigens) {
  expect_rotated_like_ours<binary16_format, Eigen::half>();
  expect_rotated_like_ours<bfloat16_format, Eigen::bfloat16>();
}

// What Eigen reads as numbers is rotated as the same numbers: here by a quarter turn.
template <class T> void expect_eigens_numbers_turned() {
  const double quarter = 1.5707963267948966;
  const yarn::frequencies turn = yarn::frequencies_from(&quarter, 1);
  T pair[] = {T(0.75F), T(-2.5F)};
  yarn::rope_apply(yarn::heads_view<T>(pair, 1, 1, 2), yarn::rows_of(turn, yarn::positions_from(1)),
                   yarn::pairing::interleaved);
  EXPECT_EQ(static_cast<float>(pair[0]), 2.5F);
  EXPECT_EQ(static_cast<float>(pair[1]), 0.75F);
}
TEST(element_types, may_be_eigens_with_its_arithmetic) {
  expect_eigens_numbers_turned<Eigen::half>();
  expect_eigens_numbers_turned<Eigen::bfloat16>();
}
#endif

#if defined(__FLT16_MANT_DIG__) &&                                                                 \
    (defined(__clang__) || __GNUC__ >= 13 || (__GNUC__ == 12 && defined(__SSE2__)))
TEST(element_types, may_be_the_compilers_binary16) {
  expect_rotated_like_ours<binary16_format, _Float16>();
}
#endif
#if defined(__BFLT16_MANT_DIG__)
TEST(element_types, may_be_the_compilers_bfloat16) {
  expect_rotated_like_ours<bfloat16_format, yarn::compiler_bfloat16>();
}
#endif

// Engines that keep uint16_t look at it through our structs: the same bytes, nothing converted.
template <class Format> void expect_raw_data_rotated() {
  using element = typename Format::element;
  constexpr std::int64_t head_dim = 70;
  const std::vector<std::uint16_t> codes = random_codes<Format>(head_dim);
  for (const yarn::pairing order : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    std::vector<std::uint16_t> raw = codes;
    const yarn::heads_view<element> x(reinterpret_cast<element*>(raw.data()), n_tokens, n_heads,
                                      head_dim);
    yarn::rope_apply(x, rows_for(33), order);
    EXPECT_EQ(raw, rotated<element>(codes, order, head_dim, 33));
  }
}
TEST(element_types, may_be_raw_bits) {
  expect_raw_data_rotated<binary16_format>();
  expect_raw_data_rotated<bfloat16_format>();
}

} // namespace
