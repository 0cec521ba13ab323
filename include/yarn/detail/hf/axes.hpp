// SPDX-License-Identifier: MIT
// Reads which pair of a language model belongs to which axis of positions (M-RoPE).
//
// A configuration has only the sections: how many pairs each axis has. The class of the model
// decides how they are laid out, and ignores a key that says otherwise. So this file has a table of
// the classes of transformers 5.12.1, whose rotations tests/reference/axis_rotations.json records.
// The layout of xdrope_section (HunYuan) is that of vLLM's rotary_embedding/xdrope.py.
#ifndef YARN_DETAIL_HF_AXES_HPP
#define YARN_DETAIL_HF_AXES_HPP

#include "../../axes.hpp"
#include "tables.hpp"
#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Axis 0 is time, 1 height, 2 width.
enum class hf_axis_layout {
  unknown,           // not a class of this table
  side_by_side,      // all pairs of t, then those of h, then those of w
  alternating,       // t h w t h w ..., the rest t; the section of t is never read
  height_width_time, // h w h w ..., then t; the sections are in the order h, w, t
};

// How the class of a model type gives its pairs to axes.
struct hf_axis_rule {
  const char* model_type = nullptr;
  hf_axis_layout layout = hf_axis_layout::unknown;
  int sections[3] = {}; // the default; 0 0 0: none, the configuration must have sections
  yarn::pairing pairing = yarn::pairing::half_split;
};

// Each member function sets one column of the table below.
struct hf_axis_columns : hf_axis_rule {
  constexpr explicit hf_axis_columns(hf_axis_layout chosen) { layout = chosen; }
  constexpr hf_axis_columns sections_default(int first, int second, int third) const {
    hf_axis_columns changed = *this;
    changed.sections[0] = first;
    changed.sections[1] = second;
    changed.sections[2] = third;
    return changed;
  }
  constexpr hf_axis_columns interleaved() const {
    hf_axis_columns changed = *this;
    changed.pairing = yarn::pairing::interleaved;
    return changed;
  }
};

inline constexpr hf_axis_columns hf_side_by_side{hf_axis_layout::side_by_side};
inline constexpr hf_axis_columns hf_alternating{hf_axis_layout::alternating};
inline constexpr hf_axis_columns hf_height_width_time{hf_axis_layout::height_width_time};
// clang-format off
inline constexpr hf_table_row<hf_axis_rule> hf_axis_rules[] = {
    {hf_side_by_side, {
        "paddleocr_vl", "paddleocr_vl_text", "qwen2_5_omni_talker", "qwen2_5_omni_text",
        "qwen2_5_vl", "qwen2_5_vl_text", "qwen2_vl", "qwen2_vl_text"}},
    {hf_side_by_side.sections_default(8, 12, 12), {"glm4v_moe_text", "glm_image_text"}},
    {hf_side_by_side.sections_default(8, 12, 12).interleaved(), {"glm4v_text", "glm_ocr_text"}},
    {hf_alternating.sections_default(24, 20, 20), {
        "qwen3_omni_moe_talker_text", "qwen3_omni_moe_text", "qwen3_vl_moe_text",
        "qwen3_vl_text"}},
    {hf_alternating.sections_default(11, 11, 10), {"qwen3_5_moe_text", "qwen3_5_text"}},
    {hf_height_width_time.sections_default(22, 22, 20).interleaved(), {
        "ernie4_5_moe_vl", "ernie4_5_vl_moe_text"}}, // the former: Baidu's own files
};
// clang-format on

inline hf_axis_rule hf_find_axis_rule(const std::string& model_type) {
  return hf_find_facts(hf_axis_rules, model_type);
}

// The fields of hf_config about axes.
struct hf_axes {
  std::int64_t n_axes = 1;
  std::string names;
  std::vector<std::uint8_t> of_pair;
  std::optional<yarn::pairing> pairing;
};

