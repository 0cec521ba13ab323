// SPDX-License-Identifier: MIT
// The names of keys about RoPE: which keys the reader must read or list, and what a note says about
// a key that is not read.
#ifndef YARN_DETAIL_HF_KEYS_HPP
#define YARN_DETAIL_HF_KEYS_HPP

#include "value.hpp"

#include <algorithm>
#include <iterator>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Whether a key is about RoPE, by its name.
inline bool hf_is_about_rope(const std::string& key) {
  std::string lower = key;
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z')
      letter = static_cast<char>(letter - 'A' + 'a');
  for (const char* word : {"rope", "rotary", "theta", "freq", "temperature", "attn_scale",
                           "dual_chunk", "ntk", "yarn", "mscale", "logn", "llama_4_scaling"})
    if (lower.find(word) != std::string::npos)
      return true;
  return false;
}

// Keys whose names are about RoPE, and that have no effect on it.
struct hf_explained_key {
  const char* key;
  const char* meaning;
};
// clang-format off
inline constexpr hf_explained_key hf_explained_keys[] = {
    // Older files hold the parameters of generation, too.
    {"temperature", "the temperature of sampling, which has no effect on RoPE"},
    {"moe_layer_freq", "it says which layers have experts, which has no effect on RoPE"},
    {"sparse_attention_freq", "it says which layers have sparse attention, with the same RoPE"},
    {"index_topk_freq", "it says in which layers the indexer runs, which has no effect on RoPE"},
    {"indexer_rope_interleave", "the pairing of the heads of the sparse indexer; their frequencies "
                                "are those of the attention"},
    {"original_rope", "the code of ChatGLM stores this key and never uses it"},
    {"use_mrope", "no class reads this key; mrope_section gives axes"},
    {"rotary", "it says that the model rotates"},
    {"flash_rotary", "which kernel rotates"},
    {"use_fused_rope", "which kernel rotates"},
};
// clang-format on

// Why a key has no effect on RoPE; null: it is not known.
inline const char* hf_meaning_of(const std::string& key) {
  for (const hf_explained_key& each : hf_explained_keys)
    if (key == each.key)
      return each.meaning;
  return nullptr;
}

// A key of the dictionaries of RoPE parameters, and the methods that read it. Empty: all methods.
struct hf_parameter {
  const char* key;
  const char* methods;
};
// clang-format off
inline constexpr hf_parameter hf_parameters[] = {
    {"rope_type", ""}, {"type", ""}, {"rope_theta", ""}, {"partial_rotary_factor", ""},
    {"factor", "linear, dynamic, yarn, llama3, longrope and proportional"},
    {"original_max_position_embeddings", "yarn, llama3 and longrope"},
    {"attention_factor", "yarn and longrope"}, {"attn_factor", "yarn"}, {"mscale", "yarn"},
    {"mscale_all_dim", "yarn"}, {"beta_fast", "yarn"}, {"beta_slow", "yarn"}, {"truncate", "yarn"},
    {"extrapolation_factor", "yarn"}, {"apply_yarn_scaling", "yarn"},
    {"low_freq_factor", "llama3"}, {"high_freq_factor", "llama3"},
    {"short_factor", "longrope"}, {"long_factor", "longrope"}, {"short_mscale", "longrope"},
    {"long_mscale", "longrope"}, {"alpha", "dynamic and xdrope"},
    {"mrope_section", "models with several axes"},
    {"mrope_interleaved", "models with several axes"}, {"interleaved", "models with several axes"},
    {"xdrope_section", "models with several axes"}, {"llama_4_scaling_beta", ""}};

// Keys beside the dictionaries.
inline constexpr const char* hf_outer_keys[] = {
    "rope_parameters", "rope_scaling", "rope_theta", "global_rope_theta", "local_rope_theta",
    "rope_local_base_freq", "rope_local_theta", "swa_rope_theta", "compress_rope_theta",
    "rotary_emb_base", "rope_base",
    "rotary_base", "partial_rotary_factor", "partial_rotary_factors", "rotary_pct", "rope_pct",
    "rotary_percentage", "rotary_emb_fraction", "rope_proportion", "rotary_dim", "rope_interleave",
    "rope_interleaved", "rope_embedding_base", "rope_position_scale",
    "rotary_emb_interleaved", "rope_traditional", "rope_ratio", "no_rope_layers",
    "no_rope_layer_interval", "use_rope_layers", "rope_layout", "linear_rope", "attn_use_rope",
    "lightning_use_rope", "use_mem_rope", "yarn_only_types", "use_logn_attn",
    "use_dynamic_ntk", "attn_temperature_tuning", "attn_scale", "dual_chunk_attention_config",
    "qk_rope_head_dim", "llama_4_scaling"};
// clang-format on

inline const hf_parameter* hf_find_parameter(const std::string& key) {
  const auto* found = std::find_if(std::begin(hf_parameters), std::end(hf_parameters),
                                   [&](const hf_parameter& each) { return key == each.key; });
  return found == std::end(hf_parameters) ? nullptr : found;
}

// The edit distance: how many times a letter must be inserted, deleted, replaced or swapped with
// its neighbour to turn one word into the other. If it is above `most`, the result is any number
// above `most`.
inline std::size_t hf_edit_distance(const std::string& a, const std::string& b, std::size_t most) {
  const std::size_t n = a.size(), m = b.size();
  if (n > m + most || m > n + most)
    return most + 1;
  std::vector<std::size_t> before(m + 1), last(m + 1), row(m + 1);
  for (std::size_t j = 0; j <= m; ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= n; ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= m; ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[m];
}

// The known key whose name is nearest to this one. The edit distance is at most 2, and at most a
// fifth of the number of letters of the key. Null: there is none.
inline const char* hf_near_key(const std::string& key, bool is_in_dictionary) {
  if (key.size() > 64)
    return nullptr;
  const char* nearest = nullptr;
  std::size_t least = std::min<std::size_t>(2, key.size() / 5) + 1;
  const auto consider = [&](const char* known) {
    const std::size_t distance = hf_edit_distance(key, known, least - 1);
    if (distance < least) {
      least = distance;
      nearest = known;
    }
  };
  if (is_in_dictionary)
    for (const hf_parameter& parameter : hf_parameters)
      consider(parameter.key);
  else
    for (const char* known : hf_outer_keys)
      consider(known);
  return nearest;
}

// Notes why a key is not read: it belongs to another method, or is misspelt. A key that is neither
// known nor near to a known one is only listed in `unused`.
inline void hf_note_unread(const std::string& name, const std::string& key,
                           const std::string& rope_type, bool is_in_dictionary,
                           std::vector<std::string>& notes) {
  const hf_parameter* known = is_in_dictionary ? hf_find_parameter(key) : nullptr;
  if (known != nullptr && known->methods[0] != '\0')
    hf_note(notes, "{} is not read: it belongs to {}, and the method here is {}", name,
            known->methods, rope_type);
  else if (const char* near_key = hf_near_key(key, is_in_dictionary))
    if (key != near_key)
      hf_note(notes, "{} is not read: misspelt for {}?", name, near_key);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
