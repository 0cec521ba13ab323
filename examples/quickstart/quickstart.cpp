// SPDX-License-Identifier: MIT
// The demo. It computes the frequencies of five published models, rotates a prompt and a decode
// step in float and in bfloat16, compares the results with exact results, and measures the speed.
// The exit code is 1 if an error is larger than promised.
#include "accuracy.hpp"
#include "models.hpp"
#include "report.hpp"
#include "tensors.hpp"
#include "throughput.hpp"

#include <yarn/yarn.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace quickstart {
namespace {

constexpr std::size_t n_prompt = 8192;
constexpr std::int64_t last_position = 131071;

/// One step with the frequencies of Yarn-Llama-2-7b-128k (that model has 32 key heads, not 8), and
/// all calls of the library that an engine needs. The calls are the same for every element type.
template <class T>
void rotate_step(const std::vector<layer_of<T>>& layers,
                 const std::vector<std::int32_t>& token_positions) {
  using layer = layer_of<T>;
  const std::size_t n_tokens = token_positions.size();
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
    const yarn::heads_view q{l.q(), n_tokens, 32, 128}; // [n_tokens][32][128]
    const yarn::heads_view k{l.k(), n_tokens, 8, 128};
    yarn::rope_apply(q, k, rows, yarn::pairing::half_split); // in place
  }
}

/// Returns whether the errors of all rows are within the promised bound.
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

/// The largest errors of a prompt, and of a decode step at much larger positions.
struct rotation_errors {
  double elements;
  double step_scores;
  double prompt_scores;
};

constexpr std::int64_t distances[] = {0, 1, 40, 2047};

/// The positions of a decode step: the last token is the query, the others are keys at `distances`.
std::vector<std::int32_t> step_positions() {
  std::vector<std::int32_t> token_positions;
  for (const std::int64_t distance : distances)
    token_positions.insert(token_positions.begin(),
                           static_cast<std::int32_t>(last_position - distance));
  return token_positions;
}

template <class T>
rotation_errors errors_of_step(const layer_of<T>& rotated, const yarn::frequencies& freqs) {
  const layer_of<T> unrotated(1);
  const std::size_t n_step = step_positions().size(), last = n_step - 1;
  rotation_errors errors = {};
  errors.elements = worse(
      element_error(rotated.q() + last * q_size, unrotated.q(), n_q_heads, freqs, last_position),
      element_error(rotated.k() + last * k_size, unrotated.k(), n_kv_heads, freqs, last_position));
  for (std::size_t back = 0; back < n_step; ++back)
    errors.step_scores =
        worse(errors.step_scores,
              score_error(unrotated, rotated, freqs, distances[back], back, last, n_step));
  return errors;
}

template <class T> rotation_errors errors_of_yarn(const yarn::frequencies& freqs) {
  std::vector<layer_of<T>> step, prompt;
  step.emplace_back(step_positions().size());
  rotate_step(step, step_positions());
  rotation_errors errors = errors_of_step(step[0], freqs);

  prompt.emplace_back(n_prompt);
  std::vector<std::int32_t> token_positions;
  for (std::size_t t = 0; t < n_prompt; ++t)
    token_positions.push_back(static_cast<std::int32_t>(t));
  rotate_step(prompt, token_positions);
  for (const std::int64_t distance : distances) {
    const auto back = static_cast<std::size_t>(distance);
    errors.prompt_scores = worse(errors.prompt_scores, score_error(layer_of<T>(1), prompt[0], freqs,
                                                                   distance, back, back, n_prompt));
  }
  return errors;
}

/// The errors of a decode step that is rotated by the frequencies `others`.
rotation_errors errors_with(const yarn::frequencies& others, const yarn::frequencies& freqs) {
  const std::vector<std::int32_t> token_positions = step_positions();
  const std::size_t n_step = token_positions.size();
  const layer_of<float> step(n_step);
  // With rows_of, rope_apply makes the rows.
  yarn::rope_apply(yarn::heads_view{step.q(), n_step, n_q_heads, head_dim},
                   yarn::heads_view{step.k(), n_step, n_kv_heads, head_dim},
                   yarn::rows_of(others, yarn::positions(token_positions)),
                   yarn::pairing::half_split);
  return errors_of_step(step, freqs);
}

template <class T> bool is_within_bounds(const rotation_errors& errors) {
  return errors.elements <= allowed_element_error<T> &&
         worse(errors.step_scores, errors.prompt_scores) <= allowed_score_error<T>;
}

