// SPDX-License-Identifier: MIT
// The operators of the extension, on the CPU:
//
//     rows     cos and sin of positions, made once per step for all layers
//     rotate_  rotates q and k in place
//     rotate   rotates into new tensors, with gradients
//
// q and k are [batch, heads, tokens, dim] with any strides, as transformers has them. If the
// elements of a head are not contiguous or a stride is 0, `rotate` reads a copy, and `rotate_`
// reports an error. Each sequence of the batch is one view. cos and sin are [batch or 1, tokens,
// pairs].
#include <yarn/torch.hpp>
#include <yarn/yarn.hpp>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace {

using at::Tensor;
using two_tensors = std::tuple<Tensor, Tensor>;

constexpr auto order_of_transformers = yarn::dim_order::heads_tokens_dim;

yarn::pairing pairing_from(std::string_view name) {
  TORCH_CHECK_VALUE(name == "half_split" || name == "interleaved", "yarn_rope: pairing = '", name,
                    "' must be 'half_split' or 'interleaved'");
  return name == "half_split" ? yarn::pairing::half_split : yarn::pairing::interleaved;
}

/// Calls work(sequence, slice) on the threads of PyTorch, for slices of the tokens of each sequence
/// that are large enough to be worth a thread. `size` is the number of elements of a sequence.
template <class Work>
void for_each_slice(std::int64_t n_sequences, std::int64_t size, const Work& work) {
  constexpr std::int64_t smallest_slice = 1 << 15;
  const std::int64_t n_slices =
      std::clamp<std::int64_t>(size / smallest_slice, 1, at::get_num_threads());
  const std::int64_t grain = std::max<std::int64_t>(1, smallest_slice * n_slices / (size + 1));
  at::parallel_for(0, n_sequences * n_slices, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      work(i / n_slices, yarn::thread_slice{i % n_slices, n_slices});
  });
}

// ---- rows --------------------------------------------------------------------------------------

yarn::frequencies frequencies_from(const Tensor& inv_freq, double attention_factor,
                                   at::IntArrayRef axis_of_pair) {
  TORCH_CHECK_VALUE(inv_freq.dim() == 1 && inv_freq.scalar_type() == at::kDouble &&
                        inv_freq.is_contiguous() && inv_freq.device().is_cpu(),
                    "yarn_rope: inv_freq must be a contiguous float64 tensor [pairs] on the CPU");
  yarn::frequencies f =
      yarn::frequencies_from(inv_freq.const_data_ptr<double>(), inv_freq.numel(), attention_factor);
  if (axis_of_pair.empty())
    return f;
  return yarn::with_axes(f, axis_of_pair,
                         *std::max_element(axis_of_pair.begin(), axis_of_pair.end()) + 1);
}

template <class T>
void fill(const yarn::frequencies& f, const Tensor& ids, const Tensor& cos, const Tensor& sin) {
  const std::int64_t n_sequences = cos.size(0), size = cos.size(1) * cos.size(2);
  // cos and sin of one pair take about as long as the rotation of 16 elements.
  for_each_slice(n_sequences, 16 * size, [&](std::int64_t s, yarn::thread_slice slice) {
    T* const c = cos.mutable_data_ptr<T>() + s * size;
    T* const d = sin.mutable_data_ptr<T>() + s * size;
    if (ids.dim() == 2)
      yarn::fill_rows(f, yarn::positions_in(ids, s), c, d, f.n_pairs(), slice);
    else
      yarn::fill_rows(f, yarn::axis_positions_in(ids, s), c, d, f.n_pairs(), slice);
  });
}

two_tensors rows(const Tensor& position_ids, const Tensor& inv_freq, double attention_factor,
                 at::IntArrayRef axis_of_pair, at::ScalarType dtype) {
  const yarn::frequencies f = frequencies_from(inv_freq, attention_factor, axis_of_pair);
  const std::int64_t rank = position_ids.dim();
  TORCH_CHECK_VALUE(rank == 2 || rank == 3, "yarn_rope: position_ids has ", rank,
                    " dimensions; it must be [batch, tokens] or [axes, batch, tokens]");
  TORCH_CHECK_VALUE(dtype == at::kFloat || dtype == at::kDouble,
                    "yarn_rope: rows are float32 or "
                    "float64, not ",
                    dtype);
  const auto ids = position_ids.dim() == 2 && position_ids.stride(1) != 1
                       ? position_ids.contiguous()
                       : position_ids;
  const auto shape = {ids.size(rank - 2), ids.size(rank - 1), f.n_pairs()};
  const Tensor cos = at::empty(shape, dtype), sin = at::empty(shape, dtype);
  if (dtype == at::kFloat)
    fill<float>(f, ids, cos, sin);
  else
    fill<double>(f, ids, cos, sin);
  return {cos, sin};
}

// ---- rotations ---------------------------------------------------------------------------------

