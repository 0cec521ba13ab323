// SPDX-License-Identifier: MIT
// What ggml.hpp declares.
#ifndef YARN_DETAIL_ADAPTERS_GGML_HPP
#define YARN_DETAIL_ADAPTERS_GGML_HPP

#include "../../ggml.hpp"
#include "strided.hpp"

#include <cstring>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline const char* name_of(const ggml_tensor* x) { return x->name[0] == '\0' ? "?" : x->name; }

inline void check_not_null(const char* what, const void* pointer) {
  if (pointer == nullptr)
    fail_argument("yarn: {} is null", what);
}

// ggml's types of formats; GGML_TYPE_COUNT where it has none.
inline constexpr ggml_type ggml_types[n_formats] = {
    GGML_TYPE_COUNT, GGML_TYPE_F64, GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_COUNT};

// A byte stride in elements.
template <class T> std::int64_t elements_of(const ggml_tensor* x, int dimension) {
  if (x->nb[dimension] % sizeof(T) != 0 || x->nb[dimension] > PTRDIFF_MAX)
    fail_argument(
        "yarn: ggml tensor {}: nb[{}] = {} must be a multiple of the {} bytes of an element",
        name_of(x), dimension, x->nb[dimension], static_cast<int>(sizeof(T)));
  return static_cast<std::int64_t>(x->nb[dimension] / sizeof(T));
}

