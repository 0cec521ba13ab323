#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes ggml_blocks.json: blocks of 32 floats, and the bytes that ggml stores for them.

Run on x86-64 with AVX2, where the libraries of ggml are installed (Debian: libggml-dev):
    python3 make_ggml_blocks.py LIBRARIES ggml_blocks.json
LIBRARIES is the folder of libggml-base.so. The script calls ggml_quantize_chunk ("reference"), and
the function from_float of the type in the CPU backend for Haswell, which writes KV caches
("backend"). It records both for q8_0, the second for iq4_nl, and for the other formats checks that
both are equal. For every fifth block, it also records what to_float of the type decodes.
"""
import ctypes
import json
import random
import struct
import sys

# The number of each type in ggml, and the bytes of a block.
FORMATS = {"q4_0": (2, 18), "q4_1": (3, 20), "q5_0": (6, 22), "q5_1": (7, 24), "q8_0": (8, 34), "iq4_nl": (20, 18)}


def rounded(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def blocks():
    """Names and blocks. Elements are made from integers, so every Python makes the same ones."""
    rng = random.Random(15)

    def uniform(scale):
        return [rounded((rng.randrange(1 << 24) - (1 << 23)) * 2.0**-23 * scale) for _ in range(32)]

    for scale in (1.0, 3.7, 0.02, 1000.0):
        for _ in range(3):
            yield f"random of magnitude {scale}", uniform(scale)
    yield "zeros", [0.0] * 32
    yield "negative zeros", [-0.0] * 32
    yield "zeros of both signs, positive first", [0.0, -0.0] * 16
    yield "zeros of both signs, negative first", [-0.0, 0.0] * 16
    yield "not negative, zeros of both signs", [-0.0, 0.0, 0.5, 1.0] * 8
    yield "a constant", [0.7] * 32
    yield "a negative constant", [-0.7] * 32
    yield "the extreme is negative", [abs(x) for x in uniform(1.0)][:31] + [-1.5]
    yield "the extreme is positive", [-abs(x) for x in uniform(1.0)][:31] + [1.5]
    yield "both signs of the extreme, positive first", uniform(0.5)[:30] + [2.0, -2.0]
    yield "both signs of the extreme, negative first", [-2.0] + uniform(0.5)[:30] + [2.0]
    # With the largest magnitude 127, the scale of q8_0 is 1, so all halves are ties.
    yield "ties of q8_0", [127.0] + [k + 0.5 for k in range(-16, 15)]
    yield "ties of q8_0, large", [-127.0] + [k + 0.5 for k in range(95, 126)]
    yield "ties of q4_0", [-8.0, 8.0] + [k / 2 for k in range(-15, 15)]
    yield "ties of q5_0", [16.0, -16.0] + [k + 0.5 for k in range(-15, 15)]
    yield "ties of q4_1", [0.0, 15.0] + [k / 2 for k in range(0, 30)]
    yield "ties of q5_1", [-3.0, 28.0] + [k + 0.5 for k in range(-3, 27)]
    # Just below a half: the sum with 0.5 is rounded up.
    below = [0.49999997, -0.49999997, 1.4999999, -1.4999999, 7.4999995, -7.4999995, 0.5, -0.5]
    yield "below ties of q8_0", [rounded(x) for x in [127.0, -127.0] + below * 3 + [0.25] * 6]
    yield "below ties of q4_0", [rounded(x) for x in [-8.0] + below * 3 + [0.25] * 7]
    # With the extreme -127, the first scale of iq4_nl is 1.
    middles = [-115.5, -93.5, -74.0, -57.0, -42.0, -28.5, -16.0, -4.5, 7.0, 19.0, 31.5, 45.5, 61.0, 79.0, 101.0]
    yield "middles of iq4_nl", [-127.0, 127.0] + [rounded(m * (1 - 2.0**-23)) for m in middles] + middles
    yield "middles of iq4_nl, negated", [-127.0, 113.0] + [rounded(m * (1 + 2.0**-23)) for m in middles] + middles
    for magnitude in (1e-4, 1e-6, 1e-7, 1e-9, 1e-14, 1e-16, 1e-30, 1e-37, 1e-39, 1e-44):
        yield f"tiny: {magnitude}", uniform(magnitude)
    for magnitude in (6e4, 5.3e5, 1.1e6, 8.3e6, 1e7, 1e13, 1e20, 1e30, 3e38):
        yield f"huge: {magnitude}", uniform(magnitude)
    yield "one outlier", uniform(0.01)[:31] + [50.0]
    infinity = float("inf")
    yield "an infinity", uniform(1.0)[:16] + [infinity] + uniform(1.0)[:15]
    yield "both infinities", [-infinity] + uniform(1.0)[:30] + [infinity]


def floats(values):
    return (ctypes.c_float * 32)(*values)


class Traits(ctypes.Structure):
    _fields_ = [("from_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64))]


class TypeTraits(ctypes.Structure):
    _fields_ = [("type_name", ctypes.c_char_p), ("blck_size", ctypes.c_int64), ("blck_size_interleave", ctypes.c_int64),
                ("type_size", ctypes.c_size_t), ("is_quantized", ctypes.c_bool),
                ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64))]


def main(libraries, path):
    base = ctypes.CDLL(libraries + "/libggml-base.so", mode=ctypes.RTLD_GLOBAL)
    cpu = ctypes.CDLL(libraries + "/ggml/backends0/libggml-cpu-haswell.so")
    base.ggml_version.restype = ctypes.c_char_p
    base.ggml_quantize_chunk.restype = ctypes.c_size_t
    base.ggml_quantize_chunk.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    base.ggml_get_type_traits.restype = ctypes.POINTER(TypeTraits)
    cpu.ggml_get_type_traits_cpu.restype = ctypes.POINTER(Traits)
    cpu.ggml_cpu_init()

    entries = []
    for i, (name, values) in enumerate(blocks()):
        x = floats(values)
        entry = {"block": name, "x": bytes(x).hex()}
        for key, (number, size) in FORMATS.items():
            traits = base.ggml_get_type_traits(number).contents
            assert traits.type_name.decode() == key and traits.type_size == size, (key, traits.type_name)
            chunk, backend = ctypes.create_string_buffer(size), ctypes.create_string_buffer(size)
            base.ggml_quantize_chunk(number, x, chunk, 0, 1, 32, None)
            cpu.ggml_get_type_traits_cpu(number).contents.from_float(x, backend, 32)
            if key == "q8_0":
                entry["q8_0_reference"] = chunk.raw.hex()
            elif key != "iq4_nl":
                assert chunk.raw == backend.raw, (name, key)
            decoded = floats([0.0] * 32)
            traits.to_float(backend, decoded, 32)
            entry[key] = backend.raw.hex()
            if i % 5 == 0:
                entry[key + "_decoded"] = bytes(decoded).hex()
        entries.append(entry)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"source": "ggml " + base.ggml_version().decode(), "blocks": entries}, file, indent=0)
        file.write("\n")


main(*sys.argv[1:])