/// Returns whether every element and every score is within the promised bounds.
bool check_rotations(const yarn::frequencies& freqs) {
  const rotation_errors ours = errors_of_yarn<float>(freqs);
  const rotation_errors in_bfloat16 = errors_of_yarn<yarn::bfloat16>(freqs);
  const rotation_errors common = errors_with(yarn::float32_pipeline(freqs), freqs);
  std::printf("Largest errors against the exact rotation; scores q.k at distances 0 to 2047\n");
  std::printf("%-30s %23s %8s %15s\n", "", "common float32 pipeline", "yarn", "yarn, bfloat16");
  std::printf("%-30s %23.1e %8.1e %15.1e\n", "element / |pair| at 131071", common.elements,
              ours.elements, in_bfloat16.elements);
  std::printf("%-30s %23.1e %8.1e %15.1e\n", "score / (|q| |k|) at 131071", common.step_scores,
              ours.step_scores, in_bfloat16.step_scores);
  std::printf("%-30s %23s %8.1e %15.1e\n", "score / (|q| |k|), 8192 tokens", "", ours.prompt_scores,
              in_bfloat16.prompt_scores);
  return is_within_bounds<float>(ours) && is_within_bounds<yarn::bfloat16>(in_bfloat16);
}

void print_throughput(const std::string& what, const comparison& c, std::size_t n_bytes) {
  const double gigabytes = 2e-9 * static_cast<double>(n_bytes);
  const bool small = c.seconds < 1e-3;
  std::printf("%-34s %7.2f %s %7.1f GB/s %8.1f GB/s %6.2f\n", what.c_str(),
              c.seconds * (small ? 1e6 : 1e3), small ? "us" : "ms", gigabytes / c.seconds,
              gigabytes / c.baseline_seconds, c.ratio);
}

/// The attention factor of `freqs` must be 1. Otherwise the tensors would grow with every round.
template <class T> void measure_prompt(const std::string& type, const yarn::frequencies& freqs) {
  constexpr auto half_split = yarn::pairing::half_split;
  const layer_of<T> prompt(n_prompt);
  const yarn::heads_view q{prompt.q(), n_prompt, n_q_heads, head_dim};
  const yarn::heads_view k{prompt.k(), n_prompt, n_kv_heads, head_dim};
  const std::size_t n_bytes = n_prompt * (q_size + k_size) * sizeof(T);
  const auto negate_prompt = [&] {
    negate(prompt.q(), n_prompt * q_size);
    negate(prompt.k(), n_prompt * k_size);
  };
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(0, n_prompt));
  const auto from_rows = [&] { yarn::rope_apply(q, k, rows, half_split); };
  print_throughput("prompt of 8192 tokens, " + type, compare(1.0, from_rows, negate_prompt),
                   n_bytes);
  const auto with_rows_of = [&] {
    yarn::rope_apply(q, k, yarn::rows_of(freqs, yarn::positions_from(0)), half_split);
  };
  print_throughput("  rows made by rope_apply", compare(1.0, with_rows_of, negate_prompt), n_bytes);
}

template <class T> void measure_decode(const std::string& type, const yarn::frequencies& freqs) {
  constexpr std::size_t n_layers = 32;
  std::vector<layer_of<T>> layers;
  for (std::size_t i = 0; i < n_layers; ++i)
    layers.emplace_back(1);
  yarn::rotary_rows<float> rows;
  const auto decode = [&] {
    rows.assign(freqs, yarn::positions_from(last_position, 1));
    for (const layer_of<T>& l : layers)
      yarn::rope_apply(yarn::heads_view{l.q(), 1, n_q_heads, head_dim},
                       yarn::heads_view{l.k(), 1, n_kv_heads, head_dim}, rows,
                       yarn::pairing::half_split);
  };
  const auto negate_layers = [&] {
    for (const layer_of<T>& l : layers) {
      negate(l.q(), q_size);
      negate(l.k(), k_size);
    }
  };
  print_throughput("decode step of 32 layers, " + type, compare(0.3, decode, negate_layers),
                   n_layers * (q_size + k_size) * sizeof(T));
}

void measure(const yarn::frequencies& freqs) {
  std::printf("%-34s %10s %12s %13s %6s\n", "Bytes read + written, one thread", "time", "yarn",
              "negation", "ratio");
  measure_prompt<float>("float", freqs);
  measure_prompt<yarn::bfloat16>("bfloat16", freqs);
  measure_decode<float>("float", freqs);
  measure_decode<yarn::bfloat16>("bfloat16", freqs);
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
  const bool rotations_good = check_rotations(freqs);
  std::printf("\n");
  measure(yarn::unscaled(freqs));
  std::printf("\nWhat scaling methods do for a trained model: docs/evidence.md\n");
  if (!rows_good)
    std::printf("\nFAILED: an error of cos or sin is above %.1e\n", allowed_row_error);
  if (!rotations_good)
    std::printf("\nFAILED: a rotation is worse than include/yarn/rope.hpp promises\n");
  return rows_good && rotations_good ? 0 : 1;
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
