#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes hf_pairings.json: which elements of a head the classes of transformers rotate together.

Run in the environment that bench/peers/setup makes:
    python3 make_hf_pairings.py hf_pairings.json

The script calls the function that rotates the queries of a class with unit vectors: once with cos = 1,
sin = 0, and once with cos = 0, sin = 1. Element j is the partner of element 0 if the second call moves
it to where the first call leaves element 0. (Some classes permute the elements as well.)
"""
import importlib
import json
import sys
import warnings

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from make_hf_configs import DEFAULTS, SINUSOIDAL

transformers.logging.set_verbosity_error()
warnings.filterwarnings("ignore")

WIDTH = 16
OTHERS = "exaone4_5 glm4_moe glm4v_moe glm_image glm_ocr hrm_text jamba paddleocr_vl".split()


def call(function, package, cos, sin):
    """The image of each unit vector: rows are images."""
    unit = torch.eye(WIDTH)
    name = function.__name__
    if name == "apply_rotary_emb":  # complex numbers; Llama 4 has tokens before heads
        angles = torch.complex(torch.full((1, WIDTH, WIDTH // 2), cos),
                               torch.full((1, WIDTH, WIDTH // 2), sin))
        q = unit[None, :, None] if package == "llama4" else unit[None, None]
        return function(q, q, angles)[0].reshape(WIDTH, WIDTH)
    if package in ("gptj", "codegen"):
        rows = [torch.full((1, WIDTH, WIDTH // 2), v) for v in (sin, cos)]
        return function(unit[None, :, None], *rows).reshape(WIDTH, WIDTH)
    if name == "apply_multimodal_rotary_pos_emb":
        rows = [torch.full((3, 1, WIDTH, WIDTH), v) for v in (cos, sin)]
        return function(unit[None, None], unit[None, None], *rows, [4, 2, 2])[0].reshape(WIDTH, WIDTH)
    if package == "deepseek_v4":
        rows = [torch.full((1, WIDTH, WIDTH // 2), v) for v in (cos, sin)]
        return function(unit[None, None], *rows).reshape(WIDTH, WIDTH)
    if package in ("gemma3n", "gemma4"):
        rows = [torch.full((1, WIDTH, WIDTH), v) for v in (cos, sin)]
        return function(unit[None, None], *rows).reshape(WIDTH, WIDTH)
    half = package in ("gpt_oss", "openai_privacy_filter")
    rows = [torch.full((1, WIDTH, WIDTH // 2 if half else WIDTH), v) for v in (cos, sin)]
    return function(unit[None, None], unit[None, None], *rows)[0].reshape(WIDTH, WIDTH)


def rotation_of(module, config):
    for name in ("apply_rotary_pos_emb_interleave", "apply_multimodal_rotary_pos_emb",
                 "apply_rotary_pos_emb", "apply_rotary_emb"):
        if name == "apply_rotary_pos_emb_interleave" and not getattr(config, "rope_interleave", True):
            continue
        if hasattr(module, name):
            return getattr(module, name)
    return None


def pairing(package, config):
    module = importlib.import_module(f"transformers.models.{package}.modeling_{package}")
    function = rotation_of(module, config)
    if function is None:
        return None
    kept = call(function, package, 1.0, 0.0)
    moved = call(function, package, 0.0, 1.0)
    place = int(kept[0].abs().argmax())
    assert kept[0].abs().sum() == 1.0, kept[0]
    partner = int(moved[:, place].abs().argmax())
    assert moved[:, place].abs().sum() == 1.0
    return {1: "interleaved", WIDTH // 2: "half_split"}[partner]


def main():
    result = {}
    for name in sorted(set(DEFAULTS) | set(SINUSOIDAL) | set(OTHERS)):
        try:
            text = CONFIG_MAPPING[name]().get_text_config(decoder=True)
            package = type(text).__module__.split(".")[-2]
            found = pairing(package, text)
        except Exception as error:
            print(name, type(error).__name__, str(error)[:100], file=sys.stderr)
            continue
        if found:
            result[text.model_type] = {"package": package, "pairing": found}
        else:
            print(name, "no function", file=sys.stderr)
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(result.items()))
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(f'{{"source": "transformers {transformers.__version__}",\n"pairings": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    main()
