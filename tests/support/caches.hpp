// SPDX-License-Identifier: MIT
// Caches for the tests of kv_cache.hpp: formats and addressings as values, so that a test can loop
// over them, and the address of each byte of a cache, computed without the library.
#ifndef YARN_TESTS_SUPPORT_CACHES_HPP
#define YARN_TESTS_SUPPORT_CACHES_HPP

#include "bits.hpp"

#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>
#include <yarn/scaled_elements.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace support {

/// Names of the types of a suite: their numbers.
struct numbers_as_names {
  template <class T> static std::string GetName(int i) { // NOLINT: GoogleTest's name
    return std::to_string(i);
  }
};

// ---- Formats -----------------------------------------------------------------------------------

/// A user's own format: a float scale, then a signed byte for each element. The scale also depends
/// on the place of the head, so that a wrong place gives wrong bytes.
struct bytes_with_scale {
  std::int64_t head_bytes(std::int64_t head_dim) const { return head_dim + 4; }
  void check(std::int64_t /*head_dim*/) const {}
  void encode(const float* values, std::int64_t head_dim, void* head,
              yarn::cache_place at) const noexcept {
    float largest = 0;
    for (std::int64_t e = 0; e < head_dim; ++e)
      largest = std::max(largest, std::fabs(values[e]));
    const float scale = largest / 127 + place_term(at);
    auto* const bytes = static_cast<unsigned char*>(head);
    std::memcpy(bytes, &scale, 4);
    for (std::int64_t e = 0; e < head_dim; ++e)
      bytes[4 + e] = static_cast<unsigned char>(static_cast<int>(std::lrint(values[e] / scale)));
  }
  void decode(const void* head, std::int64_t head_dim, float* values,
              yarn::cache_place /*at*/) const noexcept {
    const auto* const bytes = static_cast<const unsigned char*>(head);
    float scale;
    std::memcpy(&scale, bytes, 4);
    for (std::int64_t e = 0; e < head_dim; ++e)
      values[e] = scale * static_cast<float>(static_cast<signed char>(bytes[4 + e]));
  }

private:
  static float place_term(yarn::cache_place at) {
    return 0x1p-20F * static_cast<float>(1 + at.row * 64 + at.head);
  }
};

/// A format that is chosen at run time.
class any_format {
public:
  struct model {
    virtual ~model() = default;
    virtual std::int64_t head_bytes(std::int64_t head_dim) const = 0;
    virtual void check(std::int64_t head_dim) const = 0;
    virtual void encode(const float* values, std::int64_t head_dim, void* head,
                        yarn::cache_place at) const noexcept = 0;
    virtual void decode(const void* head, std::int64_t head_dim, float* values,
                        yarn::cache_place at) const noexcept = 0;
  };
  template <class Format> struct model_of final : model {
    Format format;
    explicit model_of(const Format& x) : format(x) {}
    std::int64_t head_bytes(std::int64_t dim) const override { return format.head_bytes(dim); }
    void check(std::int64_t dim) const override { format.check(dim); }
    void encode(const float* values, std::int64_t dim, void* head,
                yarn::cache_place at) const noexcept override {
      format.encode(values, dim, head, at);
    }
    void decode(const void* head, std::int64_t dim, float* values,
                yarn::cache_place at) const noexcept override {
      format.decode(head, dim, values, at);
    }
  };

  explicit any_format(const model& format) : model_(&format) {}
  std::int64_t head_bytes(std::int64_t head_dim) const { return model_->head_bytes(head_dim); }
  void check(std::int64_t head_dim) const { model_->check(head_dim); }
  void encode(const float* values, std::int64_t head_dim, void* head,
              yarn::cache_place at) const noexcept {
    model_->encode(values, head_dim, head, at);
  }
  void decode(const void* head, std::int64_t head_dim, float* values,
              yarn::cache_place at) const noexcept {
    model_->decode(head, head_dim, values, at);
  }

private:
  const model* model_;
};

/// The largest error of a decoded element, from the elements of its block (or head).
using error_bound = std::function<double(double smallest, double largest, double element)>;

struct format_case {
  std::string name;
  any_format format;
  std::int64_t block; // elements with a scale of their own; 0: the whole head
  error_bound bound;
  std::vector<float>* written_scales = nullptr; // the scales that encode writes

