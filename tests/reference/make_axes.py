#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes axis_rotations.json and position_ids.json: rotations whose tokens have several positions,
and the positions of prompts with images and videos, as transformers computes them.

Run where transformers 5.12 and torch are installed (Debian: python3-transformers, python3-torch):
    python3 make_axes.py --rotations axis_rotations.json --positions position_ids.json
With --earlier DIR --earlier-name NAME, position_ids.json also has what an earlier release computes,
where it differs. DIR holds modeling_qwen2_vl.py, modeling_qwen2_5_vl.py and modeling_qwen3_vl.py of that
release. The script runs the method get_rope_index of each, outside the package.

How a rotation is recorded. A model with one small layer (but the head_dim and the RoPE settings of the
family) runs until it calls the function that rotates its queries. The script keeps the arguments of
this call, and calls the function again with unit vectors in place of the queries. The answer is the
matrix of the rotation of each token. Everything else is read from these matrices: which elements
form a pair, cos and sin of each pair, which axis moves which pair, and which frequency a pair has.
"""
import argparse
import ast
import importlib
import itertools
import json
import math
import warnings

import numpy
import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

transformers.logging.set_verbosity_error()
warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.manual_seed(0)
torch.set_grad_enabled(False)

N_HEADS = 5  # no other dimension of the recorded tensors has this size


# ---------------------------------------------------------------- recording a rotation


class Stopped(Exception):
    """Leaves a model once its rotation was called."""


def modeling(package):
    return importlib.import_module(f"transformers.models.{package}.modeling_{package}")


def with_unit_vectors(tensor, head_dim):
    """A tensor of queries in which head j of every token is unit vector j, and the axis of the heads."""
    heads = [i for i, n in enumerate(tensor.shape[:-1]) if n == N_HEADS]
    assert len(heads) == 1 and tensor.shape[-1] == head_dim, tensor.shape
    shape = list(tensor.shape)
    shape[heads[0]] = head_dim
    eye = torch.eye(head_dim).reshape([head_dim if i in (heads[0], len(shape) - 1) else 1
                                       for i in range(len(shape))])
    return eye.expand(shape).clone(), heads[0]


def first_call(run, package, function):
    """The function that rotates, and the arguments of the first call of it that run() makes."""
    module = modeling(package)
    original, kept = getattr(module, function), {}

    def keep(*args, **kwargs):
        kept["args"], kept["kwargs"] = args, kwargs
        raise Stopped

    setattr(module, function, keep)
    try:
        run()
        raise AssertionError("the model did not call " + function)
    except Stopped:
        pass
    finally:
        setattr(module, function, original)
    return original, kept["args"], kept["kwargs"]


def again(called, head_dim, replace):
    """Calls the function again with replace(queries) in place of queries and keys.
    Returns [token][head][element] of the new queries and of the result."""
    function, args, kwargs = called
    args, kwargs, given, heads = list(args), dict(kwargs), None, None
    for i, value in enumerate(args[:2]):
        if torch.is_tensor(value) and N_HEADS in value.shape[:-1]:
            args[i], heads = replace(value, head_dim)
    for name in ("q", "k", "query", "key"):
        if name in kwargs:
            kwargs[name], heads = replace(kwargs[name], head_dim)
    given = args[0] if torch.is_tensor(args[0]) else kwargs["q" if "q" in kwargs else "query"]
    result = function(*args, **kwargs)
    result = result[0] if isinstance(result, tuple) else result
    return [x.movedim(heads, -2).reshape(-1, x.shape[heads], head_dim) for x in (given, result)]


def with_random_numbers(tensor, head_dim):
    _, heads = with_unit_vectors(tensor, head_dim)
    return torch.randn(tensor.shape).bfloat16(), heads


def matrices(called, head_dim):
    """[token][input element][output element] of a rotation."""
    return again(called, head_dim, with_unit_vectors)[1].float().numpy()


def bfloat16_steps(model, run, package, function, head_dim):
    """How the class rounds when the weights are bfloat16: the type of cos and sin, and whether both
    products are rounded to bfloat16 before their sum is."""
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16()
    torch.set_default_dtype(torch.bfloat16)
    try:
        called = first_call(run, package, function)
    finally:
        torch.set_default_dtype(torch.float32)
    m = matrices(called, head_dim)
    given, result = again(called, head_dim, with_random_numbers)
    assert result.dtype == torch.bfloat16
    pairs, _ = pairs_of(m)
    a, b = torch.tensor(pairs).T
    cos, sin = (torch.tensor(x).unsqueeze(1) for x in (m[:, a, a], m[:, a, b]))
    # of the second element of the pair, whose last bit may differ in cos and sin
    cos_b, sin_b = (torch.tensor(x).unsqueeze(1) for x in (m[:, b, b], -m[:, b, a]))
    x, y = given.float()[..., a], given.float()[..., b]
    products = ((x * cos, y * -sin), (y * cos_b, x * sin_b))
    got = torch.cat([result[..., a], result[..., b]], dim=-1)
    once = torch.cat([(p + q).bfloat16() for p, q in products], dim=-1)
    thrice = torch.cat([(p.bfloat16() + q.bfloat16()) for p, q in products], dim=-1)
    share_once = (got == once).float().mean().item()
    share_thrice = (got == thrice).float().mean().item()
    assert max(share_once, share_thrice) > 0.999, (share_once, share_thrice)
    narrow = (torch.tensor(m).bfloat16().float() == torch.tensor(m)).all().item()
    return {"cos_sin": "bfloat16" if narrow else "float32",
            "products_rounded": share_thrice > share_once}


def pairs_of(m):
    """Pairs of elements that any token mixes, and the elements that no token changes."""
    mixed = (numpy.abs(m) > 0).any(axis=0)
    partner = {}
    for j in range(m.shape[1]):
        others = [int(k) for k in numpy.nonzero(mixed[j])[0] if k != j]
        assert len(others) <= 1, ("not pairs", j, others)
        if others:
            partner[j] = others[0]
    assert all(partner.get(k) == j for j, k in partner.items())
    fixed = [j for j in range(m.shape[1]) if j not in partner]
    assert all((m[:, j, j] == 1).all() for j in fixed), "an element alone is scaled"
    return sorted((j, k) for j, k in partner.items() if j < k), fixed


def pairing_name(pairs, fixed):
    """The name of a pairing: (pairing, number of elements of a block)."""
    n = 2 * len(pairs)
    assert fixed == list(range(n, n + len(fixed))), "rotated elements are not in front"
    if pairs == [(2 * i, 2 * i + 1) for i in range(n // 2)]:
        return "interleaved", n
    for blocks in range(1, 9):
        size = n // blocks
        if n % blocks == 0 and size % 2 == 0 and pairs == [
                (b * size + i, b * size + i + size // 2)
                for b in range(blocks) for i in range(size // 2)]:
            return "half_split", size
    raise AssertionError(pairs)


def cos_sin(m, pairs):
    """cos and sin [token][pair]; both elements of a pair must agree, but for the last bit: torch
    computes the same cosine in vector code or not."""
    a, b = numpy.array(pairs).T
    cos, sin = m[:, a, a], m[:, a, b]
    same = numpy.allclose(cos, m[:, b, b], 1e-6, 0) and numpy.allclose(sin, -m[:, b, a], 1e-6, 0)
    if not same:
        raise ValueError("the two elements of a pair have different angles")
    return cos, sin


def axes_by_experiment(positions, cos, sin):
    """The axis of each pair: tokens that differ on one axis alone show which pairs it moves."""
    n_axes, n_tokens = len(positions), len(positions[0])
    moves = [set() for _ in range(cos.shape[1])]
    for t, u in itertools.combinations(range(n_tokens), 2):
        differ = [a for a in range(n_axes) if positions[a][t] != positions[a][u]]
        if len(differ) == 1:
            same = numpy.isclose(cos[t], cos[u], 1e-6, 0) & numpy.isclose(sin[t], sin[u], 1e-6, 0)
            for pair in numpy.nonzero(~same)[0]:
                moves[pair].add(differ[0])
    assert all(len(m) == 1 for m in moves), moves
    return [m.pop() for m in moves]


def wrapped(angle):
    return (angle + math.pi) % (2 * math.pi) - math.pi


def frequencies_by_experiment(positions, axis_of_pair, cos, sin, candidates, amplitude):
    """The frequency of each pair: the candidate that explains all its angles. Without candidates,
    the angle at the smallest position of the axis."""
    angle = numpy.arctan2(sin.astype(numpy.float64), cos.astype(numpy.float64))
    size = numpy.hypot(sin.astype(numpy.float64), cos.astype(numpy.float64))
    assert numpy.abs(size - amplitude).max() < 1e-6, "amplitude"
    result = []
    for pair, axis in enumerate(axis_of_pair):
        p = numpy.array(positions[axis], dtype=numpy.float64)
        if candidates is None:
            t = min((t for t in range(len(p)) if p[t] != 0), key=lambda t: abs(p[t]))
            options = [numpy.float32(angle[t, pair] / p[t])]
        else:
            options = candidates
        errors = []
        for f in options:
            allowed = 2e-7 + 2e-7 * numpy.abs(p * float(f))
            errors.append((numpy.abs(wrapped(angle[:, pair] - p * float(f))) / allowed).max())
        best = int(numpy.argmin(errors))
        assert errors[best] < 4, (pair, axis, errors[best])
        result.append(options[best])
    return numpy.array(result, dtype=numpy.float32)


def numbers(array):
    """float32 values with the fewest digits that give them back."""
    return [float(numpy.format_float_scientific(v, unique=True)) for v in
            numpy.asarray(array, dtype=numpy.float32)]


def runs(values):
    """[value, count] of each run of equal values."""
    return [[v, len(list(g))] for v, g in itertools.groupby(values)]


class Rotations:
    """The entries, with each distinct list of frequencies and table of rows once."""

    def __init__(self):
        self.frequencies, self.rows, self.entries, self.refused = [], [], [], []
        self.bfloat16 = None

    def measure(self, model, run, package, function, head_dim):
        """The matrices of the next entry."""
        m = matrices(first_call(run, package, function), head_dim)
        self.bfloat16 = bfloat16_steps(model, run, package, function, head_dim)
        return m

    def index(self, where, value):
        if value not in where:
            where.append(value)
        return where.index(value)

    def add(self, name, family, called, config, m, positions, axes, candidates, attention=1.0,
            token_order=None, note=None, unrotated=()):
        """unrotated: tokens that must not be rotated; they get no positions and no rows."""
        assert all(numpy.array_equal(m[t], numpy.eye(m.shape[1])) for t in unrotated), name
        m = numpy.delete(m, list(unrotated), axis=0)
        pairs, fixed = pairs_of(m)
        pairing, block = pairing_name(pairs, fixed)
        cos, sin = cos_sin(m, pairs)
        positions = [[float(v) if isinstance(v, float) else int(v) for v in axis] for axis in positions]
        assert len(positions[0]) == m.shape[0], (name, len(positions[0]), m.shape)
        axis_of_pair = axes_by_experiment(positions, cos, sin)
        inv_freq = frequencies_by_experiment(positions, axis_of_pair, cos, sin, candidates, attention)
        entry = {
            "id": name, "family": family, "class": called, "config": config,
            "head_dim": int(m.shape[1]), "rotary_dim": 2 * len(pairs),
            "pairing": pairing, "block": block, "axes": axes, "axis_of_pair": axis_of_pair,
            "inv_freq": self.index(self.frequencies, numbers(inv_freq)),
            "inv_freq_from": "angle" if candidates is None else "buffer",
            "attention_factor": float(attention), "positions": positions,
            "rows": self.index(self.rows, {"cos": [numbers(r) for r in cos],
                                           "sin": [numbers(r) for r in sin]})}
        for key, value in (("token_order", token_order), ("note", note),
                           ("unrotated_tokens", list(unrotated)), ("bfloat16", self.bfloat16)):
            if value:
                entry[key] = value
        self.bfloat16 = None
        self.entries.append(entry)
        print(f"{name}: head_dim {entry['head_dim']}, rotary_dim {entry['rotary_dim']}, {pairing}"
              f"/{block}, {len(positions[0])} tokens, axes {axes}, "
              f"{runs(axis_of_pair) if len(runs(axis_of_pair)) < 8 else axis_of_pair}", flush=True)


# ---------------------------------------------------------------- text decoders

# Tokens: text, the corner of an image and its three neighbours (one axis changes), a patch
# elsewhere, a video far behind, large positions on every axis.
TEXT_POSITIONS = [
    [0, 1, 2, 4, 4, 4, 5, 4, 9, 640, 4095, 40000],
    [0, 1, 2, 4, 4, 5, 4, 6, 13, 17, 4095, 4095],
    [0, 1, 2, 4, 5, 4, 4, 7, 31, 1023, 4095, 39999]]

QWEN2_VL = {"model_type": "qwen2_vl", "hidden_size": 3584, "num_attention_heads": 28,
            "num_key_value_heads": 4, "max_position_embeddings": 32768, "rope_theta": 1000000.0,
            "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}
YARN_4 = {"type": "yarn", "mrope_section": [16, 24, 24], "factor": 4,
          "original_max_position_embeddings": 32768}
QWEN2_5_VL = {**QWEN2_VL, "model_type": "qwen2_5_vl", "max_position_embeddings": 128000}
QWEN3_TEXT = {"model_type": "qwen3_vl_text", "head_dim": 128, "hidden_size": 4096,
              "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 262144,
              "rope_theta": 5000000, "rope_scaling": {
                  "mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}}
QWEN3_5_TEXT = {"model_type": "qwen3_5_text", "head_dim": 256, "hidden_size": 4096,
                "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 262144,
                "rope_parameters": {"mrope_interleaved": True, "mrope_section": [11, 11, 10],
                                    "partial_rotary_factor": 0.25, "rope_theta": 10000000,
                                    "rope_type": "default"}}
GLM4V_TEXT = {"model_type": "glm4v_text", "hidden_size": 4096, "num_attention_heads": 32,
              "num_key_value_heads": 2, "max_position_embeddings": 65536, "partial_rotary_factor": 0.5,
              "rope_theta": 10000.0, "rope_scaling": {"rope_type": "default",
                                                      "mrope_section": [8, 12, 12]}}
OMNI_TEXT = {"model_type": "qwen2_5_omni_text", "hidden_size": 3584, "num_attention_heads": 28,
             "num_key_value_heads": 4, "max_position_embeddings": 32768, "rope_theta": 1000000.0,
             "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"}}
OMNI3_TEXT = {"model_type": "qwen3_omni_moe_text", "head_dim": 128, "hidden_size": 2048,
              "num_attention_heads": 32, "num_key_value_heads": 4, "max_position_embeddings": 65536,
              "rope_theta": 1000000, "rope_scaling": {
                  "interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default",
                  "type": "default"}}
ERNIE_TEXT = {"model_type": "ernie4_5_vl_moe_text", "hidden_size": 2560, "num_attention_heads": 20,
              "num_key_value_heads": 4, "max_position_embeddings": 131072,
              "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default",
                                  "mrope_section": [22, 22, 20]}}
PADDLE = {"model_type": "paddleocr_vl", "head_dim": 128, "hidden_size": 1024,
          "num_attention_heads": 16, "num_key_value_heads": 2, "max_position_embeddings": 131072,
          "rope_theta": 500000, "rope_scaling": {"mrope_section": [16, 24, 24],
                                                 "rope_type": "default", "type": "default"}}
GLM_OCR_TEXT = {"model_type": "glm_ocr_text", "head_dim": 128, "hidden_size": 1536,
                "num_attention_heads": 16, "num_key_value_heads": 8,
                "max_position_embeddings": 131072,
                "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24],
                                    "partial_rotary_factor": 1.0, "rope_theta": 10000}}


def changed(config, **others):
    return json.loads(json.dumps({**config, **others}))


def nested(model_type, text):
    return {"model_type": model_type, "text_config": text}


def without_sections(text):
    return {**text, "rope_scaling": {"rope_type": "default"}}


# id, package, class, function that rotates, config, path to the text configuration (None: the
# one that transformers finds), note.
TEXT_CASES = [
    ("qwen2-vl-7b", "qwen2_vl", "Qwen2VLTextModel", "apply_multimodal_rotary_pos_emb", QWEN2_VL, None, None),
    ("qwen2-vl-7b-yarn-4", "qwen2_vl", "Qwen2VLTextModel", "apply_multimodal_rotary_pos_emb",
     changed(QWEN2_VL, rope_scaling=YARN_4), None, None),
    ("qwen2.5-vl-7b", "qwen2_5_vl", "Qwen2_5_VLTextModel", "apply_multimodal_rotary_pos_emb", QWEN2_5_VL,
     None, None),
    ("qwen2.5-vl-7b-yarn-4", "qwen2_5_vl", "Qwen2_5_VLTextModel", "apply_multimodal_rotary_pos_emb",
     changed(QWEN2_5_VL, rope_scaling=YARN_4), None, None),
    ("qwen2.5-vl-7b-linear-2", "qwen2_5_vl", "Qwen2_5_VLTextModel", "apply_multimodal_rotary_pos_emb",
     changed(QWEN2_5_VL, rope_scaling={"rope_type": "linear", "factor": 2.0,
                                       "mrope_section": [16, 24, 24]}), None, None),
    ("qwen2.5-omni-7b-thinker", "qwen2_5_omni", "Qwen2_5OmniThinkerTextModel",
     "apply_multimodal_rotary_pos_emb",
     {"model_type": "qwen2_5_omni", "thinker_config": nested("qwen2_5_omni_thinker", OMNI_TEXT)},
     ("thinker_config", "text_config"), None),
    ("qwen2.5-omni-7b-talker", "qwen2_5_omni", "Qwen2_5OmniTalkerModel", "apply_multimodal_rotary_pos_emb",
     {"model_type": "qwen2_5_omni", "talker_config": {
         "model_type": "qwen2_5_omni_talker", "head_dim": 128, "hidden_size": 896,
         "num_attention_heads": 12, "num_key_value_heads": 4, "max_position_embeddings": 32768,
         "rope_theta": 1000000.0, "rope_scaling": {
             "mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"}}},
     ("talker_config",), None),
    ("qwen3-vl-8b", "qwen3_vl", "Qwen3VLTextModel", "apply_rotary_pos_emb", nested("qwen3_vl", QWEN3_TEXT),
     None, None),
    ("qwen3-vl-8b-yarn-3", "qwen3_vl", "Qwen3VLTextModel", "apply_rotary_pos_emb",
     nested("qwen3_vl", changed(QWEN3_TEXT, max_position_embeddings=1000000, rope_scaling={
         "rope_type": "yarn", "mrope_section": [24, 20, 20], "mrope_interleaved": True, "factor": 3.0,
         "original_max_position_embeddings": 262144})), None, None),
    ("qwen3-vl-without-sections", "qwen3_vl", "Qwen3VLTextModel", "apply_rotary_pos_emb",
     nested("qwen3_vl", without_sections(QWEN3_TEXT)), None,
     "mrope_section is absent: the class uses 24 20 20"),
    ("qwen3-vl-uneven-sections", "qwen3_vl", "Qwen3VLTextModel", "apply_rotary_pos_emb",
     nested("qwen3_vl", changed(QWEN3_TEXT, rope_scaling={
         "mrope_interleaved": True, "mrope_section": [40, 4, 20], "rope_type": "default"})), None,
     "made-up sections: pairs i mod 3 = 1 below 12 are h, i mod 3 = 2 below 60 are w"),
    ("qwen3-vl-not-interleaved", "qwen3_vl", "Qwen3VLTextModel", "apply_rotary_pos_emb",
     nested("qwen3_vl", changed(QWEN3_TEXT, rope_scaling={
         "mrope_interleaved": False, "mrope_section": [24, 20, 20], "rope_type": "default"})), None,
     "mrope_interleaved is false, but the class interleaves all the same"),
    ("qwen3-vl-30b-a3b", "qwen3_vl_moe", "Qwen3VLMoeTextModel", "apply_rotary_pos_emb",
     nested("qwen3_vl_moe", changed(QWEN3_TEXT, model_type="qwen3_vl_moe_text", hidden_size=2048,
                                    num_key_value_heads=4)), None, None),
    ("qwen3-omni-30b-a3b-thinker", "qwen3_omni_moe", "Qwen3OmniMoeThinkerTextModel", "apply_rotary_pos_emb",
     {"model_type": "qwen3_omni_moe", "thinker_config": nested("qwen3_omni_moe_thinker", OMNI3_TEXT)},
     ("thinker_config", "text_config"), None),
    ("qwen3-omni-30b-a3b-talker", "qwen3_omni_moe", "Qwen3OmniMoeTalkerModel", "apply_rotary_pos_emb",
     {"model_type": "qwen3_omni_moe", "talker_config": nested("qwen3_omni_moe_talker", changed(
         OMNI3_TEXT, model_type="qwen3_omni_moe_talker_text", hidden_size=1024,
         num_attention_heads=16, num_key_value_heads=2))}, ("talker_config", "text_config"), None),
    ("qwen3.5-9b", "qwen3_5", "Qwen3_5TextModel", "apply_rotary_pos_emb", nested("qwen3_5", QWEN3_5_TEXT),
     None, None),
    ("qwen3.5-yarn-4", "qwen3_5", "Qwen3_5TextModel", "apply_rotary_pos_emb",
     nested("qwen3_5", changed(QWEN3_5_TEXT, max_position_embeddings=1010000, rope_parameters={
         "mrope_interleaved": True, "mrope_section": [11, 11, 10], "partial_rotary_factor": 0.25,
         "rope_theta": 10000000, "rope_type": "yarn", "factor": 4.0,
         "original_max_position_embeddings": 262144})), None, None),
    ("qwen3.5-35b-a3b", "qwen3_5_moe", "Qwen3_5MoeTextModel", "apply_rotary_pos_emb",
     nested("qwen3_5_moe", changed(QWEN3_5_TEXT, model_type="qwen3_5_moe_text", hidden_size=2048,
                                   num_key_value_heads=2)), None, None),
    ("cosmos3-omni", "qwen3_vl", "Qwen3VLTextModel", "apply_rotary_pos_emb",
     nested("cosmos3_omni", QWEN3_TEXT), None, "the text decoder is that of Qwen3-VL"),
    ("glm-4.1v-9b", "glm4v", "Glm4vTextModel", "apply_rotary_pos_emb", nested("glm4v", GLM4V_TEXT), None,
     None),
    ("glm-4v-linear-4", "glm4v", "Glm4vTextModel", "apply_rotary_pos_emb",
     nested("glm4v", changed(GLM4V_TEXT, rope_scaling={
         "rope_type": "linear", "factor": 4.0, "mrope_section": [8, 12, 12]})), None, None),
    ("glm-4.5v", "glm4v_moe", "Glm4vMoeTextModel", "apply_rotary_pos_emb",
     nested("glm4v_moe", {"model_type": "glm4v_moe_text", "head_dim": 128, "hidden_size": 4096,
                          "num_attention_heads": 96, "num_key_value_heads": 8,
                          "max_position_embeddings": 65536, "partial_rotary_factor": 0.5,
                          "rope_theta": 10000.0, "rope_scaling": {
                              "rope_type": "default", "mrope_section": [8, 12, 12]}}), None, None),
    ("glm-4.6v-flash", "glm4v", "Glm4vTextModel", "apply_rotary_pos_emb",
     nested("glm46v", changed(GLM4V_TEXT, max_position_embeddings=131072, rope_theta=500000.0)), None,
     "the text decoder is that of GLM-4.1V"),
    ("glm-ocr", "glm_ocr", "GlmOcrTextModel", "apply_rotary_pos_emb", nested("glm_ocr", GLM_OCR_TEXT), None,
     None),
    ("glm-image", "glm_image", "GlmImageTextModel", "apply_rotary_pos_emb",
     nested("glm_image", {**GLM4V_TEXT, "model_type": "glm_image_text"}), None, None),
    ("ernie-4.5-vl-28b-a3b", "ernie4_5_vl_moe", "Ernie4_5_VLMoeTextModel", "apply_rotary_pos_emb",
     nested("ernie4_5_vl_moe", ERNIE_TEXT), None,
     "mrope_section is h w t, positions are t h w"),
    ("ernie-4.5-vl-without-sections", "ernie4_5_vl_moe", "Ernie4_5_VLMoeTextModel", "apply_rotary_pos_emb",
     nested("ernie4_5_vl_moe", {**{k: v for k, v in ERNIE_TEXT.items() if k != "rope_parameters"},
                                "rope_theta": 500000.0}), None,
     "mrope_section is absent: the class uses 22 22 20 (h w t)"),
    ("paddleocr-vl", "paddleocr_vl", "PaddleOCRTextModel", "apply_multimodal_rotary_pos_emb", PADDLE,
     None, None),
]

TINY = {"num_hidden_layers": 1, "vocab_size": 64, "intermediate_size": 16, "layer_types": ["full_attention"],
        "moe_intermediate_size": 16, "num_experts": 2, "num_experts_per_tok": 1, "n_routed_experts": 2,
        "n_shared_experts": 1, "pad_token_id": 0, "embedding_size": 16, "moe_num_experts": 2,
        "moe_k": 1, "first_k_dense_replace": 1, "mlp_layer_types": ["dense"],
        "shared_expert_intermediate_size": 16, "vision_vocab_size": 64}


def tiny(config, head_dim, values=None):
    """The configuration with one small layer, and the same heads."""
    written = json.loads(config.to_json_string(use_diff=False))
    for key, value in {**TINY, **(values or {})}.items():
        if key in written or key in (values or {}):
            written[key] = [value] * 2 if key == "moe_intermediate_size" and isinstance(
                written[key], list) else value
    heads = "num_attention_heads" if "num_attention_heads" in written else "num_heads"
    width = "embed_dim" if "embed_dim" in written else "hidden_size"
    written[width], written[heads] = N_HEADS * head_dim, N_HEADS
    if "num_key_value_heads" in written:
        written["num_key_value_heads"] = N_HEADS
    for key in ("dtype", "out_features", "out_indices", "stage_names"):
        written.pop(key, None)
    return type(config).from_dict(written)


def text_config_of(config, path):
    if path is None:
        return config.get_text_config()
    for name in path:
        config = getattr(config, name)
    return config


def add_text(table, case):
    name, package, label, function, written, path, note = case
    config = CONFIG_MAPPING[written["model_type"]].from_dict(json.loads(json.dumps(written)))
    text = text_config_of(config, path)
    head_dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    small = tiny(text, head_dim, {"shared_expert_intermediate_size": 16} if "talker" in name else None)
    small._attn_implementation = "eager"
    model = getattr(modeling(package), label)(small).eval()
    positions = torch.tensor(TEXT_POSITIONS).unsqueeze(1)
    rotary = model.rotary_emb
    m = table.measure(model, lambda: model(
        inputs_embeds=torch.zeros(1, positions.shape[2], small.hidden_size), position_ids=positions,
        use_cache=False), package, function, head_dim)
    whole = type(rotary)(text)
    assert torch.equal(whole.inv_freq, rotary.inv_freq), "the small layer has other frequencies"
    table.add(name, written["model_type"], f"{label} / {type(rotary).__name__} / {function}", written, m,
              TEXT_POSITIONS, ["t", "h", "w"], list(rotary.inv_freq.numpy()),
              rotary.attention_scaling, note=note)


# ---------------------------------------------------------------- vision towers


def merged_order(t, h, w, merge):
    """(t, h, w) of the patches in the order of Qwen2-VL: blocks of merge x merge, row by row."""
    return [(k, i * merge + a, j * merge + b) for k in range(t) for i in range(h // merge)
            for j in range(w // merge) for a in range(merge) for b in range(merge)]


def columns(rows):
    return [list(c) for c in zip(*rows)]


def tower(package, label, written, head_dim, values=None, **arguments):
    """A small vision tower of a family, and its configuration as the family's config.json has it."""
    module = modeling(package)
    made = getattr(module, label)
    config = getattr(made, "config", None) or made.config_class
    config = config.from_dict(json.loads(json.dumps(written)))
    small = tiny(config, head_dim, {"num_hidden_layers": 1, "depth": 1, "intermediate_size": 16,
                                    **(values or {})})
    small._attn_implementation = "eager"
    return getattr(module, label)(small, **arguments).eval()


