# SPDX-License-Identifier: MIT
# dump_hf_rows.py DIR: writes cos and sin of Hugging Face's LlamaRotaryEmbedding, and a rotation by
# its apply_rotary_pos_emb, as raw float32 into DIR. test_testing_torch has the same parameters and
# reads the files.
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

POSITIONS = [0, 1, 2, 3, 61, 1021, 4095, 32767, 131071]
MODELS = {
    "default": {"rope_type": "default", "rope_theta": 10000.0},
    "linear": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
    "yarn": {
        "rope_type": "yarn",
        "rope_theta": 10000.0,
        "factor": 16.0,
        "original_max_position_embeddings": 4096,
    },
    "llama3": {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}

directory = Path(sys.argv[1])
directory.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(1)
before = torch.rand((1, 2, len(POSITIONS), 128), generator=generator) - 0.5
for name, parameters in MODELS.items():
    config = LlamaConfig(
        hidden_size=256,
        num_attention_heads=2,
        head_dim=128,
        max_position_embeddings=131072,
        rope_parameters=parameters,
    )
    cos, sin = LlamaRotaryEmbedding(config)(before, torch.tensor([POSITIONS]))
    after, _ = apply_rotary_pos_emb(before, before, cos, sin)
    for kind, tensor in {"cos": cos, "sin": sin, "before": before, "after": after}.items():
        (directory / f"{name}.{kind}").write_bytes(tensor.contiguous().numpy().tobytes())
