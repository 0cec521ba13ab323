# SPDX-License-Identifier: MIT
"""Compares the rotation of Hugging Face in eager torch with ours, and prints lines of the table of
bench/peers/run.

peers.py SHIM calls ours through the shared library SHIM. peers.py --versions prints the versions of
torch and transformers."""
import ctypes
import mmap
import statistics
import sys
import time

import torch
import transformers
from transformers.models.llama.modeling_llama import (
    LlamaConfig,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)

Q_HEADS, K_HEADS, HEAD_DIM = 32, 8, 128
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
ROUNDS = 31
ROUND_NS = 2_000_000


def warm(n, dtype):
    """Elements of magnitude 1/2 to 1, with random signs, in huge pages if the system has them."""
    memory = mmap.mmap(-1, max(n * dtype.itemsize, 1 << 22))
    memory.madvise(mmap.MADV_HUGEPAGE)
    x = torch.frombuffer(memory, dtype=dtype, count=n)
    x.copy_((0.5 + torch.rand(n) / 2) * (torch.randint(0, 2, (n,)) * 2 - 1))
    return x


def layers_in(x, n_layers, n_tokens):
    """q and k of each layer: the results of a linear layer, transposed as attention reads them."""
    layers = []
    for layer in x.view(n_layers, -1):
        q, k = layer.split([n_tokens * Q_HEADS * HEAD_DIM, n_tokens * K_HEADS * HEAD_DIM])
        layers.append([y.view(1, n_tokens, -1, HEAD_DIM).transpose(1, 2) for y in (q, k)])
    return layers


def cos_sin(x, positions):
    config = LlamaConfig(
        hidden_size=Q_HEADS * HEAD_DIM,
        num_attention_heads=Q_HEADS,
        max_position_embeddings=131072,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    return LlamaRotaryEmbedding(config)(x, positions.long()[None])


def ns_per_call(work, calls):
    start = time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID)
    for _ in range(calls):
        work()
    return (time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID) - start) / calls


def calls_for(work):
    calls = 1
    while ns_per_call(work, calls) * calls < ROUND_NS:
        calls *= 2
    return calls


class Shim:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.peers_error.restype = ctypes.c_double

    def rotation(self, x, name, n_layers, n_tokens, positions):
        """Returns a function that rotates x. The arguments are converted here, not in the call."""
        arguments = [ctypes.c_void_p(x.data_ptr()), ctypes.c_int(list(TYPES).index(name))]
        arguments += [ctypes.c_int(n) for n in (n_layers, n_tokens, Q_HEADS, K_HEADS)]
        arguments.append(ctypes.c_void_p(positions.data_ptr()))
        return lambda: self.library.peers_rotate(*arguments)

    def error(self, before, after, name, positions, n_heads):
        return self.library.peers_error(
            ctypes.c_void_p(before.data_ptr()), ctypes.c_void_p(after.data_ptr()),
            ctypes.c_int(list(TYPES).index(name)), ctypes.c_void_p(positions.data_ptr()),
            ctypes.c_int(len(positions)), ctypes.c_int(n_heads))


def errors(shim, name):
    """Cells with the largest errors of torch and of ours, at the 32 positions up to each of 1000,
    32767 and 131071."""
    torch_errors, ours = "", ""
    for last in (1000, 32767, 131071):
        positions = torch.arange(last - 31, last + 1, dtype=torch.int32)
        x = warm(32 * (Q_HEADS + K_HEADS) * HEAD_DIM, TYPES[name])
        q, k = layers_in(x, 1, 32)[0]
        rotated, _ = apply_rotary_pos_emb(q, k, *cos_sin(x, positions))
        rotated = rotated.transpose(1, 2).contiguous()
        torch_errors += f" {shim.error(x, rotated, name, positions, Q_HEADS):.0e} |"
        y = x.clone()
        shim.rotation(y, name, 1, 32, positions)()
        ours += f" {shim.error(x, y, name, positions, Q_HEADS):.0e} |"
    return torch_errors, ours


def keep_memory():
    """From now on malloc returns no memory to the system. Otherwise torch allocates new memory for
    each large result, and the first touch of this memory takes longer than the rotation."""
    libc = ctypes.CDLL(None)
    m_trim_threshold, m_mmap_max = -1, -4
    assert libc.mallopt(m_mmap_max, 0) and libc.mallopt(m_trim_threshold, 2**31 - 1)


def compare(shim, work, name, n_layers, n_tokens):
    dtype = TYPES[name]
    x = warm(n_layers * n_tokens * (Q_HEADS + K_HEADS) * HEAD_DIM, dtype)
    positions = torch.full((1,), 4096) if n_tokens == 1 else torch.arange(n_tokens)
    positions = positions.to(torch.int32)
    layers = layers_in(x, n_layers, n_tokens)
    cos, sin = cos_sin(x, positions)  # once per step, not measured

    def hugging_face():
        for q, k in layers:
            apply_rotary_pos_emb(q, k, cos, sin)

    torch_errors, ours = errors(shim, name)
    # One call into C for all layers, as in an engine; and one Python call per layer, as for torch.
    contenders = [("**ours**", shim.rotation(x, name, n_layers, n_tokens, positions), ours)]
    if n_layers > 1:
        each = [shim.rotation(y, name, 1, n_tokens, positions) for y in x.view(n_layers, -1)]
        contenders.append(
            ("**ours**, a Python call a layer", lambda: [call() for call in each], ours))
    contenders.append(("torch", hugging_face, torch_errors))

    # As many bytes, always as floats, because the arithmetic of torch in 16 bits is slower.
    twin = warm(x.numel() * x.itemsize // 4, torch.float32)

    def scale():
        twin.mul_(-1)

    works = [scale] + [c[1] for c in contenders]
    calls = [calls_for(w) for w in works]
    rounds = [[ns_per_call(w, n) / n_layers for w, n in zip(works, calls)] for _ in range(ROUNDS)]
    n_bytes = 2 * x.numel() * x.itemsize / n_layers
    for i, (who, _, cells) in enumerate(contenders, 1):
        ns = statistics.median(r[i] for r in rounds)
        print(f"| {work} | {name} | half_split | {who} | "
              f"{ns / 1e3:.{3 if n_tokens == 1 else 0}f} | {n_bytes / ns:.1f} | "
              f"{statistics.median(r[0] / r[i] for r in rounds):.2f} | "
              f"{statistics.median(r[i] / r[1] for r in rounds):.1f} |{cells}", flush=True)


def main():
    torch.set_num_threads(1)
    shim = Shim(sys.argv[1])
    for name in TYPES:
        compare(shim, "decode, q and k", name, 32, 1)
        compare(shim, "prefill, q and k", name, 1, 4096)
    keep_memory()
    for name in TYPES:
        compare(shim, "prefill, q and k, memory kept", name, 1, 4096)


if sys.argv[1] == "--versions":
    print(f"torch {torch.__version__}, transformers {transformers.__version__}", end="")
else:
    with torch.inference_mode():
        main()
