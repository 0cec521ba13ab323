// SPDX-License-Identifier: MIT
// Dynamic methods with a cache. The frequencies change with the length, and cached keys have those
// of the time when they were written. The text is read in chunks, as a program reads a prompt:
//
//     stale        cached keys stay as they are
//     rerotated    yarn::rerotation brings them to the frequencies of the chunk
//     recomputed   no cache: all tokens are run again for each chunk
//
// With rerotated keys, keys and values still depend on earlier frequencies through the layers
// below. With recomputed keys they do not.
#ifndef YARN_EXAMPLES_EVALUATION_CACHED_KEYS_HPP
#define YARN_EXAMPLES_EVALUATION_CACHED_KEYS_HPP

#include "measure.hpp"
#include "table.hpp"

namespace evaluation {

enum class cached_keys { stale, rerotated, recomputed };
inline const char* name_of(cached_keys k) {
  return k == cached_keys::stale       ? "stale"
         : k == cached_keys::rerotated ? "rerotated"
                                       : "recomputed";
}

/// Brings the rotated keys of a cache from one rotation to another.
inline void rerotate(key_cache<float>& cache, const model_config& c, const yarn::frequencies& from,
                     const yarn::frequencies& to) {
  yarn::rotary_rows<float> rows;
  rows.assign(yarn::rerotation(from, to), yarn::positions_from(0, cache.n_tokens));
  for (matrix<float>& keys : cache.keys)
    yarn::rope_apply(yarn::heads_view<float>{keys.data(), cache.n_tokens, c.n_kv_heads, c.head_dim},
                     rows, c.pairing);
}

/// The loss of each byte of a passage after its first, read in chunks. frequencies_at(n) are those
/// for n tokens.
inline vector<float>
nats_by_chunks(const model<float>& m, const bytes& passage, Index chunk, cached_keys kind,
               const std::function<yarn::frequencies(Index n_tokens)>& frequencies_at) {
  const auto* const tokens = reinterpret_cast<const std::uint8_t*>(passage.data());
  const Index n = static_cast<Index>(passage.size()) - 1;
  if (chunk < 1 || n % chunk != 0)
    complain("chunk must divide the length");
  vector<float> nats(n);
  key_cache<float> cache(m.config, n);
  decoder<float> run(m.config, 1, chunk);
  run.continue_from(cache);
  yarn::frequencies current = frequencies_at(chunk);
  for (Index first = 0; first < n; first += chunk) {
    const yarn::frequencies wanted = frequencies_at(first + chunk);
    if (kind == cached_keys::recomputed) {
      decoder<float> whole(m.config, 1, first + chunk);
      whole.rotate_by(wanted);
      whole.run(m, tokens, tokens + 1);
      nats.segment(first, chunk) = whole.nats().tail(chunk);
      continue;
    }
    if (kind == cached_keys::rerotated)
      rerotate(cache, m.config, current, wanted);
    run.rotate_by(wanted, first);
    run.run(m, tokens + first, tokens + first + 1);
    nats.segment(first, chunk) = run.nats();
    current = wanted;
  }
  return nats;
}

/// The loss by position for dynamic methods and each kind of cached keys.
inline table dynamic_cache(const evaluation_input& in, named_values& arguments) {
  const auto length = arguments.take_or<Index>("length", 4 * in.context());
  const auto chunk = arguments.take_or<Index>("chunk", in.context() / 8);
  const auto bucket = arguments.take_or<Index>("bucket", in.context());
  if (!arguments.has("methods"))
    arguments.set("methods", "dynamic_ntk,dynamic_yarn");
  const common_options o(arguments, in.context());
  arguments.require_empty();
  if (bucket < 1 || length % bucket != 0)
    complain("bucket must divide length");
  const auto passages = choose_passages(in, o.n_passages, length);
  table t{{"method", "keys", "first", "end", "nats_per_byte", "error95"}, {}};
  for (const std::string& method : o.methods)
    for (const auto kind : {cached_keys::stale, cached_keys::rerotated, cached_keys::recomputed}) {
      matrix<float> nats(static_cast<Index>(passages.size()), length);
      for_each_part(passages.size(), in.n_threads, [&](std::size_t i, std::size_t) {
        nats.row(static_cast<Index>(i)) =
            nats_by_chunks(in.model, passages[i], chunk, kind, [&](Index n) {
              return frequencies_for(method, in.model.config, o.numbers, n);
            }).transpose();
      });
      for (Index first = 0; first < length; first += bucket) {
        const estimate e = mean_nats(nats, first, bucket);
        t.add(method, name_of(kind), first, first + bucket, e.mean, e.error);
      }
    }
  return t;
}

} // namespace evaluation

#endif
