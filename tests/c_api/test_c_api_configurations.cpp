// SPDX-License-Identifier: MIT
// Reads configurations by C and by C++, and compares all fields.
#include "../support/c_api.hpp"
#include "../support/gguf_models.hpp"

#include <yarn/gguf.hpp>
#include <yarn/hf_config.hpp>

#include <fstream>
#include <iterator>

namespace {

using namespace support;

yarn_config_info info_of(const yarn_config* config) {
  auto info = sized<yarn_config_info>();
  EXPECT_EQ(yarn_config_get(config, &info), YARN_OK) << yarn_last_error();
  return info;
}

std::vector<std::string> list_of(const yarn_texts* texts) {
  std::vector<std::string> list;
  for (std::int64_t i = 0; i < yarn_texts_size(texts); ++i)
    list.emplace_back(yarn_texts_at(texts, i));
  EXPECT_EQ(yarn_texts_at(texts, yarn_texts_size(texts)), nullptr);
  EXPECT_EQ(yarn_texts_at(texts, -1), nullptr);
  return list;
}
template <class T> std::vector<T> list_of(const T* data, std::int64_t n) {
  return {data, data + n};
}

template <class Config>
void expect_common(const yarn_config* handle, const Config& config, std::int64_t seq_len) {
  const yarn_config_info info = info_of(handle);
  EXPECT_EQ(info.name, config.name);
  EXPECT_EQ(info.rope_type, config.rope_type);
  EXPECT_EQ(info.head_dim, config.shape.head_dim);
  EXPECT_EQ(info.rotary_dim, config.shape.rotary_dim);
  EXPECT_EQ(info.rope_theta, config.shape.rope_theta);
  EXPECT_EQ(info.max_position_embeddings, config.max_position_embeddings);
  EXPECT_EQ(info.original_max_position_embeddings, config.original_max_position_embeddings);
  EXPECT_EQ(info.n_axes, config.n_axes);
  EXPECT_EQ(list_of(info.axis_of_pair, info.n_axis_of_pair), config.axis_of_pair);
  EXPECT_EQ(info.derotates_output != 0, config.derotates_output);
  EXPECT_EQ(info.temperature_layers, static_cast<std::int32_t>(config.temperature_layers));
  EXPECT_EQ(info.temperature->kind, static_cast<std::int32_t>(config.temperature.index()));
  if (config.temperature.index() != 0) {
    double factor = 0;
    ASSERT_EQ(yarn_temperature_at(info.temperature, 100000, &factor, nullptr), YARN_OK);
    EXPECT_EQ(factor, config.temperature(100000));
  }
  EXPECT_EQ(list_of(info.unused), config.unused);
  EXPECT_EQ(list_of(info.notes), config.notes);
  EXPECT_EQ(info.method->kind, static_cast<std::int32_t>(config.method.index()));
  expect_same(made<c_frequencies>(yarn_config_frequencies, handle, seq_len).get(),
              yarn::make_frequencies(config, seq_len), config.rope_type);
  if (info.frequency_of_pair == nullptr && info.n_axis_of_pair == 0) {
    // info.method gives the same frequencies.
    auto shape = c_shape(config.shape);
    expect_same(made<c_frequencies>(yarn_frequencies_make, &shape, info.method, seq_len).get(),
                yarn::make_frequencies(config, seq_len), config.rope_type + " by the method");
  }
}

void expect_hf(const yarn_config* handle, const yarn::hf_config& config) {
  for (const std::int64_t seq_len : {100, 200000})
    expect_common(handle, config, seq_len);
  const yarn_config_info info = info_of(handle);
  EXPECT_EQ(info.pairing, config.pairing ? static_cast<std::int32_t>(*config.pairing) : -1);
  EXPECT_EQ(info.softmax, config.softmax ? static_cast<std::int32_t>(*config.softmax) : -1);
  EXPECT_EQ(info.axis_names, config.axis_names);
  EXPECT_EQ(list_of(info.frequency_of_pair, info.n_frequency_of_pair), config.frequency_of_pair);
  EXPECT_EQ(info.dual_chunk_size, config.dual_chunk_size);
  EXPECT_EQ(info.architecture, nullptr);
}

// Compares all layers of each file that C++ accepts, and the message for each file that it refuses.
TEST(c_api_configurations, reads_published_config_json_as_cpp_does) {
  std::ifstream file(std::string(YARN_TEST_REFERENCE_DIR) + "/published_configs.json");
  const nlohmann::json all = nlohmann::json::parse(file);
  ASSERT_TRUE(file);
  int n_read = 0, n_refused = 0;
  for (const auto& entry : all.at("entries")) {
    const nlohmann::json& config = entry.contains("config") ? entry.at("config") : entry;
    if (!config.is_object())
      continue;
    const std::string text = config.dump();
    yarn_layers* raw = nullptr;
    const yarn_status status = yarn_layers_from_json(text.data(), text.size(), nullptr, &raw);
    const c_layers layers(raw);
    yarn::hf_layer_ropes expected;
    try {
      expected = yarn::hf_layers(config);
    } catch (const std::invalid_argument& error) {
      ++n_refused;
      EXPECT_EQ(status, YARN_BAD_CONFIGURATION);
      EXPECT_STREQ(yarn_last_error(), error.what());
      EXPECT_EQ(raw, nullptr);
      continue;
    }
    ++n_read;
    ASSERT_EQ(status, YARN_OK) << yarn_last_error();
    auto info = sized<yarn_layers_info>();
    ASSERT_EQ(yarn_layers_get(layers.get(), &info), YARN_OK);
    EXPECT_EQ(list_of(info.rope_of_layer, info.n_layers), expected.rope_of_layer);
    EXPECT_EQ(list_of(info.notes), expected.notes);
    ASSERT_EQ(info.n_ropes, static_cast<std::int64_t>(expected.ropes.size()));
    for (std::size_t i = 0; i < expected.ropes.size(); ++i)
      expect_hf(info.ropes[i], expected.ropes[i]);
    yarn_texts* types = nullptr;
    ASSERT_EQ(yarn_json_layer_types(text.data(), text.size(), &types), YARN_OK);
    EXPECT_EQ(list_of(types), yarn::hf_layer_types(config));
    yarn_texts_free(types);
  }
  EXPECT_GT(n_read, 20);
  std::printf("%d files read, %d refused\n", n_read, n_refused);
}

TEST(c_api_configurations, takes_the_options_of_cpp) {
  const std::string text = R"({"model_type": "gemma3_text", "head_dim": 256, "rope_theta": 1e6,
      "rope_local_base_freq": 1e4, "sliding_window": 1024, "sliding_window_pattern": 6,
      "num_hidden_layers": 12, "rope_scaling": {"rope_type": "linear", "factor": 8.0}})";
  for (const char* type : {"full_attention", "sliding_attention"}) {
    yarn::hf_options options;
    options.layer_type = type;
    auto o = sized<yarn_json_options>();
    o.layer_type = type;
    expect_hf(made<c_config>(yarn_config_from_json, text.data(), text.size(), &o).get(),
              yarn::hf_config_from_text(text, options));
  }
  yarn::hf_options options;
  options.default_rope_theta = 5000;
  auto o = sized<yarn_json_options>();
  o.default_rope_theta = 5000;
  const std::string unknown = R"({"model_type": "none_of_ours", "head_dim": 64})";
  expect_hf(made<c_config>(yarn_config_from_json, unknown.data(), unknown.size(), &o).get(),
            yarn::hf_config_from_text(unknown, options));
  const std::string vision = R"({"model_type": "qwen2_vl", "vision_config":
      {"model_type": "qwen2_vl", "embed_dim": 1280, "num_heads": 16}})";
  options = {};
  options.tower = yarn::hf_tower::vision;
  o = sized<yarn_json_options>();
  o.vision_tower = 1;
  const auto tower = made<c_config>(yarn_config_from_json, vision.data(), vision.size(), &o);
  expect_hf(tower.get(), yarn::hf_config_from_text(vision, options));
  EXPECT_GT(info_of(tower.get()).n_frequency_of_pair, 0);
}

