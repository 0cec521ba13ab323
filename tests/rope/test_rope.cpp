// SPDX-License-Identifier: MIT
// The rotation: its error against the oracle, every width, stride and layout that engines have, the
// same bits from every source of rows and every slice, the group of rotations, and what the
// unchecked call promises.
//
// The error, per element: by the row as it is, the product and the fused multiply-add round half an
// ULP each, of values below hypot(x0, x1) * m: 1 ULP of that. Without a fused multiply-add there
// are three roundings, but only one of the two products can be in the upper half of the
// binade: 1.25 ULP. The row's own rounding adds at most 0.71 ULP: 2 by the true angle, either way.
#include "../support/bits.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/rope.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// ---- Every allocation of this program is counted ------------------------------------------------

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
} // namespace

YARN_NOINLINE void* operator new(std::size_t size) { return counted(size, 16); }
YARN_NOINLINE void* operator new[](std::size_t size) { return counted(size, 16); }
YARN_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
YARN_NOINLINE void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
YARN_NOINLINE void operator delete(void* memory) noexcept { std::free(memory); }
YARN_NOINLINE void operator delete[](void* memory) noexcept { std::free(memory); }
YARN_NOINLINE void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
YARN_NOINLINE void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
YARN_NOINLINE void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
YARN_NOINLINE void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
YARN_NOINLINE void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
YARN_NOINLINE void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace {

using support::bits_of;
using support::first_difference;
using support::random_source;
using yarn::pairing;

// ---- Tools ------------------------------------------------------------------------------------

constexpr pairing half_split = pairing::half_split;
constexpr pairing interleaved = pairing::interleaved;

template <class T, pairing Pairing> struct kind {
  using type = T;
  static constexpr pairing pairs = Pairing;
};
template <class Kind> class rope : public ::testing::Test {
public:
  using type = typename Kind::type;
};
using kinds = ::testing::Types<kind<float, half_split>, kind<float, interleaved>,
                               kind<double, half_split>, kind<double, interleaved>>;
struct kind_names {
  template <class Kind> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::string(std::is_same_v<typename Kind::type, float> ? "float" : "double") +
           (Kind::pairs == half_split ? "_half_split" : "_interleaved");
  }
};
TYPED_TEST_SUITE(rope, kinds, kind_names);

yarn::frequencies geometric(std::size_t n_pairs, double amplitude = 1.277) {
  std::vector<double> inv_freq(n_pairs);
  for (std::size_t i = 0; i < n_pairs; ++i) {
    inv_freq[i] = std::exp2(-13.28 * static_cast<double>(i) / static_cast<double>(n_pairs));
  }
  return yarn::frequencies_from(inv_freq.data(), n_pairs, amplitude);
}

template <class T> std::vector<T> random_values(std::size_t n, std::uint64_t seed) {
  random_source random(seed);
  std::vector<T> values(n);
  for (T& value : values) {
    value = static_cast<T>(random.number(-2, 2));
  }
  return values;
}

/// What the rotation is, to the last bit: one product, one multiply-add, fused where the processor
/// can.
template <class T> T fused(T a, T b, T c) {
#if YARN_HAS_FMA
  return std::fma(a, b, c);
#else
  volatile T product = a * b;
  return product + c;
#endif
}
template <class T> std::pair<T, T> rotated(T x0, T x1, T c, T s) {
  volatile T first = x0 * c, second = x1 * c;
  return {fused<T>(-x1, s, first), fused<T>(x0, s, second)};
}

/// The offsets of pair i in a head.
std::pair<std::int64_t, std::int64_t> elements(pairing p, std::int64_t pair, std::int64_t n_pairs) {
  return p == half_split ? std::pair(pair, pair + n_pairs) : std::pair(2 * pair, 2 * pair + 1);
}

/// Rotates in place by rows, element by element, as the description says.
template <class T, class RowOf>
void rotate_simply(const yarn::heads_view<T>& x, std::int64_t n_pairs, pairing p,
                   const RowOf& row_of) {
  for (std::int64_t t = 0; t < x.n_tokens(); ++t) {
    const std::pair<const T*, const T*> row = row_of(t);
    for (std::int64_t h = 0; h < x.n_heads(); ++h) {
      T* const head = x.data() + t * x.token_stride() + h * x.head_stride();
      for (std::int64_t pair = 0; pair < n_pairs; ++pair) {
        const auto [at0, at1] = elements(p, pair, n_pairs);
        const auto [x0, x1] = rotated(head[at0], head[at1], row.first[pair], row.second[pair]);
        head[at0] = x0;
        head[at1] = x1;
      }
    }
  }
}
template <class T>
void rotate_simply(const yarn::heads_view<T>& x, const yarn::rotary_rows<T>& rows, pairing p) {
  rotate_simply(x, rows.n_pairs(), p,
                [&](std::int64_t t) { return std::pair(rows.cos(t), rows.sin(t)); });
}

template <class T>
yarn::rotary_rows<T> rows_of(const yarn::frequencies& freqs, const yarn::positions& positions) {
  yarn::rotary_rows<T> rows;
  rows.assign(freqs, positions);
  return rows;
}

template <class T>
void expect_same(const std::vector<T>& a, const std::vector<T>& b, const std::string& what = {}) {
  ASSERT_EQ(a.size(), b.size());
  const std::ptrdiff_t at = first_difference(a.data(), b.data(), a.size());
  EXPECT_EQ(at, -1) << what << ": element " << at;
}

// ---- The error --------------------------------------------------------------------------------

