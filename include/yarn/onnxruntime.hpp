// SPDX-License-Identifier: MIT
// Two operators for onnxruntime on CPUs: RopeRows makes the rows once per step, and Rope rotates q
// or k of a layer with these rows. Opt-in; needs onnxruntime 1.18 or newer.
//
//     yarn::onnx_rope_rows rows(freqs);                     // operators must outlive the session
//     yarn::onnx_rope rope;
//     Ort::CustomOpDomain domain("yarn");
//     domain.Add(&rows);
//     domain.Add(&rope);
//     options.Add(domain);
//
//     position_ids ─► yarn.RopeRows ─► rows ─┬─► yarn.Rope(x of layer 0, rows) ─► y
//                                            └─► yarn.Rope(x of layer 1, rows) ─► y ...
//
// If some layers have other frequencies (sliding windows), make a second onnx_rope_rows with
// another name. A program can also do without RopeRows: it writes the rows into an input of the
// session, with fill_rows.
#ifndef YARN_ONNXRUNTIME_HPP
#define YARN_ONNXRUNTIME_HPP

#include "detail/adapters/onnxruntime_kernels.hpp"

#include <string>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {

// NOLINTBEGIN(readability-identifier-naming): CustomOpBase prescribes the names

/// The operator RopeRows: makes the rows of the tokens of a step.
/// Shape    Input: position_ids int64 [tokens] or [sequences, tokens], or for frequencies with
///          several axes also [n_axes, sequences, tokens]. Without the dimension of the axes, each
///          token has the same position on all axes. Output: rows float [sequences, tokens, 2 *
///          n_pairs]; a row is [cos | sin].
/// Errors   Session::Run fails with a message: another shape, another number of axes than that of
///          the frequencies, a position beyond +-2^31.
/// Accuracy That of fill_rows.
class onnx_rope_rows : public Ort::CustomOpBase<onnx_rope_rows, detail::onnx_rows_kernel, true> {
public:
  /// The operator keeps the frequencies, so the operator must outlive the session.
  explicit onnx_rope_rows(frequencies f, std::string name = "RopeRows")
      : freqs_(std::move(f)), name_(std::move(name)) {
    detail::check_frequencies(freqs_);
  }
  onnx_rope_rows(const onnx_rope_rows&) = delete; // Kernels point to the operator.
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

/// The operator Rope: rotates heads with rows, on the threads of onnxruntime. The result has the
/// same bits as that of rope_apply. The operator works in place if onnxruntime finds that no other
/// node reads x. Two attributes are as in com.microsoft.RotaryEmbedding: `interleaved` is 0 for
/// half_split and 1 for interleaved, but has no default here; `num_heads` is the number of heads of
/// an x with three dimensions.
/// Shape    Inputs: x [sequences, heads, tokens, dim], or [sequences, tokens, heads * dim] with
///          num_heads; rows float [1 or sequences, tokens, 2 * n_pairs] of RopeRows. Output: y of
///          the shape of x. Elements beyond 2 * n_pairs of a head are copied.
/// Types    x: float, double, float16, bfloat16, float8e4m3fn or float8e5m2. y: the type of x.
/// Errors   The session cannot be created: `interleaved` is missing, or neither 0 nor 1.
///          Session::Run fails with a message: shapes that do not fit, 2 * n_pairs > dim, another
///          type.
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
    // y has the type and the shape of x. With known shapes onnxruntime can plan to work in place.
    // (The shape inference function of CustomOpBase would have to name the type of y.)
    InferOutputShapeFn = [](const OrtCustomOp*, OrtShapeInferContext* context) -> OrtStatusPtr {
      const OrtApi& api = Ort::GetApi();
      OrtTensorTypeAndShapeInfo* x = nullptr; // owned by the context
      if (const OrtStatusPtr failed = api.ShapeInferContext_GetInputTypeShape(context, 0, &x))
        return failed;
      return api.ShapeInferContext_SetOutputTypeShape(context, 0, x);
    };
  }

  const char* GetName() const { return "Rope"; }
  std::size_t GetInputTypeCount() const { return 2; }
  // "Undefined" means any type. The type of y is undefined, too, and becomes that of x.
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
