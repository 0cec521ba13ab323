// SPDX-License-Identifier: MIT
// The implementation of ggml.hpp.
#ifndef YARN_DETAIL_ADAPTERS_GGML_HPP
#define YARN_DETAIL_ADAPTERS_GGML_HPP

#include "../../axes.hpp"
#include "../../rope.hpp"
#include "strided.hpp"

#include <ggml-backend.h>
#include <ggml.h>
#include <gguf.h>

#include <cstring>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline const char* name_of(const ggml_tensor* x) { return x->name[0] == '\0' ? "?" : x->name; }

inline void check_not_null(const char* what, const void* pointer) {
  if (pointer == nullptr)
    fail_argument("yarn: {} is null", what);
}

// The ggml type of each format. Formats that ggml lacks have GGML_TYPE_COUNT.
inline constexpr ggml_type ggml_types[] = {GGML_TYPE_COUNT, GGML_TYPE_F64,  GGML_TYPE_F32,
                                           GGML_TYPE_F16,   GGML_TYPE_BF16, GGML_TYPE_COUNT,
                                           GGML_TYPE_COUNT};
static_assert(sizeof ggml_types / sizeof ggml_types[0] == n_formats);

// The stride of a dimension in elements.
template <class T> std::int64_t elements_of(const ggml_tensor* x, int dimension) {
  if (x->nb[dimension] % sizeof(T) != 0 || x->nb[dimension] > PTRDIFF_MAX)
    fail_argument(
        "yarn: ggml tensor {}: nb[{}] = {} must be a multiple of the {} bytes of an element",
        name_of(x), dimension, x->nb[dimension], static_cast<int>(sizeof(T)));
  return static_cast<std::int64_t>(x->nb[dimension] / sizeof(T));
}

// The heads of one sequence of x, at `data`. ggml has no const tensors: data is always void*.
template <class T>
heads_view<T> unchecked_heads(const ggml_tensor* x, std::int64_t sequence, void* data) {
  const auto stride = [&](int i) { return static_cast<std::int64_t>(x->nb[i] / sizeof(T)); };
  return heads_view<T>(static_cast<T*>(data) + sequence * stride(3), x->ne[2], x->ne[1], x->ne[0])
      .with_strides(stride(2), stride(1));
}
template <class T> heads_view<T> heads_at(const ggml_tensor* x, std::int64_t sequence, void* data) {
  constexpr ggml_type type = ggml_types[static_cast<int>(format_of_v<T>)];
  static_assert(
      type != GGML_TYPE_COUNT,
      "yarn: ggml has no type for this element type, or yarn::format_of does not know it");
  if (x->type != type)
    fail_argument("yarn: ggml tensor {} holds {}, but the element type of the view is {}",
                  name_of(x), ggml_type_name(x->type), ggml_type_name(type));
  if (x->nb[0] != sizeof(T))
    fail_argument("yarn: ggml tensor {}: nb[0] = {} must be the {} bytes of an element: the "
                  "elements of a head must be contiguous",
                  name_of(x), x->nb[0], static_cast<int>(sizeof(T)));
  for (int i = 1; i < GGML_MAX_DIMS; ++i)
    elements_of<T>(x, i);
  return unchecked_heads<T>(x, sequence, data);
}

inline void* host_data_of(const ggml_tensor* x) {
  ggml_backend_buffer* const buffer = x->view_src != nullptr ? x->view_src->buffer : x->buffer;
  if (buffer != nullptr && !ggml_backend_buffer_is_host(buffer))
    fail_argument("yarn: ggml tensor {} lies in a buffer that the processor cannot read",
                  name_of(x));
  if (x->data == nullptr && ggml_nelements(x) != 0)
    fail_argument("yarn: ggml tensor {} has no memory yet", name_of(x));
  return x->data;
}

// The rows in a tensor: f32 [2 * n_pairs, n_tokens], each row [cos | sin].
inline rows_view<float> rows_at(const ggml_tensor* rows, const float* data) {
  return rows_view<float>::packed(data, rows->ne[1], rows->ne[0] / 2,
                                  static_cast<std::int64_t>(rows->nb[1] / sizeof(float)));
}

