// SPDX-License-Identifier: MIT
// Reads what acts beside the frequencies: factors on q by position, the scale of the logits, and
// methods that change positions.
#ifndef YARN_DETAIL_HF_BESIDE_HPP
#define YARN_DETAIL_HF_BESIDE_HPP

#include "../../hf_types.hpp"
#include "keys.hpp"
#include "model.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

class hf_beside_reader {
public:
  hf_beside_reader(const hf_object& config, const hf_object& dictionary, hf_config& result)
      : config_(config), dictionary_(dictionary), model_type_(config.string("model_type")),
        result_(result) {}

  void read() {
    read_llama4();
    read_ministral();
    read_log_n();
    read_dual_chunk();
    read_rotary_scaling();
    read_softmax();
    if (model_type_ == "deepseek_v4") {
      result_.derotates_output = true;
      note("model_type deepseek_v4 rotates the last {} elements of each head, and rotates the same "
           "elements of the output of the attention back by the position of the query",
           result_.shape.head_dim);
    }
  }

private:
  template <class... Values> void note(const char* format, const Values&... values) {
    hf_note(result_.notes, format, values...);
  }
  void set(any_temperature temperature, temperature_scope layers, const std::string& key) {
    if (result_.temperature_layers != temperature_scope::none)
      fail_argument("yarn: {} gives a second temperature; a model has one at most", key);
    if (const auto* llama4 = std::get_if<llama4_temperature>(&temperature))
      static_cast<void>((*llama4)(0)); // checks the fields
    else if (const auto* ministral = std::get_if<ministral_temperature>(&temperature))
      static_cast<void>((*ministral)(0));
    else if (const auto* log_n = std::get_if<log_n_temperature>(&temperature))
      static_cast<void>((*log_n)(0));
    result_.temperature = temperature;
    result_.temperature_layers = layers;
  }

  // Llama4TextAttention scales q of the layers without RoPE only. attn_temperature_tuning is a
  // number in early files, and true or false in later ones.
  void read_llama4() {
    const bool is_llama4 = model_type_ == "llama4_text";
    const nlohmann::json* given = config_.find("attn_temperature_tuning");
    if (given != nullptr && !given->is_boolean() && !given->is_number())
      config_.refuse("attn_temperature_tuning", "true, false or a number");
    const bool is_on = given == nullptr      ? is_llama4
                       : given->is_boolean() ? given->get<bool>()
                                             : given->get<double>() != 0.0;
    if (!is_llama4 && given == nullptr)
      return;
    const auto scale = config_.number("attn_scale");
    const auto floor = config_.number("floor_scale");
    if (!is_on)
      return;
    const llama4_temperature temperature{scale.value_or(0.1), floor.value_or(8192.0)};
    set(temperature, temperature_scope::unrotated, config_.name_of("attn_temperature_tuning"));
    note("the layers without RoPE scale q by 1 + {} * ln(floor((position + 1) / {}) + 1){}",
         temperature.attn_scale, temperature.floor_scale,
         is_llama4 ? "" : ", as in Llama 4; it is not known whether this model_type does so");
  }

  void read_ministral() {
    const auto outer = config_.object("llama_4_scaling"); // Mistral Large 3
    if (const auto beta = dictionary_.number("llama_4_scaling_beta"))
      set_ministral(dictionary_, "llama_4_scaling_beta", *beta);
    if (!outer)
      return;
    const auto beta = outer.number("beta");
    if (!beta)
      fail_argument("yarn: {} is missing; the temperature needs it", outer.name_of("beta"));
    set_ministral(outer, "beta", *beta);
    outer.report_unread(result_.unused, [](const std::string&) { return true; });
  }
  void set_ministral(const hf_object& object, const char* key, double beta) {
    const auto length = object.length("original_max_position_embeddings");
    if (!length)
      fail_argument("yarn: {} is missing; {} needs it",
                    object.name_of("original_max_position_embeddings"), object.name_of(key));
    set(ministral_temperature{beta, static_cast<double>(*length)}, temperature_scope::all,
        object.name_of(key));
    note("{} = {}: q is scaled by 1 + {} * ln(1 + floor(position / {}))", object.name_of(key), beta,
         beta, *length);
  }

