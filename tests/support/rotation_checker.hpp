// SPDX-License-Identifier: MIT
// Tests rope_apply in memory that ends or begins at an inaccessible page. Compares every byte in
// and around a tensor with the result of the documented arithmetic, and every rotated element with
// the exact rotation.
#ifndef YARN_TESTS_SUPPORT_ROTATION_CHECKER_HPP
#define YARN_TESTS_SUPPORT_ROTATION_CHECKER_HPP

#include "bits.hpp"
#include "emulated_rotation.hpp"

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

namespace support {

inline bool prints_errors() {
  const char* const value = std::getenv("YARN_PRINT_ERRORS");
  return value != nullptr && *value == '1';
}

// ---- Errors -----------------------------------------------------------------------------------
//
// Let H = hypot(x0, x1) hypot(cos, sin), and U the unit in the last place at H. Then
// |x0 cos| + |x1 sin| <= H (Cauchy and Schwarz). So the error of the product is at most U/2, and
// the fused multiply-add adds another U/2. Without a fused multiply-add there are two products and
// a sum. Only one of the two products can reach the power of two below H, so the error of the other
// product is at most U/4. The sum of the errors is 5U/4.
//
// An element of 8 or 16 bits is the float result rounded to nearest: its error is at most half a
// unit of its format at the exact value, plus the error of the float.
#if YARN_HAS_FMA
constexpr double most_units = 1.0;
#else
constexpr double most_units = 1.25;
#endif
// The error of the exact rotation itself: three roundings of long double (64 bits or more), far
// below the unit of a double.
constexpr double oracle_noise = 0x1p-9;

/// The largest errors that were measured.
struct worst_errors {
  /// In units of the element type at H.
  double in_element_units = 0;
  /// In units of the compute type at H. For elements of 8 or 16 bits, half a unit of the element
  /// type at the exact value is subtracted first.
  double beyond_rounding = 0;
};

template <class T> void add_error(T value, long double exact, double size, worst_errors& worst) {
  using compute = compute_type<T>;
  const auto error =
      static_cast<double>(std::fabs(static_cast<long double>(element<T>::widen(value)) - exact));
  const double rounding =
      std::is_same_v<T, compute> ? 0 : unit_at<T>(static_cast<double>(std::fabs(exact))) / 2;
  worst.in_element_units = std::max(worst.in_element_units, error / unit_at<T>(size));
  worst.beyond_rounding =
      std::max(worst.beyond_rounding, (error - rounding) / unit_at<compute>(size));
}

template <class Subject> void report(const char* what, const worst_errors& worst) {
  if (prints_errors()) {
    std::printf("%-24s %s: %.4f units of hypot * m; %.4f beyond the one rounding\n",
                Subject::name().c_str(), what, worst.in_element_units, worst.beyond_rounding);
  }
  ::testing::Test::RecordProperty(what, std::to_string(worst.in_element_units));
}

// ---- Tensors beside inaccessible pages --------------------------------------------------------

/// Memory between two inaccessible pages, and a copy of its expected contents.
class arena {
public:
  static constexpr std::size_t size = 256 * 1024;

  arena() : now_(size), expected_(size) {}
  unsigned char* at(std::size_t byte) { return now_.data() + byte; }
  unsigned char* expected_at(std::size_t byte) { return expected_.data() + byte; }
  /// Fills the bytes of a tensor, [first, last), and the bytes around it with random bytes.
  void begin(std::size_t first, std::size_t last, random_source& random) {
    constexpr std::size_t around = 192;
    first_ = first < around ? 0 : first - around;
    last_ = std::min(last + around, size);
    const std::vector<unsigned char>& noise = noise_bytes();
    std::memcpy(at(first_), noise.data() + random.next() % 4096, last_ - first_);
  }
  /// Copies the present contents to the expected ones.
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

  fenced_array<unsigned char> now_;
  std::vector<unsigned char> expected_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
};

/// A tensor in an arena. Strides count elements.
struct placed_tensor {
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
  /// Calls use(token, head, expected_head) for every head, with pointers to its first element.
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

enum class layout { dense, packed_qkv, head_major, last_elements };
constexpr std::array<layout, 4> layouts{layout::dense, layout::packed_qkv, layout::head_major,
                                        layout::last_elements};

struct geometry {
  std::size_t rotary_dim;
  std::size_t head_dim;
  std::size_t n_tokens;
  std::size_t n_q_heads;
  std::size_t n_kv_heads;
  layout shape;
  fence side;
  std::size_t offset; // bytes modulo 64 of the first element, or of the buffer

