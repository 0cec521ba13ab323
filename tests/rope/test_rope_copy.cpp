// SPDX-License-Identifier: MIT
// rope_copy from every element type to every other, in every order, between layouts: bit for bit a
// widening, a rotation in place and one rounding, and within half a unit of the target of the exact
// rotation. What it leaves alone: the source, and all of the target that is no head. What it
// refuses: views that differ, or that share memory.
#include "../support/bits.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using support::expect_error;
using support::random_source;
using yarn::pairing;

// ---- Elements ---------------------------------------------------------------------------------

template <class... T>
using compute_type = std::conditional_t<(std::is_same_v<T, double> || ...), double, float>;

template <class T> double value_of(T element) { return yarn::detail::widen<double>(element); }
template <class T> T element_of(double value) {
  T element;
  yarn::detail::narrow(value, element);
  return element;
}

/// The same number, in the same bits; or a NaN where a NaN is expected.
template <class T> bool is_same(T a, T expected) {
  return std::isnan(value_of(expected)) ? std::isnan(value_of(a))
                                        : std::memcmp(&a, &expected, sizeof(T)) == 0;
}

/// The unit in the last place of a type at this size.
template <class T> double unit(double size) {
  constexpr bool is_bfloat16 = std::is_same_v<T, yarn::bfloat16>;
  constexpr bool is_binary16 = std::is_same_v<T, yarn::float16>;
  constexpr int digits = is_bfloat16   ? 8
                         : is_binary16 ? 11
                                       : std::numeric_limits<compute_type<T>>::digits;
  constexpr int least = is_binary16 ? -14 : std::numeric_limits<compute_type<T>>::min_exponent - 1;
  return std::ldexp(1, std::max(size > 0 ? std::ilogb(size) : least, least) - digits + 1);
}

/// What elements hold: ordinary numbers; or, among them, what a conversion may go wrong on.
enum class content { ordinary, special };

double random_value(random_source& random, content what) {
  const double specials[] = {0.0,
                             -0.0,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(),
                             0x1p-14,    // binary16: normal, and subnormal
                             0x1.8p-24,  //
                             65504,      // its largest, and beyond it
                             65520,      //
                             0x1p-126,   // float and bfloat16: normal, and subnormal
                             0x1p-133,   //
                             0x1.8p-149, //
                             0x1.fep127, // bfloat16's largest, and float's
                             0x1.fffffep127,
                             0x1p-1060,
                             1e300};
  if (what == content::special && random.next() % 4 == 0) {
    return specials[random.next() % std::size(specials)];
  }
  return random.number(-4, 4);
}

// ---- Tensors ----------------------------------------------------------------------------------

struct shape {
  std::int64_t n_tokens;
  std::int64_t n_heads;
  std::int64_t n_pairs;
  std::int64_t rest; // elements behind the pairs

  std::int64_t head_dim() const { return 2 * n_pairs + rest; }
  std::size_t n_elements() const {
    return static_cast<std::size_t>(n_tokens * n_heads * head_dim());
  }
};

/// How heads lie in memory.
enum class arrangement {
  dense,      // [token][head][dim]
  packed,     // the k of rows [q|k|v] with twice as many q heads
  head_major, // [head][token][dim], room for two further tokens
  padded      // [token][head][dim] with odd gaps, from an odd place on
};
constexpr arrangement arrangements[] = {arrangement::dense, arrangement::packed,
                                        arrangement::head_major, arrangement::padded};

struct layout {
  std::int64_t first;
  std::int64_t token_stride;
  std::int64_t head_stride;
};
layout layout_of(const shape& s, arrangement how) {
  const std::int64_t dim = s.head_dim();
  switch (how) {
  case arrangement::packed:
    return {2 * s.n_heads * dim, 4 * s.n_heads * dim, dim};
  case arrangement::head_major:
    return {0, dim, (s.n_tokens + 2) * dim};
  case arrangement::padded:
    return {1, s.n_heads * (dim + 3) + 5, dim + 3};
  default:
    return {0, s.n_heads * dim, dim};
  }
}

/// Heads somewhere in memory that ends, or begins, beside a page that nobody may touch; what is
/// between them is filled, too.
template <class T> class tensor {
public:
  tensor(const shape& s, arrangement how, support::fence side = support::fence::behind)
      : shape_(s), layout_(layout_of(s, how)), memory_(size_of(s, layout_), side) {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      memory_[i] = element_of<T>(static_cast<double>(i % 61) * 0.25 - 7);
    }
  }

  yarn::heads_view<T> view() {
    return yarn::heads_view<T>(memory_.data() + layout_.first, shape_.n_tokens, shape_.n_heads,
                               shape_.head_dim())
        .with_strides(layout_.token_stride, layout_.head_stride);
  }
  yarn::heads_view<const T> const_view() {
    return yarn::heads_view<const T>(memory_.data() + layout_.first, shape_.n_tokens,
                                     shape_.n_heads, shape_.head_dim())
        .with_strides(layout_.token_stride, layout_.head_stride);
  }
  /// All of the memory, gaps included.
  std::vector<T> contents() { return {memory_.data(), memory_.data() + memory_.size()}; }

  /// The heads, in the order [token][head][dim].
  void fill(const std::vector<T>& heads) {
    for_each_head([&](std::size_t dense, std::size_t at) {
      std::copy_n(heads.begin() + static_cast<std::ptrdiff_t>(dense), shape_.head_dim(),
                  memory_.data() + at);
    });
  }
  /// What the memory should hold when its heads should hold these.
  std::vector<T> with_heads(const std::vector<T>& heads) {
    std::vector<T> expected = contents();
    for_each_head([&](std::size_t dense, std::size_t at) {
      std::copy_n(heads.begin() + static_cast<std::ptrdiff_t>(dense), shape_.head_dim(),
                  expected.begin() + static_cast<std::ptrdiff_t>(at));
    });
    return expected;
  }