/// Calls f(element, entry) with values of the element type of q and the type of its rows.
template <class F> void with_types(at::ScalarType type, const F& f) {
  switch (type) {
  case at::kDouble:
    return f(double{}, double{});
  case at::kFloat:
    return f(float{}, float{});
  case at::kHalf:
    return f(yarn::float16{}, float{});
  case at::kBFloat16:
    return f(yarn::bfloat16{}, float{});
  default:
    TORCH_CHECK_TYPE(false, "yarn_rope: q has the dtype ", type,
                     "; float64, float32, float16 and bfloat16 can be rotated");
  }
}

void check(const Tensor& q, const Tensor& k, const Tensor& cos, const Tensor& sin) {
  for (const Tensor* const x : {&q, &k})
    TORCH_CHECK_VALUE(x->dim() == 4, "yarn_rope: q and k are [batch, heads, tokens, dim], not ",
                      x->sizes());
  TORCH_CHECK_VALUE(q.size(0) == k.size(0) && q.scalar_type() == k.scalar_type(),
                    "yarn_rope: q and k have different batch sizes or dtypes");
  TORCH_CHECK_VALUE(cos.dim() == 3 && cos.sizes() == sin.sizes() && cos.strides() == sin.strides(),
                    "yarn_rope: cos and sin are [batch or 1, tokens, pairs] with the same strides");
  TORCH_CHECK_VALUE(cos.size(0) == 1 || cos.size(0) == q.size(0), "yarn_rope: cos has ",
                    cos.size(0), " sequences, q has ", q.size(0));
  const auto entry = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  TORCH_CHECK_TYPE(cos.scalar_type() == entry && sin.scalar_type() == entry,
                   "yarn_rope: cos and sin must be ", entry, " for q of ", q.scalar_type());
  TORCH_CHECK_VALUE(cos.size(2) < 2 || cos.stride(2) == 1,
                    "yarn_rope: the pairs of cos must be contiguous");
  TORCH_CHECK_VALUE(cos.device().is_cpu() && sin.device().is_cpu(),
                    "yarn_rope: cos and sin must be on the CPU");
}

/// The rows of a sequence.
template <class R>
yarn::rows_view<R> rows_of(const Tensor& cos, const Tensor& sin, std::int64_t sequence) {
  const std::int64_t offset = cos.size(0) == 1 ? 0 : sequence * cos.stride(0);
  const std::int64_t row_stride = cos.size(1) < 2 ? cos.size(2) : cos.stride(1);
  return {cos.const_data_ptr<R>() + offset, sin.const_data_ptr<R>() + offset, cos.size(1),
          cos.size(2), row_stride};
}
template <class T> yarn::heads_view<T> heads_of(const Tensor& x, std::int64_t sequence) {
  return yarn::heads_from<T>(x, sequence, order_of_transformers);
}

void rotate_(const Tensor& q, const Tensor& k, const Tensor& cos, const Tensor& sin,
             std::string_view pairing) {
  check(q, k, cos, sin);
  const yarn::pairing p = pairing_from(pairing);
  const std::int64_t n_sequences = q.size(0);
  with_types(q.scalar_type(), [&](auto element, auto entry) {
    using T = decltype(element);
    using R = decltype(entry);
    for (std::int64_t s = 0; s < n_sequences; ++s)
      yarn::rope_check(heads_of<T>(q, s), heads_of<T>(k, s), rows_of<R>(cos, sin, s), p);
    for_each_slice(n_sequences, (q.numel() + k.numel()) / std::max<std::int64_t>(1, n_sequences),
                   [&](std::int64_t s, yarn::thread_slice slice) {
                     yarn::rope_apply_unchecked(heads_of<T>(q, s), heads_of<T>(k, s),
                                                rows_of<R>(cos, sin, s), p, slice);
                   });
  });
}

/// Whether x can be read through a view. Gradients are often expanded or transposed.
bool is_viewable(const Tensor& x) {
  for (std::int64_t i = 0; i < 4; ++i)
    if (x.size(i) > 1 && (x.stride(i) == 0 || (i == 3 && x.stride(i) != 1)))
      return false;
  return true;
}
/// The same values in memory that can be viewed.
Tensor readable(const Tensor& x) { return is_viewable(x) ? x.resolve_neg() : x.contiguous(); }
/// Memory for the result, with the strides of x if possible. The Python package has the same rule,
/// for tracing.
Tensor target_for(const Tensor& x) {
  return is_viewable(x) ? at::empty_like(x) : at::empty(x.sizes(), x.options());
}

two_tensors rotate(const Tensor& q, const Tensor& k, const Tensor& cos, const Tensor& sin,
                   std::string_view pairing, std::optional<std::string_view> output_order) {
  check(q, k, cos, sin);
  const yarn::pairing p = pairing_from(pairing);
  const yarn::output_order order(pairing_from(output_order.value_or(pairing)));
  const Tensor sources[] = {readable(q), readable(k)};
  const Tensor targets[] = {target_for(q), target_for(k)};
  with_types(q.scalar_type(), [&](auto element, auto entry) {
    using T = decltype(element);
    using R = decltype(entry);
    const std::int64_t n_sequences = q.size(0);
    for (std::int64_t s = 0; s < n_sequences; ++s)
      for (const int i : {0, 1})
        yarn::rope_copy_check(heads_of<const T>(sources[i], s), heads_of<T>(targets[i], s),
                              rows_of<R>(cos, sin, s), p, order);
    for_each_slice(n_sequences, (q.numel() + k.numel()) / std::max<std::int64_t>(1, n_sequences),
                   [&](std::int64_t s, yarn::thread_slice slice) {
                     for (const int i : {0, 1})
                       yarn::rope_copy_unchecked(heads_of<const T>(sources[i], s),
                                                 heads_of<T>(targets[i], s),
                                                 rows_of<R>(cos, sin, s), p, order, slice);
                   });
  });
  return {targets[0], targets[1]};
}