// Reads the sections of one dictionary of RoPE parameters.
class hf_axis_reader {
public:
  hf_axis_reader(const hf_object& dictionary, const hf_object& config, const rope_shape& shape,
                 std::vector<std::string>& notes)
      : dictionary_(dictionary), config_(config), notes_(notes),
        rule_(hf_find_axis_rule(config.string("model_type"))), n_pairs_(shape.rotated() / 2) {
    static_cast<void>(spectrum(shape)); // refuses shapes with too many pairs for a list
  }

  // rope_type and pairing: as in hf_config.
  hf_axes read(const std::string& rope_type, std::optional<yarn::pairing> pairing) {
    result_.pairing = pairing;
    switch (rule_.layout) {
    case hf_axis_layout::unknown:
      read_unknown();
      return std::move(result_);
    case hf_axis_layout::side_by_side:
      read_class_sections();
      require_sum("mrope_section");
      note_class_layout(false);
      set_side_by_side();
      break;
    case hf_axis_layout::alternating:
      read_class_sections();
      if (sum() != n_pairs_)
        note("{} has {} pairs, the model has {}: the class reads the sections of h and w, and all "
             "other pairs turn with t",
             name_of("mrope_section"), sum(), n_pairs_);
      note_class_layout(true);
      set_alternating();
      break;
    case hf_axis_layout::height_width_time:
      read_height_width_time(rope_type);
      break;
    }
    result_.names = "thw";
    set_pairing();
    return std::move(result_);
  }

private:
  std::string name_of(const char* key) const {
    return dictionary_ ? dictionary_.name_of(key) : config_.name_of("rope_parameters") + '.' + key;
  }
  template <class... Values> void note(const char* format, const Values&... values) {
    hf_note(notes_, format, values...);
  }
  std::int64_t sum() const {
    std::int64_t total = 0;
    for (const std::int64_t section : sections_)
      total += section;
    return total;
  }

  void read_sections(const char* key) {
    for (const double section : dictionary_.numbers(key)) {
      if (!(section >= 0.0 && section <= 8388608.0) || section != std::floor(section))
        fail_argument("yarn: {} holds {}; each section must be a whole number in [0, 2^23]",
                      name_of(key), section);
      sections_.push_back(static_cast<std::int64_t>(section));
    }
  }
  void require_sum(const char* key) const {
    if (sum() != n_pairs_)
      fail_argument("yarn: the sections of {} have {} pairs in sum; the model has {}{}",
                    name_of(key), sum(), n_pairs_,
                    sum() == 2 * n_pairs_ ? ": sections count pairs, not elements" : "");
  }

  // A model type that is not in the table.
  void read_unknown() {
    const bool is_xdrope = dictionary_.has("xdrope_section");
    const char* const key = is_xdrope ? "xdrope_section" : "mrope_section";
    if (!dictionary_.has(key))
      return;
    read_sections(key);
    const auto n = static_cast<std::int64_t>(sections_.size());
    if (n < 2 || n > largest_n_axes)
      fail_argument("yarn: {} has {} sections; there must be 2 to {}", name_of(key), n,
                    largest_n_axes);
    require_sum(key);
    if (is_xdrope) {
      if (n == 4)
        result_.names = "pwht";
      note("{}: the pairs of the axes are side by side, as in vLLM", name_of(key));
      return set_side_by_side();
    }
    const bool alternates = dictionary_.boolean("mrope_interleaved").value_or(false);
    if (alternates && n != 3)
      fail_argument("yarn: {} is true, and {} has {} sections; there must be 3",
                    name_of("mrope_interleaved"), name_of(key), n);
    note("{}: it is not known how model_type {} gives its pairs to the axes: {}", name_of(key),
         config_.has("model_type") ? config_.string("model_type") : "(missing)",
         alternates ? "they alternate, as mrope_interleaved says" : "the axes are side by side");
    if (alternates)
      set_alternating();
    else
      set_side_by_side();
  }