TYPED_TEST(rope, is_within_its_error) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  constexpr double by_row_limit = YARN_HAS_FMA ? 1.0 : 1.25;
  constexpr std::int64_t heads = 256;
  random_source random(1);
  double by_row = 0, by_angle = 0;
  for (const support::model_method& one : support::model_methods()) {
    const yarn::frequencies freqs = one.frequencies();
    const std::int64_t n_pairs = freqs.n_pairs(), dim = one.shape.head_dim;
    const double m = freqs.attention_factor();
    const std::vector<std::int64_t> positions{0,
                                              1,
                                              -40,
                                              2047,
                                              -32767,
                                              131071,
                                              1048575,
                                              (std::int64_t{1} << 24) - 1,
                                              (std::int64_t{1} << 31) - 1};
    const auto tokens = static_cast<std::int64_t>(positions.size());
    std::vector<T> data(static_cast<std::size_t>(tokens * heads * dim));
    for (T& value : data) { // every binade, and angles of all kinds
      value = static_cast<T>(std::ldexp(random.number(-1, 1), static_cast<int>(random.next() % 5)));
    }
    const std::vector<T> before = data;
    const auto rows = rows_of<T>(freqs, yarn::positions(positions));
    yarn::rope_apply(yarn::heads_view{data.data(), tokens, heads, dim}, rows, p);
    for (std::int64_t t = 0; t < tokens; ++t) {
      const std::int64_t position = positions[static_cast<std::size_t>(t)];
      for (std::int64_t pair = 0; pair < n_pairs; pair += 3) {
        const auto truth = oracle::rotation(position, freqs.inv_freq()[pair]);
        const auto wide = [](const oracle::real& x) {
          const double high = x.to_double();
          return static_cast<long double>(high) +
                 static_cast<long double>((x - oracle::real(high)).to_double());
        };
        const long double cos = wide(truth.cosine * m), sin = wide(truth.sine * m);
        const long double c = rows.cos(t)[pair], s = rows.sin(t)[pair];
        const double row_size = std::max(m, std::hypot(rows.cos(t)[pair], rows.sin(t)[pair]) + 0.0);
        const auto [at0, at1] = elements(p, pair, n_pairs);
        for (std::int64_t h = 0; h < heads; ++h) {
          const auto head = static_cast<std::size_t>((t * heads + h) * dim);
          const std::size_t i0 = head + static_cast<std::size_t>(at0),
                            i1 = head + static_cast<std::size_t>(at1);
          const long double x0 = before[i0], x1 = before[i1];
          const double size = static_cast<double>(std::hypot(x0, x1)) * row_size;
          const double ulp = support::ulp_at<T>(size);
          const auto judge = [&](T value, long double exact) {
            return static_cast<double>(std::fabs(static_cast<long double>(value) - exact)) / ulp;
          };
          by_row = std::max(
              {by_row, judge(data[i0], x0 * c - x1 * s), judge(data[i1], x0 * s + x1 * c)});
          // The phase's 2^-65 turns a token: nothing for float, a bound of its own for double.
          const double phase_error =
              std::is_same_v<T, double>
                  ? size * std::fabs(static_cast<double>(position)) * 0x1.93p-63 / ulp
                  : 0;
          by_angle = std::max({by_angle, judge(data[i0], x0 * cos - x1 * sin) - phase_error,
                               judge(data[i1], x0 * sin + x1 * cos) - phase_error});
        }
      }
    }
  }
  std::printf("rotation: %.4f ULP of hypot * m by the row, %.4f by the angle\n", by_row, by_angle);
  this->RecordProperty("by_row", std::to_string(by_row));
  this->RecordProperty("by_angle", std::to_string(by_angle));
  // The long double that judges doubles is good to 2^-11 of their ULP.
  EXPECT_LE(by_row, by_row_limit + (std::is_same_v<T, double> ? 0x1p-9 : 0));
  EXPECT_LE(by_angle, 2);
}

// ---- Widths -----------------------------------------------------------------------------------

TYPED_TEST(rope, of_every_rotary_dim_touches_what_it_should) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  for (std::int64_t rotary = 2; rotary <= 260; rotary += 2) {
    const auto rows = rows_of<T>(geometric(static_cast<std::size_t>(rotary / 2)),
                                 yarn::positions_from(rotary, 3));
    for (const std::int64_t extra : {0, 1, 2, 7, 64}) {
      const std::int64_t dim = rotary + extra;
      const auto size = static_cast<std::size_t>(3 * 2 * dim);
      const std::vector<T> values = random_values<T>(size, static_cast<std::uint64_t>(dim));
      std::vector<T> expected = values;
      rotate_simply(yarn::heads_view{expected.data(), 3, 2, dim}, rows, p);
      // Neither before the first element nor behind the last one is there any memory.
      for (const support::fence side : {support::fence::before, support::fence::behind}) {
        support::fenced_array<T> data(size, side);
        std::copy(values.begin(), values.end(), data.data());
        yarn::rope_apply(yarn::heads_view{data.data(), 3, 2, dim}, rows, p);
        const std::ptrdiff_t at = first_difference(data.data(), expected.data(), size);
        ASSERT_EQ(at, -1) << "rotary_dim " << rotary << ", head_dim " << dim << ": element " << at;
      }
    }
    // Nor behind an engine's row.
    const auto n_pairs = static_cast<std::size_t>(rotary / 2);
    support::fenced_array<T> cos(3 * n_pairs), sin(3 * n_pairs);
    for (std::int64_t t = 0; t < 3; ++t) {
      std::copy_n(rows.cos(t), n_pairs, cos.data() + static_cast<std::size_t>(t) * n_pairs);
      std::copy_n(rows.sin(t), n_pairs, sin.data() + static_cast<std::size_t>(t) * n_pairs);
    }
    std::vector<T> a = random_values<T>(static_cast<std::size_t>(3 * rotary), 4), b = a;
    yarn::rope_apply(yarn::heads_view{a.data(), 3, 1, rotary}, rows, p);
    yarn::rope_apply(yarn::heads_view{b.data(), 3, 1, rotary},
                     yarn::rows_view{cos.data(), sin.data(), 3, n_pairs, n_pairs}, p);
    expect_same(a, b, "fenced rows");
  }
}

TYPED_TEST(rope, of_wide_heads_goes_by_parts) {
  // More pairs than the scratch for rows holds: 1024 for float, 512 for double.
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  for (const std::size_t n_pairs : {511U, 512U, 513U, 1023U, 1024U, 1025U, 2049U, 5000U}) {
    const yarn::frequencies freqs = geometric(n_pairs);
    const std::int64_t dim = 2 * static_cast<std::int64_t>(n_pairs) + 3;
    const std::vector<T> values = random_values<T>(static_cast<std::size_t>(11 * dim), n_pairs);
    std::vector<T> expected = values, from_rows = values, from_freqs = values;
    const auto list = yarn::positions_from(1000, 11);
    const auto rows = rows_of<T>(freqs, list);
    rotate_simply(yarn::heads_view{expected.data(), 11, 1, dim}, rows, p);
    yarn::rope_apply(yarn::heads_view{from_rows.data(), 11, 1, dim}, rows, p);
    yarn::rope_apply(yarn::heads_view{from_freqs.data(), 11, 1, dim}, yarn::rows_of(freqs, list),
                     p);
    expect_same(from_rows, expected, "rows");
    expect_same(from_freqs, expected, "frequencies");
  }
}

