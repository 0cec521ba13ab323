// SPDX-License-Identifier: MIT
// GGUF metadata in memory, and the metadata of real models as llama.cpp's converter writes it: the
// keys about RoPE, with the numbers of the models' config.json.
#ifndef YARN_TESTS_SUPPORT_GGUF_MODELS_HPP
#define YARN_TESTS_SUPPORT_GGUF_MODELS_HPP

#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace support {

/// A reader for gguf_config_from. `set` and `drop` take keys without the name of the architecture;
/// `key` adds the name.
class memory_gguf {
public:
  explicit memory_gguf(std::string name) : architecture(std::move(name)) {
    texts["general.architecture"] = architecture;
  }
  std::string key(const std::string& name) const { return architecture + "." + name; }
  template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
  memory_gguf& set(const std::string& name, Number value) {
    values[key(name)] = static_cast<double>(value);
    return *this;
  }
  memory_gguf& set(const std::string& name, const char* value) {
    texts[key(name)] = value;
    return *this;
  }
  memory_gguf& set(const std::string& name, std::vector<double> value) {
    arrays[key(name)] = std::move(value);
    return *this;
  }
  memory_gguf& drop(const std::string& name) {
    values.erase(key(name));
    texts.erase(key(name));
    arrays.erase(key(name));
    return *this;
  }

  std::optional<double> number(const std::string& name) const { return find(values, name); }
  std::optional<std::vector<double>> numbers(const std::string& name) const {
    return find(arrays, name);
  }
  std::optional<std::string> text(const std::string& name) const { return find(texts, name); }
  std::vector<std::string> keys() const {
    std::vector<std::string> all;
    const auto add = [&](const auto& map) {
      for (const auto& entry : map) {
        all.push_back(entry.first);
      }
    };
    add(values);
    add(texts);
    add(arrays);
    return all;
  }
  std::optional<std::vector<float>> tensor(const std::string& name) const {
    return find(tensors, name);
  }

  std::string architecture;
  std::map<std::string, double> values;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::vector<double>> arrays;
  std::map<std::string, std::vector<float>> tensors;

private:
  template <class Value>
  static std::optional<Value> find(const std::map<std::string, Value>& map,
                                   const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? std::nullopt : std::optional<Value>(found->second);
  }
};

/// The value as a GGUF file stores it: rounded to float.
inline double stored(double value) { return static_cast<double>(static_cast<float>(value)); }

/// Llama 3.1 and 3.2. Their scaling is in a tensor of divisors.
inline memory_gguf gguf_llama3(double head_dim, double factor) {
  memory_gguf file("llama");
  file.set("context_length", 131072).set("embedding_length", 32 * head_dim);
  file.set("attention.head_count", 32).set("attention.key_length", head_dim);
  file.set("rope.dimension_count", head_dim).set("rope.freq_base", 500000);
  std::vector<float>& divisors = file.tensors["rope_freqs.weight"];
  const double low = 1.0, high = 4.0, original = 8192.0;
  for (double i = 0; i < head_dim; i += 2) {
    const double turns = original / (2 * std::acos(-1.0) * std::pow(500000.0, i / head_dim));
    const double smooth = (turns - low) / (high - low);
    const double divisor = turns < low    ? factor
                           : turns > high ? 1.0
                                          : 1.0 / ((1.0 - smooth) / factor + smooth);
    divisors.push_back(static_cast<float>(divisor));
  }
  return file;
}

/// Qwen 2.5 with the YaRN settings of its model card.
inline memory_gguf gguf_qwen2_yarn() {
  memory_gguf file("qwen2");
  file.set("context_length", 131072).set("embedding_length", 3584);
  file.set("attention.head_count", 28).set("rope.freq_base", 1000000);
  file.set("rope.scaling.type", "yarn").set("rope.scaling.factor", 4);
  file.set("rope.scaling.original_context_length", 32768);
  return file;
}