// The heads of one sequence of x, at `data`. ggml has no tensors of const: data is void* in all.
template <class T>
heads_view<T> unchecked_heads(const ggml_tensor* x, std::int64_t sequence, void* data) {
  const auto stride = [&](int i) { return static_cast<std::int64_t>(x->nb[i] / sizeof(T)); };
  return heads_view<T>(static_cast<T*>(data) + sequence * stride(3), x->ne[2], x->ne[1], x->ne[0])
      .with_strides(stride(2), stride(1));
}
template <class T> heads_view<T> heads_at(const ggml_tensor* x, std::int64_t sequence, void* data) {
  constexpr ggml_type type = code_of(format_of_v<T>, ggml_types);
  static_assert(
      type != GGML_TYPE_COUNT,
      "yarn: ggml has no type for this element type, or yarn::format_of does not know it");
  if (x->type != type)
    fail_argument("yarn: ggml tensor {} holds {}, and {} is asked for", name_of(x),
                  ggml_type_name(x->type), ggml_type_name(type));
  if (x->nb[0] != sizeof(T))
    fail_argument(
        "yarn: ggml tensor {}: nb[0] = {} must be the {} bytes of an element: the elements of a "
        "head lie side by side",
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

// Rows as a tensor: float [2 * n_pairs, n_tokens], a row [cos | sin].
inline rows_view<float> rows_at(const ggml_tensor* rows, const float* data) {
  return rows_view<float>::packed(data, rows->ne[1], rows->ne[0] / 2,
                                  static_cast<std::int64_t>(rows->nb[1] / sizeof(float)));
}

inline void check_rope_rows(const ggml_tensor* rows) {
  check_not_null("rows", rows);
  if (rows->type != GGML_TYPE_F32 || rows->ne[0] < 2 || rows->ne[0] % 2 != 0 || rows->ne[2] != 1 ||
      rows->ne[3] != 1 || rows->nb[0] != sizeof(float))
    fail_argument("yarn: ggml tensor {}: {} [{}, {}, {}, {}] must be f32 [2 * n_pairs, n_tokens] "
                  "with rows of [cos | sin] to be rows",
                  name_of(rows), ggml_type_name(rows->type), rows->ne[0], rows->ne[1], rows->ne[2],
                  rows->ne[3]);
  elements_of<float>(rows, 1);
}

// ---- What ggml's threads call: no exceptions ---------------------------------------------------

inline void compute_rope_rows(ggml_tensor* rows, int ith, int nth, void* freqs) noexcept {
  const auto& f = *static_cast<const frequencies*>(freqs);
  // They may have been assigned to since the node was made.
  GGML_ASSERT(2 * f.n_pairs() == rows->ne[0]);
  const ggml_tensor* const ids = rows->src[0];
  const positions list(static_cast<const std::int32_t*>(ids->data), ids->ne[0]);
  // Not fill_rows: each thread would look for positions out of range, and 32 bits have none.
  const token_range tokens = part_of(list.size(), {ith, nth});
  const auto stride = static_cast<std::int64_t>(rows->nb[1] / sizeof(float));
  float* const first = static_cast<float*>(rows->data) + tokens.begin * stride;
  compute_rows(f, 0, f.n_pairs(), list, tokens, first, first + f.n_pairs(), stride);
}

template <class T, pairing Pairing>
void compute_rope(ggml_tensor* x, int ith, int nth, void*) noexcept {
  const ggml_tensor* const rows = x->src[1];
  const auto view = rows_at(rows, static_cast<const float*>(rows->data));
  for (std::int64_t s = 0; s < x->ne[3]; ++s)
    rope_apply_unchecked(unchecked_heads<T>(x, s, x->data), view, Pairing, slice{ith, nth});
}

template <class T>
ggml_tensor* make_rope_node(ggml_context* context, ggml_tensor* x, ggml_tensor* rows, pairing p) {
  // Tensors of a graph often get their memory later. No check reads it: any place will do.
  alignas(8) static char place[8] = {};
  const auto heads = heads_at<T>(x, 0, place);
  rope_check(heads, rows_at(rows, reinterpret_cast<float*>(place)), p);
  const std::int64_t extent = (x->ne[2] - 1) * heads.token_stride() +
                              (x->ne[1] - 1) * heads.head_stride() + heads.head_dim();
  if (x->ne[3] > 1 && elements_of<T>(x, 3) < extent)
    fail_argument(
        "yarn: ggml tensor {}: nb[3] = {}: sequences of {} elements overlap or interweave",
        name_of(x), x->nb[3], extent);
  ggml_tensor* arguments[] = {rows};
  return ggml_custom_inplace(context, x, arguments, 1,
                             p == pairing::half_split ? compute_rope<T, pairing::half_split>
                                                      : compute_rope<T, pairing::interleaved>,
                             GGML_N_TASKS_MAX, nullptr);
}

// Element i of an array of Stored.
template <class Stored> double gguf_number(const void* data, std::size_t i) {
  Stored value;
  std::memcpy(&value, static_cast<const char*>(data) + i * sizeof value, sizeof value);
  return static_cast<double>(value);
}
// The same by the codes of types in GGUF files; null for strings and arrays.
inline constexpr double (*gguf_numbers[GGUF_TYPE_COUNT])(const void*, std::size_t) = {
    gguf_number<std::uint8_t>,
    gguf_number<std::int8_t>,
    gguf_number<std::uint16_t>,
    gguf_number<std::int16_t>,
    gguf_number<std::uint32_t>,
    gguf_number<std::int32_t>,
    gguf_number<float>,
    gguf_number<std::int8_t>, // a bool is a byte
    nullptr,
    nullptr,
    gguf_number<std::uint64_t>,
    gguf_number<std::int64_t>,
    gguf_number<double>};

} // namespace detail

template <class T> heads_view<T> heads_from(const ggml_tensor* x) {
  detail::check_not_null("ggml tensor", x);
  if (x->ne[3] != 1)
    detail::fail_argument(
        "yarn: ggml tensor {} has ne[3] = {} sequences; heads_from(x, sequence) is one",
        detail::name_of(x), x->ne[3]);
  return detail::heads_at<T>(x, 0, detail::host_data_of(x));
}

template <class T, class Integer> heads_view<T> heads_from(const ggml_tensor* x, Integer sequence) {
  detail::check_not_null("ggml tensor", x);
  const std::int64_t s = detail::to_index(sequence, "sequence");
  if (s < 0 || s >= x->ne[3])
    detail::fail_range("yarn: ggml tensor {}: sequence = {} must be in [0, ne[3] = {})",
                       detail::name_of(x), s, x->ne[3]);
  return detail::heads_at<T>(x, s, detail::host_data_of(x));
}

inline pairing pairing_from_mode(int mode) {
  if (mode != GGML_ROPE_TYPE_NEOX && mode != GGML_ROPE_TYPE_NORMAL)
    detail::fail_argument("yarn: ggml's rope mode = {} must be GGML_ROPE_TYPE_NORMAL = 0 or "
                          "GGML_ROPE_TYPE_NEOX = 2",
                          mode);
  return mode == GGML_ROPE_TYPE_NEOX ? pairing::half_split : pairing::interleaved;
}

inline ggml_tensor* rope_rows_node(ggml_context* context, ggml_tensor* positions,
                                   const frequencies& freqs) {
  detail::check_not_null("context", context);
  detail::check_not_null("positions", positions);
  detail::check_frequencies(freqs);
  if (positions->type != GGML_TYPE_I32 || !ggml_is_contiguous(positions) ||
      positions->ne[0] != ggml_nelements(positions))
    detail::fail_argument("yarn: ggml tensor {}: {} [{}, {}, {}, {}] must be i32 [n_tokens], "
                          "contiguous, to be positions",
                          detail::name_of(positions), ggml_type_name(positions->type),
                          positions->ne[0], positions->ne[1], positions->ne[2], positions->ne[3]);
  ggml_tensor* arguments[] = {positions};
  return ggml_custom_4d(context, GGML_TYPE_F32, 2 * freqs.n_pairs(), positions->ne[0], 1, 1,
                        arguments, 1, detail::compute_rope_rows, GGML_N_TASKS_MAX,
                        const_cast<frequencies*>(&freqs));
}

inline void fill_rope_rows(ggml_tensor* rows, const frequencies& freqs, const positions& list) {
  detail::check_rope_rows(rows);
  if (rows->ne[0] != 2 * freqs.n_pairs())
    detail::fail_argument("yarn: ggml tensor {}: ne[0] = {} must be 2 * n_pairs = {}",
                          detail::name_of(rows), rows->ne[0], 2 * freqs.n_pairs());
  if (list.size() != rows->ne[1])
    detail::fail_argument("yarn: positions.size = {} must be n_tokens = {}", list.size(),
                          rows->ne[1]);
  float* const cos = static_cast<float*>(detail::host_data_of(rows));
  fill_rows(freqs, list, cos, cos + freqs.n_pairs(), detail::elements_of<float>(rows, 1));
}

inline ggml_tensor* rope_inplace_node(ggml_context* context, ggml_tensor* x, ggml_tensor* rows,
                                      pairing p) {
  detail::check_not_null("context", context);
  detail::check_not_null("x", x);
  detail::check_rope_rows(rows);
  switch (x->type) {
  case GGML_TYPE_F32:
    return detail::make_rope_node<float>(context, x, rows, p);
  case GGML_TYPE_F16:
    return detail::make_rope_node<float16>(context, x, rows, p);
  case GGML_TYPE_BF16:
    return detail::make_rope_node<bfloat16>(context, x, rows, p);
  default:
    detail::fail_argument("yarn: ggml tensor {} holds {}; f32, f16 and bf16 can be rotated",
                          detail::name_of(x), ggml_type_name(x->type));
  }
}

inline ggml_gguf_reader::ggml_gguf_reader(const gguf_context* file, ggml_context* tensors)
    : file_(file), tensors_(tensors) {
  detail::check_not_null("gguf_context", file);
}

inline std::optional<double> ggml_gguf_reader::number(const std::string& key) const {
  const std::int64_t id = gguf_find_key(file_, key.c_str());
  const auto read = id < 0 ? nullptr : detail::gguf_numbers[gguf_get_kv_type(file_, id)];
  if (read == nullptr)
    return std::nullopt;
  return read(gguf_get_val_data(file_, id), 0);
}

inline std::optional<std::vector<double>> ggml_gguf_reader::numbers(const std::string& key) const {
  const std::int64_t id = gguf_find_key(file_, key.c_str());
  const bool is_array = id >= 0 && gguf_get_kv_type(file_, id) == GGUF_TYPE_ARRAY;
  const auto read = is_array ? detail::gguf_numbers[gguf_get_arr_type(file_, id)] : nullptr;
  if (read == nullptr)
    return std::nullopt;
  std::vector<double> values;
  for (std::size_t i = 0; i < gguf_get_arr_n(file_, id); ++i)
    values.push_back(read(gguf_get_arr_data(file_, id), i));
  return values;
}

inline std::optional<std::string> ggml_gguf_reader::text(const std::string& key) const {
  const std::int64_t id = gguf_find_key(file_, key.c_str());
  if (id < 0 || gguf_get_kv_type(file_, id) != GGUF_TYPE_STRING)
    return std::nullopt;
  return std::string(gguf_get_val_str(file_, id));
}

inline std::vector<std::string> ggml_gguf_reader::keys() const {
  std::vector<std::string> all;
  for (std::int64_t id = 0; id < gguf_get_n_kv(file_); ++id)
    all.emplace_back(gguf_get_key(file_, id));
  return all;
}

inline std::optional<std::vector<float>> ggml_gguf_reader::tensor(const std::string& name) const {
  const std::int64_t id = gguf_find_tensor(file_, name.c_str());
  if (id < 0)
    return std::nullopt;
  const ggml_tensor* const x =
      tensors_ == nullptr ? nullptr : ggml_get_tensor(tensors_, name.c_str());
  if (x == nullptr || x->data == nullptr)
    detail::fail_argument(
        "yarn: the file has a tensor {}, and its data is not loaded (gguf_init_params: "
        "a ctx, and no_alloc = false)",
        name);
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(x)));
  if (x->type == GGML_TYPE_F32)
    std::memcpy(values.data(), x->data, values.size() * sizeof(float));
  else if (x->type == GGML_TYPE_F16)
    ggml_fp16_to_fp32_row(static_cast<const ggml_fp16_t*>(x->data), values.data(),
                          ggml_nelements(x));
  else
    detail::fail_argument("yarn: the tensor {} holds {}; frequency factors are f32 or f16", name,
                          ggml_type_name(x->type));
  return values;
}

} // namespace YARN_ABI
} // namespace yarn

#endif
