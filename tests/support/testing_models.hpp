// SPDX-License-Identifier: MIT
// Models for the tests of yarn/testing.hpp. The tests compute the frequencies by their own
// formulas.
#ifndef YARN_TESTS_SUPPORT_TESTING_MODELS_HPP
#define YARN_TESTS_SUPPORT_TESTING_MODELS_HPP

#include "model_methods.hpp"
#include "tiny_engine.hpp"

#include <yarn/testing.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace support {

/// The parameters of a model, and its frequencies by the formulas of the tests.
struct model {
  std::string name;
  yarn::rope_shape shape;
  yarn::any_scaling method;
  std::int64_t seq_len = 0;
  std::vector<double> inv_freq;
  double factor = 1;
  yarn_numbers yarn{}; // dim 0: not a YaRN model

  std::int64_t dim() const { return shape.rotated(); }
  double width() const { return static_cast<double>(dim()); }
  bool is_yarn() const { return yarn.dim != 0; }
  bool is_partial() const { return dim() < shape.head_dim; }
  bool has_factor() const { return factor < 1 || factor > 1; }
  std::vector<double> plain() const { return powers(shape.rope_theta, dim() / 2, width()); }
};

inline model yarn_model(std::string name, yarn::rope_shape shape, double factor,
                        std::int64_t length, bool truncate = true) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = length;
  method.truncate = truncate;
  model m{std::move(name), shape, method, 0, {}, 0.1 * std::log(factor) + 1};
  m.yarn = {shape.rope_theta, shape.rotated(), factor, static_cast<double>(length)};
  m.yarn.floor_low = m.yarn.ceil_high = truncate;
  m.inv_freq = m.yarn.inv_freq();
  return m;
}

inline std::vector<model> models() {
  std::vector<model> all;
  all.push_back({"default_128", shape_of(128, 1e4), yarn::default_scaling{}, 0, {}});
  all.push_back({"default_80_of_32", shape_of(80, 1e4, 32), yarn::default_scaling{}, 0, {}});
  all.push_back({"default_64", shape_of(64, 5e5), yarn::default_scaling{}, 0, {}});
  for (model& m : all) {
    m.inv_freq = m.plain();
  }
  yarn::linear_scaling linear;
  linear.factor = 4;
  all.push_back({"linear_128", shape_of(128, 1e6), linear, 0, {}});
  all.back().inv_freq = all.back().plain();
  for (double& f : all.back().inv_freq) {
    f /= 4;
  }
  yarn::llama3_scaling llama3;
  llama3.factor = 8;
  llama3.original_max_position_embeddings = 8192;
  all.push_back({"llama3_128", shape_of(128, 5e5), llama3, 0, llama3_inv_freq(5e5, 128, 8, 8192)});
  all.push_back(yarn_model("yarn_x16_128", shape_of(128, 1e4), 16, 4096));
  all.push_back(yarn_model("yarn_x4_partial_64", shape_of(128, 1e6, 64), 4, 32768));
  all.push_back(yarn_model("yarn_x32_no_truncation", shape_of(64, 150000), 32, 4096, false));
  model deepseek = yarn_model("yarn_mscale", shape_of(64, 1e4), 40, 4096);
  auto& method = std::get<yarn::yarn_scaling>(deepseek.method);
  method.mscale = 0.707;
  method.mscale_all_dim = 1.0;
  deepseek.factor = (0.0707 * std::log(40.0) + 1) / (0.1 * std::log(40.0) + 1);
  all.push_back(deepseek);
  return all;
}

inline tiny_engine engine_of(const model& m, yarn::pairing order = yarn::pairing::half_split) {
  tiny_engine engine;
  engine.inv_freq = m.inv_freq;
  engine.cos_factor = engine.sin_factor = m.factor;
  engine.order = engine.output_order = order;
  return engine;
}
inline yarn::testing::expectation expected_of(const model& m,
                                              yarn::pairing order = yarn::pairing::half_split) {
  return {m.shape, m.method, order, m.seq_len};
}

} // namespace support

#endif
