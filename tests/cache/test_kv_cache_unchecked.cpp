// SPDX-License-Identifier: MIT
// What kv_cache.hpp promises about calls without checks: no allocation, and at most 64 KB of stack.
#include "../support/bits.hpp"

#include <gtest/gtest.h>
#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#if __has_include(<pthread.h>)
#include <pthread.h>
#endif

namespace {
std::atomic<long> n_allocations{0};

void* counted(std::size_t size) {
  ++n_allocations;
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
} // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using yarn::heads_view;
using yarn::paged_view;
using yarn::pairing;
using yarn::stored;

constexpr std::int64_t n_tokens = 40, n_heads = 3, dim = 1024, size = 34 * dim / 32;

/// All kinds of calls, with the largest heads.
struct calls {
  std::vector<unsigned char> memory = std::vector<unsigned char>(n_tokens * n_heads * size);
  std::vector<double> doubles = std::vector<double>(n_tokens * n_heads * dim, 0.5);
  std::vector<double> other_doubles = doubles;
  std::vector<std::int32_t> slots = std::vector<std::int32_t>(n_tokens);
  std::vector<float> narrow_weight = std::vector<float>(n_heads * dim, 1.0F);
  std::vector<double> inv_freq = std::vector<double>(dim / 2, 0.01);
  yarn::frequencies f = yarn::frequencies_from(inv_freq.data(), dim / 2);

  calls() {
    for (std::size_t t = 0; t < slots.size(); ++t)
      slots[t] = static_cast<std::int32_t>(t);
  }
  void run() {
    const heads_view<double> x(doubles.data(), n_tokens, n_heads, dim);
    const auto normed = yarn::normed(x, yarn::layer_norm(narrow_weight.data(), 1e-5));
    const auto bytes =
        paged_view<unsigned char>(memory.data(), 4, n_tokens / 4, n_heads, size).with_chunks(2, 2);
    const auto cache = stored(bytes.at(slots.data(), n_tokens), yarn::q8_0{}, dim);
    const auto elements = paged_view<double>(other_doubles.data(), 4, n_tokens / 4, n_heads, dim)
                              .with_chunks(2, 2)
                              .at(slots.data(), n_tokens);
    const auto rows = yarn::rows_of(f, yarn::positions_from(0));
    for (const pairing p : {pairing::half_split, pairing::interleaved}) {
      yarn::rope_copy_unchecked(normed, cache, rows, p, yarn::output_order{pairing::half_split});
      yarn::rope_copy_unchecked(normed, elements, rows, p, yarn::output_order{p});
      yarn::rope_copy_unchecked(elements, cache, rows, p, yarn::output_order{p});
      yarn::rope_copy_unchecked(cache, elements, rows, p, yarn::output_order{p}, {1, 3});
      yarn::rope_apply_unchecked(cache, rows, p);
      yarn::rope_apply_unchecked(x, cache, rows, p);
    }
    yarn::copy_heads_unchecked(normed, cache);
    yarn::copy_heads_unchecked(cache, elements);
    yarn::copy_heads_unchecked(elements, cache, {1, 2});
  }
};

TEST(kv_cache_unchecked, allocates_nothing) {
  calls all;
  const long before = n_allocations;
  all.run();
  EXPECT_EQ(n_allocations, before);
  const std::vector<float> single_element(1);
  EXPECT_EQ(n_allocations, before + 1) << "allocations are not counted";
}

TEST(kv_cache_unchecked, is_noexcept) {
  calls all;
  const heads_view<double> x(all.doubles.data(), 1, 1, 32);
  const auto cache =
      stored(heads_view<unsigned char>(all.memory.data(), 1, 1, 34), yarn::q8_0{}, 32);
  const auto rows = yarn::rows_of(all.f, yarn::positions_from(0));
  static_assert(noexcept(yarn::copy_heads_unchecked(x, cache)));
  static_assert(noexcept(yarn::rope_apply_unchecked(cache, rows, pairing::half_split)));
  static_assert(noexcept(yarn::rope_copy_unchecked(x, cache, rows, pairing::half_split,
                                                   yarn::output_order{pairing::half_split})));
  static_assert(!noexcept(yarn::copy_heads(x, cache)));
}

// Without optimisation, compilers keep all variables of inlined functions on the stack at the same
// time. Sanitizers add memory around variables.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define YARN_TEST_HAS_SANITIZER
#endif
#endif
#if __has_include(<pthread.h>) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) &&      \
    !defined(__SANITIZE_THREAD__) && !defined(YARN_TEST_HAS_SANITIZER)
// The calls run on a thread whose stack is filled with a pattern before. The bytes that lost the
// pattern were used.
TEST(kv_cache_unchecked, uses_at_most_64_kilobytes_of_stack) {
  constexpr std::size_t stack_size = std::size_t{1} << 20U;
  void* stack = nullptr;
  ASSERT_EQ(posix_memalign(&stack, 4096, stack_size), 0);
  const auto used_by = [&](void* (*function)(void*), void* argument) {
    std::memset(stack, 0x5a, stack_size);
    pthread_attr_t attributes;
    pthread_t thread;
    EXPECT_EQ(pthread_attr_init(&attributes), 0);
    EXPECT_EQ(pthread_attr_setstack(&attributes, stack, stack_size), 0);
    EXPECT_EQ(pthread_create(&thread, &attributes, function, argument), 0);
    EXPECT_EQ(pthread_join(thread, nullptr), 0);
    EXPECT_EQ(pthread_attr_destroy(&attributes), 0);
    const auto* const bytes = static_cast<const unsigned char*>(stack);
    std::size_t unused = 0;
    while (unused < stack_size && bytes[unused] == 0x5a)
      ++unused;
    return stack_size - unused;
  };
  calls all;
  const std::size_t idle = used_by([](void*) -> void* { return nullptr; }, nullptr);
  const std::size_t used = used_by(
      [](void* x) -> void* {
        static_cast<calls*>(x)->run();
        return nullptr;
      },
      &all);
  std::free(stack);
  RecordProperty("bytes", static_cast<int>(used - idle));
  EXPECT_LE(used - idle, 65536U);
  EXPECT_GT(used - idle, 8192U) << "the stack is not measured";
}
#endif

} // namespace
