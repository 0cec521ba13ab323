// SPDX-License-Identifier: MIT
// The scaling methods of the evaluations, by name.
#ifndef YARN_EXAMPLES_EVALUATION_METHODS_HPP
#define YARN_EXAMPLES_EVALUATION_METHODS_HPP

#include "model.hpp"

#include <algorithm>
#include <optional>

namespace evaluation {

/// What a method needs beside the model. The defaults are those of the paper.
struct method_numbers {
  double factor = 1.0;    ///< s; dynamic methods find their own
  double beta_slow = 1.0; ///< alpha of the paper
  double beta_fast = 32.0;
  std::optional<double> attention_factor; ///< replaces that of pi, by_parts_index or a yarn method
};

inline std::vector<std::string> method_names() {
  return {
      "none",           "pi",          "ntk", "dynamic_ntk", "by_parts", "by_parts_index", "yarn",
      "yarn_rotations", "dynamic_yarn"};
}

/// Whether a method needs a factor. The others have none, or find it from the length.
inline bool has_factor(const std::string& name) {
  return name != "none" && name != "dynamic_ntk" && name != "dynamic_yarn";
}

/// by_parts and yarn_rotations have the ramp of the paper, by_parts_index and yarn that of the
/// implementations. The methods whose names begin with by_parts have the attention factor 1.
inline yarn::any_scaling make_method(const std::string& name, const model_config& c,
                                     const method_numbers& n) {
  const auto all_names = method_names();
  if (std::find(all_names.begin(), all_names.end(), name) == all_names.end())
    complain("unknown method '" + name + "'");
  const bool is_yarn = name == "by_parts_index" || name == "yarn" || name == "yarn_rotations" ||
                       name == "dynamic_yarn";
  if (n.attention_factor && !is_yarn && name != "pi")
    complain("the method " + name + " has no attention factor");
  if (name == "none")
    return yarn::default_scaling{};
  if (name == "pi") {
    yarn::linear_scaling m;
    m.factor = n.factor;
    if (n.attention_factor)
      m.attention_factor = *n.attention_factor;
    return m;
  }
  if (name == "ntk") {
    yarn::ntk_scaling m;
    m.factor = n.factor;
    return m;
  }
  if (name == "dynamic_ntk") {
    yarn::dynamic_ntk_scaling m; // factor 1: the formula of the paper
    m.max_position_embeddings = c.context;
    return m;
  }
  if (name == "by_parts") {
    yarn::ntk_by_parts_scaling m;
    m.factor = n.factor;
    m.original_max_position_embeddings = c.context;
    m.beta_slow = n.beta_slow;
    m.beta_fast = n.beta_fast;
    return m;
  }
  yarn::dynamic_yarn_scaling m;
  m.factor = name == "dynamic_yarn" ? 1.0 : n.factor;
  m.original_max_position_embeddings = c.context;
  m.beta_slow = n.beta_slow;
  m.beta_fast = n.beta_fast;
  if (name == "yarn_rotations")
    m.ramp = yarn::yarn_ramp::rotations;
  if (name == "by_parts_index")
    m.attention_factor = 1.0;
  if (n.attention_factor)
    m.attention_factor = *n.attention_factor;
  if (name == "dynamic_yarn")
    return m;
  return static_cast<const yarn::yarn_scaling&>(m);
}

/// The frequencies of a method for a text of this length. factor 0: the smallest factor that
/// reaches the length.
inline yarn::frequencies frequencies_for(const std::string& name, const model_config& c,
                                         method_numbers n, Index length) {
  if (n.factor == 0)
    n.factor = std::max(1.0, static_cast<double>(length) / static_cast<double>(c.context));
  return yarn::make_frequencies(c.rope(), make_method(name, c, n), length);
}

} // namespace evaluation

#endif
