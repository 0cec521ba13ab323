// SPDX-License-Identifier: MIT
// The demo: five published models resolved, a prompt and a decode step rotated and checked, and the
// time that takes. It exits with 1 where a number is worse than promised.
#include "accuracy.hpp"
#include "models.hpp"
#include "report.hpp"
#include "tensors.hpp"
#include "throughput.hpp"

#include <yarn/yarn.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

namespace quickstart {
namespace {

constexpr std::size_t n_prompt = 8192;
constexpr std::int64_t last_position = 131071;

/// One step of Yarn-Llama-2-7b-128k: the whole use of the library, and what README.md shows.
void rotate_step(const std::vector<layer>& layers,
                 const std::vector<std::int32_t>& token_positions) {
  const std::size_t n_tokens = token_positions.size();
  // [readme]
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method; // or llama3_scaling, longrope_scaling, ...
  method.factor = 32.0;
  method.original_max_position_embeddings = 4096;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, method); // once per model

  yarn::rotary_rows<float> rows; // cos and sin of this step's tokens, for all layers
  rows.assign(freqs, yarn::positions(token_positions));
  for (const layer& l : layers) {
    const yarn::heads_view q{l.q(), n_tokens, 32, 128}; // float [n_tokens][32][128]
    const yarn::heads_view k{l.k(), n_tokens, 8, 128};
    yarn::rope_apply(q, k, rows, yarn::pairing::half_split); // in place
  }
  // [/readme]
}

/// Returns whether all rows are as good as promised.
bool check_rows(const std::vector<model>& models) {
  std::printf("Largest error of cos and sin at position %lld\n",
              static_cast<long long>(last_position));
  std::printf("%-22s %24s %16s\n", "", "common float32 pipeline", "yarn");
  bool good = true;
  for (const model& m : models) {
    if (m.seq_len <= last_position)
      continue;
    const yarn::frequencies freqs = m.frequencies();
    const double common = row_error(yarn::float32_pipeline(freqs), freqs, last_position);
    const double ours = row_error(freqs, freqs, last_position);
    std::printf("%-22s %24.1e %16.1e\n", m.name, common, ours);
    good = good && ours <= allowed_row_error;
  }
  return good;
}

/// Rotates a prompt, and a decode step far behind it. Returns whether every score is what its
/// distance gives, wherever the two tokens are.
bool check_scores(const yarn::frequencies& freqs) {
  constexpr std::int64_t distances[] = {0, 1, 40, 2047};
  const layer unrotated(1);

  std::vector<layer> prompt;
  prompt.emplace_back(n_prompt);
  std::vector<std::int32_t> token_positions;
  for (std::size_t t = 0; t < n_prompt; ++t)
    token_positions.push_back(static_cast<std::int32_t>(t));
  rotate_step(prompt, token_positions);
  double prompt_error = 0;
  for (const std::int64_t distance : distances) {
    const auto back = static_cast<std::size_t>(distance);
    prompt_error = worse(prompt_error,
                         score_error(unrotated, prompt[0], freqs, distance, back, back, n_prompt));
  }

  // The last token is the query; its keys are at the four distances.
  token_positions.clear();
  for (const std::int64_t distance : distances)
    token_positions.insert(token_positions.begin(),
                           static_cast<std::int32_t>(last_position - distance));
  const std::size_t n_step = token_positions.size();
  const auto step_error = [&](const layer& rotated) {
    double worst = 0;
    for (std::size_t back = 0; back < n_step; ++back)
      worst = worse(
          worst, score_error(unrotated, rotated, freqs, distances[back], back, n_step - 1, n_step));
    return worst;
  };
  std::vector<layer> step;
  step.emplace_back(n_step);
  rotate_step(step, token_positions);
  const double decode_error = step_error(step[0]);

  const layer common(n_step); // without rows: they can be made on the way
  yarn::rope_apply(yarn::heads_view{common.q(), n_step, n_q_heads, head_dim},
                   yarn::heads_view{common.k(), n_step, n_kv_heads, head_dim},
                   yarn::positions(token_positions), yarn::float32_pipeline(freqs),
                   yarn::pairing::half_split);

  std::printf("Scores q.k depend on the distance only: error / (|q| |k|), distances 0 to 2047\n");
  std::printf("%-22s %24s %16s\n", "", "common float32 pipeline", "yarn");
  std::printf("%-22s %24s %16.1e\n", "prompt of 8192 tokens", "", prompt_error);
  std::printf("%-22s %24.1e %16.1e\n", "decode step at 131071", step_error(common), decode_error);
  return prompt_error <= allowed_score_error && decode_error <= allowed_score_error;
}

void print_throughput(const char* what, const comparison& c, std::size_t n_elements) {
  const double gigabytes = 2e-9 * static_cast<double>(n_elements * sizeof(float));
  const bool small = c.seconds < 1e-3;
  std::printf("%-33s %7.2f %s %7.1f GB/s %8.1f GB/s %6.2f\n", what, c.seconds * (small ? 1e6 : 1e3),
              small ? "us" : "ms", gigabytes / c.seconds, gigabytes / c.baseline_seconds, c.ratio);
}

/// `freqs` without attention factor, or the tensors would grow with every round.
void measure(const yarn::frequencies& freqs) {
  constexpr auto half_split = yarn::pairing::half_split;
  yarn::rotary_rows<float> rows;
  std::printf("%-33s %10s %12s %13s %6s\n", "Bytes read + written, one thread", "time", "yarn",
              "plain scale", "ratio");
  {
    const layer prompt(n_prompt);
    const yarn::heads_view q{prompt.q(), n_prompt, n_q_heads, head_dim};
    const yarn::heads_view k{prompt.k(), n_prompt, n_kv_heads, head_dim};
    const std::size_t n_elements = n_prompt * (q_size + k_size);
    const auto scale_prompt = [&] {
      scale(prompt.q(), n_prompt * q_size, -1.0F);
      scale(prompt.k(), n_prompt * k_size, -1.0F);
    };
    rows.assign(freqs, yarn::positions_from(0, n_prompt));
    const auto from_rows = [&] { yarn::rope_apply(q, k, rows, half_split); };
    print_throughput("prompt of 8192 tokens, rows ready", compare(1.0, from_rows, scale_prompt),
                     n_elements);
    const auto on_the_way = [&] {
      yarn::rope_apply(q, k, yarn::positions_from(0), freqs, half_split);
    };
    print_throughput("  rows made on the way", compare(1.0, on_the_way, scale_prompt), n_elements);
  }
  constexpr std::size_t n_layers = 32;
  std::vector<layer> layers;
  for (std::size_t i = 0; i < n_layers; ++i)
    layers.emplace_back(1);
  const auto decode = [&] {
    rows.assign(freqs, yarn::positions_from(last_position, 1));
    for (const layer& l : layers)
      yarn::rope_apply(yarn::heads_view{l.q(), 1, n_q_heads, head_dim},
                       yarn::heads_view{l.k(), 1, n_kv_heads, head_dim}, rows, half_split);
  };
  const auto scale_layers = [&] {
    for (const layer& l : layers) {
      scale(l.q(), q_size, -1.0F);
      scale(l.k(), k_size, -1.0F);
    }
  };
  print_throughput("decode step at 131071, 32 layers", compare(0.3, decode, scale_layers),
                   n_layers * (q_size + k_size));
}

int run() {
  const std::vector<model> models = published_models();
  const yarn::frequencies freqs = llama_2().frequencies();
  std::printf("yarn %d.%d.%d, built for %s\n\n", YARN_VERSION_MAJOR, YARN_VERSION_MINOR,
              YARN_VERSION_PATCH, instruction_set());
  print_wavelengths(models);
  std::printf("\n");
  print_zones(models);
  std::printf("\n");
  const bool rows_good = check_rows(models);
  std::printf("\n");
  const bool scores_good = check_scores(freqs);
  std::printf("\n");
  measure(yarn::unscaled(freqs));
  if (!rows_good)
    std::printf("\nFAILED: an error of cos or sin is above %.1e\n", allowed_row_error);
  if (!scores_good)
    std::printf("\nFAILED: an error of a score is above %.1e\n", allowed_score_error);
  return rows_good && scores_good ? 0 : 1;
}

} // namespace
} // namespace quickstart

int main() {
  try {
    return quickstart::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