/// DeepSeek-V2 (mscale_all_dim 0.707) and V3 (1).
inline memory_gguf gguf_deepseek(double mscale_all_dim) {
  memory_gguf file("deepseek2");
  file.set("context_length", 163840).set("embedding_length", 7168);
  file.set("attention.head_count", 128).set("attention.kv_lora_rank", 512);
  file.set("attention.key_length", 576).set("attention.key_length_mla", 192);
  file.set("rope.dimension_count", 64).set("rope.freq_base", 10000);
  file.set("rope.scaling.type", "yarn").set("rope.scaling.factor", 40);
  file.set("rope.scaling.original_context_length", 4096);
  file.set("rope.scaling.yarn_log_multiplier", stored(0.1 * mscale_all_dim));
  return file;
}

inline memory_gguf gguf_ministral3() {
  memory_gguf file("mistral3");
  file.set("context_length", 262144).set("embedding_length", 4096);
  file.set("attention.head_count", 32).set("attention.key_length", 128);
  file.set("rope.dimension_count", 128).set("rope.freq_base", 1000000);
  file.set("rope.scaling.type", "yarn").set("rope.scaling.factor", 16);
  file.set("rope.scaling.original_context_length", 16384);
  file.set("rope.scaling.yarn_beta_fast", 32).set("rope.scaling.yarn_beta_slow", 1);
  file.set("rope.scaling.yarn_log_multiplier", 1);
  return file;
}

/// Phi 3.5 mini. The lists are those of its configuration.
inline memory_gguf gguf_phi3(std::vector<float> short_factor, std::vector<float> long_factor) {
  memory_gguf file("phi3");
  file.set("context_length", 131072).set("embedding_length", 3072);
  file.set("attention.head_count", 32).set("rope.dimension_count", 96);
  file.set("rope.freq_base", 10000).set("rope.scaling.original_context_length", 4096);
  file.set("rope.scaling.attn_factor", stored(std::sqrt(1.0 + std::log(32.0) / std::log(4096.0))));
  file.tensors["rope_factors_short.weight"] = std::move(short_factor);
  file.tensors["rope_factors_long.weight"] = std::move(long_factor);
  return file;
}

/// Gemma 3 27B. Its global layers have linear scaling, the others have base 10000.
inline memory_gguf gguf_gemma3() {
  memory_gguf file("gemma3");
  file.set("context_length", 131072).set("embedding_length", 5376);
  file.set("attention.head_count", 32).set("attention.key_length", 128);
  file.set("attention.sliding_window", 1024).set("rope.freq_base", 1000000);
  file.set("rope.scaling.type", "linear").set("rope.scaling.factor", 8);
  return file;
}

inline memory_gguf gguf_gpt_oss() {
  memory_gguf file("gpt-oss");
  file.set("context_length", 131072).set("embedding_length", 2880);
  file.set("attention.head_count", 64).set("attention.key_length", 64);
  file.set("attention.sliding_window", 128).set("rope.freq_base", 150000);
  file.set("rope.scaling.type", "yarn").set("rope.scaling.factor", 32);
  file.set("rope.scaling.original_context_length", 4096);
  return file;
}

/// OLMo 3. Its global layers have YaRN, the others no scaling.
inline memory_gguf gguf_olmo3() {
  memory_gguf file("olmo2");
  file.set("context_length", 65536).set("embedding_length", 4096);
  file.set("attention.head_count", 32).set("attention.sliding_window", 4096);
  file.set("rope.freq_base", 500000).set("rope.scaling.type", "yarn");
  file.set("rope.scaling.factor", 8).set("rope.scaling.original_context_length", 8192);
  return file;
}

/// Gemma 4. Each kind of layer has its own head size; the global layers have divisors.
inline memory_gguf gguf_gemma4() {
  memory_gguf file("gemma4");
  file.set("context_length", 131072).set("embedding_length", 2560);
  file.set("attention.head_count", 8).set("attention.key_length", 512);
  file.set("attention.key_length_swa", 256).set("attention.sliding_window", 512);
  file.set("rope.dimension_count", 512).set("rope.dimension_count_swa", 256);
  file.set("rope.freq_base", 1000000).set("rope.freq_base_swa", 10000);
  std::vector<float>& divisors = file.tensors["rope_freqs.weight"];
  divisors.assign(256, 1e30F);
  for (std::size_t i = 0; i < 64; ++i) {
    divisors[i] = 1.0F;
  }
  return file;
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_GGUF_MODELS_HPP
