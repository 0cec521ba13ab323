// SPDX-License-Identifier: MIT
// scaled_elements.hpp: the bytes of heads, by the definition of the formats; which scale is used,
// and where a computed scale is written; rounding, saturation, and values without an ordinary
// scale; the error in long double; and the memory that is touched.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/scaled_elements.hpp>

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

using support::random_source;
using yarn::cache_place;
using yarn::scaled;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// The definition of an element type: its bits, its largest number, and the bound of its error for
/// a value and a scale.
template <class T> struct defined {
  using format = support::element<T>;
  static constexpr bool is_e4m3 = std::is_same_v<T, yarn::float8_e4m3>;
  static constexpr double largest = is_e4m3 ? 448 : 57344;
  static std::string name() { return format::name; }
  static T narrow(float x) { return format::narrow(x); }
  static float widen(T x) { return format::widen(x); }
  static long double bound(long double value, long double scale) {
    return is_e4m3 ? std::max(std::fabs(value) / 16, scale / 1000)
                   : std::max(std::fabs(value) / 8, scale / 130000);
  }
};
template <> struct defined<std::int8_t> {
  static constexpr double largest = 127;
  static std::string name() { return "int8"; }
  static std::int8_t narrow(float x) {
    const double whole = std::isnan(x) ? 0 : std::nearbyint(static_cast<double>(x)); // exact
    return static_cast<std::int8_t>(std::clamp(whole, -128.0, 127.0));
  }
  static float widen(std::int8_t x) { return x; }
  static long double bound(long double /*value*/, long double scale) { return 0.50003L * scale; }
};

template <class T> class scaled_elements : public ::testing::Test {};
struct type_names {
  template <class T> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return defined<T>::name();
  }
};
using types = ::testing::Types<std::int8_t, yarn::float8_e4m3, yarn::float8_e5m2>;
TYPED_TEST_SUITE(scaled_elements, types, type_names);

template <class T>
std::vector<T> encoded(const scaled<T>& format, const std::vector<float>& values,
                       cache_place at = {0, 0}) {
  std::vector<T> codes(values.size());
  format.encode(values.data(), static_cast<std::int64_t>(values.size()), codes.data(), at);
  return codes;
}
template <class T>
std::vector<float> decoded(const scaled<T>& format, const std::vector<T>& codes,
                           cache_place at = {0, 0}) {
  std::vector<float> values(codes.size());
  format.decode(codes.data(), static_cast<std::int64_t>(codes.size()), values.data(), at);
  return values;
}

/// volatile: the build must neither fuse nor reorder these operations.
float reciprocal(float scale) {
  const volatile float quotient = 1.0F / scale;
  return quotient;
}
float product(float a, float b) {
  const volatile float rounded = a * b;
  return rounded;
}
template <class T> bool is_same(T a, T b) { return std::memcmp(&a, &b, sizeof(T)) == 0; }

std::vector<float> random_values(std::size_t n, double size, std::uint64_t seed) {
  random_source random(seed);
  std::vector<float> values(n);
  std::generate(values.begin(), values.end(),
                [&] { return static_cast<float>(random.number(-size, size)); });
  return values;
}

template <class T>
void expect_bytes(const std::vector<float>& values, const T* codes, float scale) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T expected = defined<T>::narrow(product(values[i], reciprocal(scale)));
    // A NaN has any sign in the definition.
    const bool is_nan = !std::is_same_v<T, std::int8_t> && std::isnan(values[i]);
    ASSERT_TRUE(is_nan ? std::isnan(defined<T>::widen(codes[i])) : is_same(codes[i], expected))
        << "element " << i << " of " << values.size() << ": " << std::hexfloat << values[i]
        << " became " << defined<T>::widen(codes[i]) << ", not " << defined<T>::widen(expected);
  }
}

// ---- Bytes --------------------------------------------------------------------------------------

