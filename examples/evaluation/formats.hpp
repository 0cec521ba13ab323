// SPDX-License-Identifier: MIT
// Number formats of cached keys: the loss if keys are rounded to a format when they are stored, and
// after they have been moved in that format (K-shift), which rounds them again.
#ifndef YARN_EXAMPLES_EVALUATION_FORMATS_HPP
#define YARN_EXAMPLES_EVALUATION_FORMATS_HPP

#include "measure.hpp"
#include "table.hpp"

#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>

namespace evaluation {

/// Keys are written as if they were n_moves * distance positions later, and then moved back in
/// n_moves steps.
struct key_moves {
  Index n_moves = 0;
  Index distance = 0;
};

namespace detail {

template <class Cache>
void store_and_move(const yarn::heads_view<float>& keys, const Cache& cache,
                    const yarn::frequencies& f, yarn::pairing pairing, const key_moves& moves) {
  const auto by = [&](Index distance) {
    return std::vector<std::int64_t>(static_cast<std::size_t>(keys.n_tokens()), distance);
  };
  const yarn::frequencies move = yarn::unscaled(f);
  const auto away = by(moves.n_moves * moves.distance), back = by(-moves.distance);
  if (moves.n_moves > 0)
    yarn::rope_apply(keys, yarn::rows_of(move, yarn::positions(away)), pairing);
  yarn::copy_heads(keys, cache);
  for (Index i = 0; i < moves.n_moves; ++i)
    yarn::rope_apply(cache, yarn::rows_of(move, yarn::positions(back)), pairing);
  yarn::copy_heads(cache, keys);
}

} // namespace detail

inline std::vector<std::string> format_names() {
  return {"float32", "float16", "bfloat16", "float8_e4m3", "float8_e5m2", "q8_0", "q5_1", "q4_0"};
}

/// Passes keys through a cache of this format.
inline void pass_through(const std::string& format, view<float> keys, const model_config& c,
                         const yarn::frequencies& f, const key_moves& moves) {
  const Index n = keys.rows, heads = c.n_kv_heads, dim = c.head_dim;
  const auto view_of_keys =
      yarn::heads_view<float>{keys.data, n, heads, dim}.with_strides(keys.stride, dim);
  const auto elements = [&](auto zero) {
    std::vector<decltype(zero)> memory(static_cast<std::size_t>(n * heads * dim), zero);
    detail::store_and_move(view_of_keys, yarn::heads_view{memory.data(), n, heads, dim}, f,
                           c.pairing, moves);
  };
  const auto blocks = [&](const auto& block_format) {
    const Index size = block_format.head_bytes(dim);
    std::vector<std::byte> memory(static_cast<std::size_t>(n * heads * size));
    detail::store_and_move(
        view_of_keys,
        yarn::stored(yarn::heads_view{memory.data(), n, heads, size}, block_format, dim), f,
        c.pairing, moves);
  };
  if (format == "float32")
    elements(float{});
  else if (format == "float16")
    elements(yarn::float16{});
  else if (format == "bfloat16")
    elements(yarn::bfloat16{});
  else if (format == "float8_e4m3")
    elements(yarn::float8_e4m3{});
  else if (format == "float8_e5m2")
    elements(yarn::float8_e5m2{});
  else if (format == "q8_0")
    blocks(yarn::q8_0{});
  else if (format == "q5_1")
    blocks(yarn::q5_1{});
  else if (format == "q4_0")
    blocks(yarn::q4_0{});
  else
    complain("unknown format '" + format + "'");
}

/// The loss with keys in each format, without and with moves. `change` is the difference from
/// float32 without moves, passage by passage.
inline table key_formats(const evaluation_input& in, named_values& arguments) {
  const auto method = arguments.take_or<std::string>("method", "yarn");
  const auto length = arguments.take_or<Index>("length", 4 * in.context());
  const auto distance = arguments.take_or<Index>("distance", in.context() / 4);
  const auto n_moves =
      list_from_text<Index>("n_moves", arguments.take_or<std::string>("n_moves", "0,1,16,64"));
  std::vector<std::string> formats = format_names();
  if (arguments.has("formats"))
    formats = list_from_text<std::string>("formats", arguments.require<std::string>("formats"));
  const common_options o(arguments, in.context());
  arguments.require_empty();
  const auto passages = choose_passages(in, o.n_passages, length);
  const auto f = frequencies_for(method, in.model.config, o.numbers, length);
  const matrix<float> exact = score(in, passages, rotated_by(f)).nats;
  table t{{"format", "n_moves", "nats_per_byte", "error95", "change", "change_error95"}, {}};
  for (const std::string& format : formats)
    for (const Index n : n_moves) {
      const scores s = score(in, passages, [&](decoder<float>& run, std::size_t) {
        run.rotate_by(f);
        observer<float> through_cache;
        through_cache.on_keys = [&in, &f, format, n, distance](Index, view<float> keys) {
          pass_through(format, keys, in.model.config, f, {n, distance});
        };
        run.observe(through_cache);
      });
      const estimate e = mean_nats(s.nats, 0, length);
      const estimate change = mean_nats(s.nats - exact, 0, length);
      t.add(format, n, e.mean, e.error, change.mean, change.error);
    }
  return t;
}

} // namespace evaluation

#endif
