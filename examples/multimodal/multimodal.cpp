// SPDX-License-Identifier: MIT
// A prompt of text and images in a KV cache, and what happens when the first image is removed.
//
// The program builds a prompt of text, an image, text, an image and text by the rules of Qwen2-VL,
// and generates some tokens. Then it removes the first image from the cache, and moves the keys
// after it to their new positions. The result must equal the keys of a fresh prompt without the
// image. The model has one attention layer, with random weights. In deeper layers the keys would
// differ from those of a fresh prompt, because the tokens after the image have seen the image.
#include <yarn/prompt_positions.hpp>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <random>
#include <vector>

namespace {

constexpr std::int64_t n_q_heads = 4, n_kv_heads = 2, head_dim = 128, width = 64;
constexpr auto pairing = yarn::pairing::half_split;

using vector = std::vector<float>;

vector random_vector(std::int64_t n, std::uint32_t seed) {
  std::minstd_rand random(seed);
  std::uniform_real_distribution<float> number(-1.0F, 1.0F);
  vector values(static_cast<std::size_t>(n));
  for (float& value : values)
    value = number(random);
  return values;
}

vector product(const vector& matrix, const vector& x) {
  vector y(matrix.size() / x.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j)
      y[i] += matrix[i * x.size() + j] * x[j];
  return y;
}

/// One attention layer, and the tokens that it has seen.
class layer {
public:
  explicit layer(yarn::frequencies freqs) : freqs_(static_cast<yarn::frequencies&&>(freqs)) {}

  /// Appends tokens. Returns the attention output of the last one.
  template <class Positions>
  vector run(const std::vector<vector>& tokens, const Positions& positions) {
    rows_.assign(freqs_, positions); // once for all layers of a model
    const auto n = static_cast<std::int64_t>(tokens.size());
    vector q, k;
    for (const vector& x : tokens) {
      append(q, product(w_q_, x));
      append(k, product(w_k_, x));
      append(values_, product(w_v_, x));
    }
    yarn::rope_apply(yarn::heads_view<float>(q.data(), n, n_q_heads, head_dim),
                     yarn::heads_view<float>(k.data(), n, n_kv_heads, head_dim), rows_, pairing);
    append(keys_, k);
    q.erase(q.begin(), q.end() - n_q_heads * head_dim);
    return attend(q);
  }

  /// Removes the keys and values of the erased tokens, and moves the keys after them.
  void erase(const yarn::erased_tokens& erased) {
    constexpr std::int64_t token_size = n_kv_heads * head_dim;
    for (vector* const cache : {&keys_, &values_}) {
      const auto first = cache->begin() + erased.first * token_size;
      cache->erase(first, first + erased.n_tokens * token_size);
    }
    const std::int64_t n = n_tokens() - erased.first;
    const std::int64_t shift = -erased.distance; // the same for all axes and tokens: strides of 0
    const auto shifts = yarn::axis_positions(&shift, n, 3).with_strides(0, 0);
    yarn::rope_apply(
        yarn::heads_view<float>(keys_.data() + erased.first * token_size, n, n_kv_heads, head_dim),
        yarn::rows_of(yarn::unscaled(freqs_), shifts), pairing);
  }

  std::int64_t n_tokens() const {
    return static_cast<std::int64_t>(keys_.size()) / (n_kv_heads * head_dim);
  }
  const vector& keys() const { return keys_; }

private:
  static void append(vector& to, const vector& more) {
    to.insert(to.end(), more.begin(), more.end());
  }

  vector attend(const vector& q) const {
    vector output;
    for (std::int64_t head = 0; head < n_q_heads; ++head) {
      const std::int64_t kv_head = head / (n_q_heads / n_kv_heads);
      std::vector<double> weights;
      double sum = 0;
      for (std::int64_t t = 0; t < n_tokens(); ++t) {
        const float* const k = keys_.data() + (t * n_kv_heads + kv_head) * head_dim;
        double score = 0;
        for (std::int64_t i = 0; i < head_dim; ++i)
          score += static_cast<double>(q[static_cast<std::size_t>(head * head_dim + i)] * k[i]);
        weights.push_back(std::exp(score / std::sqrt(static_cast<double>(head_dim)) / 64));
        sum += weights.back();
      }
      for (std::int64_t i = 0; i < head_dim; ++i) {
        double mean = 0;
        for (std::int64_t t = 0; t < n_tokens(); ++t)
          mean += weights[static_cast<std::size_t>(t)] / sum *
                  static_cast<double>(
                      values_[static_cast<std::size_t>((t * n_kv_heads + kv_head) * head_dim + i)]);
        output.push_back(static_cast<float>(mean));
      }
    }
    return output;
  }