private:
  static std::size_t size_of(const shape& s, const layout& l) {
    return static_cast<std::size_t>(l.first + (s.n_tokens - 1) * l.token_stride +
                                    (s.n_heads - 1) * l.head_stride + s.head_dim());
  }
  /// visit(where a head begins in dense order, where in the memory)
  template <class Visit> void for_each_head(const Visit& visit) const {
    std::size_t dense = 0;
    for (std::int64_t t = 0; t < shape_.n_tokens; ++t) {
      for (std::int64_t h = 0; h < shape_.n_heads; ++h) {
        visit(dense, static_cast<std::size_t>(layout_.first + t * layout_.token_stride +
                                              h * layout_.head_stride));
        dense += static_cast<std::size_t>(shape_.head_dim());
      }
    }
  }

  shape shape_;
  layout layout_;
  support::fenced_array<T> memory_;
};

template <class T>
std::vector<T> random_heads(const shape& s, content what, std::uint64_t seed = 1) {
  random_source random(seed);
  std::vector<T> heads;
  for (std::size_t i = 0; i < s.n_elements(); ++i) {
    heads.push_back(element_of<T>(random_value(random, what)));
  }
  return heads;
}

/// Expects memory to hold exactly this.
template <class T>
void expect_contents(const std::vector<T>& found, const std::vector<T>& expected,
                     const std::string& where) {
  ASSERT_EQ(found.size(), expected.size()) << where;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_TRUE(is_same(found[i], expected[i]))
        << where << ", element " << i << " of " << found.size() << ": " << std::hexfloat
        << value_of(found[i]) << " in place of " << value_of(expected[i]);
  }
}
template <class T> bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && support::first_difference(a.data(), b.data(), a.size()) < 0;
}

// ---- Rows and orders --------------------------------------------------------------------------

yarn::frequencies frequencies_for(const shape& s) {
  yarn::yarn_scaling method; // with an attention factor of 1.208
  method.factor = 8;
  method.original_max_position_embeddings = 4096;
  yarn::rope_shape model;
  model.head_dim = std::max(2 * s.n_pairs, std::int64_t{4});
  model.rope_theta = 10000;
  const yarn::frequencies freqs = yarn::make_frequencies(model, method);
  return yarn::frequencies_from(freqs.inv_freq().data(), s.n_pairs, freqs.attention_factor());
}

constexpr std::int64_t first_position = 30001;

template <class R> yarn::rotary_rows<R> rows_for(const shape& s) {
  yarn::rotary_rows<R> rows;
  rows.assign(frequencies_for(s), yarn::positions_from(first_position, s.n_tokens));
  return rows;
}

struct orders {
  pairing in;
  pairing out;
};
constexpr orders all_orders[] = {{pairing::half_split, pairing::half_split},
                                 {pairing::half_split, pairing::interleaved},
                                 {pairing::interleaved, pairing::half_split},
                                 {pairing::interleaved, pairing::interleaved}};

/// Where the elements of a pair lie in a head.
struct places {
  std::size_t first;
  std::size_t second;
};
places places_of(std::int64_t pair, pairing order, std::int64_t n_pairs) {
  const bool is_half = order == pairing::half_split;
  return {static_cast<std::size_t>(is_half ? pair : 2 * pair),
          static_cast<std::size_t>(is_half ? pair + n_pairs : 2 * pair + 1)};
}

std::string description(const shape& s, const orders& order) {
  const auto name = [](pairing p) { return p == pairing::half_split ? "half" : "interleaved"; };
  return std::to_string(s.n_tokens) + " tokens, " + std::to_string(s.n_heads) + " heads, " +
         std::to_string(s.n_pairs) + " pairs and " + std::to_string(s.rest) + ", " +
         name(order.in) + " to " + name(order.out);
}

/// Widened, rotated in place as the type that the copy computes in, put in order, rounded.
template <class From, class To>
std::vector<To> rotated_step_by_step(const std::vector<From>& source, const shape& s,
                                     const orders& order) {
  using compute = compute_type<From, To>;
  std::vector<compute> wide(source.size());
  std::transform(source.begin(), source.end(), wide.begin(),
                 [](From element) { return yarn::detail::widen<compute>(element); });
  const yarn::rotary_rows<compute> rows = rows_for<compute>(s);
  yarn::rope_apply(yarn::heads_view<compute>(wide.data(), s.n_tokens, s.n_heads, s.head_dim()),
                   rows, order.in);
  std::vector<To> target(source.size());
  const auto dim = static_cast<std::size_t>(s.head_dim());
  for (std::size_t head = 0; head < source.size(); head += dim) {
    for (std::int64_t pair = 0; pair < s.n_pairs; ++pair) {
      const places in = places_of(pair, order.in, s.n_pairs);
      const places out = places_of(pair, order.out, s.n_pairs);
      yarn::detail::narrow(wide[head + in.first], target[head + out.first]);
      yarn::detail::narrow(wide[head + in.second], target[head + out.second]);
    }
    for (auto i = static_cast<std::size_t>(2 * s.n_pairs); i < dim; ++i) {
      if constexpr (std::is_same_v<From, To>) {
        target[head + i] = source[head + i];
      } else {
        yarn::detail::narrow(wide[head + i], target[head + i]);
      }
    }
  }
  return target;
}

// ---- From every type to every other -----------------------------------------------------------

