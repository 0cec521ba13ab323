// SPDX-License-Identifier: MIT
// Built with -ffast-math. Tests the promises that hold with this flag: frequencies and float rows
// keep every bit, rotations keep their bounds, and a NaN or an infinity in a parameter is refused.
// Tensors with infinities or NaN are not tested, because the compiler may assume that there are
// none. Subnormal elements may become zero. Measured with g++ 12 and clang 14, SSE2 to AVX-512, and
// aarch64: rows keep all bits, so the bounds of rows do not change. Rotations are within 1.25 ULP
// of the rotation by the row (1 ULP with a fused multiply-add) and within 2 ULP of the rotation by
// the angle, as without the flag.
#include "../support/bits.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#if !defined(__FAST_MATH__)
#error "this test is about -ffast-math and must be compiled with it"
#endif

namespace {

using support::bits_of;
using support::random_source;

// ---- Frequencies and rows keep every bit --------------------------------------------------------

class digest {
public:
  void add(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x100000001b3U;
    value_ ^= value_ >> 29U;
  }
  std::uint64_t value() const { return value_; }

private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

std::uint64_t digest_of(const yarn::frequencies& freqs) {
  digest all;
  for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair) {
    all.add(bits_of(freqs.inv_freq()[pair]));
    all.add(freqs.phase_steps()[pair]);
  }
  all.add(bits_of(freqs.attention_factor()));
  return all.value();
}

template <class T> void add_rows(digest& all, const yarn::rotary_rows<T>& rows) {
  for (std::int64_t row = 0; row < rows.n_rows(); ++row) {
    for (std::int64_t pair = 0; pair < rows.n_pairs(); ++pair) {
      all.add(std::uint64_t{bits_of(rows.cos(row)[pair])});
      all.add(std::uint64_t{bits_of(rows.sin(row)[pair])});
    }
  }
}

std::uint64_t digest_of_rows(const yarn::frequencies& freqs) {
  digest all;
  yarn::rotary_rows<float> rows;
  yarn::rotary_rows<double> doubles;
  for (const std::int64_t first :
       {std::int64_t{-1000}, std::int64_t{131000}, (std::int64_t{1} << 31) - 3000}) {
    rows.assign(freqs, yarn::positions_from(first, 3000));
    doubles.assign(freqs, yarn::positions_from(first, 30));
    add_rows(all, rows);
    add_rows(all, doubles);
  }
  return all.value();
}

// The expected digests are from a build without the flag.
struct digests {
  std::uint64_t frequencies;
  std::uint64_t rows;
};
const std::map<std::string, digests>& expected_digests() {
  static const std::map<std::string, digests> all{
      {"default", {0xa8a29bb93edfce0dU, 0xf8c955cf155be58fU}},
      {"default_theta_5e6_partial", {0xe436dc8b7f24db8bU, 0x08b5a5cdf2f0480cU}},
      {"linear", {0x13d3d4691256e191U, 0xaae90dcd0fe3225eU}},
      {"ntk", {0x26cbb4778feb8b6cU, 0xec0ae83ddcd00ea0U}},
      {"dynamic_ntk", {0x1ea9336d6ed06d0aU, 0x3755f70fc41879f7U}},
      {"stepped_ntk", {0x65d5e7917405404fU, 0xa04c88025f297844U}},
      {"ntk_by_parts", {0x7381db6723c4f084U, 0x2e2dbf6da3fd80f3U}},
      {"part_ntk", {0x28aab22b38a0a95cU, 0xf5d887cf2f21d26eU}},
      {"dynamic_part_ntk", {0xe1b186781d87b3e5U, 0x3261e317700290b6U}},
      {"yarn", {0x2836d21c25df31a3U, 0xae99821a0424bf0bU}},
      {"yarn_no_truncation", {0x1b364641abc4117bU, 0x71cd1ccf73d7ed2fU}},
      {"yarn_mscale_ratio", {0x2448f4b55b6d1461U, 0xd3dc37c3cacff12dU}},
      {"dynamic_yarn", {0xf26f6601a63afa1eU, 0xa7d5011f9760a4c9U}},
      {"llama3", {0x3bff10f008fe70fbU, 0x17dfd2a519ba34f7U}},
      {"longrope_short", {0xb0f7dec52e15a77aU, 0x40477547eabacebdU}},
      {"longrope_long", {0x4088edfa957ad46cU, 0xee141bb8693b3f53U}},
      {"proportional", {0xb70a6a8e4ae7236bU, 0x047f435ad134b3c2U}},
  };
  return all;
}

TEST(fast_math, keeps_every_bit_of_frequencies_and_rows) {
  ASSERT_EQ(expected_digests().size(), support::model_methods().size());
  for (const support::model_method& model : support::model_methods()) {
    const yarn::frequencies freqs = model.frequencies();
    const digests found{digest_of(freqs), digest_of_rows(freqs)};
    const digests& expected = expected_digests().at(model.name);
    EXPECT_EQ(found.frequencies, expected.frequencies)
        << model.name << std::hex << " 0x" << found.frequencies;
    EXPECT_EQ(found.rows, expected.rows) << model.name << std::hex << " 0x" << found.rows;
  }
}

TEST(fast_math, keeps_the_bound_of_rows) {
  for (const support::model_method& model : support::model_methods()) {
    const yarn::frequencies freqs = model.frequencies();
    const double m = freqs.attention_factor();
    const double unit = m > 1 ? 0x1p-23 : 0x1p-24; // no m here is above 2
    ASSERT_LE(m, 2);
    for (const std::int64_t position :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{-40}, std::int64_t{4095},
          std::int64_t{131071}, (std::int64_t{1} << 24) - 1, (std::int64_t{1} << 31) - 1}) {
      yarn::rotary_rows<float> rows;
      rows.assign(freqs, yarn::positions_from(position, 1));
      double worst = 0;
      for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair) {
        const auto truth = oracle::rotation(position, freqs.inv_freq()[pair]);
        for (const auto& [entry, exact] : {std::pair(rows.cos(0)[pair], truth.cosine),
                                           std::pair(rows.sin(0)[pair], truth.sine)}) {
          worst = std::max(worst, oracle::absolute_error(static_cast<double>(entry), exact * m));
        }
      }
      EXPECT_LE(worst, (position <= std::int64_t{1} << 24 ? 0.501 : 0.51) * unit)
          << model.name << " at " << position;
    }
  }
}

