// SPDX-License-Identifier: MIT
// How rope_apply, rope_copy and their checks treat a normed tensor (see transfer in
// detail/rope/loop.hpp).
#ifndef YARN_DETAIL_NORM_TRANSFER_HPP
#define YARN_DETAIL_NORM_TRANSFER_HPP

#include "../../norm.hpp"
#include "../rope/check.hpp"
#include "../rope/loop.hpp"
#include "rotate.hpp"
#include "statistics.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The scratch memory of a call has room for this many pairs of a folded row.
inline constexpr std::int64_t largest_normed_pairs = 512;
inline constexpr double largest_eps = 0x1p127; // A power of 2 that is finite in float.
// The number of heads whose scales are computed together, before the heads are read a second time.
// The heads stay in L1 in between.
inline constexpr std::int64_t heads_at_once = 32;

// The result of normed(x, norm).
template <class T, class Norm> struct normed_heads {
  heads_view<T> heads;
  Norm norm;

  YARN_ALWAYS_INLINE std::int64_t n_tokens() const { return heads.n_tokens(); }
  YARN_ALWAYS_INLINE std::int64_t n_heads() const { return heads.n_heads(); }
  YARN_ALWAYS_INLINE std::int64_t head_dim() const { return heads.head_dim(); }
};

template <class T, class Norm>
YARN_ALWAYS_INLINE normed_heads<T, Norm> normed_of(const heads_view<T>& x, const Norm& norm) {
  return {x, norm};
}

template <class T, class Norm>
YARN_ALWAYS_INLINE const heads_view<T>& memory_of(const normed_heads<T, Norm>& x) {
  return x.heads;
}

template <class T, class Norm>
std::uintptr_t check_tensor(const char* name, const normed_heads<T, Norm>& x,
                            std::int64_t n_pairs) {
  if (x.norm.has_weight() && x.norm.weight() == nullptr)
    fail_argument("yarn: the weight of the norm of {} is null", name);
  if (!(x.norm.eps() >= 0.0 && x.norm.eps() <= largest_eps))
    fail_argument("yarn: the norm of {} has eps = {}; eps must be in [0, 2^127]", name,
                  x.norm.eps());
  if (n_pairs > largest_normed_pairs)
    fail_argument(
        "yarn: {} has a norm and rotary_dim = {}; with a norm, rotary_dim must be at most {}", name,
        2 * n_pairs, 2 * largest_normed_pairs);
  return check_tensor(name, x.heads, n_pairs);
}

template <class T, class Norm> struct element_of<normed_heads<T, Norm>> { using type = T; };

// Some heads of a tensor, from `first_head` on. `all_heads` has all heads of the same tokens, for
// norms over all heads. The members are references, because copies would be stored field by field
// and then loaded with vector loads, which stall. So a transfer lives no longer than the call.
template <class From, class To, class Norm> struct normed_transfer {
  const heads_view<From>& source;
  const heads_view<To>& target;
  const Norm& norm;
  const heads_view<From>& all_heads;
  std::int64_t first_head;

  YARN_ALWAYS_INLINE std::int64_t token_bytes(std::int64_t n_pairs) const {
    return transfer<From, To>{source, target}.token_bytes(n_pairs);
  }
};

template <class T, class Norm>
YARN_ALWAYS_INLINE normed_transfer<T, T, Norm> transfer_in_place(const normed_heads<T, Norm>& x) {
  return {x.heads, x.heads, x.norm, x.heads, 0};
}
template <class From, class To, class Norm>
YARN_ALWAYS_INLINE normed_transfer<From, To, Norm>
transfer_between(const normed_heads<From, Norm>& source, const heads_view<To>& target) {
  return {source.heads, target, source.norm, source.heads, 0};
}

// The scales, and for LayerNorm the means, of the heads of a group.
template <class Arch, class Norm, class C> class group_statistics {
public:
  // Prefetches the heads at x + prefetch_distance, unless the distance is 0.
  template <class T>
  YARN_ALWAYS_INLINE void of_each_head(const T* x, std::int64_t head_stride, std::int64_t n_heads,
                                       std::int64_t head_dim, C eps,
                                       std::int64_t prefetch_distance) {
    const auto squares = [&](std::int64_t h) YARN_INLINE_LAMBDA {
      const T* const head = x + h * head_stride;
      if (prefetch_distance != 0)
        prefetch_head(head, prefetch_distance, head_dim);
      if constexpr (Norm::is_centred)
        means_[h] = mean_of<Arch, C>(head, head_dim);
      return sum_of_squares<Arch>(head, head_dim, Norm::is_centred ? means_[h] : C(0));
    };
    const std::int64_t n_fours = n_heads / 4;
    for (std::int64_t i = 0; i < n_fours; ++i) {
      const std::int64_t h = 4 * i;
      store_sums_of_lanes({squares(h), squares(h + 1), squares(h + 2), squares(h + 3)},
                          scales_ + h);
    }
    for (std::int64_t h = 4 * n_fours; h < n_heads; ++h)
      scales_[h] = sum_of_lanes(squares(h));
    sums_to_scales<Arch>(scales_, n_heads, head_dim, eps);
  }
  template <class T>
  YARN_ALWAYS_INLINE void of_all_heads(const T* x, std::int64_t head_stride, std::int64_t n_heads,
                                       std::int64_t head_dim, C eps) {
    C sum = 0;
    for (std::int64_t h = 0; h < n_heads; ++h)
      sum += sum_of_lanes(sum_of_squares<Arch>(x + h * head_stride, head_dim, C(0)));
    scales_[0] = sum;
    sums_to_scales<Arch>(scales_, 1, n_heads * head_dim, eps);
    for (std::int64_t h = 1; h < heads_at_once; ++h)
      scales_[h] = scales_[0];
  }
  const C* scales() const { return scales_; }
  const C* means() const { return means_; }

private:
  template <class T>
  YARN_ALWAYS_INLINE static void prefetch_head(const T* head, std::int64_t distance,
                                               std::int64_t head_dim) {
    const std::uintptr_t start = address_of(head, distance);
    const auto bytes = static_cast<std::uintptr_t>(head_dim) * sizeof(T);
    for (std::uintptr_t line = 0; line < bytes; line += 64)
      YARN_PREFETCH(reinterpret_cast<const char*>(start + line), 1); // NOLINT: nothing is read
  }

  // Initialised, because sums_to_scales reads whole packs.
  alignas(64) C scales_[heads_at_once] = {};
  alignas(64) C means_[Norm::is_centred ? heads_at_once : 1] = {};
};

