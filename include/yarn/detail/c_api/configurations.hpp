// SPDX-License-Identifier: MIT
// The readers of configurations in the C API.
#ifndef YARN_DETAIL_C_API_CONFIGURATIONS_HPP
#define YARN_DETAIL_C_API_CONFIGURATIONS_HPP

#if !defined(YARN_C_API_NO_JSON)
#include "../../hf_config.hpp"
#endif
#include "../../gguf.hpp"
#include "../../hf_types.hpp"
#include "frequencies.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

struct yarn_texts {
  std::vector<std::string> list;
};

struct yarn_config {
  template <class Config>
  explicit yarn_config(Config read)
      : value(std::move(read)), unused{std::get<Config>(value).unused},
        notes{std::get<Config>(value).notes},
        method(yarn::detail::method_of(std::get<Config>(value).method)),
        temperature(yarn::detail::temperature_of(std::get<Config>(value).temperature)) {
    if constexpr (std::is_same_v<Config, yarn::gguf_config>) {
      const yarn::factor_list& divisors = std::get<Config>(value).freq_factors;
      method.freq_factors = divisors.size() == 0 ? nullptr : divisors.data();
      method.n_freq_factors = static_cast<std::int64_t>(divisors.size());
    }
  }
  yarn_config(const yarn_config&) = delete; // `method` points into `value`
  yarn_config& operator=(const yarn_config&) = delete;
  ~yarn_config() = default;

  std::variant<yarn::hf_config, yarn::gguf_config> value;
  yarn_texts unused;
  yarn_texts notes;
  yarn_method method;
  yarn_temperature temperature;
};

struct yarn_layers {
  template <class Layers>
  explicit yarn_layers(Layers read)
      : rope_of_layer(std::move(read.rope_of_layer)), notes{std::move(read.notes)} {
    for (auto& rope : read.ropes) {
      owned.push_back(std::make_unique<yarn_config>(std::move(rope)));
      ropes.push_back(owned.back().get());
    }
  }

  std::vector<std::unique_ptr<yarn_config>> owned;
  std::vector<const yarn_config*> ropes;
  std::vector<std::int64_t> rope_of_layer;
  yarn_texts notes;
};

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// ---- config.json -------------------------------------------------------------------------------

#if !defined(YARN_C_API_NO_JSON)
inline hf_options options_from(const yarn_json_options* given) {
  hf_options options;
  if (given == nullptr)
    return options;
  const auto o = read_struct(given, "yarn_json_options", sizeof(std::size_t));
  require_flag("yarn_json_options.vision_tower", o.vision_tower);
  require_zero("yarn_json_options.reserved", o.reserved);
  if (o.layer_type != nullptr)
    options.layer_type = o.layer_type;
  options.default_rope_theta = o.default_rope_theta;
  options.tower = o.vision_tower != 0 ? hf_tower::vision : hf_tower::text;
  return options;
}
inline nlohmann::json parsed(const char* text, std::size_t n_bytes) {
  return hf_parse(std::string_view(text, n_bytes));
}
#else
struct no_json {};
inline no_json options_from(const yarn_json_options*) { return {}; }
inline no_json parsed(const char*, std::size_t) {
  fail_unsupported("yarn: built with YARN_C_API_NO_JSON, so that it does not read config.json");
}
template <class... Ignored> hf_config hf_config_from(const Ignored&...) { return {}; }
template <class... Ignored> hf_layer_ropes hf_layers(const Ignored&...) { return {}; }
template <class... Ignored> std::vector<std::string> hf_layer_types(const Ignored&...) {
  return {};
}
inline frequencies make_frequencies(const hf_config&, std::int64_t) { return {}; }
#endif

// ---- GGUF --------------------------------------------------------------------------------------

// The functions of the caller as a reader for gguf_config_from.
class gguf_callbacks {
public:
  explicit gguf_callbacks(const yarn_gguf_reader* given)
      : r_(read_struct(given, "yarn_gguf_reader", sizeof(yarn_gguf_reader))) {
    if (r_.number == nullptr || r_.numbers == nullptr || r_.text == nullptr || r_.key == nullptr ||
        r_.tensor == nullptr)
      fail_argument("yarn: a function of yarn_gguf_reader is null");
  }

