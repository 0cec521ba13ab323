// SPDX-License-Identifier: MIT
// The ggml graph of examples/moving, before and after its move: errors, and the diagnosis of
// yarn/testing.hpp. With YARN_PRINT_ERRORS=1 the test prints the lines of
// docs/moving-your-engine.md.
#include "../support/moving_page.hpp"
#include "../support/rotation_checker.hpp"
#include "ggml_cpu_backend.hpp"

#include <gtest/gtest.h>
#include <moving/figures.hpp>
#include <moving/ggml_graph.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

/// One layer of a graph, with x copied in and out.
template <class Rotate> moving::rotation in_a_graph(Rotate rotate) {
  return [rotate](const yarn::heads_view<float>& x, const std::vector<std::int32_t>& positions) {
    static const engines::cpu_backend cpu(2);
    const engines::context_ptr ctx = engines::make_context(std::size_t{16} << 20);
    ggml_tensor* const list = ggml_new_tensor_1d(ctx.get(), GGML_TYPE_I32, x.n_tokens());
    std::memcpy(list->data, positions.data(), positions.size() * sizeof(std::int32_t));
    moving::ggml_graph::layers all{
        ggml_new_tensor_3d(ctx.get(), GGML_TYPE_F32, x.head_dim(), x.n_heads(), x.n_tokens())};
    std::memcpy(all[0]->data, x.data(), ggml_nbytes(all[0]));
    rotate(ctx.get(), all, list);
    ggml_cgraph* const graph = ggml_new_graph(ctx.get());
    ggml_build_forward_expand(graph, all[0]);
    cpu.compute(graph);
    std::memcpy(x.data(), all[0]->data, ggml_nbytes(all[0]));
  };
}

moving::style ggml_style(int mode) {
  moving::model m;
  m.factor = 32;
  const auto before = [=](ggml_context* ctx, moving::ggml_graph::layers& all, ggml_tensor* list) {
    moving::ggml_graph::before::rotate(ctx, all, list, m, mode);
  };
  // The lambda owns the frequencies. in_a_graph computes each graph while the lambda exists.
  const auto after = [=, freqs = frequencies_of(m)](
                         ggml_context* ctx, moving::ggml_graph::layers& all, ggml_tensor* list) {
    moving::ggml_graph::after::rotate(ctx, all, list, freqs, mode);
  };
  return {"ggml graph",
          m,
          yarn::pairing_from_mode(mode),
          {{"before", in_a_graph(before), true}, {"after", in_a_graph(after), false}}};
}

TEST(moving_ggml, has_the_figures_of_the_page) {
  const moving::style s = ggml_style(GGML_ROPE_TYPE_NORMAL);
  support::expect_figures_of_the_page(s);
  if (support::prints_errors())
    for (const moving::variant& v : s.variants)
      std::puts(line_of(s, v, figures_of(s, v)).c_str());
}

TEST(moving_ggml, after_is_within_2_ulp) {
  for (const int mode : {GGML_ROPE_TYPE_NORMAL, GGML_ROPE_TYPE_NEOX}) {
    const moving::style s = ggml_style(mode);
    for (const std::int32_t first : moving::first_positions)
      EXPECT_LE(error_of(s, rotate_tokens(s.m, s.variants[1].rotate, first)), 2 * 0x1p-23);
    EXPECT_EQ(figures_of(s, s.variants[0]).diagnosis, "float32_angles");
    EXPECT_EQ(figures_of(s, s.variants[1]).diagnosis, "ok");
  }
}

} // namespace
