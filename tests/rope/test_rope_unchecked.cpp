// SPDX-License-Identifier: MIT
// rope_apply works on heads, rows and tables more than 2^31 elements apart, and the unchecked calls
// are noexcept.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

using yarn::heads_view;
using yarn::pairing;
using yarn::positions;
using yarn::positions_from;
using yarn::rows_view;
using yarn::table_view;

// ---- Distances beyond 2^31 elements -----------------------------------------------------------

#if defined(YARN_TEST_HAS_FENCES) && UINTPTR_MAX > 0xffffffff
/// A range of addresses. The system provides memory for a page when the page is first accessed.
class sparse_memory {
public:
  explicit sparse_memory(std::size_t size) : size_(size) {
    void* const map = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    data_ = map == MAP_FAILED ? nullptr : static_cast<char*>(map);
  }
  sparse_memory(const sparse_memory&) = delete;
  sparse_memory& operator=(const sparse_memory&) = delete;
  ~sparse_memory() {
    if (data_ != nullptr) {
      munmap(data_, size_);
    }
  }
  char* data() const { return data_; }

private:
  std::size_t size_;
  char* data_ = nullptr;
};

template <class T> class rope_far : public ::testing::Test {};
using far_elements = ::testing::Types<float, double, yarn::float16, yarn::bfloat16>;
TYPED_TEST_SUITE(rope_far, far_elements, support::element_names);

TYPED_TEST(rope_far, strides_beyond_2_to_the_31_elements) {
  constexpr std::size_t dim = 22, far = (std::size_t{1} << 31U) + 64;
  const sparse_memory memory((2 * far + 4096) * sizeof(TypeParam));
  if (memory.data() == nullptr) {
    // The test reserves some tens of GB of addresses and uses a few pages. A system may limit the
    // address space.
    GTEST_SKIP() << "no address space";
  }
  auto* const data = reinterpret_cast<TypeParam*>(memory.data());
  const double inv_freq[] = {1, 0.5, 0.25, 0.125, 0.3, 0.1, 0.05, 0.7, 0.9, 0.2};
  const auto freqs = yarn::frequencies_from(inv_freq, 10, 1.25);
  struct strides {
    std::size_t tokens, heads, token, head;
  };
  for (const pairing order : {pairing::half_split, pairing::interleaved}) {
    for (const strides& s : {strides{2, 2, far, dim},
                             {2, 2, dim, far},
                             {3, 1, far, dim},
                             {1, 3, dim, far},
                             {2, 2, dim, (std::size_t{1} << 31) - 1},
                             {3, 2, (std::size_t{1} << 30) + 7, dim}}) {
      const support::tensor_layout layout{s.tokens, s.heads, dim, s.token, s.head};
      const support::tensor<TypeParam> start(support::dense(s.tokens, s.heads, dim));
      support::tensor<TypeParam> near = start;
      yarn::rope_apply(near.view(), yarn::rows_of(freqs, positions_from(3)), order);
      const auto for_each_head = [&](const auto& use) {
        for (std::size_t t = 0; t < s.tokens; ++t) {
          for (std::size_t h = 0; h < s.heads; ++h) {
            use(t, h, data + layout.place(t, h));
          }
        }
      };
      for (int call = 0; call < 3; ++call) {
        for_each_head([&](std::size_t t, std::size_t h, TypeParam* head) {
          std::copy_n(start.head(t, h), dim, head);
        });
        const auto view = layout.view(data);
        if (call == 0) {
          yarn::rope_apply(view, yarn::rows_of(freqs, positions_from(3)), order);
        } else if (call == 1) {
          for (int thread = 0; thread < 2; ++thread) {
            yarn::rope_apply_unchecked(view, yarn::rows_of(freqs, positions_from(3)), order,
                                       {thread, 2});
          }
        } else {
          yarn::rope_copy(view, view, yarn::rows_of(freqs, positions_from(3)), order);
        }
        for_each_head([&](std::size_t t, std::size_t h, const TypeParam* head) {
          EXPECT_EQ(
              support::first_difference(head, static_cast<const TypeParam*>(near.head(t, h)), dim),
              -1)
              << "token " << t << " by " << s.token << ", head " << h << " by " << s.head
              << ", call " << call;
        });
      }
    }
  }
}

