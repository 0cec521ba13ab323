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

#include "detail/adapters/onnxruntime_kernels.hpp"

#include <string>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {

// NOLINTBEGIN(readability-identifier-naming): what CustomOpBase calls has its names

/// The operator RopeRows: rows of cos and sin for the tokens of a run.
/// Inputs   position_ids int64 [tokens] or [sequences, tokens].
/// Outputs  rows float [sequences, tokens, 2 * n_pairs], a row being [cos | sin], as fill_rows
///          makes them: correctly rounded, the attention factor in them.
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
    return detail::onnx_status([&] { *kernel = new detail::onnx_rows_kernel{freqs_}; });
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