TYPED_TEST(rope, of_any_number_of_tokens_and_heads) {
  // Rows are made for blocks of up to 32 tokens.
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  const yarn::frequencies freqs = geometric(9);
  for (const std::int64_t tokens : {1, 2, 3, 17, 31, 32, 33, 64, 100}) {
    for (const std::int64_t heads : {1, 2, 3, 17}) {
      const std::vector<T> values =
          random_values<T>(static_cast<std::size_t>(tokens * heads * 20), 5);
      std::vector<T> expected = values, from_rows = values, from_freqs = values;
      const auto rows = rows_of<T>(freqs, yarn::positions_from(-7, tokens));
      rotate_simply(yarn::heads_view{expected.data(), tokens, heads, 20}, rows, p);
      yarn::rope_apply(yarn::heads_view{from_rows.data(), tokens, heads, 20}, rows, p);
      yarn::rope_apply(yarn::heads_view{from_freqs.data(), tokens, heads, 20},
                       yarn::rows_of(freqs, yarn::positions_from(-7)), p);
      expect_same(from_rows, expected, "rows");
      expect_same(from_freqs, expected, "frequencies");
    }
  }
}

TYPED_TEST(rope, has_the_same_bits_at_any_alignment) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  const auto rows = rows_of<T>(geometric(24), yarn::positions_from(100, 4));
  const std::vector<T> values = random_values<T>(4 * 3 * 50, 6);
  std::vector<T> expected = values;
  rotate_simply(yarn::heads_view{expected.data(), 4, 3, 50}, rows, p);
  std::vector<T> cos(200), sin(200);
  for (std::size_t offset = 0; offset < 20; ++offset) {
    std::vector<T> memory(values.size() + 40, T{7});
    std::copy(values.begin(), values.end(), memory.begin() + static_cast<std::ptrdiff_t>(offset));
    for (std::size_t t = 0; t < 4; ++t) {
      std::copy_n(rows.cos(static_cast<std::int64_t>(t)), 24, cos.data() + offset + 27 * t);
      std::copy_n(rows.sin(static_cast<std::int64_t>(t)), 24, sin.data() + offset + 27 * t);
    }
    yarn::rope_apply(yarn::heads_view{memory.data() + offset, 4, 3, 50},
                     yarn::rows_view{cos.data() + offset, sin.data() + offset, 4, 24, 27}, p);
    ASSERT_EQ(first_difference(memory.data() + offset, expected.data(), expected.size()), -1)
        << offset;
    for (std::size_t i = 0; i < memory.size(); ++i) {
      ASSERT_TRUE((i >= offset && i < offset + values.size()) || memory[i] == T{7}) << i;
    }
  }
}

// ---- Layouts ----------------------------------------------------------------------------------

/// Rotates q and k of one buffer by rope_apply and simply, and demands the same buffer.
template <class T, class QView, class KView>
void expect_layout(std::size_t size, std::int64_t rotary, std::int64_t tokens, pairing p,
                   const QView& q_of, const KView& k_of, const char* what) {
  const auto rows = rows_of<T>(geometric(static_cast<std::size_t>(rotary / 2)),
                               yarn::positions_from(4000, tokens));
  std::vector<T> together = random_values<T>(size, 7), expected = together, apart = together;
  yarn::rope_apply(q_of(together.data()), k_of(together.data()), rows, p);
  rotate_simply(q_of(expected.data()), rows, p);
  rotate_simply(k_of(expected.data()), rows, p);
  expect_same(together, expected, what);
  yarn::rope_apply(k_of(apart.data()), rows, p);
  yarn::rope_apply(q_of(apart.data()), rows, p);
  expect_same(apart, expected, std::string(what) + ", apart");
}

TYPED_TEST(rope, of_packed_qkv) {
  using T = typename TypeParam::type;
  // [token][q heads | k heads | v heads][dim]: 8 query heads, 2 of k and of v.
  constexpr std::int64_t tokens = 37, dim = 24, row = (8 + 2 + 2) * dim;
  expect_layout<T>(
      tokens * row, 16, tokens, TypeParam::pairs,
      [](T* data) {
        return yarn::heads_view{data, tokens, 8, dim}.with_strides(row, dim);
      },
      [](T* data) {
        return yarn::heads_view{data + 8 * dim, tokens, 2, dim}.with_strides(row, dim);
      },
      "packed");
}

TYPED_TEST(rope, of_head_major_tensors) {
  using T = typename TypeParam::type;
  // [head][token][dim], q before k, a gap behind each head of k.
  constexpr std::int64_t tokens = 70, dim = 34, k_head = tokens * dim + 5;
  expect_layout<T>(
      3 * tokens * dim + 2 * k_head, 34, tokens, TypeParam::pairs,
      [](T* data) {
        return yarn::heads_view{data, tokens, 3, dim}.with_strides(dim, tokens * dim);
      },
      [](T* data) {
        return yarn::heads_view{data + 3 * tokens * dim, tokens, 2, dim}.with_strides(dim, k_head);
      },
      "head-major");
}

TYPED_TEST(rope, of_the_back_part_of_heads) {
  using T = typename TypeParam::type;
  // MLA: the last 16 of 48 elements of a query head; one key head of 16 behind a latent of 80.
  constexpr std::int64_t tokens = 5, heads = 6, k_row = 96, q_size = tokens * heads * 48;
  expect_layout<T>(
      q_size + tokens * k_row, 16, tokens, TypeParam::pairs,
      [](T* data) {
        return yarn::heads_view{data + 32, tokens, heads, 16}.with_strides(heads * 48, 48);
      },
      [](T* data) {
        return yarn::heads_view{data + q_size + 80, tokens, 1, 16}.with_strides(k_row, k_row);
      },
      "back part");
}

