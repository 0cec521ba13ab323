// SPDX-License-Identifier: MIT
// llama.cpp with the plug-in of examples/ggml_backend, beside llama.cpp with the CPU backend, on
// small models with random weights. Every ROPE node is compared with its exact result, and logits
// are compared with those of exact ROPE nodes.
#include "llama_session.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace {

using engines::rope_of;
using engines::session;
using engines::session_options;

struct model {
  const char* name;
  int n_ropes;                   // nodes of one decode
  double logit_error = 2e-5;     // allowed with the plug-in; logits are of the order of 1
  std::size_t n_shift_types = 3; // how many of shift_types are tested
};
std::ostream& operator<<(std::ostream& out, const model& m) { return out << m.name; }

constexpr model all_models[] = {
    {"llama", 6},
    {"llama-yarn", 6},
    {"llama-llama3", 6},
    // llama.cpp aborts if it shifts a quantised cache whose heads are only partly rotated.
    {"phi3-longrope", 6, 2e-5, 2},
    {"qwen3-yarn", 6},
    // The GELU of ggml rounds its argument to f16, so that small differences become large ones.
    {"gemma3-linear", 14, 1.5e-3},
    {"qwen2vl", 6, 2e-5, 0},        // llama.cpp does not shift several axes
    {"deepseek2-yarn", 6, 2e-5, 2}, // its cache needs flash attention to be quantised
};
constexpr ggml_type shift_types[] = {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_Q8_0};
std::string test_name(const testing::TestParamInfo<model>& test) {
  std::string name = test.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
class ggml_backend : public testing::TestWithParam<model> {};
INSTANTIATE_TEST_SUITE_P(models, ggml_backend, testing::ValuesIn(all_models), test_name);

session_options observed() {
  session_options o;
  o.observe = true;
  return o;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

// The error of a node in f32, in lengths of a pair: 2 ULP.
constexpr double largest_error = 2.5e-7;

TEST_P(ggml_backend, computes_every_rope_node_exactly) {
  for (const std::int32_t first : {0, 100000}) {
    const auto run = [&](rope_of rope, ggml_yarn::statistics& done) {
      session s(GetParam().name, rope, observed());
      s.decode_run(first, 24);
      for (const int next : {24, 25}) // the same number of positions, other positions
        s.decode_run(first + next, 1);
      done = s.done();
      return s.errors();
    };
    ggml_yarn::statistics our_work, no_work;
    const engines::node_errors ours = run(rope_of::plug_in, our_work);
    const engines::node_errors theirs = run(rope_of::cpu, no_work);
    EXPECT_EQ(ours.n_nodes, 3 * GetParam().n_ropes);
    EXPECT_EQ(theirs.n_nodes, ours.n_nodes);
    EXPECT_EQ(our_work.nodes, static_cast<std::uint64_t>(ours.n_nodes))
        << "the plug-in did not compute all nodes";
    EXPECT_LE(ours.largest, largest_error);
    EXPECT_LE(theirs.largest, 4e-6 * (theirs.largest_angle + 1));
    if (first == 100000) {
      EXPECT_GT(theirs.largest, 1000 * ours.largest);
    }
    std::printf("  %s, position %d: error of a node %.1e, CPU backend %.1e\n", GetParam().name,
                first, ours.largest, theirs.largest);
  }
}

TEST_P(ggml_backend, gives_the_logits_of_exact_ropes) {
  session_options replace = observed();
  replace.replace = true;
  for (const std::int32_t first : {0, 100000}) {
    std::vector<float> logits[3];
    {
      session exact(GetParam().name, rope_of::cpu, replace);
      logits[0] = exact.decode_run(first, 40);
    }
    {
      session theirs(GetParam().name, rope_of::cpu);
      logits[1] = theirs.decode_run(first, 40);
    }
    {
      session ours(GetParam().name, rope_of::plug_in);
      logits[2] = ours.decode_run(first, 40);
      EXPECT_EQ(ours.done().nodes, static_cast<std::uint64_t>(GetParam().n_ropes));
    }
    const double off_theirs = distance(logits[1], logits[0]),
                 off_ours = distance(logits[2], logits[0]);
    std::printf("  %s, position %d: logits off by %.1e, CPU backend %.1e\n", GetParam().name, first,
                off_ours, off_theirs);
    EXPECT_LE(off_ours, GetParam().logit_error);
    // The CPU backend is off by its float angles.
    EXPECT_LE(off_theirs, first == 0 ? 2 * GetParam().logit_error : 0.1);
    if (first == 100000) {
      EXPECT_LE(off_ours, off_theirs / 10);
    }
  }
}

TEST_P(ggml_backend, makes_rows_once_for_all_layers) {
  session ours(GetParam().name, rope_of::plug_in);
  ours.decode_run(50, 7);
  const auto first = ours.done();
  ours.decode_run(57, 1);
  const auto both = ours.done();
  const std::uint64_t n_rows = std::string(GetParam().name) == "gemma3-linear" ? 2 : 1;
  EXPECT_EQ(first.rows_made, n_rows);
  EXPECT_EQ(first.rows_found, first.nodes - n_rows);
  EXPECT_EQ(both.rows_made, 2 * n_rows);
}

TEST_P(ggml_backend, shifts_cached_keys) {
  for (std::size_t i = 0; i < GetParam().n_shift_types; ++i) {
    const ggml_type type = shift_types[i];
    std::vector<float> logits[2];
    for (const rope_of rope : {rope_of::cpu, rope_of::plug_in}) {
      session_options options = observed();
      options.type_k = type;
      session s(GetParam().name, rope, options);
      ASSERT_TRUE(llama_memory_can_shift(s.memory()));
      s.decode_run(0, 60);
      ASSERT_TRUE(llama_memory_seq_rm(s.memory(), 0, 4, 24));
      llama_memory_seq_add(s.memory(), 0, 24, -1, -20);
      s.forget_errors();
      const auto before = s.done();
      logits[rope == rope_of::plug_in] = s.decode_run(40, 1);
      const int n_shifts = s.errors().n_nodes - GetParam().n_ropes;
      EXPECT_EQ(n_shifts, GetParam().n_ropes / 2) << "one for each layer";
      if (rope == rope_of::plug_in) {
        EXPECT_EQ(s.done().nodes - before.nodes, static_cast<std::uint64_t>(s.errors().n_nodes));
        // An f16 element is rounded to 2^-11 of itself.
        EXPECT_LE(s.errors().largest, type == GGML_TYPE_F16 ? 0x1.01p-11 : largest_error);
      }
    }
    const double off = distance(logits[0], logits[1]);
    std::printf("  %s, K-shift in %s: logits differ by %.1e\n", GetParam().name,
                ggml_type_name(type), off);
    EXPECT_LE(off, type == GGML_TYPE_F32 ? 1e-3 : 5e-2);
  }
}

TEST_P(ggml_backend, rotates_parallel_sequences) {
  session_options options;
  options.n_sequences = 3;
  std::vector<float> logits[2];
  std::vector<session::token> tokens;
  for (int i = 0; i < 20; ++i)
    for (const std::int32_t sequence : {0, 1, 2})
      tokens.push_back({i + 300 * sequence, sequence});
  for (const rope_of rope : {rope_of::cpu, rope_of::plug_in}) {
    session s(GetParam().name, rope, options);
    logits[rope == rope_of::plug_in] = s.decode(tokens);
    if (rope == rope_of::plug_in) {
      EXPECT_GE(s.done().nodes, static_cast<std::uint64_t>(GetParam().n_ropes));
    }
  }
  EXPECT_LE(distance(logits[0], logits[1]), 5e-3);
}

TEST_P(ggml_backend, gives_the_same_bits_with_any_number_of_threads) {
  std::vector<float> logits[3];
  int i = 0;
  for (const int n_threads : {1, 2, 4}) {
    session_options options;
    options.n_threads = n_threads;
    session s(GetParam().name, rope_of::plug_in, options);
    logits[i++] = s.decode_run(1000, 700);
    EXPECT_EQ(s.done().nodes, static_cast<std::uint64_t>(GetParam().n_ropes));
  }
  EXPECT_EQ(distance(logits[0], logits[1]), 0);
  EXPECT_EQ(distance(logits[0], logits[2]), 0);
}

// An image of 4 x 5 patches after 3 tokens of text: positions on three axes.
TEST(ggml_backend_axes, rotates_the_patches_of_an_image) {
  for (const rope_of rope : {rope_of::cpu, rope_of::plug_in}) {
    session s("qwen2vl", rope, observed());
    s.decode_run(0, 3);
    constexpr std::size_t n = 20;
    std::vector<std::int32_t> positions(4 * n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      positions[i] = 3;
      positions[n + i] = 3 + static_cast<std::int32_t>(i / 5);
      positions[2 * n + i] = 3 + static_cast<std::int32_t>(i % 5);
    }
    const int n_text_nodes = s.errors().n_nodes;
    s.decode_embeddings(positions, n);
    EXPECT_EQ(s.errors().n_nodes, 2 * n_text_nodes);
    if (rope == rope_of::plug_in) {
      EXPECT_EQ(s.done().nodes, static_cast<std::uint64_t>(s.errors().n_nodes));
      EXPECT_LE(s.errors().largest, largest_error);
    }
  }
}

} // namespace
