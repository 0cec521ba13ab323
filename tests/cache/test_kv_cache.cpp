// SPDX-License-Identifier: MIT
// kv_cache.hpp: caches that are read and rotated in place, copies between caches, kinds of rows,
// and empty calls. test_kv_cache_float.cpp and its like combine all options of writes.
#include "../support/cache_matrix.hpp"

#include <array>

namespace {

using namespace support;
using yarn::cache_place;
using yarn::heads_view;
using yarn::paged_view;
using yarn::pairing;
using yarn::stored;
using floats = std::vector<float>;
using bytes = std::vector<unsigned char>;
using slot_list = std::vector<std::int64_t>;

const slot_list slots{6, -1, 14, 0}; // blocks of 5 slots
const slot_list other_slots{1, 4, -1, 13};
constexpr copy_shape some_shapes[] = {{4, 5, 288, 0}, {4, 40, 16, 32}, {4, 3, 48, 0}};

/// Caches with heads of random numbers, encoded in a format.
struct filled_cache {
  format_case format;
  copy_shape shape;
  cache_memory<unsigned char> memory;

  filled_cache(const format_case& how, addressing where, const copy_shape& s)
      : format(how), shape(s),
        memory(where, {3, 5, s.n_heads, how.format.head_bytes(s.head_dim())}) {
    fill();
  }
  void fill() {
    bytes all = memory.contents();
    random_source random(12);
    for (std::int64_t row = 0; row < 15; ++row)
      for (std::int64_t h = 0; h < shape.n_heads; ++h) {
        floats head(static_cast<std::size_t>(shape.head_dim()));
        for (float& value : head)
          value = static_cast<float>(random.number(-4, 4));
        put(all, row, h, head.data());
      }
    memory.assign(all);
  }

