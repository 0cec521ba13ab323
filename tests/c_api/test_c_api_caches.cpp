// SPDX-License-Identifier: MIT
// KV caches as sources and targets, by C and by C++: the bytes must be the same. Also prompts with
// images.
#include "../support/c_api_rotation.hpp"

#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>
#include <yarn/prompt_positions.hpp>
#include <yarn/scaled_elements.hpp>

#include <algorithm>
#if defined(__linux__)
#include <pthread.h>
#include <sys/mman.h>
#endif

namespace {

using namespace support;
using yarn::bfloat16;
using yarn::pairing;

constexpr std::int64_t n_tokens = 5, n_heads = 3, dim = 128, block_size = 4, n_blocks = 6;
const std::vector<std::int32_t> slots{7, 0, -1, 23, 5};

/// The memory of a cache, once for C and once for C++.
template <class T> struct cache_memory {
  explicit cache_memory(std::int64_t size_of_head)
      : head_size(size_of_head),
        c(static_cast<std::size_t>(n_blocks * block_size * n_heads * head_size), T{1}), cpp(c) {
    paging = sized<yarn_paging>();
    paging.n_blocks = n_blocks;
    paging.block_size = block_size;
    paging.slot_stride = n_heads * head_size;
    paging.block_stride = block_size * n_heads * head_size;
    paging.slots = slots.data();
    paging.slot_type = YARN_INT32;
  }
  yarn::paged_view<T> view() {
    return yarn::paged_view<T>(cpp.data(), n_blocks, block_size, n_heads, head_size)
        .at(slots.data(), n_tokens);
  }
  yarn_tensor c_view(const yarn_cache_format* format) {
    auto x = sized<yarn_tensor>();
    x.data = c.data();
    x.type = format != nullptr ? 0 : c_type<T>;
    x.n_tokens = n_tokens;
    x.n_heads = n_heads;
    x.head_dim = dim;
    x.head_stride = c_head_stride;
    x.paging = &paging;
    x.format = format;
    return x;
  }
  void expect_same(const std::string& what) const {
    EXPECT_EQ(std::memcmp(c.data(), cpp.data(), c.size() * sizeof(T)), 0) << what;
    EXPECT_NE(std::memcmp(c.data(), std::vector<T>(c.size(), T{1}).data(), c.size() * sizeof(T)), 0)
        << what;
  }

  std::int64_t head_size; // in elements of type T
  std::int64_t c_head_stride = head_size;
  std::vector<T> c, cpp;
  yarn_paging paging;
};

/// Compares each use of a cache in a call: target, rotated in place, source, and copied without
/// rotation.
template <class Cache, class T>
void compare_calls(cache_memory<T>& memory, const Cache& cache, const yarn_cache_format* format,
                   const std::string& what) {
  const rotation_rows rows(96, n_tokens);
  const yarn_tensor c_cache = memory.c_view(format);
  tensor_pair<float> k(n_tokens, n_heads, dim, 1), out(n_tokens, n_heads, dim, 2);
  const yarn_tensor c_k = k.c_view(), c_out = out.c_view();

  for (const pairing order : {pairing::half_split, pairing::interleaved}) {
    ASSERT_EQ(yarn_rope_copy(&c_k, &c_cache, &rows.source, YARN_HALF_SPLIT,
                             static_cast<yarn_pairing>(order)),
              YARN_OK)
        << yarn_last_error();
    rope_copy(k.view(), cache, rows.cpp_rows, pairing::half_split, yarn::output_order{order});
    memory.expect_same(what + ", target");
  }
  ASSERT_EQ(yarn_rope_apply(&c_cache, nullptr, &rows.source, YARN_INTERLEAVED), YARN_OK)
      << yarn_last_error();
  rope_apply(cache, rows.cpp_rows, pairing::interleaved);
  memory.expect_same(what + ", in place");
  ASSERT_EQ(yarn_rope_copy(&c_cache, &c_out, &rows.source, YARN_INTERLEAVED, YARN_INTERLEAVED),
            YARN_OK)
      << yarn_last_error();
  rope_copy(cache, out.view(), rows.cpp_rows, pairing::interleaved);
  out.expect_same(what + ", source", 2);
  ASSERT_EQ(yarn_copy_heads_check(&c_k, &c_cache), YARN_OK) << yarn_last_error();
  for (const std::int64_t thread : {1, 0})
    yarn_copy_heads_unchecked(&c_k, &c_cache, thread, 2);
  copy_heads(k.view(), cache);
  memory.expect_same(what + ", copied");
  ASSERT_EQ(yarn_copy_heads(&c_cache, &c_out), YARN_OK) << yarn_last_error();
  copy_heads(cache, out.view());
  out.expect_same(what + ", copied back", 2);
}

class c_api_caches : public c_api_test {};

TEST_F(c_api_caches, of_elements_have_the_bits_of_cpp) {
  cache_memory<bfloat16> memory(dim);
  compare_calls(memory, memory.view(), nullptr, "paged bfloat16");
  cache_memory<bfloat16> chunks(dim); // [blocks][heads][dim / 8][slots][8]
  chunks.paging.block_stride = n_heads * dim * block_size;
  chunks.paging.slot_stride = 8;
  chunks.paging.chunk = 8;
  chunks.paging.chunk_stride = 8 * block_size;
  const auto view = chunks.view()
                        .with_strides(n_heads * dim * block_size, 8, dim * block_size)
                        .with_chunks(8, 8 * block_size);
  chunks.c_head_stride = dim * block_size;
  compare_calls(chunks, view, nullptr, "chunks");
}

template <class Format>
void compare_blocks(const Format& format, yarn_cache_kind kind, const char* name) {
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = kind;
  cache_memory<unsigned char> memory(format.head_bytes(dim));
  compare_calls(memory, stored(memory.view(), format, dim), &c_format, name);
}

TEST_F(c_api_caches, of_ggml_blocks_have_the_bytes_of_cpp) {
  compare_blocks(yarn::q8_0{}, YARN_Q8_0, "q8_0");
  compare_blocks(yarn::q4_0{}, YARN_Q4_0, "q4_0");
}

// The other formats, without rotation.
template <class Format>
void compare_copies(const Format& format, yarn_cache_kind kind, const char* name) {
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = kind;
  cache_memory<unsigned char> memory(format.head_bytes(dim));
  tensor_pair<float> v(n_tokens, n_heads, dim);
  const yarn_tensor c_v = v.c_view(), c_cache = memory.c_view(&c_format);
  ASSERT_EQ(yarn_copy_heads(&c_v, &c_cache), YARN_OK) << yarn_last_error();
  copy_heads(v.view(), stored(memory.view(), format, dim));
  memory.expect_same(name);
}
TEST_F(c_api_caches, of_all_formats_have_the_bytes_of_cpp) {
  compare_copies(yarn::q8_0{yarn::q8_0_writer::avx}, YARN_Q8_0_AVX, "q8_0, avx");
  compare_copies(yarn::q4_1{}, YARN_Q4_1, "q4_1");
  compare_copies(yarn::q5_0{}, YARN_Q5_0, "q5_0");
  compare_copies(yarn::q5_1{}, YARN_Q5_1, "q5_1");
  compare_copies(yarn::iq4_nl{}, YARN_IQ4_NL, "iq4_nl");
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = YARN_SCALED_FLOAT8_E4M3;
  c_format.scale = 0.01F;
  const std::vector<float> scales{0.01F, 0.02F, 0.03F};
  tensor_pair<float> v(n_tokens, n_heads, dim);
  const yarn_tensor c_v = v.c_view();
  {
    cache_memory<unsigned char> memory(dim);
    const yarn_tensor c_cache = memory.c_view(&c_format);
    ASSERT_EQ(yarn_copy_heads(&c_v, &c_cache), YARN_OK) << yarn_last_error();
    copy_heads(v.view(),
               stored(memory.view(), yarn::scaled<yarn::float8_e4m3>::per_tensor(0.01F), dim));
    memory.expect_same("a scale for the tensor");
  }
  c_format.kind = YARN_SCALED_FLOAT8_E5M2;
  c_format.scale = 0;
  c_format.scale_source = YARN_SCALE_GIVEN;
  c_format.scales = const_cast<float*>(scales.data());
  c_format.head_stride = 1;
  cache_memory<unsigned char> memory(dim);
  const yarn_tensor c_cache = memory.c_view(&c_format);
  ASSERT_EQ(yarn_copy_heads(&c_v, &c_cache), YARN_OK) << yarn_last_error();
  copy_heads(v.view(),
             stored(memory.view(), yarn::scaled<yarn::float8_e5m2>::per_head(scales.data()), dim));
  memory.expect_same("a scale for each head");
}

TEST_F(c_api_caches, with_computed_scales_write_the_scales_of_cpp) {
  std::vector<float> scales(n_blocks * 20), cpp_scales(scales);
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = YARN_SCALED_INT8;
  c_format.scale_source = YARN_SCALE_COMPUTED;
  c_format.scales = scales.data();
  c_format.row_stride = n_heads;
  c_format.head_stride = 1;
  c_format.block_size = block_size;
  c_format.block_stride = 20;
  cache_memory<unsigned char> memory(dim);
  compare_calls(memory,
                stored(memory.view(),
                       yarn::scaled<std::int8_t>::computed(cpp_scales.data(), n_heads)
                           .with_blocks(block_size, 20),
                       dim),
                &c_format, "computed scales");
  EXPECT_EQ(scales, cpp_scales);
  EXPECT_NE(scales[20 + 3 * n_heads], 0.0F); // slot 7: block 1, row 3
}

// A format of the user: float32 with the sign changed, then one more float, 10 * row + head.
void encode_negated(void*, const float* values, std::int64_t n, void* memory, std::int64_t row,
                    std::int64_t head) {
  auto* const to = static_cast<float*>(memory);
  for (std::int64_t i = 0; i < n; ++i)
    to[i] = -values[i];
  to[n] = static_cast<float>(10 * row + head);
}
void decode_negated(void*, const void* memory, std::int64_t n, float* values, std::int64_t,
                    std::int64_t) {
  for (std::int64_t i = 0; i < n; ++i)
    values[i] = -static_cast<const float*>(memory)[i];
}
struct negated {
  std::int64_t head_bytes(std::int64_t n) const { return 4 * n + 4; }
  void check(std::int64_t) const {}
  void encode(const float* values, std::int64_t n, void* memory,
              yarn::cache_place at) const noexcept {
    encode_negated(nullptr, values, n, memory, at.row, at.head);
  }
  void decode(const void* memory, std::int64_t n, float* values,
              yarn::cache_place at) const noexcept {
    decode_negated(nullptr, memory, n, values, at.row, at.head);
  }
};
TEST_F(c_api_caches, of_a_format_of_the_user_have_the_bytes_of_cpp) {
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = YARN_OWN_FORMAT;
  c_format.head_bytes = [](void*, std::int64_t n) { return 4 * n + 4; };
  c_format.encode = encode_negated;
  c_format.decode = decode_negated;
  cache_memory<unsigned char> memory(4 * dim + 4);
  compare_calls(memory, stored(memory.view(), negated{}, dim), &c_format, "own format");
}

TEST_F(c_api_caches, take_normed_tensors) {
  const rotation_rows rows(96, n_tokens);
  norm_pair<float> norms(n_heads, dim);
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = YARN_Q8_0;
  norms.for_each([&](const auto& norm, const yarn_norm& c_norm, const char* name) {
    if (c_norm.kind == YARN_LAYER_NORM)
      return; // one kind of kernel is enough here
    cache_memory<unsigned char> memory(yarn::q8_0{}.head_bytes(dim));
    tensor_pair<bfloat16> k(n_tokens, n_heads, dim);
    yarn_tensor c_k = k.c_view();
    c_k.norm = &c_norm;
    const yarn_tensor c_cache = memory.c_view(&c_format);
    const auto cache = stored(memory.view(), yarn::q8_0{}, dim);
    ASSERT_EQ(yarn_rope_copy(&c_k, &c_cache, &rows.source, YARN_HALF_SPLIT, YARN_HALF_SPLIT),
              YARN_OK)
        << yarn_last_error();
    rope_copy(normed(k.view(), norm), cache, rows.cpp_rows, pairing::half_split);
    memory.expect_same(std::string(name) + ", rotated");
    ASSERT_EQ(yarn_copy_heads(&c_k, &c_cache), YARN_OK) << yarn_last_error();
    copy_heads(normed(k.view(), norm), cache);
    memory.expect_same(std::string(name) + ", copied");
  });
}

TEST_F(c_api_caches, are_checked) {
  const rotation_rows rows(96, n_tokens);
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = YARN_Q8_0;
  cache_memory<unsigned char> memory(yarn::q8_0{}.head_bytes(dim));
  tensor_pair<float> k(n_tokens, n_heads, dim);
  const yarn_tensor c_k = k.c_view();
  yarn_tensor c_cache = memory.c_view(&c_format);
  const auto refused = [&](yarn_status wanted, const char* message) {
    EXPECT_EQ(yarn_rope_copy(&c_k, &c_cache, &rows.source, 0, 0), wanted) << message;
    EXPECT_STREQ(yarn_last_error(), message);
  };
  const std::vector<std::int32_t> wrong{7, 0, -1, 24, 5};
  memory.paging.slots = wrong.data();
  refused(YARN_OUT_OF_RANGE, "yarn: slot 24 of token 3 must be -1, or in [0, 24)");
  memory.paging.slots = nullptr;
  refused(YARN_INVALID_ARGUMENT, "yarn: the slots of target are null");
  memory.paging.slots = slots.data();
  c_cache.token_stride = 1;
  refused(YARN_INVALID_ARGUMENT, "yarn: yarn_tensor.token_stride of a paged cache = 1 must be 0");
  c_cache.token_stride = 0;
  c_cache.type = YARN_FLOAT32;
  refused(YARN_INVALID_ARGUMENT, "yarn: yarn_tensor.type of a cache with a format = 1 must be 0");
  c_cache.type = 0;
  c_format.kind = 12;
  refused(YARN_INVALID_ARGUMENT, "yarn: yarn_cache_format.kind = 12 is unknown");
  c_format.kind = YARN_OWN_FORMAT;
  refused(YARN_INVALID_ARGUMENT, "yarn: a function of yarn_cache_format is null");
  c_format.kind = YARN_SCALED_INT8;
  memory.c_head_stride = dim;
  c_cache = memory.c_view(&c_format);
  refused(YARN_INVALID_ARGUMENT, "yarn: scaled: scale = 0 must be in [2^-126, 2^126]");
  c_format.kind = YARN_Q4_0;
  c_format.scale = 2;
  refused(YARN_INVALID_ARGUMENT,
          "yarn: yarn_cache_format.scale = 2 is only for YARN_SCALE_PER_TENSOR");
  memory.cpp.assign(memory.cpp.size(), 1);
  EXPECT_EQ(memory.c, memory.cpp); // nothing was written
}

#if defined(__OPTIMIZE__) && defined(__linux__)
// The bytes of a thread's stack that a call changes.
template <class Call> std::size_t stack_of(const Call& call) {
  constexpr std::size_t size = 1 << 20;
  constexpr unsigned char mark = 0xa5;
  void* const stack =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(stack, mark, size);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, size);
  pthread_t thread;
  const auto run = [](void* of_call) -> void* {
    (*static_cast<const Call*>(of_call))();
    return nullptr;
  };
  EXPECT_EQ(pthread_create(&thread, &attributes, run, const_cast<Call*>(&call)), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  const auto* const bytes = static_cast<const unsigned char*>(stack);
  const std::size_t used =
      size -
      static_cast<std::size_t>(
          std::find_if(bytes, bytes + size, [](unsigned char b) { return b != mark; }) - bytes);
  munmap(stack, size);
  return used;
}

TEST_F(c_api_caches, unchecked_calls_use_at_most_96_kb_of_stack) {
  ASSERT_EQ(yarn_use_instruction_set(nullptr), YARN_OK);
  const rotation_rows rows(96, n_tokens);
  norm_pair<float> norms(n_heads, dim);
  const yarn_positions run = c_run(0, -1);
  auto source = sized<yarn_row_source>();
  source.frequencies = rows.c.get();
  source.positions = &run;
  auto c_format = sized<yarn_cache_format>();
  c_format.kind = YARN_Q8_0;
  std::size_t largest = 0;
  norms.for_each([&](const auto&, const yarn_norm& c_norm, const char*) {
    cache_memory<unsigned char> memory(yarn::q8_0{}.head_bytes(dim));
    memory.paging.chunk = 17;
    memory.paging.chunk_stride = 17;
    tensor_pair<double> k(n_tokens, n_heads, dim);
    yarn_tensor c_k = k.c_view();
    c_k.norm = &c_norm;
    const yarn_tensor c_cache = memory.c_view(&c_format);
    ASSERT_EQ(yarn_rope_copy_check(&c_k, &c_cache, &source, 0, 1), YARN_OK) << yarn_last_error();
    largest = std::max(
        largest, stack_of([&] { yarn_rope_copy_unchecked(&c_k, &c_cache, &source, 0, 1, 0, 1); }));
  });
  std::printf("%zu bytes of stack\n", largest);
  EXPECT_LE(largest, 96U * 1024);
  EXPECT_GE(largest, 16U * 1024); // otherwise nothing was measured
}
#endif

// ---- Prompts -----------------------------------------------------------------------------------

TEST(c_api_prompts, have_the_positions_of_cpp) {
  const yarn::prompt_rules models[] = {
      {},
      yarn::qwen2_vl_rules(),
      yarn::qwen2_5_vl_rules(),
      yarn::qwen2_5_omni_rules(),
      yarn::qwen3_vl_rules(),
      yarn::glm4v_rules(),
      yarn::ernie4_5_vl_rules(),
  };
  for (yarn_prompt_model model = YARN_PROMPT_DEFAULT; model <= YARN_PROMPT_ERNIE4_5_VL; ++model) {
    yarn_prompt_rules rules;
    ASSERT_EQ(yarn_prompt_rules_init(&rules, sizeof rules, model), YARN_OK);
    yarn_prompt* prompt = nullptr;
    ASSERT_EQ(yarn_prompt_new(&rules, &prompt), YARN_OK);
    yarn::prompt_positions cpp(models[model]);
    EXPECT_EQ(yarn_prompt_append_text(prompt, 7), YARN_OK);
    EXPECT_EQ(yarn_prompt_append_image(prompt, 3, 5), YARN_OK);
    EXPECT_EQ(yarn_prompt_append_text(prompt, 2), YARN_OK);
    cpp.append_text(7);
    cpp.append_image(3, 5);
    cpp.append_text(2);
    if (models[model].time != yarn::video_time::images) {
      EXPECT_EQ(yarn_prompt_append_video(prompt, 4, 2, 3, 1.5), YARN_OK);
      cpp.append_video(4, 2, 3, 1.5);
    } else {
      EXPECT_EQ(yarn_prompt_append_video(prompt, 4, 2, 3, 1.5), YARN_INVALID_ARGUMENT);
    }
    std::int64_t erased[3] = {};
    EXPECT_EQ(yarn_prompt_erase(prompt, 1, 1, erased), YARN_OK);
    const yarn::erased_tokens expected = cpp.erase(1, 1);
    EXPECT_EQ(erased[0], expected.first);
    EXPECT_EQ(erased[1], expected.n_tokens);
    EXPECT_EQ(erased[2], expected.distance);
    auto info = sized<yarn_prompt_info>();
    ASSERT_EQ(yarn_prompt_get(prompt, &info), YARN_OK);
    EXPECT_EQ(info.n_tokens, cpp.size());
    EXPECT_EQ(info.n_segments, cpp.n_segments());
    EXPECT_EQ(info.next, cpp.next());
    auto at = sized<yarn_positions>();
    const std::int64_t n = cpp.size() - 2;
    ASSERT_EQ(yarn_prompt_view(prompt, 2, n, &at), YARN_OK);
    ASSERT_EQ(at.n_tokens, n);
    ASSERT_EQ(at.n_axes, 3);
    for (std::int64_t t = 0; t < n; ++t)
      for (std::int64_t axis = 0; axis < 3; ++axis)
        EXPECT_EQ(
            static_cast<const std::int64_t*>(at.data)[t * at.token_stride + axis * at.axis_stride],
            cpp.view(2, n)(t, axis));
    EXPECT_EQ(yarn_prompt_view(prompt, 0, n + 3, &at), YARN_INVALID_ARGUMENT);
    yarn_prompt_free(prompt);
  }
  yarn_prompt_rules rules;
  EXPECT_EQ(yarn_prompt_rules_init(&rules, sizeof rules, 7), YARN_INVALID_ARGUMENT);
}

} // namespace