  void read_log_n() { // Qwen 1: modeling_qwen.py, QWenAttention
    const auto length =
        hf_original_length_if(config_, hf_find_model(model_type_), "use_logn_attn", result_.notes);
    if (!length)
      return;
    set(log_n_temperature{static_cast<double>(*length)}, temperature_scope::all,
        config_.name_of("use_logn_attn"));
    note("{}: q is scaled by ln(position + 1) / ln({}) from position {} on",
         config_.name_of("use_logn_attn"), *length, *length);
  }

  // rotary_scaling_factor: Nomic BERT, and StableLM, whose code never reads it.
  void read_rotary_scaling() {
    const auto factor = config_.peek("rotary_scaling_factor");
    if (factor == nullptr || (factor->is_number() && *factor == 1))
      config_.find("rotary_scaling_factor");
    else if (model_type_ == "nomic_bert")
      note("{} is not read: the code of the model uses it for dynamic NTK scaling of texts beyond "
           "max_trained_positions",
           config_.name_of("rotary_scaling_factor"));
    else
      note("{} is not read: no code is known that uses it for this model_type",
           config_.name_of("rotary_scaling_factor"));
    if (config_.has("rotary_emb_scale_base"))
      note("{} is not read: it is XPos, which scales q and k by position",
           config_.name_of("rotary_emb_scale_base"));
  }

  // vLLM, rotary_embedding/dual_chunk_rope.py: keys have position p mod (chunk - local), and
  // queries have several rotations.
  void read_dual_chunk() {
    const hf_object chunks = config_.object("dual_chunk_attention_config");
    if (!chunks)
      return;
    const auto size = chunks.length("chunk_size");
    if (!size)
      fail_argument("yarn: {} is missing; dual chunk attention needs it",
                    chunks.name_of("chunk_size"));
    for (const char* key : {"local_size", "original_max_position_embeddings"})
      static_cast<void>(chunks.length(key));
    result_.dual_chunk_size = *size;
    note("{}: the model folds positions into chunks of chunk_size - local_size tokens; rows of "
         "plain positions give its logits only at positions below chunk_size = {}",
         chunks.name(), *size);
    chunks.report_unread(result_.unused, hf_is_about_rope);
  }

  // The files whose attention calls yarn_get_mscale. In transformers 5.12.1, modeling_<name>.py:
  // deepseek_v3, deepseek_v32, glm4_moe_lite, glm_moe_dsa, longcat_flash, youtu. Of the vendors:
  // modeling_deepseek.py of DeepSeek-V2 (the class of transformers does not call it) and of Kimi K2
  // (copy: mfarisadip/Kimi-K2-Mini, k2-mini-broken), modeling_bailing_moe_v2_5.py of Ring 2.5.
  void read_softmax() {
    for (const char* name : {"bailing_hybrid", "deepseek_v2", "deepseek_v3", "deepseek_v32",
                             "glm4_moe_lite", "glm_moe_dsa", "kimi_k2", "longcat_flash", "youtu"})
      if (model_type_ == name)
        result_.softmax = softmax_convention::mscale_all_dim_squared;
    for (const char* name : {"ministral3", "mistral4"}) // modeling_<name>.py: head_dim ** -0.5
      if (model_type_ == name)
        result_.softmax = softmax_convention::inverse_sqrt;
    const auto* yarn = std::get_if<yarn_scaling>(&result_.method);
    if (result_.softmax == softmax_convention::mscale_all_dim_squared && yarn != nullptr &&
        yarn->mscale_all_dim.value_or_zero() != 0.0)
      note("model_type {} multiplies the scale of the logits by (0.1 * {} * ln({}) + 1)^2 "
           "(softmax_scale)",
           model_type_, yarn->mscale_all_dim.value_or_zero(), yarn->factor);
  }

  const hf_object& config_;
  const hf_object& dictionary_;
  std::string model_type_;
  hf_config& result_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