[[noreturn]] inline void fail_shape(const ggml_tensor* x, const char* wanted) {
  fail_argument("yarn: ggml tensor {}: {} [{}, {}, {}, {}] must be {}", name_of(x),
                ggml_type_name(x->type), x->ne[0], x->ne[1], x->ne[2], x->ne[3], wanted);
}
inline void check_rope_rows(const ggml_tensor* rows) {
  check_not_null("rows", rows);
  if (rows->type != GGML_TYPE_F32 || rows->ne[0] < 2 || rows->ne[0] % 2 != 0 || rows->ne[2] != 1 ||
      rows->ne[3] != 1 || rows->nb[0] != sizeof(float))
    fail_shape(rows, "f32 [2 * n_pairs, n_tokens] with rows of [cos | sin] to be rows");
  elements_of<float>(rows, 1);
}
inline void check_rope_positions(const ggml_tensor* list) {
  check_not_null("positions", list);
  if (list->type != GGML_TYPE_I32 || !ggml_is_contiguous(list) ||
      list->ne[0] != ggml_nelements(list))
    fail_shape(list, "i32 [n_tokens], contiguous, to be positions");
}
// Requires one position for each token, or, for frequencies with several axes, four positions for
// each token: one on each axis of ggml.
inline void check_rope_axes(const ggml_tensor* list, const frequencies& f, std::int64_t n_tokens) {
  const std::int64_t n = list->ne[0];
  if (n == n_tokens)
    return;
  if (n % GGML_MROPE_SECTIONS != 0 || n / GGML_MROPE_SECTIONS != n_tokens)
    fail_argument("yarn: ggml tensor {}: {} positions must be n_tokens = {} or 4 * n_tokens",
                  name_of(list), n, n_tokens);
  if (f.n_axes() == 1)
    fail_argument("yarn: ggml tensor {}: positions on 4 axes for frequencies with one axis: 3 axes "
                  "would be ignored; give the pairs their axes by with_axes_of_mode",
                  name_of(list));
  if (f.n_axes() > GGML_MROPE_SECTIONS)
    fail_argument("yarn: ggml tensor {}: positions on 4 axes for frequencies with n_axes = {}",
                  name_of(list), f.n_axes());
}

// Whether a mode of ggml has several positions per token.
inline bool has_axes(int mode) {
  return mode == GGML_ROPE_TYPE_MROPE || mode == GGML_ROPE_TYPE_IMROPE ||
         mode == GGML_ROPE_TYPE_VISION;
}

// The axis of pair i, for MROPE and IMROPE. `sum` is the sum of the sections.
inline std::int64_t axis_in_mode(int mode, const int* sections, std::int64_t sum, std::int64_t i) {
  std::int64_t rest = i % sum;
  if (mode == GGML_ROPE_TYPE_IMROPE) {
    const std::int64_t axis = rest % 3;
    return rest < 3 * std::int64_t{sections[axis]} ? axis : 3;
  }
  std::int64_t axis = 0;
  while (rest >= sections[axis])
    rest -= sections[axis++];
  return axis;
}

// Whether the sections may count more pairs than there are. ggml does not use the rest of them.
enum class sections_sum { at_most_n_pairs, any };

