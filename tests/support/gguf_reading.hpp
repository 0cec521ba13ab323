// SPDX-License-Identifier: MIT
// Reads GGUF metadata in memory, and compares its frequencies with those of Hugging Face or of a
// scaling method.
#ifndef YARN_TESTS_SUPPORT_GGUF_READING_HPP
#define YARN_TESTS_SUPPORT_GGUF_READING_HPP

#include "gguf_models.hpp"
#include "reference_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/gguf.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace support {

inline yarn::gguf_config read_gguf(const memory_gguf& file) { return yarn::gguf_config_from(file); }
inline yarn::gguf_config read_gguf_window(const memory_gguf& file) {
  yarn::gguf_options options;
  options.layer_type = yarn::gguf_layer_type::sliding_window;
  return yarn::gguf_config_from(file, options);
}
inline yarn::frequencies frequencies_in(const memory_gguf& file, std::int64_t seq_len = 0) {
  return yarn::make_frequencies(read_gguf(file), seq_len);
}

inline double first_inv_freq(const memory_gguf& file, std::int64_t seq_len = 0) {
  const auto freqs = frequencies_in(file, seq_len);
  return freqs.inv_freq()[0];
}

inline bool has_note(const yarn::gguf_config& config, const std::string& words) {
  for (const std::string& note : config.notes) {
    if (note.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

inline const reference::json& reference_case(const std::string& id) {
  static const reference::json data = reference::read_json("inv_freq.json");
  for (const auto& entry : data.is_array() ? data : data.at("cases")) {
    if (entry.at("id") == id) {
      return entry;
    }
  }
  throw std::runtime_error("no reference case " + id);
}
/// Compares with the frequencies of Hugging Face. Hugging Face computes them in float32, with
/// several roundings.
inline void expect_reference(const yarn::frequencies& found, const std::string& id,
                             double tolerance) {
  const auto& expected = reference_case(id);
  const std::vector<float> inv_freq = reference::float32_values(expected.at("inv_freq"));
  ASSERT_EQ(found.inv_freq().size(), inv_freq.size()) << id;
  for (std::size_t i = 0; i < inv_freq.size(); ++i) {
    const double wanted = static_cast<double>(inv_freq[i]);
    EXPECT_NEAR(found.inv_freq()[i], wanted, wanted * tolerance) << id << ", pair " << i;
  }
  EXPECT_NEAR(found.attention_factor(), expected.at("attention_factor").get<double>(), 1e-7) << id;
}

inline void expect_same(const yarn::frequencies& found, const yarn::frequencies& expected) {
  ASSERT_EQ(found.n_pairs(), expected.n_pairs());
  for (std::int64_t i = 0; i < found.n_pairs(); ++i) {
    EXPECT_EQ(found.inv_freq()[i], expected.inv_freq()[i]) << "pair " << i;
  }
  EXPECT_EQ(found.attention_factor(), expected.attention_factor());
}

/// The frequencies of a method that the test chooses.
template <class Method>
yarn::frequencies frequencies_by(std::int64_t dim, double theta, const Method& method) {
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rope_theta = theta;
  return yarn::make_frequencies(shape, method);
}

inline memory_gguf plain_gguf() {
  memory_gguf file("llama");
  return file.set("attention.key_length", 64).set("rope.freq_base", 10000);
}
inline memory_gguf yarn_gguf() {
  return plain_gguf()
      .set("rope.scaling.type", "yarn")
      .set("rope.scaling.factor", 8)
      .set("rope.scaling.original_context_length", 4096);
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_GGUF_READING_HPP
