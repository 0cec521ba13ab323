#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes norms.json: q and k of attention layers of transformers after their norm and their rotation.

Run where transformers 5.12 and torch are installed (Debian: python3-transformers, python3-torch):
    python3 make_norms.py norms.json

How a layer is recorded. The script makes the attention class of the model and its rotary embedding,
and calls the layer. Hooks replace the values that enter the norm (or leave the projection, if the
layer rotates first) by numbers from a formula, so that the file need not hold them. The script stops
the layer where it calls the attention function, and keeps the queries and keys of this call.
"""
import argparse
import importlib
import json
import platform

import numpy
import torch
import transformers

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
torch.set_grad_enabled(False)

POSITIONS = [1, 7, 1000]
M, A = 2654435761, 1013904223


def numbers(n, seed, scale, shift=0.0):
    """float32(((i * M + A * seed) mod 2^32) / 2^32 - 0.5) * scale + shift, for i < n."""
    i = numpy.arange(n, dtype=numpy.uint64)
    u = (i * numpy.uint64(M) + numpy.uint64(A * seed % 2**32)) % numpy.uint64(2**32)
    base = (u.astype(numpy.float64) / 2**32 - 0.5).astype(numpy.float32)
    return torch.from_numpy(base * numpy.float32(scale) + numpy.float32(shift))


class Stopped(Exception):
    pass


def shortest(tensor):
    """float32 with the fewest digits that identify each number."""
    flat = tensor.to(torch.float32).contiguous().reshape(-1).numpy()
    return [float(str(x)) for x in flat]


# name: (package, prefix of the classes, configuration, where the numbers enter, weight + 1)
MODELS = {
    "qwen3": ("qwen3", "Qwen3", {}, "norm", False),
    "gemma3": ("gemma3", "Gemma3", {"query_pre_attn_scalar": 64}, "norm", True),
    "qwen3_next": ("qwen3_next", "Qwen3Next", {"partial_rotary_factor": 0.25}, "norm", True),
    "glm4_moe": ("glm4_moe", "Glm4Moe", {"use_qk_norm": True, "partial_rotary_factor": 0.5}, "norm", False),
    "olmo2": ("olmo2", "Olmo2", {}, "norm", False),
    "minimax_m2": ("minimax_m2", "MiniMaxM2", {"partial_rotary_factor": 0.5}, "norm", False),
    "cohere": ("cohere", "Cohere", {"use_qk_norm": True}, "norm", False),
    "stablelm": ("stablelm", "StableLm", {"qk_layernorm": True, "partial_rotary_factor": 0.25}, "projection",
                 False),
    "llama4": ("llama4", "Llama4Text", {"use_qk_norm": True}, "projection", False),
}


def record(name, dtype):
    package, prefix, extra, entry, plus_one = MODELS[name]
    module = importlib.import_module(f"transformers.models.{package}.modeling_{package}")
    configurations = importlib.import_module(f"transformers.models.{package}.configuration_{package}")
    config_class = [getattr(configurations, f"{prefix}{kind}Config") for kind in ("Text", "")
                    if hasattr(configurations, f"{prefix}{kind}Config")][0]
    n_heads, n_kv, head_dim = 4, 2, 48
    settings = dict(num_attention_heads=n_heads, num_key_value_heads=n_kv, head_dim=head_dim,
                    hidden_size=n_heads * head_dim, num_hidden_layers=1, vocab_size=16, intermediate_size=16,
                    max_position_embeddings=4096, rms_norm_eps=1e-6)
    theta = 10000.0
    rope = {"rope_type": "default", "rope_theta": theta}
    partial = extra.get("partial_rotary_factor", 1.0)
    if "partial_rotary_factor" in extra:
        rope["partial_rotary_factor"] = partial
        settings["rotary_dim"] = int(head_dim * partial)
    if package == "gemma3":
        settings["layer_types"] = ["full_attention"]
        rope = {"full_attention": rope, "sliding_attention": rope}
    settings["rope_parameters"] = rope
    config = config_class(**{**settings, **{k: v for k, v in extra.items() if k != "partial_rotary_factor"}})
    config._attn_implementation = "eager"
    attention_class = [c for c in (f"{prefix}Attention", f"{prefix}TextAttention") if hasattr(module, c)][0]
    rotary_class = [c for c in (f"{prefix}RotaryEmbedding",) if hasattr(module, c)][0]
    layer = getattr(module, attention_class)(config, 0).to(dtype).eval()
    rotary = getattr(module, rotary_class)(config)
    inv_freq = rotary.full_attention_inv_freq if package == "gemma3" else rotary.inv_freq
    tokens = len(POSITIONS)
    width = {"q": n_heads * head_dim, "k": n_kv * head_dim}
    given = {side: numbers(tokens * width[side], seed, 6.0).to(dtype)
             for seed, side in ((1, "q"), (2, "k"))}

    norms = {side: next((m for n, m in layer.named_children() if n in (f"{side}_norm", f"{side}_layernorm")),
                        None) for side in "qk"}
    eps, weights = None, {}
    for seed, side in ((3, "q"), (4, "k")):
        norm = norms[side] or layer.qk_norm
        parameters = list(norm.parameters())
        assert not any("bias" in n for n, _ in norm.named_parameters())
        if parameters:
            n = sum(p.numel() for p in parameters)
            values = numbers(n, seed, 1.0, 0.0 if plus_one else 1.0).to(dtype)
            weights[side] = {"n": n, "shape": list(parameters[0].shape) if len(parameters) == 1 else
                             [len(parameters)] + list(parameters[0].shape)}
            at = 0
            for p in parameters:
                p.data.copy_(values[at:at + p.numel()].reshape(p.shape))
                at += p.numel()
        inner = norm.norms[0] if hasattr(norm, "norms") else norm
        eps = getattr(inner, "eps", getattr(inner, "variance_epsilon", None))
    seen = []
    for side in "qk":
        if entry == "norm":
            def enter(_, args, side=side):
                assert args[0].numel() == given[side].numel() and args[0].dtype == dtype, args[0].shape
                seen.append(side)
                by_head = args[0].dim() == 4 and args[0].shape[2] == tokens  # else [1, tokens, ...]
                x = given[side].reshape(1, tokens, -1, head_dim)
                return (x.transpose(1, 2) if by_head else x.reshape(args[0].shape),) + args[1:]
            norms[side].register_forward_pre_hook(enter)
        else:
            def leave(_, args, result, side=side):
                assert result.numel() == given[side].numel()
                seen.append(side)
                return given[side].reshape(result.shape)
            getattr(layer, f"{side}_proj").register_forward_hook(leave)

    kept = {}

    def attention(_, query, key, *args, **kwargs):
        kept["q"], kept["k"] = query, key
        raise Stopped

    original, module.eager_attention_forward = module.eager_attention_forward, attention
    hidden = torch.zeros(1, tokens, config.hidden_size, dtype=dtype)
    ids = torch.tensor([POSITIONS])
    arguments = (hidden, ids, "full_attention") if package == "gemma3" else (hidden, ids)
    try:
        layer(hidden_states=hidden, position_embeddings=rotary(*arguments), attention_mask=None)
        raise AssertionError("the layer did not call its attention function")
    except Stopped:
        pass
    finally:
        module.eager_attention_forward = original
    assert sorted(seen) == ["k", "q"], seen
    result = {}
    for side, heads in (("q", n_heads), ("k", n_kv)):
        out = kept[side]
        assert tuple(out.shape) == (1, heads, tokens, head_dim) and out.dtype == dtype, out.shape
        result[side] = shortest(out.transpose(1, 2))
    frame = dict(id=name, call=f"{package}.modeling_{package}.{attention_class}", n_q_heads=n_heads,
                 n_kv_heads=n_kv, head_dim=head_dim, rotary_dim=int(head_dim * partial), rope_theta=theta,
                 inv_freq=shortest(inv_freq), positions=POSITIONS, eps=eps, weight_shape=weights.get("q", {}).get("shape"),
                 k_weight_shape=weights.get("k", {}).get("shape"), weight_plus_one=plus_one,
                 norm_class=type(norms["q"] or layer.qk_norm).__name__)
    return frame, result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    path = parser.parse_args().output
    cases = []
    for name in MODELS:
        frame, wide = record(name, torch.float32)
        _, narrow = record(name, torch.bfloat16)
        cases.append({**frame, "float32": wide, "bfloat16": narrow})
        print(name, {k: v for k, v in frame.items() if k not in ("positions", "inv_freq")})
    document = {
        "source": f"transformers {transformers.__version__} (with torch {torch.__version__}), "
                  f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, one thread",
        "input": {"M": M, "A": A, "seed": {"q": 1, "k": 2, "q_weight": 3, "k_weight": 4},
                  "scale": 6.0, "weight_scale": 1.0, "weight_shift": 1.0},
        "cases": cases,
    }
    with open(path, "w", encoding="ascii") as file:
        file.write('{"source": %s,\n"input": %s,\n"cases": [\n' %
                   (json.dumps(document["source"]), json.dumps(document["input"])))
        file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