// As ggml 0.27 does it; tests/engines/test_ggml_axes.cpp compares the two.
inline frequencies with_axes_of_mode(const frequencies& f, int mode, const int* sections,
                                     sections_sum allowed = sections_sum::at_most_n_pairs) {
  if (!has_axes(mode))
    fail_argument("yarn: ggml's rope mode = {} must be GGML_ROPE_TYPE_MROPE = 8, VISION = 24 or "
                  "IMROPE = 40 to have axes",
                  mode);
  check_not_null("sections", sections);
  check_frequencies(f);
  for (int axis = 0; axis < GGML_MROPE_SECTIONS; ++axis)
    if (sections[axis] < 0)
      fail_argument("yarn: sections[{}] = {} must be >= 0", axis, sections[axis]);
  const bool is_vision = mode == GGML_ROPE_TYPE_VISION;
  const std::int64_t n_pairs = f.n_pairs();
  const std::int64_t of_three = std::int64_t{sections[0]} + sections[1] + sections[2];
  const std::int64_t sum = of_three + sections[3];
  if (is_vision && (sections[0] != n_pairs || sections[1] != n_pairs))
    fail_argument("yarn: sections[0] = {} and sections[1] = {} of GGML_ROPE_TYPE_VISION must "
                  "both be n_pairs = {}: f has the frequencies of one section",
                  sections[0], sections[1], n_pairs);
  for (std::int64_t i = 1; is_vision && i < n_pairs; ++i)
    if (f.zone(i) != f.zone(0))
      fail_argument(
          "yarn: GGML_ROPE_TYPE_VISION must have frequencies without a ramp (YaRN), because ggml "
          "does not start its ramp again with the second section; pairs 0 and {} have different "
          "zones",
          i);
  if (!is_vision && of_three == 0)
    fail_argument("yarn: sections[0], sections[1] or sections[2] must be > 0");
  if (!is_vision && sum > n_pairs && allowed == sections_sum::at_most_n_pairs)
    fail_argument("yarn: the sum of the sections = {} must be at most n_pairs = {}{}", sum, n_pairs,
                  sum == 2 * n_pairs ? ": sections count pairs, not elements" : "");

  const frequencies all = is_vision ? joined(f, f) : f;
  std::vector<std::int64_t> axes;
  for (std::int64_t i = 0; i < all.n_pairs(); ++i)
    axes.push_back(is_vision ? i / n_pairs : axis_in_mode(mode, sections, sum, i));
  return with_axes(all, axes, GGML_MROPE_SECTIONS);
}

// The arguments of a node, where ggml 0.27 stores them. A template, because the struct is defined
// after this header.
template <class Parameters> Parameters rope_parameters_from(const ggml_tensor* node) {
  check_not_null("node", node);
  if (node->op != GGML_OP_ROPE && node->op != GGML_OP_ROPE_BACK)
    fail_argument("yarn: ggml tensor {} is a node {}, neither ROPE nor ROPE_BACK", name_of(node),
                  ggml_op_name(node->op));
  const std::int32_t* const stored = node->op_params;
  Parameters p;
  p.n_dims = stored[1];
  p.mode = stored[2];
  p.n_ctx_orig = stored[4];
  float* const numbers[] = {&p.freq_base,   &p.freq_scale, &p.ext_factor,
                            &p.attn_factor, &p.beta_fast,  &p.beta_slow};
  for (int i = 0; i < 6; ++i)
    std::memcpy(numbers[i], stored + 5 + i, sizeof(float));
  std::memcpy(p.sections, stored + 11, sizeof p.sections);
  p.n_offs = stored[15];
  if (const ggml_tensor* const factors = node->src[2]; factors != nullptr) {
    if (factors->type != GGML_TYPE_F32 || factors->ne[0] < p.n_dims / 2)
      fail_shape(factors, "f32 with n_dims / 2 elements or more to be freq_factors");
    p.freq_factors = static_cast<const float*>(factors->data);
  }
  return p;
}

