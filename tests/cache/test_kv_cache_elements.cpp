// SPDX-License-Identifier: MIT
// Paged caches of plain elements, which are written and rotated where they lie unless their heads
// have chunks.
#include "../support/cache_matrix.hpp"
#include "../support/typed_suites.hpp"

#include <type_traits>

namespace {

using namespace support;
using yarn::heads_view;
using yarn::output_order;

constexpr addressing paged[] = {addressing::nhd, addressing::hnd, addressing::vllm_keys,
                                addressing::vllm_values};
const std::vector<std::int64_t> slots{6, -1, 14, 0, 3}; // blocks of 5 slots
constexpr copy_shape shapes_of_elements[] = {
    {5, 40, 32, 0}, {5, 3, 20, 40}, {5, 5, 32, 512}, {5, 17, 64, 0}, {5, 2, 7, 2}};

/// Heads in the rows of the tokens that have a slot, rounded to T.
template <class T, class C>
void put_heads(const cache_memory<T>& cache, std::vector<T>& contents, const copy_shape& s,
               const std::vector<C>& heads) {
  std::vector<T> head(static_cast<std::size_t>(s.head_dim()));
  for (std::int64_t t = 0; t < s.n_tokens; ++t)
    for (std::int64_t h = 0; h < s.n_heads && slots[static_cast<std::size_t>(t)] >= 0; ++h) {
      const C* const values = heads.data() + (t * s.n_heads + h) * s.head_dim();
      std::transform(values, values + s.head_dim(), head.begin(), [](C value) {
        if constexpr (std::is_same_v<T, C>) {
          return value;
        } else {
          T rounded;
          yarn::detail::narrow(value, rounded);
          return rounded;
        }
      });
      cache.put(contents, slots[static_cast<std::size_t>(t)], h, head.data());
    }
}

template <class T, class S>
void expect_writes(addressing where, const copy_shape& s, norm_kind norm, const orders& order,
                   int n_slices) {
  SCOPED_TRACE(::testing::Message() << name_of(where) << ", norm " << static_cast<int>(norm) << ", "
                                    << description(s, order));
  using C = copy_compute_type<S, T>;
  const std::vector<S> heads = random_heads<S>(s, content::ordinary, 3);
  using weights = std::vector<yarn::bfloat16>;
  const weights weight =
      random_heads<yarn::bfloat16>({1, s.n_heads, s.n_pairs, s.rest}, content::ordinary, 4);
  const yarn::rotary_rows<C> rows = rows_for<C>(s);
  std::vector<C> unfused(heads.size());
  cache_memory<T> cache(where, {3, 5, s.n_heads, s.head_dim()});
  std::vector<T> expected = cache.contents();
  with_norm(norm, heads_view<const S>(heads.data(), s.n_tokens, s.n_heads, s.head_dim()),
            weight.data(), [&](const auto& x) {
              yarn::rope_copy(x, heads_view<C>(unfused.data(), s.n_tokens, s.n_heads, s.head_dim()),
                              rows, order.in, output_order{order.out});
              const auto target = cache.paged(slots);
              yarn::rope_copy_check(x, target, rows, order.in, output_order{order.out});
              for (int i = 0; i < n_slices; ++i)
                yarn::rope_copy_unchecked(x, target, rows, order.in, output_order{order.out},
                                          {i, n_slices});
            });
  put_heads(cache, expected, s, unfused);
  expect_contents(cache.contents(), expected, "cache");
}

/// An element type of a cache, and the type of the tensor from which it is written.
template <class T, class S> struct element_types {
  using target = T;
  using source = S;
};
template <class Types> class cache_of_elements : public ::testing::Test {};
using cached_elements = ::testing::Types<
    element_types<float, yarn::bfloat16>, element_types<double, float>,
    element_types<yarn::float16, yarn::float16>, element_types<yarn::bfloat16, float>,
    element_types<yarn::float8_e4m3, yarn::bfloat16>, element_types<yarn::float8_e5m2, float>>;
TYPED_TEST_SUITE(cache_of_elements, cached_elements, numbers_as_names);

TYPED_TEST(cache_of_elements, have_the_elements_of_the_unfused_way) {
  for (const copy_shape& s : shapes_of_elements)
    for (const addressing where : paged)
      for (const norm_kind norm : norm_kinds)
        for (const orders& order : all_orders) {
          expect_writes<typename TypeParam::target, typename TypeParam::source>(
              where, s, norm, order, where == addressing::hnd ? 2 : 1);
          if (::testing::Test::HasFailure())
            return;
        }
}

/// Rotation in place, compared with a dense tensor that has the heads of the cache.
TYPED_TEST(cache_of_elements, rotated_in_place_like_a_dense_tensor) {
  using T = typename TypeParam::target;
  using C = copy_compute_type<T, T>;
  for (const copy_shape& s : shapes_of_elements)
    for (const addressing where : paged)
      for (const yarn::pairing p : pairings) {
        SCOPED_TRACE(::testing::Message() << name_of(where) << ", " << description(s, {p, p}));
        const auto n = static_cast<std::size_t>(s.head_dim());
        cache_memory<T> cache(where, {3, 5, s.n_heads, s.head_dim()});
        std::vector<T> before = cache.contents(), dense(s.n_elements());
        random_source random(8);
        std::generate(before.begin(), before.end(),
                      [&] { return element_of<T>(random.number(-4, 4)); });
        cache.assign(before);
        for (std::int64_t t = 0; t < s.n_tokens; ++t)
          for (std::int64_t h = 0; h < s.n_heads && slots[static_cast<std::size_t>(t)] >= 0; ++h)
            cache.get(before, slots[static_cast<std::size_t>(t)], h,
                      dense.data() + static_cast<std::size_t>(t * s.n_heads + h) * n);
        const yarn::rotary_rows<C> rows = rows_for<C>(s);
        yarn::rope_apply(heads_view<T>(dense.data(), s.n_tokens, s.n_heads, s.head_dim()), rows, p);
        yarn::rope_apply(cache.paged(slots), rows, p);
        put_heads(cache, before, s, dense);
        expect_contents(cache.contents(), before, "cache");
      }
}

/// Reads, compared with a dense tensor that has the heads of the cache.
TYPED_TEST(cache_of_elements, read_like_a_dense_tensor) {
  using T = typename TypeParam::target;
  using C = copy_compute_type<T, float>;
  for (const copy_shape& s : shapes_of_elements)
    for (const addressing where : paged)
      for (const orders& order : all_orders) {
        SCOPED_TRACE(::testing::Message() << name_of(where) << ", " << description(s, order));
        cache_memory<T> cache(where, {3, 5, s.n_heads, s.head_dim()});
        const std::vector<T> heads = random_heads<T>(s, content::ordinary);
        std::vector<T> contents = cache.contents();
        put_heads(cache, contents, s, heads);
        cache.assign(contents);
        const auto view = [&](auto* data) {
          return heads_view(data, s.n_tokens, s.n_heads, s.head_dim());
        };
        std::vector<float> found(heads.size(), 7.0F), copied = found, expected = found,
                                                      values = found;
        const yarn::rotary_rows<C> rows = rows_for<C>(s);
        yarn::rope_copy(view(heads.data()), view(expected.data()), rows, order.in,
                        output_order{order.out});
        yarn::copy_heads(view(heads.data()), view(values.data()));
        const auto skipped = static_cast<std::ptrdiff_t>(s.n_heads * s.head_dim()); // token 1
        for (std::vector<float>* list : {&expected, &values})
          std::fill(list->begin() + skipped, list->begin() + 2 * skipped, 7.0F);
        const yarn::paged_view<const T> source = cache.template paged<const T>(slots);
        yarn::rope_copy(source, view(found.data()), rows, order.in, output_order{order.out});
        yarn::copy_heads(source, view(copied.data()));
        expect_contents(found, expected, "rotated");
        expect_contents(copied, values, "copied");
      }
}

} // namespace