// Every length up to 130, so that the tails of all packs are tested, at odd addresses, beside
// inaccessible memory. The memory before or after a head keeps its contents.
TYPED_TEST(scaled_elements, have_the_defined_bytes_at_any_length_and_address) {
  const float scale = static_cast<float>(3 / defined<TypeParam>::largest);
  const auto given = scaled<TypeParam>::per_tensor(scale);
  for (const support::fence side : {support::fence::after, support::fence::before}) {
    for (std::size_t n = 0; n <= 130; ++n) {
      const std::vector<float> values = random_values(n, 3.1, n);
      support::fenced_array<float> source(n, side), target(n, side);
      std::copy(values.begin(), values.end(), source.data());
      support::fenced_array<unsigned char> memory(n + 3, side);
      std::memset(memory.data(), 0x55, n + 3);
      const std::size_t first = side == support::fence::after ? 3 : 0; // at the fence
      void* const head = memory.data() + first;
      given.encode(source.data(), static_cast<std::int64_t>(n), head, {7, 5});
      ASSERT_NO_FATAL_FAILURE(expect_bytes(values, static_cast<TypeParam*>(head), scale));
      given.decode(head, static_cast<std::int64_t>(n), target.data(), {7, 5});
      for (std::size_t i = 0; i < n; ++i)
        ASSERT_EQ(target[i],
                  product(defined<TypeParam>::widen(static_cast<TypeParam*>(head)[i]), scale));
      for (std::size_t i = 0; i < 3; ++i)
        ASSERT_EQ(memory[first == 0 ? n + i : i], 0x55) << n;
    }
  }
}

TYPED_TEST(scaled_elements, round_halves_to_even) {
  const auto one = scaled<TypeParam>::per_tensor(1.0F);
  std::vector<float> values;
  if constexpr (std::is_same_v<TypeParam, std::int8_t>) {
    for (int twice = -256; twice <= 256; ++twice)
      values.push_back(static_cast<float>(twice) / 2);
  } else {
    for (unsigned code = 0; code < 0x7a; ++code) {
      const float low = defined<TypeParam>::widen({static_cast<std::uint8_t>(code)});
      const float high = defined<TypeParam>::widen({static_cast<std::uint8_t>(code + 1)});
      values.push_back(low + (high - low) / 2);
      values.push_back(-values.back());
    }
  }
  expect_bytes(values, encoded(one, values).data(), 1.0F);
}

TYPED_TEST(scaled_elements, saturate) {
  const auto format = scaled<TypeParam>::per_tensor(0.25F);
  constexpr auto largest = static_cast<float>(defined<TypeParam>::largest / 4);
  const std::vector<float> values{largest,         largest * 1.1F,  1e30F,  infinity,
                                  -largest * 1.1F, -largest * 1.1F, -1e30F, -infinity};
  const std::vector<float> read = decoded(format, encoded(format, values));
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(read[i], largest);
  const bool is_int8 = std::is_same_v<TypeParam, std::int8_t>;
  for (std::size_t i = 4; i < values.size(); ++i)
    EXPECT_EQ(read[i], is_int8 ? -32.0F : -largest);
}

TYPED_TEST(scaled_elements, keep_nan_except_in_int8) {
  std::vector<float> values(37, 1.5F);
  values[3] = values[17] = values[36] = nan;
  float scale = 0;
  const auto format = scaled<TypeParam>::computed(&scale, 1);
  const std::vector<float> read = decoded(format, encoded(format, values));
  EXPECT_EQ(scale, 1.5F / static_cast<float>(defined<TypeParam>::largest)); // without the NaN
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::is_same_v<TypeParam, std::int8_t> && std::isnan(values[i]))
      EXPECT_EQ(read[i], 0.0F) << i;
    else
      EXPECT_EQ(std::isnan(read[i]), std::isnan(values[i])) << i;
  }
}

// ---- Scales -------------------------------------------------------------------------------------

