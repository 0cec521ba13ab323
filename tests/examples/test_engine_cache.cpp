// SPDX-License-Identifier: MIT
// The cache of the example engine. Its keys are compared with the exact rotation of the unrotated
// keys: after changes of the frequencies, after dropped tokens, and after a thousand changes, in
// float, double and bfloat16. YARN_PRINT_ERRORS=1 prints the measured errors.
#include "../support/engine_runs.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

namespace {

using engine::key_storage;
using engine::kv_cache;
using support::real;

// The type of the computation, and the type of the stored keys.
struct in_double {
  using computed = double;
  using cached = double;
};
struct in_float {
  using computed = float;
  using cached = float;
};
struct in_bfloat16 {
  using computed = float;
  using cached = Eigen::bfloat16;
};
using formats = ::testing::Types<in_double, in_float, in_bfloat16>;
struct format_names {
  template <class Format> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::is_same_v<Format, in_double>  ? "double"
           : std::is_same_v<Format, in_float> ? "float"
                                              : "bfloat16";
  }
};

bool prints_errors() {
  const char* const value = std::getenv("YARN_PRINT_ERRORS");
  return value != nullptr && *value == '1';
}

real relative_distance(const std::vector<real>& found, const std::vector<real>& expected) {
  real off = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    off += (found[i] - expected[i]) * (found[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::isnan(off) ? HUGE_VALL : std::sqrt(off / size);
}

/// Random unrotated keys, and caches that hold these keys.
template <class Format> class cache_of : public ::testing::Test {
protected:
  using computed = typename Format::computed;
  using cached = typename Format::cached;
  using cache = kv_cache<computed, cached>;
  static constexpr Eigen::Index n_tokens = 60;

  cache_of() : config(support::small_config(yarn::default_scaling{}, 2)) {
    config.head_dim = 64;
    config.rope_theta = 10000;
    support::random_source random(21);
    for (const auto layer : {0U, 1U}) {
      raw[layer].resize(n_tokens, config.kv_size());
      for (computed& element : raw[layer].reshaped()) {
        element = static_cast<computed>(random.number(-2, 2));
      }
    }
  }

  yarn::frequencies at(const yarn::any_scaling& method, std::int64_t length) const {
    return yarn::make_frequencies(config.rope(), method, length);
  }

  /// A cache with the keys, rotated by `start`.
  cache filled(const yarn::frequencies& start, key_storage storage = key_storage::rotated) {
    cache c(config, storage, start);
    c.begin_step(n_tokens, start);
    for (const auto layer : {0U, 1U}) {
      auto rows = raw[layer];
      if (storage == key_storage::rotated) {
        engine::rope_rows<computed> cos_sin;
        cos_sin.assign(start, yarn::positions_from(0, n_tokens));
        yarn::rope_copy(yarn::heads_view{rows.data(), n_tokens, config.n_kv_heads, config.head_dim},
                        c.keys(layer, 0, n_tokens), cos_sin, engine::rope_pairing);
      } else {
        c.store_keys(layer, 0, rows);
      }
      c.store_values(layer, 0, rows);
    }
    return c;
  }

  /// The largest relative error of a head. The exact value of head i is that of token
  /// `token_at(i)`, rotated by `now` at position first_position + i.
  template <class TokenAt>
  real error_of(const cache& c, const yarn::frequencies& now, const TokenAt& token_at,
                std::int64_t first_position = 0) const {
    real worst = 0;
    for (const auto layer : {0U, 1U}) {
      for (Eigen::Index head = 0; head < config.n_kv_heads; ++head) {
        const auto keys = c.key_head(layer, head);
        for (Eigen::Index i = 0; i < c.n_tokens(); ++i) {
          std::vector<real> expected, found;
          for (Eigen::Index d = 0; d < config.head_dim; ++d) {
            found.push_back(static_cast<real>(static_cast<computed>(keys(i, d))));
            expected.push_back(
                static_cast<real>(raw[layer](token_at(i), head * config.head_dim + d)));
          }
          support::rotate_head(expected.data(), first_position + i, now);
          worst = std::max(worst, relative_distance(found, expected));
        }
      }
    }
    return worst;
  }
  real error_of(const cache& c, const yarn::frequencies& now) const {
    return error_of(c, now, [](Eigen::Index i) { return i; });
  }

  engine::model_config config;
  engine::matrix<computed> raw[2];
};
TYPED_TEST_SUITE(cache_of, formats, format_names);

yarn::any_scaling growing_ntk() {
  yarn::dynamic_ntk_scaling method;
  method.factor = 2;
  method.max_position_embeddings = 64;
  return method;
}
yarn::any_scaling growing_yarn() {
  yarn::dynamic_yarn_scaling method;
  method.original_max_position_embeddings = 64;
  return method;
}

// Every rotation adds at most the error of one rotation. `n` counts the rotations.
TYPED_TEST(cache_of, keys_follow_every_change_of_scale) {
  const real each = support::rotation_error<typename TestFixture::cached>;
  for (const auto& method : {growing_ntk(), growing_yarn()}) {
    auto c = this->filled(this->at(method, 64));
    EXPECT_LE(this->error_of(c, this->at(method, 64)), each);
    real n = 1;
    // The scale grows, grows much, shrinks, and returns to the first one.
    for (const std::int64_t length : {65, 4000, 90, 10}) {
      const yarn::frequencies now = this->at(method, length);
      EXPECT_GT(this->error_of(c, now), 0.01L) << "the scale did not change";
      EXPECT_EQ(c.begin_step(0, now), this->n_tokens);
      EXPECT_LE(this->error_of(c, now), ++n * each) << length;
      EXPECT_EQ(c.begin_step(0, now), 0) << "rotated twice";
      EXPECT_LE(this->error_of(c, now), n * each) << length;
    }
  }
}

TYPED_TEST(cache_of, dropped_tokens_move_the_others) {
  const real each = support::rotation_error<typename TestFixture::cached>;
  for (const auto& method : {growing_ntk(), growing_yarn()}) {
    const yarn::frequencies start = this->at(method, 100);
    auto c = this->filled(start);
    c.drop(4, 13);
    ASSERT_EQ(c.n_tokens(), this->n_tokens - 13);
    const auto kept = [](Eigen::Index i) { return i < 4 ? i : i + 13; };
    EXPECT_LE(this->error_of(c, start, kept), 2 * each);
    EXPECT_GT(this->error_of(c, start), 0.1L);
    // The shorter sequence has another scale.
    const yarn::frequencies now = this->at(method, 87);
    c.begin_step(0, now);
    EXPECT_LE(this->error_of(c, now, kept), 3 * each);
    for (const auto layer : {0U, 1U}) { // values are not rotated
      for (Eigen::Index i = 0; i < c.n_tokens(); ++i) {
        EXPECT_EQ(c.value_head(layer, 1)(i, 5),
                  static_cast<typename TestFixture::cached>(
                      this->raw[layer](kept(i), this->config.head_dim + 5)));
      }
    }
  }
}

// Keys that get other positions in a sequence of another length are rerotated at their old
// positions, and then moved.
TYPED_TEST(cache_of, fragments_join_other_sequences) {
  constexpr std::int64_t moved_by = 1000;
  const std::vector<std::int64_t> distances(static_cast<std::size_t>(this->n_tokens), moved_by);
  for (const auto& method : {growing_ntk(), growing_yarn()}) {
    auto c = this->filled(this->at(method, 64));
    const yarn::frequencies to = this->at(method, 1500);
    c.begin_step(0, to);
    for (const auto layer : {0U, 1U}) {
      yarn::rope_apply(c.keys(layer, 0, this->n_tokens),
                       yarn::rows_of(yarn::unscaled(to), yarn::positions(distances)),
                       engine::rope_pairing);
    }
    EXPECT_LE(this->error_of(
                  c, to, [](Eigen::Index i) { return i; }, moved_by),
              3 * support::rotation_error<typename TestFixture::cached> + moved_by * 0x1p-62L);
  }
}

// Angles are added exactly, so only the roundings of the results accumulate. The roundings do not
// cancel as in a random walk. If a rotation changes an element by less than half a unit, the change
// is lost every time, and the error grows with the number of rotations.
TYPED_TEST(cache_of, a_thousand_changes_of_scale) {
  const real each = support::rotation_error<typename TestFixture::cached>;
  const auto report = [each](const char* what, std::int64_t n, real error, real first) {
    if (prints_errors()) {
      std::printf("%4d %-20s %.2e, %.1f times the first error, %.2f of the bound\n",
                  static_cast<int>(n), what, static_cast<double>(error),
                  static_cast<double>(error / first),
                  static_cast<double>(error / (each * static_cast<real>(n + 1))));
    }
    EXPECT_LE(error, each * static_cast<real>(n + 1)) << what << " " << n;
  };
  for (const auto& method : {growing_ntk(), growing_yarn()}) {
    const yarn::frequencies start = this->at(method, 64), end = this->at(method, 1064);
    auto each_token = this->filled(start), in_blocks = each_token, at_once = each_token;
    const real first = this->error_of(each_token, start);
    for (std::int64_t n = 1; n <= 1000; ++n) {
      const yarn::frequencies now = this->at(method, 64 + n);
      each_token.begin_step(0, now);
      if (n == 1 || n == 10 || n == 100 || n == 1000) {
        report("rerotations", n, this->error_of(each_token, now), first);
      }
    }
    for (std::int64_t n = 1; n <= 8; ++n) {
      in_blocks.begin_step(0, this->at(method, 64 + 125 * n));
    }
    at_once.begin_step(0, end);
    report("in blocks of 125", 8, this->error_of(in_blocks, end), first);
    report("at once", 1, this->error_of(at_once, end), first);
    EXPECT_GT(this->error_of(each_token, end), 4 * this->error_of(in_blocks, end))
        << "docs/dynamic-methods.md says that blocks are worth it";
  }
}

// Keys that are stored unrotated and rotated in every step always have the error of one rotation,
// even if the stored type is narrow.
TYPED_TEST(cache_of, unrotated_keys_keep_their_precision) {
  for (const auto& method : {growing_ntk(), growing_yarn()}) {
    auto c = this->filled(this->at(method, 64), key_storage::unrotated);
    for (std::int64_t length = 65; length <= 164; ++length) {
      EXPECT_EQ(c.begin_step(0, this->at(method, length)), 0);
    }
    c.drop(4, 13);
    const yarn::frequencies now = this->at(method, 151);
    c.begin_step(0, now);
    c.rotate_to_scratch(1);
    for (Eigen::Index i = 0; i < c.n_tokens(); ++i) {
      std::vector<real> expected, found;
      for (Eigen::Index d = 0; d < this->config.head_dim; ++d) {
        expected.push_back(static_cast<real>(static_cast<double>(
            typename TestFixture::cached(this->raw[1](i < 4 ? i : i + 13, d)))));
        found.push_back(static_cast<real>(c.scratch_key_head(0)(i, d)));
      }
      support::rotate_head(expected.data(), i, now);
      EXPECT_LE(relative_distance(found, expected),
                support::rotation_error<typename TestFixture::computed>);
    }
  }
}

// Keys for a narrower cache are rotated in float and rounded once. Their bits are those of rounded
// float keys.
TEST(bfloat16_cache, holds_the_rounded_float_keys_to_the_bit) {
  const std::vector<int> tokens = support::random_tokens(20, 9);
  const auto m = support::small_model<float>(yarn::default_scaling{});
  engine::decoder<float> exact(m);
  engine::decoder<float, Eigen::bfloat16> rounded(m);
  for (int sequence = 0; sequence < 2;
       ++sequence) { // The rows of the second sequence follow those of the first.
    exact.add_sequence();
    rounded.add_sequence();
  }
  exact.step({{0, {1, 2, 3}}, {1, tokens}});
  rounded.step({{0, {1, 2, 3}}, {1, tokens}});
  for (Eigen::Index head = 0; head < 2; ++head) {
    const auto expected = exact.cache_of(1).key_head(0, head);
    const auto stored = rounded.cache_of(1).key_head(0, head);
    for (Eigen::Index t = 0; t < 20; ++t) {
      for (Eigen::Index d = 0; d < 16; ++d) {
        ASSERT_EQ(static_cast<float>(stored(t, d)),
                  static_cast<float>(Eigen::bfloat16(expected(t, d))));
      }
    }
  }
}

} // namespace
