// SPDX-License-Identifier: MIT
// The errors of kv_cache.hpp. A refused call writes nothing.
#include "../support/bits.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::expect_error;
using yarn::heads_view;
using yarn::paged_view;
using yarn::pairing;
using yarn::stored;
using invalid = std::invalid_argument;
using out_of_range = std::out_of_range;

constexpr std::int64_t n_tokens = 3, n_heads = 2, dim = 32, size = 34; // of a q8_0 head
constexpr std::int64_t largest = INT64_MAX;

class kv_cache_refused : public ::testing::Test {
protected:
  /// Expects that these calls with the cache as target, and as source, are refused.
  template <class Error, class Cache>
  void expect_refused(std::initializer_list<std::string> words, const Cache& cache) {
    const std::vector<unsigned char> before = memory;
    const std::vector<float> x_before = x;
    const auto refused = [&](const auto& call) {
      expect_error<Error>(call, words);
      EXPECT_EQ(memory, before);
      EXPECT_EQ(x, x_before);
      memory = before;
      x = x_before;
    };
    refused([&] { yarn::copy_heads_check(tensor(), cache); });
    refused([&] { yarn::copy_heads(tensor(), cache); });
    refused([&] { yarn::copy_heads(cache, tensor()); });
    refused([&] {
      yarn::rope_copy_check(tensor(), cache, rows, pairing::half_split,
                            yarn::output_order{pairing::half_split});
    });
    refused([&] { yarn::rope_copy(tensor(), cache, rows, pairing::half_split); });
    refused([&] { yarn::rope_copy(cache, tensor(), rows, pairing::half_split); });
    refused([&] { yarn::rope_check(cache, rows, pairing::half_split); });
    refused([&] { yarn::rope_apply(cache, rows, pairing::half_split); });
    refused([&] { yarn::rope_apply(tensor(), cache, rows, pairing::half_split); });
  }

  heads_view<float> tensor() { return {x.data(), n_tokens, n_heads, dim}; }
  /// A cache of q8_0 heads with 3 blocks of 4 slots.
  paged_view<unsigned char> cache() { return {memory.data(), 3, 4, n_heads, size}; }
  template <class View> auto q8_0(const View& view) { return stored(view, yarn::q8_0{}, dim); }

  std::vector<unsigned char> memory = std::vector<unsigned char>(4096, 5);
  std::vector<float> x = std::vector<float>(n_tokens * n_heads * dim, 1.5F);
  std::vector<std::int64_t> slots{11, -1, 0};
  yarn::rotary_rows<float> rows = [] {
    const std::vector<double> inv_freq(16, 0.1);
    yarn::rotary_rows<float> made;
    made.assign(yarn::frequencies_from(inv_freq.data(), inv_freq.size()),
                yarn::positions_from(1, n_tokens));
    return made;
  }();
};

TEST_F(kv_cache_refused, correct_calls_are_accepted) {
  const auto target = q8_0(cache().at(slots.data(), n_tokens));
  yarn::copy_heads(tensor(), target);
  yarn::rope_copy(tensor(), target, rows, pairing::half_split);
  yarn::rope_apply(target, rows, pairing::half_split);
  yarn::rope_apply(tensor(), target, rows, pairing::half_split);
}

TEST_F(kv_cache_refused, slots_that_are_null_or_outside_the_cache) {
  for (const std::int64_t slot : {std::int64_t{-2}, std::int64_t{12}, largest, INT64_MIN}) {
    slots = {11, 3, slot};
    expect_refused<out_of_range>({"slot " + std::to_string(slot), "token 2", "[0, 12)"},
                                 q8_0(cache().at(slots.data(), n_tokens)));
  }
  const std::vector<std::int32_t> narrow{0, 12, 1};
  expect_refused<out_of_range>({"slot 12", "token 1"}, q8_0(cache().at(narrow.data(), n_tokens)));
  slots = {0, 1, 2};
  const std::int64_t* const none = nullptr;
  expect_refused<invalid>({"slots", "null"}, q8_0(cache().at(none, n_tokens)));
  expect_refused<invalid>({"n_tokens = -1", "at(slots, n_tokens)"}, q8_0(cache()));
  expect_refused<invalid>({"n_tokens = -3", "at(slots, n_tokens)"},
                          q8_0(cache().at(slots.data(), -3)));
  slots.push_back(3);
  expect_error<invalid>([&] { yarn::copy_heads(tensor(), q8_0(cache().at(slots.data(), 4))); },
                        {"target.n_tokens = 4", "3"});
}

