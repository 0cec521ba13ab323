// SPDX-License-Identifier: MIT
// rope_apply for every element type, pairing, even rotary_dim from 2 to 260 and a few long ones, in
// memory that ends or begins at an inaccessible page, at every alignment, with every layout of
// DESIGN.md, section 2. Every byte that such a tensor has around it is compared with what the
// documented arithmetic leaves there, and every rotated element with the exact rotation.
// YARN_PRINT_ERRORS=1 prints the largest errors.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using support::element;
using support::random_source;
using yarn::pairing;

template <class T, pairing Pairing> struct subject {
  using type = T;
  static constexpr pairing order = Pairing;
  static std::string name() {
    return std::string(element<T>::name) +
           (Pairing == pairing::half_split ? "_half_split" : "_interleaved");
  }
};
using subjects = ::testing::Types<
    subject<float, pairing::half_split>, subject<float, pairing::interleaved>,
    subject<double, pairing::half_split>, subject<double, pairing::interleaved>,
    subject<yarn::float16, pairing::half_split>, subject<yarn::float16, pairing::interleaved>,
    subject<yarn::bfloat16, pairing::half_split>, subject<yarn::bfloat16, pairing::interleaved>>;

struct subject_names {
  template <class Subject> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return Subject::name();
  }
};
template <class Subject> class rope_typed : public ::testing::Test {};
TYPED_TEST_SUITE(rope_typed, subjects, subject_names);

bool prints_errors() {
  const char* const asked = std::getenv("YARN_PRINT_ERRORS");
  return asked != nullptr && *asked == '1';
}

// ---- Errors -----------------------------------------------------------------------------------
//
// With H = hypot(x0, x1) hypot(cos, sin) and U its unit in the last place: |x0 cos| + |x1 sin| <= H
// (Cauchy and Schwarz), so the product is off by U/2 at most, and the fused multiply-add by another
// U/2. Without one there are two products and a sum; of the products only one can reach the power
// of two below H, so the other is off by U/4: 5U/4 altogether.
//
// A 16-bit element is the nearest to such a float: half a unit of its own at the exact value, and
// what the float is off.
#if YARN_HAS_FMA
constexpr double most_units = 1.0;
#else
constexpr double most_units = 1.25;
#endif
// Of the oracle itself: three roundings of 64 bits or more, far below a double's unit.
constexpr double oracle_noise = 0x1p-9;

/// The largest errors of a type.
struct worst_errors {
  double of_size = 0;      // in units of the type at H
  double beyond_round = 0; // what exceeds half a unit of the type at the exact value, in
                           // units of what the rotation computes in at H
};

template <class T> void judge(T value, long double exact, double size, worst_errors& worst) {
  using compute = support::compute_type<T>;
  const auto error =
      static_cast<double>(std::fabs(static_cast<long double>(element<T>::widen(value)) - exact));
  const double half = std::is_same_v<T, compute>
                          ? 0
                          : support::unit_at<T>(static_cast<double>(std::fabs(exact))) / 2;
  worst.of_size = std::max(worst.of_size, error / support::unit_at<T>(size));
  worst.beyond_round =
      std::max(worst.beyond_round, (error - half) / support::unit_at<compute>(size));
}

template <class Subject> void report(const char* what, const worst_errors& worst) {
  if (prints_errors()) {
    std::printf("%-24s %s: %.4f units of hypot * m; %.4f beyond the one rounding\n",
                Subject::name().c_str(), what, worst.of_size, worst.beyond_round);
  }
  ::testing::Test::RecordProperty(what, std::to_string(worst.of_size));
}

// ---- Tensors beside inaccessible pages --------------------------------------------------------

/// Some pages between two that nobody may touch, and what must be in them.
class arena {
public:
  static constexpr std::size_t size = 256 * 1024;

