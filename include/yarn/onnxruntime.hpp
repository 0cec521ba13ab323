// SPDX-License-Identifier: MIT
// Two operators for onnxruntime on processors: rows of cos and sin, once a run, and the rotation
// that all layers do with them. Opt-in; onnxruntime 1.18 or newer.
//
//     yarn::onnx_rope_rows rows(freqs);                     // they must outlive the session
//     yarn::onnx_rope rope;
//     Ort::CustomOpDomain domain("yarn");
//     domain.Add(&rows);
//     domain.Add(&rope);
//     options.Add(domain);
//
//     position_ids ─► yarn.RopeRows ─► rows ─┬─► yarn.Rope(x of layer 0, rows) ─► y
//                                            └─► yarn.Rope(x of layer 1, rows) ─► y ...
//
// Layers with frequencies of their own (sliding windows) have a second onnx_rope_rows with another
// name. Rows may come from the program, too: fill_rows into a bound input.
#ifndef YARN_ONNXRUNTIME_HPP
#define YARN_ONNXRUNTIME_HPP

#include "detail/adapters/axes.hpp"
#include "rope.hpp"

#include <onnxruntime_cxx_api.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

static_assert(ORT_API_VERSION >= 18,
              "yarn: operators in place and in parallel need onnxruntime 1.18");

// What C may call: nothing is thrown through it.
template <class Work> OrtStatusPtr onnx_status(Work&& work) {
  try {
    work();
    return nullptr;
  } catch (const std::exception& error) {
    return Ort::GetApi().CreateStatus(ORT_INVALID_ARGUMENT, error.what());
  }
}

using onnx_shape = std::vector<std::int64_t>;
inline std::string to_words(const onnx_shape& shape) {
  std::string words = "[";
  for (const std::int64_t extent : shape)
    words += (words.size() > 1 ? ", " : "") + std::to_string(extent);
  return words + "]";
}

template <class Value> onnx_shape shape_of(const Value& value) {
  return value.GetTensorTypeAndShapeInfo().GetShape();
}

class onnx_rows_kernel {
public:
  explicit onnx_rows_kernel(const frequencies& f) : freqs_(f) {}

  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept { // NOLINT: onnxruntime's name
    return onnx_status([&] {
      const Ort::KernelContext c(context);
      const auto ids = c.GetInput(0);
      const onnx_shape shape = shape_of(ids);
      if (shape.size() != 1 && shape.size() != 2)
        fail_argument(
            "yarn: RopeRows: position_ids of shape {} must be [tokens] or [sequences, tokens]",
            to_words(shape));
      const std::int64_t n_pairs = freqs_.n_pairs();
      const std::int64_t n_sequences = shape.size() == 2 ? shape[0] : 1;
      float* const rows = c.GetOutput(0, {n_sequences, shape.back(), 2 * n_pairs})
                              .template GetTensorMutableData<float>();
      const positions list(ids.template GetTensorData<std::int64_t>(), n_sequences * shape.back());
      fill_rows(freqs_, list, rows, rows + n_pairs, 2 * n_pairs);
    });
  }

private:
  const frequencies& freqs_;
};

