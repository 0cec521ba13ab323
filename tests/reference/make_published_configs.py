#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills published_configs.json: published configurations, trimmed to what concerns RoPE, and the
numbers that they mean.

Run in the environment that bench/peers/setup makes:
    python3 make_published_configs.py entries.json published_configs.json
entries.json is a list of {"id", "from", "config"}; published_configs.json itself serves, too.

Where transformers has the class, the numbers are those of its rotary class, and "origin" names it.
Elsewhere FORMULAS derives them, and "origin" cites the code that has the formula: repository and path.
This code was read, not run; where it is not the vendor's own (a copy, or an engine that loads the
weights), the repository shows it. "not read" says that no such code was found: the formula then is only
what its authors believe. A file that a reader must refuse has "refused", the words of the reason.
"""
import json
import math
import sys
import warnings

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from make_hf_configs import compute, numbers

transformers.logging.set_verbosity_error()
warnings.filterwarnings("ignore")


# ---------------------------------------------------------------- formulas, in double


def base(theta, dim):
    return [theta ** (-2.0 * i / dim) for i in range(dim // 2)]


def linear(theta, dim, factor):
    return [f / factor for f in base(theta, dim)]


def llama3(theta, dim, factor, low, high, length):
    result = []
    for f in base(theta, dim):
        turns = length * f / (2 * math.pi)
        if turns < low:
            f /= factor
        elif turns <= high:
            smooth = (turns - low) / (high - low)
            f = (1 - smooth) * f / factor + smooth * f
        result.append(f)
    return result


def yarn(theta, dim, factor, length, fast=32.0, slow=1.0):
    def pair_of(turns):
        return dim * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(theta))
    low, high = max(math.floor(pair_of(fast)), 0), min(math.ceil(pair_of(slow)), dim - 1)
    result = []
    for i, f in enumerate(base(theta, dim)):
        ramp = min(max((i - low) / max(high - low, 0.001), 0.0), 1.0)
        result.append(f * (1 - ramp) + f / factor * ramp)
    return result


def one(frequencies, attention=1.0, pairing="half_split", n=None):
    return {"ropes": [(frequencies, attention)], "layers": None if n is None else [0] * n,
            "pairing": pairing}


def m(factor, scale=0.1):
    return scale * math.log(factor) + 1.0


# By model type: (what the code is, function of the configuration).
def chatglm(c):
    return one(base(10000.0 * c.get("rope_ratio", 1), c["kv_channels"] // 2), 1.0, "interleaved",
               c.get("num_layers"))


def step3p5(c):
    s = c["rope_scaling"]
    full = llama3(c["rope_theta"][0], 64, s["factor"], s["low_freq_factor"], s["high_freq_factor"],
                  s["original_max_position_embeddings"])
    return {"ropes": [(full, 1.0), (base(c["rope_theta"][1], 128), 1.0)], "layers": [0, 1, 1, 1],
            "pairing": "half_split"}


def mimo_v2_flash(c):
    dim = int(c["head_dim"] * c["partial_rotary_factor"])
    return {"ropes": [(base(c["rope_theta"], dim), 1.0), (base(c["swa_rope_theta"], dim), 1.0)],
            "layers": c["hybrid_layer_pattern"], "pairing": "half_split"}


def nemotron_nas(c):
    s = c["rope_scaling"]
    layers = [-1 if b["attention"]["no_op"] else 0 for b in c["block_configs"]]
    return {"ropes": [(llama3(c["rope_theta"], 128, s["factor"], s["low_freq_factor"],
                              s["high_freq_factor"], s["original_max_position_embeddings"]), 1.0)],
            "layers": layers, "pairing": "half_split"}


def kimi_k2(c):
    s = c["rope_scaling"]
    return one(yarn(c["rope_theta"], 64, s["factor"], s["original_max_position_embeddings"],
                    s["beta_fast"], s["beta_slow"]), 1.0, "interleaved", c["num_hidden_layers"])


def whole_head(c, theta=10000.0, share=1.0):
    width = c.get("hidden_size", c.get("n_embd"))
    heads = c.get("num_attention_heads", c.get("n_head"))
    dim = c.get("rotary_dim") or int(c.get("head_dim", c.get("kv_channels", width // heads)) * share)
    return one(base(c.get("rope_theta", c.get("rotary_emb_base", theta)), dim), 1.0, "half_split",
               c.get("num_hidden_layers", c.get("n_layer", c.get("num_layers"))))


def telechat3(c):
    s = c["rope_scaling"]
    factor = c["max_position_embeddings"] / s["original_max_position_embeddings"]
    return one(yarn(c["rope_theta"], 128, factor, s["original_max_position_embeddings"]),
               m(factor, 0.07), "half_split", c.get("num_hidden_layers"))


def unknown_pairing(found):
    return {**found, "pairing": None}


def telechat(c):
    """RotaryEmbedding.get_ntk_alpha, for a text of at most training_seqlen tokens."""
    length = c.get("base_seqlen") or {4096: 4096, 5120: 8192}[c["hidden_size"]]  # in the code of 7B and 12B
    alpha = max(2 ** math.ceil(math.log2(c["training_seqlen"] / length) + 1) - 1, 1)
    dim = c["hidden_size"] // c["n_head"]
    return one(base(10000.0 * alpha ** (dim / (dim - 2)), dim), 1.0, "half_split", c["n_layer"])


def longrope(c):
    """LongRoPE of Phi-3 below original_max_position_embeddings."""
    s, length = c["rope_scaling"], c["original_max_position_embeddings"]
    dim = int(c["hidden_size"] // c["num_attention_heads"] * c.get("partial_rotary_factor", 1.0))
    found = [f / d for f, d in zip(base(c["rope_theta"], dim), s["short_factor"])]
    scale = c["max_position_embeddings"] / length
    return one(found, math.sqrt(1 + math.log(scale) / math.log(length)), "half_split",
               c.get("num_hidden_layers"))


def phi3small(c):
    dim = c["hidden_size"] // c["num_attention_heads"]
    return one(linear(c["rope_embedding_base"], dim, c["rope_position_scale"]), 1.0, "half_split",
               c["num_hidden_layers"])


def plamo2(c):
    step = c["mamba_step"]
    return {"ropes": [(base(10000.0, c["hidden_size_per_head"]), 1.0)],
            "layers": [0 if i % step == step // 2 else -1 for i in range(c["num_hidden_layers"])],
            "pairing": "half_split"}


def minimax_m1(c):
    return {**whole_head(c), "layers": [0 if kind == 1 else -1 for kind in c["attn_type_list"]]}


def interleaved(found):
    return {**found, "pairing": "interleaved"}


IPEX = "intel/intel-extension-for-pytorch, tests/cpu/hf_configs/"
MLX = "ml-explore/mlx-lm, mlx_lm/models/"
VLLM = "vllm-project/vllm, vllm/model_executor/"
NM = "neuralmagic/nm-vllm, vllm/model_executor/models/"
FORMULAS = {
    "baichuan": ("baichuan-inc/Baichuan-7B, models/modeling_baichuan.py: theta 10000 in RotaryEmbedding",
                 whole_head),
    "bailing_moe": ("inclusionAI/Ling, models/modeling_bailing_moe.py: _init_rope; with"
                    " partial_rotary_factor " + MLX + "bailing_moe.py",
                    lambda c: whole_head(c, share=c.get("partial_rotary_factor", 1.0))),
    "bailing_moe_linear": (MLX + "bailing_moe_linear.py: both kinds of layers rotate",
                           lambda c: whole_head(c, share=c["partial_rotary_factor"])),
    "bert": ("not read: modeling_rope_bert.py beside the model", lambda c: unknown_pairing(whole_head(c))),
    "chatglm": ("DracoUnion/chatglm3-6b-int4-lora, model/modeling_chatglm.py: RotaryEmbedding(rotary_dim"
                " // 2)", chatglm),
    "deepseek": (NM + "deepseek.py: get_rope", whole_head),
    "exaone": (VLLM + "models/exaone.py: get_rope", whole_head),
    "gptj": ("transformers, modeling_gptj.py: create_sinusoidal_positions",
             lambda c: interleaved(whole_head(c))),
    "longcat_flash_ngram": (MLX + "longcat_flash.py: initialize_rope", lambda c: interleaved(one(
        base(c["rope_theta"], c["qk_rope_head_dim"]), n=c["num_layers"]))),
    "minimax_m1": ("MiniMax-AI/MiniMax-M1, modeling_minimax_m1.py: rotary_dim; MiniMaxM1LightningAttention"
                   " does not rotate", minimax_m1),
    "minimax_m2": (VLLM + "models/minimax_m2.py: rotary_dim, which the class of transformers does not"
                   " read", whole_head),
    "minimax_m3": ("not read: rotary_dim, as in MiniMax-M2", lambda c: unknown_pairing(whole_head(c))),
    "minimax_m3_vl_text": ("not read: rotary_dim, as in MiniMax-M2; the class of transformers does not"
                           " read it", whole_head),
    "hunyuan_vl": (VLLM + "layers/rotary_embedding/xdrope.py: base of DynamicNTKAlphaRotaryEmbedding"
                   " (" + MLX + "hunyuan.py has its formula)", lambda c: unknown_pairing(one(
        base(c["rope_theta"] * c["rope_scaling"]["alpha"] ** (128.0 / 126.0), 128),
        n=c["num_hidden_layers"]))),
    "internlm": ("yangulei/internlm-20b, modeling_internlm.py: theta 10000", whole_head),
    "internlm2": ("OpenGVLab/InternVL, internvl_chat/internvl/model/internlm2/modeling_internlm2.py; below"
                  " max_position_embeddings", whole_head),
    "internlm3": (MLX + "internlm3.py: DynamicNTKScalingRoPE; below max_position_embeddings", whole_head),
    "kimi_k2": ("mfarisadip/Kimi-K2-Mini, k2-mini-broken/modeling_deepseek.py: a copy of the file of Kimi K2",
                kimi_k2),
    "mimo": (MLX + "mimo.py: initialize_rope", whole_head),
    "mimo_v2_flash": (MLX + "mimo_v2_flash.py: two thetas by hybrid_layer_pattern", mimo_v2_flash),
    "minicpm": ("oshersidi/OCD, modeling_minicpm.py: _init_rope; below max_position_embeddings",
                whole_head),
    "nemotron-nas": ("DeltaVector1/Chat-Prompters, modeling_decilm.py: ROPE_INIT_FUNCTIONS of transformers",
                     nemotron_nas),
    "new": ("huggingface/text-embeddings-inference, backends/candle/src/models/gte.rs: get_inv_freqs",
            whole_head),
    "orion": (NM + "orion.py: get_rope", whole_head),
    "PanguEmbedded": ("not read: openpangu_dense beside the model; engines load it as a Llama", whole_head),
    "phi-msft": ("mlc-ai/mlc-llm, python/mlc_llm/model/phi/phi_model.py: rotary_dim", whole_head),
    "phi3_v": (NM + "phi3v.py: LlamaModel with LongRoPE", longrope),
    "phi3small": (NM + "phi3_small.py: rope_embedding_base, rope_position_scale", phi3small),
    "phi4mm": (IPEX + "phi4/modeling_phi4mm.py: Phi4MMSuScaledRotaryEmbedding", longrope),
    "plamo2": (MLX + "plamo2.py: nn.RoPE, is_mamba", plamo2),
    "qwen": (IPEX + "qwen/modeling_qwen.py; below seq_length", whole_head),
    "RefinedWeb": ("Decentralised-AI/falcon-40b, modelling_RW.py: theta 10000", whole_head),
    "RefinedWebModel": ("Decentralised-AI/falcon-40b, modelling_RW.py: theta 10000", whole_head),
    "stablelm_epoch": ("Zumwaltboi68/stable-code-3b, modeling_stablelm_epoch.py: _init_rope",
                       lambda c: whole_head(c, share=c["rope_pct"])),
    "step3p5": (VLLM + "models/step3p5.py: Step3p5Attention", step3p5),
    "telechat": ("Tele-AI/Telechat, models/7B and models/12B, and Tele-AI/TeleChat2, model/115B:"
                 " modeling_telechat.py, RotaryEmbedding", telechat),
    "telechat3": ("Tele-AI/TeleChat3, mindformers_telechat3/mindformers/modules/layers.py:"
                  " _yarn_get_mscale, 0.07 ln s + 1", telechat3),
    "xlm-roberta": ("not read: xlm-roberta-flash-implementation, rotary.py",
                    lambda c: unknown_pairing(whole_head(c))),
    "yuan": (IPEX + "yuan/yuan_hf_model.py: theta 10000 in YuanRotaryEmbedding", whole_head),
}


# ---------------------------------------------------------------- transformers


def rotates(text, layer):
    """Whether the attention of a layer rotates, by the code of the class (layer_rules.hpp)."""
    types, model = getattr(text, "layer_types", None), text.model_type
    kind = types[layer] if types else None
    if kind in ("linear_attention", "mamba", "conv", "recurrent", "mlp", "moe"):
        return False
    if model in ("llama4_text", "smollm3"):
        return bool(text.no_rope_layers[layer])
    if model in ("cohere2", "afmoe") or (model in ("exaone4", "exaone_moe") and text.sliding_window):
        return kind == "sliding_attention"
    return True


def rope_of(text, layer, names):
    if names == [None]:
        return None
    kind = text.layer_types[layer]
    if kind in names:
        return kind
    return "main" if kind == "sliding_attention" else "compress"


def by_class(config):
    config = json.loads(json.dumps(config))
    model = config["model_type"]
    if model not in CONFIG_MAPPING or model == config.get("text_config", {}).get("model_type"):
        config = config["text_config"]  # a model around a known one
    inner = config.get("text_config", config)
    if "no_rope_layers" in inner and "num_hidden_layers" not in inner:  # a trimmed file
        inner["num_hidden_layers"] = len(inner["no_rope_layers"])
    whole = CONFIG_MAPPING[config["model_type"]].from_dict(config)
    text = whole.get_text_config(decoder=True)
    rotary, results = compute(text, None)
    inner = config
    for key in ("text_config", "thinker_config"):
        inner = inner.get(key, inner)
    n = text.num_hidden_layers if "num_hidden_layers" in inner else None
    names = [name for name, _, _ in results]
    equal = {name: next(other for other, v, f in results if torch.equal(v, values) and f == factor)
             for name, values, factor in results}  # equal ropes are one
    order, layers = [], []
    for layer in range(n or 0):
        name = equal[rope_of(text, layer, names)] if rotates(text, layer) else "-"
        if name != "-" and name not in order:
            order.append(name)
        layers.append(-1 if name == "-" else order.index(name))
    for name in names if not n else []:
        order.append(name)
    ropes = {name: (values.double().tolist(), factor) for name, values, factor in results}
    return {"ropes": [ropes[name] for name in order], "layers": layers or None, "pairing": None,
            "origin": f"transformers {transformers.__version__}: {type(text).__name__} / {rotary}"}


REFUSED = {
    "shibing624/vicuna-baichuan-13b-chat": ["Baichuan 13B has ALiBi"],
    "yutaozhu94/INTERS-Falcon-1b": ["alibi", "does not rotate"],
    "Sidharthkr/MPT-7b-chat-sharded": ["attn_config.alibi", "does not rotate"],
    "JerryWu/GLMTalk-model-CPU": ["position_encoding_2d"],
    "AIDSC/jais-30b-chat-v3": ["position_embedding_type", "does not rotate"],
    "inceptionai/Jais-family-256m": ["position_embedding_type", "does not rotate"],
    "moonshotai/Kimi-K3": ["text_config.mla_use_nope", "does not rotate"],
    "Snowflake/snowflake-arctic-embed-m": ["model_type bert", "learned positions"],
    "bigcode/gpt_bigcode-santacoder": ["model_type gpt_bigcode", "learned positions"],
    "case/flux": ["FluxTransformer2DModel", "image transformer", "16, 56, 56"],
    "case/pixtral_vision": ["pixtral", "vision tower", "hf_tower::vision"],
}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    pairings = json.load(open("hf_pairings.json", encoding="utf-8"))["pairings"]
    entries, lists = [], []
    for given in data["entries"] if isinstance(data, dict) else data:
        entry = {key: given[key] for key in ("id", "from", "config")}
        config = entry["config"]
        inner = config.get("text_config", config)
        model = inner.get("model_type", config.get("model_type"))
        if entry["id"] in REFUSED:
            entry["refused"] = REFUSED[entry["id"]]
        elif model == "nemotron_h":
            entry["refused"] = ["nemotron_h", "no RoPE"]
        else:
            if model in FORMULAS:
                origin, function = FORMULAS[model]
                found = {"origin": origin, **function(inner)}
            else:
                try:
                    found = by_class(config)
                    found["pairing"] = pairings.get(model, {}).get("pairing")
                except Exception as error:
                    print(entry["id"], model, type(error).__name__, str(error)[:150], file=sys.stderr)
                    continue
            entry["origin"], entry["layers"] = found["origin"], found["layers"]
            entry["pairing"] = found["pairing"]
            entry["ropes"] = []
            for frequencies, attention in found["ropes"]:
                values = numbers(torch.tensor(frequencies, dtype=torch.float64).float())
                if values not in lists:
                    lists.append(values)
                entry["ropes"].append({"inv_freq": lists.index(values), "attention_factor": float(attention)})
        entries.append(entry)
    lines = ",\n".join(json.dumps(entry, sort_keys=True) for entry in entries)
    rows = ",\n".join(json.dumps(values) for values in lists)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(f'{{"source": "transformers {transformers.__version__}",\n"inv_freq": [\n{rows}\n],\n'
                  f'"entries": [\n{lines}\n]}}\n')
    print(len(entries), "entries", len(lists), "lists")


if __name__ == "__main__":
    main()
