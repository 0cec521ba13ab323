# SPDX-License-Identifier: MIT
"""Rotary position embeddings of yarn as operators of PyTorch, on the CPU.

    f = yarn_rope.frequencies(model.config)
    yarn_rope.rotate_(q, k, position_ids, f)        # in place; [batch, heads, tokens, dim]
    q, k = yarn_rope.rotate(q, k, position_ids, f)  # new tensors

    yarn_rope.patch(model)                         # a model of transformers
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch

__all__ = ["Frequencies", "frequencies", "model_ropes", "patch", "rotate", "rotate_", "unpatch"]

torch.ops.load_library(Path(__file__).with_name("operators.so"))


@dataclass(frozen=True)
class Frequencies:
    """The frequencies of the pairs of a head, and the attention factor."""

    inv_freq: torch.Tensor  #: radians per token, float64 [pairs]
    attention_factor: float
    pairing: str  #: "half_split" or "interleaved"
    axis_of_pair: tuple[int, ...] = ()  #: for positions on several axes; empty: one axis

    def adjoint(self) -> "Frequencies":
        """The transposed rotation: the gradient of a rotation is the rotation by its adjoint."""
        return replace(self, inv_freq=-self.inv_freq)

    def rows(self, position_ids, dtype=torch.float32):
        """cos and sin [batch, tokens, pairs] of positions [batch, tokens] or [axes, batch, tokens],
        times the attention factor. dtype is float64 for float64 tensors, else float32."""
        return torch.ops.yarn_rope.rows(
            position_ids, self.inv_freq, self.attention_factor, self.axis_of_pair, dtype
        )


def model_ropes(config):
    """The ropes of the layers of a configuration, as (handle, description). The configuration is
    one of transformers, a dictionary, or the text of a config.json."""
    if hasattr(config, "to_dict"):
        config = config.to_dict()
    if not isinstance(config, str):
        config = json.dumps(config)
    handle = torch.classes.yarn_rope.ModelRopes(config)
    return handle, json.loads(handle.describe())


def frequencies(config, seq_len=0, name=None) -> Frequencies:
    """The frequencies of a configuration. If its layers have different ropes, `name` says which
    ("sliding_attention"). Dynamic methods need seq_len, the number of tokens so far."""
    handle, description = model_ropes(config)
    ropes = description["ropes"]
    names = [rope["name"] for rope in ropes]
    if name is None and len(ropes) != 1 or name is not None and name not in names:
        raise ValueError(f"yarn_rope: name = {name!r} must be one of {names}")
    index = 0 if name is None else names.index(name)
    if ropes[index]["pairing"] is None:
        raise ValueError("yarn_rope: the pairing of this model type is not known")
    return Frequencies(
        *handle.frequencies(index, seq_len),
        ropes[index]["pairing"],
        tuple(ropes[index]["axis_of_pair"]),
    )


def _rows(q, position_ids, f):
    return f.rows(position_ids, torch.float64 if q.dtype == torch.float64 else torch.float32)


def rotate_(q, k, position_ids, f):
    """Rotates q and k [batch, heads, tokens, dim] in place."""
    torch.ops.yarn_rope.rotate_(q, k, *_rows(q, position_ids, f), f.pairing)


def rotate(q, k, position_ids, f, output_order=None):
    """Returns q and k rotated. output_order is the pairing of the result, by default that of f."""
    return torch.ops.yarn_rope.rotate(q, k, *_rows(q, position_ids, f), f.pairing, output_order)


# For torch.compile and torch.export: the shapes of the results.
@torch.library.register_fake("yarn_rope::rows")
def _(position_ids, inv_freq, attention_factor, axis_of_pair, dtype):
    shape = (*position_ids.shape[-2:], inv_freq.shape[0])
    return position_ids.new_empty(shape, dtype=dtype), position_ids.new_empty(shape, dtype=dtype)


def _target_for(x):  # as in operators.cpp
    strides = [stride for n, stride in zip(x.shape, x.stride()) if n > 1]
    is_viewable = 0 not in strides and (x.shape[-1] < 2 or x.stride(-1) == 1)
    return torch.empty_like(x) if is_viewable else x.new_empty(x.shape)


@torch.library.register_fake("yarn_rope::rotate")
def _(q, k, cos, sin, pairing, output_order=None):
    return _target_for(q), _target_for(k)


@torch.library.register_fake("yarn_rope::rotate_")
def _(q, k, cos, sin, pairing):
    pass


from .patching import patch, unpatch  # noqa: E402  (needs the operators)
