// SPDX-License-Identifier: MIT
// ggml's block formats: the bytes that ggml stores (tests/reference/ggml_blocks.json), the layouts,
// all scales and codes, every instruction set of this build, and memory beside a head.
// tests/engines/test_ggml_blocks_live.cpp compares with a live ggml.
#include "support/expect_error.hpp"
#include "support/ggml_blocks.hpp"

#include <yarn/ggml_blocks.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace {

namespace detail = yarn::detail;
using bytes = std::vector<unsigned char>;
using support::block_of_floats;

bytes bytes_of_hex(const std::string& hex) {
  bytes result;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    result.push_back(static_cast<unsigned char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return result;
}
block_of_floats floats_of_hex(const std::string& hex) {
  const bytes memory = bytes_of_hex(hex);
  block_of_floats x;
  EXPECT_EQ(memory.size(), sizeof x);
  std::memcpy(x.data(), memory.data(), sizeof x);
  return x;
}
/// The bits of floats, with one NaN for all NaN.
template <class Floats> std::vector<std::uint32_t> bits_of_all(const Floats& x) {
  std::vector<std::uint32_t> bits;
  for (const float value : x)
    bits.push_back(std::isnan(value) ? 0x7fc00000U : support::bits_of(value));
  return bits;
}

template <class Format> bytes encoded(const Format& format, const block_of_floats& x) {
  bytes block(static_cast<std::size_t>(format.head_bytes(32)));
  format.encode(x.data(), 32, block.data(), {0, 0});
  return block;
}
template <class Format> block_of_floats decoded(const Format& format, const bytes& block) {
  EXPECT_EQ(block.size(), static_cast<std::size_t>(format.head_bytes(32)));
  block_of_floats x;
  format.decode(block.data(), 32, x.data(), {0, 0});
  return x;
}

/// Calls f(format, name in the reference data).
template <class F> void for_each_format(F f) {
  f(yarn::q8_0{}, "q8_0_reference");
  f(yarn::q8_0(yarn::q8_0_writer::avx), "q8_0");
  f(yarn::q4_0{}, "q4_0");
  f(yarn::q4_1{}, "q4_1");
  f(yarn::q5_0{}, "q5_0");
  f(yarn::q5_1{}, "q5_1");
  f(yarn::iq4_nl{}, "iq4_nl");
}

TEST(ggml_blocks, have_the_bytes_that_ggml_stored) {
  std::ifstream file(YARN_TEST_REFERENCE_DIR "/ggml_blocks.json");
  const nlohmann::json reference = nlohmann::json::parse(file);
  ASSERT_EQ(reference["blocks"].size(), 55U);
  int n_decoded = 0;
  for (const nlohmann::json& entry : reference["blocks"]) {
    const block_of_floats x = floats_of_hex(entry["x"]);
    const float largest = std::fabs(*std::max_element(
        x.begin(), x.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); }));
    for_each_format([&](const auto& format, const std::string& name) {
      SCOPED_TRACE(entry["block"].get<std::string>() + ": " + name);
      bytes theirs = bytes_of_hex(entry[name]);
      if (entry.contains(name + "_decoded")) {
        ++n_decoded;
        EXPECT_EQ(bits_of_all(decoded(format, theirs)),
                  bits_of_all(floats_of_hex(entry[name + "_decoded"])));
      }
      if (name == "iq4_nl" && largest < 1e-15F) // ggml leaves the codes undefined
        std::fill(theirs.begin() + 2, theirs.end(), static_cast<unsigned char>(0x88));
      EXPECT_EQ(encoded(format, x), theirs);
    });
  }
  EXPECT_EQ(n_decoded, 66);
}

// ---- Rounding and layout ------------------------------------------------------------------------

block_of_floats with_first(std::initializer_list<float> first) {
  block_of_floats x = {};
  std::copy(first.begin(), first.end(), x.begin());
  return x;
}
std::vector<int> codes_of_q8_0(const yarn::q8_0& format, const block_of_floats& x, int n) {
  const bytes block = encoded(format, x);
  std::vector<int> codes;
  for (int i = 0; i < n; ++i)
    codes.push_back(static_cast<signed char>(block[static_cast<std::size_t>(2 + i)]));
  return codes;
}