TYPED_TEST(rope, of_grouped_heads) {
  using T = typename TypeParam::type;
  for (const std::int64_t k_heads : {1, 2, 7, 32}) {
    constexpr std::int64_t tokens = 3, q_heads = 32, dim = 10;
    expect_layout<T>(
        static_cast<std::size_t>(tokens * (q_heads + k_heads) * dim), 10, tokens, TypeParam::pairs,
        [](T* data) {
          return yarn::heads_view{data, tokens, q_heads, dim};
        },
        [&](T* data) {
          return yarn::heads_view{data + tokens * q_heads * dim, tokens, k_heads, dim};
        },
        "grouped");
  }
}

TYPED_TEST(rope, of_nothing_is_nothing) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  const yarn::frequencies freqs = geometric(4);
  T* const null = nullptr;
  const yarn::heads_view no_tokens{null, 0, 8, 8};
  yarn::rope_apply(no_tokens, no_tokens, yarn::rows_of(freqs, yarn::positions_from(5)), p);
  yarn::rope_apply(no_tokens, yarn::rows_of(freqs, yarn::positions_from(5, 0)), p);
  yarn::rope_apply(no_tokens, rows_of<T>(freqs, yarn::positions_from(0, 0)), p);
  const yarn::rotary_table<T> table(freqs, 3);
  yarn::rope_apply(no_tokens, no_tokens, yarn::rows_of(table, yarn::positions_from(2)), p);

  // No k: q is rotated all the same, whatever the strides of k say.
  for (const std::int64_t k_stride : {0, 8, 1000}) {
    std::vector<T> data = random_values<T>(40 * 8, 8), expected = data;
    const auto rows = rows_of<T>(freqs, yarn::positions_from(0, 40));
    const yarn::heads_view no_heads = yarn::heads_view{null, 40, 0, 8}.with_strides(k_stride, 8);
    yarn::rope_apply(yarn::heads_view{data.data(), 40, 1, 8}, no_heads, rows, p);
    rotate_simply(yarn::heads_view{expected.data(), 40, 1, 8}, rows, p);
    expect_same(data, expected, "q without k");
    yarn::rope_apply(no_heads, yarn::heads_view{data.data(), 40, 1, 8}, rows, p);
    rotate_simply(yarn::heads_view{expected.data(), 40, 1, 8}, rows, p);
    expect_same(data, expected, "k without q");
  }
}

TEST(rope, pairings_are_permutations_of_each_other) {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    for (const std::int64_t n_pairs : {1, 2, 3, 8, 15, 16, 17, 33, 64}) {
      const auto rows =
          rows_of<T>(geometric(static_cast<std::size_t>(n_pairs)), yarn::positions_from(500, 6));
      const std::int64_t dim = 2 * n_pairs + 1;
      std::vector<T> split = random_values<T>(static_cast<std::size_t>(6 * 2 * dim), 9);
      std::vector<T> woven = split;
      const auto weave = [&](const std::vector<T>& from, std::vector<T>& to) {
        for (std::int64_t head = 0; head < 12; ++head) {
          for (std::int64_t pair = 0; pair < n_pairs; ++pair) {
            for (std::int64_t part = 0; part < 2; ++part) {
              to[static_cast<std::size_t>(head * dim + 2 * pair + part)] =
                  from[static_cast<std::size_t>(head * dim + pair + part * n_pairs)];
            }
          }
        }
      };
      weave(split, woven);
      yarn::rope_apply(yarn::heads_view{split.data(), 6, 2, dim}, rows, half_split);
      yarn::rope_apply(yarn::heads_view{woven.data(), 6, 2, dim}, rows, interleaved);
      std::vector<T> expected = split;
      weave(split, expected);
      expect_same(woven, expected, std::to_string(n_pairs));
    }
  };
  check(0.0F);
  check(0.0);
}

// ---- Sources ----------------------------------------------------------------------------------

TYPED_TEST(rope, has_the_same_bits_from_every_source) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  constexpr std::int64_t tokens = 45, heads = 2, n_pairs = 19, dim = 41, n_positions = 300;
  const yarn::frequencies freqs = geometric(n_pairs);
  std::vector<std::int64_t> run(tokens), list(tokens);
  std::iota(run.begin(), run.end(), 200);
  random_source random(10);
  std::generate(list.begin(), list.end(), [&] { return random.integer(0, n_positions - 1); });
  std::copy_n(run.begin(), 20, list.begin() + 10); // the list has a run in it

  const yarn::rotary_table<T> table = yarn::make_table<T>(freqs, n_positions);
  // The engine's own arrays: separate, separate with a stride, packed dense, packed with a stride.
  const std::int64_t stride = n_pairs + 5, wide_stride = 2 * n_pairs + 7;
  std::vector<T> cos(n_positions * stride), sin(n_positions * stride);
  std::vector<T> packed(n_positions * 2 * n_pairs), packed_wide(n_positions * wide_stride);
  for (std::int64_t position = 0; position < n_positions; ++position) {
    const T *const c = table.cos(position), *const s = table.sin(position);
    std::copy_n(c, n_pairs, cos.data() + position * stride);
    std::copy_n(s, n_pairs, sin.data() + position * stride);
    std::copy_n(c, n_pairs, packed.data() + position * 2 * n_pairs);
    std::copy_n(s, n_pairs, packed.data() + position * 2 * n_pairs + n_pairs);
    std::copy_n(c, n_pairs, packed_wide.data() + position * wide_stride);
    std::copy_n(s, n_pairs, packed_wide.data() + position * wide_stride + n_pairs);
  }
  const yarn::table_view<T> separate{cos.data(), sin.data(), n_positions, n_pairs, stride};
  const auto dense = yarn::table_view<T>::packed(packed.data(), n_positions, n_pairs);
  const auto spaced =
      yarn::table_view<T>::packed(packed_wide.data(), n_positions, n_pairs, wide_stride);

  const std::vector<T> values = random_values<T>(tokens * heads * dim, 11);
  for (const std::vector<std::int64_t>& where : {run, list}) {
    const std::vector<std::int32_t> where32(where.begin(), where.end());
    const auto rows = rows_of<T>(freqs, yarn::positions(where));
    std::vector<T> expected = values;
    rotate_simply(yarn::heads_view{expected.data(), tokens, heads, dim}, rows, p);
    const auto check = [&](const char* what, const auto& source) {
      std::vector<T> data = values, twin = values;
      const yarn::heads_view x{data.data(), tokens, heads, dim};
      const yarn::heads_view y{twin.data(), tokens, heads, dim};
      yarn::rope_apply(x, source, p);
      expect_same(data, expected, what);
      data = values;
      yarn::rope_apply(x, y, source, p);
      expect_same(data, expected, what);
      expect_same(twin, expected, what);
      data = values;
      twin = values;
      yarn::rope_check(x, y, source, p);
      expect_same(data, values, what); // looks, and touches nothing
      yarn::rope_apply_unchecked(x, y, source, p);
      expect_same(data, expected, what);
      expect_same(twin, expected, what);
    };
    const yarn::positions in64(where), in32(where32);
    check("rows", rows);
    check("rows view", rows.view());
    check("frequencies", yarn::rows_of(freqs, in64));
    check("frequencies, 32-bit positions", yarn::rows_of(freqs, in32));
    check("table", yarn::rows_of(table, in64));
    check("table view", yarn::rows_of(table.view(), in32));
    check("separate arrays", yarn::rows_of(separate, in64));
    check("packed array", yarn::rows_of(dense, in64));
    check("packed array with a stride", yarn::rows_of(spaced, in32));
    if (&where == &run || where == run) {
      const auto open = yarn::positions_from(200);
      check("frequencies, run", yarn::rows_of(freqs, open));
      check("frequencies, run of a length",
            yarn::rows_of(freqs, yarn::positions_from(200, tokens)));
      check("table, run", yarn::rows_of(table, open));
      check("separate arrays, run", yarn::rows_of(separate, open));
    }
  }
}

