# SPDX-License-Identifier: MIT
"""Rotates tensors of numpy, and compares them with the numbers of transformers.

    rotate.py LIBRARY rotation.json

rotation.json (tests/reference) has inputs and outputs of the rotary classes of transformers, and of
other implementations. For each float32 forward of transformers with one list of positions, this
program computes the frequencies, cos and sin, and the rotated tensor, and compares them.
transformers computes in float32, with the angle float32(position * inv_freq), so its results are
compared with those of yarn_float32_pipeline.
"""
import json
import sys

import numpy as np

from yarn_ctypes import HALF_SPLIT, INTERLEAVED, Yarn

HALF_ULP = 2.0**-24  # of the floats between 1 and 2


def config_of(case):
    """The config.json of a case."""
    return json.dumps({
        "model_type": "llama",
        "head_dim": case["head_dim"],
        "max_position_embeddings": case["max_position_embeddings"],
        "partial_rotary_factor": case["rotary_dim"] / case["head_dim"],
        "rope_parameters": case["rope_parameters"],
    })


def input_of(case):
    i = np.arange(len(case["positions"]) * case["n_heads"] * case["head_dim"], dtype=np.uint64)
    u = (i * np.uint64(case["input"]["M"]) + np.uint64(case["input"]["A"])) % np.uint64(2**32)
    shape = (len(case["positions"]), case["n_heads"], case["head_dim"])
    return (u.astype(np.float64) / 2.0**32 - 0.5).astype(np.float32).reshape(shape)


def compare(yarn, case):
    """The largest differences of frequencies (relative), of cos and sin, and of elements."""
    recorded = np.array(case["inv_freq"], dtype=np.float32)
    computed = yarn.frequencies_of_config(config_of(case), case["seq_len"])
    of_frequencies = np.max(np.abs(computed.inv_freq() / recorded - 1))

    # From here on with the float32 frequencies of transformers, so that the angles are the same.
    freqs = yarn.frequencies_from(recorded, case["attention_factor"]).float32_pipeline()
    ids = case["positions"]
    angles = (np.array(ids, np.float32)[:, None] * recorded).astype(np.float64)
    cos, sin = freqs.rows(ids)
    of_rows = max(np.max(np.abs(cos - np.cos(angles) * case["attention_factor"])),
                  np.max(np.abs(sin - np.sin(angles) * case["attention_factor"])))

    x = input_of(case)
    if case["layout"] == "interleaved_to_half":  # DeepSeek-V3
        x = freqs.rotated(x, ids, INTERLEAVED, HALF_SPLIT)
    else:
        freqs.rotate(x, ids, HALF_SPLIT if case["layout"] == "half" else INTERLEAVED)
    of_elements = np.max(np.abs(x - np.array(case["output"], np.float32).reshape(x.shape)))
    return of_frequencies, of_rows, of_elements


def main(library, reference):
    yarn = Yarn(library)
    with open(reference, encoding="utf-8") as file:
        cases = json.load(file)
    failed = n_cases = 0
    for case in cases:
        if (not case["source"].startswith("transformers") or case["dtype"] != "float32"
                or "inv_freq" not in case or "axes" in case or len(np.shape(case["positions"])) != 1
                or case["op"] != "forward"):
            continue
        n_cases += 1
        of_frequencies, of_rows, of_elements = compare(yarn, case)
        factor = case["attention_factor"]
        # Frequencies: transformers rounds several times (13 ULP of float32, tests/reference).
        # cos and sin: half an ULP. Elements: the errors of cos and sin, of two products and of a
        # sum; all inputs are below 0.5.
        good = (of_frequencies < 13 * 2 * HALF_ULP
                and of_rows <= HALF_ULP * factor * 1.01
                and of_elements <= 4 * HALF_ULP * factor)
        failed += not good
        print(f"{case['id']:36} inv_freq {of_frequencies:.1e}  cos, sin {of_rows:.1e}  "
              f"elements {of_elements:.1e}{'' if good else '  WRONG'}")
    try:
        yarn.frequencies_of_config('{"model_type": "llama"}', 0)
        failed += 1
    except ValueError as error:
        print("refused:", error)
    print(f"{n_cases} cases, {failed} wrong")
    return failed != 0 or n_cases < 15


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
