// SPDX-License-Identifier: MIT
// The umbrella header yarn.hpp includes the whole core, and only the core.
#include <yarn/yarn.hpp>

#include <gtest/gtest.h>

namespace {

// An include guard shows that a header was included.
#if defined(YARN_AXES_HPP) && defined(YARN_FREQUENCIES_HPP) && defined(YARN_ROPE_HPP) &&           \
    defined(YARN_ROWS_HPP) && defined(YARN_SCALING_HPP) && defined(YARN_TEMPERATURE_HPP) &&        \
    defined(YARN_TYPES_HPP) && defined(YARN_VIEWS_HPP)
constexpr bool has_the_core = true;
#else
constexpr bool has_the_core = false;
#endif
#if defined(YARN_SOFTMAX_SCALE_HPP)
constexpr bool has_the_softmax_scale = true;
#else
constexpr bool has_the_softmax_scale = false;
#endif
#if defined(YARN_VERSION_MAJOR) && defined(YARN_VERSION_MINOR) && defined(YARN_VERSION_PATCH)
constexpr bool has_the_version = true;
#else
constexpr bool has_the_version = false;
#endif
// Opt-in headers must not be included, because they cost time to compile, and some of them include
// headers of other libraries.
#if defined(YARN_HF_CONFIG_HPP) || defined(YARN_GGUF_HPP) || defined(YARN_GGML_HPP) ||             \
    defined(YARN_EIGEN_HPP) || defined(YARN_DLPACK_HPP) || defined(YARN_MDSPAN_HPP) ||             \
    defined(YARN_TORCH_HPP) || defined(YARN_ONNXRUNTIME_HPP) || defined(YARN_TESTING_HPP) ||       \
    defined(YARN_DISPATCH_HPP) || defined(YARN_NORM_HPP) || defined(YARN_KV_CACHE_HPP) ||          \
    defined(YARN_PAGED_VIEW_HPP) || defined(YARN_GGML_BLOCKS_HPP) ||                               \
    defined(YARN_SCALED_ELEMENTS_HPP) || defined(YARN_PROMPT_POSITIONS_HPP)
constexpr bool has_opt_in_headers = true;
#else
constexpr bool has_opt_in_headers = false;
#endif

TEST(umbrella, includes_the_whole_core) {
  EXPECT_TRUE(has_the_core);
  EXPECT_TRUE(has_the_softmax_scale);
  EXPECT_TRUE(has_the_version);
}

TEST(umbrella, includes_only_the_core) { EXPECT_FALSE(has_opt_in_headers); }

} // namespace
