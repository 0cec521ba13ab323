// SPDX-License-Identifier: MIT
// Our rotation beside ggml's, in graphs that ggml computes.
#include "ggml_processor.hpp"

#include <gtest/gtest.h>

#include <cmath>

TEST(ggml_processor, rotates_a_pair) {
  const engines::context_ptr context = engines::make_context(1 << 20);
  ggml_tensor* const x = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, 2, 1, 1);
  ggml_tensor* const positions = ggml_new_tensor_1d(context.get(), GGML_TYPE_I32, 1);
  static_cast<float*>(x->data)[0] = 1;
  static_cast<float*>(x->data)[1] = 0;
  *static_cast<int*>(positions->data) = 1;
  ggml_tensor* const y = ggml_rope(context.get(), x, positions, 2, GGML_ROPE_TYPE_NEOX);
  ggml_cgraph* const graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, y);
  engines::processor(1).compute(graph);
  EXPECT_NEAR(static_cast<float*>(y->data)[0], std::cos(1.0), 1e-6);
  EXPECT_NEAR(static_cast<float*>(y->data)[1], std::sin(1.0), 1e-6);
}
