#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes hf_configs.json: configurations of transformers, and their frequencies by transformers.

Run in the environment that bench/peers/setup makes:
    python3 make_hf_configs.py hf_configs.json

Each entry is the default configuration of a class, or a configuration with the scaling of a published
model (VARIANTS lists them). It has the current spelling of config.json. If the older spelling can
express the configuration, there is a second entry with this spelling. The frequencies come from the
model's own rotary class.
"""
import importlib
import inspect
import json
import re
import sys
import warnings

import numpy
import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

transformers.logging.set_verbosity_error()
warnings.filterwarnings("ignore")
torch.set_num_threads(1)

DEFAULTS = """
afmoe apertus arcee aria bamba bitnet chameleon cohere cohere2 cohere2_moe csm cwm dbrx deepseek_v2
deepseek_v3 deepseek_v32 deepseek_v4 diffllama doge dots1 emu3 ernie4_5 ernie4_5_moe eurobert exaone4
exaone_moe falcon falcon_h1 flex_olmo fuyu gemma gemma2 gemma3 gemma3n gemma3_text gemma4 glm glm4
glm4_moe_lite glm4v glm_moe_dsa got_ocr2 gpt_neox gpt_neox_japanese gpt_oss granite granitemoe
granitemoehybrid granitemoeshared helium hunyuan_v1_dense hunyuan_v1_moe hy_v3
hyperclovax jais2 jetmoe jina_embeddings_v3 laguna lfm2 lfm2_moe llama llama4 llava longcat_flash
mellum minicpmv4_6 minimax minimax_m2 minimax_m3_vl ministral ministral3 mistral mistral3 mistral4
mixtral mllama modernbert modernbert-decoder moonshine moonshine_streaming moshi nanochat nemotron
nomic_bert olmo olmo2 olmo3 olmo_hybrid olmoe openai_privacy_filter paligemma persimmon phi phi3
phi4_multimodal phimoe qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_5
qwen3_5_moe qwen3_moe qwen3_next qwen3_vl qwen3_vl_moe recurrent_gemma seed_oss smollm3 smolvlm
solar_open stablelm starcoder2 t5gemma t5gemma2 vaultgemma voxtral youtu zamba2
""".split()

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
YARN_4 = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
DEEPSEEK = {"rope_type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0,
            "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096}
# Lists of a plausible shape; the published ones have 48 or 64 arbitrary numbers like these.
SHORT_48 = [round(1 + 0.02 * i, 3) for i in range(48)]
LONG_48 = [round(1.08 + 1.3 * i, 3) for i in range(48)]
SHORT_64 = [round(1 + 0.01 * i, 3) for i in range(64)]
LONG_64 = [round(1 + 0.9 * i, 3) for i in range(64)]
LONGROPE_48 = {"rope_type": "longrope", "short_factor": SHORT_48, "long_factor": LONG_48}

# id, model type, RoPE dictionary (None: the class's own), rope_theta, other arguments of the class,
# sequence lengths.
VARIANTS = [
    ("llama-3.1-8b", "llama", LLAMA3, 500000.0, {"max_position_embeddings": 131072}, [None]),
    ("llama-3.2-1b", "llama", {**LLAMA3, "factor": 32.0}, 500000.0,
     {"hidden_size": 2048, "head_dim": 64, "max_position_embeddings": 131072}, [None]),
    ("yarn-llama-2-7b-128k", "llama",
     {"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096},
     10000.0, {"max_position_embeddings": 131072}, [None]),
    ("yarn-attention-factor-1", "llama", {**YARN_4, "attention_factor": 1.0}, 1000000.0,
     {"max_position_embeddings": 131072}, [None]),
    ("yarn-betas-of-zero", "llama", {**YARN_4, "beta_fast": 0, "beta_slow": 0}, 1000000.0,
     {"max_position_embeddings": 131072}, [None]),
    ("yarn-mscale-0.707", "llama", {**DEEPSEEK, "mscale": 0.707, "mscale_all_dim": 0.8}, 10000.0,
     {"max_position_embeddings": 163840}, [None]),
    ("yarn-mscale-alone", "llama", {**DEEPSEEK, "mscale_all_dim": 0}, 10000.0,
     {"max_position_embeddings": 163840}, [None]),
    ("yarn-factor-of-null", "llama", {**YARN_4, "factor": None}, 1000000.0,
     {"max_position_embeddings": 131072}, [None]),
    ("yarn-factor-beside-the-ratio", "llama", YARN_4, 1000000.0,
     {"max_position_embeddings": 65536}, [None]),
    ("llama-linear-4", "llama", {"rope_type": "linear", "factor": 4}, 10000.0, {}, [None]),
    ("llama-dynamic-2", "llama", {"rope_type": "dynamic", "factor": 2.0}, 10000.0,
     {"max_position_embeddings": 4096}, [None, 4096, 4097, 10000]),
    ("mistral-yarn", "mistral", YARN_4, 1000000.0, {"max_position_embeddings": 131072}, [None]),
    ("qwen2.5-7b-yarn", "qwen2", YARN_4, 1000000.0,
     {"hidden_size": 3584, "num_attention_heads": 28, "max_position_embeddings": 131072}, [None]),
    ("qwen3-yarn", "qwen3", YARN_4, 1000000.0, {"max_position_embeddings": 131072}, [None]),
    ("qwen3-next-yarn", "qwen3_next", YARN_4, 10000000.0, {"max_position_embeddings": 131072},
     [None]),
    ("qwen3-moe-head-128", "qwen3_moe", None, 1000000.0, {"head_dim": 128}, [None]),
    ("deepseek-v2-yarn", "deepseek_v2", {**DEEPSEEK, "mscale": 0.707, "mscale_all_dim": 0.707}, 10000.0,
     {"max_position_embeddings": 163840}, [None]),
    ("deepseek-v3-yarn", "deepseek_v3", DEEPSEEK, 10000.0, {"max_position_embeddings": 163840}, [None]),
    ("kimi-k2", "deepseek_v3", {**DEEPSEEK, "factor": 32.0, "beta_fast": 1.0}, 50000.0,
     {"max_position_embeddings": 131072, "num_attention_heads": 64}, [None]),
    ("phi-3-mini-128k", "phi3", LONGROPE_48, 10000.0,
     {"max_position_embeddings": 131072, "original_max_position_embeddings": 4096}, [None, 4096, 4097]),
    ("phi-4-mini", "phi3", LONGROPE_48, 10000.0,
     {"max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
      "partial_rotary_factor": 0.75, "num_attention_heads": 24}, [None, 5000]),
    ("phi-3.5-moe", "phimoe",
     {"rope_type": "longrope", "short_factor": SHORT_64, "long_factor": LONG_64,
      "short_mscale": 1.243163121016122, "long_mscale": 1.243163121016122,
      "original_max_position_embeddings": 4096}, 10000.0, {}, [None]),
    ("longrope-attention-factor", "llama",
     {"rope_type": "longrope", "short_factor": SHORT_64, "long_factor": LONG_64,
      "attention_factor": 1.25, "original_max_position_embeddings": 8192}, 10000.0,
     {"max_position_embeddings": 32768}, [None, 8193]),
    ("longrope-factor", "llama",
     {"rope_type": "longrope", "short_factor": SHORT_64, "long_factor": LONG_64, "factor": 8.0,
      "original_max_position_embeddings": 8192}, 10000.0, {"max_position_embeddings": 32768}, [None]),
    ("gemma-3-4b", "gemma3_text",
     {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
      "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}, None, {}, [None]),
    ("gpt-oss-20b", "gpt_oss", None, None, {"initial_context_length": 4096}, [None]),
    ("pythia-1b", "gpt_neox", None, None,
     {"hidden_size": 2048, "num_attention_heads": 8}, [None]),
    ("gpt-neox-linear", "gpt_neox", {"rope_type": "linear", "factor": 2.0}, 10000.0, {}, [None]),
    ("falcon-dynamic", "falcon", {"rope_type": "dynamic", "factor": 2.0}, 10000.0, {},
     [None, 2048, 5000]),
    ("glm-4.5", "glm4_moe", None, 1000000.0, {"head_dim": 128}, [None]),
    ("glm-4.5v", "glm4v_moe", None, 10000.0, {"text_config": {"head_dim": 128}}, [None]),
    ("persimmon-linear", "persimmon", {"rope_type": "linear", "factor": 3.0}, 25000.0, {}, [None]),
    ("stablelm-dynamic", "stablelm", {"rope_type": "dynamic", "factor": 4.0}, 10000.0, {},
     [None, 9000]),
    ("hunyuan-a13b", "hunyuan_v1_moe",
     {"rope_type": "dynamic", "alpha": 1000.0, "factor": 1.0, "beta_fast": 32, "beta_slow": 1,
      "mscale": 1.0, "mscale_all_dim": 0.0}, 10000.0, {"head_dim": 128}, [None]),
    ("hunyuan-7b", "hunyuan_v1_dense",
     {"rope_type": "dynamic", "alpha": 100000.0, "factor": 1.0}, 10000.0, {"head_dim": 128}, [None]),
    ("qwen2-vl-mrope", "qwen2_vl",
     {"rope_type": "default", "type": "mrope", "mrope_section": [16, 24, 24]}, 1000000.0, {}, [None]),
    ("olmo-3-7b-yarn", "olmo3",
     {"rope_type": "yarn", "factor": 8.0, "attention_factor": 1.2079441541679836, "beta_fast": 32,
      "beta_slow": 1, "original_max_position_embeddings": 8192}, 500000.0,
     {"max_position_embeddings": 65536}, [None]),
    ("laguna-yarn", "laguna",
     {"full_attention": {"rope_type": "yarn", "rope_theta": 500000.0, "factor": 32.0,
                         "original_max_position_embeddings": 4096, "attention_factor": 1.0,
                         "beta_fast": 64.0, "beta_slow": 1.0, "partial_rotary_factor": 0.5},
      "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0,
                            "partial_rotary_factor": 1.0}}, None, {}, [None]),
    ("nested-truncate-false", "laguna",
     {"full_attention": {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0,
                         "original_max_position_embeddings": 4096, "truncate": False},
      "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}, None,
     {"head_dim": 64}, [None]),
    ("modernbert-scaled", "modernbert",
     {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 160000.0},
      "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}, None, {}, [None]),
    ("smollm3-yarn", "smollm3", {**YARN_4, "original_max_position_embeddings": 65536}, 5000000.0,
     {"max_position_embeddings": 262144}, [None]),
    ("granite-yarn", "granite", YARN_4, 10000000.0, {"max_position_embeddings": 131072}, [None]),
    ("exaone-4-32b", "exaone4", {**LLAMA3, "factor": 16.0}, 1000000.0,
     {"hidden_size": 5120, "num_attention_heads": 40, "head_dim": 128,
      "max_position_embeddings": 131072}, [None]),
    ("llama-4-scout", "llama4_text", {**LLAMA3, "factor": 16.0}, 500000.0,
     {"max_position_embeddings": 10485760}, [None]),
    ("dbrx-instruct", "dbrx", None, None,
     {"d_model": 6144, "n_heads": 48, "attn_config": {"rope_theta": 500000.0}}, [None]),
    ("nemotron-linear", "nemotron", {"rope_type": "linear", "factor": 2.0}, 10000.0, {}, [None]),
]

# Sines of these models come from a function, not from a rotary class.
SINUSOIDAL = {"gptj": ("gptj", "create_sinusoidal_positions"),
              "codegen": ("codegen", "create_sinusoidal_positions")}

# Keys that can affect RoPE.
KEPT = re.compile(
    r"rope|rotary|theta|mrope|truncate|mscale|^head_dim$|global_head_dim|kv_channels|attention_head_dim"
    r"|^hidden_size$|^d_model$|^n_embd$|num_attention_heads$|^n_heads?$|max_position_embeddings"
    r"|^max_seq_len$|^n_positions$|^model_type$|qk_\w*head_dim|initial_context_length"
    r"|(text|vision|audio|thinker|attn|decoder|encoder|language)_?config$|^(decoder|encoder)$")


def kept(config):
    """The keys of a dictionary that can affect RoPE, with those of nested dictionaries."""
    result = {}
    for key, value in config.items():
        if key == "layer_types" and value:
            result[key] = sorted(set(value))
        elif KEPT.search(key) and value is not None:
            if re.search(r"vision|audio|talker", key):
                result[key] = {"model_type": value.get("model_type")} if value else None
            elif isinstance(value, dict) and "rope" not in key:
                result[key] = kept(value)
            else:
                result[key] = value
    return result


def without_layer_types(config):
    """The configuration without layer_types, which kept() shortened. The class makes the full list."""
    return {k: without_layer_types(v) if isinstance(v, dict) else v
            for k, v in config.items() if k != "layer_types"}


def older(config):
    """The configuration in the spelling of transformers 4. None if that spelling cannot express it."""
    config = json.loads(json.dumps(config))
    inner = config
    while inner.get("rope_parameters") is None:
        nested = [inner[k] for k in ("text_config", "thinker_config") if isinstance(inner.get(k), dict)]
        if not nested:
            return None
        inner = nested[0]
    parameters = inner.pop("rope_parameters")
    model = inner.get("model_type", "")
    layers = {k: v for k, v in parameters.items() if isinstance(v, dict)}
    if layers:
        if set(layers) != {"full_attention", "sliding_attention"}:
            return None
        if not re.match(r"gemma3|modernbert|t5gemma2", model):
            return None
        full, local = layers["full_attention"], layers["sliding_attention"]
        names = ("global_rope_theta", "local_rope_theta") if "modernbert" in model else (
            "rope_theta", "rope_local_base_freq")
        inner[names[0]], inner[names[1]] = full.pop("rope_theta"), local.pop("rope_theta")
        parameters = full
        if "modernbert" in model and parameters["rope_type"] != "default":
            return None
    else:
        neox = model.startswith("gpt_neox")
        inner["rotary_emb_base" if neox else "rope_theta"] = parameters.pop("rope_theta")
        if "partial_rotary_factor" in parameters:
            inner["rotary_pct" if neox else "partial_rotary_factor"] = parameters.pop(
                "partial_rotary_factor")
    if "qk_rope_head_dim" in inner:
        inner.pop("head_dim", None)  # the class sets it; published files do not have it
    kind = parameters.pop("rope_type", "default")
    if kind == "proportional":
        return None
    if kind != "default" or parameters:
        kind = {"longrope": "su" if "phi3" in model else "longrope"}.get(kind, kind)
        # transformers 5.12.1 reads Gemma 3's scaling under today's key only, which the files have.
        parameters.setdefault("rope_type" if layers else "type", kind)
        inner["rope_scaling"] = parameters
    return config


def rotary_class(config):
    """The rotary class that belongs to a text configuration."""
    name = type(config).__module__.replace("configuration_", "modeling_")
    module = importlib.import_module(name)
    candidates = []
    for label, one in vars(module).items():
        if not (inspect.isclass(one) and "Rotary" in label and one.__module__ == name):
            continue
        parameter = inspect.signature(one.__init__).parameters.get("config")
        if parameter is None or re.search("Vision|Audio|DiT|Talker|Code2Wav", label):
            continue
        wanted = getattr(parameter.annotation, "__name__", str(parameter.annotation))
        candidates.append((wanted != type(config).__name__, label, one))
    return min(candidates)[2] if candidates else None


def numbers(tensor):
    """float32 values with the fewest digits that identify them."""
    return [float(numpy.format_float_scientific(v, unique=True)) for v in tensor.numpy()]


class Table:
    """The entries, and each distinct list of frequencies once."""

    def __init__(self):
        self.lists, self.index, self.entries = [], {}, []

    def add(self, name, config, source, layer, length, inv_freq, attention):
        values = numbers(inv_freq.float())
        key = json.dumps(values)
        if key not in self.index:
            self.index[key] = len(self.lists)
            self.lists.append(values)
        self.entries.append({"id": name, "class": source, "config": config, "layer_type": layer,
                             "seq_len": length, "inv_freq": self.index[key],
                             "attention_factor": float(attention)})


def compute(text, length):
    """(layer type, inverse frequencies, attention factor) of every set that the model has."""
    rotary = rotary_class(text)(text)
    names = [n for n, _ in rotary.named_buffers() if n.endswith("inv_freq") and "original" not in n]
    results = []
    for name in names:
        layer = name[: -len("_inv_freq")] if name != "inv_freq" else None
        factor = getattr(rotary, f"{layer}_attention_scaling" if layer else "attention_scaling")
        values = getattr(rotary, name)
        if length is not None:
            init = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS[rotary.rope_type]
            values, factor = init(text, "cpu", seq_len=length)
        if layer is None and "short_mscale" in text.rope_parameters:
            factor = text.rope_parameters["short_mscale"]  # PhiMoE's forward reads it
            assert abs(rotary(torch.zeros(1), torch.tensor([[0]]))[0][0, 0, 0].item() - factor) < 1e-6
        results.append((layer, values, factor))
    return type(rotary).__name__, sorted(results, key=lambda result: result[0] or "")


def add(table, name, config, lengths):
    """A configuration in both spellings. transformers must compute the same from both."""
    written = kept(json.loads(config.to_json_string(use_diff=False)))
    for suffix, spelled in (("", written), ("-old", older(written))):
        if spelled is None:
            continue
        read = config
        if suffix:
            read = type(config).from_dict(json.loads(json.dumps(without_layer_types(spelled))))
        for length in lengths:
            rotary, results = compute(read.get_text_config(), length)
            _, today = compute(config.get_text_config(), length)
            assert all(torch.equal(a[1], b[1]) and a[2] == b[2] for a, b in zip(results, today)), name
            for layer, values, factor in results:
                label = name + suffix + (f"-{layer}" if layer else "") + (
                    f"-at-{length}" if length else "")
                table.add(label, spelled, f"{type(config).__name__} / {rotary}", layer, length,
                          values, factor)


def add_sinusoidal(table, name):
    """GPT-J and CodeGen store only sines and cosines: the frequency is the angle of position 1."""
    config = CONFIG_MAPPING[name]()
    package, function = SINUSOIDAL[name]
    module = importlib.import_module(f"transformers.models.{package}.modeling_{package}")
    width = config.rotary_dim
    sines = getattr(module, function)(2, width)[1].double()
    half = sines.shape[0] // 2
    table.add(name, kept(json.loads(config.to_json_string(use_diff=False))),
              f"{type(config).__name__} / {function}", None, None,
              torch.atan2(sines[:half], sines[half:]).float(), 1.0)


def main():
    table = Table()
    for name in DEFAULTS:
        add(table, name, CONFIG_MAPPING[name](), [None])
    for name in SINUSOIDAL:
        add_sinusoidal(table, name)
    for name, model, parameters, theta, others, lengths in VARIANTS:
        arguments = json.loads(json.dumps(others))
        if parameters is not None:
            parameters = json.loads(json.dumps(parameters))
            if theta is not None:
                parameters["rope_theta"] = theta
            arguments["rope_parameters"] = parameters
        elif theta is not None:
            arguments["rope_theta"] = theta
        add(table, name, CONFIG_MAPPING[model](**arguments), lengths)
    lines = ",\n".join(json.dumps(entry, sort_keys=True) for entry in table.entries)
    rows = ",\n".join(json.dumps(values) for values in table.lists)
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(f'{{"source": "transformers {transformers.__version__}, '
                  f'torch {torch.__version__}",\n"inv_freq": [\n{rows}\n],\n'
                  f'"entries": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