  /// The scales outside the heads; empty if there are none. Tests compare them like the bytes.
  std::vector<float> scales() const {
    return written_scales == nullptr ? std::vector<float>() : *written_scales;
  }
  void set_scales(const std::vector<float>& scales) const {
    if (written_scales != nullptr)
      *written_scales = scales;
  }
  bool accepts(std::int64_t head_dim) const { return block == 0 || head_dim % block == 0; }
};

inline std::vector<format_case> block_formats() {
  static const any_format::model_of q8_0(yarn::q8_0{});
  static const any_format::model_of q8_0_avx(yarn::q8_0{yarn::q8_0_writer::avx});
  static const any_format::model_of q4_0(yarn::q4_0{});
  static const any_format::model_of q4_1(yarn::q4_1{});
  static const any_format::model_of q5_0(yarn::q5_0{});
  static const any_format::model_of q5_1(yarn::q5_1{});
  static const any_format::model_of iq4_nl(yarn::iq4_nl{});
  static const any_format::model_of own(bytes_with_scale{});
  // The bounds of ggml_blocks.hpp. Subnormal scales do not occur in these tests.
  constexpr double rest = 0x1p-11;
  const auto of_magnitude = [](double share) -> error_bound {
    return [=](double low, double high, double) { return std::max(-low, high) * share; };
  };
  const auto of_range = [](double share) -> error_bound {
    return [=](double low, double high, double) {
      return (high - low) * share + std::fabs(low) * rest;
    };
  };
  const error_bound of_own = [](double low, double high, double) {
    return (std::max(-low, high) / 127 + 0x1p-20 * 4096) * 0.5001;
  };
  return {{"q8_0", any_format(q8_0), 32, of_magnitude(1.0 / 254 + rest)},
          {"q8_0 avx", any_format(q8_0_avx), 32, of_magnitude(1.0 / 254 + rest)},
          {"q4_0", any_format(q4_0), 32, of_magnitude(1.0 / 8 + rest)},
          {"q4_1", any_format(q4_1), 32, of_range(1.0 / 30 + rest)},
          {"q5_0", any_format(q5_0), 32, of_magnitude(1.0 / 16 + rest)},
          {"q5_1", any_format(q5_1), 32, of_range(1.0 / 62 + rest)},
          {"iq4_nl", any_format(iq4_nl), 32, of_magnitude(1.0 / 5)},
          {"own", any_format(own), 0, of_own}};
}

/// The formats of scaled_elements.hpp with scales of each kind, for at most 400 rows of 40 heads.
template <class T> std::vector<format_case> scaled_formats(const std::string& name) {
  using format = yarn::scaled<T>;
  constexpr std::int64_t n_rows = 400, n_heads = 40;
  constexpr bool is_int8 = std::is_same_v<T, std::int8_t>;
  constexpr double largest = is_int8 ? 127 : std::is_same_v<T, yarn::float8_e4m3> ? 448 : 57344;
  constexpr double largest_scale = is_int8 ? 0.5 : 0.125;
  static std::vector<float> given = [] {
    std::vector<float> scales(n_rows * n_heads);
    random_source random(55);
    for (float& scale : scales)
      scale = static_cast<float>(random.number(largest_scale / 1.5, largest_scale));
    return scales;
  }();
  static std::vector<float> computed(n_rows * n_heads, 1.0F), in_blocks(n_rows * n_heads, 1.0F);
  static const any_format::model_of per_tensor(format::per_tensor(float{largest_scale}));
  static const any_format::model_of per_head(format::per_head(given.data()));
  static const any_format::model_of per_row(format::per_row(given.data(), n_heads));
  static const any_format::model_of of_encode(format::computed(computed.data(), n_heads));
  static const any_format::model_of of_blocks( // [block][head][slot of 5]
      format::computed(in_blocks.data(), 1, 5).with_blocks(5, 5 * n_heads));
  const auto error = [](double scale, double element) {
    const double size = std::fabs(element);
    return is_int8                                ? 0.50003 * scale
           : std::is_same_v<T, yarn::float8_e4m3> ? std::max(size / 16, scale / 1000)
                                                  : std::max(size / 8, scale / 130000);
  };
  const error_bound of_given = [=](double, double, double element) {
    return error(largest_scale, element);
  };
  const error_bound of_computed = [=](double low, double high, double element) {
    return error(std::max(-low, high) / largest, element);
  };
  return {{name + " per tensor", any_format(per_tensor), 0, of_given},
          {name + " per head", any_format(per_head), 0, of_given},
          {name + " per row", any_format(per_row), 0, of_given},
          {name + " computed", any_format(of_encode), 0, of_computed, &computed},
          {name + " computed in blocks", any_format(of_blocks), 0, of_computed, &in_blocks}};
}