// ---- gradients ---------------------------------------------------------------------------------

two_tensors call_rotate(const Tensor& q, const Tensor& k, const Tensor& cos, const Tensor& sin,
                        std::string_view pairing, std::optional<std::string_view> output_order) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("yarn_rope::rotate", "")
                             .typed<decltype(rotate)>();
  return op.call(q, k, cos, sin, pairing, output_order);
}
void call_rotate_(const Tensor& q, const Tensor& k, const Tensor& cos, const Tensor& sin,
                  std::string_view pairing) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("yarn_rope::rotate_", "")
                             .typed<decltype(rotate_)>();
  op.call(q, k, cos, sin, pairing);
}

bool needs_gradients(const Tensor& q, const Tensor& k, const Tensor& cos, const Tensor& sin) {
  if (!at::GradMode::is_enabled())
    return false;
  TORCH_CHECK_NOT_IMPLEMENTED(!cos.requires_grad() && !sin.requires_grad(),
                              "yarn_rope: no gradients are computed for cos and sin");
  return q.requires_grad() || k.requires_grad();
}

/// The gradient of a rotation is the rotation by the adjoint: rows (cos, -sin), which have the same
/// attention factor, and the two orders of pairs exchanged.
struct rotation : torch::autograd::Function<rotation> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const Tensor& q, const Tensor& k, const Tensor& cos,
                                                const Tensor& sin, const std::string& pairing,
                                                const std::string& output_order) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({cos, sin});
    context->saved_data["pairing"] = pairing;
    context->saved_data["output_order"] = output_order;
    const auto [to_q, to_k] = call_rotate(q, k, cos, sin, pairing, output_order);
    return {to_q, to_k};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto [to_q, to_k] = call_rotate(gradients[0], gradients[1], saved[0], saved[1].neg(),
                                          context->saved_data["output_order"].toStringView(),
                                          context->saved_data["pairing"].toStringView());
    return {to_q, to_k, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

two_tensors rotate_with_gradients(const Tensor& q, const Tensor& k, const Tensor& cos,
                                  const Tensor& sin, std::string_view pairing,
                                  std::optional<std::string_view> output_order) {
  if (!needs_gradients(q, k, cos, sin)) {
    const at::AutoDispatchBelowADInplaceOrView below;
    return call_rotate(q, k, cos, sin, pairing, output_order);
  }
  const auto result = rotation::apply(q, k, cos, sin, std::string(pairing),
                                      std::string(output_order.value_or(pairing)));
  return {result[0], result[1]};
}

/// With gradients, the result of `rotate` is copied to q and k, because copy_ follows autograd's
/// rules for tensors that are written in place, and for views.
void rotate_with_gradients_(const Tensor& q, const Tensor& k, const Tensor& cos, const Tensor& sin,
                            std::string_view pairing) {
  if (needs_gradients(q, k, cos, sin)) {
    const auto [to_q, to_k] = call_rotate(q, k, cos, sin, pairing, std::nullopt);
    q.copy_(to_q);
    k.copy_(to_k);
    return;
  }
  {
    const at::AutoDispatchBelowADInplaceOrView below;
    call_rotate_(q, k, cos, sin, pairing);
  }
  // Tells autograd that q and k, if they were saved for a gradient, no longer have their values.
  for (const Tensor* const x : {&q, &k})
    if (!x->is_inference())
      x->unsafeGetTensorImpl()->bump_version();
}

} // namespace

TORCH_LIBRARY_FRAGMENT(yarn_rope, library) {
  const std::vector<at::Tag> tags = {at::Tag::pt2_compliant_tag};
  library.def("rows(Tensor position_ids, Tensor inv_freq, float attention_factor, "
              "int[] axis_of_pair, ScalarType dtype) -> (Tensor cos, Tensor sin)",
              tags);
  library.def("rotate_(Tensor(a!) q, Tensor(b!) k, Tensor cos, Tensor sin, str pairing) -> ()",
              tags);
  library.def("rotate(Tensor q, Tensor k, Tensor cos, Tensor sin, str pairing, "
              "str? output_order=None) -> (Tensor, Tensor)",
              tags);
}
TORCH_LIBRARY_IMPL(yarn_rope, CPU, library) {
  library.impl("rows", rows);
  library.impl("rotate_", rotate_);
  library.impl("rotate", rotate);
}
TORCH_LIBRARY_IMPL(yarn_rope, Autograd, library) {
  library.impl("rotate_", rotate_with_gradients_);
  library.impl("rotate", rotate_with_gradients);
}
