// SPDX-License-Identifier: MIT
// rope_copy between all element types of 16, 32 and 64 bits, from them to 8-bit types, and from
// 8-bit types to some types, in every order, between all layouts. The result has the bits of a
// widening, a rotation in place and one rounding, and is within its bound of the exact rotation.
// The source, and the target outside the heads, stay unchanged.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/rope_copies.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using support::all_orders;
using support::arrangement;
using support::arrangements;
using support::bf16;
using support::content;
using support::copy_compute_type;
using support::copy_shape;
using support::description;
using support::e4m3;
using support::e5m2;
using support::element;
using support::expect_contents;
using support::f16;
using support::fenced_tensor;
using support::layout;
using support::layout_of;
using support::orders;
using support::places_of;
using support::random_heads;
using support::rotated_step_by_step;
using support::rows_for;
using support::same_bytes;
using support::shapes;
using support::value_of;
using yarn::pairing;

// ---- Pairs of types ---------------------------------------------------------------------------

template <class From, class To> struct conversion {
  using from = From;
  using to = To;
};
using conversions =
    ::testing::Types<conversion<float, float>, conversion<float, double>, conversion<float, f16>,
                     conversion<float, bf16>, conversion<double, float>, conversion<double, double>,
                     conversion<double, f16>, conversion<double, bf16>, conversion<f16, float>,
                     conversion<f16, double>, conversion<f16, f16>, conversion<f16, bf16>,
                     conversion<bf16, float>, conversion<bf16, double>, conversion<bf16, f16>,
                     conversion<bf16, bf16>, conversion<float, e4m3>, conversion<double, e4m3>,
                     conversion<f16, e4m3>, conversion<bf16, e4m3>, conversion<e4m3, e4m3>,
                     conversion<e4m3, bf16>, conversion<float, e5m2>, conversion<double, e5m2>,
                     conversion<f16, e5m2>, conversion<bf16, e5m2>, conversion<e5m2, e5m2>,
                     conversion<e5m2, f16>, conversion<e5m2, double>>;

struct conversion_names {
  template <class Conversion> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::string(element<typename Conversion::from>::name) + "_to_" +
           element<typename Conversion::to>::name;
  }
};

template <class Conversion> class rope_copy : public ::testing::Test {};
TYPED_TEST_SUITE(rope_copy, conversions, conversion_names);

template <class From, class To>
void expect_copied(const copy_shape& s, content what, arrangement from, arrangement to,
                   const orders& order, support::fence side) {
  using compute = copy_compute_type<From, To>;
  const std::vector<From> heads = random_heads<From>(s, what);
  fenced_tensor<From> source(s, from, side);
  fenced_tensor<To> target(s, to, side);
  source.fill(heads);
  const std::vector<From> source_before = source.contents();
  const std::vector<To> expected =
      target.with_heads(rotated_step_by_step<From, To>(heads, s, order));
  const yarn::rotary_rows<compute> rows = rows_for<compute>(s);
  if (order.in == order.out) {
    yarn::rope_copy(source.const_view(), target.view(), rows, order.in);
  } else {
    yarn::rope_copy(source.const_view(), target.view(), rows, order.in,
                    yarn::output_order{order.out});
  }
  ASSERT_TRUE(same_bytes(source.contents(), source_before)) << "the source has changed";
  expect_contents(target.contents(), expected, description(s, order));
}

TYPED_TEST(rope_copy, equals_a_rotation_and_one_rounding) {
  for (const copy_shape& s : shapes) {
    for (const orders& order : all_orders) {
      expect_copied<typename TypeParam::from, typename TypeParam::to>(
          s, content::ordinary, arrangement::dense, arrangement::dense, order,
          support::fence::after);
      ASSERT_FALSE(this->HasFatalFailure());
    }
  }
}

TYPED_TEST(rope_copy, converts_special_values) {
  for (const copy_shape& s : shapes) {
    for (const orders& order : all_orders) {
      expect_copied<typename TypeParam::from, typename TypeParam::to>(
          s, content::special, arrangement::dense, arrangement::dense, order,
          support::fence::before);
      ASSERT_FALSE(this->HasFatalFailure());
    }
  }
}