TEST(q8_0, rounds_halves_away_from_zero_or_to_even) {
  // The scale is 1.
  const auto x = with_first({127, 0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -2.5F, 126.5F, -125.5F,
                             0.49999997F, -0.49999997F, 1.4999999F, 2.5000002F});
  EXPECT_EQ(codes_of_q8_0(yarn::q8_0{}, x, 13),
            (std::vector<int>{127, 1, 2, 3, -1, -2, -3, 127, -126, 0, 0, 1, 3}));
  EXPECT_EQ(codes_of_q8_0(yarn::q8_0(yarn::q8_0_writer::avx), x, 13),
            (std::vector<int>{127, 0, 2, 2, 0, -2, -2, 126, -126, 0, 0, 1, 3}));
  EXPECT_EQ(yarn::q8_0{}.writer, yarn::q8_0_writer::reference);
}

TEST(q4_0, stores_the_extreme_as_minus_8_and_its_negative_as_7) {
  block_of_floats x = {};
  x[0] = 2;    // the extreme: the scale is -0.25
  x[1] = -2;   // would be 8
  x[15] = 0.5; // -2
  x[16] = -1;  // 4
  x[31] = 1.5; // -6
  bytes expected(18, 0x88);
  expected[0] = 0x00;
  expected[1] = 0xb4;
  expected[2] = 0xc0;  // elements 16 and 0
  expected[3] = 0x8f;  // 17 and 1
  expected[17] = 0x26; // 31 and 15
  EXPECT_EQ(encoded(yarn::q4_0{}, x), expected);
  std::swap(x[0], x[1]); // now the first extreme is negative: the scale is 0.25
  expected[1] = 0x34;
  expected[2] = 0x40;
  expected[17] = 0xea;
  EXPECT_EQ(encoded(yarn::q4_0{}, x), expected);
  EXPECT_EQ(decoded(yarn::q4_0{}, expected)[1], 1.75F);
}

TEST(q5_0, stores_fifth_bits_apart) {
  block_of_floats x = {}; // codes 16
  x[0] = -16;             // 0; the scale is 1
  x[1] = 16;              // would be 32
  x[17] = -1;             // 15
  x[31] = -11;            // 5
  bytes expected(22, 0);
  expected[1] = 0x3c;
  // Fifth bits of all elements but 0, 17 and 31.
  expected[2] = 0xfe;
  expected[3] = 0xff;
  expected[4] = 0xfd;
  expected[5] = 0x7f;
  expected[7] = 0xff;  // elements 17 and 1
  expected[21] = 0x50; // 31 and 15
  EXPECT_EQ(encoded(yarn::q5_0{}, x), expected);
  EXPECT_EQ(decoded(yarn::q5_0{}, expected)[1], 15.0F);
}

