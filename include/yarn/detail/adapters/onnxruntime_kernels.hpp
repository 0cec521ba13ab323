// SPDX-License-Identifier: MIT
// The kernels of the operators of onnxruntime.hpp.
#ifndef YARN_DETAIL_ADAPTERS_ONNXRUNTIME_KERNELS_HPP
#define YARN_DETAIL_ADAPTERS_ONNXRUNTIME_KERNELS_HPP

#include "../../rope.hpp"
#include "strided.hpp"

#include <onnxruntime_cxx_api.h>

#include <exception>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

static_assert(ORT_API_VERSION >= 18,
              "yarn: operators that work in place and in parallel need onnxruntime 1.18");

// Calls `work` and turns an exception into a status, because C code calls the kernels.
template <class Work> OrtStatusPtr onnx_status(Work&& work) {
  try {
    work();
    return nullptr;
  } catch (const std::exception& error) {
    return Ort::GetApi().CreateStatus(ORT_INVALID_ARGUMENT, error.what());
  }
}

// The ONNX type of each format.
inline constexpr ONNXTensorElementDataType onnx_types[] = {
    ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,     ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16,  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FN,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2};

using onnx_shape = std::vector<std::int64_t>;
inline std::string to_words(const onnx_shape& shape) {
  std::string words = "[";
  for (const std::int64_t extent : shape)
    words += (words.size() > 1 ? ", " : "") + std::to_string(extent);
  return words + "]";
}

struct onnx_rows_kernel {
  const frequencies& freqs;