// Puts a float NaN at each place of a head. Wrong rounding of its payload could give infinity or
// zero. Expects that both elements of the pair with the NaN become quiet NaN, and no other element
// does. If the NaN lies after the pairs, only the NaN itself stays NaN. (The payloads of 16-bit NaN
// are too short for this error.)
template <class To>
void expect_nan_copied(std::uint32_t nan, const copy_shape& s, const orders& order,
                       std::size_t place) {
  std::vector<float> source(s.n_elements(), 1.5F);
  source[place] = support::from_bits<float>(nan);
  std::vector<To> target(source.size());
  yarn::rope_copy(yarn::heads_view<const float>(source.data(), 1, 1, s.head_dim()),
                  yarn::heads_view<To>(target.data(), 1, 1, s.head_dim()), rows_for<float>(s),
                  order.in, yarn::output_order{order.out});
  std::set<std::size_t> expected{place};
  for (std::int64_t pair = 0; pair < s.n_pairs; ++pair) {
    const auto in = places_of(pair, order.in, s.n_pairs);
    if (place == in.first || place == in.second) {
      const auto out = places_of(pair, order.out, s.n_pairs);
      expected = {out.first, out.second};
    }
  }
  constexpr unsigned quiet = std::is_same_v<To, yarn::float16> ? 0x7e00 : 0x7fc0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const bool is_right = expected.count(i) != 0 ? (target[i].bits & quiet) == quiet
                                                 : std::isfinite(value_of(target[i]));
    ASSERT_TRUE(is_right) << description(s, order) << std::hex << ", element " << i << ": "
                          << target[i].bits << " of a NaN " << nan << " at " << place;
  }
}

TEST(rope_copy_to_16_bits, keeps_every_nan) {
  for (const copy_shape& s :
       {copy_shape{1, 1, 1, 2}, copy_shape{1, 1, 31, 1}, copy_shape{1, 1, 64, 3}}) {
    for (const orders& order : all_orders) {
      for (std::size_t place = 0; place < s.n_elements(); ++place) {
        for (const std::uint32_t nan :
             {0x7f800001U, 0xff800001U, 0x7fbfffffU, 0x7fffffffU, 0xffffffffU}) {
          expect_nan_copied<yarn::float16>(nan, s, order, place);
          expect_nan_copied<yarn::bfloat16>(nan, s, order, place);
          ASSERT_FALSE(HasFatalFailure());
        }
      }
    }
  }
}

TYPED_TEST(rope_copy, copies_between_all_layouts) {
  for (const copy_shape& s :
       {copy_shape{3, 2, 5, 3}, copy_shape{3, 3, 16, 0}, copy_shape{40, 2, 11, 1}}) {
    for (const arrangement from : arrangements) {
      for (const arrangement to : arrangements) {
        for (const orders& order : all_orders) {
          expect_copied<typename TypeParam::from, typename TypeParam::to>(
              s, content::ordinary, from, to, order, support::fence::after);
          ASSERT_FALSE(this->HasFatalFailure())
              << "arrangement " << static_cast<int>(from) << " to " << static_cast<int>(to);
        }
      }
    }
  }
}

// The bound is the sum of two errors. The first is half a unit of the target, if the target is
// smaller than the compute type. The second is 1 ULP of the compute type at the length of the pair
// (rope.hpp), or 1.25 ULP without a fused multiply-add: half an ULP for the sum, half for one
// product, and a quarter for the other product, which is at most half as long as the pair.
TYPED_TEST(rope_copy, is_within_one_rounding_of_the_exact_rotation) {
  using from = typename TypeParam::from;
  using to = typename TypeParam::to;
  using compute = copy_compute_type<from, to>;
  if (std::is_same_v<compute, double> && std::numeric_limits<long double>::digits <= 53) {
    // The exact result needs a wider type than the tested result.
    GTEST_SKIP() << "long double is double here";
  }
  constexpr bool rounds_again = sizeof(to) < sizeof(compute);
  const double compute_ulps = YARN_HAS_FMA ? 1 : 1.25;
  double largest = 0; // as a fraction of the bound
  double largest_in_ulp = 0;
  for (const copy_shape& s : shapes) {
    const std::vector<from> heads = random_heads<from>(s, content::ordinary, 7);
    const yarn::rotary_rows<compute> rows = rows_for<compute>(s);
    for (const orders& order : all_orders) {
      fenced_tensor<from> source(s, arrangement::dense);
      fenced_tensor<to> target(s, arrangement::dense);
      source.fill(heads);
      yarn::rope_copy(source.const_view(), target.view(), rows, order.in,
                      yarn::output_order{order.out});
      const std::vector<to> result = target.contents();
      const auto dim = static_cast<std::size_t>(s.head_dim());
      for (std::size_t head = 0; head < result.size(); head += dim) {
        const auto token = static_cast<std::int64_t>(head / dim) / s.n_heads;
        for (std::int64_t pair = 0; pair < s.n_pairs; ++pair) {
          const auto in = places_of(pair, order.in, s.n_pairs);
          const auto out = places_of(pair, order.out, s.n_pairs);
          const long double x0 = value_of(heads[head + in.first]);
          const long double x1 = value_of(heads[head + in.second]);
          const long double c = rows.cos(token)[pair];
          const long double sine = rows.sin(token)[pair];
          const auto length = static_cast<double>(std::hypot(x0, x1) * std::hypot(c, sine));
          const auto check = [&](long double exact, std::size_t at) {
            const long double value = value_of(result[head + at]);
            const auto error = static_cast<double>(std::fabs(value - exact));
            const double size = std::fabs(static_cast<double>(exact));
            const double rounding = rounds_again ? support::unit_at<to>(size) / 2 : 0;
            ASSERT_LE(error, rounding + compute_ulps * support::unit_at<compute>(length))
                << description(s, order);
            largest = std::max(
                largest, error / (rounding + compute_ulps * support::unit_at<compute>(length)));
            largest_in_ulp =
                std::max(largest_in_ulp, (error - rounding) / support::unit_at<compute>(length));
          };
          check(x0 * c - x1 * sine, out.first);
          check(x0 * sine + x1 * c, out.second);
        }
        for (auto i = static_cast<std::size_t>(2 * s.n_pairs); i < dim; ++i) {
          const double exact = value_of(heads[head + i]);
          ASSERT_LE(std::fabs(value_of(result[head + i]) - exact),
                    support::unit_at<to>(std::fabs(exact)) / 2);
        }
      }
      ASSERT_FALSE(this->HasFatalFailure());
    }
  }
  std::printf("%-20s beyond the target's rounding: %.3f ULP of the pair's length; %.1f %% of the "
              "bound\n",
              conversion_names::GetName<TypeParam>(0).c_str(), largest_in_ulp, 100 * largest);
}