TEST(rope_far_rows, rows_and_tables_beyond_2_to_the_31_elements) {
  constexpr std::size_t n_pairs = 5, dim = 2 * n_pairs;
  constexpr std::int64_t far = std::int64_t{1} << 30;
  const sparse_memory memory(static_cast<std::size_t>(5 * far) * sizeof(float));
  if (memory.data() == nullptr) {
    // The test reserves some tens of GB of addresses and uses a few pages. A system may limit the
    // address space.
    GTEST_SKIP() << "no address space";
  }
  auto* const entries = reinterpret_cast<float*>(memory.data());
  const double inv_freq[] = {1, 0.5, 0.25, 0.125, 0.3};
  const auto freqs = yarn::frequencies_from(inv_freq, n_pairs, 1.25);
  // Rows of five positions, 2^30 elements apart: rows 2 to 4 lie 2^31 elements and more after row
  // 0.
  yarn::fill_rows(freqs, positions_from(0, 5), entries, entries + n_pairs, far);
  const std::vector<std::int32_t> list{4, 2, 3, 0, 4};
  const support::tensor<float> start(support::dense(list.size(), 2, dim));
  for (const pairing order : {pairing::half_split, pairing::interleaved}) {
    support::tensor<float> expected = start, by_table = start, in_order = start, by_rows = start;
    yarn::rope_apply(expected.view(), yarn::rows_of(freqs, positions(list)), order);
    const table_view<float> table{entries, entries + n_pairs, 5, n_pairs, far};
    yarn::rope_apply(by_table.view(), yarn::rows_of(table, positions(list)), order);
    EXPECT_TRUE(support::same_bits(by_table.buffer, expected.buffer));
    yarn::rope_apply(in_order.view(), yarn::rows_of(freqs, positions_from(0)), order);
    const rows_view<float> rows{entries, entries + n_pairs, 5, n_pairs, far};
    yarn::rope_apply(by_rows.view(), rows, order);
    EXPECT_TRUE(support::same_bits(by_rows.buffer, in_order.buffer));
  }
}
#endif

// ---- Promises of the unchecked calls ----------------------------------------------------------

template <class T> constexpr bool unchecked_calls_are_noexcept() {
  using view = const heads_view<T>&;
  using other = const heads_view<yarn::float16>&;
  using rows = const yarn::rotary_rows<float>&;
  using engine_rows = const rows_view<yarn::bfloat16>&;
  using table = const yarn::rotary_table<double>&;
  using engine_table = const table_view<yarn::float16>&;
  using freqs = const yarn::frequencies&;
  using list = const positions&;
  constexpr auto p = pairing::half_split;
#define YARN_TEST_IS_NOEXCEPT(...) noexcept(yarn::__VA_ARGS__)
  return YARN_TEST_IS_NOEXCEPT(rope_apply_unchecked(std::declval<view>(), std::declval<view>(),
                                                    std::declval<rows>(), p,
                                                    yarn::thread_slice{})) &&
         YARN_TEST_IS_NOEXCEPT(rope_apply_unchecked(std::declval<view>(), std::declval<other>(),
                                                    std::declval<engine_rows>(), p)) &&
         YARN_TEST_IS_NOEXCEPT(
             rope_apply_unchecked(std::declval<view>(), std::declval<rows>(), p)) &&
         YARN_TEST_IS_NOEXCEPT(
             rope_apply_unchecked(std::declval<view>(), std::declval<view>(),
                                  yarn::rows_of(std::declval<freqs>(), std::declval<list>()), p)) &&
         YARN_TEST_IS_NOEXCEPT(
             rope_apply_unchecked(std::declval<view>(),
                                  yarn::rows_of(std::declval<table>(), std::declval<list>()), p)) &&
         YARN_TEST_IS_NOEXCEPT(
             rope_apply_unchecked(std::declval<view>(),
                                  yarn::rows_of(std::declval<engine_table>(), std::declval<list>()),
                                  p, yarn::thread_slice{})) &&
         YARN_TEST_IS_NOEXCEPT(rope_copy_unchecked(std::declval<view>(), std::declval<other>(),
                                                   std::declval<rows>(), p, yarn::output_order{p},
                                                   yarn::thread_slice{})) &&
         YARN_TEST_IS_NOEXCEPT(
             rope_copy_unchecked(std::declval<view>(), std::declval<other>(),
                                 yarn::rows_of(std::declval<freqs>(), std::declval<list>()), p,
                                 yarn::output_order{p})) &&
         // the checked calls may throw
         !YARN_TEST_IS_NOEXCEPT(rope_apply(std::declval<view>(), std::declval<rows>(), p)) &&
         !YARN_TEST_IS_NOEXCEPT(rope_check(std::declval<view>(), std::declval<rows>(), p));
#undef YARN_TEST_IS_NOEXCEPT
}
static_assert(unchecked_calls_are_noexcept<float>() && unchecked_calls_are_noexcept<double>() &&
              unchecked_calls_are_noexcept<yarn::bfloat16>());

} // namespace