  arena() : now_(size), expected_(size) {}
  unsigned char* at(std::size_t byte) { return now_.data() + byte; }
  unsigned char* expected_at(std::size_t byte) { return expected_.data() + byte; }
  /// Fills the bytes around a tensor with noise.
  void begin(std::size_t first, std::size_t last, random_source& random) {
    constexpr std::size_t around = 192;
    first_ = first < around ? 0 : first - around;
    last_ = std::min(last + around, size);
    const std::vector<unsigned char>& noise = noise_bytes();
    std::memcpy(at(first_), noise.data() + random.next() % 4096, last_ - first_);
  }
  void snapshot() { std::memcpy(expected_at(first_), at(first_), last_ - first_); }
  bool is_as_expected() {
    return std::memcmp(expected_at(first_), at(first_), last_ - first_) == 0;
  }
  std::size_t first_difference() {
    return first_ + static_cast<std::size_t>(
                        support::first_difference(expected_at(first_), at(first_), last_ - first_));
  }

private:
  static const std::vector<unsigned char>& noise_bytes() {
    static const std::vector<unsigned char> noise = [] {
      random_source random(17);
      std::vector<unsigned char> bytes(size + 4096);
      std::generate(bytes.begin(), bytes.end(),
                    [&] { return static_cast<unsigned char>(random.next() >> 56U); });
      return bytes;
    }();
    return noise;
  }

  support::fenced_array<unsigned char> now_;
  std::vector<unsigned char> expected_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
};

/// A tensor in an arena, in elements from the arena's begin.
struct placed {
  arena* memory;
  std::size_t first_byte;
  std::size_t n_tokens;
  std::size_t n_heads;
  std::size_t head_dim;
  std::size_t token_stride;
  std::size_t head_stride;

  template <class T> yarn::heads_view<T> view() const {
    return yarn::heads_view{reinterpret_cast<T*>(memory->at(first_byte)), n_tokens, n_heads,
                            head_dim}
        .with_strides(token_stride, head_stride);
  }
  /// Calls use(element, expected element) with the first element of every head.
  template <class T, class Use> void for_each_head(const Use& use) const {
    for (std::size_t t = 0; t < n_tokens; ++t) {
      for (std::size_t h = 0; h < n_heads; ++h) {
        const std::size_t byte = first_byte + (t * token_stride + h * head_stride) * sizeof(T);
        use(t, reinterpret_cast<T*>(memory->at(byte)),
            reinterpret_cast<T*>(memory->expected_at(byte)));
      }
    }
  }
};

enum class layout { dense, packed_qkv, head_major, back_part };
constexpr std::array<layout, 4> layouts{layout::dense, layout::packed_qkv, layout::head_major,
                                        layout::back_part};

struct geometry {
  std::size_t rotary_dim;
  std::size_t head_dim;
  std::size_t n_tokens;
  std::size_t n_q_heads;
  std::size_t n_kv_heads;
  layout shape;
  support::fence side;
  std::size_t offset; // bytes modulo 64 of the first element, or of the buffer

  std::string describe() const {
    constexpr std::array<const char*, 4> names{"dense", "packed", "head major", "back part"};
    return "rotary_dim " + std::to_string(rotary_dim) + " of " + std::to_string(head_dim) + ", " +
           std::to_string(n_tokens) + " tokens, heads " + std::to_string(n_q_heads) + " and " +
           std::to_string(n_kv_heads) + ", " + names[static_cast<std::size_t>(shape)] + ", " +
           (side == support::fence::behind ? "page behind" : "page before") + ", offset " +
           std::to_string(offset);
  }
};

/// Where a buffer of `span(pad)` elements begins; `pad` are elements put between its outer parts,
/// chosen so that it begins at `offset` modulo 64 and yet ends at the page.
template <class T, class Span>
std::size_t first_byte_of(const geometry& g, const Span& span, std::size_t& pad) {
  pad = 0;
  if (g.side == support::fence::before) {
    return g.offset;
  }
  for (std::size_t tried = 0; tried < 64 / sizeof(T); ++tried) {
    if ((arena::size - span(tried) * sizeof(T)) % 64 == g.offset) {
      pad = tried;
      break;
    }
  }
  return arena::size - span(pad) * sizeof(T);
}