// ---- GGUF --------------------------------------------------------------------------------------

// A file in memory as a yarn_gguf_reader.
class c_reader {
public:
  explicit c_reader(const memory_gguf& file) : file_(file), keys_(file.keys()) {
    reader = sized<yarn_gguf_reader>();
    reader.user = this;
    reader.number = [](void* user, const char* key, double* value) -> std::int32_t {
      const auto found = self(user).file_.number(key);
      *value = found.value_or(0);
      return found ? 1 : 0;
    };
    reader.numbers = [](void* user, const char* key, double* values, std::int64_t capacity) {
      return copy(self(user).file_.numbers(key), values, capacity);
    };
    reader.tensor = [](void* user, const char* name, float* values, std::int64_t capacity) {
      return copy(self(user).file_.tensor(name), values, capacity);
    };
    reader.text = [](void* user, const char* key) -> const char* {
      const auto found = self(user).file_.text(key);
      self(user).text_ = found.value_or("");
      return found ? self(user).text_.c_str() : nullptr;
    };
    reader.key = [](void* user, std::int64_t i) -> const char* {
      const auto& keys = self(user).keys_;
      return i < static_cast<std::int64_t>(keys.size()) ? keys[static_cast<std::size_t>(i)].c_str()
                                                        : nullptr;
    };
  }

  yarn_gguf_reader reader;

private:
  static c_reader& self(void* user) { return *static_cast<c_reader*>(user); }
  template <class T>
  static std::int64_t copy(const std::optional<std::vector<T>>& list, T* to,
                           std::int64_t capacity) {
    if (!list)
      return -1;
    for (std::int64_t i = 0; i < capacity && i < static_cast<std::int64_t>(list->size()); ++i)
      to[i] = (*list)[static_cast<std::size_t>(i)];
    return static_cast<std::int64_t>(list->size());
  }

  const memory_gguf& file_;
  std::vector<std::string> keys_;
  std::string text_;
};