  std::optional<double> number(const std::string& key) const {
    double value = 0;
    return r_.number(r_.user, key.c_str(), &value) != 0 ? std::optional<double>(value)
                                                        : std::nullopt;
  }
  std::optional<std::vector<double>> numbers(const std::string& key) const {
    return list<double>(r_.numbers, key);
  }
  std::optional<std::vector<float>> tensor(const std::string& name) const {
    return list<float>(r_.tensor, name);
  }
  std::optional<std::string> text(const std::string& key) const {
    const char* const value = r_.text(r_.user, key.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> all;
    for (std::int64_t i = 0; const char* const name = r_.key(r_.user, i); ++i)
      all.emplace_back(name);
    return all;
  }

private:
  template <class Number, class Function>
  std::optional<std::vector<Number>> list(Function function, const std::string& key) const {
    const std::int64_t n = function(r_.user, key.c_str(), nullptr, 0);
    if (n < 0)
      return std::nullopt;
    std::vector<Number> values(static_cast<std::size_t>(n));
    if (n > 0 && function(r_.user, key.c_str(), values.data(), n) != n)
      fail_argument("yarn: the reader gives {} another number of values in its second call", key);
    return values;
  }

  yarn_gguf_reader r_;
};

inline gguf_options options_from(const yarn_gguf_options* given) {
  gguf_options options;
  if (given == nullptr)
    return options;
  const auto o = read_struct(given, "yarn_gguf_options", sizeof(std::size_t));
  if (o.layer_type < YARN_GGUF_GLOBAL || o.layer_type > YARN_GGUF_COMPRESSED)
    fail_argument("yarn: yarn_gguf_options.layer_type = {} is unknown", o.layer_type);
  require_zero("yarn_gguf_options.reserved", o.reserved);
  options.layer_type = static_cast<gguf_layer_type>(o.layer_type);
  options.default_rope_theta = o.default_rope_theta;
  return options;
}

// ---- Results -----------------------------------------------------------------------------------

inline yarn_pairing pairing_of(const std::optional<pairing>& known) {
  return known ? static_cast<yarn_pairing>(*known) : YARN_UNKNOWN_PAIRING;
}

template <class T> void put_list(const std::vector<T>& list, const T*& data, std::int64_t& n) {
  data = list.empty() ? nullptr : list.data();
  n = static_cast<std::int64_t>(list.size());
}

// The pairing, and the fields that only one kind of file has.
inline void put_own_fields(const hf_config& config, yarn_config_info& info) {
  info.pairing = pairing_of(config.pairing);
  info.softmax =
      config.softmax ? static_cast<yarn_softmax_convention>(*config.softmax) : YARN_UNKNOWN_SOFTMAX;
  info.axis_names = config.axis_names.c_str();
  put_list(config.frequency_of_pair, info.frequency_of_pair, info.n_frequency_of_pair);
  info.dual_chunk_size = config.dual_chunk_size;
}
inline void put_own_fields(const gguf_config& config, yarn_config_info& info) {
  info.pairing = pairing_of(gguf_pairing(config));
  info.softmax = YARN_UNKNOWN_SOFTMAX;
  info.architecture = config.architecture.c_str();
  info.qk_head_dim = config.qk_head_dim;
  info.rotary_offset = config.rotary_offset;
  put_list(config.dimension_sections, info.dimension_sections, info.n_dimension_sections);
}

template <class Config> yarn_config_info info_of(const yarn_config& handle, const Config& config) {
  yarn_config_info info{};
  info.name = config.name.c_str();
  info.rope_type = config.rope_type.c_str();
  info.head_dim = config.shape.head_dim;
  info.rotary_dim = config.shape.rotary_dim;
  info.rope_theta = config.shape.rope_theta;
  info.max_position_embeddings = config.max_position_embeddings;
  info.original_max_position_embeddings = config.original_max_position_embeddings;
  info.n_axes = config.n_axes;
  put_list(config.axis_of_pair, info.axis_of_pair, info.n_axis_of_pair);
  info.derotates_output = config.derotates_output ? 1 : 0;
  info.temperature_layers = static_cast<yarn_temperature_scope>(config.temperature_layers);
  info.temperature = &handle.temperature;
  info.method = &handle.method;
  info.unused = &handle.unused;
  info.notes = &handle.notes;
  put_own_fields(config, info);
  return info;
}

// Reads the options and a configuration. Errors of the configuration have a status of their own.
template <class Options, class Handle, class Read>
yarn_status read_handle(const Options* given, Handle** result, const Read& read) {
  decltype(options_from(given)) options{};
  const yarn_status status = guarded([&] {
    require_not_null("result", result);
    options = options_from(given);
  });
  if (status != YARN_OK)
    return status;
  return guarded(YARN_BAD_CONFIGURATION,
                 [&] { *result = std::make_unique<Handle>(read(options)).release(); });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API std::int64_t yarn_texts_size(const yarn_texts* texts) {
  return texts == nullptr ? 0 : static_cast<std::int64_t>(texts->list.size());
}
YARN_C_API const char* yarn_texts_at(const yarn_texts* texts, std::int64_t i) {
  if (i < 0 || i >= yarn_texts_size(texts))
    return nullptr;
  return texts->list[static_cast<std::size_t>(i)].c_str();
}
YARN_C_API void yarn_texts_free(yarn_texts* texts) { delete texts; }

YARN_C_API yarn_status yarn_config_from_json(const char* text, std::size_t n_bytes,
                                             const yarn_json_options* options,
                                             yarn_config** result) {
  using namespace yarn::detail;
  if (text == nullptr)
    return failed(YARN_INVALID_ARGUMENT, "yarn: text is null");
  return read_handle(options, result, [&](const auto& o) {
    using namespace yarn; // hf_config_from
    return hf_config_from(parsed(text, n_bytes), o);
  });
}
YARN_C_API yarn_status yarn_layers_from_json(const char* text, std::size_t n_bytes,
                                             const yarn_json_options* options,
                                             yarn_layers** result) {
  using namespace yarn::detail;
  if (text == nullptr)
    return failed(YARN_INVALID_ARGUMENT, "yarn: text is null");
  return read_handle(options, result, [&](const auto& o) {
    using namespace yarn; // hf_layers
    return hf_layers(parsed(text, n_bytes), o);
  });
}
YARN_C_API yarn_status yarn_json_layer_types(const char* text, std::size_t n_bytes,
                                             yarn_texts** result) {
  using namespace yarn::detail;
  if (text == nullptr || result == nullptr)
    return failed(YARN_INVALID_ARGUMENT, "yarn: text or result is null");
  return guarded(YARN_BAD_CONFIGURATION, [&] {
    using namespace yarn; // hf_layer_types
    *result =
        std::make_unique<yarn_texts>(yarn_texts{hf_layer_types(parsed(text, n_bytes))}).release();
  });
}

YARN_C_API yarn_status yarn_config_from_gguf(const yarn_gguf_reader* reader,
                                             const yarn_gguf_options* options,
                                             yarn_config** result) {
  using namespace yarn::detail;
  if (const yarn_status status = guarded([&] { gguf_callbacks{reader}; }); status != YARN_OK)
    return status;
  return read_handle(options, result, [&](const auto& o) {
    return yarn::gguf_config_from(gguf_callbacks(reader), o);
  });
}
YARN_C_API yarn_status yarn_layers_from_gguf(const yarn_gguf_reader* reader,
                                             const yarn_gguf_options* options,
                                             yarn_layers** result) {
  using namespace yarn::detail;
  if (const yarn_status status = guarded([&] { gguf_callbacks{reader}; }); status != YARN_OK)
    return status;
  return read_handle(options, result,
                     [&](const auto& o) { return yarn::gguf_layers(gguf_callbacks(reader), o); });
}
YARN_C_API yarn_pairing yarn_gguf_pairing(const char* architecture, std::int32_t with_sections) {
  if (architecture == nullptr)
    return YARN_UNKNOWN_PAIRING;
  return yarn::detail::pairing_of(yarn::gguf_pairing(architecture, with_sections != 0));
}

YARN_C_API yarn_status yarn_config_get(const yarn_config* config, yarn_config_info* info) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("config", config);
    write_struct(
        info, "info",
        std::visit([&](const auto& value) { return info_of(*config, value); }, config->value));
  });
}
YARN_C_API yarn_status yarn_config_frequencies(const yarn_config* config, std::int64_t seq_len,
                                               yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] {
    require_not_null("config", config);
    using namespace yarn; // make_frequencies
    return std::visit([&](const auto& value) { return make_frequencies(value, seq_len); },
                      config->value);
  });
}
YARN_C_API void yarn_config_free(yarn_config* config) { delete config; }

YARN_C_API yarn_status yarn_layers_get(const yarn_layers* layers, yarn_layers_info* info) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("layers", layers);
    yarn_layers_info made{};
    made.ropes = layers->ropes.data();
    made.n_ropes = static_cast<std::int64_t>(layers->ropes.size());
    put_list(layers->rope_of_layer, made.rope_of_layer, made.n_layers);
    made.notes = &layers->notes;
    write_struct(info, "info", made);
  });
}
YARN_C_API void yarn_layers_free(yarn_layers* layers) { delete layers; }

} // extern "C"

#endif