/// q and k as the layout has them, each at its page, or in one buffer at both.
template <class T>
std::pair<placed, placed> place(const geometry& g, arena& for_q, arena& for_k,
                                random_source& random) {
  const std::size_t dim = g.head_dim, tokens = g.n_tokens;
  std::size_t pad = 0;
  if (g.shape == layout::packed_qkv) { // rows of [q | v | k]
    const std::size_t row = (g.n_q_heads + 2 * g.n_kv_heads) * dim;
    const auto span = [&](std::size_t gap) { return (tokens - 1) * (row + gap) + row; };
    const std::size_t byte = first_byte_of<T>(g, span, pad);
    for_q.begin(byte, byte + span(pad) * sizeof(T), random);
    const std::size_t k_byte = byte + (g.n_q_heads + g.n_kv_heads) * dim * sizeof(T);
    return {{&for_q, byte, tokens, g.n_q_heads, dim, row + pad, dim},
            {&for_q, k_byte, tokens, g.n_kv_heads, dim, row + pad, dim}};
  }
  const auto one = [&](std::size_t heads, arena& memory) -> placed {
    if (g.shape == layout::head_major) {
      const auto span = [&](std::size_t gap) {
        return (heads - 1) * (tokens * dim + gap) + tokens * dim;
      };
      const std::size_t byte = first_byte_of<T>(g, span, pad);
      memory.begin(byte, byte + span(pad) * sizeof(T), random);
      return {&memory, byte, tokens, heads, dim, dim, tokens * dim + pad};
    }
    const std::size_t front = g.shape == layout::back_part ? 3 + g.rotary_dim % 5 : 0;
    const std::size_t whole = front + dim;
    const auto span = [&](std::size_t gap) {
      return (tokens - 1) * (heads * whole + gap) + heads * whole;
    };
    const std::size_t byte = first_byte_of<T>(g, span, pad);
    memory.begin(byte, byte + span(pad) * sizeof(T), random);
    return {&memory, byte + front * sizeof(T), tokens, heads, dim, heads * whole + pad, whole};
  };
  const placed q = one(g.n_q_heads, for_q);
  return {q, one(g.n_kv_heads, for_k)};
}

// ---- One case ---------------------------------------------------------------------------------

/// Everything that cases of one type share.
template <class T> class bench {
public:
  using compute = support::compute_type<T>;

  explicit bench(std::uint64_t seed)
      : random_(seed), elements_(8191), cosines_(16381), sines_(16381) {
    for (T& one : elements_) {
      one = support::element_of<T>(
          std::ldexp(random_.number(-2, 2), static_cast<int>(random_.integer(-3, 3))));
    }
    for (std::size_t i = 0; i < cosines_.size(); ++i) {
      const double angle = random_.number(0, 6.283185307179586), m = random_.number(1, 1.5);
      cosines_[i] = static_cast<compute>(m * std::cos(angle));
      sines_[i] = static_cast<compute>(m * std::sin(angle));
    }
  }

  /// Rotates q and k (or k alone) of a geometry, and measures k's errors where they are asked for.
  /// False after the first failure.
  template <pairing Pairing> bool run(const geometry& g, bool k_alone, worst_errors* worst) {
    const auto [q, k] = place<T>(g, q_memory_, k_memory_, random_);
    if (g.side == support::fence::behind && g.shape != layout::back_part) {
      reached_[q.first_byte % 64] = true;
    }
    const std::size_t pairs = g.rotary_dim / 2;
    const std::size_t stride = pairs + g.offset % 3;
    const yarn::rows_view<compute> rows = place_rows(g, pairs, stride);

    const auto fill = [&](std::size_t, T* head, T*) {
      for (std::size_t i = 0; i < g.rotary_dim; ++i) {
        head[i] = next_element();
      }
    };
    q.template for_each_head<T>(fill);
    k.template for_each_head<T>(fill);
    q_memory_.snapshot();
    k_memory_.snapshot();
    const auto expect = [&](std::size_t t, T*, T* expected) {
      support::emulate_head(expected, Pairing, rows.cos(static_cast<std::int64_t>(t)),
                            rows.sin(static_cast<std::int64_t>(t)), pairs);
    };
    k.template for_each_head<T>(expect);
    if (!k_alone) {
      q.template for_each_head<T>(expect);
    }
    std::vector<T>& before = before_;
    before.clear();
    const auto remember = [&](std::size_t, const T* head, T*) {
      before.insert(before.end(), head, head + g.rotary_dim);
    };
    k.template for_each_head<T>(remember);

    if (k_alone) {
      yarn::rope_apply(k.template view<T>(), rows, Pairing);
    } else {
      yarn::rope_apply(q.template view<T>(), k.template view<T>(), rows, Pairing);
    }

    for (arena* memory : {&q_memory_, &k_memory_}) {
      if (!memory->is_as_expected()) {
        ADD_FAILURE() << g.describe() << (k_alone ? ", alone" : "") << ": byte "
                      << memory->first_difference() << " of " << (memory == &q_memory_ ? "q" : "k")
                      << " is not what it should be";
        return false;
      }
    }
    if (worst != nullptr) {
      measure<Pairing>(k, rows, pairs, *worst);
    }
    return true;
  }

  /// Whether a tensor whose end touches a page has begun at this byte of a cache line.
  bool reached(std::size_t offset) const { return reached_[offset]; }

private:
  T next_element() { return elements_[next_element_++ % elements_.size()]; }

  /// Distinct cosines and sines for every pair and token, in arrays that end or begin at a page.
  yarn::rows_view<compute> place_rows(const geometry& g, std::size_t pairs, std::size_t stride) {
    const std::size_t bytes = ((g.n_tokens - 1) * stride + pairs) * sizeof(compute);
    const std::size_t first = g.side == support::fence::before ? 0 : arena::size - bytes;
    const auto fill = [&](arena& memory, const std::vector<compute>& pool) {
      auto* const entries = reinterpret_cast<compute*>(memory.at(first));
      for (std::size_t i = 0; i < bytes / sizeof(compute); ++i) {
        entries[i] = pool[(next_row_ + i) % pool.size()];
      }
      return entries;
    };
    const compute* const cos = fill(cos_memory_, cosines_);
    const compute* const sin = fill(sin_memory_, sines_);
    next_row_ += 1 + random_.next() % 4096;
    return {cos, sin, g.n_tokens, pairs, stride};
  }

  template <pairing Pairing>
  void measure(const placed& x, const yarn::rows_view<compute>& rows, std::size_t pairs,
               worst_errors& worst) {
    if (std::is_same_v<T, double> && !support::has_wide_long_double) {
      return;
    }
    const T* old = before_.data();
    x.template for_each_head<T>([&](std::size_t t, const T* head, T*) {
      const compute* const cos = rows.cos(static_cast<std::int64_t>(t));
      const compute* const sin = rows.sin(static_cast<std::int64_t>(t));
      for (std::size_t i = 0; i < pairs; ++i) {
        const auto at = support::places_of_pair(Pairing, i, pairs);
        const auto x0 = static_cast<long double>(element<T>::widen(old[at.first]));
        const auto x1 = static_cast<long double>(element<T>::widen(old[at.second]));
        const auto exact = support::exact_rotation(x0, x1, cos[i], sin[i]);
        const auto size = static_cast<double>(
            std::sqrt((x0 * x0 + x1 * x1) * (static_cast<long double>(cos[i]) * cos[i] +
                                             static_cast<long double>(sin[i]) * sin[i])));
        judge(head[at.first], exact.first, size, worst);
        judge(head[at.second], exact.second, size, worst);
      }
      old += 2 * pairs;
    });
  }

  random_source random_;
  std::vector<T> elements_;
  std::vector<compute> cosines_;
  std::vector<compute> sines_;
  std::vector<T> before_;
  std::array<bool, 64> reached_{};
  std::size_t next_element_ = 0;
  std::size_t next_row_ = 0;
  arena q_memory_, k_memory_, cos_memory_, sin_memory_;
};