template <class Stored> float stored_value(std::uint16_t bits);
template <> float stored_value<yarn::bfloat16>(std::uint16_t bits) {
  return support::from_bits<float>(static_cast<std::uint32_t>(bits) << 16U);
}
template <> float stored_value<yarn::float16>(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                   : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

TYPED_TEST(rope, takes_16_bit_rows_and_tables_exactly) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  const auto check = [](auto format) {
    using stored = decltype(format);
    // Every finite bit pattern, subnormals too, as cos and as sin.
    constexpr std::int64_t n_pairs = 64;
    std::vector<stored> cos, sin;
    std::vector<T> wide_cos, wide_sin;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      const auto exponent =
          std::is_same_v<stored, yarn::float16> ? bits >> 10U & 31U : bits >> 7U & 255U;
      if (exponent == (std::is_same_v<stored, yarn::float16> ? 31U : 255U)) {
        continue;
      }
      for (const bool is_cos : {true, false}) {
        const auto pattern = static_cast<std::uint16_t>(is_cos ? bits : bits * 40503U & 0x3fffU);
        (is_cos ? cos : sin).push_back({pattern});
        (is_cos ? wide_cos : wide_sin).push_back(static_cast<T>(stored_value<stored>(pattern)));
      }
    }
    const auto n_rows = static_cast<std::int64_t>(cos.size()) / n_pairs;
    const yarn::rows_view<stored> rows{cos.data(), sin.data(), n_rows, n_pairs, n_pairs};
    const yarn::table_view<stored> table{cos.data(), sin.data(), n_rows, n_pairs, n_pairs};
    const std::vector<T> values = random_values<T>(static_cast<std::size_t>(n_rows * 130), 12);
    std::vector<T> expected = values, from_rows = values, from_table = values;
    rotate_simply(yarn::heads_view{expected.data(), n_rows, 1, 130}, n_pairs, p,
                  [&](std::int64_t t) {
                    return std::pair<const T*, const T*>(wide_cos.data() + t * n_pairs,
                                                         wide_sin.data() + t * n_pairs);
                  });
    yarn::rope_apply(yarn::heads_view{from_rows.data(), n_rows, 1, 130}, rows, p);
    yarn::rope_apply(yarn::heads_view{from_table.data(), n_rows, 1, 130},
                     yarn::rows_of(table, yarn::positions_from(0)), p);
    expect_same(from_rows, expected, "rows");
    expect_same(from_table, expected, "table");
  };
  check(yarn::float16{});
  check(yarn::bfloat16{});
}

TEST(rope, takes_rows_of_the_other_width) {
  const yarn::frequencies freqs = geometric(21);
  const auto rows32 = rows_of<float>(freqs, yarn::positions_from(70, 5));
  const auto rows64 = rows_of<double>(freqs, yarn::positions_from(70, 5));
  for (const pairing p : {half_split, interleaved}) {
    // Doubles by float rows: widened. Floats by double rows: rounded, which here is the float row.
    std::vector<double> doubles = random_values<double>(5 * 42, 13), expected = doubles;
    yarn::rope_apply(yarn::heads_view{doubles.data(), 5, 1, 42}, rows32, p);
    std::vector<double> cos(21), sin(21);
    rotate_simply(yarn::heads_view{expected.data(), 5, 1, 42}, 21, p, [&](std::int64_t t) {
      std::copy_n(rows32.cos(t), 21, cos.begin());
      std::copy_n(rows32.sin(t), 21, sin.begin());
      return std::pair<const double*, const double*>(cos.data(), sin.data());
    });
    expect_same(doubles, expected, "doubles by float rows");
    std::vector<float> a = random_values<float>(5 * 42, 14), b = a;
    yarn::rope_apply(yarn::heads_view{a.data(), 5, 1, 42}, rows64, p);
    yarn::rope_apply(yarn::heads_view{b.data(), 5, 1, 42}, rows32, p);
    expect_same(a, b, "floats by double rows");
  }
}

TEST(rope, by_float32_pipeline_is_by_its_rows) {
  const yarn::frequencies freqs = yarn::float32_pipeline(geometric(70));
  std::vector<float> a = random_values<float>(40 * 140, 15), b = a;
  yarn::rope_apply(yarn::heads_view{a.data(), 40, 1, 140},
                   yarn::rows_of(freqs, yarn::positions_from(100000)), half_split);
  rotate_simply(yarn::heads_view{b.data(), 40, 1, 140},
                rows_of<float>(freqs, yarn::positions_from(100000, 40)), half_split);
  expect_same(a, b);
}

// ---- Slices -----------------------------------------------------------------------------------