class onnx_rope_kernel {
public:
  explicit onnx_rope_kernel(const OrtKernelInfo* info) {
    const Ort::ConstKernelInfo attributes(info);
    const auto interleaved = attributes.GetAttribute<std::int64_t>("interleaved");
    if (interleaved != 0 && interleaved != 1)
      fail_argument("yarn: the attribute interleaved = {} must be 0 or 1", interleaved);
    pairing_ = interleaved == 1 ? pairing::interleaved : pairing::half_split;
    try { // only three axes need it
      n_heads_ = attributes.GetAttribute<std::int64_t>("num_heads");
    } catch (const Ort::Exception&) {
      n_heads_ = 0;
    }
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept { // NOLINT: onnxruntime's name
    return onnx_status([&] {
      const Ort::KernelContext c(context);
      const auto x = c.GetInput(0).GetTensorTypeAndShapeInfo(); // costs 50 ns: asked for once
      const auto type = x.GetElementType();
      switch (type) {
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
        return compute<float>(c, x.GetShape());
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
        return compute<double>(c, x.GetShape());
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
        return compute<float16>(c, x.GetShape());
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
        return compute<bfloat16>(c, x.GetShape());
      default:
        fail_argument(
            "yarn: Rope: x of ONNX's element type {} must be float (1), float16 (10), double (11) "
            "or bfloat16 (16)",
            static_cast<int>(type));
      }
    });
  }

private:
  // One sequence of x, of y, and its rows.
  template <class T> struct sequence {
    heads_view<const T> x;
    heads_view<T> y;
    rows_view<float> rows;
  };
  template <class T> struct job {
    const std::vector<sequence<T>>* all;
    std::int64_t n_slices;
    pairing order;
    bool in_place;
  };

  axis_list axes_of(const onnx_shape& x) const {
    if (x.size() == 4) // [sequences, heads, tokens, dim]
      return {{x[0], x[1], x[2], x[3]}, {x[1] * x[2] * x[3], x[2] * x[3], x[3], 1}};
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
    return {{x[0], n_heads_, x[1], dim}, {x[1] * x[2], dim, x[2], 1}};
  }

  template <class T> void compute(const Ort::KernelContext& c, const onnx_shape& shape) const {
    const auto x = c.GetInput(0), rows = c.GetInput(1);
    const onnx_shape rows_shape = shape_of(rows);
    const axis_list list = axes_of(shape);
    const std::int64_t n_sequences = list.extent[0], n_tokens = list.extent[2];
    // One set of rows for all sequences, or one for each.
    if (rows_shape.size() != 3 || (rows_shape[0] != 1 && rows_shape[0] != n_sequences) ||
        rows_shape[1] != n_tokens || rows_shape[2] % 2 != 0)
      fail_argument(
          "yarn: Rope: rows of shape {} must be [1 or {}, {}, 2 * pairs] for x of shape {}",
          to_words(rows_shape), n_sequences, n_tokens, to_words(shape));
    const T* const from = static_cast<const T*>(x.GetTensorRawData());
    T* const to = static_cast<T*>(c.GetOutput(0, shape).GetTensorMutableRawData());
    const float* const first_row = rows.template GetTensorData<float>();
    const std::int64_t rows_size = rows_shape[0] == 1 ? 0 : rows_shape[1] * rows_shape[2];

    std::vector<sequence<T>> all;
    all.reserve(static_cast<std::size_t>(n_sequences));
    const bool in_place = from == to;
    for (std::int64_t s = 0; s < n_sequences; ++s) {
      all.push_back(
          {heads_along("x", from, list, axes::heads_tokens_dim, true, s),
           heads_along("y", to, list, axes::heads_tokens_dim, true, s),
           rows_view<float>::packed(first_row + s * rows_size, n_tokens, rows_shape[2] / 2)});
      if (in_place)
        rope_check(all.back().y, all.back().rows, pairing_);
      else
        rope_copy_check(all.back().x, all.back().y, all.back().rows, pairing_, pairing_);
    }
    // Parts of a sequence that are worth waking a thread: some microseconds each.
    constexpr std::int64_t part_bytes = 262144;
    const std::int64_t n_parts = n_tokens * list.extent[1] * list.extent[3] *
                                     static_cast<std::int64_t>(sizeof(T)) / part_bytes +
                                 1;
    job<T> j{&all, n_parts, pairing_, in_place};
    const auto n = static_cast<std::size_t>(n_sequences * n_parts);
    if (n == 1)
      run_part<T>(&j, 0);
    else if (n > 1)
      c.ParallelFor(run_part<T>, n, 0, &j);
  }

  template <class T> static void run_part(void* data, std::size_t part) noexcept {
    const job<T>& j = *static_cast<const job<T>*>(data);
    const auto index = static_cast<std::int64_t>(part);
    const sequence<T>& s = (*j.all)[static_cast<std::size_t>(index / j.n_slices)];
    const slice which{index % j.n_slices, j.n_slices};
    if (j.in_place)
      rope_apply_unchecked(s.y, s.rows, j.order, which);
    else
      rope_copy_unchecked(s.x, s.y, s.rows, j.order, j.order, which);
  }

  pairing pairing_;
  std::int64_t n_heads_ = 0;
};

} // namespace detail