TEST_F(kv_cache_refused, memory_that_is_null_negative_or_overlaps) {
  const auto at = [&](const auto& view) { return q8_0(view.at(slots.data(), n_tokens)); };
  unsigned char* const none = nullptr;
  expect_refused<invalid>({"data", "null"},
                          at(paged_view<unsigned char>(none, 3, 4, n_heads, size)));
  expect_refused<invalid>({"n_blocks = -1"},
                          at(paged_view<unsigned char>(memory.data(), -1, 4, n_heads, size)));
  expect_refused<invalid>({"block_size = 0"},
                          at(paged_view<unsigned char>(memory.data(), 3, 0, n_heads, size)));
  expect_refused<invalid>({"n_heads = -2"},
                          at(paged_view<unsigned char>(memory.data(), 3, 4, -2, size)));
  expect_error<invalid>(
      [&] {
        yarn::copy_heads(tensor(),
                         at(paged_view<unsigned char>(memory.data(), 3, 4, n_heads + 1, size)));
      },
      {"target", "n_heads = 3", "2"});
  // With each of these strides, heads, slots or blocks overlap.
  expect_refused<invalid>({"head_stride = 33", "34", "overlap"},
                          at(cache().with_strides(8 * size, 2 * size, size - 1)));
  expect_refused<invalid>({"slot_stride = 67", "68", "overlap"},
                          at(cache().with_strides(8 * size, 2 * size - 1, size)));
  expect_refused<invalid>({"block_stride = 271", "272", "overlap"},
                          at(cache().with_strides(8 * size - 1, 2 * size, size)));
  expect_refused<invalid>({"chunk_stride = 1", "2", "overlap"}, at(cache().with_chunks(2, 1)));
  expect_refused<invalid>({"chunk_stride = 40", "51", "overlap"}, at(cache().with_chunks(17, 40)));
  expect_refused<invalid>({"stride = 0", "overlap"}, at(cache().with_strides(0, 2 * size, size)));
  expect_refused<invalid>({"head_stride = -34", "overlap"},
                          at(cache().with_strides(8 * size, 2 * size, -size)));
  expect_refused<invalid>({"chunk = 4", "34"}, at(cache().with_chunks(4, 4)));
  expect_refused<invalid>({"chunk = 0", "34"}, at(cache().with_chunks(0, 4)));
  expect_refused<invalid>({"chunk = -34"}, at(cache().with_chunks(-34, 4)));
  expect_refused<invalid>({"chunk = 68"}, at(cache().with_chunks(68, 4)));
}

TEST_F(kv_cache_refused, memory_beyond_ptrdiff_t) {
  const auto at = [&](const auto& view) { return q8_0(view.at(slots.data(), n_tokens)); };
  expect_refused<invalid>({"block_stride", "ptrdiff_t"},
                          at(cache().with_strides(largest / 2, 2 * size, size)));
  expect_refused<invalid>({"slot_stride", "ptrdiff_t"},
                          at(cache().with_strides(8 * size, largest / 3, size)));
  expect_refused<invalid>({"head_stride", "ptrdiff_t"},
                          at(cache().with_strides(8 * size, 2 * size, largest - 1)));
  expect_refused<invalid>(
      {"blocks of"}, at(paged_view<unsigned char>(memory.data(), largest / 2, 4, n_heads, size)));
  expect_refused<invalid>(
      {"ptrdiff_t"}, at(paged_view<unsigned char>(memory.data(), largest / 8, 4, n_heads, size)));
  expect_refused<invalid>({"ptrdiff_t"},
                          at(paged_view<unsigned char>(memory.data(), 2, largest / 4, n_heads, size)
                                 .with_strides(largest / 2, 2 * size, size)));
  // The products of the default strides wrap around.
  const std::int64_t slot = 0, many = std::int64_t{1} << 62;
  const paged_view<float> wrapped(x.data(), 1, 1, many, 4); // slot_stride = 0
  expect_error<invalid>(
      [&] { yarn::copy_heads(wrapped.at(&slot, 1), heads_view<float>(x.data(), 1, many, 4)); },
      {"source.head_stride = 4", "4611686018427387904 times", "ptrdiff_t"});
  // 8 * (2^61 + 4) wraps around to 32 bytes, the size of the format.
  const paged_view<std::uint64_t> wide(reinterpret_cast<std::uint64_t*>(memory.data()), 1, 1, 1,
                                       (std::int64_t{1} << 61) + 4);
  struct format {
    std::int64_t head_bytes(std::int64_t) const { return 32; }
    void check(std::int64_t) const {}
    void encode(const float*, std::int64_t, void*, yarn::cache_place) const noexcept {}
    void decode(const void*, std::int64_t, float*, yarn::cache_place) const noexcept {}
  };
  expect_error<invalid>(
      [&] {
        yarn::copy_heads(heads_view<float>(x.data(), 1, 1, dim),
                         stored(wide.at(&slot, 1), format{}, dim));
      },
      {"target", "ptrdiff_t"});
}

