// SPDX-License-Identifier: MIT
// The rotation of normed tensors in a part of the C API: what rotate_block of
// detail/norm/transfer.hpp does, for types that are known at run time only.
#ifndef YARN_DETAIL_C_API_PART_NORM_HPP
#define YARN_DETAIL_C_API_PART_NORM_HPP

#include "../../norm.hpp"
#include "part_tensors.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Heads and weights whose type is not that of the computation go through scratch memory of this
// size.
using c_api::largest_converted_dim;

// The weights of a norm, in the type of the computation.
template <class C> class norm_weights {
public:
  explicit norm_weights(const yarn_norm& norm, std::int64_t head_dim)
      : norm_(norm), head_dim_(head_dim) {}

  bool weighs_each_head() const {
    return norm_.without_weight == 0 &&
           (norm_.weight_of_each_head != 0 || norm_.over_all_heads != 0 ||
            norm_.kind == YARN_LAYER_NORM);
  }
  // The weight of a head, until the next call.
  weight_source<C, C> of_head(std::int64_t head) {
    const C offset = norm_.weight_plus_one != 0 ? C(1) : C(0);
    if (norm_.without_weight != 0)
      return {nullptr, offset};
    const std::int64_t first = weighs_each_head() ? head * head_dim_ : 0;
    if (norm_.weight_type == element_type_of<C>)
      return {static_cast<const C*>(norm_.weight) + first, offset};
    load_elements_of(norm_.weight_type,
                     static_cast<const unsigned char*>(norm_.weight) +
                         first * bytes_of_element(norm_.weight_type),
                     head_dim_, widened_);
    return {widened_, offset};
  }

private:
  const yarn_norm& norm_;
  std::int64_t head_dim_;
  alignas(64) C widened_[largest_converted_dim];
};

// Some heads of a token in the type of the computation: where they lie, or in scratch memory.
template <class C> class staged_heads {
public:
  // The largest number of heads for `load`.
  std::int64_t capacity(const stored_tensor& x) const {
    const std::int64_t dim = x.head_dim();
    if (is_direct(x) || dim * heads_at_once <= largest_converted_dim)
      return heads_at_once;
    return largest_converted_dim / dim;
  }
  static bool is_direct(const stored_tensor& x) {
    return x.is_plain() && x.type() == element_type_of<C>;
  }

  const C* load(const stored_tensor& x, std::int64_t token, std::int64_t head, std::int64_t n) {
    if (is_direct(x)) {
      stride_ = x.head_stride();
      return reinterpret_cast<const C*>(x.at(token, head)); // NOLINT: the data are of type C
    }
    stride_ = x.head_dim();
    for (std::int64_t h = 0; h < n; ++h)
      load_head(x, token, head + h, memory_ + h * stride_);
    return memory_;
  }
  std::int64_t stride() const { return stride_; }
  C* memory() { return memory_; }

private:
  std::int64_t stride_ = 0;
  alignas(64) C memory_[largest_converted_dim];
};

// The scale of all heads of a token.
template <class C>
C scale_of_all_heads(const stored_tensor& x, std::int64_t token, C eps, staged_heads<C>& staged) {
  const std::int64_t n_heads = x.n_heads(), dim = x.head_dim(), size = staged.capacity(x);
  alignas(64) C sums[heads_at_once] = {};
  for (std::int64_t head = 0; head < n_heads; head += size) {
    const std::int64_t n = n_heads - head < size ? n_heads - head : size;
    const C* const values = staged.load(x, token, head, n);
    for (std::int64_t h = 0; h < n; ++h)
      sums[0] +=
          sum_of_lanes(sum_of_squares<default_arch>(values + h * staged.stride(), dim, C(0)));
  }
  sums_to_scales<default_arch>(sums, 1, n_heads * dim, eps);
  return sums[0];
}

// Writes rotated heads, whose pairs are in the order In.
template <pairing In, class C>
void store_heads(C* values, const erased_transfer<C>& x, std::int64_t token, std::int64_t head,
                 std::int64_t n, std::int64_t n_pairs) {
  const std::int64_t dim = x.target.head_dim();
  for (std::int64_t h = 0; h < n; ++h, values += dim) {
    if (x.out != In) {
      C reordered[2 * largest_normed_pairs];
      reorder_pairs(In, values, n_pairs, reordered);
      std::memcpy(values, reordered, static_cast<std::size_t>(2 * n_pairs) * sizeof(C));
    }
    store_head(values, x.target, token, head + h);
  }
}