template <class From, class To> struct conversion {
  using from = From;
  using to = To;
};
using f16 = yarn::float16;
using bf16 = yarn::bfloat16;
using conversions =
    ::testing::Types<conversion<float, float>, conversion<float, double>, conversion<float, f16>,
                     conversion<float, bf16>, conversion<double, float>, conversion<double, double>,
                     conversion<double, f16>, conversion<double, bf16>, conversion<f16, float>,
                     conversion<f16, double>, conversion<f16, f16>, conversion<f16, bf16>,
                     conversion<bf16, float>, conversion<bf16, double>, conversion<bf16, f16>,
                     conversion<bf16, bf16>>;

struct conversion_names {
  template <class T> static std::string name() {
    return std::is_same_v<T, float>    ? "float"
           : std::is_same_v<T, double> ? "double"
           : std::is_same_v<T, f16>    ? "float16"
                                       : "bfloat16";
  }
  template <class Conversion> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return name<typename Conversion::from>() + "_to_" + name<typename Conversion::to>();
  }
};

template <class Conversion> class rope_copy : public ::testing::Test {};
TYPED_TEST_SUITE(rope_copy, conversions, conversion_names);

// Pairs around the widths of all packs, 2 to 16 and twice that; rotary parts that are all of a head
// and that are not; and more pairs than rows are staged at once.
constexpr shape shapes[] = {
    {2, 3, 1, 0},   {2, 1, 1, 3},   {1, 3, 2, 0},   {5, 2, 3, 1},   {2, 3, 4, 0},  {1, 1, 5, 2},
    {3, 2, 7, 0},   {2, 3, 8, 9},   {2, 1, 9, 0},   {3, 3, 15, 1},  {2, 2, 16, 0}, {1, 2, 17, 5},
    {2, 3, 24, 16}, {3, 2, 31, 0},  {2, 4, 32, 0},  {4, 1, 32, 64}, {2, 2, 33, 1}, {2, 3, 47, 2},
    {3, 2, 64, 0},  {2, 2, 65, 63}, {1, 2, 128, 1}, {2, 2, 1100, 3}};

template <class From, class To>
void expect_copied(const shape& s, content what, arrangement from, arrangement to,
                   const orders& order, support::fence side) {
  using compute = compute_type<From, To>;
  const std::vector<From> heads = random_heads<From>(s, what);
  tensor<From> source(s, from, side);
  tensor<To> target(s, to, side);
  source.fill(heads);
  const std::vector<From> source_before = source.contents();
  const std::vector<To> expected =
      target.with_heads(rotated_step_by_step<From, To>(heads, s, order));
  const yarn::rotary_rows<compute> rows = rows_for<compute>(s);
  if (order.in == order.out) {
    yarn::rope_copy(source.const_view(), target.view(), rows, order.in);
  } else {
    yarn::rope_copy(source.const_view(), target.view(), rows, order.in, order.out);
  }
  ASSERT_TRUE(same_bytes(source.contents(), source_before)) << "the source has changed";
  expect_contents(target.contents(), expected, description(s, order));
}

TYPED_TEST(rope_copy, is_a_rotation_and_one_rounding) {
  for (const shape& s : shapes) {
    for (const orders& order : all_orders) {
      expect_copied<typename TypeParam::from, typename TypeParam::to>(
          s, content::ordinary, arrangement::dense, arrangement::dense, order,
          support::fence::behind);
      ASSERT_FALSE(this->HasFatalFailure());
    }
  }
}

TYPED_TEST(rope_copy, converts_special_values_like_others) {
  for (const shape& s : shapes) {
    for (const orders& order : all_orders) {
      expect_copied<typename TypeParam::from, typename TypeParam::to>(
          s, content::special, arrangement::dense, arrangement::dense, order,
          support::fence::before);
      ASSERT_FALSE(this->HasFatalFailure());
    }
  }
}