TYPED_TEST(rope, of_slices_makes_the_whole) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  const yarn::frequencies freqs = geometric(12);
  const auto table = yarn::make_table<T>(freqs, 200);
  for (const std::int64_t tokens : {0, 1, 5, 64, 131}) {
    const auto size = static_cast<std::size_t>(tokens * 2 * 26);
    const std::vector<T> q = random_values<T>(size, 16), k = random_values<T>(size, 17);
    std::vector<T> q_whole = q, k_whole = k;
    const auto rows = rows_of<T>(freqs, yarn::positions_from(30, tokens));
    yarn::rope_apply(yarn::heads_view{q_whole.data(), tokens, 2, 26},
                     yarn::heads_view{k_whole.data(), tokens, 2, 26}, rows, p);
    for (const std::int64_t count : {1, 2, 3, 7, 64, 130, 131, 132, 1000}) {
      std::vector<T> q_parts = q, k_parts = k, alone = q;
      std::vector<int> touched(static_cast<std::size_t>(tokens));
      for (std::int64_t index = 0; index < count; ++index) {
        const yarn::slice part{(index * 37 + 5) % count, count}; // all of them, in another order
        const bool permutes = std::gcd(std::int64_t{37}, count) == 1;
        const yarn::slice one = permutes ? part : yarn::slice{index, count};
        const std::vector<T> before = q_parts;
        const yarn::heads_view x{q_parts.data(), tokens, 2, 26}, y{k_parts.data(), tokens, 2, 26},
            z{alone.data(), tokens, 2, 26};
        if (index % 3 == 0) {
          yarn::rope_apply_unchecked(x, y, rows, p, one);
          yarn::rope_apply_unchecked(z, rows, p, one);
        } else if (index % 3 == 1) {
          yarn::rope_apply_unchecked(x, y, yarn::rows_of(freqs, yarn::positions_from(30)), p, one);
          yarn::rope_apply_unchecked(z, yarn::rows_of(freqs, yarn::positions_from(30)), p, one);
        } else {
          yarn::rope_apply_unchecked(x, y, yarn::rows_of(table, yarn::positions_from(30)), p, one);
          yarn::rope_apply_unchecked(z, yarn::rows_of(table, yarn::positions_from(30)), p, one);
        }
        for (std::size_t t = 0; t < touched.size(); ++t) {
          touched[t] +=
              first_difference(q_parts.data() + t * 52, before.data() + t * 52, 52) == -1 ? 0 : 1;
        }
      }
      expect_same(q_parts, q_whole, "q");
      expect_same(k_parts, k_whole, "k");
      expect_same(alone, q_whole, "q alone");
      for (const int times : touched) {
        ASSERT_EQ(times, 1) << tokens << " tokens, " << count << " slices";
      }
    }
  }
}

// ---- The group --------------------------------------------------------------------------------

// In units of 2^-23 (2^-52) of the size of the result: a rotation is within 2 of the true one in
// each element, hence within 2 sqrt 2 as a complex number. Two in sequence: 2 sqrt 2 + 2. Against a
// third one: 2 more.
constexpr double one_rotation = 2.83;
constexpr double two_rotations = 4.83;
constexpr double three_rotations = 6.83;

template <class T> constexpr double unit = std::numeric_limits<T>::epsilon();

/// The largest |a - b| over the pairs, in units of 2^-23 (2^-52) of hypot(x) * m.
template <class T>
double largest_error(const std::vector<T>& a, const std::vector<T>& b, const std::vector<T>& x,
                     std::int64_t n_pairs, pairing p, double m) {
  double worst = 0;
  for (std::size_t head = 0; head < a.size(); head += static_cast<std::size_t>(2 * n_pairs)) {
    for (std::int64_t pair = 0; pair < n_pairs; ++pair) {
      const auto [at0, at1] = elements(p, pair, n_pairs);
      const std::size_t i0 = head + static_cast<std::size_t>(at0),
                        i1 = head + static_cast<std::size_t>(at1);
      const double size = std::hypot(static_cast<double>(x[i0]), static_cast<double>(x[i1])) * m;
      for (const std::size_t i : {i0, i1}) {
        const double error = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        worst = std::max(worst, size > 0 ? error / (size * unit<T>) : error);
      }
    }
  }
  return worst;
}

constexpr std::int64_t group_tokens = 64;

/// Tensors of one head a token, and the frequencies of two configurations at the same time.
template <class T> struct group_case {
  std::vector<std::int64_t> positions;
  std::vector<T> x;
  yarn::frequencies before = yarn::make_frequencies(support::shape_of(96, 1e4), dynamic(), 4096);
  yarn::frequencies after = yarn::make_frequencies(support::shape_of(96, 1e4), dynamic(), 30000);

  static yarn::dynamic_yarn_scaling dynamic() {
    yarn::dynamic_yarn_scaling method;
    method.original_max_position_embeddings = 4096;
    return method;
  }
  explicit group_case(std::uint64_t seed) : x(random_values<T>(group_tokens * 96, seed)) {
    // Doubles resolve the phase's 2^-65 turns a token from some position 2^8 on.
    const std::int64_t limit = std::is_same_v<T, double> ? 200 : std::int64_t{1} << 24;
    random_source random(seed);
    for (std::int64_t t = 0; t < group_tokens; ++t) {
      positions.push_back(random.integer(-limit, limit));
    }
  }
  void rotate(std::vector<T>& data, const yarn::frequencies& freqs, pairing p,
              const std::vector<std::int64_t>& where) const {
    yarn::rope_apply(yarn::heads_view{data.data(), group_tokens, 1, 96},
                     yarn::rows_of(freqs, yarn::positions(where)), p);
  }
};

TYPED_TEST(rope, inverse_undoes) {
  using T = typename TypeParam::type;
  const group_case<T> one(20);
  std::vector<T> data = one.x;
  one.rotate(data, one.after, TypeParam::pairs, one.positions);
  one.rotate(data, yarn::inverse(one.after), TypeParam::pairs, one.positions);
  const double error = largest_error(data, one.x, one.x, 48, TypeParam::pairs, 1);
  std::printf("inverse: %.2f units\n", error);
  EXPECT_LE(error, two_rotations);
  EXPECT_GT(one.after.attention_factor(), 1.19); // an inverse that forgets m would show
}