inline std::vector<format_case> all_formats() {
  std::vector<format_case> all = block_formats();
  for (const auto& more :
       {scaled_formats<std::int8_t>("int8"), scaled_formats<yarn::float8_e4m3>("e4m3"),
        scaled_formats<yarn::float8_e5m2>("e5m2")})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

// ---- Addressings -------------------------------------------------------------------------------

enum class addressing {
  dense,       // heads_view, [token][head]
  strided,     // heads_view, [head][token] with odd gaps
  nhd,         // paged_view, [block][slot][head][dim]
  hnd,         // paged_view, [block][head][slot][dim], with gaps between the blocks
  vllm_keys,   // paged_view, [block][head][dim / chunk][slot][chunk]
  vllm_values, // paged_view, [block][head][dim][slot]
  own          // a user's struct: pages that were allocated one by one
};
inline constexpr addressing addressings[] = {
    addressing::dense, addressing::strided,   addressing::nhd,         addressing::hnd,
    addressing::own,   addressing::vllm_keys, addressing::vllm_values,
};
inline const char* name_of(addressing where) {
  constexpr const char* names[] = {"dense",     "strided",     "nhd", "hnd",
                                   "vllm_keys", "vllm_values", "own"};
  return names[static_cast<int>(where)];
}

struct cache_shape {
  std::int64_t n_blocks;
  std::int64_t block_size;
  std::int64_t n_heads;
  std::int64_t head_units; // units (bytes, or elements) of a head
};

/// Where the units of a cache lie.
struct unit_layout {
  std::int64_t first = 0;
  std::int64_t block_size, block_stride, slot_stride, head_stride, chunk, chunk_stride;

  std::size_t at(std::int64_t row, std::int64_t head, std::int64_t unit) const {
    return static_cast<std::size_t>(first + row / block_size * block_stride +
                                    row % block_size * slot_stride + head * head_stride +
                                    unit / chunk * chunk_stride + unit % chunk);
  }
};
/// vLLM's chunk has 16 bytes; here the largest power of two up to 16 that divides a head.
inline std::int64_t chunk_of(std::int64_t head_units) {
  std::int64_t chunk = 16;
  while (head_units % chunk != 0)
    chunk /= 2;
  return chunk;
}
inline unit_layout layout_of(addressing where, const cache_shape& s) {
  const std::int64_t dim = s.head_units, heads = s.n_heads, size = s.block_size;
  switch (where) {
  case addressing::dense:
    return {0, size, size * heads * dim, heads * dim, dim, dim, 0};
  case addressing::strided:
    return {1, s.n_blocks * size, 0, dim + 1, s.n_blocks * size * (dim + 1) + 5, dim, 0};
  case addressing::hnd:
    return {0, size, heads * size * dim + 7, dim, size * dim, dim, 0};
  case addressing::vllm_keys:
    return {0,          size,          heads * dim * size,  chunk_of(dim),
            dim * size, chunk_of(dim), size * chunk_of(dim)};
  case addressing::vllm_values:
    return {0, size, heads * dim * size, 1, dim * size, 1, size};
  case addressing::own: // 3 units of another use at the start of each page
    return {3, size, size * heads * dim + 3, heads * dim, dim, dim, 0};
  default:
    return {0, size, size * heads * dim, heads * dim, dim, dim, 0};
  }
}

/// A user's own addressing: a list of pages, which need not be in one allocation.
struct page_list {
  unsigned char* const* pages;
  const std::int64_t* slots;
  std::int64_t tokens, heads, page_size, bytes;

  std::int64_t n_tokens() const { return tokens; }
  std::int64_t n_heads() const { return heads; }
  std::int64_t head_bytes() const { return bytes; }
  std::int64_t row(std::int64_t token) const { return slots[token]; }
  void* head(yarn::cache_place place) const {
    return pages[place.row / page_size] + (place.row % page_size * heads + place.head) * bytes;
  }
  void check() const {}
};

/// The memory of a cache, beside inaccessible pages, with random contents.
template <class Unit> class cache_memory {
public:
  cache_memory(addressing where, const cache_shape& s, fence side = fence::after)
      : where_(where), shape_(s), layout_(layout_of(where, s)), memory_(size_of(layout_, s), side) {
    random_source random(static_cast<std::uint64_t>(s.head_units));
    auto* const bytes = reinterpret_cast<unsigned char*>(memory_.data());
    for (std::size_t i = 0; i < memory_.size() * sizeof(Unit); i += 8) {
      const std::uint64_t some = random.next();
      std::memcpy(bytes + i, &some, std::min<std::size_t>(8, memory_.size() * sizeof(Unit) - i));
    }
    if (where == addressing::own)
      for (std::int64_t b = 0; b < s.n_blocks; ++b)
        pages_.push_back(bytes + (layout_.first + b * layout_.block_stride));
  }

  const cache_shape& shape() const { return shape_; }
  std::vector<Unit> contents() { return {memory_.data(), memory_.data() + memory_.size()}; }
  void assign(const std::vector<Unit>& contents) {
    std::memcpy(memory_.data(), contents.data(), contents.size() * sizeof(Unit));
  }

  /// The row of a token: its slot, or in a dense cache the token itself.
  std::int64_t row(const std::vector<std::int64_t>& slots, std::int64_t token) const {
    return is_dense() ? token : slots[static_cast<std::size_t>(token)];
  }
  bool is_dense() const { return where_ == addressing::dense || where_ == addressing::strided; }

  void put(std::vector<Unit>& contents, std::int64_t row, std::int64_t head,
           const Unit* units) const {
    for (std::int64_t u = 0; u < shape_.head_units; ++u)
      contents[layout_.at(row, head, u)] = units[u];
  }
  void get(const std::vector<Unit>& contents, std::int64_t row, std::int64_t head,
           Unit* units) const {
    for (std::int64_t u = 0; u < shape_.head_units; ++u)
      units[u] = contents[layout_.at(row, head, u)];
  }

  template <class T = Unit> yarn::paged_view<T> paged(const std::vector<std::int64_t>& slots) {
    const yarn::paged_view<T> all(memory_.data() + layout_.first, shape_.n_blocks,
                                  shape_.block_size, shape_.n_heads, shape_.head_units);
    const auto strided =
        all.with_strides(layout_.block_stride, layout_.slot_stride, layout_.head_stride);
    const bool chunks = layout_.chunk != shape_.head_units;
    return (chunks ? strided.with_chunks(layout_.chunk, layout_.chunk_stride) : strided)
        .at(slots.data(), slots.size());
  }
  yarn::heads_view<Unit> heads(std::int64_t n_tokens) {
    return yarn::heads_view<Unit>(memory_.data() + layout_.first, n_tokens, shape_.n_heads,
                                  shape_.head_units)
        .with_strides(layout_.slot_stride, layout_.head_stride);
  }
  page_list pages(const std::vector<std::int64_t>& slots) const {
    return {pages_.data(),  slots.data(),      static_cast<std::int64_t>(slots.size()),
            shape_.n_heads, shape_.block_size, shape_.head_units};
  }

  /// Calls use(addressing) with the view of the tokens in these slots.
  template <class Use> void with_view(const std::vector<std::int64_t>& slots, const Use& use) {
    if (is_dense())
      use(heads(static_cast<std::int64_t>(slots.size())));
    else if (where_ == addressing::own)
      use(pages(slots));
    else
      use(paged(slots));
  }

private:
  static std::size_t size_of(const unit_layout& l, const cache_shape& s) {
    return l.at(s.n_blocks * s.block_size - 1, s.n_heads - 1, s.head_units - 1) + 1;
  }

  addressing where_;
  cache_shape shape_;
  unit_layout layout_;
  fenced_array<Unit> memory_;
  std::vector<unsigned char*> pages_;
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_CACHES_HPP