  yarn::frequencies freqs_;
  yarn::rotary_rows<float> rows_;
  vector w_q_ = random_vector(n_q_heads * head_dim * width, 1);
  vector w_k_ = random_vector(n_kv_heads * head_dim * width, 2);
  vector w_v_ = random_vector(n_kv_heads * head_dim * width, 3);
  vector keys_;
  vector values_;
};

/// Embeddings of a segment. Different segments have different seeds.
std::vector<vector> segment(std::int64_t n_tokens, std::uint32_t seed) {
  std::vector<vector> tokens;
  for (std::int64_t i = 0; i < n_tokens; ++i)
    tokens.push_back(random_vector(width, 1000 * seed + static_cast<std::uint32_t>(i)));
  return tokens;
}

void append(std::vector<vector>& to, const std::vector<vector>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// Returns whether the two caches are equal.
bool run() {
  // Qwen2-VL: 16 pairs turn with time, 24 with the height, 24 with the width.
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rope_theta = 1e6;
  const yarn::frequencies freqs = yarn::with_axes(
      yarn::make_frequencies(shape, yarn::default_scaling{}), yarn::axis_sections{16, 24, 24});

  const std::vector<vector> question = segment(9, 1), photo = segment(std::int64_t{6} * 8, 2),
                            between = segment(4, 3), drawing = segment(std::int64_t{5} * 3, 4),
                            end = segment(7, 5);

  // The whole prompt.
  yarn::prompt_positions prompt(yarn::qwen2_vl_rules());
  prompt.append_text(question.size());
  prompt.append_image(6, 8);
  prompt.append_text(between.size());
  prompt.append_image(5, 3);
  prompt.append_text(end.size());
  std::vector<vector> tokens;
  for (const auto* const part : {&question, &photo, &between, &drawing, &end})
    append(tokens, *part);
  layer cached(freqs);
  cached.run(tokens, prompt.view());
  std::printf("prompt: %lld tokens, positions 0 to %lld\n", static_cast<long long>(prompt.size()),
              static_cast<long long>(prompt.next() - 1));

  // Five generated tokens. They have the same position on all axes.
  const std::vector<vector> generated = segment(5, 6);
  vector last;
  for (const vector& token : generated) {
    last = cached.run({token}, yarn::positions_from(prompt.next(), 1));
    prompt.append_text(1);
  }

  // The first image leaves the cache.
  const yarn::erased_tokens erased = prompt.erase(1, 1);
  cached.erase(erased);
  std::printf("removed: %lld tokens from token %lld on; the keys after them moved by %lld\n",
              static_cast<long long>(erased.n_tokens), static_cast<long long>(erased.first),
              static_cast<long long>(-erased.distance));

  // A fresh prompt that never had the image.
  std::vector<vector> rest;
  for (const auto* const part : {&question, &between, &drawing, &end, &generated})
    append(rest, *part);
  layer fresh(freqs);
  fresh.run(rest, prompt.view());

  // Each rotation has an error of at most 2 ULP of the length of a pair (2.25 ULP without a fused
  // multiply-add). The moved keys have two rotations and the fresh keys one, so both together
  // differ by at most 6 ULP (6.75 ULP). 6 ULP are enough in any build: these keys differ by 1 ULP.
  double largest = 0, length = 0;
  for (std::size_t i = 0; i < fresh.keys().size(); ++i) {
    const double x = static_cast<double>(fresh.keys()[i]);
    largest = std::max(largest, std::abs(static_cast<double>(cached.keys()[i]) - x));
    length = std::max(length, std::abs(x));
  }
  const double allowed = 6 * std::sqrt(2.0) * length * 0x1p-23;
  const vector token = random_vector(width, 7);
  const vector a = cached.run({token}, yarn::positions_from(prompt.next(), 1));
  const vector b = fresh.run({token}, yarn::positions_from(prompt.next(), 1));
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = std::max(difference, static_cast<double>(std::abs(a[i] - b[i])));
  const bool is_equal =
      cached.keys().size() == fresh.keys().size() && largest <= allowed && difference <= 1e-5;
  std::printf("keys: %lld tokens; the largest difference from a fresh prompt is %.2g (allowed "
              "%.2g)\nnext token: the attention outputs differ by %.2g\n%s\n",
              static_cast<long long>(fresh.n_tokens() - 1), largest, allowed, difference,
              is_equal ? "equal" : "NOT EQUAL");
  return is_equal;
}

} // namespace

int main() {
  try {
    return run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