  std::string describe() const {
    constexpr std::array<const char*, 4> names{"dense", "packed", "head major", "last elements"};
    return "rotary_dim " + std::to_string(rotary_dim) + " of " + std::to_string(head_dim) + ", " +
           std::to_string(n_tokens) + " tokens, heads " + std::to_string(n_q_heads) + " and " +
           std::to_string(n_kv_heads) + ", " + names[static_cast<std::size_t>(shape)] + ", " +
           (side == fence::after ? "page after" : "page before") + ", offset " +
           std::to_string(offset);
  }
};

/// The first byte of a buffer of `span(pad)` elements in an arena. `pad` is the number of unused
/// elements between two tokens, or between two heads of a head-major tensor. `pad` is chosen so
/// that the buffer begins at `offset` modulo 64 and ends at the page.
template <class T, class Span>
std::size_t first_byte_of(const geometry& g, const Span& span, std::size_t& pad) {
  pad = 0;
  if (g.side == fence::before) {
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

/// Places q and k: each in its own arena, or both in one buffer for packed_qkv.
template <class T>
std::pair<placed_tensor, placed_tensor> place(const geometry& g, arena& for_q, arena& for_k,
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
  const auto place_tensor = [&](std::size_t heads, arena& memory) -> placed_tensor {
    if (g.shape == layout::head_major) {
      const auto span = [&](std::size_t gap) {
        return (heads - 1) * (tokens * dim + gap) + tokens * dim;
      };
      const std::size_t byte = first_byte_of<T>(g, span, pad);
      memory.begin(byte, byte + span(pad) * sizeof(T), random);
      return {&memory, byte, tokens, heads, dim, dim, tokens * dim + pad};
    }
    const std::size_t front = g.shape == layout::last_elements ? 3 + g.rotary_dim % 5 : 0;
    const std::size_t whole = front + dim;
    const auto span = [&](std::size_t gap) {
      return (tokens - 1) * (heads * whole + gap) + heads * whole;
    };
    const std::size_t byte = first_byte_of<T>(g, span, pad);
    memory.begin(byte, byte + span(pad) * sizeof(T), random);
    return {&memory, byte + front * sizeof(T), tokens, heads, dim, heads * whole + pad, whole};
  };
  const placed_tensor q = place_tensor(g.n_q_heads, for_q);
  return {q, place_tensor(g.n_kv_heads, for_k)};
}

// ---- One case ---------------------------------------------------------------------------------

/// The random numbers and the memory that all cases of one element type share.
template <class T> class rotation_checker {
public:
  using compute = compute_type<T>;

  explicit rotation_checker(std::uint64_t seed)
      : random_(seed), elements_(8191), cosines_(16381), sines_(16381) {
    for (T& value : elements_) {
      value = element_of<T>(
          std::ldexp(random_.number(-2, 2), static_cast<int>(random_.integer(-3, 3))));
    }
    for (std::size_t i = 0; i < cosines_.size(); ++i) {
      const double angle = random_.number(0, 6.283185307179586), m = random_.number(1, 1.5);
      cosines_[i] = static_cast<compute>(m * std::cos(angle));
      sines_[i] = static_cast<compute>(m * std::sin(angle));
    }
  }

  /// Rotates q and k (or k alone) of a geometry, and compares all bytes. If `worst` is not null,
  /// measures the errors of k. Returns false if a byte is wrong.
  template <yarn::pairing Pairing> bool run(const geometry& g, bool k_alone, worst_errors* worst) {
    const auto [q, k] = place<T>(g, q_memory_, k_memory_, random_);
    if (g.side == fence::after && g.shape != layout::last_elements) {
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
      emulate_head(expected, Pairing, rows.cos(static_cast<std::int64_t>(t)),
                   rows.sin(static_cast<std::int64_t>(t)), pairs);
    };
    k.template for_each_head<T>(expect);
    if (!k_alone) {
      q.template for_each_head<T>(expect);
    }
    std::vector<T>& before = before_;
    before.clear();
    const auto save = [&](std::size_t, const T* head, T*) {
      before.insert(before.end(), head, head + g.rotary_dim);
    };
    k.template for_each_head<T>(save);

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

  /// Whether a tensor that ends at a page has begun at this byte of a cache line.
  bool reached(std::size_t offset) const { return reached_[offset]; }

private:
  T next_element() { return elements_[next_element_++ % elements_.size()]; }

  /// Rows with different cosines and sines for each pair and token, in arrays that end or begin at
  /// a page.
  yarn::rows_view<compute> place_rows(const geometry& g, std::size_t pairs, std::size_t stride) {
    const std::size_t bytes = ((g.n_tokens - 1) * stride + pairs) * sizeof(compute);
    const std::size_t first = g.side == fence::before ? 0 : arena::size - bytes;
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

  template <yarn::pairing Pairing>
  void measure(const placed_tensor& x, const yarn::rows_view<compute>& rows, std::size_t pairs,
               worst_errors& worst) {
    if (std::is_same_v<T, double> && !has_wide_long_double) {
      return;
    }
    const T* old = before_.data();
    x.template for_each_head<T>([&](std::size_t t, const T* head, T*) {
      const compute* const cos = rows.cos(static_cast<std::int64_t>(t));
      const compute* const sin = rows.sin(static_cast<std::int64_t>(t));
      for (std::size_t i = 0; i < pairs; ++i) {
        const auto at = places_of_pair(Pairing, i, pairs);
        const auto x0 = static_cast<long double>(element<T>::widen(old[at.first]));
        const auto x1 = static_cast<long double>(element<T>::widen(old[at.second]));
        const auto exact = exact_rotation(x0, x1, cos[i], sin[i]);
        const auto size = static_cast<double>(
            std::sqrt((x0 * x0 + x1 * x1) * (static_cast<long double>(cos[i]) * cos[i] +
                                             static_cast<long double>(sin[i]) * sin[i])));
        add_error(head[at.first], exact.first, size, worst);
        add_error(head[at.second], exact.second, size, worst);
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

} // namespace support

#endif // YARN_TESTS_SUPPORT_ROTATION_CHECKER_HPP
