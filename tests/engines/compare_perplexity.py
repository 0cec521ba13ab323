#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_perplexity.py PLUG_IN MODEL...: runs llama-perplexity with and without the plug-in.

Fails if the perplexities of a model differ by more than 1e-4 of themselves, or if the plug-in
computed no node.
"""
import os
import random
import re
import subprocess
import sys
import tempfile


def perplexity(model, text, plug_in):
    environment = dict(os.environ)
    if plug_in:
        environment.update(GGML_BACKEND_PATH=plug_in, YARN_GGML_REPORT="1")
    # llama.cpp logs in a thread of its own, and some runs end before it has written the last lines.
    for _ in range(10):
        run = subprocess.run(
            ["llama-perplexity", "-m", model, "-f", text, "-c", "512", "-b", "512", "-t", "1"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = run.stdout.decode(errors="replace")
        found = re.search(r"Final estimate: PPL = ([0-9.]+)", output)
        if run.returncode != 0 or found is not None:
            break
    if found is None:
        sys.exit(f"llama-perplexity returned {run.returncode} for {model}:\n{output}")
    if plug_in and not re.search("yarn: .* with [1-9][0-9]* ROPE nodes", output):
        sys.exit(f"{plug_in} computed no nodes:\n{output}")
    return float(found.group(1))


def main():
    plug_in, models = sys.argv[1], sys.argv[2:]
    words = random.Random(1)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text:
        letters = "abcdefghijklmnopqrstuvwxyz"
        text.write(" ".join("".join(words.choices(letters, k=5)) for _ in range(600)))
        text.flush()
        for model in models:
            theirs, ours = (perplexity(model, text.name, p) for p in (None, plug_in))
            print(f"{os.path.basename(model)}: perplexity {theirs}, with the plug-in {ours}")
            if abs(ours - theirs) > 1e-4 * theirs:
                sys.exit("the perplexities differ")


main()