template <class Parameters> frequencies frequencies_of_rope(const Parameters& p) {
  constexpr const char* type = "ggml_rope_parameters";
  require_positive(type, "n_dims", p.n_dims);
  require_positive(type, "freq_scale", static_cast<double>(p.freq_scale));
  require_positive(type, "attn_factor", static_cast<double>(p.attn_factor));
  rope_shape shape;
  shape.head_dim = p.n_dims;
  shape.rope_theta = static_cast<double>(p.freq_base);
  yarn_scaling method;
  method.factor = 1 / static_cast<double>(p.freq_scale);
  method.extrapolation_factor = static_cast<double>(p.ext_factor);
  real attention_factor = static_cast<double>(p.attn_factor);
  if (p.ext_factor != 0) {
    // With the length 0, both ends of ggml's ramp are below pair 0, whichever the betas are. The
    // length 1 has the same effect with betas of at least 1 / (2 pi).
    const bool is_empty = p.n_ctx_orig == 0;
    const auto beta = [&](float x) {
      return static_cast<double>(is_empty && x > 0 && x < 1 ? 1 : x);
    };
    method.original_max_position_embeddings = is_empty ? 1 : p.n_ctx_orig;
    method.beta_fast = beta(p.beta_fast);
    method.beta_slow = beta(p.beta_slow);
    // Not the formula of yarn_scaling, which is 1 for factors below 1.
    attention_factor = attention_factor * (log(real(method.factor)) / real(10) + real(1));
  } else {
    method.original_max_position_embeddings = 1; // no ramp, so every length gives the same result
  }
  method.attention_factor = static_cast<double>(attention_factor);
  const bool is_vision = p.mode == GGML_ROPE_TYPE_VISION;
  if (is_vision && p.freq_factors != nullptr)
    fail_argument(
        "yarn: freq_factors for GGML_ROPE_TYPE_VISION: ggml reads n_dims = {} of them and "
        "requires only half as many",
        p.n_dims);
  const frequencies f = [&] {
    if (p.freq_factors == nullptr)
      return make_frequencies(shape, method);
    return make_frequencies(
        shape, freq_factors_scaling<yarn_scaling>{
                   method, std::vector<float>(p.freq_factors, p.freq_factors + p.n_dims / 2)});
  }();
  return has_axes(p.mode) ? detail::with_axes_of_mode(f, p.mode, p.sections, sections_sum::any) : f;
}

template <class Positions>
void fill_rope_rows(ggml_tensor* rows, const frequencies& f, const Positions& list) {
  check_rope_rows(rows);
  if (rows->ne[0] != 2 * f.n_pairs())
    fail_argument("yarn: ggml tensor {}: ne[0] = {} must be 2 * n_pairs = {}", name_of(rows),
                  rows->ne[0], 2 * f.n_pairs());
  if (list.size() != rows->ne[1])
    fail_argument("yarn: positions.size = {} must be n_tokens = {}", list.size(), rows->ne[1]);
  float* const cos = static_cast<float*>(host_data_of(rows));
  fill_rows(f, list, cos, cos + f.n_pairs(), elements_of<float>(rows, 1));
}

// ---- Nodes of a graph ---------------------------------------------------------------------------

// The threads of ggml call compute_rope_rows and compute_rope, which must not throw. The functions
// that make nodes throw if an argument is wrong.

inline void compute_rope_rows(ggml_tensor* rows, int ith, int nth, void* freqs) noexcept {
  const auto& f = *static_cast<const frequencies*>(freqs);
  // The frequencies may have changed since the node was made.
  GGML_ASSERT(2 * f.n_pairs() == rows->ne[0]);
  const ggml_tensor* const ids = rows->src[0];
  const auto* const data = static_cast<const std::int32_t*>(ids->data);
  const std::int64_t n_tokens = rows->ne[1];
  const token_range tokens = tokens_of(n_tokens, {ith, nth});
  const auto stride = static_cast<std::int64_t>(rows->nb[1] / sizeof(float));
  float* const first = static_cast<float*>(rows->data) + tokens.begin * stride;
  // compute_rows, not fill_rows, which would check all positions on each thread. 32-bit positions
  // are always in range.
  const auto compute = [&](const auto& list) {
    compute_rows(f, 0, f.n_pairs(), list, tokens, first, first + f.n_pairs(), stride);
  };
  if (ids->ne[0] == n_tokens) {
    compute(positions(data, n_tokens));
  } else {
    GGML_ASSERT(f.n_axes() > 1 && f.n_axes() <= GGML_MROPE_SECTIONS);
    compute(axis_positions(data, n_tokens, GGML_MROPE_SECTIONS));
  }
}

inline ggml_tensor* make_rows_node(ggml_context* context, ggml_tensor* list, const frequencies& f,
                                   std::int64_t n_tokens) {
  check_not_null("context", context);
  check_frequencies(f);
  return ggml_custom_4d(context, GGML_TYPE_F32, 2 * f.n_pairs(), n_tokens, 1, 1, &list, 1,
                        compute_rope_rows, GGML_N_TASKS_MAX, const_cast<frequencies*>(&f));
}

