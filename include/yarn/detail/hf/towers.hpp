// SPDX-License-Identifier: MIT
// Vision towers of transformers 5.12.1 that rotate their heads. The tower of Sam 3 is not in the
// table. Most of these facts are constants in the classes, so that no configuration has them.
// tests/reference/axis_rotations.json records the rotations of these classes.
#ifndef YARN_DETAIL_HF_TOWERS_HPP
#define YARN_DETAIL_HF_TOWERS_HPP

#include "tables.hpp"
#include "value.hpp"

#include <string_view>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

enum class hf_tower_kind {
  unknown,
  restarting, // each axis has the frequencies theta^(-2i/w), w = 2 * pairs of the axis
  even_odd,   // h has the frequencies 0, 2, 4 ... of the whole head, w has 1, 3, 5 ...
  refused,    // `note` says why
};

// The facts about a tower.
struct hf_tower_model {
  const char* model_type = nullptr;
  hf_tower_kind kind = hf_tower_kind::unknown;
  const char* axis_names = "hw";
  const char* width_key = "hidden_size"; // width of all heads
  double rope_theta = 10e3;
  bool reads_theta = false;    // else rope_theta is a constant of the class
  bool reads_head_dim = false; // else head_dim is the width of all heads / their number
  bool has_remainder = false;  // the last elements of a head may remain unrotated
  bool is_whole_model = false; // the configuration of the tower may stand alone
  bool has_pairing = true;     // false: neither pairing describes a whole head
  yarn::pairing pairing = yarn::pairing::half_split;
  const char* note = nullptr;
};

// Each member function sets one column of the table below.
struct hf_tower_columns : hf_tower_model {
  constexpr explicit hf_tower_columns(hf_tower_kind chosen) { kind = chosen; }
  // This function is defined before its uses: otherwise clang 14 instantiates the function too late
  // for a constant.
  template <class Value>
  constexpr hf_tower_columns with(Value hf_tower_model::*column, Value value) const {
    hf_tower_columns changed = *this;
    changed.*column = value;
    return changed;
  }
  constexpr hf_tower_columns axes(const char* names) const {
    return with(&hf_tower_model::axis_names, names);
  }
  constexpr hf_tower_columns width_from(const char* key) const {
    return with(&hf_tower_model::width_key, key);
  }
  constexpr hf_tower_columns theta_from_key_or(double value) const {
    return with(&hf_tower_model::reads_theta, true).with(&hf_tower_model::rope_theta, value);
  }
  constexpr hf_tower_columns head_dim_from_key() const {
    return with(&hf_tower_model::reads_head_dim, true);
  }
  constexpr hf_tower_columns remainder() const {
    return with(&hf_tower_model::has_remainder, true);
  }
  constexpr hf_tower_columns alone() const { return with(&hf_tower_model::is_whole_model, true); }
  constexpr hf_tower_columns interleaved() const {
    return with(&hf_tower_model::pairing, yarn::pairing::interleaved);
  }
  constexpr hf_tower_columns without_pairing() const {
    return with(&hf_tower_model::has_pairing, false);
  }
  constexpr hf_tower_columns says(const char* text) const {
    return with(&hf_tower_model::note, text);
  }
};

inline constexpr hf_tower_columns hf_restarting{hf_tower_kind::restarting};
inline constexpr hf_tower_columns hf_even_odd{hf_tower_kind::even_odd};
inline constexpr hf_tower_columns hf_refused{hf_tower_kind::refused};
// clang-format off
// The model types are without "_vision" and similar endings (hf_tower_family).
inline constexpr hf_table_row<hf_tower_model> hf_towers[] = {
    {hf_restarting, {
        "ernie4_5_vl_moe", "exaone4_5", "glm46v", "glm4v", "glm4v_moe", "glm_ocr", "paddleocr_vl",
        "qwen2_5_omni", "qwen2_5_vl", "qwen3_5", "qwen3_5_moe", "qwen3_omni_moe", "qwen3_vl",
        "qwen3_vl_moe", "video_llama_3"}},
    {hf_restarting.width_from("embed_dim"), {"qwen2_vl"}},
    {hf_restarting.alone().says(
        "the class token, in front of the patches, is rotated by angles that are weights, and not "
        "by these frequencies"), {"mlcd"}},
    {hf_restarting.axes("thw").theta_from_key_or(10e3).remainder(), {"minimax_m3_vl"}},
    {hf_restarting.axes("wh").theta_from_key_or(10e3).interleaved().says(
        "coordinates count from 1: the first patch has the position w = 1, h = 1; the class token, "
        "after the patches, is not rotated"), {"llama4"}},
    {hf_restarting.axes("wh").theta_from_key_or(100).head_dim_from_key().without_pairing().says(
        "the pairs are half_split within each half of a head: rotate a view of the first half with "
        "the first half of the pairs (w), and a view of the second half with the others (h)"),
        {"gemma4"}},
    {hf_even_odd.theta_from_key_or(10e3).head_dim_from_key(), {"mistral3"}},
    {hf_even_odd.theta_from_key_or(10e3).head_dim_from_key().alone(), {"pixtral"}},
    {hf_refused.alone().says(
        "positions are fractions: patch p of n is at (2 p + 1) / n - 1, with the frequencies "
        "2 pi theta^(-4 i / head_dim); for each axis, call frequencies_from with these frequencies "
        "divided by n, use the positions 2 p + 1 - n, and join the axes"),
        {"dinov3_vit", "eomt_dinov3", "sapiens2"}},
    {hf_refused.alone().says("the two elements of a pair turn by different angles, which no "
                             "rotation does"), {"vjepa2"}},
};
// clang-format on

// The model type without the endings that the classes of towers have.
inline std::string hf_tower_family(std::string model_type) {
  for (const std::string_view ending : {"_model", "_encoder", "_thinker", "_vision"})
    if (model_type.size() > ending.size() &&
        model_type.compare(model_type.size() - ending.size(), ending.size(), ending) == 0)
      model_type.resize(model_type.size() - ending.size());
  return model_type;
}

inline hf_tower_model hf_find_tower(const std::string& family) {
  return hf_find_facts(hf_towers, family);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