void expect_gguf(const yarn_config* handle, const yarn::gguf_config& config) {
  for (const std::int64_t seq_len : {100, 200000})
    expect_common(handle, config, seq_len);
  const yarn_config_info info = info_of(handle);
  const auto pairing = yarn::gguf_pairing(config);
  EXPECT_EQ(info.pairing, pairing ? static_cast<std::int32_t>(*pairing) : -1);
  EXPECT_EQ(info.architecture, config.architecture);
  EXPECT_EQ(info.qk_head_dim, config.qk_head_dim);
  EXPECT_EQ(info.rotary_offset, config.rotary_offset);
  EXPECT_EQ(list_of(info.dimension_sections, info.n_dimension_sections), config.dimension_sections);
}

memory_gguf gguf_of(const char* architecture) {
  memory_gguf file(architecture);
  file.set("attention.key_length", 128).set("rope.freq_base", 500000.0).set("context_length", 8192);
  return file;
}

TEST(c_api_configurations, reads_gguf_as_cpp_does) {
  memory_gguf llama = gguf_of("llama"), yarn_file = gguf_of("qwen2"), sections = gguf_of("qwen2vl");
  llama.tensors["rope_freqs.weight"] = std::vector<float>(64, 2.0F);
  yarn_file.set("rope.scaling.type", "yarn")
      .set("rope.scaling.factor", 4.0)
      .set("rope.scaling.original_context_length", 4096)
      .set("rope.unknown_key", 1);
  sections.set("rope.dimension_sections", std::vector<double>{16, 24, 24, 0});
  for (const memory_gguf* file : {&llama, &yarn_file, &sections}) {
    c_reader reader(*file);
    const auto config = yarn::gguf_config_from(*file);
    expect_gguf(made<c_config>(yarn_config_from_gguf, &reader.reader,
                               static_cast<const yarn_gguf_options*>(nullptr))
                    .get(),
                config);
  }
  EXPECT_GT(yarn::gguf_config_from(llama).freq_factors.size(), 0U);
  EXPECT_GT(yarn::gguf_config_from(yarn_file).unused.size(), 0U);
  EXPECT_GT(yarn::gguf_config_from(sections).n_axes, 1);

  memory_gguf no_base = gguf_of("llama");
  no_base.drop("rope.freq_base");
  c_reader reader(no_base);
  auto options = sized<yarn_gguf_options>();
  options.default_rope_theta = 10000;
  yarn::gguf_options cpp_options;
  cpp_options.default_rope_theta = 10000;
  expect_gguf(made<c_config>(yarn_config_from_gguf, &reader.reader,
                             static_cast<const yarn_gguf_options*>(&options))
                  .get(),
              yarn::gguf_config_from(no_base, cpp_options));
  yarn_config* refused = nullptr;
  EXPECT_EQ(yarn_config_from_gguf(&reader.reader, nullptr, &refused), YARN_BAD_CONFIGURATION);
  EXPECT_NE(std::string(yarn_last_error()).find("llama.rope.freq_base"), std::string::npos);
  EXPECT_EQ(refused, nullptr);
}

TEST(c_api_configurations, reads_the_layers_of_gguf_as_cpp_does) {
  memory_gguf gemma = gguf_of("gemma3");
  gemma.set("block_count", 12).set("attention.sliding_window", 1024);
  c_reader reader(gemma);
  const auto expected = yarn::gguf_layers(gemma);
  ASSERT_EQ(expected.ropes.size(), 2U);
  const c_layers layers = made<c_layers>(yarn_layers_from_gguf, &reader.reader,
                                         static_cast<const yarn_gguf_options*>(nullptr));
  auto info = sized<yarn_layers_info>();
  ASSERT_EQ(yarn_layers_get(layers.get(), &info), YARN_OK);
  EXPECT_EQ(list_of(info.rope_of_layer, info.n_layers), expected.rope_of_layer);
  EXPECT_EQ(list_of(info.notes), expected.notes);
  ASSERT_EQ(info.n_ropes, 2);
  for (std::size_t i = 0; i < 2; ++i)
    expect_gguf(info.ropes[i], expected.ropes[i]);

  auto options = sized<yarn_gguf_options>();
  options.layer_type = YARN_GGUF_SLIDING_WINDOW;
  yarn::gguf_options cpp_options;
  cpp_options.layer_type = yarn::gguf_layer_type::sliding_window;
  expect_gguf(made<c_config>(yarn_config_from_gguf, &reader.reader,
                             static_cast<const yarn_gguf_options*>(&options))
                  .get(),
              yarn::gguf_config_from(gemma, cpp_options));
}

TEST(c_api_configurations, knows_the_pairings_of_gguf) {
  for (const char* name : {"llama", "qwen2", "glm4", "deepseek2", "unknown"})
    for (const int with_sections : {0, 1}) {
      const auto expected = yarn::gguf_pairing(name, with_sections != 0);
      EXPECT_EQ(yarn_gguf_pairing(name, with_sections),
                expected ? static_cast<std::int32_t>(*expected) : -1)
          << name;
    }
  EXPECT_EQ(yarn_gguf_pairing(nullptr, 0), YARN_UNKNOWN_PAIRING);
}

} // namespace
