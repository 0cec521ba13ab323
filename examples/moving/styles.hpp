// SPDX-License-Identifier: MIT
// The engines of this folder, except for ggml_graph.hpp, behind one function type, so that one
// program can compare all of them.
#ifndef YARN_EXAMPLES_MOVING_STYLES_HPP
#define YARN_EXAMPLES_MOVING_STYLES_HPP

#include "cos_sin_cache.hpp"
#include "eager.hpp"
#include "model.hpp"
#include "scalar_loop.hpp"
#include "table_of_cos_sin.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace moving {

constexpr std::int64_t n_positions = 131072; // of tables and caches

using heads = yarn::heads_view<float>;
using position_list = std::vector<std::int32_t>;
/// Rotates x in place. x is dense. Token t has positions[t].
using rotation = std::function<void(const heads& x, const position_list& positions)>;

struct variant {
  std::string name;
  rotation rotate;
  bool has_float32_angles; // like the engine before its move
};

struct style {
  std::string name;
  model m;
  yarn::pairing order;
  std::vector<variant> variants; // the first is the engine before its move
};

// ---- Adapters: from x[n_tokens][n_heads][head_dim] to the buffers of each style ---------------

template <class Rope> rotation with_heads(std::shared_ptr<Rope> rope) {
  return [rope](const heads& x, const position_list& positions) {
    rope->rotate(x.data(), positions.data(), x.n_tokens(), x.n_heads());
  };
}

/// One token after the other. The last head is the key of the token.
template <class Rope> rotation with_tokens(Rope rope) {
  return [rope](const heads& x, const position_list& positions) mutable {
    rope.s = {1, x.n_heads() - 1, 1, x.head_dim()};
    for (std::int64_t t = 0; t < x.n_tokens(); ++t) {
      float* const token = x.data() + t * x.token_stride();
      rope.forward(token, token + rope.s.q_size(), positions[static_cast<std::size_t>(t)]);
    }
  };
}

/// [batch][head][token][dim]. The tokens are three sequences, or one if three does not divide them.
template <class Rope, class Apply> rotation with_batch(Rope rope, Apply apply) {
  return [rope, apply](const heads& x, const position_list& positions) {
    const std::int64_t n = x.n_tokens(), n_batch = n % 3 == 0 ? 3 : 1;
    const eager::shape s{n_batch, x.n_heads(), n / n_batch, x.head_dim()};
    std::vector<float> from(positions.size() * static_cast<std::size_t>(x.token_stride()));
    std::vector<float> to(from.size());
    // Visits the heads in the order of `from`, with the place of each head in x.
    const auto each_head = [&](const auto& visit) {
      for (std::int64_t b = 0, at = 0; b < s.n_batch; ++b)
        for (std::int64_t h = 0; h < s.n_heads; ++h)
          for (std::int64_t t = 0; t < s.n_tokens; ++t, at += s.dim)
            visit(at, x.data() + (b * s.n_tokens + t) * x.token_stride() + h * s.dim);
    };
    each_head(
        [&](std::int64_t at, const float* head) { std::copy_n(head, s.dim, from.data() + at); });
    const std::vector<std::int64_t> position_ids(positions.begin(), positions.end());
    apply(from.data(), to.data(), rope.forward(position_ids.data(), n), s);
    each_head([&](std::int64_t at, float* head) { std::copy_n(to.data() + at, s.dim, head); });
  };
}

/// Query and key in buffers of their own. The last head is the key.
template <class Source, class Rotate>
rotation with_cache(std::shared_ptr<Source> source, std::int64_t rot_dim, bool is_neox,
                    Rotate rotate) {
  return [=](const heads& x, const position_list& positions) {
    const std::int64_t n_q = x.n_heads() - 1, dim = x.head_dim();
    const cos_sin_cache::shape s{x.n_tokens(), n_q, 1, dim, rot_dim, n_positions};
    std::vector<float> query, key;
    for (std::int64_t t = 0; t < s.n_tokens; ++t) {
      const float* const token = x.data() + t * x.token_stride();
      query.insert(query.end(), token, token + n_q * dim);
      key.insert(key.end(), token + n_q * dim, token + x.token_stride());
    }
    const std::vector<std::int64_t> list(positions.begin(), positions.end());
    rotate(list.data(), query.data(), key.data(), *source, s, is_neox);
    for (std::int64_t t = 0; t < s.n_tokens; ++t) {
      float* const token = x.data() + t * x.token_stride();
      std::copy_n(query.data() + t * n_q * dim, n_q * dim, token);
      std::copy_n(key.data() + t * dim, dim, token + n_q * dim);
    }
  };
}

// ---- The styles -------------------------------------------------------------------------------

inline style table_style() {
  using namespace table_of_cos_sin;
  const model m;
  return {"table of cos and sin",
          m,
          yarn::pairing::half_split,
          {{"before", with_heads(std::make_shared<before::rope>(m, n_positions)), true},
           {"same table", with_heads(std::make_shared<same_table::rope>(m, n_positions)), true},
           {"after", with_heads(std::make_shared<after::rope>(m)), false}}};
}

inline style scalar_style() {
  using namespace scalar_loop;
  const model m;
  after::rope same({}, m);
  same.freqs = same_angles(inv_freq_of<float>(m), 1.0);
  return {"scalar loop",
          m,
          yarn::pairing::interleaved,
          {{"before", with_tokens(before::rope({}, m)), true},
           {"same angles", with_tokens(same), true},
           {"after", with_tokens(after::rope({}, m)), false}}};
}

inline style eager_style() {
  using namespace eager;
  model m;
  m.factor = 32; // Yarn-Llama-2-7b-128k
  return {"eager",
          m,
          yarn::pairing::half_split,
          {{"before", with_batch(before::rope(m), before::apply), true},
           {"same rows", with_batch(same_rows::rope(m), same_rows::apply), true},
           {"after", with_batch(after::rope(m), after::apply), false}}};
}

inline style cache_style(bool is_neox = true) {
  using namespace cos_sin_cache;
  model m;
  m.factor = 32;
  m.rotary_dim = 64;
  const auto rotation_with = [&](auto source, auto rotate) {
    using source_type = std::decay_t<decltype(source)>;
    return with_cache(std::make_shared<source_type>(std::move(source)), m.rotary_dim, is_neox,
                      rotate);
  };
  const auto engine = [](const auto* positions, float* q, float* k, const std::vector<float>& cache,
                         const shape& s, bool neox) {
    before::rotary_embedding(positions, q, k, cache.data(), s, neox);
  };
  const auto ours = [](const auto* positions, float* q, float* k, const std::vector<float>& cache,
                       const shape& s, bool neox) {
    same_cache::rotary_embedding(positions, q, k, cache.data(), s, neox);
  };
  return {"cos_sin_cache",
          m,
          is_neox ? yarn::pairing::half_split : yarn::pairing::interleaved,
          {{"before", rotation_with(before::make_cache(m, n_positions), engine), true},
           {"same cache", rotation_with(before::make_cache(m, n_positions), ours), true},
           {"exact cache", rotation_with(exact_cache::make_cache(m, n_positions), engine), false},
           {"after", rotation_with(frequencies_of(m), after::rotary_embedding), false}}};
}

inline std::vector<style> all_styles() {
  return {table_style(), scalar_style(), eager_style(), cache_style()};
}

} // namespace moving

#endif // YARN_EXAMPLES_MOVING_STYLES_HPP
