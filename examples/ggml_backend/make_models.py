#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_models.py DIR: writes GGUF files of small models with random weights into DIR.

With --bench it also writes the models of measure.cpp, which have the shapes of real models.
Needs numpy and the Python package gguf (Debian: python3-gguf).
"""
import math
import os
import sys

import gguf
import numpy as np

YARN = {"rope.scaling.type": "yarn", "rope.scaling.factor": 16.0,
        "rope.scaling.original_context_length": 4096, "context_length": 65536}


class Model:
    """A GGUF file that is being written. Each key gets the architecture as its prefix."""

    def __init__(self, folder, name, arch, keys, quantised=False):
        self.random = np.random.default_rng(sum(name.encode()))
        self.quantised = quantised
        self.writer = gguf.GGUFWriter(os.path.join(folder, name + ".gguf"), arch)
        self.keys = keys
        for key, value in keys.items():
            key = f"{arch}.{key}"
            if isinstance(value, str):
                self.writer.add_string(key, value)
            elif isinstance(value, list):
                self.writer.add_array(key, value)
            elif isinstance(value, float):
                self.writer.add_float32(key, value)
            else:
                self.writer.add_uint32(key, value)

    def tokenizer(self, n_vocab):
        """The tokenizer of Llama 2: bytes, and letters with a space before them or without."""
        tokens, types = ["<unk>", "<s>", "</s>"], [2, 3, 3]
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
        types += [6] * 256
        pieces = ["\u2581"] + [a + chr(c) for a in ("", "\u2581") for c in range(97, 123)]
        tokens += pieces + [f"<unused{i}>" for i in range(n_vocab - len(tokens) - len(pieces))]
        types += [1] * len(pieces) + [5] * (len(tokens) - len(types) - len(pieces))
        w = self.writer
        w.add_tokenizer_model("llama")
        w.add_token_list(tokens)
        w.add_token_types(types)
        w.add_token_scores([-float(i) for i in range(len(tokens))])
        w.add_bos_token_id(1)
        w.add_eos_token_id(2)

    def matrix(self, name, n_in, n_out):
        values = self.random.standard_normal((n_out, n_in), dtype=np.float32) / math.sqrt(n_in)
        if self.quantised:
            kind = gguf.GGMLQuantizationType.Q8_0
            self.writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            self.writer.add_tensor(name, values)

    def stack(self, name, n_heads, n_in, n_out):
        values = self.random.standard_normal((n_heads, n_out, n_in), dtype=np.float32)
        self.writer.add_tensor(name, values / np.float32(math.sqrt(n_in)))

    def vector(self, name, values):
        self.writer.add_tensor(name, np.asarray(values, dtype=np.float32))

    def norm(self, name, n):
        self.vector(name, 1 + 0.1 * self.random.standard_normal(n))

    def save(self):
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def write(folder, name, arch, keys, n_vocab=384, quantised=False, freqs=None, factors=None):
    """A transformer with GQA: llama, qwen2vl, qwen3, gemma3 or phi3."""
    keys = {"context_length": 8192, "attention.layer_norm_rms_epsilon": 1e-6, **keys}
    dim, ff = keys["embedding_length"], keys["feed_forward_length"]
    heads, kv = keys["attention.head_count"], keys["attention.head_count_kv"]
    head = keys.get("attention.key_length", dim // heads)
    keys.setdefault("rope.dimension_count", head)
    m = Model(folder, name, arch, keys, quantised)
    m.tokenizer(n_vocab)
    m.matrix("token_embd.weight", dim, n_vocab)
    m.norm("output_norm.weight", dim)
    m.matrix("output.weight", dim, n_vocab)
    if freqs is not None:
        m.vector("rope_freqs.weight", freqs)
    for which, values in (factors or {}).items():
        m.vector(f"rope_factors_{which}.weight", values)
    for layer in range(keys["block_count"]):
        block = f"blk.{layer}."
        for norm in ["attn_norm", "ffn_norm"] + (
                ["post_attention_norm", "post_ffw_norm"] if arch == "gemma3" else []):
            m.norm(block + norm + ".weight", dim)
        if arch == "phi3":
            m.matrix(block + "attn_qkv.weight", dim, (heads + 2 * kv) * head)
            m.matrix(block + "ffn_up.weight", dim, 2 * ff)
        else:
            for x, n in (("q", heads), ("k", kv), ("v", kv)):
                m.matrix(block + f"attn_{x}.weight", dim, n * head)
                if arch == "qwen2vl":
                    m.norm(block + f"attn_{x}.bias", n * head)
            m.matrix(block + "ffn_up.weight", dim, ff)
            m.matrix(block + "ffn_gate.weight", dim, ff)
        if arch in ("qwen3", "gemma3"):
            m.norm(block + "attn_q_norm.weight", head)
            m.norm(block + "attn_k_norm.weight", head)
        m.matrix(block + "attn_output.weight", heads * head, dim)
        m.matrix(block + "ffn_down.weight", ff, dim)
    m.save()


def write_deepseek2(folder, name):
    """Multi-head latent attention. A key is the latent elements, then one rotated head."""
    dim, heads, layers, q_rank, kv_rank, nope, rope, v = 256, 4, 3, 96, 128, 64, 32, 64
    m = Model(folder, name, "deepseek2", {
        **YARN, "embedding_length": dim, "block_count": layers, "feed_forward_length": 512,
        "attention.head_count": heads, "attention.head_count_kv": 1, "vocab_size": 384,
        "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0,
        "rope.scaling.yarn_log_multiplier": 0.0707, "rope.dimension_count": rope,
        "attention.q_lora_rank": q_rank, "attention.kv_lora_rank": kv_rank,
        "attention.key_length": kv_rank + rope, "attention.value_length": kv_rank,
        "attention.key_length_mla": nope + rope, "attention.value_length_mla": v,
        "leading_dense_block_count": layers, "expert_count": 2, "expert_used_count": 1,
        "expert_shared_count": 1, "expert_feed_forward_length": 128, "expert_weights_scale": 1.0})
    m.tokenizer(384)
    m.matrix("token_embd.weight", dim, 384)
    m.norm("output_norm.weight", dim)
    m.matrix("output.weight", dim, 384)
    for layer in range(layers):
        block = f"blk.{layer}."
        for norm, n in (("attn_norm", dim), ("ffn_norm", dim), ("attn_q_a_norm", q_rank),
                        ("attn_kv_a_norm", kv_rank)):
            m.norm(f"{block}{norm}.weight", n)
        for matrix, n_in, n_out in (
                ("attn_q_a", dim, q_rank), ("attn_q_b", q_rank, heads * (nope + rope)),
                ("attn_kv_a_mqa", dim, kv_rank + rope), ("attn_output", heads * v, dim),
                ("ffn_gate", dim, 512), ("ffn_up", dim, 512), ("ffn_down", 512, dim)):
            m.matrix(f"{block}{matrix}.weight", n_in, n_out)
        m.stack(block + "attn_k_b.weight", heads, nope, kv_rank)
        m.stack(block + "attn_v_b.weight", heads, kv_rank, v)
    m.save()


def llama3_factors(dim, base, factor=8.0, low=1.0, high=4.0, length=8192):
    """The divisors that llama.cpp's converter writes for Llama 3.1."""
    wavelength = 2 * math.pi * base ** (np.arange(0, dim, 2) / dim)
    smooth = np.clip((length / wavelength - low) / (high - low), 0, 1)
    return 1 / ((1 - smooth) / factor + smooth)