TEST_F(kv_cache_refused, heads_that_do_not_fit_the_format) {
  const auto view = cache().at(slots.data(), n_tokens);
  expect_refused<invalid>({"34 bytes", "20 bytes", "head_dim = 32"},
                          stored(view, yarn::q4_1{}, dim));
  expect_error<invalid>(
      [&] {
        yarn::copy_heads(heads_view<float>(x.data(), n_tokens, n_heads, 31),
                         stored(view, yarn::q8_0{}, 31));
      },
      {"31", "32"});
  expect_error<invalid>(
      [&] {
        yarn::copy_heads(heads_view<float>(x.data(), n_tokens, n_heads, -32),
                         stored(view, yarn::q8_0{}, -32));
      },
      {"head_dim = -32"});
  std::vector<float> wide(2 * 1056);
  std::vector<unsigned char> heads(2 * 33 * size);
  expect_error<invalid>(
      [&] {
        yarn::copy_heads(
            heads_view<float>(wide.data(), 1, 2, 1056),
            stored(heads_view<unsigned char>(heads.data(), 1, 2, 33 * size), yarn::q8_0{}, 1056));
      },
      {"target.head_dim = 1056", "at most 1024"});
  const std::int64_t slot = 0;
  std::vector<float> elements(2 * 1056);
  expect_error<invalid>(
      [&] {
        yarn::copy_heads(heads_view<float>(wide.data(), 1, 2, 1056),
                         paged_view<float>(elements.data(), 1, 1, 2, 1056).at(&slot, 1));
      },
      {"target.head_dim = 1056", "at most 1024"});
  // More pairs than the heads have.
  expect_error<invalid>(
      [&] {
        std::vector<double> inv_freq(17, 0.1);
        yarn::rope_apply(
            q8_0(view),
            yarn::rows_of(yarn::frequencies_from(inv_freq.data(), 17), yarn::positions_from(0)),
            pairing::half_split);
      },
      {"x.head_dim = 32", "34"});
}

// A head with chunks is copied to memory of 8192 bytes.
TEST_F(kv_cache_refused, heads_with_chunks_above_8192_bytes) {
  struct format {
    std::int64_t head_bytes(std::int64_t head_dim) const { return 1024 * head_dim; }
    void check(std::int64_t) const {}
    void encode(const float*, std::int64_t, void*, yarn::cache_place) const noexcept {}
    void decode(const void*, std::int64_t, float*, yarn::cache_place) const noexcept {}
  };
  std::vector<unsigned char> heads(std::size_t{1024} * 9);
  const std::int64_t slot = 0;
  const auto copy = [&](std::int64_t n) {
    yarn::copy_heads(heads_view<float>(x.data(), 1, 1, n),
                     stored(paged_view<unsigned char>(heads.data(), 1, 1, 1, 1024 * n)
                                .with_chunks(512, 512)
                                .at(&slot, 1),
                            format{}, n));
  };
  copy(8);
  expect_error<invalid>([&] { copy(9); }, {"9216 bytes", "at most 8192"});
}