struct head_counts {
  std::size_t q;
  std::size_t kv;
};
// Even ones, so that a pad between two of them can move the begin to any alignment; GQA, MQA,
// multi-head, and k with more heads than q.
constexpr std::array<head_counts, 6> counts{{{4, 2}, {2, 2}, {4, 1}, {1, 1}, {2, 4}, {3, 1}}};

TYPED_TEST(rope_typed, every_even_rotary_dim_at_every_alignment) {
  using T = typename TypeParam::type;
  bench<T> all(1);
  worst_errors worst;
  std::size_t turn = 0;
  for (std::size_t rotary_dim = 2; rotary_dim <= 260; rotary_dim += 2) {
    for (std::size_t offset = 0; offset < 64; offset += sizeof(T)) {
      for (const layout shape : layouts) {
        for (const support::fence side : {support::fence::behind, support::fence::before}) {
          for (const bool partial : {false, true}) {
            ++turn;
            const head_counts heads = counts[turn / 7 % counts.size()];
            const std::size_t head_dim = rotary_dim + (partial ? 1 + turn % 13 : 0);
            const std::size_t n_tokens = turn % 11 == 0 ? 1 : 2;
            const geometry g{rotary_dim, head_dim, n_tokens, heads.q,
                             heads.kv,   shape,    side,     offset};
            if (!all.template run<TypeParam::order>(g, turn % 5 == 0,
                                                    turn % 4 == 0 ? &worst : nullptr)) {
              return;
            }
          }
        }
      }
    }
  }
  for (std::size_t offset = 0; offset < 64; offset += sizeof(T)) {
    EXPECT_TRUE(all.reached(offset)) << "no tensor began at byte " << offset;
  }
  report<TypeParam>("by_the_rounded_row", worst);
  EXPECT_LE(worst.beyond_round, most_units + oracle_noise);
  EXPECT_GT(worst.of_size, 0.4) << "nothing was measured";
}