// A NaN of float whose payload rounding could carry into infinity or zero, in each place of a head:
// its pair, or it alone behind the pairs, becomes quiet NaN and nothing else does. (In 16-bit
// elements payloads are too short for that.)
template <class To>
void expect_nan_copied(std::uint32_t nan, const shape& s, const orders& order, std::size_t place) {
  std::vector<float> source(s.n_elements(), 1.5F);
  source[place] = support::from_bits<float>(nan);
  std::vector<To> target(source.size());
  yarn::rope_copy(yarn::heads_view<const float>(source.data(), 1, 1, s.head_dim()),
                  yarn::heads_view<To>(target.data(), 1, 1, s.head_dim()), rows_for<float>(s),
                  order.in, order.out);
  std::set<std::size_t> expected{place};
  for (std::int64_t pair = 0; pair < s.n_pairs; ++pair) {
    const places in = places_of(pair, order.in, s.n_pairs);
    if (place == in.first || place == in.second) {
      const places out = places_of(pair, order.out, s.n_pairs);
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
  for (const shape& s : {shape{1, 1, 1, 2}, shape{1, 1, 31, 1}, shape{1, 1, 64, 3}}) {
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

TYPED_TEST(rope_copy, goes_from_any_layout_to_any_other) {
  for (const shape& s : {shape{3, 2, 5, 3}, shape{3, 3, 16, 0}, shape{40, 2, 11, 1}}) {
    for (const arrangement from : arrangements) {
      for (const arrangement to : arrangements) {
        for (const orders& order : all_orders) {
          expect_copied<typename TypeParam::from, typename TypeParam::to>(
              s, content::ordinary, from, to, order, support::fence::behind);
          ASSERT_FALSE(this->HasFatalFailure())
              << "arrangement " << static_cast<int>(from) << " to " << static_cast<int>(to);
        }
      }
    }
  }
}

// Half a unit of the target for its rounding, if it has one of its own, and of the type computed in
// 1 ULP of the pair's length (DESIGN.md, section 4); 1.25 without a fused multiply-add: half for
// each of two products, of which one is no longer than half the length, and half for the sum.
TYPED_TEST(rope_copy, is_within_one_rounding_of_the_exact_rotation) {
  using from = typename TypeParam::from;
  using to = typename TypeParam::to;
  using compute = compute_type<from, to>;
  if (std::is_same_v<compute, double> && std::numeric_limits<long double>::digits <= 53) {
    // The truth must be wider than what is judged.
    GTEST_SKIP() << "long double is double here";
  }
  constexpr bool rounds_again = sizeof(to) < sizeof(compute);
  const double own = YARN_HAS_FMA ? 1 : 1.25;
  double largest = 0; // of the bound
  double largest_own = 0;
  for (const shape& s : shapes) {
    const std::vector<from> heads = random_heads<from>(s, content::ordinary, 7);
    const yarn::rotary_rows<compute> rows = rows_for<compute>(s);
    for (const orders& order : all_orders) {
      tensor<from> source(s, arrangement::dense);
      tensor<to> target(s, arrangement::dense);
      source.fill(heads);
      yarn::rope_copy(source.const_view(), target.view(), rows, order.in, order.out);
      const std::vector<to> result = target.contents();
      const auto dim = static_cast<std::size_t>(s.head_dim());
      for (std::size_t head = 0; head < result.size(); head += dim) {
        const auto token = static_cast<std::int64_t>(head / dim) / s.n_heads;
        for (std::int64_t pair = 0; pair < s.n_pairs; ++pair) {
          const places in = places_of(pair, order.in, s.n_pairs);
          const places out = places_of(pair, order.out, s.n_pairs);
          const long double x0 = value_of(heads[head + in.first]);
          const long double x1 = value_of(heads[head + in.second]);
          const long double c = rows.cos(token)[pair];
          const long double sine = rows.sin(token)[pair];
          const auto length = static_cast<double>(std::hypot(x0, x1) * std::hypot(c, sine));
          const auto check = [&](long double exact, std::size_t at) {
            const long double value = value_of(result[head + at]);
            const auto error = static_cast<double>(std::fabs(value - exact));
            const double size = std::fabs(static_cast<double>(exact));
            const double rounding = rounds_again ? unit<to>(size) / 2 : 0;
            ASSERT_LE(error, rounding + own * unit<compute>(length)) << description(s, order);
            largest = std::max(largest, error / (rounding + own * unit<compute>(length)));
            largest_own = std::max(largest_own, (error - rounding) / unit<compute>(length));
          };
          check(x0 * c - x1 * sine, out.first);
          check(x0 * sine + x1 * c, out.second);
        }
        for (auto i = static_cast<std::size_t>(2 * s.n_pairs); i < dim; ++i) {
          const double exact = value_of(heads[head + i]);
          ASSERT_LE(std::fabs(value_of(result[head + i]) - exact), unit<to>(std::fabs(exact)) / 2);
        }
      }
      ASSERT_FALSE(this->HasFatalFailure());
    }
  }
  std::printf("%-20s beyond the target's rounding: %.3f ULP of the pair's length; %.1f %% of the "
              "bound\n",
              conversion_names::GetName<TypeParam>(0).c_str(), largest_own, 100 * largest);
}

// Every slice writes tokens of its own, and all of them together the whole.
TYPED_TEST(rope_copy, slices_cover_the_tokens) {
  using from = typename TypeParam::from;
  using to = typename TypeParam::to;
  const shape s{7, 2, 9, 1};
  const orders order{pairing::interleaved, pairing::half_split};
  const layout places = layout_of(s, arrangement::padded);
  const auto rows = rows_for<compute_type<from, to>>(s);
  tensor<from> source(s, arrangement::packed);
  source.fill(random_heads<from>(s, content::ordinary));
  tensor<to> whole(s, arrangement::padded);
  yarn::rope_copy(source.const_view(), whole.view(), rows, order.in, order.out);
  for (const std::int64_t count : {1, 2, 3, 7, 10}) {
    tensor<to> target(s, arrangement::padded);
    std::int64_t n_written = 0;
    for (std::int64_t index = count - 1; index >= 0; --index) {
      const std::vector<to> before = target.contents();
      yarn::rope_copy_unchecked(source.const_view(), target.view(), rows, order.in, order.out,
                                yarn::slice{index, count});
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

// ---- From every source of rows ----------------------------------------------------------------

/// The target after a copy that `call(source, target)` makes.
template <class From, class To, class Call>
std::vector<To> copied_by(const shape& s, const Call& call) {
  tensor<From> source(s, arrangement::packed);
  tensor<To> target(s, arrangement::head_major);
  source.fill(random_heads<From>(s, content::ordinary));
  call(source.const_view(), target.view());
  return target.contents();
}

// More tokens than rows are staged at once, and more pairs; positions as a run and as a list.
template <class From, class To> void expect_same_from_all_sources() {
  using compute = compute_type<From, To>;
  constexpr std::int64_t first = 3;
  const pairing in = pairing::interleaved;
  const pairing out = pairing::half_split;
  for (const shape& s : {shape{70, 2, 24, 2}, shape{3, 2, 1100, 1}}) {
    const yarn::frequencies freqs = frequencies_for(s);
    yarn::rotary_rows<compute> rows;
    rows.assign(freqs, yarn::positions_from(first, s.n_tokens));
    const yarn::rotary_table<compute> table(freqs, first + s.n_tokens);
    std::vector<std::int32_t> list;
    for (std::int64_t t = 0; t < s.n_tokens; ++t) {
      list.push_back(static_cast<std::int32_t>(first + t));
    }
    const auto run = yarn::positions_from(first);
    const auto expected = copied_by<From, To>(
        s, [&](auto source, auto target) { yarn::rope_copy(source, target, rows, in, out); });
    const auto by_freqs = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_of(freqs, run), in, out);
    });
    const auto by_list = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_of(freqs, yarn::positions(list)), in, out);
    });
    const auto by_table = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_of(table, run), in, out);
    });
    EXPECT_TRUE(same_bytes(by_freqs, expected)) << s.n_tokens << " tokens";
    EXPECT_TRUE(same_bytes(by_list, expected)) << s.n_tokens << " tokens";
    EXPECT_TRUE(same_bytes(by_table, expected)) << s.n_tokens << " tokens";
  }
}
TEST(rope_copy_sources, give_the_same_bits) {
  expect_same_from_all_sources<float, bf16>();
  expect_same_from_all_sources<bf16, float>();
  expect_same_from_all_sources<double, f16>();
  expect_same_from_all_sources<bf16, bf16>();
}