// A scale multiplies every code, and infinite or NaN scales are decoded, too.
TEST(ggml_blocks, decode_all_scales) {
  const yarn::q8_0 q8;
  const yarn::q4_1 q4;
  bytes eight(34), four(20);
  four[2] = 0x12; // the minimum
  four[3] = 0x3a;
  for (int i = 0; i < 32; ++i)
    eight[static_cast<std::size_t>(2 + i)] = static_cast<unsigned char>(i * 8 + 3);
  for (int i = 0; i < 16; ++i)
    four[static_cast<std::size_t>(4 + i)] = static_cast<unsigned char>(i * 16 + (15 - i));
  const auto value_of = [](int bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double sign = bits >= 0x8000 ? -1 : 1;
    if (exponent == 31)
      return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
    return sign *
           (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
  };
  for (int bits = 0; bits < 65536; ++bits) {
    eight[0] = four[0] = static_cast<unsigned char>(bits & 255);
    eight[1] = four[1] = static_cast<unsigned char>(bits >> 8);
    block_of_floats products, sums;
    for (int i = 0; i < 32; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const int code = static_cast<signed char>(eight[2 + at]);
      const int nibble = i < 16 ? 15 - i : i - 16;
      products[at] = static_cast<float>(code * value_of(bits));
      sums[at] = static_cast<float>(nibble * value_of(bits) + value_of(0x3a12));
    }
    ASSERT_EQ(bits_of_all(decoded(q8, eight)), bits_of_all(products)) << bits;
    ASSERT_EQ(bits_of_all(decoded(q4, four)), bits_of_all(sums)) << bits;
  }
}

TEST(ggml_blocks, decode_all_codes) {
  const int entries[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                           1,    13,   25,  38,  53,  69,  89,  113};
  for (int code = 0; code < 256; ++code) {
    bytes eight(34, static_cast<unsigned char>(code));
    bytes four(18, static_cast<unsigned char>(code)), five(24, static_cast<unsigned char>(code));
    eight[0] = four[0] = five[0] = 0; // the scale 1
    eight[1] = four[1] = five[1] = 0x3c;
    five[2] = 0;
    five[3] = 0x40; // the minimum 2
    for (const float value : decoded(yarn::q8_0{}, eight))
      ASSERT_EQ(value, static_cast<float>(static_cast<signed char>(code)));
    const auto q4 = decoded(yarn::q4_0{}, four), iq4 = decoded(yarn::iq4_nl{}, four);
    const auto q5 = decoded(yarn::q5_1{}, five);
    for (std::size_t i = 0; i < 32; ++i) {
      const int nibble = i < 16 ? code & 15 : code >> 4;
      const int fifth = code >> i % 8 & 1;
      ASSERT_EQ(q4[i], static_cast<float>(nibble - 8));
      ASSERT_EQ(iq4[i], static_cast<float>(entries[nibble]));
      ASSERT_EQ(q5[i], static_cast<float>(nibble + fifth * 16 + 2));
    }
  }
}

// ---- Instruction sets ---------------------------------------------------------------------------

template <class Block, class Arch> void expect_bytes_of_scalar(const std::vector<float>& x) {
  const auto dim = static_cast<std::int64_t>(x.size());
  const auto size = x.size() / 32 * static_cast<std::size_t>(Block::bytes);
  bytes ours(size), expected(size);
  detail::encode_blocks<Block, Arch>(x.data(), dim, ours.data());
  detail::encode_blocks<Block, detail::scalar_arch>(x.data(), dim, expected.data());
  ASSERT_EQ(ours, expected) << Block::name;
  std::vector<float> values(x.size()), expected_values(x.size());
  detail::decode_blocks<Block, Arch>(ours.data(), dim, values.data());
  detail::decode_blocks<Block, detail::scalar_arch>(ours.data(), dim, expected_values.data());
  ASSERT_EQ(bits_of_all(values), bits_of_all(expected_values)) << Block::name;
}
/// Compares all instruction sets of this build, from Arch to narrower ones, with scalar code.
template <class Arch = detail::default_arch> void expect_same_on_all(const std::vector<float>& x) {
  expect_bytes_of_scalar<detail::q8_0_block, Arch>(x);
  expect_bytes_of_scalar<detail::q8_0_avx_block, Arch>(x);
  expect_bytes_of_scalar<detail::q4_0_block, Arch>(x);
  expect_bytes_of_scalar<detail::q4_1_block, Arch>(x);
  expect_bytes_of_scalar<detail::q5_0_block, Arch>(x);
  expect_bytes_of_scalar<detail::q5_1_block, Arch>(x);
  expect_bytes_of_scalar<detail::iq4_nl_block, Arch>(x);
  if constexpr (!std::is_same_v<detail::narrower_arch<Arch>, Arch>)
    expect_same_on_all<detail::narrower_arch<Arch>>(x);
}

TEST(ggml_blocks, have_the_same_bytes_on_every_instruction_set) {
  support::random_source random(21);
  for (int kind = 0; kind < support::n_block_kinds; ++kind)
    for (int i = 0; i < 300; ++i) {
      std::vector<float> x;
      for (int block = 0; block < 5; ++block) { // four at once, and one
        block_of_floats next =
            support::random_block(static_cast<support::block_kind>(kind), random);
        if (i % 16 == 0)
          next[static_cast<std::size_t>(random.integer(0, 31))] =
              i % 32 == 0 ? std::nanf("") : std::numeric_limits<float>::signaling_NaN();
        if (i == 16)
          next.fill(std::nanf(""));
        x.insert(x.end(), next.begin(), next.end());
      }
      expect_same_on_all(x);
      if (HasFatalFailure())
        FAIL() << "kind " << kind << ", block " << i;
    }
}

// ggml compares with < and >, so a NaN is never the smallest element.
TEST(ggml_blocks, ignore_nan_beside_a_smallest_element_of_zero) {
  block_of_floats x{};
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = i % 4 == 3 ? 1.5F : 0.0F;
  const block_of_floats without = x;
  x[0] = std::nanf("");
  x[9] = std::numeric_limits<float>::signaling_NaN();
  const auto header = [](const auto& format, const block_of_floats& values) {
    std::vector<unsigned char> written(static_cast<std::size_t>(format.head_bytes(32)));
    format.encode(values.data(), 32, written.data(), {0, 0});
    written.resize(4); // the scale and the smallest element
    return written;
  };
  EXPECT_EQ(header(yarn::q4_1{}, x), header(yarn::q4_1{}, without));
  EXPECT_EQ(header(yarn::q5_1{}, x), header(yarn::q5_1{}, without));
}

// ---- Heads --------------------------------------------------------------------------------------

TEST(ggml_blocks, write_and_read_nothing_beside_a_head) {
  support::random_source random(7);
  for_each_format([&](const auto& format, const std::string& name) {
    for (const std::int64_t head_dim : {32, 64, 96, 128, 160, 256})
      for (const support::fence side : {support::fence::before, support::fence::after}) {
        SCOPED_TRACE(name + ", " + std::to_string(head_dim));
        const auto size = static_cast<std::size_t>(format.head_bytes(head_dim));
        const auto dim = static_cast<std::size_t>(head_dim);
        support::fenced_array<float> x(dim, side), y(dim, side);
        support::fenced_array<unsigned char> head(size, side);
        bytes expected;
        for (std::size_t i = 0; i < dim; i += 32) {
          const auto block = support::random_block(support::block_kind::uniform, random);
          std::copy(block.begin(), block.end(), x.data() + i);
          const bytes one = encoded(format, block);
          expected.insert(expected.end(), one.begin(), one.end());
        }
        format.encode(x.data(), head_dim, head.data(), {3, 1});
        ASSERT_EQ(bytes(head.data(), head.data() + size), expected);
        format.decode(head.data(), head_dim, y.data(), {3, 1});

        // At any place of memory.
        for (std::size_t shift = 1; shift < 8; ++shift) {
          bytes memory(size + 16, 0xa5);
          format.encode(x.data(), head_dim, memory.data() + shift, {3, 1});
          bytes wanted(shift, 0xa5);
          wanted.insert(wanted.end(), expected.begin(), expected.end());
          wanted.resize(size + 16, 0xa5);
          ASSERT_EQ(memory, wanted);
          std::vector<float> values(dim + 2, 0.125F), wanted_values = {0.125F};
          format.decode(memory.data() + shift, head_dim, values.data() + 1, {3, 1});
          wanted_values.insert(wanted_values.end(), y.data(), y.data() + dim);
          wanted_values.push_back(0.125F);
          ASSERT_EQ(values, wanted_values);
        }
      }
  });
}

TEST(ggml_blocks, have_heads_of_whole_blocks) {
  EXPECT_EQ(yarn::q8_0{}.head_bytes(128), 136);
  EXPECT_EQ(yarn::q4_0{}.head_bytes(128), 72);
  EXPECT_EQ(yarn::q4_1{}.head_bytes(128), 80);
  EXPECT_EQ(yarn::q5_0{}.head_bytes(128), 88);
  EXPECT_EQ(yarn::q5_1{}.head_bytes(128), 96);
  EXPECT_EQ(yarn::iq4_nl{}.head_bytes(64), 36);
  for_each_format([](const auto& format, const std::string& name) {
    static_assert(std::is_trivially_copyable_v<std::decay_t<decltype(format)>>);
    static_assert(noexcept(format.encode(nullptr, 32, nullptr, {0, 0})));
    static_assert(noexcept(format.decode(nullptr, 32, nullptr, {0, 0})));
    format.check(32);
    format.check(160);
    for (const std::int64_t head_dim : {0, -32, 1, 31, 33, 80})
      support::expect_error<std::invalid_argument>(
          [&] { format.check(head_dim); },
          {"head_dim = " + std::to_string(head_dim), "multiple of 32", name.substr(0, 4)});
  });
}

} // namespace