TYPED_TEST(rope, adjoint_is_the_transpose) {
  using T = typename TypeParam::type;
  const group_case<T> one(21);
  const std::vector<T> y = random_values<T>(one.x.size(), 22);
  std::vector<T> rx = one.x, ry = y;
  one.rotate(rx, one.after, TypeParam::pairs, one.positions);
  one.rotate(ry, yarn::adjoint(one.after), TypeParam::pairs, one.positions);
  // Head by head: <R x, y> = <x, R^T y>.
  for (std::size_t head = 0; head < one.x.size(); head += 96) {
    long double left = 0, right = 0, scale = 0;
    for (std::size_t i = head; i < head + 96; ++i) {
      left += static_cast<long double>(rx[i]) * static_cast<long double>(y[i]);
      right += static_cast<long double>(one.x[i]) * static_cast<long double>(ry[i]);
      scale += std::fabs(static_cast<long double>(rx[i]) * static_cast<long double>(y[i])) +
               std::fabs(static_cast<long double>(one.x[i]) * static_cast<long double>(ry[i]));
    }
    EXPECT_LE(static_cast<double>(std::fabs(left - right)),
              2 * one_rotation * unit<T> * static_cast<double>(scale));
  }
  // Twice forward and back is m^2, not 1.
  one.rotate(rx, yarn::adjoint(one.after), TypeParam::pairs, one.positions);
  const double m = one.after.attention_factor();
  std::vector<T> expected = one.x;
  for (T& value : expected) {
    value = static_cast<T>(static_cast<double>(value) * m * m);
  }
  EXPECT_LE(largest_error(rx, expected, one.x, 48, TypeParam::pairs, m * m), two_rotations + 0.5);
}

TYPED_TEST(rope, unscaled_moves_cached_keys) {
  using T = typename TypeParam::type;
  const group_case<T> one(23);
  random_source random(24);
  std::vector<std::int64_t> delta, moved;
  for (const std::int64_t position : one.positions) {
    delta.push_back(random.integer(-100, 100));
    moved.push_back(position + delta.back());
  }
  std::vector<T> shifted = one.x, anew = one.x;
  one.rotate(shifted, one.after, TypeParam::pairs, one.positions);
  one.rotate(shifted, yarn::unscaled(one.after), TypeParam::pairs, delta);
  one.rotate(anew, one.after, TypeParam::pairs, moved);
  const double error =
      largest_error(shifted, anew, one.x, 48, TypeParam::pairs, one.after.attention_factor());
  std::printf("shift: %.2f units\n", error);
  EXPECT_LE(error, three_rotations);
}

TYPED_TEST(rope, rerotation_takes_keys_to_another_scaling) {
  using T = typename TypeParam::type;
  const group_case<T> one(25);
  ASSERT_NE(one.before.attention_factor(), one.after.attention_factor());
  for (const bool back : {false, true}) {
    const yarn::frequencies& from = back ? one.after : one.before;
    const yarn::frequencies& to = back ? one.before : one.after;
    std::vector<T> cached = one.x, anew = one.x;
    one.rotate(cached, from, TypeParam::pairs, one.positions);
    one.rotate(cached, yarn::rerotation(from, to), TypeParam::pairs, one.positions);
    one.rotate(anew, to, TypeParam::pairs, one.positions);
    const double error =
        largest_error(cached, anew, one.x, 48, TypeParam::pairs, to.attention_factor());
    std::printf("rerotation: %.2f units\n", error);
    EXPECT_LE(error, three_rotations);
  }
}

TYPED_TEST(rope, keeps_the_norm_times_m) {
  using T = typename TypeParam::type;
  const group_case<T> one(26);
  std::vector<T> data = one.x;
  one.rotate(data, one.after, TypeParam::pairs, one.positions);
  for (std::size_t head = 0; head < data.size(); head += 96) {
    for (std::int64_t pair = 0; pair < 48; ++pair) {
      const auto [at0, at1] = elements(TypeParam::pairs, pair, 48);
      const auto norm = [&, i0 = head + static_cast<std::size_t>(at0),
                         i1 = head + static_cast<std::size_t>(at1)](const std::vector<T>& x) {
        return std::hypot(static_cast<double>(x[i0]), static_cast<double>(x[i1]));
      };
      const double expected = norm(one.x) * one.after.attention_factor();
      ASSERT_NEAR(norm(data), expected, one_rotation * unit<T> * expected);
    }
  }
}

TYPED_TEST(rope, scores_depend_on_the_distance_only) {
  using T = typename TypeParam::type;
  const group_case<T> one(27);
  const std::vector<T> q = random_values<T>(96, 28), k = random_values<T>(96, 29);
  const double m = one.after.attention_factor();
  double size = 0;
  for (std::size_t i = 0; i < 96; ++i) {
    size += std::hypot(static_cast<double>(q[i]), 2.0) * std::hypot(static_cast<double>(k[i]), 2.0);
  }
  const auto score = [&](std::int64_t q_position, std::int64_t k_position) {
    std::vector<T> rq = q, rk = k;
    yarn::rope_apply(yarn::heads_view{rq.data(), 1, 1, 96},
                     yarn::rows_of(one.after, yarn::positions_from(q_position)), TypeParam::pairs);
    yarn::rope_apply(yarn::heads_view{rk.data(), 1, 1, 96},
                     yarn::rows_of(one.after, yarn::positions_from(k_position)), TypeParam::pairs);
    long double sum = 0;
    for (std::size_t i = 0; i < 96; ++i) {
      sum += static_cast<long double>(rq[i]) * static_cast<long double>(rk[i]);
    }
    return static_cast<double>(sum);
  };
  for (const std::int64_t distance : {0, 1, 77}) {
    const double near = score(distance, 0);
    for (const std::int64_t offset : {1, -5, 100, 150}) {
      EXPECT_NEAR(score(offset + distance, offset), near,
                  4 * one_rotation * unit<T> * m * m * size);
    }
    if (std::is_same_v<T, float>) { // where the common float32 angles are off by 4e-3
      for (const std::int64_t offset : {131071, 1048575, 16777000}) {
        EXPECT_NEAR(score(offset + distance, offset), near,
                    4 * one_rotation * unit<T> * m * m * size);
      }
    }
    EXPECT_GT(std::fabs(score(distance + 1, 0) - near), 1e-3);
  }
}