// Rows of another type are widened, or rounded, to the type that the copy computes in.
template <class R, class From, class To> void expect_rows_converted() {
  using compute = compute_type<From, To>;
  const shape s{3, 2, 21, 1};
  const yarn::rotary_rows<compute> exact = rows_for<compute>(s);
  std::vector<R> theirs;
  std::vector<compute> widened;
  for (std::int64_t t = 0; t < s.n_tokens; ++t) {
    for (const compute* const half : {exact.cos(t), exact.sin(t)}) {
      for (std::int64_t i = 0; i < s.n_pairs; ++i) {
        theirs.push_back(element_of<R>(double{half[i]}));
        widened.push_back(yarn::detail::widen<compute>(theirs.back()));
      }
    }
  }
  const auto rows = yarn::rows_view<R>::packed(theirs.data(), s.n_tokens, s.n_pairs);
  const auto wide = yarn::rows_view<compute>::packed(widened.data(), s.n_tokens, s.n_pairs);
  for (const orders& order : all_orders) {
    const auto found = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_view<R>(rows), order.in, order.out);
    });
    const auto expected = copied_by<From, To>(s, [&](auto source, auto target) {
      yarn::rope_copy(source, target, yarn::rows_view<compute>(wide), order.in, order.out);
    });
    EXPECT_TRUE(same_bytes(found, expected)) << description(s, order);
  }
}
TEST(rope_copy_sources, may_be_rows_of_any_type) {
  expect_rows_converted<bf16, float, bf16>();
  expect_rows_converted<f16, bf16, float>();
  expect_rows_converted<float, float, double>();
  expect_rows_converted<double, float, f16>();
  expect_rows_converted<f16, double, double>();
}

// Pages of a cache: a view a page, and the rows of its tokens.
TEST(rope_copy_sources, may_be_parts_of_the_rows) {
  const shape s{14, 3, 16, 8};
  constexpr std::int64_t page_size = 4;
  const std::vector<float> heads = random_heads<float>(s, content::ordinary);
  const std::vector<bf16> expected =
      rotated_step_by_step<float, bf16>(heads, s, {pairing::half_split, pairing::interleaved});
  const yarn::rotary_rows<float> rows = rows_for<float>(s);
  const std::int64_t token = s.n_heads * s.head_dim();
  for (std::int64_t first = 0; first < s.n_tokens; first += page_size) {
    shape part = s;
    part.n_tokens = std::min(page_size, s.n_tokens - first);
    tensor<bf16> page(part, arrangement::head_major);
    const yarn::rows_view<float> here(rows.cos(first), rows.sin(first), part.n_tokens, s.n_pairs,
                                      rows.view().row_stride());
    const yarn::heads_view<const float> source(heads.data() + first * token, part.n_tokens,
                                               s.n_heads, s.head_dim());
    const auto begin = expected.begin() + first * token;
    const std::vector<bf16> wanted =
        page.with_heads({begin, begin + static_cast<std::ptrdiff_t>(part.n_elements())});
    yarn::rope_copy(source, page.view(), here, pairing::half_split, pairing::interleaved);
    expect_contents(page.contents(), wanted, "page at " + std::to_string(first));
  }
}

// ---- In place ---------------------------------------------------------------------------------

template <class T> class rope_copy_in_place : public ::testing::Test {};
using element_types = ::testing::Types<float, double, f16, bf16>;
struct element_names {
  template <class T> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return conversion_names::name<T>();
  }
};
TYPED_TEST_SUITE(rope_copy_in_place, element_types, element_names);

TYPED_TEST(rope_copy_in_place, is_rope_apply) {
  for (const shape& s : shapes) {
    for (const arrangement how : arrangements) {
      for (const pairing order : {pairing::half_split, pairing::interleaved}) {
        const auto heads = random_heads<TypeParam>(s, content::special);
        const auto rows = rows_for<compute_type<TypeParam>>(s);
        tensor<TypeParam> copied(s, how);
        tensor<TypeParam> applied(s, how);
        copied.fill(heads);
        applied.fill(heads);
        yarn::rope_copy(copied.const_view(), copied.view(), rows, order);
        yarn::rope_apply(applied.view(), rows, order);
        expect_contents(copied.contents(), applied.contents(), description(s, {order, order}));
        ASSERT_FALSE(this->HasFatalFailure());
      }
    }
  }
}

// From one 16-bit format to the other over the same memory.
template <class From, class To> void expect_format_changed() {
  for (const shape& s : shapes) {
    for (const pairing order : {pairing::half_split, pairing::interleaved}) {
      std::vector<From> memory = random_heads<From>(s, content::ordinary);
      const std::vector<To> expected = rotated_step_by_step<From, To>(memory, s, {order, order});
      const yarn::heads_view<const From> before(memory.data(), s.n_tokens, s.n_heads, s.head_dim());
      const yarn::heads_view<To> after(reinterpret_cast<To*>(memory.data()), s.n_tokens, s.n_heads,
                                       s.head_dim());
      yarn::rope_copy(before, after, rows_for<float>(s), order);
      EXPECT_EQ(std::memcmp(memory.data(), expected.data(), sizeof(To) * expected.size()), 0)
          << description(s, {order, order});
    }
  }
}
TEST(rope_copy_in_one_buffer, may_change_the_format) {
  expect_format_changed<f16, bf16>();
  expect_format_changed<bf16, f16>();
}

