// SPDX-License-Identifier: MIT
// Rotations allocate no memory. This program replaces operator new and counts its calls.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/norm.hpp>
#include <yarn/yarn.hpp>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

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
void* counted(std::size_t size, std::align_val_t alignment) {
  ++n_allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit + unit);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
} // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using yarn::pairing;
using yarn::positions_from;
using yarn::rows_view;

template <class T> class rope_allocations : public ::testing::Test {};
using two_elements = ::testing::Types<float, yarn::bfloat16>;
TYPED_TEST_SUITE(rope_allocations, two_elements, support::element_names);

TYPED_TEST(rope_allocations, norms_allocate_nothing) {
  constexpr std::size_t n_tokens = 3, n_heads = 40, dim = 140;
  const std::vector<double> inv_freq(64, 0.01);
  const auto freqs = yarn::frequencies_from(inv_freq.data(), inv_freq.size(), 1.25);
  const std::vector<float> weights(n_heads * dim, 0.5F);
  support::tensor<TypeParam> q(support::dense(n_tokens, n_heads, dim)), k = q;
  const auto rows = yarn::rows_of(freqs, positions_from(1000));
  const yarn::rms_norm norm(weights.data(), 1e-6);
  const long before = n_allocations;
  for (const pairing p : {pairing::half_split, pairing::interleaved}) {
    yarn::rope_apply_unchecked(yarn::normed(q.view(), norm), rows, p, {1, 2});
    yarn::rope_apply_unchecked(yarn::normed(q.view(), norm.over_all_heads()), rows, p);
    yarn::rope_apply(yarn::normed(q.view(), yarn::layer_norm(weights.data(), 1e-6)), rows, p);
    yarn::rope_copy_unchecked(yarn::normed(q.view(), norm), k.view(), rows, p,
                              yarn::output_order{pairing::half_split});
  }
  EXPECT_EQ(n_allocations, before);
}

TYPED_TEST(rope_allocations, rotations_allocate_nothing) {
  constexpr std::size_t n_tokens = 40;
  for (const std::size_t rotary_dim : {6U, 128U, 4100U}) {
    const std::vector<double> inv_freq(rotary_dim / 2, 0.01);
    const auto freqs = yarn::frequencies_from(inv_freq.data(), inv_freq.size(), 1.25);
    const auto float32 = yarn::float32_pipeline(freqs);
    const auto table = yarn::make_table<float>(freqs, 100);
    yarn::rotary_rows<float> rows;
    rows.assign(freqs, positions_from(0, n_tokens));
    const std::vector<yarn::float16> entries =
        support::random_elements<yarn::float16>(n_tokens * rotary_dim, 5);
    const rows_view<yarn::float16> engine_rows =
        rows_view<yarn::float16>::packed(entries.data(), n_tokens, rotary_dim / 2);
    support::tensor<TypeParam> q(support::dense(n_tokens, 3, rotary_dim)), k = q;
    support::tensor<double> wide(support::dense(n_tokens, 3, rotary_dim));
    const auto list = positions_from(1000);
    const long before = n_allocations;
    for (const pairing p : {pairing::half_split, pairing::interleaved}) {
      yarn::rope_apply_unchecked(q.view(), k.view(), rows, p);
      yarn::rope_apply_unchecked(q.view(), k.view(), engine_rows, p, {1, 3});
      yarn::rope_apply_unchecked(q.view(), k.view(), yarn::rows_of(freqs, list), p);
      yarn::rope_apply_unchecked(q.view(), yarn::rows_of(float32, list), p);
      yarn::rope_apply_unchecked(q.view(), yarn::rows_of(table, positions_from(2)), p);
      yarn::rope_copy_unchecked(q.view(), k.view(), rows, p,
                                yarn::output_order{pairing::half_split});
      yarn::rope_copy_unchecked(q.view(), wide.view(), yarn::rows_of(freqs, list), p,
                                yarn::output_order{pairing::interleaved});
      // Checked calls allocate nothing if they find no error.
      yarn::rope_apply(q.view(), k.view(), rows, p);
      yarn::rope_apply(q.view(), yarn::rows_of(freqs, list), p);
      yarn::rope_copy(q.view(), k.view(), rows, p);
    }
    EXPECT_EQ(n_allocations, before);
  }
  const long before = n_allocations;
  const std::vector<float> single_element(1);
  EXPECT_EQ(n_allocations, before + 1) << "allocations are not counted";
}

} // namespace
