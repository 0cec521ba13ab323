# SPDX-License-Identifier: MIT
"""Tiny random models of transformers, and the same models in float64 with exact angles."""

import copy
import types

import torch
import transformers

VOCABULARY = 61
LENGTH = 24  # tokens of a prompt


def _sizes(**more):
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 262144,
        # Large weights, so that attention depends on positions.
        "initializer_range": 0.3,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
        **more,
    }


def _llama(**rope):
    return transformers.LlamaConfig(**_sizes(rope_parameters={"rope_theta": 10000.0, **rope}))


def _vision_language(kind, sections):
    text = _sizes(
        rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": sections}
    )
    if kind == "Qwen2_5_VL":
        # This class derives head_dim.
        text.pop("head_dim")
        text["num_attention_heads"] = 2
        return transformers.Qwen2_5_VLConfig(
            text_config=text,
            vision_config={"depth": 1, "hidden_size": 32, "num_heads": 2, "out_hidden_size": 64},
        )
    return transformers.Qwen3VLConfig(
        text_config=text,
        vision_config={"depth": 1, "hidden_size": 32, "num_heads": 2, "out_hidden_size": 64},
    )


def configurations():
    yarn = {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 4096}
    return {
        "Llama": _llama(rope_type="default"),
        "Llama llama3": _llama(
            rope_type="llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=8192,
        ),
        "Llama yarn": _llama(**yarn),
        "Llama dynamic": transformers.LlamaConfig(
            **{
                **_sizes(
                    rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
                ),
                "max_position_embeddings": 16,
            }
        ),
        "Qwen3": transformers.Qwen3Config(
            **_sizes(rope_parameters={"rope_type": "default", "rope_theta": 1e6})
        ),
        "Gemma3": transformers.Gemma3TextConfig(
            **_sizes(
                sliding_window=8,
                layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                query_pre_attn_scalar=32,
                rope_parameters={
                    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                    "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                },
            )
        ),
        "DeepSeek-V3": transformers.DeepseekV3Config(
            **{
                **_sizes(
                    q_lora_rank=32,
                    kv_lora_rank=24,
                    qk_nope_head_dim=32,
                    qk_rope_head_dim=32,
                    v_head_dim=16,
                    first_k_dense_replace=3,  # a router would make logits discontinuous
                    n_routed_experts=8,
                    rope_parameters={
                        **yarn,
                        "rope_theta": 1e4,
                        "mscale": 1.0,
                        "mscale_all_dim": 0.7,
                        "beta_fast": 32.0,
                        "beta_slow": 1.0,
                    },
                ),
                "num_key_value_heads": 4,
            }
        ),
        "Qwen2.5-VL": _vision_language("Qwen2_5_VL", [4, 6, 6]),
        "Qwen3-VL": _vision_language("Qwen3VL", [6, 5, 5]),
    }


def model_of(config, dtype=torch.float32, seed=0):
    """The causal model of a configuration with random weights."""
    torch.manual_seed(seed)
    config = copy.deepcopy(config)
    classes = {
        "qwen2_5_vl": transformers.Qwen2_5_VLForConditionalGeneration,
        "qwen3_vl": transformers.Qwen3VLForConditionalGeneration,
    }
    make = transformers.AutoModelForCausalLM.from_config
    if config.model_type in classes:
        make = classes[config.model_type]._from_config
    # (model.to() would also round inv_freq.)
    return make(config, attn_implementation="sdpa", dtype=dtype).eval()


def text_of(model):
    """The stack of layers, which has the rotary embedding."""
    return next(m for m in model.modules() if hasattr(m, "rotary_emb") and hasattr(m, "layers"))


def is_multimodal(model):
    return "mrope_section" in str(text_of(model).config.rope_parameters)


def inputs_of(model, first=0, batch=2, seed=1):
    """Token ids and positions of a prompt. Multimodal models have an image of 1 x 3 x 4 patches."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, VOCABULARY, (batch, LENGTH), generator=generator)
    positions = torch.arange(LENGTH)[None] + first
    if is_multimodal(model):
        positions = positions.expand(3, batch, LENGTH).clone()
        image = torch.stack(torch.meshgrid(*map(torch.arange, (1, 3, 4)), indexing="ij"))
        positions[:, :, 5:17] = first + 5 + image.reshape(3, 1, 12)
        positions[:, :, 17:] = first + 9 + torch.arange(LENGTH - 17)
    else:
        positions = positions.expand(batch, LENGTH)
    return ids, positions


def logits_of(model, first=0, batch=2):
    ids, positions = inputs_of(model, first, batch)
    return model(input_ids=ids, position_ids=positions, use_cache=False).logits


class ExactRotary(torch.nn.Module):
    """A rotary embedding with angles in float64, in the layout of the class. inv_freq is a function
    of the layer type and the length."""

    def __init__(self, rotary, inv_freq):
        super().__init__()
        self.rotary, self.inv_freq = rotary, inv_freq

    def forward(self, x, position_ids, layer_type=None):
        frequencies = self.inv_freq(layer_type, int(position_ids.max()) + 1)
        angles = position_ids.double()[..., None] * frequencies
        if hasattr(self.rotary, "apply_interleaved_mrope"):
            angles = self.rotary.apply_interleaved_mrope(angles, self.rotary.mrope_section)
        name = "attention_scaling" if layer_type is None else f"{layer_type}_attention_scaling"
        scale = getattr(self.rotary, name)
        angles = torch.cat((angles, angles), dim=-1)
        return (angles.cos() * scale).to(x.dtype), (angles.sin() * scale).to(x.dtype)


def with_exact_rows(model, inv_freq):
    """A copy of the model with the rotation of its class, and exactly rounded cos and sin."""
    model = copy.deepcopy(model)
    text = text_of(model)
    text.rotary_emb = ExactRotary(text.rotary_emb, inv_freq)
    return model


def in_float64(model, inv_freq):
    """A copy of the model that computes everything in float64, with exact angles."""
    model = with_exact_rows(model, inv_freq).double()

    def norm(self, x):  # the classes compute this in float32
        eps = getattr(self, "variance_epsilon", None) or self.eps
        weight = self.weight + 1 if "Gemma" in type(self).__name__ else self.weight
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight

    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = types.MethodType(norm, module)
    return model