template <pairing In, class Norm, class C>
void rotate_normed_heads(const erased_transfer<C>& x, const block& b, const row_pointers<C>* rows) {
  constexpr int packs = normed_rotation<In, In, default_arch, C>::packs_in_registers;
  constexpr bool is_centred = Norm::is_centred;
  const std::int64_t n_heads = x.source.n_heads(), dim = x.source.head_dim(), n_pairs = b.n_pairs;
  const auto eps = static_cast<C>(x.norm->eps);
  norm_weights<C> weights(*x.norm, dim);
  staged_heads<C> staged;
  group_statistics<default_arch, Norm, C> statistics;
  alignas(64) C folded[4 * largest_normed_pairs];
  const bool writes_directly = staged.is_direct(x.target) && x.out == In;
  const std::int64_t size = writes_directly
                                ? staged.capacity(x.source)
                                : (staged.capacity(x.source) * dim <= largest_converted_dim
                                       ? staged.capacity(x.source)
                                       : largest_converted_dim / dim);
  const std::int64_t distance =
      b.bytes > far_jumping_bytes && staged.is_direct(x.source) ? x.source.token_stride() : 0;

  for (std::int64_t t = 0; t < b.n_tokens; ++t) {
    const std::int64_t token = b.token + t;
    if (x.skips(token))
      continue;
    alignas(64) C scale_of_all[heads_at_once];
    if (x.norm->over_all_heads != 0) {
      const C scale = scale_of_all_heads(x.source, token, eps, staged);
      for (C& each : scale_of_all)
        each = scale;
    }
    weight_source<C, C> weight{nullptr, C(0)};
    if (!weights.weighs_each_head()) {
      weight = weights.of_head(0);
      fold_row<In, In, default_arch>(rows[t], weight, 0, n_pairs, folded);
    }
    for (std::int64_t first = 0; first < n_heads; first += size) {
      const std::int64_t n = n_heads - first < size ? n_heads - first : size;
      const C* const source = staged.load(x.source, token, first, n);
      const std::int64_t stride = staged.stride();
      if (x.norm->over_all_heads == 0)
        statistics.of_each_head(source, stride, n, dim, eps, distance);
      C* const target = writes_directly ? reinterpret_cast<C*>(x.target.at(token, first)) // NOLINT
                                        : staged.memory();
      normed_group<C, C, C> group{source,
                                  target,
                                  stride,
                                  writes_directly ? x.target.head_stride() : dim,
                                  n,
                                  n_pairs,
                                  x.norm->over_all_heads != 0 ? scale_of_all : statistics.scales(),
                                  statistics.means()};
      if (!weights.weighs_each_head())
        rotate_normed<In, In, default_arch, is_centred, packs>(group, folded, 0, n_pairs);
      for (; group.n_heads > 0; group.template next_head<is_centred>()) {
        if (weights.weighs_each_head()) {
          weight = weights.of_head(first + n - group.n_heads);
          fold_row<In, In, default_arch>(rows[t], weight, 0, n_pairs, folded);
          normed_group<C, C, C> one_head = group;
          one_head.n_heads = 1;
          rotate_normed<In, In, default_arch, is_centred, packs>(one_head, folded, 0, n_pairs);
        } else if (dim == 2 * n_pairs) {
          break;
        }
        normalise_unpaired<default_arch, is_centred>(group, weight, 2 * n_pairs, dim);
      }
      if (!writes_directly)
        store_heads<In>(target, x, token, first, n, n_pairs);
    }
  }
}

// Uses the kernel of C++ for 16-bit tensors. With scratch memory, they would take twice as long.
template <pairing Order, class T, class W>
void rotate_normed_directly(const erased_transfer<float>& x, const block& b,
                            const row_pointers<float>* rows) {
  rms_norm<W> norm(static_cast<const W*>(x.norm->weight), x.norm->eps);
  if (x.norm->without_weight != 0)
    norm = rms_norm<W>::without_weight(x.norm->eps);
  if (x.norm->weight_plus_one != 0)
    norm = norm.with_weight_plus_one();
  if (x.norm->weight_of_each_head != 0)
    norm = norm.with_weight_of_each_head();
  if (x.norm->over_all_heads != 0)
    norm = norm.over_all_heads();
  const auto source = x.source.template view<const T>();
  const auto target = x.target.template view<T>();
  rotate_block<Order, Order, default_arch>(
      normed_transfer<const T, T, rms_norm<W>>{source, target, norm, source, 0}, b, rows);
}

template <class T>
decltype(erased_transfer<float>::rotate) direct_normed_rotation(pairing in, const yarn_norm& norm) {
  const bool is_half_split = in == pairing::half_split;
  if (norm.weight_type == YARN_FLOAT32)
    return is_half_split ? &rotate_normed_directly<pairing::half_split, T, float>
                         : &rotate_normed_directly<pairing::interleaved, T, float>;
  return is_half_split ? &rotate_normed_directly<pairing::half_split, T, T>
                       : &rotate_normed_directly<pairing::interleaved, T, T>;
}
// The kernel of C++ for these tensors and this norm, or null.
inline decltype(erased_transfer<float>::rotate) direct_normed_rotation(pairing in, pairing out,
                                                                       const stored_tensor& from,
                                                                       const stored_tensor& to,
                                                                       const yarn_norm& norm) {
  const bool is_dense = from.is_plain() && to.is_plain() && !from.is_paged() && !to.is_paged();
  const bool has_kernel = norm.without_weight != 0 || norm.weight_type == from.type() ||
                          norm.weight_type == YARN_FLOAT32;
  if (norm.kind != YARN_RMS_NORM || in != out || !is_dense || from.type() != to.type() ||
      !has_kernel)
    return nullptr;
  if (from.type() == YARN_BFLOAT16)
    return direct_normed_rotation<bfloat16>(in, norm);
  if (from.type() == YARN_FLOAT16)
    return direct_normed_rotation<float16>(in, norm);
  return nullptr;
}

template <class C>
decltype(erased_transfer<C>::rotate)
normed_rotation_of(pairing in, pairing out, const stored_tensor& from, const stored_tensor& to,
                   const yarn_norm& norm) {
  if constexpr (std::is_same_v<C, float>)
    if (const auto direct = direct_normed_rotation(in, out, from, to, norm))
      return direct;
  if (norm.kind == YARN_LAYER_NORM)
    return in == pairing::half_split ? &rotate_normed_heads<pairing::half_split, layer_norm<C>, C>
                                     : &rotate_normed_heads<pairing::interleaved, layer_norm<C>, C>;
  return in == pairing::half_split ? &rotate_normed_heads<pairing::half_split, rms_norm<C>, C>
                                   : &rotate_normed_heads<pairing::interleaved, rms_norm<C>, C>;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