// ---- Rotations keep their bounds ----------------------------------------------------------------

TEST(fast_math, keeps_the_bounds_of_rotations) {
  // The oracle computes the errors in integers, because this file is compiled with -ffast-math,
  // too.
  constexpr double by_row_limit = YARN_HAS_FMA ? 1.0 : 1.25;
  yarn::yarn_scaling method;
  method.factor = 32;
  method.original_max_position_embeddings = 4096;
  const auto freqs = yarn::make_frequencies(support::shape_of(74, 1e4), method);
  const double m = freqs.attention_factor();
  constexpr std::int64_t n_pairs = 37, heads = 40;
  double by_row = 0, by_angle = 0;
  random_source random(1);
  for (const yarn::pairing p : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    for (const std::int64_t position : {0, 7, -4095, 131071, 16777215}) {
      std::vector<float> data(heads * 74);
      for (float& value : data) {
        value = static_cast<float>(random.number(-2, 2));
      }
      const std::vector<float> before = data;
      yarn::rotary_rows<float> rows;
      rows.assign(freqs, yarn::positions_from(position, 1));
      yarn::rope_apply(yarn::heads_view{data.data(), 1, heads, 74}, rows, p);
      for (std::int64_t pair = 0; pair < n_pairs; ++pair) {
        const oracle::real c = static_cast<double>(rows.cos(0)[pair]);
        const oracle::real s = static_cast<double>(rows.sin(0)[pair]);
        const auto truth = oracle::rotation(position, freqs.inv_freq()[pair]);
        const oracle::real cos = truth.cosine * m, sin = truth.sine * m;
        for (std::int64_t head = 0; head < heads; ++head) {
          const bool is_half_split = p == yarn::pairing::half_split;
          const auto i0 = static_cast<std::size_t>(head * 74 + (is_half_split ? pair : 2 * pair));
          const std::size_t i1 = i0 + static_cast<std::size_t>(is_half_split ? n_pairs : 1);
          const oracle::real x0 = static_cast<double>(before[i0]),
                             x1 = static_cast<double>(before[i1]);
          const double size =
              std::hypot(static_cast<double>(before[i0]), static_cast<double>(before[i1])) * m;
          const double ulp = support::ulp_at<float>(size * (1 + 0x1p-23));
          const auto judge = [&](float value, const oracle::real& exact) {
            return oracle::absolute_error(static_cast<double>(value), exact) / ulp;
          };
          by_row = std::max(
              {by_row, judge(data[i0], x0 * c - x1 * s), judge(data[i1], x0 * s + x1 * c)});
          by_angle = std::max({by_angle, judge(data[i0], x0 * cos - x1 * sin),
                               judge(data[i1], x0 * sin + x1 * cos)});
        }
      }
    }
  }
  std::printf("rotation: %.4f ULP of hypot * m by the row, %.4f by the angle\n", by_row, by_angle);
  EXPECT_LE(by_row, by_row_limit);
  EXPECT_LE(by_angle, 2);
}

// ---- NaN and infinity are refused ---------------------------------------------------------------

/// The bits of infinities and NaN. The tests write these bits to memory, because from clang 16 on
/// no function of this file may take or return such a double.
std::vector<std::uint64_t> not_numbers() {
  const std::uint64_t sign = std::uint64_t{1} << 63U;
  return {0x7ff0000000000000U, 0x7ff0000000000000U | sign, 0x7ff8000000000000U,
          0x7ff8000000000000U | sign, 0x7ff0000000000001U | sign};
}
void put(double& where, std::uint64_t bits) { std::memcpy(&where, &bits, sizeof where); }

