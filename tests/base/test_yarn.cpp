// SPDX-License-Identifier: MIT
// The umbrella brings the whole core, and only the core.
#include <yarn/yarn.hpp>

#include <gtest/gtest.h>

namespace {

// By the guards, and not by use: a header that another one happens to bring is still missing here.
#if defined(YARN_FREQUENCIES_HPP) && defined(YARN_ROPE_HPP) && defined(YARN_ROWS_HPP) &&           \
    defined(YARN_SCALING_HPP) && defined(YARN_TYPES_HPP) && defined(YARN_VIEWS_HPP)
constexpr bool has_the_main_job = true;
#else
constexpr bool has_the_main_job = false;
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
// What an engine must ask for, because it brings other libraries' headers.
#if defined(YARN_HF_CONFIG_HPP) || defined(YARN_GGUF_HPP) || defined(YARN_GGML_HPP) ||             \
    defined(YARN_EIGEN_HPP) || defined(YARN_DLPACK_HPP) || defined(YARN_MDSPAN_HPP) ||             \
    defined(YARN_ONNXRUNTIME_HPP) || defined(YARN_TESTING_HPP) || defined(YARN_DISPATCH_HPP)
constexpr bool has_what_is_opt_in = true;
#else
constexpr bool has_what_is_opt_in = false;
#endif

TEST(umbrella, brings_the_whole_core) {
  EXPECT_TRUE(has_the_main_job);
  EXPECT_TRUE(has_the_softmax_scale);
  EXPECT_TRUE(has_the_version);
}

TEST(umbrella, brings_only_the_core) { EXPECT_FALSE(has_what_is_opt_in); }

} // namespace