template <class T, pairing Pairing>
void compute_rope(ggml_tensor* x, int ith, int nth, void*) noexcept {
  const ggml_tensor* const rows = x->src[1];
  const auto view = rows_at(rows, static_cast<const float*>(rows->data));
  for (std::int64_t s = 0; s < x->ne[3]; ++s)
    rope_apply_unchecked(unchecked_heads<T>(x, s, x->data), view, Pairing, thread_slice{ith, nth});
}

template <class T>
ggml_tensor* make_rope_node(ggml_context* context, ggml_tensor* x, ggml_tensor* rows, pairing p) {
  // Tensors of a graph often get their memory later. The checks read no element, so the views may
  // have any address.
  alignas(8) static char place[8] = {};
  const auto heads = heads_at<T>(x, 0, place);
  if (heads.n_tokens() > 0 && rows->ne[1] == GGML_MROPE_SECTIONS * heads.n_tokens())
    fail_argument("yarn: rows.n_rows = {} must be n_tokens = {}. If each token has positions on 4 "
                  "axes, pass n_tokens to rope_rows_node",
                  rows->ne[1], heads.n_tokens());
  rope_check(heads, rows_at(rows, reinterpret_cast<float*>(place)), p);
  const std::int64_t extent = (x->ne[2] - 1) * heads.token_stride() +
                              (x->ne[1] - 1) * heads.head_stride() + heads.head_dim();
  if (x->ne[3] > 1 && elements_of<T>(x, 3) < extent)
    fail_argument(
        "yarn: ggml tensor {}: nb[3] = {}: sequences of {} elements overlap or interweave",
        name_of(x), x->nb[3], extent);
  return ggml_custom_inplace(context, x, &rows, 1,
                             p == pairing::half_split ? compute_rope<T, pairing::half_split>
                                                      : compute_rope<T, pairing::interleaved>,
                             GGML_N_TASKS_MAX, nullptr);
}

// ---- Values of GGUF files -----------------------------------------------------------------------

// Element i of an array with elements of type Stored.
template <class Stored> double gguf_number(const void* data, std::size_t i) {
  Stored value;
  std::memcpy(&value, static_cast<const char*>(data) + i * sizeof value, sizeof value);
  return static_cast<double>(value);
}
// The function above for each type of GGUF files, in which a bool is a byte. Null for strings and
// arrays.
inline constexpr double (*gguf_numbers[GGUF_TYPE_COUNT])(const void*,
                                                         std::size_t) = {gguf_number<std::uint8_t>,
                                                                         gguf_number<std::int8_t>,
                                                                         gguf_number<std::uint16_t>,
                                                                         gguf_number<std::int16_t>,
                                                                         gguf_number<std::uint32_t>,
                                                                         gguf_number<std::int32_t>,
                                                                         gguf_number<float>,
                                                                         gguf_number<std::int8_t>,
                                                                         nullptr,
                                                                         nullptr,
                                                                         gguf_number<std::uint64_t>,
                                                                         gguf_number<std::int64_t>,
                                                                         gguf_number<double>};

// The elements of a tensor of frequency factors. x is null if its data is not loaded.
inline std::vector<float> gguf_factors(const std::string& name, const ggml_tensor* x) {
  if (x == nullptr || x->data == nullptr)
    fail_argument("yarn: the file has a tensor {}, but its data is not loaded: gguf_init_params "
                  "must have a ctx, and no_alloc = false",
                  name);
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(x)));
  if (x->type == GGML_TYPE_F32)
    std::memcpy(values.data(), x->data, values.size() * sizeof(float));
  else if (x->type == GGML_TYPE_F16)
    ggml_fp16_to_fp32_row(static_cast<const ggml_fp16_t*>(x->data), values.data(),
                          ggml_nelements(x));
  else
    fail_argument("yarn: the tensor {} holds {}; frequency factors are f32 or f16", name,
                  ggml_type_name(x->type));
  return values;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
