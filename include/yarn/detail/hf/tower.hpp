// SPDX-License-Identifier: MIT
// Reads the vision tower of a multimodal configuration. towers.hpp has the facts about each tower.
#ifndef YARN_DETAIL_HF_TOWER_HPP
#define YARN_DETAIL_HF_TOWER_HPP

#include "axes.hpp"
#include "layers.hpp"
#include "method.hpp"
#include "shape.hpp"
#include "towers.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The fields of hf_config that a tower sets. Its method is default_scaling.
struct hf_tower_fields {
  rope_shape shape;
  hf_axes axes;
  std::vector<std::int64_t> frequency_of_pair;
  std::vector<std::string> unused;
  std::vector<std::string> notes;
};

class hf_tower_reader {
public:
  explicit hf_tower_reader(const nlohmann::json& whole) {
    if (!whole.is_object())
      hf_wrong("the configuration", whole, "an object");
    find(hf_object(&whole, ""));
  }

  hf_tower_fields read() {
    if (facts_.kind == hf_tower_kind::unknown)
      fail_argument("yarn: {}: it is not known how the vision tower {} rotates its heads",
                    tower_.name().empty() ? "the configuration" : tower_.name(), type_);
    if (facts_.kind == hf_tower_kind::refused)
      fail_argument("yarn: the vision tower {} is not supported by this reader: {}", type_,
                    facts_.note);
    result_.shape.head_dim = read_head_dim();
    result_.shape.rope_theta = read_theta();
    set_pairs();
    if (facts_.has_pairing)
      result_.axes.pairing = facts_.pairing;
    if (facts_.note != nullptr)
      note("{}: {}", type_, facts_.note);
    tower_.report_unread(result_.unused, hf_is_about_rope);
    return std::move(result_);
  }

private:
  template <class... Values> void note(const char* format, const Values&... values) {
    hf_note(result_.notes, format, values...);
  }

  // Finds the configuration of the tower, and its model type: that of the tower, or that of the
  // model around it.
  void find(const hf_object& whole) {
    hf_object outer = whole;
    if (!outer.has_object("vision_config") && outer.has_object("thinker_config"))
      outer = outer.object("thinker_config");
    tower_ = outer.object("vision_config");
    if (tower_) {
      note("{} is taken for the vision tower", tower_.name());
      type_ = tower_.string("model_type");
      if (type_.empty())
        type_ = outer.string("model_type");
      facts_ = hf_find_tower(hf_tower_family(type_));
      return;
    }
    tower_ = whole;
    type_ = whole.string("model_type");
    facts_ = hf_find_tower(hf_tower_family(type_));
    if (type_.find("_vision") == std::string::npos && !facts_.is_whole_model)
      fail_argument("yarn: vision_config is missing; hf_options.tower = hf_tower::vision needs it "
                    "in a configuration of model_type {}",
                    type_.empty() ? "(missing)" : type_);
  }

  std::int64_t read_head_dim() {
    if (facts_.reads_head_dim)
      if (const auto given = tower_.length("head_dim"))
        return *given;
    const auto width = tower_.length(facts_.width_key);
    const auto heads = hf_first_length(tower_, {"num_heads", "num_attention_heads"});
    if (!width || !heads)
      fail_argument("yarn: {} is missing; the head_dim of the vision tower {} is {} / number of "
                    "heads",
                    tower_.name_of(width ? "num_heads" : facts_.width_key), type_,
                    facts_.width_key);
    if (*width % *heads != 0)
      fail_argument("yarn: {} = {} is no multiple of the number of heads = {}",
                    tower_.name_of(facts_.width_key), *width, *heads);
    const std::int64_t head_dim = *width / *heads;
    if (tower_.length("head_dim").value_or(head_dim) != head_dim)
      fail_argument("yarn: {} = {}, but the vision tower {} takes {} / number of heads = {}",
                    tower_.name_of("head_dim"), *tower_.length("head_dim"), type_, facts_.width_key,
                    head_dim);
    note("head_dim = {} / number of heads = {} / {} = {}", facts_.width_key, *width, *heads,
         head_dim);
    return head_dim;
  }

  double read_theta() {
    if (!facts_.reads_theta) {
      note("rope_theta = {} is a constant of the vision tower {}", facts_.rope_theta, type_);
      return facts_.rope_theta;
    }
    const hf_object dictionary = hf_dictionary(tower_);
    const std::string type =
        hf_method_reader(dictionary, tower_, 0, result_.notes).read().rope_type;
    if (type != "default")
      fail_argument("yarn: {} = {}: the vision tower {} is known with the default method only",
                    dictionary.name_of("rope_type"), type, type_);
    hf_named_number theta;
    const double largest = std::numeric_limits<double>::max();
    theta.take(dictionary, "rope_theta", largest, "> 0", result_.notes);
    theta.take(tower_, "rope_theta", largest, "> 0", result_.notes);
    dictionary.report_unread(result_.unused, [](const std::string&) { return true; });
    if (theta)
      return theta.value;
    note("rope_theta is not given: {}, the default of the vision tower {}", facts_.rope_theta,
         type_);
    return facts_.rope_theta;
  }

  // The frequency and the axis of each pair.
  void set_pairs() {
    hf_axes& axes = result_.axes;
    axes.names = facts_.axis_names;
    axes.n_axes = static_cast<std::int64_t>(axes.names.size());
    const std::int64_t head_dim = result_.shape.head_dim;
    const std::int64_t n = head_dim / (2 * axes.n_axes); // pairs of an axis
    const std::int64_t rest = head_dim - 2 * n * axes.n_axes;
    if (n == 0 || (rest != 0 && !facts_.has_remainder))
      fail_argument("yarn: head_dim = {} of the vision tower {} must be a multiple of {}", head_dim,
                    type_, 2 * axes.n_axes);
    if (rest != 0)
      note("the last {} of {} elements of a head are not rotated", rest, head_dim);
    const bool restarts = facts_.kind == hf_tower_kind::restarting;
    result_.shape.rotary_dim = restarts ? 2 * n : 0;
    static_cast<void>(spectrum(result_.shape)); // refuses shapes with too many pairs for a list
    for (std::int64_t axis = 0; axis < axes.n_axes; ++axis)
      for (std::int64_t i = 0; i < n; ++i) {
        axes.of_pair.push_back(static_cast<std::uint8_t>(axis));
        result_.frequency_of_pair.push_back(restarts ? i : i * axes.n_axes + axis);
      }
  }

  hf_object tower_;
  std::string type_; // model_type, as given
  hf_tower_model facts_;
  hf_tower_fields result_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