TEST_F(kv_cache_refused, tensors_that_overlap_the_cache) {
  // The tensor lies in a block of the cache that has none of the slots.
  auto* const inside = reinterpret_cast<float*>(memory.data() + 272);
  const heads_view<float> source(inside, 1, 1, dim);
  slots = {0, 1, 2};
  const paged_view<unsigned char> one_head(memory.data(), 12, 4, 1, size);
  expect_error<invalid>([&] { yarn::copy_heads(source, q8_0(one_head.at(slots.data(), 1))); },
                        {"overlap"});
  expect_error<invalid>([&] { yarn::copy_heads(q8_0(one_head.at(slots.data(), 1)), source); },
                        {"overlap"});
  expect_error<invalid>(
      [&] {
        yarn::rope_copy(q8_0(one_head.at(slots.data(), 1)), q8_0(one_head.at(&slots[1], 1)),
                        yarn::rows_of(yarn::frequencies_from(std::vector<double>{1.0}.data(), 1),
                                      yarn::positions_from(0)),
                        pairing::half_split);
      },
      {"overlap"});
  expect_error<invalid>(
      [&] {
        yarn::rope_apply(source, q8_0(one_head.at(slots.data(), 1)),
                         yarn::rows_of(yarn::frequencies_from(std::vector<double>{1.0}.data(), 1),
                                       yarn::positions_from(0)),
                         pairing::half_split);
      },
      {"overlap"});
  // The byte after the cache may belong to another tensor.
  const paged_view<unsigned char> two(memory.data(), 1, 8, 1, size);
  yarn::copy_heads(source, q8_0(two.at(slots.data(), 1)));
  // A dense cache.
  const heads_view<unsigned char> dense(memory.data(), 12, 1, size);
  expect_error<invalid>(
      [&] { yarn::copy_heads(heads_view<float>(inside, 12, 1, dim), q8_0(dense)); }, {"overlap"});
}

/// A user's own addressing and format, whose checks throw.
struct refusing_addressing {
  std::int64_t n_tokens() const { return ::n_tokens; }
  std::int64_t n_heads() const { return ::n_heads; }
  std::int64_t head_bytes() const { return size; }
  std::int64_t row(std::int64_t token) const { return token; }
  void* head(yarn::cache_place) const { return nullptr; }
  void check() const { throw std::domain_error("yarn: mine"); }
};
struct refusing_format : yarn::q8_0 {
  void check(std::int64_t /*head_dim*/) const { throw std::domain_error("yarn: mine, too"); }
};

TEST_F(kv_cache_refused, what_the_checks_of_the_user_refuse) {
  expect_refused<std::domain_error>({"mine"}, q8_0(refusing_addressing{}));
  expect_refused<std::domain_error>(
      {"mine, too"}, stored(cache().at(slots.data(), n_tokens), refusing_format{}, dim));
}

TEST_F(kv_cache_refused, extents_beyond_64_bits) {
  const std::uint64_t huge = UINT64_MAX;
  expect_error<invalid>([&] { paged_view<float>(x.data(), huge, 1, 1, 1); }, {"n_blocks"});
  expect_error<invalid>([&] { paged_view<float>(x.data(), 1, huge, 1, 1); }, {"block_size"});
  expect_error<invalid>([&] { paged_view<float>(x.data(), 1, 1, huge, 1); }, {"n_heads"});
  expect_error<invalid>([&] { paged_view<float>(x.data(), 1, 1, 1, huge); }, {"head_dim"});
  const paged_view<float> view(x.data(), 1, 1, 1, 1);
  expect_error<invalid>([&] { static_cast<void>(view.with_strides(huge, 1, 1)); },
                        {"block_stride"});
  expect_error<invalid>([&] { static_cast<void>(view.with_strides(1, huge, 1)); }, {"slot_stride"});
  expect_error<invalid>([&] { static_cast<void>(view.with_strides(1, 1, huge)); }, {"head_stride"});
  expect_error<invalid>([&] { static_cast<void>(view.with_chunks(huge, 1)); }, {"chunk"});
  expect_error<invalid>([&] { static_cast<void>(view.with_chunks(1, huge)); }, {"chunk_stride"});
  expect_error<invalid>([&] { static_cast<void>(view.at(slots.data(), huge)); }, {"n_tokens"});
  expect_error<invalid>([&] { static_cast<void>(stored(view, yarn::q8_0{}, huge)); }, {"head_dim"});
}

} // namespace