  /// The rows of the tokens. A dense cache has a row for each token.
  slot_list rows_of_tokens(const slot_list& list) const {
    slot_list rows;
    for (std::int64_t t = 0; t < shape.n_tokens; ++t)
      rows.push_back(memory.row(list, t));
    return rows;
  }
  void put(bytes& all, std::int64_t row, std::int64_t h, const float* values) const {
    bytes head(static_cast<std::size_t>(memory.shape().head_units));
    format.format.encode(values, shape.head_dim(), head.data(), {row, h});
    memory.put(all, row, h, head.data());
  }
  /// Writes the heads of a dense tensor into the rows of `list`. Skips tokens that have no row in
  /// `list` or in `reads`.
  void put_tokens(bytes& all, const slot_list& list, const slot_list& reads,
                  const floats& dense) const {
    for (std::int64_t t = 0; t < shape.n_tokens; ++t)
      for (std::int64_t h = 0; h < shape.n_heads; ++h)
        if (memory.row(list, t) >= 0 && reads[static_cast<std::size_t>(t)] >= 0)
          put(all, memory.row(list, t), h,
              dense.data() + (t * shape.n_heads + h) * shape.head_dim());
  }
  /// The decoded heads as a dense tensor. Tokens without a row are 0.
  floats decoded(const slot_list& list) {
    floats dense(shape.n_elements());
    const bytes all = memory.contents();
    bytes head(static_cast<std::size_t>(memory.shape().head_units));
    for (std::int64_t t = 0; t < shape.n_tokens; ++t)
      for (std::int64_t h = 0; h < shape.n_heads && memory.row(list, t) >= 0; ++h) {
        memory.get(all, memory.row(list, t), h, head.data());
        format.format.decode(head.data(), shape.head_dim(),
                             dense.data() + (t * shape.n_heads + h) * shape.head_dim(),
                             {memory.row(list, t), h});
      }
    return dense;
  }
  template <class Use> void with_view(const slot_list& list, const Use& use) {
    memory.with_view(list,
                     [&](const auto& view) { use(stored(view, format.format, shape.head_dim())); });
  }
  heads_view<float> dense(floats& values) const {
    return {values.data(), shape.n_tokens, shape.n_heads, shape.head_dim()};
  }
};

template <class Run> void for_each_cache(const Run& run) {
  for (const copy_shape& s : some_shapes)
    for (const format_case& format : all_formats())
      for (const addressing where : addressings) {
        SCOPED_TRACE(::testing::Message() << format.name << ", " << name_of(where) << ", "
                                          << description(s, all_orders[0]));
        if (format.accepts(s.head_dim()))
          run(format, where, s);
        if (::testing::Test::HasFailure())
          return;
      }
}

TEST(kv_cache, rotated_in_place_is_decoded_rotated_and_encoded) {
  for_each_cache([](const format_case& format, addressing where, const copy_shape& s) {
    const yarn::frequencies moves = yarn::unscaled(frequencies_for(s));
    const std::vector<std::int32_t> distances{-700, 5, 0, 31};
    for (const pairing p : {pairing::half_split, pairing::interleaved}) {
      filled_cache cache(format, where, s);
      bytes expected = cache.memory.contents();
      floats dense = cache.decoded(slots);
      const floats scales_before = format.scales();
      const auto rows = yarn::rows_of(moves, yarn::positions(distances));
      yarn::rope_apply(cache.dense(dense), rows, p);
      cache.put_tokens(expected, slots, cache.rows_of_tokens(slots), dense);
      const floats expected_scales = format.scales();
      format.set_scales(scales_before);
      cache.with_view(slots, [&](const auto& view) { yarn::rope_apply(view, rows, p); });
      ASSERT_TRUE(same_bytes(cache.memory.contents(), expected));
      ASSERT_TRUE(same_bytes(format.scales(), expected_scales));
    }
  });
}

TEST(kv_cache, heads_read_into_tensors_are_the_decoded_ones) {
  for_each_cache([](const format_case& format, addressing where, const copy_shape& s) {
    filled_cache cache(format, where, s);
    const bytes before = cache.memory.contents();
    const yarn::rotary_rows<float> rows = rows_for<float>(s);
    for (const orders& order : all_orders) {
      floats found(s.n_elements(), 0.0F), copied = found, rotated(s.n_elements());
      floats dense = cache.decoded(slots);
      yarn::rope_copy(cache.dense(dense), cache.dense(rotated), rows, order.in,
                      yarn::output_order{order.out});
      const slot_list rows_of_tokens = cache.rows_of_tokens(slots);
      for (std::int64_t t = 0; t < s.n_tokens; ++t) // zeros of skipped tokens, rotated, may be -0
        if (rows_of_tokens[static_cast<std::size_t>(t)] < 0)
          std::fill_n(rotated.begin() + t * s.n_heads * s.head_dim(), s.n_heads * s.head_dim(),
                      0.0F);
      cache.with_view(slots, [&](const auto& view) {
        yarn::rope_copy(view, cache.dense(found), rows, order.in, yarn::output_order{order.out});
        yarn::copy_heads(view, cache.dense(copied));
      });
      ASSERT_TRUE(same_bytes(found, rotated)); // skipped tokens are 0
      ASSERT_TRUE(same_bytes(copied, dense));
    }
    ASSERT_TRUE(same_bytes(cache.memory.contents(), before));
  });
}

TEST(kv_cache, copied_between_caches_of_other_formats_and_addressings) {
  const std::vector<format_case> formats = all_formats();
  const copy_shape s{4, 40, 16, 32};
  for (std::size_t i = 0; i < formats.size(); ++i)
    for (const addressing from : addressings)
      for (const addressing to : addressings) {
        const format_case& other = formats[(i + 1 + static_cast<std::size_t>(to)) % formats.size()];
        SCOPED_TRACE(::testing::Message() << formats[i].name << ", " << name_of(from) << " to "
                                          << other.name << ", " << name_of(to));
        filled_cache source(formats[i], from, s), target(other, to, s);
        bytes expected = target.memory.contents();
        target.put_tokens(expected, other_slots, source.rows_of_tokens(slots),
                          source.decoded(slots));
        const floats expected_scales = other.scales();
        other.set_scales(floats(expected_scales.size(), 1.0F));
        target.fill();
        source.with_view(slots, [&](const auto& x) {
          target.with_view(other_slots, [&](const auto& y) { yarn::copy_heads(x, y); });
        });
        ASSERT_TRUE(same_bytes(target.memory.contents(), expected));
        ASSERT_TRUE(same_bytes(other.scales(), expected_scales));
      }
}

// The options that a type or an overload decides: real formats, not any_format; double.
template <class Format> class one_format : public ::testing::Test {};
using some_formats = ::testing::Types<yarn::q8_0, yarn::q5_1, bytes_with_scale>;
TYPED_TEST_SUITE(one_format, some_formats, numbers_as_names);

TYPED_TEST(one_format, takes_doubles_and_rows_of_every_kind) {
  const copy_shape s{4, 20, 32, 64};
  const TypeParam format{};
  const std::int64_t dim = s.head_dim(), size = format.head_bytes(dim);
  const std::vector<double> x = random_heads<double>(s, content::ordinary, 2);
  const heads_view<const double> source(x.data(), s.n_tokens, s.n_heads, dim);
  std::vector<double> rotated(x.size());
  const yarn::frequencies f = frequencies_for(s);
  const yarn::rotary_table<double> table = yarn::make_table<double>(f, 100);
  const std::vector<std::int64_t> list{7, 0, 99, 42};
  const yarn::positions at(list);
  yarn::rotary_rows<double> rows;
  rows.assign(f, at);
  yarn::rope_copy(source, heads_view<double>(rotated.data(), s.n_tokens, s.n_heads, dim), rows,
                  pairing::half_split);
  const floats rounded(rotated.begin(), rotated.end());
  cache_memory<unsigned char> cache(addressing::hnd, {3, 5, s.n_heads, size});
  const bytes before = cache.contents();
  bytes expected = before, head(static_cast<std::size_t>(size));
  for (std::int64_t t = 0; t < s.n_tokens; ++t)
    for (std::int64_t h = 0; h < s.n_heads && slots[static_cast<std::size_t>(t)] >= 0; ++h) {
      const std::int64_t row = slots[static_cast<std::size_t>(t)];
      format.encode(rounded.data() + (t * s.n_heads + h) * dim, dim, head.data(), {row, h});
      cache.put(expected, row, h, head.data());
    }
  const auto target = stored(cache.paged(slots), format, dim);
  const auto expect_same = [&](const auto& some_rows) {
    cache.assign(before);
    yarn::rope_copy(source, target, some_rows, pairing::half_split);
    EXPECT_TRUE(same_bytes(cache.contents(), expected));
  };
  expect_same(rows);
  expect_same(rows.view());
  expect_same(yarn::rows_of(f, at));
  expect_same(yarn::rows_of(table, at));

  // Back to doubles: exactly the decoded floats.
  std::vector<double> read(x.size());
  yarn::copy_heads(target, heads_view<double>(read.data(), s.n_tokens, s.n_heads, dim));
  floats values(static_cast<std::size_t>(dim));
  for (std::int64_t t = 0; t < s.n_tokens; ++t)
    for (std::int64_t h = 0; h < s.n_heads; ++h) {
      const std::int64_t row = slots[static_cast<std::size_t>(t)];
      if (row >= 0) {
        cache.get(expected, row, h, head.data());
        format.decode(head.data(), dim, values.data(), {row, h});
      }
      for (std::size_t e = 0; e < values.size(); ++e)
        ASSERT_EQ(read[static_cast<std::size_t>((t * s.n_heads + h) * dim) + e],
                  row < 0 ? 0.0 : static_cast<double>(values[e]));
    }
}

TEST(kv_cache, rows_with_several_axes_give_the_bytes_of_the_unfused_way) {
  const copy_shape s{4, 3, 32, 0};
  const yarn::frequencies axes =
      yarn::with_axes(frequencies_for(s), yarn::axis_sections{10, 12, 10});
  const std::vector<std::int32_t> list{0, 4, 8, 1, 2, 5, 9, 0, 7, 3, 1, 1};
  const yarn::axis_positions positions(list.data(), s.n_tokens, 3);
  floats x = random_heads<float>(s, content::ordinary), rotated(x.size());
  const heads_view<float> source(x.data(), s.n_tokens, s.n_heads, 64);
  yarn::rope_copy(source, heads_view<float>(rotated.data(), s.n_tokens, s.n_heads, 64),
                  yarn::rows_of(axes, positions), pairing::half_split);
  bytes unfused(static_cast<std::size_t>(s.n_tokens * s.n_heads * 68)), fused = unfused;
  const yarn::q8_0 q8_0;
  for (std::int64_t i = 0; i < s.n_tokens * s.n_heads; ++i)
    q8_0.encode(rotated.data() + i * 64, 64, unfused.data() + i * 68, {i, 0});
  const heads_view<unsigned char> cache(fused.data(), s.n_tokens, s.n_heads, 68);
  yarn::rope_copy(source, stored(cache, q8_0, 64), yarn::rows_of(axes, positions),
                  pairing::half_split);
  EXPECT_TRUE(same_bytes(fused, unfused));
}

// Two sequences of a batch, whose tokens lie in one buffer, and whose slots lie in one cache.
// q is rotated in place and k is moved in its cache by the same call.
TEST(kv_cache, batches_and_queries_with_cached_keys_equal_dense_tensors) {
  const copy_shape s{6, 2, 16, 0}; // tokens 0 to 3 and 4 to 5 are the sequences
  const std::vector<std::int32_t> slots_of_batch{3, 4, 10, 11, 0, 7};
  const std::vector<std::int64_t> positions{40, 41, 42, 43, 9, 10};
  const yarn::frequencies f = frequencies_for(s);
  const auto rows = yarn::rows_of(f, yarn::positions(positions));
  std::vector<yarn::bfloat16> k = random_heads<yarn::bfloat16>(s, content::ordinary);
  cache_memory<unsigned char> cache(addressing::nhd, {3, 4, s.n_heads, 34});
  bytes expected = cache.contents();
  floats rotated(k.size());
  const heads_view<yarn::bfloat16> source(k.data(), s.n_tokens, s.n_heads, 32);
  yarn::rope_copy(source, heads_view<float>(rotated.data(), s.n_tokens, s.n_heads, 32), rows,
                  pairing::interleaved);
  const yarn::q8_0 q8_0;
  unsigned char head[34];
  const auto put = [&](const floats& heads) {
    for (std::int64_t t = 0; t < s.n_tokens; ++t)
      for (std::int64_t h = 0; h < s.n_heads; ++h) {
        const std::int64_t row = slots_of_batch[static_cast<std::size_t>(t)];
        q8_0.encode(heads.data() + (t * s.n_heads + h) * 32, 32, head, {row, h});
        cache.put(expected, row, h, head);
      }
  };
  put(rotated);
  const slot_list none;
  const auto target =
      stored(cache.paged(none).at(slots_of_batch.data(), slots_of_batch.size()), q8_0, 32);
  yarn::rope_copy(source, target, rows, pairing::interleaved);
  EXPECT_TRUE(same_bytes(cache.contents(), expected));

  floats decoded(k.size());
  const heads_view<float> dense(decoded.data(), s.n_tokens, s.n_heads, 32);
  yarn::copy_heads(target, dense);
  std::vector<yarn::bfloat16> q = k;
  yarn::rope_apply(heads_view<yarn::bfloat16>(q.data(), s.n_tokens, s.n_heads, 32), dense, rows,
                   pairing::half_split);
  put(decoded);
  yarn::rope_apply(source, target, rows, pairing::half_split);
  EXPECT_TRUE(same_bytes(k, q));
  EXPECT_TRUE(same_bytes(cache.contents(), expected));
}

TEST(kv_cache, plain_tensors_are_copied_and_converted) {
  const copy_shape s{3, 4, 8, 3};
  for (const arrangement from : arrangements)
    for (const arrangement to : arrangements) {
      fenced_tensor<float> source(s, from);
      fenced_tensor<yarn::bfloat16> target(s, to);
      const floats heads = random_heads<float>(s, content::special);
      source.fill(heads);
      std::vector<yarn::bfloat16> rounded(heads.size());
      std::transform(heads.begin(), heads.end(), rounded.begin(),
                     [](float x) { return element<yarn::bfloat16>::narrow(x); });
      const std::vector<yarn::bfloat16> expected = target.with_heads(rounded);
      yarn::copy_heads(source.const_view(), target.view());
      expect_contents(target.contents(), expected, "target");
    }
}

TEST(kv_cache, values_are_normed_while_they_are_copied) {
  const copy_shape s{3, 40, 16, 32};
  const floats x = random_heads<float>(s, content::ordinary);
  const floats weight = random_heads<float>({1, s.n_heads, s.n_pairs, s.rest}, content::ordinary);
  const heads_view<const float> source(x.data(), s.n_tokens, s.n_heads, 64);
  for (const norm_kind kind : norm_kinds)
    with_norm(kind, source, weight.data(), [&](const auto& operand) {
      floats dense(x.size());
      bytes unfused(static_cast<std::size_t>(s.n_tokens * s.n_heads * 68)), fused = unfused;
      yarn::copy_heads(operand, heads_view<float>(dense.data(), s.n_tokens, s.n_heads, 64));
      const std::vector<float> none(64);
      for (std::int64_t t = 0; t < s.n_tokens; ++t) {
        const exact_heads exact =
            exact_token(x.data() + t * s.n_heads * 64, s.n_heads, 64, kind, weight.data(),
                        none.data(), none.data(), 0, all_orders[0]);
        for (std::size_t i = 0; i < exact.values.size(); ++i)
          ASSERT_LE(std::fabs(static_cast<long double>(
                                  dense[static_cast<std::size_t>(t * s.n_heads * 64) + i]) -
                              exact.values[i]),
                    exact.slack[i])
              << static_cast<int>(kind);
      }
      const yarn::q8_0 q8_0;
      for (std::int64_t i = 0; i < s.n_tokens * s.n_heads; ++i)
        q8_0.encode(dense.data() + i * 64, 64, unfused.data() + i * 68, {i, 0});
      const heads_view<unsigned char> cache(fused.data(), s.n_tokens, s.n_heads, 68);
      yarn::copy_heads(operand, stored(cache, q8_0, 64));
      EXPECT_TRUE(same_bytes(fused, unfused)) << static_cast<int>(kind);
    });
}

TEST(kv_cache, a_slice_writes_only_its_tokens) {
  const copy_shape s{4, 2, 16, 0};
  floats x = random_heads<float>(s, content::ordinary);
  const heads_view<float> source(x.data(), s.n_tokens, s.n_heads, 32);
  const slot_list list{3, 2, 1, 0};
  const auto rows = rows_for<float>(s);
  const auto expect_one_token = [&](const auto& write) {
    cache_memory<unsigned char> cache(addressing::nhd, {1, 4, s.n_heads, 34});
    const bytes before = cache.contents();
    write(stored(cache.paged(list), yarn::q8_0{}, 32), yarn::thread_slice{2, 4}); // token 2
    const bytes after = cache.contents();
    for (std::size_t i = 0; i < after.size(); i += 68) { // a slot
      const bool is_same = std::equal(after.begin() + static_cast<std::ptrdiff_t>(i),
                                      after.begin() + static_cast<std::ptrdiff_t>(i + 68),
                                      before.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_EQ(is_same, i != 68) << i;
    }
  };
  expect_one_token([&](const auto& target, yarn::thread_slice part) {
    yarn::copy_heads_unchecked(source, target, part);
  });
  expect_one_token([&](const auto& target, yarn::thread_slice part) {
    yarn::rope_copy_unchecked(source, target, rows, pairing::half_split,
                              yarn::output_order{pairing::half_split}, part);
  });
  expect_one_token([&](const auto& target, yarn::thread_slice part) {
    yarn::rope_apply_unchecked(target, rows, pairing::half_split, part);
  });
}

TEST(kv_cache, empty_calls_touch_nothing) {
  const yarn::frequencies f = frequencies_for({0, 0, 16, 0});
  const yarn::q8_0 q8_0;
  const auto copy = [&](std::int64_t tokens, std::int64_t heads, std::int64_t n_blocks) {
    constexpr std::int64_t dim = 32;
    bytes memory(4096, 7);
    floats x(4096, 1.0F);
    const slot_list list(static_cast<std::size_t>(tokens), n_blocks == 0 ? -1 : 2);
    const paged_view<unsigned char> all(n_blocks == 0 ? nullptr : memory.data(), n_blocks, 4, heads,
                                        q8_0.head_bytes(dim));
    const auto target = stored(all.at(tokens == 0 ? nullptr : list.data(), tokens), q8_0, dim);
    const heads_view<float> source(x.data(), tokens, heads, dim);
    yarn::copy_heads(source, target);
    yarn::copy_heads(target, source);
    yarn::rope_copy(source, target, yarn::rows_of(f, yarn::positions_from(0)), pairing::half_split);
    yarn::rope_apply(target, yarn::rows_of(f, yarn::positions_from(0)), pairing::half_split);
    EXPECT_EQ(memory, bytes(4096, 7));
    EXPECT_EQ(x, floats(4096, 1.0F));
  };
  copy(0, 2, 3);
  copy(1, 0, 3);
  copy(3, 2, 0); // a cache without blocks, and only tokens that are not stored
  float memory[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  const std::int64_t slot = 1;
  yarn::copy_heads(heads_view<float>(memory, 1, 2, 0),
                   paged_view<float>(memory + 4, 1, 2, 2, 0).at(&slot, 1));
  for (const float value : memory)
    EXPECT_EQ(value, 1);
}

} // namespace