// Powers of two, so that the scale of a head can be seen in what is read.
TYPED_TEST(scaled_elements, have_the_scale_of_their_place) {
  std::vector<float> scales(64);
  for (std::size_t i = 0; i < scales.size(); ++i)
    scales[i] = std::ldexp(1.0F, static_cast<int>(i) - 32);
  const auto exponent = [&](const scaled<TypeParam>& format, cache_place at) {
    const std::vector<float> values{3 * format.scale(at)};
    const std::vector<TypeParam> codes = encoded(format, values, at);
    EXPECT_EQ(defined<TypeParam>::widen(codes[0]), 3.0F);
    EXPECT_EQ(decoded(format, codes, at), values);
    return static_cast<std::int64_t>(std::ilogb(format.scale(at))) + 32;
  };
  for (std::int64_t row = 0; row < 5; ++row) {
    for (std::int64_t head = 0; head < 3; ++head) {
      const cache_place at{row, head};
      EXPECT_EQ(exponent(scaled<TypeParam>::per_tensor(scales[9]), at), 9);
      EXPECT_EQ(exponent(scaled<TypeParam>::per_head(scales.data()), at), head);
      EXPECT_EQ(exponent(scaled<TypeParam>::per_head(scales.data(), 4), at), 4 * head);
      EXPECT_EQ(exponent(scaled<TypeParam>::per_row(scales.data(), 7), at), 7 * row + head);
      EXPECT_EQ(exponent(scaled<TypeParam>::per_row(scales.data(), 3, 0), at), 3 * row);
      EXPECT_EQ(exponent(scaled<TypeParam>::per_row(scales.data(), 1, 11), at), row + 11 * head);
      EXPECT_EQ(exponent(scaled<TypeParam>::per_row(scales.data(), 1, 5).with_blocks(2, 20), at),
                row / 2 * 20 + row % 2 + 5 * head);
      EXPECT_EQ(exponent(scaled<TypeParam>::per_row(scales.data(), 1, 5).with_blocks(2, 0), at),
                row % 2 + 5 * head); // all blocks share scales
    }
  }
}

TYPED_TEST(scaled_elements, write_a_computed_scale_to_its_place_only) {
  constexpr float untouched = -7;
  std::vector<float> scales(64, untouched);
  const auto plain = scaled<TypeParam>::computed(scales.data(), 5, 2);
  const auto blocks = scaled<TypeParam>::computed(scales.data(), 1, 4).with_blocks(3, 16);
  for (const bool in_blocks : {false, true}) {
    const scaled<TypeParam>& format = in_blocks ? blocks : plain;
    for (std::int64_t row = 0; row < 8; ++row) {
      for (std::int64_t head = 0; head < 3; ++head) {
        const std::int64_t place =
            in_blocks ? row / 3 * 16 + row % 3 + 4 * head : 5 * row + 2 * head;
        std::fill(scales.begin(), scales.end(), untouched);
        std::vector<float> values = random_values(80, 2, 8);
        values[static_cast<std::size_t>(row * 9 + head)] = row % 2 == 0 ? 2.5F : -2.5F;
        const std::vector<TypeParam> codes = encoded(format, values, {row, head});
        const float scale = scales[static_cast<std::size_t>(place)];
        EXPECT_EQ(scale, 2.5F / static_cast<float>(defined<TypeParam>::largest));
        EXPECT_EQ(std::count(scales.begin(), scales.end(), untouched), 63);
        ASSERT_NO_FATAL_FAILURE(expect_bytes(values, codes.data(), scale));
      }
    }
  }
}

// The largest magnitude at every place of a head of every length is found.
TYPED_TEST(scaled_elements, find_the_largest_magnitude_at_every_place) {
  float scale = 0;
  const auto format = scaled<TypeParam>::computed(&scale, 1);
  for (std::size_t n = 1; n <= 70; ++n) {
    for (std::size_t place = 0; place < n; ++place) {
      std::vector<float> values(n, 0.75F);
      values[place] = -1.25F;
      encoded(format, values);
      ASSERT_EQ(scale, 1.25F / static_cast<float>(defined<TypeParam>::largest)) << n << place;
    }
  }
}

