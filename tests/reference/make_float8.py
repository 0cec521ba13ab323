#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes float8.json: torch's casts between float32 and its 8-bit floats.

Run in the environment that bench/peers/setup makes:
    python3 make_float8.py float8.json

Floats are written as their bits. `values` has the float of each of the 256 codes. `floats` and `codes`
have the result of the cast of each float. The floats are: the boundary between any two neighbouring
numbers of the format and the floats beside it; random numbers of all magnitudes; subnormal floats;
and floats beyond the largest number, infinity and NaN.
"""
import json
import random
import sys

import torch

FORMATS = {"float8_e4m3": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}


def bits_of(floats):
    return [b & 0xFFFFFFFF for b in floats.view(torch.int32).tolist()]


def of_bits(bits):
    signed = [b - (1 << 32) if b >= 1 << 31 else b for b in bits]
    return torch.tensor(signed, dtype=torch.int32).view(torch.float32)


def record(dtype):
    codes = torch.arange(256, dtype=torch.int16).to(torch.uint8)
    values = codes.view(dtype).to(torch.float32)
    largest = torch.finfo(dtype).max
    numbers = sorted({abs(v) for v in values.tolist() if abs(v) <= largest})
    middles = [(a + b) / 2 for a, b in zip(numbers, numbers[1:])]  # exact in float32
    middles.append(largest + (largest - numbers[-2]) / 2)
    magnitudes = []
    for b in bits_of(torch.tensor(middles)):
        magnitudes += [max(b, 1) - 1, b, b + 1]
    source = random.Random(8)
    least, most = bits_of(torch.tensor([numbers[1] / 8, largest]))
    magnitudes += [source.randint(least, most) for _ in range(1000)]
    magnitudes += [1, 0x400000, 0x7FFFFF, 0x800000]
    beyond = [largest * f for f in (1, 1 + 2**-20, 1.0625, 1.125, 1.25, 2, 1e6)] + [3.4e38]
    magnitudes += bits_of(torch.tensor(beyond))
    magnitudes += [0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000]
    # dict: without duplicates, in the same order.
    floats = list(dict.fromkeys(b for m in magnitudes for b in (m, m | 1 << 31)))
    results = of_bits(floats).to(dtype).view(torch.uint8).tolist()
    return {"values": bits_of(values), "floats": floats, "codes": results}


def main():
    data = {"source": "torch " + torch.__version__.split("+")[0],
            **{name: record(dtype) for name, dtype in FORMATS.items()}}
    with open(sys.argv[1], "w") as file:
        json.dump(data, file, separators=(",", ":"))
        file.write("\n")


main()
