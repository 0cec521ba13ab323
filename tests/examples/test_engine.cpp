// SPDX-License-Identifier: MIT
// The example engine. Cached keys that are rotated once, and later moved by rerotation or unscaled,
// give the results of keys that are rotated in every step. Batches, chunks and dropped tokens do
// not change other results. YARN_PRINT_ERRORS=1 prints the measured errors.
#include "../support/engine_runs.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace {

using engine::decoder;
using engine::key_storage;
using engine::length_policy;
using support::real;
using support::scaled_model;

bool prints_errors() {
  const char* const value = std::getenv("YARN_PRINT_ERRORS");
  return value != nullptr && *value == '1';
}

/// Expects an error that is not zero and within its bound.
void expect_within(const std::string& what, real error, real bound) {
  if (prints_errors()) {
    std::printf("%-52s %.1e, %.3f of the bound\n", what.c_str(), static_cast<double>(error),
                static_cast<double>(error / bound));
  }
  EXPECT_LE(error, bound) << what;
  EXPECT_GT(error, bound * 1e-5L) << what
                                  << ": nothing was measured, or the bound is far too large";
}

yarn::frequencies frequencies_at(const scaled_model& scaled, std::int64_t length) {
  return yarn::make_frequencies(support::small_config(scaled.method).rope(), scaled.method, length);
}

using element_types = ::testing::Types<float, double>;
template <class T> class engine_of : public ::testing::Test {};
struct type_names {
  template <class T> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::is_same_v<T, double> ? "double" : "float";
  }
};
TYPED_TEST_SUITE(engine_of, element_types, type_names);

// ---- The engine computes the formulas of the model ----------------------------------------------

// All tokens in one step. Every query and key has the frequencies of the whole length, as in a
// model without a cache.
TEST(engine, prefill_equals_the_formulas_of_the_model) {
  const std::vector<int> tokens = support::random_tokens(40, 1);
  for (const scaled_model& scaled : support::scaled_models()) {
    const auto m = support::small_model<double>(scaled.method);
    const auto expected = support::plain_logits(m, tokens, frequencies_at(scaled, 40));
    const real condition = support::condition(scaled.method, tokens, 39);
    for (const key_storage storage : {key_storage::rotated, key_storage::unrotated}) {
      decoder<double> d(m, storage);
      d.add_sequence();
      // Each value is the result of a dozen sums in sequence, each of up to 40 products.
      expect_within("prefill, " + scaled.name,
                    support::distance(expected.back(), support::step(d, 0, tokens)),
                    condition * 64 * support::half_unit_of<double>);
    }
  }
}

// With a cache, token by token. With a dynamic method, keys and values of deeper layers depend on
// the frequencies of earlier steps, but those of the first layer do not. So a model with one layer
// equals the formula.
TEST(engine, decoding_equals_the_formulas_of_the_model) {
  const std::vector<int> tokens = support::random_tokens(40, 1);
  for (const scaled_model& scaled : support::scaled_models()) {
    const int n_layers = scaled.is_dynamic ? 1 : 2;
    const auto m = support::small_model<double>(scaled.method, n_layers);
    decoder<double> d(m);
    d.add_sequence();
    std::vector<support::logits<real>> expected;
    for (std::size_t n = 1; n <= tokens.size(); ++n) {
      expected.push_back(support::plain_logits(
                             m, {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n)},
                             frequencies_at(scaled, static_cast<std::int64_t>(n)))
                             .back());
    }
    expect_within("decode, " + scaled.name,
                  support::distance(expected, support::decode(d, 0, tokens, 0)),
                  support::condition(scaled.method, tokens, 0, n_layers) * 64 *
                      support::half_unit_of<double>);
  }
}

// ---- Cached keys: rerotated, or rotated in every step -------------------------------------------