  // The number of axes must be that of the frequencies. In Hugging Face, position_ids of [4,
  // sequences, tokens] have the text positions first, and then those on the model's 3 axes.
  void check_shape(const onnx_shape& shape) const {
    const std::int64_t n_axes = freqs.n_axes();
    if (shape.size() == 1 || shape.size() == 2 ||
        (shape.size() == 3 && n_axes > 1 && shape[0] == n_axes))
      return;
    if (n_axes == 1)
      fail_argument("yarn: RopeRows: position_ids of shape {} must be [tokens] or [sequences, "
                    "tokens]: the frequencies have one axis",
                    to_words(shape));
    fail_argument("yarn: RopeRows: position_ids of shape {} must be [tokens], [sequences, tokens] "
                  "or [{}, sequences, tokens]: the frequencies have {} axes",
                  to_words(shape), n_axes, n_axes);
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept { // NOLINT: onnxruntime's name
    return onnx_status([&] {
      const Ort::KernelContext c(context);
      const auto ids = c.GetInput(0);
      const onnx_shape shape = ids.GetTensorTypeAndShapeInfo().GetShape();
      check_shape(shape);
      const std::int64_t n_pairs = freqs.n_pairs(), n_tokens = shape.back();
      const std::int64_t n_sequences = shape.size() == 1 ? 1 : shape[shape.size() - 2];
      float* const rows = c.GetOutput(0, {n_sequences, n_tokens, 2 * n_pairs})
                              .template GetTensorMutableData<float>();
      const auto* const data = ids.template GetTensorData<std::int64_t>();
      const std::int64_t n_rows = n_sequences * n_tokens;
      if (shape.size() == 3)
        fill_rows(freqs, axis_positions(data, n_rows, shape[0]), rows, rows + n_pairs, 2 * n_pairs);
      else
        fill_rows(freqs, positions(data, n_rows), rows, rows + n_pairs, 2 * n_pairs);
    });
  }
};

class onnx_rope_kernel {
public:
  explicit onnx_rope_kernel(const OrtKernelInfo* info) {
    const auto interleaved = Ort::ConstKernelInfo(info).GetAttribute<std::int64_t>("interleaved");
    if (interleaved != 0 && interleaved != 1)
      fail_argument("yarn: the attribute interleaved = {} must be 0 or 1", interleaved);
    pairing_ = interleaved == 1 ? pairing::interleaved : pairing::half_split;
    // Only an x with three dimensions needs num_heads. Without the attribute, the number is 0.
    Ort::Status(Ort::GetApi().KernelInfoGetAttribute_int64(info, "num_heads", &n_heads_));
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept { // NOLINT: onnxruntime's name
    return onnx_status([&] {
      const Ort::KernelContext c(context);
      const auto x = c.GetInput(0).GetTensorTypeAndShapeInfo(); // takes 50 ns, so called once
      const auto type = x.GetElementType();
      const element_format format =
          find_format(onnx_types, [&](auto known) { return known == type; });
      if (format == element_format::unknown)
        fail_argument("yarn: Rope: x of ONNX's element type {} must be float (1), float16 (10), "
                      "double (11), bfloat16 (16), float8e4m3fn (17) or float8e5m2 (19)",
                      static_cast<int>(type));
      with_format(format,
                  [&](auto traits) { compute<typename decltype(traits)::type>(c, x.GetShape()); });
    });
  }

private:
  dimension_list dimensions_of(const onnx_shape& x) const {
    if (x.size() == 4) // [sequences, heads, tokens, dim]
      return {4, {x[0], x[1], x[2], x[3]}, {x[1] * x[2] * x[3], x[2] * x[3], x[3], 1}};
    if (x.size() != 3)
      fail_argument(
          "yarn: Rope: x of shape {} must be [sequences, heads, tokens, dim] or [sequences, "
          "tokens, heads * dim]",
          to_words(x));
    if (n_heads_ < 1 || x[2] % n_heads_ != 0)
      fail_argument(
          "yarn: Rope: num_heads = {} must be >= 1 and divide the {} elements of a token in x "
          "of shape {}",
          n_heads_, x[2], to_words(x));
    const std::int64_t dim = x[2] / n_heads_;
    return {4, {x[0], n_heads_, x[1], dim}, {x[1] * x[2], dim, x[2], 1}};
  }

  template <class T> void compute(const Ort::KernelContext& c, const onnx_shape& shape) const {
    const auto x = c.GetInput(0), rows = c.GetInput(1);
    const onnx_shape rows_shape = rows.GetTensorTypeAndShapeInfo().GetShape();
    const dimension_list list = dimensions_of(shape);
    const std::int64_t n_sequences = list.extent[0], n_tokens = list.extent[2];
    // All sequences share one set of rows, or each has its own.
    if (rows_shape.size() != 3 || (rows_shape[0] != 1 && rows_shape[0] != n_sequences) ||
        rows_shape[1] != n_tokens || rows_shape[2] % 2 != 0)
      fail_argument(
          "yarn: Rope: rows of shape {} must be [1 or {}, {}, 2 * pairs] for x of shape {}",
          to_words(rows_shape), n_sequences, n_tokens, to_words(shape));
    const auto view_of = [&](auto* data, std::int64_t sequence) {
      return heads_along("x", data, list, dim_order::heads_tokens_dim, sequence);
    };
    const auto rows_of = [&, data = rows.template GetTensorData<float>()](std::int64_t sequence) {
      const std::int64_t i = rows_shape[0] == 1 ? 0 : sequence;
      return rows_view<float>::packed(data + i * rows_shape[1] * rows_shape[2], n_tokens,
                                      rows_shape[2] / 2);
    };
    const T* const from = static_cast<const T*>(x.GetTensorRawData());
    T* const to = static_cast<T*>(c.GetOutput(0, shape).GetTensorMutableRawData());
    const bool in_place = from == to;
    for (std::int64_t s = 0; s < n_sequences; ++s) {
      if (in_place)
        rope_check(view_of(to, s), rows_of(s), pairing_);
      else
        rope_copy_check(view_of(from, s), view_of(to, s), rows_of(s), pairing_,
                        output_order{pairing_});
    }
    // A slice of this size takes some microseconds, long enough to be worth waking a thread.
    constexpr std::int64_t slice_bytes = 262144;
    const std::int64_t n_slices = n_tokens * list.extent[1] * list.extent[3] *
                                      static_cast<std::int64_t>(sizeof(T)) / slice_bytes +
                                  1;
    auto rotate_slice = [&](std::int64_t index) {
      const std::int64_t s = index / n_slices;
      const thread_slice slice{index % n_slices, n_slices};
      if (in_place)
        rope_apply_unchecked(view_of(to, s), rows_of(s), pairing_, slice);
      else
        rope_copy_unchecked(view_of(from, s), view_of(to, s), rows_of(s), pairing_,
                            output_order{pairing_}, slice);
    };
    const std::int64_t n = n_sequences * n_slices;
    if (n == 1)
      rotate_slice(0);
    else if (n > 1)
      c.ParallelFor(
          [](void* rotate, std::size_t index) noexcept {
            (*static_cast<decltype(rotate_slice)*>(rotate))(static_cast<std::int64_t>(index));
          },
          static_cast<std::size_t>(n), 0, &rotate_slice);
  }

  pairing pairing_;
  std::int64_t n_heads_ = 0;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