// Normalises and rotates the heads of a block; token t of the block has the row rows[t].
template <pairing In, pairing Out, class Arch, class From, class To, class Norm, class C>
void rotate_block(const normed_transfer<From, To, Norm>& x, const block& b,
                  const row_pointers<C>* rows) {
  using W = typename Norm::weight_type;
  static_assert(format_of_v<W> != element_format::unknown,
                "yarn: the weight of a norm has an unknown element type");
  constexpr int packs = normed_rotation<In, Out, Arch, C>::packs_in_registers;
  const std::int64_t n_heads = x.source.n_heads(), head_dim = x.source.head_dim();
  const std::int64_t n_pairs = b.n_pairs, in = x.source.head_stride(), out = x.target.head_stride();
  const auto eps = static_cast<C>(x.norm.eps());
  const bool weighs_each_head = x.norm.has_weight() && x.norm.has_weight_of_each_head();
  weight_source<W, C> weight{x.norm.weight(), static_cast<C>(x.norm.weight_offset())};
  const std::int64_t prefetch_distance = b.bytes > far_jumping_bytes ? x.source.token_stride() : 0;
  alignas(64) C folded[4 * largest_normed_pairs];
  group_statistics<Arch, Norm, C> statistics;

  for (std::int64_t t = 0; t < b.n_tokens; ++t) {
    const From* const source = x.source.data() + (b.token + t) * x.source.token_stride();
    To* const target = x.target.data() + (b.token + t) * x.target.token_stride();
    if (x.norm.is_over_all_heads())
      statistics.of_all_heads(x.all_heads.data() + (b.token + t) * x.all_heads.token_stride(), in,
                              x.all_heads.n_heads(), head_dim, eps);
    if (!weighs_each_head)
      fold_row<In, Out, Arch>(rows[t], weight, 0, n_pairs, folded);
    for (std::int64_t first = 0; first < n_heads; first += heads_at_once) {
      const std::int64_t n = n_heads - first < heads_at_once ? n_heads - first : heads_at_once;
      if (!x.norm.is_over_all_heads())
        statistics.of_each_head(source + first * in, in, n, head_dim, eps, prefetch_distance);
      normed_group<From, To, C> group{
          source + first * in, target + first * out, in, out, n, n_pairs,
          statistics.scales(), statistics.means()};
      if (!weighs_each_head)
        rotate_normed<In, Out, Arch, Norm::is_centred, packs>(group, folded, 0, n_pairs);
      for (; group.n_heads > 0; group.template next_head<Norm::is_centred>()) {
        if (weighs_each_head) {
          weight.data = x.norm.weight() + (x.first_head + first + n - group.n_heads) * head_dim;
          fold_row<In, Out, Arch>(rows[t], weight, 0, n_pairs, folded);
          normed_group<From, To, C> head = group;
          head.n_heads = 1;
          rotate_normed<In, Out, Arch, Norm::is_centred, packs>(head, folded, 0, n_pairs);
        } else if (head_dim == 2 * n_pairs) {
          break;
        }
        normalise_unpaired<Arch, Norm::is_centred>(group, weight, 2 * n_pairs, head_dim);
      }
    }
  }
}

} // namespace detail

template <class X, class Norm>
[[nodiscard]] YARN_ALWAYS_INLINE auto normed(const X& x, const Norm& norm) {
  static_assert(detail::is_tensor<X>::value, "yarn: normed takes a heads_view, or a type for which "
                                             "yarn::tensor_traits gives one");
  return detail::normed_of(detail::heads_of(x), norm);
}

} // namespace YARN_ABI

template <class T, class Norm> struct tensor_traits<detail::normed_heads<T, Norm>> {
  YARN_ALWAYS_INLINE static const detail::normed_heads<T, Norm>&
  heads(const detail::normed_heads<T, Norm>& x) {
    return x;
  }
};

} // namespace yarn

#endif