// Parts of one buffer of tokens, or of one cache, that share no element are as good as two buffers.
TEST(rope_copy_in_one_buffer, may_move_its_parts) {
  const shape s{5, 2, 8, 3};
  const std::int64_t dim = s.head_dim();
  const yarn::rotary_rows<float> rows = rows_for<float>(s);
  const std::vector<float> heads = random_heads<float>(s, content::ordinary);
  for (const orders& order : all_orders) {
    const std::vector<float> expected = rotated_step_by_step<float, float>(heads, s, order);
    // Rows [target | source] and [source | target], then [source of all | target of all].
    for (const int arranged : {0, 1, 2}) {
      std::vector<float> memory(2 * s.n_elements());
      const std::int64_t stride = (arranged == 2 ? 1 : 2) * s.n_heads * dim;
      const std::int64_t other =
          arranged == 2 ? static_cast<std::int64_t>(s.n_elements()) : s.n_heads * dim;
      const auto view_at = [&](std::int64_t first) {
        return yarn::heads_view<float>(memory.data() + first, s.n_tokens, s.n_heads, dim)
            .with_strides(stride, dim);
      };
      const std::int64_t source = arranged == 0 ? other : 0;
      const std::int64_t target = arranged == 0 ? 0 : other;
      for (std::int64_t t = 0; t < s.n_tokens; ++t) {
        std::copy_n(heads.begin() + t * s.n_heads * dim, s.n_heads * dim,
                    memory.begin() + source + t * stride);
      }
      yarn::rope_copy(view_at(source), view_at(target), rows, order.in, order.out);
      for (std::int64_t t = 0; t < s.n_tokens; ++t) {
        const auto bytes = static_cast<std::size_t>(s.n_heads * dim) * sizeof(float);
        EXPECT_EQ(std::memcmp(&memory[static_cast<std::size_t>(target + t * stride)],
                              &expected[static_cast<std::size_t>(t * s.n_heads * dim)], bytes),
                  0);
        EXPECT_EQ(std::memcmp(&memory[static_cast<std::size_t>(source + t * stride)],
                              &heads[static_cast<std::size_t>(t * s.n_heads * dim)], bytes),
                  0);
      }
    }
  }
}

// ---- What is refused --------------------------------------------------------------------------

/// A buffer with two copies of everything, to see that a refused call changes nothing.
class rope_copy_refused : public ::testing::Test {
protected:
  static constexpr shape s{4, 3, 8, 2};
  static constexpr std::int64_t dim = 18;

  rope_copy_refused() {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      memory[i] = static_cast<float>(i) * 0.25F;
    }
    before = memory;
  }

  yarn::heads_view<float> view_at(std::int64_t first, std::int64_t token_stride = 3 * dim,
                                  std::int64_t head_stride = dim) {
    return yarn::heads_view<float>(memory.data() + first, s.n_tokens, s.n_heads, dim)
        .with_strides(token_stride, head_stride);
  }

  /// Of rope_copy and of its check alone, with these words; and nothing is touched.
  template <class Error = std::invalid_argument, class... Argument>
  void expect_refused(std::initializer_list<std::string> words, pairing in, pairing out,
                      const Argument&... arguments) {
    expect_error<Error>([&] { yarn::rope_copy(arguments..., in, out); }, words);
    expect_error<Error>([&] { yarn::rope_copy_check(arguments..., in, out); }, words);
    EXPECT_EQ(std::memcmp(memory.data(), before.data(), sizeof(float) * memory.size()), 0);
  }
  void expect_overlap_refused(const yarn::heads_view<float>& source,
                              const yarn::heads_view<float>& target,
                              pairing out = pairing::half_split) {
    expect_refused({"overlap", "source.data", "target.data", "rope_copy"}, pairing::half_split, out,
                   source, target, rows);
  }

  std::vector<float> memory = std::vector<float>(2000);
  std::vector<float> before;
  yarn::rotary_rows<float> rows = rows_for<float>(s);
};

TEST_F(rope_copy_refused, is_an_overlap) {
  const auto source = view_at(500);
  for (const std::int64_t shift : {1L, 2L, 8L, 17L, 18L, 54L, 215L}) {
    expect_overlap_refused(source, view_at(500 + shift));
    expect_overlap_refused(source, view_at(500 - shift));
  }
  EXPECT_NO_THROW(yarn::rope_copy_check(source, view_at(500 + 216), rows, pairing::half_split,
                                        pairing::half_split));
  EXPECT_NO_THROW(yarn::rope_copy_check(source, view_at(500 - 216), rows, pairing::half_split,
                                        pairing::half_split));
}

TEST_F(rope_copy_refused, is_the_same_memory_in_another_way) {
  expect_overlap_refused(view_at(0), view_at(0), pairing::interleaved); // another order
  expect_overlap_refused(view_at(0), view_at(0, 4 * dim));
  expect_overlap_refused(view_at(0, 60), view_at(0, 60, dim + 1));
  expect_overlap_refused(view_at(0), view_at(0, dim, 4 * dim)); // [heads][tokens] over it
  const yarn::heads_view<bf16> half_as_wide(reinterpret_cast<bf16*>(memory.data()), s.n_tokens,
                                            s.n_heads, dim); // elements of another size
  expect_refused({"overlap"}, pairing::half_split, pairing::half_split, view_at(0), half_as_wide,
                 rows);
  expect_refused({"overlap"}, pairing::half_split, pairing::half_split, half_as_wide, view_at(0),
                 rows);
  const auto in_step = half_as_wide.with_strides(2 * 3 * dim, dim); // its tokens begin where theirs
  expect_refused({"overlap"}, pairing::half_split, pairing::half_split, view_at(0), in_step, rows);
}