SMALL = {"embedding_length": 512, "block_count": 3, "feed_forward_length": 512,
         "attention.head_count": 4, "attention.head_count_kv": 2, "attention.key_length": 128,
         "attention.value_length": 128, "rope.freq_base": 10000.0}
LLAMA = {**SMALL, "embedding_length": 256, "attention.key_length": 64,
         "attention.value_length": 64}


def write_small(folder):
    steps = np.linspace(0, 1, 48)
    write(folder, "llama", "llama", LLAMA)
    write(folder, "llama-yarn", "llama", {**LLAMA, **YARN})
    write(folder, "llama-llama3", "llama", {**LLAMA, "rope.freq_base": 500000.0},
          freqs=llama3_factors(64, 500000.0))
    write(folder, "phi3-longrope", "phi3",
          {**SMALL, "rope.dimension_count": 96, "context_length": 131072,
           "rope.scaling.type": "longrope", "rope.scaling.original_context_length": 128,
           "rope.scaling.attn_factor": 1.19},
          factors={"short": 1 + 0.5 * steps, "long": 1 + 30 * steps * steps})
    write(folder, "qwen3-yarn", "qwen3", {**SMALL, **YARN, "rope.freq_base": 1000000.0,
                                          "rope.scaling.factor": 4.0})
    write(folder, "gemma3-linear", "gemma3",
          {**SMALL, "block_count": 7, "attention.sliding_window": 32, "rope.freq_base": 1000000.0,
           "rope.scaling.type": "linear", "rope.scaling.factor": 8.0})
    write(folder, "qwen2vl", "qwen2vl", {**SMALL, "rope.freq_base": 1000000.0,
                                         "rope.dimension_sections": [16, 24, 24, 0]})
    write_deepseek2(folder, "deepseek2-yarn")


def write_bench(folder):
    """Qwen3-0.6B and Llama-3.2-1B with small vocabularies, in q8_0; and the small models."""
    write(folder, "bench-qwen3-0.6b", "qwen3",
          {**SMALL, **YARN, "embedding_length": 1024, "block_count": 28,
           "feed_forward_length": 3072, "attention.head_count": 16, "attention.head_count_kv": 8,
           "rope.freq_base": 1000000.0}, n_vocab=32000, quantised=True)
    write(folder, "bench-llama-1b", "llama",
          {**SMALL, "embedding_length": 2048, "block_count": 16, "feed_forward_length": 8192,
           "attention.head_count": 32, "attention.head_count_kv": 8, "attention.key_length": 64,
           "attention.value_length": 64, "rope.freq_base": 500000.0},
          n_vocab=32000, quantised=True, freqs=llama3_factors(64, 500000.0, factor=32.0))
    write_small(folder)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or (len(sys.argv) == 3 and sys.argv[1] != "--bench"):
        sys.exit(f"usage: {sys.argv[0]} [--bench] DIR")
    os.makedirs(sys.argv[-1], exist_ok=True)
    (write_bench if len(sys.argv) == 3 else write_small)(sys.argv[-1])