template <class Method> struct field {
  double Method::*number;
  const char* name;
};

TEST(fast_math, refuses_nan_and_infinity) {
  const yarn::rope_shape shape = support::shape_of(64, 1e4);
  for (const std::uint64_t bad : not_numbers()) {
    const auto refused = [&](const auto& method, const char* name) {
      EXPECT_THROW(
          static_cast<void>(yarn::make_frequencies(shape, yarn::any_scaling(method), 10000)),
          std::invalid_argument)
          << name << std::hex << " = bits 0x" << bad;
    };
    // Sets one field of a correct method at a time to a wrong value.
    const auto check_fields = [&](const auto& good, const auto&... fields) {
      const auto check_field = [&](const auto& changed) {
        auto method = good;
        put(method.*(changed.number), bad);
        refused(method, changed.name);
      };
      (check_field(fields), ...);
    };
    yarn::rope_shape bad_shape = shape;
    put(bad_shape.rope_theta, bad);
    EXPECT_THROW(static_cast<void>(yarn::make_frequencies(bad_shape, yarn::default_scaling{})),
                 std::invalid_argument)
        << "rope_theta" << std::hex << " = bits 0x" << bad;

    check_fields(yarn::linear_scaling{},
                 field<yarn::linear_scaling>{&yarn::linear_scaling::factor, "linear"});
    check_fields(yarn::ntk_scaling{}, field<yarn::ntk_scaling>{&yarn::ntk_scaling::factor, "ntk"});
    yarn::dynamic_ntk_scaling dynamic;
    dynamic.max_position_embeddings = 4096;
    check_fields(dynamic,
                 field<yarn::dynamic_ntk_scaling>{&yarn::dynamic_ntk_scaling::factor, "dynamic"});
    using by_parts = yarn::ntk_by_parts_scaling;
    by_parts blended;
    blended.factor = 4;
    blended.original_max_position_embeddings = 4096;
    check_fields(blended, field<by_parts>{&by_parts::factor, "by parts: factor"},
                 field<by_parts>{&by_parts::beta_fast, "by parts: beta_fast"},
                 field<by_parts>{&by_parts::beta_slow, "by parts: beta_slow"});
    using part_ntk = yarn::part_ntk_scaling;
    part_ntk first_form;
    first_form.factor = 2;
    first_form.original_max_position_embeddings = 4096;
    check_fields(
        first_form, field<part_ntk>{&part_ntk::factor, "part NTK: factor"},
        field<part_ntk>{&part_ntk::ntk_factor, "part NTK: ntk_factor"},
        field<part_ntk>{&part_ntk::extrapolation_factor, "part NTK: extrapolation_factor"});
    using llama3 = yarn::llama3_scaling;
    llama3 llama;
    llama.factor = 8;
    llama.original_max_position_embeddings = 8192;
    check_fields(llama, field<llama3>{&llama3::factor, "llama3: factor"},
                 field<llama3>{&llama3::low_freq_factor, "llama3: low_freq_factor"},
                 field<llama3>{&llama3::high_freq_factor, "llama3: high_freq_factor"});
    using proportional = yarn::proportional_scaling;
    check_fields(
        proportional{}, field<proportional>{&proportional::factor, "proportional: factor"},
        field<proportional>{&proportional::partial_rotary_factor, "partial_rotary_factor"});
    using yarn_method = yarn::yarn_scaling;
    yarn_method method;
    method.factor = 4;
    method.original_max_position_embeddings = 4096;
    check_fields(
        method, field<yarn_method>{&yarn_method::factor, "yarn: factor"},
        field<yarn_method>{&yarn_method::beta_fast, "yarn: beta_fast"},
        field<yarn_method>{&yarn_method::beta_slow, "yarn: beta_slow"},
        field<yarn_method>{&yarn_method::attn_factor, "yarn: attn_factor"},
        field<yarn_method>{&yarn_method::extrapolation_factor, "yarn: extrapolation_factor"});

    std::vector<double> numbers(32, 1.0);
    put(numbers[7], bad);
    yarn::longrope_scaling longrope;
    longrope.original_max_position_embeddings = 4096;
    longrope.factor = 32.0;
    longrope.short_factor = std::vector<double>(32, 1.0);
    longrope.long_factor = numbers;
    refused(longrope, "long_factor");
    EXPECT_THROW(static_cast<void>(yarn::frequencies_from(numbers.data(), 32)),
                 std::invalid_argument)
        << "inv_freq" << std::hex << " = bits 0x" << bad;
  }
  // Ordinary numbers are accepted.
  const std::vector<double> numbers{1.0, 0.5};
  EXPECT_NO_THROW(static_cast<void>(yarn::frequencies_from(numbers.data(), 2, 1.25)));
}

} // namespace