TYPED_TEST(engine_of, rerotated_keys_equal_keys_rotated_in_every_step) {
  using T = TypeParam;
  constexpr std::size_t n_prompt = 10, n_tokens = 60;
  for (const scaled_model& scaled : support::scaled_models()) {
    for (const std::int64_t block : {1, 8}) {
      const auto m = support::small_model<T>(scaled.method);
      decoder<T> followed(m, key_storage::rotated), anew(m, key_storage::unrotated);
      length_policy policy;
      policy.block = block;
      followed.add_sequence(policy);
      anew.add_sequence(policy);
      // Each engine continues with the tokens that it chose.
      std::vector<int> tokens = support::random_tokens(n_prompt, 2), others = tokens;
      auto logits = support::step(followed, 0, tokens), expected = support::step(anew, 0, others);
      real largest = 0, least_margin = HUGE_VALL;
      while (tokens.size() < n_tokens) {
        tokens.push_back(engine::greedy(Eigen::Map<engine::vector<T>>(
            logits.data(), static_cast<Eigen::Index>(logits.size()))));
        others.push_back(engine::greedy(Eigen::Map<engine::vector<T>>(
            expected.data(), static_cast<Eigen::Index>(expected.size()))));
        logits = support::step(followed, 0, {tokens.back()});
        expected = support::step(anew, 0, {others.back()});
        largest = std::max(largest, support::distance(logits, expected));
        auto sorted = expected;
        std::sort(sorted.rbegin(), sorted.rend());
        least_margin = std::min(least_margin, static_cast<real>(sorted[0] - sorted[1]));
      }
      EXPECT_EQ(tokens, others) << scaled.name;
      const std::string what = scaled.name + ", block " + std::to_string(block);
      if (!scaled.is_dynamic) {
        // Both rotate a key once, one in place and the other into the scratch buffer. The bits are
        // the same.
        EXPECT_EQ(largest, 0) << what;
        EXPECT_EQ(followed.so_far().n_frequency_changes, 0) << what;
        continue;
      }
      const auto n_rotations = static_cast<real>(followed.so_far().n_frequency_changes + 1);
      const real bound = support::condition(scaled.method, tokens, n_prompt) * (n_rotations + 1) *
                         support::rotation_error<T>;
      expect_within(what, largest, bound);
      EXPECT_GT(least_margin, 2 * largest) << what << ": equal tokens would be luck";
      EXPECT_EQ(anew.so_far().n_frequency_changes, followed.so_far().n_frequency_changes) << what;
      EXPECT_EQ(anew.so_far().n_keys_rerotated, 0) << what;
    }
  }
}

TEST(engine, rerotates_keys_only_when_the_frequencies_change) {
  constexpr std::int64_t length = support::original_length, n_more = 16;
  const auto account_of = [](const scaled_model& scaled, std::int64_t block) {
    const auto m = support::small_model<float>(scaled.method);
    decoder<float> d(m);
    length_policy policy;
    policy.block = block;
    d.add_sequence(policy);
    support::decode(d, 0, support::random_tokens(length + n_more, 3), 0);
    EXPECT_EQ(d.so_far().n_tokens, length + n_more);
    return d.so_far();
  };
  for (const scaled_model& scaled : support::scaled_models()) {
    const engine::account by_token = account_of(scaled, 1), by_block = account_of(scaled, 8);
    if (!scaled.is_dynamic) {
      EXPECT_EQ(by_token.n_frequency_changes, 0);
      EXPECT_EQ(by_token.n_keys_rerotated, 0);
    } else if (scaled.name == "longrope") {
      EXPECT_EQ(by_token.n_frequency_changes, 1);
      EXPECT_EQ(by_token.n_keys_rerotated, length);
      EXPECT_EQ(by_block.n_keys_rerotated, length);
    } else {
      EXPECT_EQ(by_token.n_frequency_changes, n_more);
      EXPECT_EQ(by_token.n_keys_rerotated, n_more * length + n_more * (n_more - 1) / 2);
      EXPECT_EQ(by_block.n_frequency_changes, 2);
      EXPECT_EQ(by_block.n_keys_rerotated, length + length + 8);
    }
  }
}

// ---- Batches and chunks -----------------------------------------------------------------------

// The tokens of different sequences are computed separately, so all bits must be equal.
TYPED_TEST(engine_of, ragged_batch_equals_each_sequence_alone) {
  using T = TypeParam;
  // The prompts of three sequences, and the step in which each prompt comes.
  const std::vector<std::size_t> n_prompt{5, 30, 1}, joins{0, 4, 7};
  constexpr std::size_t n_steps = 36;
  for (const scaled_model& scaled : support::scaled_models()) {
    for (const key_storage storage : {key_storage::rotated, key_storage::unrotated}) {
      const auto m = support::small_model<T>(scaled.method);
      decoder<T> together(m, storage);
      std::vector<decoder<T>> alone(3, decoder<T>(m, storage));
      std::vector<std::vector<int>> tokens;
      for (std::size_t s = 0; s < 3; ++s) {
        together.add_sequence();
        alone[s].add_sequence();
        tokens.push_back(support::random_tokens(n_prompt[s] + n_steps, s));
      }
      for (std::size_t now = 0; now < n_steps; ++now) {
        std::vector<typename decoder<T>::input> batch;
        // The newest sequence comes first, so that inputs and sequences have different orders.
        for (std::size_t s = 3; s-- > 0;) {
          if (now == joins[s]) {
            batch.push_back({s,
                             {tokens[s].begin(),
                              tokens[s].begin() + static_cast<std::ptrdiff_t>(n_prompt[s])}});
          } else if (now > joins[s]) {
            batch.push_back({s, {tokens[s][n_prompt[s] + now]}});
          }
        }
        const engine::matrix<T> logits = together.step(batch);
        for (std::size_t i = 0; i < batch.size(); ++i) {
          const auto expected = support::step(alone[batch[i].sequence], 0, batch[i].tokens);
          ASSERT_EQ(support::row_of(logits, i), expected)
              << scaled.name << ", step " << now << ", sequence " << batch[i].sequence;
        }
      }
    }
  }
}

