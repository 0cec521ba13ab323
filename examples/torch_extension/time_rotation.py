# SPDX-License-Identifier: MIT
"""Times the rotation and whole forwards beside those of transformers, in one process. The two take
turns; each number is a median.

    PYTHONPATH=build/examples/torch_extension python3 examples/torch_extension/time_rotation.py
"""

import copy
import statistics
import sys
import time

import torch
import transformers
from transformers.models.deepseek_v3.modeling_deepseek_v3 import apply_rotary_pos_emb_interleave
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

import yarn_rope

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 31


def medians(*calls, seconds=0.02):
    """Microseconds of processor time of each call, on which other programs have little effect."""
    repeats = []
    for call in calls:
        call()
        start = time.process_time()
        call()
        repeats.append(max(1, int(seconds / max(1e-7, time.process_time() - start))))
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, n, list_of_times in zip(calls, repeats, times):
            start = time.process_time()
            for _ in range(n):
                call()
            list_of_times.append((time.process_time() - start) / n * 1e6)
    return [statistics.median(t) for t in times]


def show(what, eager, yarn, in_place=None):
    last = "" if in_place is None else f"{in_place:.1f} us, x{eager / in_place:.1f}"
    print(f"| {what} | {eager:.1f} us | {yarn:.1f} us, x{eager / yarn:.1f} | {last} |", flush=True)


def rotations():
    for dtype in (torch.float32, torch.bfloat16):
        for n_tokens in (1, 512):
            q = torch.randn(1, n_tokens, 32, 128).to(dtype).transpose(1, 2)
            k = torch.randn(1, n_tokens, 8, 128).to(dtype).transpose(1, 2)
            positions = torch.arange(n_tokens)[None] + 4000
            f = yarn_rope.frequencies(
                {"model_type": "llama", "head_dim": 128, "rope_theta": 500000.0,
                 "max_position_embeddings": 8192}
            )  # fmt: skip
            cos, sin = f.rows(positions)
            both = [torch.cat((x, x), dim=-1).to(dtype) for x in (cos, sin)]
            operators = torch.ops.yarn_rope
            what = f"{n_tokens} tokens, 32 + 8 heads of 128, {str(dtype)[6:]}"
            show(
                what,
                *medians(
                    lambda: apply_rotary_pos_emb(q, k, *both),
                    lambda: operators.rotate(q, k, cos, sin, "half_split"),
                    lambda: operators.rotate_(q, k, cos, sin, "half_split"),
                ),
            )
            q = torch.randn(1, n_tokens, 32, 192).to(dtype).transpose(1, 2)[..., 128:]
            k = torch.randn(1, 1, n_tokens, 64).to(dtype)
            cos, sin = cos[..., :32].contiguous(), sin[..., :32].contiguous()
            both = [torch.cat((x, x), dim=-1).to(dtype) for x in (cos, sin)]
            show(
                f"{n_tokens} tokens, DeepSeek-V3, 32 + 1 heads of 64, {str(dtype)[6:]}",
                *medians(
                    lambda: apply_rotary_pos_emb_interleave(q, k, *both),
                    lambda: operators.rotate(q, k, cos, sin, "interleaved", "half_split"),
                ),
            )


def forwards():
    config = transformers.LlamaConfig(
        vocab_size=1000,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
    )
    for dtype in (torch.float32, torch.bfloat16):
        eager = transformers.AutoModelForCausalLM.from_config(
            config, dtype=dtype, attn_implementation="eager"
        ).eval()
        yarn = copy.deepcopy(eager)
        yarn_rope.patch(yarn)
        in_place = copy.deepcopy(eager)
        yarn_rope.patch(in_place, in_place=True)
        for n_tokens in (1, 512):
            ids = torch.zeros((1, n_tokens), dtype=torch.long)
            positions = torch.arange(n_tokens)[None] + 4000

            def call(model):
                return lambda: model(input_ids=ids, position_ids=positions, use_cache=False)

            what = f"forward of 4 layers, {n_tokens} tokens, {str(dtype)[6:]}"
            show(what, *medians(*map(call, (eager, yarn, in_place)), seconds=0.1))


torch.manual_seed(0)
torch.set_grad_enabled(False)
torch.set_num_threads(1)
print("| one thread | transformers | yarn | yarn in place |\n|---|---|---|---|")
rotations()
forwards()