TYPED_TEST(rope, twice_is_twice) {
  using T = typename TypeParam::type;
  const group_case<T> one(30);
  const yarn::frequencies plain = yarn::unscaled(one.after);
  std::vector<T> twice = one.x, doubled = one.x;
  std::vector<std::int64_t> double_positions = one.positions;
  for (std::int64_t& position : double_positions) {
    position *= 2;
  }
  one.rotate(twice, plain, TypeParam::pairs, one.positions);
  one.rotate(twice, plain, TypeParam::pairs, one.positions);
  one.rotate(doubled, plain, TypeParam::pairs, double_positions);
  EXPECT_LE(largest_error(twice, doubled, one.x, 48, TypeParam::pairs, 1), three_rotations);
}

TEST(rope, two_configurations_live_side_by_side) {
  // Layers of two kinds (Gemma-3): what one call makes must not leak into the other.
  const auto local = yarn::make_frequencies(support::shape_of(64, 1e4), yarn::default_scaling{});
  yarn::linear_scaling linear;
  linear.factor = 8;
  const auto global = yarn::make_frequencies(support::shape_of(64, 1e6), linear);
  const auto local_rows = rows_of<float>(local, yarn::positions_from(9, 40));
  const auto global_rows = rows_of<float>(global, yarn::positions_from(9, 40));
  for (int layer = 0; layer < 4; ++layer) {
    std::vector<float> data = random_values<float>(40 * 64, 31), expected = data;
    const auto& freqs = layer % 2 == 0 ? local : global;
    yarn::rope_apply(yarn::heads_view{data.data(), 40, 1, 64},
                     yarn::rows_of(freqs, yarn::positions_from(9)), half_split);
    rotate_simply(yarn::heads_view{expected.data(), 40, 1, 64},
                  layer % 2 == 0 ? local_rows : global_rows, half_split);
    expect_same(data, expected, "layer " + std::to_string(layer));
  }
}

// ---- Special values ----------------------------------------------------------------------------

TYPED_TEST(rope, keeps_infinity_and_nan_in_their_pair) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  const auto rows = rows_of<T>(geometric(16), yarn::positions_from(5, 1));
  for (const T special :
       {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
        std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::denorm_min()}) {
    for (std::int64_t pair = 0; pair < 16; ++pair) {
      std::vector<T> data(32, T{1}), plain(32, T{1});
      const auto at0 = static_cast<std::size_t>(elements(p, pair, 16).first);
      const auto at1 = static_cast<std::size_t>(elements(p, pair, 16).second);
      data[at0] = special;
      yarn::rope_apply(yarn::heads_view{data.data(), 1, 1, 32}, rows, p);
      yarn::rope_apply(yarn::heads_view{plain.data(), 1, 1, 32}, rows, p);
      for (std::size_t i = 0; i < 32; ++i) {
        if (i != at0 && i != at1) {
          ASSERT_EQ(bits_of(data[i]), bits_of(plain[i]));
        } else if (std::isnan(special)) {
          ASSERT_TRUE(std::isnan(data[i]));
        } else if (std::isinf(special)) {
          ASSERT_TRUE(std::isinf(data[i]));
        } else {
          ASSERT_EQ(data[i], i == at0 ? -rows.sin(0)[pair] : rows.cos(0)[pair]);
        }
      }
    }
  }
}

// ---- The unchecked call ------------------------------------------------------------------------

using data_view = yarn::heads_view<float>;
template <class Source>
using rows_at =
    decltype(yarn::rows_of(std::declval<const Source&>(), std::declval<const yarn::positions&>()));
template <class... Arguments>
constexpr bool
    never_throws = noexcept(yarn::rope_apply_unchecked(std::declval<const Arguments&>()...));

static_assert(never_throws<data_view, yarn::rotary_rows<float>, pairing>);
static_assert(never_throws<data_view, yarn::rotary_rows<float>, pairing, yarn::slice>);
static_assert(never_throws<data_view, data_view, yarn::rows_view<float>, pairing, yarn::slice>);
static_assert(never_throws<data_view, rows_at<yarn::frequencies>, pairing>);
static_assert(never_throws<data_view, data_view, rows_at<yarn::frequencies>, pairing>);
static_assert(never_throws<data_view, rows_at<yarn::rotary_table<float>>, pairing>);
static_assert(never_throws<data_view, data_view, rows_at<yarn::table_view<yarn::bfloat16>>, pairing,
                           yarn::slice>);
// The condition can be false, too:
static_assert(!noexcept(yarn::rope_apply(std::declval<const data_view&>(),
                                         std::declval<const yarn::rotary_rows<float>&>(),
                                         half_split)));

TYPED_TEST(rope, allocates_nothing) {
  using T = typename TypeParam::type;
  constexpr pairing p = TypeParam::pairs;
  const yarn::frequencies freqs = geometric(48);
  const auto rows = rows_of<T>(freqs, yarn::positions_from(0, 70));
  const auto table = yarn::make_table<T>(freqs, 100);
  std::vector<T> data = random_values<T>(70 * 100, 32);
  std::vector<yarn::bfloat16> cos(70 * 48, {0x3f00}), sin(70 * 48, {0x3f00});
  const yarn::heads_view x{data.data(), 70, 1, 100};
  const std::vector<std::int64_t> list(70, 7);
  const long before = allocations;
  ASSERT_GT(before, 0); // they are counted
  yarn::rope_check(x, rows, p);
  yarn::rope_apply(x, rows, p);
  yarn::rope_apply(x, yarn::rows_of(freqs, yarn::positions(list)), p);
  yarn::rope_apply(x, yarn::rows_of(freqs, yarn::positions_from(5)), p);
  yarn::rope_apply(x, yarn::rows_of(table, yarn::positions(list)), p);
  yarn::rope_apply(x, yarn::rows_view{cos.data(), sin.data(), 70, 48, 48}, p);
  for (int part = 0; part < 3; ++part) {
    yarn::rope_apply_unchecked(x, yarn::rows_of(freqs, yarn::positions_from(9)), p,
                               yarn::slice{part, 3});
  }
  EXPECT_EQ(allocations, before);
}

} // namespace