TYPED_TEST(scaled_elements, of_tiny_or_infinite_heads_have_the_nearest_scale) {
  float scale = 0;
  const auto format = scaled<TypeParam>::computed(&scale, 1);
  for (const float size : {0.0F, 0x1p-149F, 0x1p-127F}) {
    const std::vector<float> values{size, -size, 0.0F, size, size};
    const std::vector<TypeParam> codes = encoded(format, values);
    EXPECT_EQ(scale, 0x1p-126F);
    expect_bytes(values, codes.data(), scale);
    for (const float read : decoded(format, codes))
      EXPECT_LE(std::fabs(read), 0x1p-126F);
  }
  const std::vector<float> values{infinity, 1.0F, -infinity, nan};
  const std::vector<TypeParam> codes = encoded(format, values);
  EXPECT_EQ(scale,
            std::numeric_limits<float>::max() / static_cast<float>(defined<TypeParam>::largest));
  EXPECT_EQ(defined<TypeParam>::widen(codes[0]), static_cast<float>(defined<TypeParam>::largest));
  EXPECT_EQ(defined<TypeParam>::widen(codes[1]), 0.0F);
  expect_bytes(values, codes.data(), scale);
}

// Cached keys are rotated in place again and again. Without a rotation, the elements stay.
TYPED_TEST(scaled_elements, are_stable_if_they_are_read_and_written_again) {
  float scale = 0;
  const auto format = scaled<TypeParam>::computed(&scale, 1);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::vector<TypeParam> first = encoded(
        format, random_values(64, std::ldexp(1.7, static_cast<int>(seed % 200) - 100), seed));
    std::vector<TypeParam> codes = first;
    for (int i = 0; i < 3; ++i) {
      codes = encoded(format, decoded(format, codes));
      ASSERT_EQ(support::first_difference(codes.data(), first.data(), codes.size()), -1) << seed;
    }
  }
}

// ---- Error --------------------------------------------------------------------------------------

TYPED_TEST(scaled_elements, are_within_the_documented_error) {
  long double worst = 0;
  float scale = 0;
  const auto computed = scaled<TypeParam>::computed(&scale, 1);
  random_source random(11);
  for (int head = 0; head < 4000; ++head) {
    std::vector<float> values = random_values(
        96, std::ldexp(1.0, static_cast<int>(random.integer(-60, 60))), random.next());
    for (std::size_t i = 0; i < values.size(); i += 3) // small elements beside large ones
      values[i] *= std::ldexp(1.0F, -static_cast<int>(random.integer(0, 24)));
    const std::vector<float> read = decoded(computed, encoded(computed, values));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto exact = static_cast<long double>(values[i]);
      const long double error = std::fabs(static_cast<long double>(read[i]) - exact);
      worst = std::max(worst, error / defined<TypeParam>::bound(exact, scale));
    }
  }
  EXPECT_LE(worst, 1);
  EXPECT_GT(worst, 0.9) << "nothing was measured, or the bound is too large";
}

// ---- Refused ------------------------------------------------------------------------------------

TYPED_TEST(scaled_elements, refuse_unusable_scales) {
  using format = scaled<TypeParam>;
  const auto refuse = [](const format& f, const char* words) {
    support::expect_error<std::invalid_argument>([&f] { f.check(64); }, {"scaled", words});
  };
  float scale = 1;
  for (const float wrong : {0.0F, -1.0F, 0x1.fffffcp-127F, 0x1.000002p126F, infinity, nan})
    refuse(format::per_tensor(wrong), "must be in [2^-126, 2^126]");
  for (const float right : {0x1p-126F, 0x1p126F, 0.02F})
    format::per_tensor(right).check(64);
  refuse(format::per_head(nullptr), "the scales are null");
  refuse(format::per_row(nullptr, 8), "the scales are null");
  refuse(format::computed(nullptr, 8), "the scales are null");
  refuse(format::computed(&scale, 0), "row_stride = 0");
  refuse(format::computed(&scale, 1, 0), "head_stride = 0");
  refuse(format::per_row(&scale, 1).with_blocks(0, 1), "block_size = 0");
  refuse(format::per_row(&scale, 1).with_blocks(0, 0), "block_size = 0");
  refuse(format::computed(&scale, 1).with_blocks(16, 0), "block_stride = 0");
  format::per_row(&scale, 1, 0).check(64);
  format::computed(&scale, 1).with_blocks(16, 64).check(64);
  EXPECT_EQ(format::per_tensor(1.0F).head_bytes(96), 96);
}

} // namespace
