// SPDX-License-Identifier: MIT
// Which plug-ins ggml accepts: the one of examples/ggml_backend, not one with another version of
// the interface, and not one with another layout under the same version. Also
// which properties the device of the plug-in reports.
#include "ggml_cpu_backend.hpp"
#include "ggml_exact_rope.hpp"

#include <ggml-backend.h>
#include <ggml.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace {

ggml_backend_reg_t load(const char* variable) {
  const char* const path = std::getenv(variable);
  EXPECT_NE(path, nullptr) << variable;
  return path == nullptr ? nullptr : ggml_backend_load(path);
}

TEST(ggml_backend_interface, is_checked_by_ggml_and_by_the_plug_in) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(load("YARN_GGML_OTHER_VERSION"), nullptr);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("incompatible API version"),
            std::string::npos);

  testing::internal::CaptureStderr();
  EXPECT_EQ(load("YARN_GGML_OTHER_LAYOUT"), nullptr);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("is not that of the header"),
            std::string::npos);
}

TEST(ggml_backend_interface, has_an_accelerator_for_host_memory) {
  ggml_backend_reg_t const reg = load("YARN_GGML_PLUG_IN");
  ASSERT_NE(reg, nullptr);
  EXPECT_STREQ(ggml_backend_reg_name(reg), "yarn");
  ASSERT_EQ(ggml_backend_reg_dev_count(reg), 1U);
  ggml_backend_dev_t const device = ggml_backend_dev_by_name("yarn");
  ASSERT_EQ(device, ggml_backend_reg_dev_get(reg, 0));
  EXPECT_EQ(ggml_backend_dev_type(device), GGML_BACKEND_DEVICE_TYPE_ACCEL);
  EXPECT_TRUE(ggml_backend_dev_supports_buft(device, ggml_backend_cpu_buffer_type()));
  EXPECT_NE(ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads"), nullptr);
  EXPECT_EQ(ggml_backend_reg_get_proc_address(reg, "another"), nullptr);
  ggml_backend_dev_props props;
  ggml_backend_dev_get_props(device, &props);
  EXPECT_STREQ(props.name, "yarn");
  EXPECT_EQ(props.memory_total, 0U);
}

TEST(ggml_backend_interface, leaves_what_it_cannot_compute) {
  ASSERT_NE(load("YARN_GGML_PLUG_IN"), nullptr);
  ggml_backend_dev_t const device = ggml_backend_dev_by_name("yarn");
  ggml_context* const c = ggml_init({1 << 20, nullptr, true});
  ggml_tensor* const x = ggml_new_tensor_3d(c, GGML_TYPE_F32, 64, 2, 3);
  ggml_tensor* const ids = ggml_new_tensor_1d(c, GGML_TYPE_I32, 3);
  const auto rope = [&](ggml_tensor* a, float base, float scale, float ext_factor) {
    return ggml_rope_ext(c, a, ids, nullptr, 64, GGML_ROPE_TYPE_NEOX, 4096, base, scale, ext_factor,
                         1.0F, 32.0F, 1.0F);
  };
  const auto supports = [&](const ggml_tensor* node) {
    return ggml_backend_dev_supports_op(device, node);
  };
  EXPECT_TRUE(supports(rope(x, 1e4F, 1.0F, 0.0F)));
  EXPECT_TRUE(supports(rope(ggml_cast(c, x, GGML_TYPE_F16), 1e4F, 0.25F, 1.0F)));
  EXPECT_FALSE(supports(rope(ggml_cast(c, x, GGML_TYPE_BF16), 1e4F, 1.0F, 0.0F)));
  EXPECT_FALSE(supports(rope(x, -1.0F, 1.0F, 0.0F)));
  EXPECT_FALSE(supports(rope(x, 1e4F, 0.0F, 0.0F)));
  EXPECT_FALSE(supports(rope(x, 1e4F, 0.5F, -1.0F)));
  EXPECT_FALSE(supports(ggml_add(c, x, x)));
  for (const char* n : {"4", "3"}) { // x has 3 tokens
    setenv("YARN_GGML_MIN_TOKENS", n, 1);
    ASSERT_NE(load("YARN_GGML_PLUG_IN"), nullptr);
    EXPECT_EQ(supports(rope(x, 1e4F, 1.0F, 0.0F)), n[0] == '3');
  }
  EXPECT_TRUE(supports(ggml_reshape_1d(c, x, 384)));
  ggml_free(c);
}

// Layers with equal arguments may have different frequency factors.
TEST(ggml_backend_interface, tells_layers_with_different_frequency_factors_apart) {
  ASSERT_NE(load("YARN_GGML_PLUG_IN"), nullptr);
  const engines::backend_ptr backend(
      ggml_backend_dev_init(ggml_backend_dev_by_name("yarn"), nullptr));
  const engines::context_ptr context = engines::make_context(1 << 20);
  ggml_context* const c = context.get();
  ggml_tensor* const ids = ggml_new_tensor_1d(c, GGML_TYPE_I32, 2);
  for (const int i : {0, 1})
    static_cast<std::int32_t*>(ids->data)[i] = 1000 + i;
  ggml_cgraph* const graph = ggml_new_graph(c);
  std::vector<ggml_tensor*> nodes;
  for (const float factor : {1.0F, 2.0F}) {
    ggml_tensor* const x = ggml_new_tensor_3d(c, GGML_TYPE_F32, 64, 1, 2);
    std::fill_n(static_cast<float*>(x->data), 128, 1.0F);
    ggml_tensor* const factors = ggml_new_tensor_1d(c, GGML_TYPE_F32, 32);
    std::fill_n(static_cast<float*>(factors->data), 32, factor);
    nodes.push_back(ggml_rope_ext(c, x, ids, factors, 64, GGML_ROPE_TYPE_NEOX, 4096, 1e4F, 1.0F,
                                  0.0F, 1.0F, 32.0F, 1.0F));
    ggml_build_forward_expand(graph, nodes.back());
  }
  ASSERT_EQ(ggml_backend_graph_compute(backend.get(), graph), GGML_STATUS_SUCCESS);
  for (const ggml_tensor* node : nodes) {
    const std::vector<double> exact = engines::exact_rope(node).elements();
    engines::exact_rope::visit(node, [&](std::int64_t i, double found) {
      EXPECT_NEAR(found, exact[static_cast<std::size_t>(i)], 3e-7) << "element " << i;
    });
  }
}

} // namespace
