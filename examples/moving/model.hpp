// SPDX-License-Identifier: MIT
// A model, and its frequencies: those of an engine, in the arithmetic of the engine, and those of
// the library.
#ifndef YARN_EXAMPLES_MOVING_MODEL_HPP
#define YARN_EXAMPLES_MOVING_MODEL_HPP

#include <yarn/yarn.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

namespace moving {

/// The numbers of a model's config.json.
struct model {
  std::int64_t head_dim = 128;
  std::int64_t rotary_dim = 128;
  double rope_theta = 10000.0;
  double factor = 1.0; // of YaRN; 1 is no scaling
  std::int64_t original_length = 4096;
};

inline double attention_factor_of(const model& m) { return 0.1 * std::log(m.factor) + 1; }

/// The frequencies as engines compute them, with the formulas of YaRN in the type Real. Frameworks
/// use float. With long double these are the exact values for the examples and their tests.
template <class Real> std::vector<Real> inv_freq_of(const model& m) {
  const auto pair_that_turns = [&](double turns) {
    const auto length = static_cast<double>(m.original_length);
    return static_cast<double>(m.rotary_dim) * std::log(length / (turns * 6.283185307179586)) /
           (2 * std::log(m.rope_theta));
  };
  const double low = std::floor(pair_that_turns(32));
  const double high = std::ceil(pair_that_turns(1));
  std::vector<Real> list;
  for (std::int64_t i = 0; i < m.rotary_dim / 2; ++i) {
    const auto pair = static_cast<double>(i);
    const auto exponent = static_cast<Real>(2 * i) / static_cast<Real>(m.rotary_dim);
    const Real plain = 1 / std::pow(static_cast<Real>(m.rope_theta), exponent);
    const auto ramp =
        static_cast<Real>(std::fmin(std::fmax((pair - low) / (high - low), 0.0), 1.0));
    const Real blended = plain / static_cast<Real>(m.factor) * ramp + plain * (1 - ramp);
    list.push_back(m.factor > 1 ? blended : plain);
  }
  return list;
}

inline yarn::rope_shape shape_of(const model& m) {
  yarn::rope_shape shape;
  shape.head_dim = m.head_dim;
  shape.rotary_dim = m.rotary_dim;
  shape.rope_theta = m.rope_theta;
  return shape;
}
inline yarn::yarn_scaling method_of(const model& m) {
  yarn::yarn_scaling method;
  method.factor = m.factor;
  method.original_max_position_embeddings = m.original_length;
  return method;
}
inline yarn::frequencies frequencies_of(const model& m) {
  return yarn::make_frequencies(shape_of(m), method_of(m));
}

/// The frequencies of the engine, with angles in float32: the first stage of a move.
inline yarn::frequencies same_angles(const std::vector<float>& inv_freq, double attention_factor) {
  return yarn::float32_pipeline(
      yarn::frequencies_from(inv_freq.data(), inv_freq.size(), attention_factor));
}

} // namespace moving

#endif // YARN_EXAMPLES_MOVING_MODEL_HPP
