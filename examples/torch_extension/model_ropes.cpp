// SPDX-License-Identifier: MIT
// The class ModelRopes of the extension: the ropes of a model's layers, read from the JSON text of
// its configuration by yarn/hf_config.hpp.
#include <yarn/hf_config.hpp>

#include <ATen/ops/empty.h>
#include <torch/custom_class.h>
#include <torch/library.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

namespace {

using nlohmann::json;

struct model_ropes : torch::CustomClassHolder {
  explicit model_ropes(std::string config)
      : text(std::move(config)), layers(yarn::hf_layers(json::parse(text))) {}

  /// What Python needs to know, as JSON: all fields that change what the model computes.
  std::string describe() const {
    json ropes = json::array();
    for (const yarn::hf_config& rope : layers.ropes)
      ropes.push_back(
          {{"name", rope.name},
           {"rope_type", rope.rope_type},
           {"rotary_dim", rope.shape.rotated()},
           {"pairing", !rope.pairing                                ? json()
                       : *rope.pairing == yarn::pairing::half_split ? json("half_split")
                                                                    : json("interleaved")},
           {"axis_of_pair", rope.axis_of_pair},
           {"has_frequency_of_pair", !rope.frequency_of_pair.empty()},
           {"has_temperature", rope.temperature_layers != yarn::temperature_scope::none},
           {"dual_chunk_size", rope.dual_chunk_size},
           {"derotates_output", rope.derotates_output},
           {"is_dynamic", std::visit(
                              [](const auto& method) {
                                return yarn::is_dynamic_scaling_v<std::decay_t<decltype(method)>>;
                              },
                              rope.method)},
           {"unused", rope.unused},
           {"notes", rope.notes}});
    return json{{"ropes", ropes}, {"rope_of_layer", layers.rope_of_layer}, {"notes", layers.notes}}
        .dump();
  }

  /// The frequencies of a rope at a length, in radians per token, and the attention factor.
  std::tuple<at::Tensor, double> frequencies(std::int64_t rope, std::int64_t seq_len) const {
    const yarn::frequencies f =
        yarn::make_frequencies(layers.ropes.at(static_cast<std::size_t>(rope)), seq_len);
    at::Tensor inv_freq = at::empty({f.n_pairs()}, at::kDouble);
    std::copy(f.inv_freq().begin(), f.inv_freq().end(), inv_freq.mutable_data_ptr<double>());
    return {inv_freq, f.attention_factor()};
  }

  std::string text;
  yarn::hf_layer_ropes layers;
};

} // namespace

TORCH_LIBRARY_FRAGMENT(yarn_rope, library) {
  library.class_<model_ropes>("ModelRopes")
      .def(torch::init<std::string>())
      .def("describe", [](const c10::intrusive_ptr<model_ropes>& self) { return self->describe(); })
      .def("frequencies", [](const c10::intrusive_ptr<model_ropes>& self, std::int64_t rope,
                             std::int64_t seq_len) { return self->frequencies(rope, seq_len); })
      .def_pickle(
          [](const c10::intrusive_ptr<model_ropes>& self) { return self->text; },
          [](std::string text) { return c10::make_intrusive<model_ropes>(std::move(text)); });
}