  // The sections of a class of the table, which has three axes.
  void read_class_sections() {
    read_sections("mrope_section");
    if (dictionary_.has("mrope_section")) {
      if (sections_.size() != 3)
        fail_argument("yarn: {} has {} sections; there must be 3", name_of("mrope_section"),
                      sections_.size());
      return;
    }
    sections_.assign(std::begin(rule_.sections), std::end(rule_.sections));
    if (sum() == 0)
      fail_argument("yarn: {} is missing; model_type {} needs it", name_of("mrope_section"),
                    rule_.model_type);
    note("{} is not given: {} {} {}, the default of model_type {}", name_of("mrope_section"),
         sections_[0], sections_[1], sections_[2], rule_.model_type);
  }

  void read_height_width_time(const std::string& rope_type) {
    if (rope_type != "default")
      fail_argument("yarn: {} = {}: model_type {} accepts the default method only",
                    name_of("rope_type"), rope_type, rule_.model_type);
    const auto time_pairs = config_.length("freq_allocation"); // Baidu's files have no sections
    if (time_pairs && !dictionary_.has("mrope_section")) {
      if (*time_pairs > n_pairs_)
        config_.refuse("freq_allocation", "at most the number of pairs");
      const std::int64_t others = (n_pairs_ - *time_pairs) / 2;
      sections_ = {others, others, *time_pairs};
      require_sum("freq_allocation");
    } else {
      read_class_sections();
      require_sum("mrope_section");
    }
    if (sections_[0] != sections_[1])
      fail_argument("yarn: {} has {} pairs for h and {} for w; model_type {} needs equal numbers",
                    name_of("mrope_section"), sections_[0], sections_[1], rule_.model_type);
    note("sections of model_type {} are in the order h, w, t; positions are in the order t, h, w",
         rule_.model_type);
    note_class_layout(false);
    start(3);
    for (std::int64_t pair = 0; pair < n_pairs_; ++pair)
      set(pair, pair < 2 * sections_[0] ? 1 + pair % 2 : 0);
  }

  // Adds a note if a key contradicts the class. Qwen3-Omni calls the key `interleaved`.
  void note_class_layout(bool alternates) {
    for (const char* key : {"mrope_interleaved", "interleaved"}) {
      const auto value = dictionary_.boolean(key);
      if (value && *value != alternates)
        note("{} = {} has no effect: model_type {} does not read it, and its pairs {}",
             name_of(key), *value ? "true" : "false", rule_.model_type,
             alternates ? "alternate between the axes" : "do not alternate t h w");
    }
  }

  void start(std::int64_t n_axes) {
    result_.n_axes = n_axes;
    result_.of_pair.assign(static_cast<std::size_t>(n_pairs_), 0);
  }
  void set(std::int64_t pair, std::int64_t axis) {
    result_.of_pair[static_cast<std::size_t>(pair)] = static_cast<std::uint8_t>(axis);
  }
  void set_side_by_side() {
    start(static_cast<std::int64_t>(sections_.size()));
    std::int64_t pair = 0;
    for (std::size_t axis = 0; axis < sections_.size(); ++axis)
      for (std::int64_t i = 0; i < sections_[axis]; ++i)
        set(pair++, static_cast<std::int64_t>(axis));
  }
  void set_alternating() {
    start(3);
    for (std::int64_t pair = 0; pair < n_pairs_; ++pair) {
      const std::int64_t axis = pair % 3;
      set(pair, pair < 3 * sections_[static_cast<std::size_t>(axis)] ? axis : 0);
    }
  }

  // The classes of the table fix the pairing.
  void set_pairing() {
    const char* const name = rule_.pairing == pairing::interleaved ? "interleaved" : "half_split";
    if (!result_.pairing) {
      result_.pairing = rule_.pairing;
      note("the pairing is not given: {}, that of model_type {}", name, rule_.model_type);
    } else if (*result_.pairing != rule_.pairing)
      note("a key gives another pairing than model_type {}, whose class is {}: the key is taken",
           rule_.model_type, name);
  }

  const hf_object& dictionary_;
  const hf_object& config_;
  std::vector<std::string>& notes_;
  hf_axis_rule rule_;
  std::int64_t n_pairs_;
  std::vector<std::int64_t> sections_;
  hf_axes result_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