// NOLINTBEGIN(readability-identifier-naming): what CustomOpBase calls has its names

/// The operator RopeRows: rows of cos and sin for the tokens of a run.
/// Inputs   position_ids int64 [tokens] or [sequences, tokens].
/// Outputs  rows float [sequences, tokens, 2 * n_pairs], a row being [cos | sin], as fill_rows
/// makes
///          them: correctly rounded, the attention factor in them.
/// Errors   a failed run that says why: another shape, a position beyond +-2^31.
class onnx_rope_rows : public Ort::CustomOpBase<onnx_rope_rows, detail::onnx_rows_kernel, true> {
public:
  /// The frequencies are kept, so the operator must outlive the session.
  explicit onnx_rope_rows(frequencies f, std::string name = "RopeRows")
      : freqs_(std::move(f)), name_(std::move(name)) {
    detail::check_frequencies(freqs_);
  }
  onnx_rope_rows(const onnx_rope_rows&) = delete; // kernels point to it
  onnx_rope_rows& operator=(const onnx_rope_rows&) = delete;

  const char* GetName() const { return name_.c_str(); }
  std::size_t GetInputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetInputType(std::size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
  }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo*, void** kernel) const {
    return detail::onnx_status([&] { *kernel = new detail::onnx_rows_kernel(freqs_); });
  }

private:
  frequencies freqs_;
  std::string name_;
};

/// The operator Rope: rotates heads by rows, in place where onnxruntime sees that nobody else reads
/// x, on its threads.
/// Inputs   x float, double, float16 or bfloat16 [sequences, heads, tokens, dim], or [sequences,
///          tokens, heads * dim] with num_heads; rows float [1 or sequences, tokens, 2 * n_pairs],
///          as of RopeRows.
/// Outputs  y like x: as rope_apply, bit for bit. Elements beyond 2 * n_pairs of a head are copied.
/// Attributes  interleaved: 0 half_split, 1 interleaved; there is no default. num_heads: of x with
///          three axes. Both as com.microsoft.RotaryEmbedding has them.
/// Errors   a session that does not start (no `interleaved`), a failed run that says why: shapes
///          that do not fit, 2 * n_pairs > dim, another type.
class onnx_rope : public Ort::CustomOpBase<onnx_rope, detail::onnx_rope_kernel, true> {
public:
  onnx_rope() {
    GetMayInplace = [](int** input, int** output) -> std::size_t {
      static int first = 0;
      *input = &first;
      *output = &first;
      return 1;
    };
    ReleaseMayInplace = [](int*, int*) {};
    // y has the type and the shape of x; known shapes let onnxruntime plan to work in place. (What
    // CustomOpBase offers for it would have to name the type.)
    InferOutputShapeFn = [](const OrtCustomOp*, OrtShapeInferContext* context) -> OrtStatusPtr {
      const OrtApi& api = Ort::GetApi();
      OrtTensorTypeAndShapeInfo* x = nullptr; // the context's
      if (const OrtStatusPtr failed = api.ShapeInferContext_GetInputTypeShape(context, 0, &x))
        return failed;
      return api.ShapeInferContext_SetOutputTypeShape(context, 0, x);
    };
  }

  const char* GetName() const { return "Rope"; }
  std::size_t GetInputTypeCount() const { return 2; }
  // Undefined is of any type; y, undefined too, is of the type of x.
  ONNXTensorElementDataType GetInputType(std::size_t i) const {
    return i == 0 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  }
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return detail::onnx_status([&] { *kernel = new detail::onnx_rope_kernel(info); });
  }
};

// NOLINTEND(readability-identifier-naming)

} // namespace YARN_ABI
} // namespace yarn

#endif
