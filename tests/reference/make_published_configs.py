#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills published_configs.json: published configurations, trimmed to what concerns RoPE, and the
numbers that they mean.

Run in the environment that bench/peers/setup makes:
    python3 make_published_configs.py entries.json published_configs.json
entries.json is a list of {"id", "from", "config"}; published_configs.json itself serves, too.

Where transformers has the class, the numbers are those of its rotary class, and "origin" names it.
Elsewhere FORMULAS derives them, and "origin" cites the code that has the formula. That code was not run,
and only the code of Step-3.5 (vLLM) and a transcription of that of ChatGLM were read for this script: the
other formulas are independent of the library, but not of what its authors believe. A file that a reader must
refuse has "refused", the words of the reason.
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


FORMULAS = {
    "baichuan": ("modeling_baichuan.py beside the model: theta 10000 in RotaryEmbedding", whole_head),
    "bailing_moe": ("modeling_bailing_moe.py beside the model", whole_head),
    "bert": ("modeling_rope_bert.py beside the model", lambda c: unknown_pairing(whole_head(c))),
    "chatglm": ("modeling_chatglm.py beside the model: RotaryEmbedding(rotary_dim // 2)", chatglm),
    "exaone": ("modeling_exaone.py beside the model", lambda c: unknown_pairing(whole_head(c))),
    "gptj": ("transformers, modeling_gptj.py: create_sinusoidal_positions",
             lambda c: {**whole_head(c), "pairing": "interleaved"}),
    "minimax_m2": ("vLLM, models/minimax_m2.py: rotary_dim, which the class of transformers does not"
                   " read", whole_head),
    "minimax_m3": ("MiniMax-M3: rotary_dim", lambda c: unknown_pairing(whole_head(c))),
    "minimax_m3_vl_text": ("MiniMax-M3: rotary_dim, which the class of transformers does not read",
                           whole_head),
    "hunyuan_vl": ("vLLM, rotary_embedding/xdrope.py", lambda c: unknown_pairing(one(
        base(c["rope_theta"] * c["rope_scaling"]["alpha"] ** (128.0 / 126.0), 128),
        n=c["num_hidden_layers"]))),
    "internlm2": ("modeling_internlm2.py beside the model; below max_position_embeddings", whole_head),
    "kimi_k2": ("modeling_deepseek.py beside the model", kimi_k2),
    "mimo": ("modeling_mimo.py beside the model", whole_head),
    "mimo_v2_flash": ("modeling_mimo_v2_flash.py beside the model", mimo_v2_flash),
    "nemotron-nas": ("modeling_decilm.py beside the model", nemotron_nas),
    "phi-msft": ("modeling_phi.py beside the model", whole_head),
    "qwen": ("modeling_qwen.py beside the model; below seq_length", whole_head),
    "RefinedWebModel": ("modelling_RW.py beside the model: theta 10000", whole_head),
    "stablelm_epoch": ("modeling_stablelm_epoch.py beside the model",
                       lambda c: whole_head(c, share=c["rope_pct"])),
    "step3p5": ("vLLM, models/step3p5.py: Step3p5Attention", step3p5),
    "telechat3": ("modeling_telechat3.py beside the model: 0.07 ln s + 1", telechat3),
    "xlm-roberta": ("xlm-roberta-flash-implementation: rotary.py",
                    lambda c: unknown_pairing(whole_head(c))),
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
    if config["model_type"] not in CONFIG_MAPPING:  # a model around a known one
        config = config["text_config"]
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