// Heads that are rotated in several parts, because a row of theirs fills the scratch memory.
TYPED_TEST(rope_typed, long_rotary_dims) {
  using T = typename TypeParam::type;
  bench<T> all(2);
  worst_errors worst;
  for (const std::size_t rotary_dim :
       {1022U, 1024U, 1026U, 2046U, 2048U, 2050U, 2562U, 3072U, 4098U}) {
    for (const layout shape : layouts) {
      for (const support::fence side : {support::fence::behind, support::fence::before}) {
        for (const std::size_t beyond : {0U, 5U}) {
          const bool packed = shape == layout::packed_qkv;
          const geometry g{
              rotary_dim, rotary_dim + beyond, packed ? 1U : 2U, packed ? 1U : 2U, 1, shape, side,
              sizeof(T)};
          ASSERT_TRUE(all.template run<TypeParam::order>(g, false, &worst)) << g.describe();
        }
      }
    }
  }
  report<TypeParam>("long_dims", worst);
  EXPECT_LE(worst.beyond_round, most_units + oracle_noise);
}

// More tokens than fit in a block of the loops, and more heads than a model has.
TYPED_TEST(rope_typed, many_tokens_and_many_heads) {
  using T = typename TypeParam::type;
  bench<T> all(3);
  worst_errors worst;
  for (const std::size_t n_tokens : {1U, 3U, 31U, 32U, 33U, 65U, 100U}) {
    for (const std::size_t rotary_dim : {2U, 6U, 10U, 16U, 18U, 34U}) {
      for (const layout shape : layouts) {
        const geometry g{rotary_dim, rotary_dim + n_tokens % 2, n_tokens, 1 + n_tokens % 3, 1,
                         shape,      support::fence::behind,    sizeof(T)};
        ASSERT_TRUE(all.template run<TypeParam::order>(g, false, &worst)) << g.describe();
      }
    }
  }
  for (const std::size_t n_heads : {7U, 16U, 33U, 96U}) {
    for (const layout shape : layouts) {
      const geometry g{20, 24, 2, n_heads, 1, shape, support::fence::behind, 0};
      ASSERT_TRUE(all.template run<TypeParam::order>(g, false, &worst)) << g.describe();
    }
  }
  EXPECT_LE(worst.beyond_round, most_units + oracle_noise);
}

// ---- Nothing to rotate ------------------------------------------------------------------------

TYPED_TEST(rope_typed, no_tokens_no_heads_and_an_empty_k) {
  using T = typename TypeParam::type;
  constexpr pairing order = TypeParam::order;
  constexpr std::size_t dim = 10, tokens = 3, heads = 2;
  const double inv_freq[] = {1, 0.5, 0.25, 0.125};
  const auto freqs = yarn::frequencies_from(inv_freq, 4, 1.25);
  const auto table = yarn::make_table<float>(freqs, 8);
  yarn::rotary_rows<float> rows, no_rows;
  rows.assign(freqs, yarn::positions_from(0, tokens));
  no_rows.assign(freqs, yarn::positions_from(0, 0));
  const auto here = yarn::positions_from(0);

  random_source random(4);
  std::vector<T> data(tokens * heads * dim);
  std::generate(data.begin(), data.end(),
                [&] { return support::element_of<T>(random.number(-1, 1)); });
  const std::vector<T> before = data;
  const auto unchanged = [&] {
    return std::memcmp(data.data(), before.data(), data.size() * sizeof(T)) == 0;
  };

  for (T* const memory : {data.data(), static_cast<T*>(nullptr)}) {
    const yarn::heads_view no_tokens{memory, 0, heads, dim};
    yarn::rope_apply(no_tokens, no_tokens, no_rows, order);
    yarn::rope_apply(no_tokens, yarn::rows_of(freqs, here), order);
    yarn::rope_apply(no_tokens, no_tokens, yarn::rows_of(table, here), order);
    const yarn::heads_view no_heads{memory, tokens, 0, dim};
    yarn::rope_apply(no_heads, no_heads, rows, order);
    yarn::rope_apply(no_heads, yarn::rows_of(freqs, here), order);
    yarn::rope_apply(no_heads, yarn::rows_of(table, here), order);
    yarn::rope_apply(no_heads.with_strides(heads * dim, dim), yarn::rows_of(table, here), order);
    for (int part = 0; part < 3; ++part) {
      yarn::rope_apply_unchecked(no_tokens, no_heads, no_rows, order, {part, 3});
      yarn::rope_apply_unchecked(no_heads.with_strides(heads * dim, dim), rows, order, {part, 3});
    }
    EXPECT_TRUE(unchanged());
  }

  // An empty k, as layers have that share the keys of another: q is rotated as it is alone.
  std::vector<T> alone = before;
  yarn::rope_apply(yarn::heads_view{alone.data(), tokens, heads, dim}, rows, order);
  EXPECT_NE(std::memcmp(alone.data(), before.data(), alone.size() * sizeof(T)), 0);
  const yarn::heads_view q{data.data(), tokens, heads, dim};
  yarn::rope_apply(q, yarn::heads_view{static_cast<T*>(nullptr), tokens, 0, dim}, rows, order);
  EXPECT_EQ(support::first_difference(data.data(), alone.data(), data.size()), -1);
  data = before;
  yarn::rope_apply(yarn::heads_view{static_cast<T*>(nullptr), tokens, 0, dim}, q, rows, order);
  EXPECT_EQ(support::first_difference(data.data(), alone.data(), data.size()), -1);
}

