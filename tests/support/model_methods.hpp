// SPDX-License-Identifier: MIT
// Every scaling method of the library, with the numbers of real models, for tests that must hold
// for all methods.
#ifndef YARN_TESTS_SUPPORT_MODEL_METHODS_HPP
#define YARN_TESTS_SUPPORT_MODEL_METHODS_HPP

#include <yarn/yarn.hpp>

#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace support {

struct model_method {
  std::string name;
  yarn::rope_shape shape;
  yarn::any_scaling method;
  std::int64_t seq_len = 0;

  yarn::frequencies frequencies() const { return yarn::make_frequencies(shape, method, seq_len); }
};

inline yarn::rope_shape shape_of(std::int64_t head_dim, double rope_theta,
                                 std::int64_t rotary_dim = 0) {
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rotary_dim = rotary_dim;
  shape.rope_theta = rope_theta;
  return shape;
}

namespace detail {

/// A list like those that LongRoPE's search finds: 1 for the fastest pair, last / 1024 for the
/// slowest. The list is computed in integers, so that compiler flags cannot change it.
inline std::vector<double> rising_factors(std::int64_t n, std::int64_t last) {
  std::vector<double> factors;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t units = 1024 + (last - 1024) * i * i / ((n - 1) * (n - 1));
    factors.push_back(static_cast<double>(units) * 0x1p-10);
  }
  return factors;
}

} // namespace detail

inline std::vector<model_method> model_methods() {
  std::vector<model_method> all;
  all.push_back({"default", shape_of(128, 1e4), yarn::default_scaling{}, 0});
  all.push_back({"default_theta_5e6_partial", shape_of(128, 5e6, 96), yarn::default_scaling{}, 0});

  yarn::linear_scaling linear; // Gemma-3's global layers
  linear.factor = 8;
  all.push_back({"linear", shape_of(256, 1e6), linear, 0});

  yarn::ntk_scaling ntk;
  ntk.factor = 4;
  all.push_back({"ntk", shape_of(128, 1e4), ntk, 0});

  yarn::dynamic_ntk_scaling dynamic_ntk;
  dynamic_ntk.factor = 2;
  dynamic_ntk.max_position_embeddings = 4096;
  all.push_back({"dynamic_ntk", shape_of(128, 1e4), dynamic_ntk, 10000});

  yarn::stepped_ntk_scaling stepped_ntk; // Qwen-7B
  stepped_ntk.original_max_position_embeddings = 8192;
  all.push_back({"stepped_ntk", shape_of(128, 1e4), stepped_ntk, 20000});

  yarn::ntk_by_parts_scaling ntk_by_parts;
  ntk_by_parts.factor = 16;
  ntk_by_parts.original_max_position_embeddings = 4096;
  all.push_back({"ntk_by_parts", shape_of(128, 1e4), ntk_by_parts, 0});

  yarn::part_ntk_scaling part_ntk;
  part_ntk.factor = 8;
  part_ntk.original_max_position_embeddings = 2048;
  all.push_back({"part_ntk", shape_of(128, 1e4), part_ntk, 0});

  yarn::dynamic_part_ntk_scaling dynamic_part_ntk;
  dynamic_part_ntk.original_max_position_embeddings = 2048;
  all.push_back({"dynamic_part_ntk", shape_of(128, 1e4), dynamic_part_ntk, 7000});

  yarn::yarn_scaling yarn_llama; // Yarn-Llama-2-7b-128k: attention factor 1.3466
  yarn_llama.factor = 32;
  yarn_llama.original_max_position_embeddings = 4096;
  all.push_back({"yarn", shape_of(128, 1e4), yarn_llama, 0});

  yarn::yarn_scaling gpt_oss = yarn_llama;
  gpt_oss.truncate = false;
  all.push_back({"yarn_no_truncation", shape_of(64, 150000), gpt_oss, 0});

  yarn::yarn_scaling deepseek; // DeepSeek-V2 with unequal coefficients: their ratio is not 1
  deepseek.factor = 40;
  deepseek.original_max_position_embeddings = 4096;
  deepseek.mscale = 0.707;
  deepseek.mscale_all_dim = 1.0;
  all.push_back({"yarn_mscale_ratio", shape_of(64, 1e4), deepseek, 0});

  yarn::dynamic_yarn_scaling dynamic_yarn;
  dynamic_yarn.original_max_position_embeddings = 4096;
  all.push_back({"dynamic_yarn", shape_of(128, 1e4), dynamic_yarn, 65536});

  yarn::llama3_scaling llama3; // Llama-3.1-8B
  llama3.factor = 8;
  llama3.original_max_position_embeddings = 8192;
  all.push_back({"llama3", shape_of(128, 5e5), llama3, 0});

  yarn::longrope_scaling longrope; // the shape of Phi-3.5-mini
  longrope.short_factor = detail::rising_factors(48, 2867);
  longrope.long_factor = detail::rising_factors(48, 64 * 1024);
  longrope.original_max_position_embeddings = 4096;
  longrope.factor = 32.0;
  all.push_back({"longrope_short", shape_of(96, 1e4), longrope, 4096});
  all.push_back({"longrope_long", shape_of(96, 1e4), longrope, 4097});

  yarn::proportional_scaling proportional;
  proportional.partial_rotary_factor = 0.25;
  all.push_back({"proportional", shape_of(128, 1e6), proportional, 0});
  return all;
}

/// Whether the list above contains every alternative of any_scaling. (A new method must be added to
/// the list.)
inline bool model_methods_are_complete() {
  std::vector<bool> seen(std::variant_size_v<yarn::any_scaling>);
  for (const model_method& model : model_methods()) {
    seen[model.method.index()] = true;
  }
  for (const bool is_there : seen) {
    if (!is_there) {
      return false;
    }
  }
  return true;
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_MODEL_METHODS_HPP
