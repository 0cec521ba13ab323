// SPDX-License-Identifier: MIT
// A small decoder-only transformer. It generates tokens several times, with different kinds of key
// caches, and prints the share of time that RoPE takes. The weights are random, so the text has no
// meaning. tests/examples/test_engine.cpp checks that rotated and unrotated caches give the same
// results, up to rounding.
#include "decoder.hpp"

#include <cstdio>
#include <exception>

namespace engine {
namespace {

constexpr std::int64_t original_length = 128;
constexpr int n_generated = 256;

model_config config_with(const yarn::any_scaling& scaling) {
  model_config config;
  config.rope_scaling = scaling;
  return config;
}

yarn::any_scaling static_yarn() {
  yarn::yarn_scaling method;
  method.factor = 4.0;
  method.original_max_position_embeddings = original_length;
  return method;
}
yarn::any_scaling dynamic_yarn() {
  yarn::dynamic_yarn_scaling method;
  method.original_max_position_embeddings = original_length;
  return method;
}
yarn::any_scaling dynamic_ntk() {
  yarn::dynamic_ntk_scaling method;
  method.factor = 1.0;
  method.max_position_embeddings = original_length;
  return method;
}

std::vector<int> prompt_of(std::size_t n_tokens, int seed) {
  std::vector<int> tokens(n_tokens);
  for (int& token : tokens) {
    seed = (seed + 37) % 1024;
    token = seed;
  }
  return tokens;
}

void print_head() {
  std::printf("%-40s %7s %8s %7s %9s %6s  %s\n", "", "tokens", "tokens/s", "changes", "rerotated",
              "RoPE", "last tokens");
}
void print(const char* what, const account& a, const std::vector<int>& tokens) {
  std::printf("%-40s %7lld %8.0f %7lld %9lld %5.1f%% ", what, static_cast<long long>(a.n_tokens),
              static_cast<double>(a.n_tokens) / a.seconds,
              static_cast<long long>(a.n_frequency_changes),
              static_cast<long long>(a.n_keys_rerotated), 100 * a.rope_seconds / a.seconds);
  for (std::size_t i = tokens.size() - 4; i < tokens.size(); ++i)
    std::printf(" %4d", tokens[i]);
  std::printf("\n");
}

/// Runs a prompt and generates n_generated tokens.
template <class Cached = float>
std::vector<int> generate(const char* what, const yarn::any_scaling& scaling,
                          const length_policy& policy = {},
                          key_storage storage = key_storage::rotated) {
  const model<float> m = random_model<float>(config_with(scaling), 1);
  decoder<float, Cached> d(m, storage);
  const std::size_t sequence = d.add_sequence(policy);
  std::vector<int> tokens{greedy(d.step({{sequence, prompt_of(96, 1)}}).row(0))};
  while (tokens.size() < n_generated)
    tokens.push_back(greedy(d.step({{sequence, {tokens.back()}}}).row(0)));
  print(what, d.so_far(), tokens);
  return tokens;
}

/// Runs two sequences. The second sequence joins while the first one is being generated: the prompt
/// of the second sequence and one token of the first are in the same step, have their rows in the
/// same rotary_rows, and are rotated by one rope_apply per layer.
void generate_batch() {
  const model<float> m = random_model<float>(config_with(dynamic_yarn()), 1);
  decoder<float> d(m);
  const std::size_t a = d.add_sequence(), b = d.add_sequence();
  std::vector<int> of_a{greedy(d.step({{a, prompt_of(96, 1)}}).row(0))}, of_b;
  while (of_a.size() < n_generated) {
    std::vector<decoder<float>::input> batch{{a, {of_a.back()}}};
    if (of_a.size() == 40)
      batch.push_back({b, prompt_of(200, 2)});
    if (of_a.size() > 40)
      batch.push_back({b, {of_b.back()}});
    const matrix<float>& logits = d.step(batch);
    of_a.push_back(greedy(logits.row(0)));
    if (logits.rows() == 2)
      of_b.push_back(greedy(logits.row(1)));
  }
  print("dynamic YaRN, two sequences: the first", d.so_far(), of_a);
  std::printf("%-75s the second %5d\n", "", of_b.back());
}

/// Runs a sliding window. When the window is full, half of the tokens are dropped. The first tokens
/// are kept: they get so much attention that a model fails without them.
void generate_beyond_window() {
  constexpr Eigen::Index window = 192, n_keep = 4;
  const model<float> m = random_model<float>(config_with(static_yarn()), 1);
  decoder<float> d(m);
  const std::size_t sequence = d.add_sequence();
  std::vector<int> tokens{greedy(d.step({{sequence, prompt_of(96, 1)}}).row(0))};
  while (tokens.size() < n_generated) {
    if (d.cache_of(sequence).n_tokens() == window)
      d.drop(sequence, n_keep, (window - n_keep) / 2);
    tokens.push_back(greedy(d.step({{sequence, {tokens.back()}}}).row(0)));
  }
  print("YaRN, a window of 192 tokens", d.so_far(), tokens);
}

int run() {
  std::printf("%d tokens generated after a prompt of 96, original length %lld, 4 layers, float\n"
              "changes: of the frequencies; rerotated: cached keys; RoPE: share of the time\n",
              n_generated, static_cast<long long>(original_length));
  print_head();
  generate("YaRN", static_yarn());
  generate<Eigen::bfloat16>("YaRN, cache in bfloat16", static_yarn());
  generate_beyond_window();
  const auto each = generate("dynamic NTK", dynamic_ntk());
  const auto unrotated =
      generate("dynamic NTK, cache unrotated", dynamic_ntk(), {}, key_storage::unrotated);
  length_policy blocks;
  blocks.block = 32;
  generate("dynamic NTK, in blocks of 32", dynamic_ntk(), blocks);
  generate_batch();
  if (each != unrotated) {
    std::printf("\nFAILED: a rotated and an unrotated cache gave different tokens\n");
    return 1;
  }
  return 0;
}

} // namespace
} // namespace engine

int main() {
  try {
    return engine::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