// ---- The true angle ---------------------------------------------------------------------------
//
// A row entry is half a unit of its own off, so the products are off by H/2^24 together, or one
// unit at H: two with the arithmetic. The phase adds 2^-62.3 rad a token, which a double sees.
TYPED_TEST(rope_typed, within_two_units_of_the_true_angle) {
  using T = typename TypeParam::type;
  if (std::is_same_v<T, double> && !support::has_wide_long_double) {
    // The truth must be wider than what is judged.
    GTEST_SKIP() << "long double is no wider than double here";
  }
  yarn::yarn_scaling method;
  method.factor = 32;
  method.original_max_position_embeddings = 4096;
  const auto freqs = yarn::make_frequencies(support::shape_of(128, 1e4), method);
  const std::vector<std::int64_t> positions{0,      1,       40,       2047,    16383,
                                            131071, 1048575, 16777216, -131071, 2147483647};
  constexpr std::size_t heads = 64, dim = 128, pairs = 64;
  random_source random(5);
  std::vector<T> data(positions.size() * heads * dim);
  std::generate(data.begin(), data.end(),
                [&] { return support::element_of<T>(random.number(-4, 4)); });
  const std::vector<T> before = data;
  yarn::rope_apply(yarn::heads_view{data.data(), positions.size(), heads, dim},
                   yarn::rows_of(freqs, yarn::positions(positions)), TypeParam::order);

  const auto m = static_cast<long double>(freqs.attention_factor());
  const auto wide = [](const oracle::real& x) {
    const double high = x.to_double();
    return static_cast<long double>(high) + (x - oracle::real(high)).to_double();
  };
  worst_errors worst;
  for (std::size_t t = 0; t < positions.size(); ++t) {
    for (std::size_t i = 0; i < pairs; ++i) {
      const auto angle = oracle::rotation(positions[t], freqs.inv_freq()[i]);
      const long double cos = m * wide(angle.cosine), sin = m * wide(angle.sine);
      const double phase_error = std::fabs(static_cast<double>(positions[t])) * std::exp2(-62.3);
      const auto at = support::places_of_pair(TypeParam::order, i, pairs);
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t head = (t * heads + h) * dim;
        const auto x0 = static_cast<long double>(element<T>::widen(before[head + at.first]));
        const auto x1 = static_cast<long double>(element<T>::widen(before[head + at.second]));
        const auto exact = support::exact_rotation(x0, x1, cos, sin);
        const auto size = static_cast<double>(std::sqrt(x0 * x0 + x1 * x1) * m);
        worst_errors one;
        judge(data[head + at.first], exact.first, size, one);
        judge(data[head + at.second], exact.second, size, one);
        const double allowed =
            phase_error * size / support::unit_at<support::compute_type<T>>(size);
        EXPECT_LE(one.beyond_round, 1 + most_units + allowed + oracle_noise)
            << "position " << positions[t] << ", pair " << i;
        if (std::abs(positions[t]) < 100) { // what a position adds is its own, see above
          worst.of_size = std::max(worst.of_size, one.of_size);
        }
        worst.beyond_round = std::max(worst.beyond_round, one.beyond_round - allowed);
      }
    }
  }
  report<TypeParam>("by_the_true_angle", worst);
}

} // namespace