// Packed rows whose parts begin apart, but run into each other.
TEST_F(rope_copy_refused, is_an_overlap_of_parts_of_rows) {
  expect_overlap_refused(view_at(0, 8 * dim), view_at(2 * dim, 8 * dim));
  expect_overlap_refused(view_at(2 * dim, 8 * dim), view_at(0, 8 * dim));
  expect_overlap_refused(view_at(0, 8 * dim), view_at(6 * dim, 8 * dim)); // into the next row
  expect_overlap_refused(view_at(0, 8 * dim), view_at(8 * dim + 1, 8 * dim));
  expect_overlap_refused(view_at(8 * dim + 1, 8 * dim), view_at(0, 8 * dim));
}

TEST_F(rope_copy_refused, is_another_shape) {
  const auto source = view_at(0);
  float* const elsewhere = memory.data() + 1000;
  const auto refuse = [&](std::initializer_list<std::string> words, std::int64_t n_tokens,
                          std::int64_t n_heads, std::int64_t head_dim) {
    const yarn::heads_view<float> target(elsewhere, n_tokens, n_heads, head_dim);
    expect_refused(words, pairing::half_split, pairing::half_split, source, target, rows);
    expect_refused(words, pairing::interleaved, pairing::half_split, source, target,
                   yarn::rows_of(frequencies_for(s), yarn::positions_from(0)));
  };
  refuse({"target.n_tokens = 5", "n_tokens = 4"}, 5, 3, dim);
  refuse({"target.n_tokens = 0", "n_tokens = 4"}, 0, 3, dim);
  refuse({"target", "n_heads = 2", "3"}, 4, 2, dim);
  refuse({"target", "head_dim = 16", "18"}, 4, 3, 16);
  refuse({"target", "head_dim = 20", "18"}, 4, 3, 20);
  refuse({"target.head_dim = 15", "rotary_dim = 16"}, 4, 3, 15);
  refuse({"target", "n_heads = -1"}, 4, -1, dim);
}

TEST_F(rope_copy_refused, is_what_rope_apply_refuses) {
  const auto source = view_at(0);
  const auto target = view_at(1000);
  const pairing half = pairing::half_split;
  const auto bad = static_cast<pairing>(2);
  expect_refused({"pairing = 2"}, bad, half, source, target, rows);
  expect_refused({"pairing = 2"}, half, bad, source, target, rows);
  expect_refused({"rows.n_rows = 5", "n_tokens = 4"}, half, half, source, target,
                 rows_for<float>({5, 1, 8, 0}));
  expect_refused({"source.head_dim = 18", "rotary_dim = 20"}, half, half, source, target,
                 rows_for<float>({4, 1, 10, 0}));
  expect_refused({"source", "token_stride = 53", "overlap"}, half, half, view_at(0, 53), target,
                 rows);
  expect_refused({"target", "head_stride = 17", "overlap"}, half, half, source,
                 view_at(1000, 60, 17), rows);
  expect_refused({"target.data is null"}, half, half, source,
                 yarn::heads_view<float>(nullptr, s.n_tokens, s.n_heads, dim), rows);
  const yarn::rotary_table<float> table(frequencies_for(s), 6);
  expect_refused<std::out_of_range>(
      {"position 6", "[0, 6)"}, half, half, source, target,
      yarn::rows_of(table, yarn::positions(std::vector<int>{0, 1, 2, 6}.data(), 4)));
  expect_refused({"positions.size = 3", "n_tokens = 4"}, half, half, source, target,
                 yarn::rows_of(frequencies_for(s), yarn::positions_from(0, 3)));
}