def buffer(model):
    """The buffer of frequencies of the rotary class that a tower has."""
    found = [b for n, b in model.named_buffers() if n.endswith("inv_freq") and "original" not in n]
    assert len(found) == 1
    return list(found[0].numpy())


def vision_config(model_type, vision):
    return {"model_type": model_type, "vision_config": vision}


def patches(config, n_patches):
    """Pixels of n patches, one row a patch, as the towers of Qwen's line take them."""
    return torch.zeros(n_patches, config.in_channels * config.temporal_patch_size * config.patch_size ** 2)


QWEN2_VISION = {"depth": 32, "embed_dim": 1280, "num_heads": 16, "hidden_size": 3584, "patch_size": 14,
                "spatial_merge_size": 2, "temporal_patch_size": 2}
QWEN2_5_VISION = {"depth": 32, "hidden_size": 1280, "num_heads": 16, "patch_size": 14, "window_size": 112,
                  "spatial_merge_size": 2, "temporal_patch_size": 2, "fullatt_block_indexes": [7, 15, 23, 31]}
QWEN3_VISION = {"depth": 27, "hidden_size": 1152, "num_heads": 16, "patch_size": 16,
                "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 2304}
GLM4V_VISION = {"depth": 24, "hidden_size": 1536, "num_heads": 12, "patch_size": 14, "image_size": 336,
                "spatial_merge_size": 2, "temporal_patch_size": 2}

# id, family, package, class, vision_config, head_dim, function, grid, note. These towers take
# rows of patches and the grid (t, h, w).
GRID_TOWERS = [
    ("qwen2-vl-vision", "qwen2_vl", "qwen2_vl", "Qwen2VisionTransformerPretrainedModel", QWEN2_VISION, 80,
     "apply_rotary_pos_emb_vision", (1, 4, 6), None),
    ("qwen2-vl-vision-video", "qwen2_vl", "qwen2_vl", "Qwen2VisionTransformerPretrainedModel",
     QWEN2_VISION, 80, "apply_rotary_pos_emb_vision", (2, 2, 4), "frames have the same positions"),
    ("qwen2.5-vl-vision", "qwen2_5_vl", "qwen2_5_vl", "Qwen2_5_VisionTransformerPretrainedModel",
     QWEN2_5_VISION, 80, "apply_rotary_pos_emb_vision", (1, 4, 12),
     "windows of 112 pixels, thus of 4 x 4 blocks: columns 0..7, then columns 8..11"),
    ("qwen2.5-omni-vision", "qwen2_5_omni", "qwen2_5_omni", "Qwen2_5OmniVisionEncoder", QWEN2_5_VISION, 80,
     "apply_rotary_pos_emb_vision", (1, 4, 12), "windows as in qwen2.5-vl-vision"),
    ("exaone-4.5-vision", "exaone4_5", "exaone4_5", "Exaone4_5_VisionModel", QWEN2_5_VISION, 80,
     "apply_rotary_pos_emb_vision", (1, 4, 12), "windows as in qwen2.5-vl-vision"),
    ("qwen3-vl-vision", "qwen3_vl", "qwen3_vl", "Qwen3VLVisionModel", QWEN3_VISION, 72,
     "apply_rotary_pos_emb_vision", (1, 4, 6), None),
    ("qwen3-vl-moe-vision", "qwen3_vl_moe", "qwen3_vl_moe", "Qwen3VLMoeVisionModel", QWEN3_VISION, 72,
     "apply_rotary_pos_emb_vision", (1, 4, 6), None),
    ("qwen3-omni-vision", "qwen3_omni_moe", "qwen3_omni_moe", "Qwen3OmniMoeVisionEncoder", QWEN3_VISION, 72,
     "apply_rotary_pos_emb_vision", (1, 4, 6), None),
    ("qwen3.5-vision", "qwen3_5", "qwen3_5", "Qwen3_5VisionModel", QWEN3_VISION, 72,
     "apply_rotary_pos_emb_vision", (1, 4, 6), None),
    ("glm-4.1v-vision", "glm4v", "glm4v", "Glm4vVisionModel", GLM4V_VISION, 128,
     "apply_rotary_pos_emb_vision", (1, 4, 6), None),
    ("glm-4.5v-vision", "glm4v_moe", "glm4v_moe", "Glm4vMoeVisionModel", GLM4V_VISION, 128,
     "apply_rotary_pos_emb_vision", (1, 4, 6), None),
    ("glm-ocr-vision", "glm_ocr", "glm_ocr", "GlmOcrVisionModel",
     {**GLM4V_VISION, "hidden_size": 1024, "num_heads": 16}, 64, "apply_rotary_pos_emb_vision",
     (1, 4, 6), None),
    ("ernie-4.5-vl-vision", "ernie4_5_vl_moe", "ernie4_5_vl_moe",
     "Ernie4_5_VLMoeVisionTransformerPretrainedModel",
     {"depth": 32, "hidden_size": 1280, "num_heads": 16, "patch_size": 14, "spatial_merge_size": 2,
      "temporal_merge_size": 2}, 80, "apply_rotary_pos_emb_vision", (1, 4, 6), None),
]


def add_grid_tower(table, case):
    name, family, package, label, written, head_dim, function, grid, note = case
    model = tower(package, label, written, head_dim, {"fullatt_block_indexes": [7]})
    merge = model.config.spatial_merge_size
    rows = merged_order(*grid, merge)
    order = "blocks"
    if "window_size" in written:
        width = written["window_size"] // written["patch_size"] // merge  # blocks per window
        blocks = [rows[i:i + merge ** 2] for i in range(0, len(rows), merge ** 2)]
        key = lambda b: (b[0][0], b[0][1] // merge // width, b[0][2] // merge // width)
        rows = [patch for block in sorted(blocks, key=key) for patch in block]
        order = "windows of blocks"
    size = getattr(model.config, "in_channels", 3)
    temporal = getattr(model.config, "temporal_patch_size", 1)
    width = size * temporal * model.config.patch_size ** 2
    m = table.measure(model, lambda: model(torch.zeros(len(rows), width), torch.tensor([grid])),
                      package, function, head_dim)
    table.add(name, family, f"{label} / {function}", vision_config(family, written), m,
              columns([r[1:] for r in rows]), ["h", "w"], buffer(model),
              token_order={"grid": list(grid), "merge": merge, "order": order}, note=note)


def add_given_positions(table):
    """Towers of Qwen's line take positions as an argument: here they are large."""
    positions = [[0, 1, 1, 2, 500, 4095, 4095, 40000], [0, 1, 2, 1, 17, 17, 4095, 39999]]
    for name, family, label, written, head_dim in (
            ("qwen2-vl-vision-large", "qwen2_vl", "Qwen2VisionTransformerPretrainedModel", QWEN2_VISION, 80),
            ("qwen3-vl-vision-large", "qwen3_vl", "Qwen3VLVisionModel", QWEN3_VISION, 72)):
        model = tower(family, label, written, head_dim)
        given = torch.tensor(positions).T
        m = table.measure(model, lambda: model(
            patches(model.config, 8), torch.tensor([[2, 2, 2]]), position_ids=given),
            family, "apply_rotary_pos_emb_vision", head_dim)
        table.add(name, family, f"{label} / apply_rotary_pos_emb_vision", vision_config(family, written), m,
                  positions, ["h", "w"], buffer(model), note="positions are passed to the tower")


def add_other_towers(table):
    rows_4_6 = columns([r[1:] for r in merged_order(1, 4, 6, 1)])

    written = {"hidden_size": 1152, "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14,
               "image_size": 384, "spatial_merge_size": 2}
    model = tower("paddleocr_vl", "PaddleOCRVisionModel", written, 72)
    m = table.measure(model, lambda: model(torch.zeros(1, 24, 3, 14, 14), torch.tensor([[1, 4, 6]])),
                      "paddleocr_vl", "apply_rotary_pos_emb_vision", 72)
    table.add("paddleocr-vl-vision", "paddleocr_vl", "PaddleOCRVisionModel / apply_rotary_pos_emb_vision",
              vision_config("paddleocr_vl", written), m, rows_4_6, ["h", "w"], buffer(model),
              token_order={"grid": [1, 4, 6], "merge": 2, "order": "rows"},
              note="spatial_merge_size is 2, but the tower does not order its tokens in blocks")

    written = {"hidden_size": 1152, "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14}
    model = tower("video_llama_3", "VideoLlama3VisionModel", written, 72)
    m = table.measure(model, lambda: model(
        torch.zeros(30, 3 * 14 * 14), torch.tensor([[1, 4, 6], [1, 2, 3]]), torch.tensor([2, 1])),
        "video_llama_3", "apply_rotary_pos_emb_vision", 72)
    rows = merged_order(1, 4, 6, 2) + merged_order(1, 2, 3, 1)
    table.add("video-llama-3-vision", "video_llama_3",
              "VideoLlama3VisionModel / apply_rotary_pos_emb_vision",
              vision_config("video_llama_3", written), m, columns([r[1:] for r in rows]), ["h", "w"],
              buffer(model), token_order={"grids": [[1, 4, 6], [1, 2, 3]], "merges": [2, 1],
                                          "order": "blocks"}, note="the merge size is per image")

    written = {"hidden_size": 1280, "num_attention_heads": 16, "num_hidden_layers": 32, "patch_size": 14,
               "image_size": 2016, "spatial_merge_size": 2, "temporal_patch_size": 2,
               "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}}
    model = tower("minimax_m3_vl", "MiniMaxM3VLVisionModel", written, 80)
    m = table.measure(model, lambda: model(torch.zeros(32, 3 * 2 * 14 * 14), torch.tensor([[2, 4, 4]])),
                      "minimax_m3_vl", "apply_rotary_pos_emb_vision", 80)
    table.add("minimax-m3-vl-vision", "minimax_m3_vl",
              "MiniMaxM3VLVisionModel / MiniMaxM3VL3DRotaryEmbedding / apply_rotary_pos_emb_vision",
              vision_config("minimax_m3_vl", written), m, columns(merged_order(2, 4, 4, 2)),
              ["t", "h", "w"], None, token_order={"grid": [2, 4, 4], "merge": 2, "order": "blocks"},
              note="13 pairs per axis; the last 2 of 80 elements are not rotated")

    written = {"hidden_size": 1664, "num_attention_heads": 16, "num_hidden_layers": 48, "patch_size": 14,
               "image_size": 336}
    model = tower("mlcd", "MLCDVisionModel", written, 104, {"image_size": 14 * 4})
    m = table.measure(model, lambda: model(torch.zeros(1, 3, 56, 56)),
                      "mlcd", "apply_rotary_pos_emb_vision", 104)
    m = m[1:]  # the class token comes first and has angles of its own, which are weights
    table.add("mlcd-vision", "mlcd", "MLCDVisionModel / MLCDRotaryEmbedding / apply_rotary_pos_emb_vision",
              written, m, columns([r[1:] for r in merged_order(1, 4, 4, 1)]), ["h", "w"], buffer(model),
              token_order={"grid": [1, 4, 4], "merge": 1, "order": "rows"},
              note="the class token, in front of these tokens, is rotated by angles that are weights")

    written = {"hidden_size": 1024, "num_attention_heads": 16, "head_dim": 64, "num_hidden_layers": 24,
               "patch_size": 16, "image_size": 1024, "rope_theta": 10000.0}
    model = tower("pixtral", "PixtralVisionModel", written, 64)
    sizes = torch.tensor([[64, 96], [32, 48]])
    m = table.measure(model, lambda: model(torch.zeros(2, 3, 64, 96), image_sizes=sizes),
                      "pixtral", "apply_rotary_pos_emb", 64)
    side = written["image_size"] // written["patch_size"]
    angles = model.patch_positional_embedding.inv_freq
    candidates = list(torch.cat([angles[side, :16], angles[1, 16:32]]).numpy())
    rows = merged_order(1, 4, 6, 1) + merged_order(1, 2, 3, 1)
    table.add("pixtral-12b-vision", "pixtral", "PixtralVisionModel / PixtralRotaryEmbedding",
              vision_config("pixtral", written), m, columns([r[1:] for r in rows]), ["h", "w"], candidates,
              token_order={"grids": [[1, 4, 6], [1, 2, 3]], "merge": 1, "order": "rows"},
              note="h takes the even frequencies of the whole head, w the odd ones")
    written = {"hidden_size": 1024, "num_attention_heads": 16, "head_dim": 64, "num_hidden_layers": 24,
               "patch_size": 14, "image_size": 1540, "rope_theta": 10000.0}
    model = tower("pixtral", "PixtralVisionModel", written, 64)
    m = table.measure(model, lambda: model(
        torch.zeros(1, 3, 28, 14 * 110), image_sizes=torch.tensor([[28, 14 * 110]])),
        "pixtral", "apply_rotary_pos_emb", 64)
    kept = [0, 1, 2, 57, 109, 110, 111, 219]
    angles = model.patch_positional_embedding.inv_freq
    candidates = list(torch.cat([angles[110, :16], angles[1, 16:32]]).numpy())
    rows = [merged_order(1, 2, 110, 1)[i] for i in kept]
    table.add("mistral-small-3.1-vision", "pixtral", "PixtralVisionModel / PixtralRotaryEmbedding",
              vision_config("mistral3", {"model_type": "pixtral", **written}), m[kept],
              columns([r[1:] for r in rows]), ["h", "w"], candidates,
              note=f"tokens {kept} of an image of 2 x 110 patches")

    written = {"hidden_size": 1408, "num_attention_heads": 16, "num_hidden_layers": 34, "patch_size": 14,
               "image_size": 336, "rope_theta": 10000}
    model = tower("llama4", "Llama4VisionModel", written, 88,
                  {"image_size": 14 * 4, "vision_output_dim": 16, "projector_input_dim": 16,
                   "projector_output_dim": 16})
    m = table.measure(model, lambda: model(torch.zeros(1, 3, 56, 56)),
                      "llama4", "vision_apply_rotary_emb", 88)
    rows = [(j + 1, i + 1) for i in range(4) for j in range(4)]
    table.add("llama-4-vision", "llama4", "Llama4VisionModel / Llama4VisionRotaryEmbedding",
              vision_config("llama4", written), m, columns(rows), ["w", "h"], None, unrotated=(16,),
              token_order={"grid": [1, 4, 4], "merge": 1, "order": "rows"},
              note="coordinates count from 1; the class token is the last one")

    written = {"hidden_size": 1152, "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 72,
               "num_hidden_layers": 27, "patch_size": 16, "position_embedding_size": 10240,
               "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}}
    model = tower("gemma4", "Gemma4VisionModel", written, 72)
    rows = [(x, y) for y in range(3) for x in range(4)] + [(4, 9), (60, 3), (199, 9), (4095, 4000)]
    m = table.measure(model, lambda: model(torch.zeros(1, len(rows), 3 * 16 * 16), torch.tensor([rows])),
                      "gemma4", "apply_multidimensional_rope", 72)
    table.add("gemma-4-vision", "gemma4",
              "Gemma4VisionModel / Gemma4VisionRotaryEmbedding / apply_multidimensional_rope",
              vision_config("gemma4", written), m, columns(rows), ["w", "h"], buffer(model),
              token_order={"grid": [1, 3, 4], "merge": 1, "order": "rows, then four others"},
              note="positions (x, y) are an argument; each half of the head has a rotation of its own, "
                   "in half_split")

    for name, package, label, written, extra in (
            ("dinov3-vits16", "dinov3_vit", "DINOv3ViTModel",
             {"model_type": "dinov3_vit", "hidden_size": 384, "num_attention_heads": 6, "patch_size": 16,
              "image_size": 224, "rope_theta": 100.0, "num_register_tokens": 4}, {}),
            ("sapiens2", "sapiens2", "Sapiens2Model",
             {"model_type": "sapiens2", "hidden_size": 1024, "num_attention_heads": 16, "patch_size": 16,
              "image_size": [1024, 768], "rope_theta": 100.0, "num_register_tokens": 8}, {}),
            ("eomt-dinov3", "eomt_dinov3", "EomtDinov3ForUniversalSegmentation",
             {"model_type": "eomt_dinov3", "hidden_size": 1024, "num_attention_heads": 16, "patch_size": 16,
              "image_size": 640, "rope_parameters": {"rope_type": "default", "rope_theta": 100.0},
              "num_register_tokens": 4}, {"num_hidden_layers": 2, "num_blocks": 1, "num_queries": 2})):
        if package == "eomt_dinov3":
            modeling(package).requires_backends = lambda *_: None  # the loss, not run here, needs scipy
        model = tower(package, label, written, 64, extra)
        prefix = 1 + written["num_register_tokens"]
        m = table.measure(model, lambda: model(torch.zeros(1, 3, 48, 80)),
                          package, "apply_rotary_pos_emb", 64)
        module = modeling(package)
        centres = module.get_patches_center_coordinates(3, 5, torch.float32, torch.device("cpu"))
        rotary = model.rope_embeddings.inv_freq
        table.add(name, package, f"{label} / {type(model.rope_embeddings).__name__}", written, m,
                  columns(numbers(r) for r in centres.numpy()), ["h", "w"],
                  list((2 * math.pi * rotary.double()).float().numpy()), unrotated=tuple(range(prefix)),
                  token_order={"grid": [1, 3, 5], "merge": 1, "order": "rows"},
                  note="positions are centres of patches, normalised to -1..1: (2 i + 1) / n - 1. "
                       "inv_freq is 2 pi times the buffer of the class")


def add_sam(table):
    """Sam 3 (a vision tower), and the attention to memory of Sam 2 and EdgeTAM."""
    written = {"model_type": "sam3_vit_model", "hidden_size": 1024, "num_attention_heads": 16,
               "image_size": 1008, "patch_size": 14, "window_size": 24, "rope_theta": 10000.0,
               "global_attn_indexes": [7, 15, 23, 31]}
    module = modeling("sam3")
    config = module.Sam3ViTConfig.from_dict(json.loads(json.dumps(written)))
    side = config.image_size // config.patch_size
    for name, window, note in (
            ("sam3-vision-window", config.window_size, "layers with windows: positions within the window"),
            ("sam3-vision-global", 0,
             "global layers: positions are scaled by window_size / (image_size / patch_size) = 1/3")):
        layer = module.Sam3ViTLayer(tiny(config, 64, {"image_size": 1008}), window)
        size = window or side
        m = table.measure(layer, lambda: layer(torch.zeros(1, size, size, N_HEADS * 64)),
                          "sam3", "apply_rotary_pos_emb_2d", 64)
        n = window or side
        kept = [0, 1, 2, n - 1, n, n + 1, 2 * n, 3 * n + 1, n * n // 2 + 5, n * n - 1]
        scale = 1.0 if window else config.window_size / side
        rows = [(float(numpy.float32(i % n * scale)), float(numpy.float32(i // n * scale))) for i in kept]
        rows = rows if not window else [(int(x), int(y)) for x, y in rows]
        table.add(name, "sam3", "Sam3ViTLayer / Sam3ViTRotaryEmbedding", written, m[kept], columns(rows),
                  ["w", "h"], None, note=note + f". Tokens {kept} of {n} x {n}, row by row")
    for name, package, label, written in (
            ("sam2-video-memory", "sam2_video", "Sam2VideoVisionRotaryEmbedding",
             {"model_type": "sam2_video"}),
            ("edgetam-video-memory", "edgetam_video", "EdgeTamVideoVisionRotaryEmbedding",
             {"model_type": "edgetam_video"})):
        module = modeling(package)
        config = CONFIG_MAPPING[package]()
        written.update({k: v for k, v in json.loads(config.to_json_string(use_diff=False)).items()
                        if k in ("memory_attention_hidden_size", "memory_attention_downsample_rate",
                                 "memory_attention_num_attention_heads", "memory_attention_rope_theta",
                                 "memory_attention_rope_feat_sizes")})
        cos, sin = getattr(module, label)(config)()
        width = cos.shape[1]
        units = torch.eye(width).unsqueeze(1).expand(width, len(cos), width).unsqueeze(0)
        function = ("apply_rotary_pos_emb_2d" if hasattr(module, "apply_rotary_pos_emb_2d")
                    else "apply_rotary_pos_emb_2d_self_attn")
        m = getattr(module, function)(units, units, cos, sin)[0][0].transpose(0, 1).numpy()
        n = config.memory_attention_rope_feat_sizes[0]
        kept = [0, 1, 2, n - 1, n, n + 1, 3 * n + 1, n * n - 1]
        table.add(name, package, f"{label} / {function}", written, m[kept],
                  columns([(i % n, i // n) for i in kept]), ["w", "h"], None,
                  note=f"tokens {kept} of {n} x {n}, row by row")


def add_loftr(table):
    module = modeling("efficientloftr")
    config = CONFIG_MAPPING["efficientloftr"]()
    written = {"model_type": "efficientloftr", **{
        k: v for k, v in json.loads(config.to_json_string(use_diff=False)).items()
        if k in ("hidden_size", "num_attention_heads", "rope_parameters", "head_dim")}}
    rotary = module.EfficientLoFTRRotaryEmbedding(config)
    kernel, stride = config.q_aggregation_kernel_size, config.q_aggregation_stride
    cos, sin = rotary(torch.zeros(1, 1, kernel + 2 * stride, kernel + 3 * stride))
    h, w, width = cos.shape[1:]
    units = torch.eye(width).reshape(1, 1, width, width).expand(h, w, width, width)
    m = module.apply_rotary_pos_emb(units, units, cos[0], sin[0], unsqueeze_dim=2)[0]
    table.add("efficientloftr", "efficientloftr", "EfficientLoFTRRotaryEmbedding / apply_rotary_pos_emb",
              written, m.reshape(-1, width, width).numpy(),
              columns([(i + 1, j + 1) for i in range(h) for j in range(w)]), ["h", "w"],
              list(rotary.inv_freq.numpy()), token_order={"grid": [1, h, w], "merge": 1, "order": "rows"},
              note="rotates the whole hidden vector, before heads are made; coordinates count from 1")


# What the classes refuse: id, id of the case that it changes, the RoPE dictionary.
REFUSED = [
    ("qwen2-vl-sections-of-60-pairs", "qwen2-vl-7b", {"type": "mrope", "mrope_section": [16, 24, 20]}),
    ("qwen2-vl-without-sections", "qwen2-vl-7b", {"type": "default"}),
    ("glm-4v-sections-of-30-pairs", "glm-4.1v-9b", {"rope_type": "default", "mrope_section": [8, 12, 10]}),
    ("ernie-yarn", "ernie-4.5-vl-28b-a3b",
     {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 4096,
      "rope_theta": 500000.0, "mrope_section": [22, 22, 20]}),
    ("ernie-h-and-w-differ", "ernie-4.5-vl-28b-a3b",
     {"rope_type": "default", "rope_theta": 500000.0, "mrope_section": [20, 24, 20]}),
]


def add_refused(table):
    """Configurations that the classes refuse. V-JEPA 2 does not rotate: the two elements of a pair get
    different angles."""
    for name, base, parameters in REFUSED:
        case = list(next(c for c in TEXT_CASES if c[0] == base))
        written = json.loads(json.dumps(case[4]))
        inner = written.get("text_config", written)
        inner["rope_parameters" if "rope_parameters" in inner else "rope_scaling"] = parameters
        case[0], case[4] = name, written
        try:
            add_text(table, case)
        except (KeyError, RuntimeError, ValueError) as reason:
            table.refused.append({"id": name, "class": case[2], "config": written,
                                  "reason": f"{type(reason).__name__}: {reason}"})
            continue
        raise AssertionError(name + " is no longer refused")
    module = modeling("vjepa2")
    config = module.VJEPA2Config(hidden_size=N_HEADS * 64, num_attention_heads=N_HEADS)
    attention = module.VJEPA2RopeAttention(config, N_HEADS * 64, N_HEADS)
    positions = [torch.tensor(p) for p in ([0, 1, 2], [3, 3, 5], [1, 4, 9])]
    units = torch.eye(64).unsqueeze(1).expand(64, 3, 64).unsqueeze(0)
    m = attention.apply_rotary_embeddings(units, positions)[0].transpose(0, 1).numpy()
    pairs, _ = pairs_of(m)
    try:
        cos_sin(m, pairs)
        raise AssertionError("V-JEPA 2 rotates now")
    except ValueError as reason:
        table.refused.append({"id": "vjepa2", "class": "VJEPA2RopeAttention", "reason": str(reason)})
        print("vjepa2: refused,", reason, pairs[:3])


def write_rotations(path):
    table = Rotations()
    for case in TEXT_CASES:
        add_text(table, case)
    for case in GRID_TOWERS:
        add_grid_tower(table, case)
    add_given_positions(table)
    add_other_towers(table)
    add_sam(table)
    add_loftr(table)
    add_refused(table)
    entries = ",\n".join(json.dumps(e, sort_keys=True) for e in table.entries)
    rows = ",\n".join(json.dumps(r) for r in table.rows)
    lists = ",\n".join(json.dumps(r) for r in table.frequencies)
    refused = ",\n".join(json.dumps(e, sort_keys=True) for e in table.refused)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'{{"source": "transformers {transformers.__version__}, torch {torch.__version__}",\n'
                  f'"inv_freq": [\n{lists}\n],\n"rows": [\n{rows}\n],\n"entries": [\n{entries}\n],\n'
                  f'"refused": [\n{refused}\n]}}\n')


# ---------------------------------------------------------------- positions of prompts

IMAGE, VIDEO, AUDIO, VISION_START, VISION_END, AUDIO_START, AUDIO_END = 90, 91, 92, 93, 94, 95, 96


def text(n):
    return {"text": n}


def image(h, w):
    return {"image": [1, h, w]}


def video(t, h, w, seconds=None):
    return {"video": [t, h, w], **({} if seconds is None else {"seconds_per_grid": seconds})}


def frames(t, h, w, gap):
    """A video whose frames have timestamps, thus gap tokens of text, between them."""
    result = []
    for frame in range(t):
        result += ([text(gap)] if frame else []) + [{"video": [1, h, w], "frame": frame}]
    return result


# Every image and video has text on both sides, as the markers of real prompts are text.
COMMON = [
    ("text", [text(7)]),
    ("image first", [text(1), image(3, 4), text(6)]),
    ("image in the middle", [text(5), image(4, 6), text(7)]),
    ("image last", [text(5), image(4, 6), text(1)]),
    ("two images", [text(3), image(3, 4), text(4), image(6, 2), text(5)]),
    ("three images", [text(2), image(2, 2), text(3), image(1, 5), text(2), image(4, 3), text(4)]),
    ("images back to back", [text(2), image(2, 3), text(2), image(5, 3), text(2), image(1, 2), text(1)]),
    ("image of one token", [text(2), image(1, 1), text(3)]),
    ("wide image", [text(2), image(1, 20), text(3)]),
    ("tall image", [text(2), image(20, 1), text(3)]),
    ("long text around an image", [text(150), image(2, 3), text(40)]),
]
BARE = [  # without text on one side; a prompt cannot have this, but the functions take it
    ("image first, nothing before it", [image(3, 4), text(5)]),
    ("image last, nothing behind it", [text(5), image(4, 6)]),
    ("image alone", [image(2, 5)]),
]
VIDEOS = [
    ("video", [text(3), video(3, 2, 4), text(5)]),
    ("video of one grid", [text(3), video(1, 2, 4), text(5)]),
    ("video longer than it is wide", [text(3), video(9, 2, 3), text(5)]),
    ("video and image", [text(3), video(4, 2, 2), text(4), image(3, 4), text(5)]),
    ("image and long video", [text(3), image(3, 4), text(4), video(7, 1, 2), text(5)]),
    ("two videos", [text(3), video(2, 2, 3), text(2), video(5, 2, 2), text(5)]),
]
FRAMES = [
    ("video", [text(3), *frames(3, 2, 4, 5), text(5)]),
    ("video of one grid", [text(3), *frames(1, 2, 4, 5), text(5)]),
    ("video longer than it is wide", [text(3), *frames(9, 2, 3, 2), text(5)]),
    ("video and image", [text(3), *frames(4, 2, 2, 6), text(4), image(3, 4), text(5)]),
    ("image and long video", [text(3), image(3, 4), text(4), *frames(7, 1, 2, 3), text(5)]),
    ("two videos", [text(3), *frames(2, 2, 3, 7), text(2), *frames(5, 2, 2, 7), text(5)]),
]


def timed(seconds, many=True):
    one = [(f"video, {s} s a grid", [text(3), video(4, 2, 3, s), text(5)]) for s in seconds]
    return one + ([
        ("long video, 1 s a grid", [text(3), video(12, 1, 2, 1.0), text(5)]),
        ("video and image, 2 s a grid", [text(3), video(3, 2, 2, 2.0), text(4), image(3, 4), text(5)]),
        ("image and video, 1 s a grid", [text(3), image(3, 4), text(4), video(3, 2, 2, 1.0), text(5)]),
        ("two videos, 0.5 s and 2 s a grid",
         [text(3), video(3, 2, 2, 0.5), text(2), video(3, 2, 2, 2.0), text(5)])] if many else [])


AUDIOS = [
    ("audio and image", [text(3), {"audio": 7}, text(2), image(2, 3), text(4)]),
    ("video with its audio, short", [text(4), {**video(2, 2, 2, 1.0), "audio": 9}, text(5)]),
    ("video with its audio, long", [text(4), {**video(5, 1, 2, 2.0), "audio": 12}, text(5)]),
    ("video with its audio, audio longer", [text(4), {**video(3, 1, 2, 0.5), "audio": 120}, text(5)]),
]
PADDED = [("image, padded in front", [text(3), image(3, 4), text(4)], {"left": 6}),
          ("image, padded behind", [text(3), image(3, 4), text(4)], {"right": 6}),
          ("two images, padded in front", [text(2), image(2, 2), text(2), image(1, 3), text(4)],
           {"left": 9})]
SECONDS = (0.083, 0.5, 1.0, 1.5, 2.0, 2.9)
# id, package, class with get_rope_index, prompts, parameters of the family
FAMILIES = [
    ("qwen2_vl", "qwen2_vl", "Qwen2VLModel", COMMON + BARE + VIDEOS, {}),
    ("qwen2_5_vl", "qwen2_5_vl", "Qwen2_5_VLModel", COMMON + BARE + VIDEOS + timed(SECONDS),
     {"tokens_per_second": 2}),
    ("qwen2_5_vl, 4 tokens per second", "qwen2_5_vl", "Qwen2_5_VLModel", timed((0.5, 1.0, 2.0), False),
     {"tokens_per_second": 4}),
    ("qwen3_vl", "qwen3_vl", "Qwen3VLModel", COMMON + BARE + FRAMES, {}),
    ("qwen3_vl_moe", "qwen3_vl_moe", "Qwen3VLMoeModel", COMMON[1:3] + FRAMES[:2], {}),
    ("qwen3_5", "qwen3_5", "Qwen3_5Model", COMMON[1:6] + FRAMES, {}),
    ("cosmos3_omni", "cosmos3_omni", "Cosmos3OmniModel", COMMON[1:3] + FRAMES[:2], {}),
    ("glm4v", "glm4v", "Glm4vModel", COMMON + BARE + FRAMES, {}),
    ("glm4v_moe", "glm4v_moe", "Glm4vMoeModel", COMMON[1:3] + FRAMES[:2], {}),
    ("glm46v", "glm46v", "Glm46VModel", COMMON[1:6] + FRAMES, {}),
    ("glm_ocr", "glm_ocr", "GlmOcrModel", COMMON[1:6] + FRAMES, {}),
    ("ernie4_5_vl_moe", "ernie4_5_vl_moe", "Ernie4_5_VLMoeModel", COMMON + BARE + VIDEOS,
     {"temporal_merge_size": 2}),
    ("paddleocr_vl", "paddleocr_vl", "PaddleOCRVLModel", COMMON + BARE, {}),
    ("qwen2_5_omni_thinker", "qwen2_5_omni", "Qwen2_5OmniThinkerForConditionalGeneration",
     COMMON[1:] + timed(SECONDS) + AUDIOS, {"position_id_per_seconds": 25, "seconds_per_chunk": 2}),
    ("qwen3_omni_moe_thinker", "qwen3_omni_moe", "Qwen3OmniMoeThinkerForConditionalGeneration",
     COMMON[1:] + timed(SECONDS) + AUDIOS, {"position_id_per_seconds": 13}),
]


class Cache:
    """Stands for a cache that holds n tokens."""

    def __init__(self, n):
        self.n = n

    def get_seq_length(self):
        return self.n


def bare_model(package, label, parameters):
    """The model without weights: only its configuration, and what get_rope_index reads."""
    module = modeling(package)
    made = getattr(module, label)
    name = getattr(made, "config_class", None) or made.__init__.__annotations__["config"]
    config = name()
    model = made.__new__(made)
    torch.nn.Module.__init__(model)
    model.config, model.rope_deltas, model.spatial_merge_size = config, None, 2
    for key, value in parameters.items():
        owner = config if hasattr(config, key) else config.vision_config
        assert hasattr(owner, key), key
        setattr(owner, key, value)
    assert config.vision_config.spatial_merge_size == 2
    for key, value in (("image_token_id", IMAGE), ("video_token_id", VIDEO), ("audio_token_id", AUDIO),
                       ("vision_start_token_id", VISION_START), ("vision_end_token_id", VISION_END),
                       ("audio_start_token_id", AUDIO_START),
                       ("image_start_token_id", VISION_START), ("image_end_token_id", VISION_END)):
        setattr(config, key, value)
    return model


def inputs(segments, parameters):
    """Token ids, token types and grids before merging, as a processor would make them."""
    ids, types, images, videos, seconds = [], [], [], [], []
    merge_t = parameters.get("temporal_merge_size", 1)
    for index, segment in enumerate(segments):
        if "text" in segment:
            n = segment["text"]
            ids += [1] * n
            types += [0] * n
            if index and n > 1:
                ids[-n] = VISION_END
            if index + 1 < len(segments):
                following = segments[index + 1]
                if "audio" not in following:
                    ids[-1] = VISION_START
                elif "video" not in following:
                    ids[-1] = AUDIO_START
                else:
                    ids[-2:] = [VISION_START, AUDIO_START]
            continue
        if "audio" in segment and "video" not in segment:
            ids += [AUDIO] * segment["audio"]
            types += [3] * segment["audio"]
            continue
        kind = "image" if "image" in segment else "video"
        t, h, w = segment[kind]
        ids += [IMAGE if kind == "image" else VIDEO] * (t * h * w)
        types += [1 if kind == "image" else 2] * (t * h * w)
        if kind == "image":
            images.append([t, 2 * h, 2 * w])
        elif segment.get("frame", 0) > 0:
            videos[-1][0] += 1
        else:
            ids += [AUDIO] * segment.get("audio", 0)
            types += [3] * segment.get("audio", 0)
            videos.append([t * merge_t, 2 * h, 2 * w])
            seconds.append(segment.get("seconds_per_grid"))
    return ids, types, images, videos, seconds


def grid(rows):
    return torch.tensor(rows) if rows else None


def call(model, segments, parameters, padding=None):
    """What the class computes for a prompt: ids [axis][token], delta, the position of the first
    token that it generates (None if the class has no function for it), and the ids of padding."""
    ids, types, images, videos, seconds = inputs(segments, parameters)
    padding = padding or {}
    left, right = padding.get("left", 0), padding.get("right", 0)
    mask = [0] * left + [1] * len(ids) + [0] * right
    ids, types = [0] * left + ids + [0] * right, [0] * left + types + [0] * right
    ids, types, mask = torch.tensor([ids]), torch.tensor([types]), torch.tensor([mask])
    arguments = {"image_grid_thw": grid(images), "video_grid_thw": grid(videos), "attention_mask": mask}
    timed_video = seconds and seconds[0] is not None
    if hasattr(model, "get_llm_pos_ids_for_vision"):
        if videos:
            arguments["second_per_grids"] = torch.tensor(seconds)
        audios = [s["audio"] for s in segments if "audio" in s]
        if audios:  # lengths before the audio encoder, which takes 4 or 8 frames for one token
            lengths = [n * 4 if "Qwen2_5" in type(model).__name__ else 100 * (n // 13) + 8 * (n % 13)
                       for n in audios]
            arguments.update(audio_seqlens=torch.tensor(lengths),
                             use_audio_in_video=any("audio" in s and "video" in s for s in segments))
        positions, delta = model.get_rope_index(ids, **arguments)
    else:
        if timed_video:
            arguments["second_per_grid_ts"] = torch.tensor(seconds)
        positions, delta = model.get_rope_index(ids, mm_token_type_ids=types, **arguments)
    padded = positions[:, 0, mask[0] == 0]
    positions = positions[:, 0, mask[0] == 1]
    following = None
    if hasattr(model, "compute_3d_position_ids") and not right:
        model.rope_deltas = delta
        next_ids = model.compute_3d_position_ids(
            input_ids=torch.ones(1, 1, dtype=torch.long), inputs_embeds=torch.zeros(1, 1, 8),
            image_grid_thw=None, video_grid_thw=None, past_key_values=Cache(ids.shape[1]),
            attention_mask=torch.cat([mask, torch.ones(1, 1, dtype=mask.dtype)], dim=1))[:, 0, -1].tolist()
        assert len(set(next_ids)) == 1
        following = next_ids[0]
        model.rope_deltas = None
    return positions, delta.item(), following, padded


def exact(value):
    """An integer, or the float32 with the fewest digits (Qwen3-Omni has such positions)."""
    return int(value) if float(value).is_integer() else numbers([value])[0]


def exact_ids(positions):
    return [[exact(v) for v in axis] for axis in positions.tolist()]


def check_batch(model, parameters):
    """Two prompts in one batch, the shorter one padded in front, get the ids that they get alone."""
    (_, short, _), (_, long, _) = PADDED[0], PADDED[2]
    rows = [inputs(s, parameters) for s in (short, long)]
    n = max(len(r[0]) for r in rows)
    ids, types, mask = ([[0] * (n - len(r[0])) + column(r) for r in rows]
                        for column in (lambda r: r[0], lambda r: r[1], lambda r: [1] * len(r[0])))
    arguments = {"image_grid_thw": grid(rows[0][2] + rows[1][2]), "attention_mask": torch.tensor(mask)}
    if not hasattr(model, "get_llm_pos_ids_for_vision"):
        arguments["mm_token_type_ids"] = torch.tensor(types)
    positions, delta = model.get_rope_index(torch.tensor(ids), **arguments)
    for row, segments in enumerate((short, long)):
        alone = call(model, segments, parameters)
        assert torch.equal(positions[:, row, torch.tensor(mask[row]) == 1], alone[0])
        assert delta[row].item() == alone[1]


class Namespace:
    pass


def earlier_model(path, model):
    """An object with get_rope_index of another release, read from its source."""
    with open(path, encoding="utf-8") as source:
        tree = source.read()
    found = [f for c in ast.parse(tree).body if isinstance(c, ast.ClassDef) and c.name.endswith("Model")
             for f in c.body if isinstance(f, ast.FunctionDef) and f.name == "get_rope_index"]
    assert len(found) == 1, path
    found[0].decorator_list = []
    body = "from __future__ import annotations\n" + ast.unparse(found[0])
    code = compile(body, path, "exec")
    names = {"torch": torch, "itertools": itertools}
    exec(code, names)
    made = Namespace()
    made.config = model.config
    made.get_rope_index = names["get_rope_index"].__get__(made)
    return made


def call_earlier(model, segments, parameters):
    ids, _, images, videos, seconds = inputs(segments, parameters)
    if not images and not videos:
        return None
    if videos:
        model.config.video_start_token_id = VISION_START
        model.config.video_end_token_id = VISION_END
    arguments = {"image_grid_thw": grid(images), "video_grid_thw": grid(videos)}
    if seconds and seconds[0] is not None:
        arguments["second_per_grid_ts"] = torch.tensor(seconds)
    positions, delta = model.get_rope_index(torch.tensor([ids]), **arguments)
    return positions[:, 0], delta.item()


def write_positions(path, earlier, earlier_name):
    entries = []
    for family, package, label, prompts, parameters in FAMILIES:
        model = bare_model(package, label, parameters)
        old = None
        if earlier and package in ("qwen2_vl", "qwen2_5_vl", "qwen3_vl"):
            old = earlier_model(f"{earlier}/modeling_{package}.py", model)
        prompts = [(name, segments, None) for name, segments in prompts]
        if len(prompts) > 12:
            prompts += PADDED
            check_batch(model, parameters)
        written = {"spatial_merge_size": 2, **parameters}
        for name, segments, padding in prompts:
            positions, delta, following, padded = call(model, segments, parameters, padding)
            n = positions.shape[1]
            largest = positions.max().item() + 1
            assert following in (None, n + delta), (family, name, following, n, delta)
            entry = {"family": family, "class": label, "parameters": written, "id": name,
                     "segments": segments, "ids": exact_ids(positions), "delta": exact(delta),
                     "next": exact(n + delta)}
            if padding:
                values = sorted({exact(v) for v in padded.flatten().tolist()})
                entry.update(padding=padding, ids_of_padding=values)
                plain = call(model, segments, parameters)
                assert torch.equal(plain[0], positions) and plain[1] == delta, (family, name)
            elif old and "text" in segments[0]:
                result = call_earlier(old, segments, parameters)
                if result and not (torch.equal(result[0], positions) and result[1] == delta):
                    entry["earlier"] = {"ids": exact_ids(result[0]), "delta": result[1],
                                        "next": n + result[1]}
            if largest != n + delta:
                raise AssertionError("the next position is not the largest position plus 1")
            entries.append(entry)
        print(f"{family}: {len(prompts)} prompts, "
              f"{sum('earlier' in e for e in entries if e['family'] == family)} differ in the earlier "
              "release", flush=True)
    lines = ",\n".join(json.dumps(e, sort_keys=True) for e in entries)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'{{"source": "transformers {transformers.__version__}, torch {torch.__version__}",\n'
                  f'"earlier_source": {json.dumps(earlier_name)},\n"entries": [\n{lines}\n]}}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rotations", metavar="FILE", help="writes axis_rotations.json to this path")
    parser.add_argument("--positions", metavar="FILE", help="writes position_ids.json to this path")
    parser.add_argument("--earlier", metavar="DIR", help="modeling_*.py of an earlier release")
    parser.add_argument("--earlier-name", metavar="NAME", help="what to call this release")
    arguments = parser.parse_args()
    if arguments.rotations:
        write_rotations(arguments.rotations)
    if arguments.positions:
        write_positions(arguments.positions, arguments.earlier, arguments.earlier_name)


if __name__ == "__main__":
    main()