/// The logits after a prompt that is processed in chunks, and after each further token.
template <class T>
std::vector<support::logits<T>> in_chunks(const engine::model<T>& m, const std::vector<int>& tokens,
                                          std::size_t n_prompt, std::size_t chunk,
                                          const length_policy& policy) {
  decoder<T> d(m);
  d.add_sequence(policy);
  std::vector<support::logits<T>> all(1);
  for (std::size_t t = 0; t < n_prompt; t += chunk) {
    const std::size_t end = std::min(t + chunk, n_prompt);
    all[0] = support::step(d, 0,
                           {tokens.begin() + static_cast<std::ptrdiff_t>(t),
                            tokens.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  for (auto& later : support::decode(d, 0, tokens, n_prompt)) {
    all.push_back(std::move(later));
  }
  return all;
}

// With static methods, the result of a token does not depend on the chunk that contains the token.
// With dynamic methods the same holds if all chunks have the frequencies for the length of the
// prompt.
TYPED_TEST(engine_of, chunks_equal_one_prefill) {
  using T = TypeParam;
  constexpr std::size_t n_prompt = 40, n_tokens = 50;
  const std::vector<int> tokens = support::random_tokens(n_tokens, 4);
  for (const scaled_model& scaled : support::scaled_models()) {
    const auto m = support::small_model<T>(scaled.method);
    length_policy policy;
    policy.at_least = scaled.is_dynamic ? static_cast<std::int64_t>(n_prompt) : 0;
    const auto expected = in_chunks(m, tokens, n_prompt, n_prompt, length_policy{});
    for (const std::size_t chunk : {1U, 7U, 16U}) {
      EXPECT_EQ(in_chunks(m, tokens, n_prompt, chunk, policy), expected)
          << scaled.name << ", chunks of " << chunk;
    }
  }
}

// If the length of the prompt is not known, each chunk has the frequencies of its own step. Keys
// are rerotated, so with one layer only rounding errors remain. Deeper layers keep keys and values
// that were computed with the earlier frequencies.
TEST(engine, chunks_of_a_dynamic_method_keep_the_frequencies_of_their_step) {
  constexpr std::size_t n_prompt = 40;
  const std::vector<int> tokens = support::random_tokens(n_prompt, 4);
  for (const scaled_model& scaled : support::scaled_models()) {
    if (!scaled.is_dynamic) {
      continue;
    }
    const auto distance_with = [&](int n_layers) {
      const auto m = support::small_model<double>(scaled.method, n_layers);
      return support::distance(in_chunks(m, tokens, n_prompt, n_prompt, {}),
                               in_chunks(m, tokens, n_prompt, 1, {}));
    };
    expect_within("chunks, one layer, " + scaled.name, distance_with(1),
                  support::condition(scaled.method, tokens, n_prompt - 1, 1) * (n_prompt + 1) *
                      support::rotation_error<double>);
    const real of_two_layers = distance_with(2);
    EXPECT_GT(of_two_layers, 1e-3L) << scaled.name;
    if (prints_errors()) {
      std::printf("chunks, two layers, %-31s %.1e\n", scaled.name.c_str(),
                  static_cast<double>(of_two_layers));
    }
  }
}

// ---- Dropped tokens ---------------------------------------------------------------------------

TYPED_TEST(engine_of, dropping_tokens_equals_keys_rotated_at_their_new_positions) {
  using T = TypeParam;
  constexpr std::size_t n_tokens = 100;
  constexpr Eigen::Index window = 32, n_keep = 3, n_dropped = 13;
  const std::vector<int> tokens = support::random_tokens(n_tokens, 5);
  for (const scaled_model& scaled : support::scaled_models()) {
    const auto m = support::small_model<T>(scaled.method);
    decoder<T> moved(m, key_storage::rotated), anew(m, key_storage::unrotated), full(m);
    for (decoder<T>* d : {&moved, &anew, &full}) {
      d->add_sequence();
    }
    real largest = 0, from_full = 0;
    std::int64_t n_drops = 0;
    for (const int token : tokens) {
      if (moved.cache_of(0).n_tokens() == window) {
        moved.drop(0, n_keep, n_dropped);
        anew.drop(0, n_keep, n_dropped);
        ++n_drops;
      }
      const auto logits = support::step(moved, 0, {token});
      largest = std::max(largest, support::distance(logits, support::step(anew, 0, {token})));
      from_full = support::distance(logits, support::step(full, 0, {token}));
    }
    EXPECT_EQ(n_drops, 6);
    const auto n_rotations = static_cast<real>(n_drops + moved.so_far().n_frequency_changes + 1);
    expect_within("drops, " + scaled.name, largest,
                  support::condition(scaled.method, tokens, 0) * (n_rotations + 1) *
                      support::rotation_error<T>);
    EXPECT_GT(from_full, 0.01L) << scaled.name << ": nothing was forgotten";
  }
}

// If the last tokens are dropped (a rejected draft), no key moves, and decoding continues as
// before.
TYPED_TEST(engine_of, dropping_the_last_tokens_undoes_them) {
  using T = TypeParam;
  const std::vector<int> tokens = support::random_tokens(40, 6);
  for (const scaled_model& scaled : support::scaled_models()) {
    if (scaled.is_dynamic) {
      continue; // rerotation to the longer length and back has rounding errors
    }
    for (const key_storage storage : {key_storage::rotated, key_storage::unrotated}) {
      const auto m = support::small_model<T>(scaled.method);
      decoder<T> d(m, storage), straight(m, storage);
      d.add_sequence();
      straight.add_sequence();
      support::step(d, 0, {tokens.begin(), tokens.begin() + 20});
      support::step(straight, 0, {tokens.begin(), tokens.begin() + 20});
      support::step(d, 0, {1, 2, 3, 4});
      d.drop(0, 20, 4);
      EXPECT_EQ(support::decode(d, 0, tokens, 20), support::decode(straight, 0, tokens, 20))
          << scaled.name;
      d.drop(0, 0, 40);
      decoder<T> fresh(m, storage);
      fresh.add_sequence();
      EXPECT_EQ(support::decode(d, 0, tokens, 0), support::decode(fresh, 0, tokens, 0))
          << scaled.name;
    }
  }
}

// ---- 16-bit caches ----------------------------------------------------------------------------

TEST(engine, bfloat16_cache_differs_by_its_rounding_only) {
  constexpr std::size_t n_tokens = 60;
  const std::vector<int> tokens = support::random_tokens(n_tokens, 8);
  for (const scaled_model& scaled : support::scaled_models()) {
    for (const key_storage storage : {key_storage::rotated, key_storage::unrotated}) {
      const auto m = support::small_model<float>(scaled.method);
      decoder<float> exact(m, storage);
      decoder<float, Eigen::bfloat16> rounded(m, storage);
      exact.add_sequence();
      rounded.add_sequence();
      const auto largest = support::distance(support::decode(exact, 0, tokens, 0),
                                             support::decode(rounded, 0, tokens, 0));
      // Unrotated keys are rounded only once, however often the frequencies change.
      const bool rotated = storage == key_storage::rotated;
      const auto n_roundings =
          static_cast<real>(rotated ? 1 + rounded.so_far().n_frequency_changes : 1);
      expect_within(std::string("bfloat16, ") + (rotated ? "" : "unrotated, ") + scaled.name,
                    largest,
                    support::condition(scaled.method, tokens, 0) * n_roundings *
                        support::rotation_error<Eigen::bfloat16>);
    }
  }
}

// ---- Refusals ---------------------------------------------------------------------------------

TEST(engine, refuses_invalid_steps) {
  const auto m = support::small_model<float>(yarn::default_scaling{});
  decoder<float> d(m);
  d.add_sequence();
  EXPECT_THROW(d.step({}), std::invalid_argument);
  EXPECT_THROW(d.step({{1, {1}}}), std::invalid_argument);
  EXPECT_THROW(d.step({{0, {}}}), std::invalid_argument);
  EXPECT_THROW(d.step({{0, {1}}, {0, {2}}}), std::invalid_argument);
  EXPECT_THROW(d.step({{0, {64}}}), std::invalid_argument);
  EXPECT_THROW(d.step({{0, {-1}}}), std::invalid_argument);
  EXPECT_THROW(d.drop(0, 0, 1), std::invalid_argument);
  EXPECT_EQ(d.cache_of(0).n_tokens(), 0);
  EXPECT_EQ(d.so_far().n_tokens, 0);
}

} // namespace