// Two views at random in one small buffer: what is accepted shares no byte, or is one view in one
// order; and whatever lies apart as memory, or in other places of the same rows, is accepted.
TEST(rope_copy_overlap, is_decided_rightly) {
  alignas(8) static unsigned char memory[4096];
  constexpr std::int64_t n_tokens = 3;
  constexpr std::int64_t n_heads = 2;
  constexpr std::int64_t dim = 4;
  struct place {
    std::int64_t first, token_stride, head_stride;
    std::set<std::int64_t> bytes(std::int64_t size) const {
      std::set<std::int64_t> all;
      for (std::int64_t t = 0; t < n_tokens; ++t) {
        for (std::int64_t h = 0; h < n_heads; ++h) {
          for (std::int64_t i = 0; i < dim * size; ++i) {
            all.insert((first + t * token_stride + h * head_stride) * size + i);
          }
        }
      }
      return all;
    }
  };
  random_source random(11);
  const auto random_place = [&random] { // heads within tokens or tokens within heads, as views are
    const bool is_token_major = random.next() % 2 == 0;
    const std::int64_t inner = random.integer(dim, 8);
    const std::int64_t run = ((is_token_major ? n_heads : n_tokens) - 1) * inner + dim;
    const std::int64_t outer = random.integer(run, 24);
    return place{random.integer(0, 40), is_token_major ? outer : inner,
                 is_token_major ? inner : outer};
  };
  yarn::rope_shape model;
  model.head_dim = dim;
  model.rope_theta = 10000;
  yarn::rotary_rows<float> rows;
  rows.assign(yarn::make_frequencies(model, yarn::default_scaling{}),
              yarn::positions_from(0, n_tokens));
  int n_accepted = 0;
  int n_interwoven = 0;
  for (int i = 0; i < 20000; ++i) {
    place p = random_place();
    place q = random_place();
    if (random.next() % 2 == 0) { // rows of one buffer
      q.token_stride = p.token_stride = 24;
      p.head_stride = q.head_stride = 4;
    }
    const bool is_wide = random.next() % 2 == 0;
    if (random.next() % 8 == 0) {
      q = p;
      q.token_stride /= is_wide && p.token_stride >= 16 && p.head_stride == dim ? 2 : 1;
    }
    const std::int64_t target_size = is_wide ? 4 : 2;
    const auto target_order = random.next() % 2 == 0 ? pairing::half_split : pairing::interleaved;
    const yarn::heads_view<bf16> source =
        yarn::heads_view<bf16>(reinterpret_cast<bf16*>(memory) + p.first, n_tokens, n_heads, dim)
            .with_strides(p.token_stride, p.head_stride);
    const auto is_accepted = [&](auto* data) {
      const auto target = yarn::heads_view(data + q.first, n_tokens, n_heads, dim)
                              .with_strides(q.token_stride, q.head_stride);
      try {
        yarn::rope_copy_check(source, target, rows, pairing::half_split, target_order);
        return true;
      } catch (const std::invalid_argument&) {
        return false;
      }
    };
    const bool accepted = is_wide ? is_accepted(reinterpret_cast<float*>(memory))
                                  : is_accepted(reinterpret_cast<f16*>(memory));
    const std::set<std::int64_t> ours = p.bytes(2);
    const std::set<std::int64_t> theirs = q.bytes(target_size);
    std::vector<std::int64_t> common;
    std::set_intersection(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                          std::back_inserter(common));
    const bool is_one_view = !is_wide && target_order == pairing::half_split &&
                             p.first == q.first && p.token_stride == q.token_stride &&
                             p.head_stride == q.head_stride;
    const bool is_apart = *ours.rbegin() < *theirs.begin() || *theirs.rbegin() < *ours.begin();
    const bool is_in_other_places = common.empty() && !is_wide && p.token_stride == 24 &&
                                    q.token_stride == 24 && p.head_stride == 4 &&
                                    q.head_stride == 4;
    const bool must_be_accepted = is_one_view || is_apart || is_in_other_places;
    ASSERT_TRUE(!accepted || common.empty() || is_one_view)
        << common.size() << " common bytes: " << p.first << ", " << p.token_stride << ", "
        << p.head_stride << " and " << q.first << ", " << q.token_stride << ", " << q.head_stride;
    ASSERT_TRUE(accepted || !must_be_accepted)
        << p.first << ", " << p.token_stride << ", " << p.head_stride << " and " << q.first << ", "
        << q.token_stride << ", " << q.head_stride;
    n_accepted += accepted ? 1 : 0;
    n_interwoven += accepted && is_in_other_places && !is_apart ? 1 : 0;
  }
  EXPECT_GT(n_accepted, 1000); // of each kind enough to mean something
  EXPECT_LT(n_accepted, 19000);
  EXPECT_GT(n_interwoven, 100);
}

// ---- Nothing to do ----------------------------------------------------------------------------

TEST(rope_copy_of_nothing, touches_nothing) {
  const shape s{2, 2, 4, 1};
  const std::vector<float> heads = random_heads<float>(s, content::ordinary);
  std::vector<bf16> memory(heads.size());
  const std::vector<bf16> before = memory;
  const yarn::frequencies freqs = frequencies_for(s);
  for (const auto& extents : {std::pair<int, int>{0, 2}, {2, 0}, {0, 0}}) {
    const auto [n_tokens, n_heads] = extents;
    const yarn::heads_view<const float> source(heads.data(), n_tokens, n_heads, 9);
    const yarn::heads_view<bf16> target(memory.data(), n_tokens, n_heads, 9);
    yarn::rotary_rows<float> rows;
    rows.assign(freqs, yarn::positions_from(0, n_tokens));
    yarn::rope_copy(source, target, rows, pairing::half_split);
    yarn::rope_copy(source, target, rows, pairing::half_split, pairing::interleaved);
    yarn::rope_copy(source, target, yarn::rows_of(freqs, yarn::positions_from(0)),
                    pairing::half_split);
    yarn::rope_copy(source, target, yarn::rows_of(freqs, yarn::positions_from(0, n_tokens)),
                    pairing::interleaved);
    const yarn::heads_view<const float> no_source(nullptr, n_tokens, n_heads, 9);
    const yarn::heads_view<bf16> no_target(nullptr, n_tokens, n_heads, 9);
    yarn::rope_copy(no_source, no_target, rows, pairing::half_split);
    // The same memory, in another order and another size: nothing of it is used.
    const yarn::heads_view<float> same(reinterpret_cast<float*>(memory.data()), n_tokens, n_heads,
                                       9);
    yarn::rope_copy(same, target, rows, pairing::half_split, pairing::interleaved);
    yarn::rope_copy(same.with_strides(27, 9), target.with_strides(27, 9), rows, pairing::half_split,
                    pairing::interleaved);
  }
  EXPECT_TRUE(same_bytes(memory, before));
}

// ---- Promises of the types --------------------------------------------------------------------

using source_view = yarn::heads_view<const float>;
using target_view = yarn::heads_view<bf16>;
static_assert(noexcept(yarn::rope_copy_unchecked(std::declval<const source_view&>(),
                                                 std::declval<const target_view&>(),
                                                 std::declval<const yarn::rotary_rows<float>&>(),
                                                 pairing::half_split, pairing::interleaved)));
static_assert(noexcept(yarn::rope_copy_unchecked(
    std::declval<const source_view&>(), std::declval<const target_view&>(),
    yarn::rows_of(std::declval<const yarn::frequencies&>(), std::declval<const yarn::positions&>()),
    pairing::half_split, pairing::interleaved, yarn::slice{0, 2})));

} // namespace