// Each slice writes its own tokens, and all slices together write all tokens.
TYPED_TEST(rope_copy, slices_cover_the_tokens) {
  using from = typename TypeParam::from;
  using to = typename TypeParam::to;
  const copy_shape s{7, 2, 9, 1};
  const orders order{pairing::interleaved, pairing::half_split};
  const layout places = layout_of(s, arrangement::padded);
  const auto rows = rows_for<copy_compute_type<from, to>>(s);
  fenced_tensor<from> source(s, arrangement::packed);
  source.fill(random_heads<from>(s, content::ordinary));
  fenced_tensor<to> whole(s, arrangement::padded);
  yarn::rope_copy(source.const_view(), whole.view(), rows, order.in, yarn::output_order{order.out});
  for (const std::int64_t count : {1, 2, 3, 7, 10}) {
    fenced_tensor<to> target(s, arrangement::padded);
    std::int64_t n_written = 0;
    for (std::int64_t index = count - 1; index >= 0; --index) {
      const std::vector<to> before = target.contents();
      yarn::rope_copy_unchecked(source.const_view(), target.view(), rows, order.in,
                                yarn::output_order{order.out}, yarn::thread_slice{index, count});
      const std::vector<to> after = target.contents();
      for (std::int64_t t = 0; t < s.n_tokens; ++t) {
        const auto at = static_cast<std::size_t>(places.first + t * places.token_stride);
        const auto bytes = sizeof(to) * static_cast<std::size_t>(s.head_dim());
        n_written += std::memcmp(&before[at], &after[at], bytes) != 0 ? 1 : 0;
      }
    }
    EXPECT_EQ(n_written, s.n_tokens) << count << " slices";
    expect_contents(target.contents(), whole.contents(), std::to_string(count) + " slices");
  }
}

TYPED_TEST(rope_copy, keeps_the_order_of_the_pairs_unless_it_is_told) {
  using from = typename TypeParam::from;
  using to = typename TypeParam::to;
  const copy_shape s{5, 2, 9, 1};
  const auto rows = rows_for<copy_compute_type<from, to>>(s);
  fenced_tensor<from> source(s, arrangement::packed);
  source.fill(random_heads<from>(s, content::ordinary));
  for (const pairing p : {pairing::interleaved, pairing::half_split}) {
    fenced_tensor<to> wanted(s, arrangement::packed), target(s, arrangement::packed);
    yarn::rope_copy(source.const_view(), wanted.view(), rows, p, yarn::output_order{p});
    yarn::rope_copy_check(source.const_view(), target.view(), rows, p);
    yarn::rope_copy_check(target.view(), target.view(), rows, p); // no other order: in place
    for (const int thread : {0, 1})
      yarn::rope_copy_unchecked(source.const_view(), target.view(), rows, p,
                                yarn::thread_slice{thread, 2});
    expect_contents(target.contents(), wanted.contents(), "two slices");
    fenced_tensor<to> at_once(s, arrangement::packed);
    yarn::rope_copy(source.const_view(), at_once.view(), rows, p);
    expect_contents(at_once.contents(), wanted.contents(), "rope_copy");
  }
}

// ---- Promises of the types --------------------------------------------------------------------

using source_view = yarn::heads_view<const float>;
using target_view = yarn::heads_view<bf16>;
static_assert(noexcept(yarn::rope_copy_unchecked(std::declval<const source_view&>(),
                                                 std::declval<const target_view&>(),
                                                 std::declval<const yarn::rotary_rows<float>&>(),
                                                 pairing::half_split,
                                                 yarn::output_order{pairing::interleaved})));
static_assert(noexcept(yarn::rope_copy_unchecked(
    std::declval<const source_view&>(), std::declval<const target_view&>(),
    yarn::rows_of(std::declval<const yarn::frequencies&>(), std::declval<const yarn::positions&>()),
    pairing::half_split, yarn::output_order{pairing::interleaved}, yarn::thread_slice{0, 2})));

} // namespace
