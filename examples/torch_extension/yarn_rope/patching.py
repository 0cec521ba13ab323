# SPDX-License-Identifier: MIT
"""patch(model) makes a model of transformers rotate q and k with yarn.

The rotary embedding of the model then makes rows of yarn, once per forward, and each attention
layer rotates with them. Only this model changes: the functions of its modules are replaced in the
instance, not in the class, and not in the Python modules of transformers.
"""

import types

import torch

# The classes whose rotation is known. Each one calls one or two of the functions below.
ATTENTION_CLASSES = {
    "LlamaAttention",
    "Qwen3Attention",
    "Gemma3Attention",
    "DeepseekV3Attention",
    "Qwen2VLAttention",
    "Qwen2_5_VLAttention",
    "Qwen3VLTextAttention",
}


def _rotate(q, k, cos, sin, unsqueeze_dim, *pairings):
    if unsqueeze_dim != 1:
        raise ValueError(f"yarn_rope: unsqueeze_dim = {unsqueeze_dim} must be 1")
    return torch.ops.yarn_rope.rotate(q, k, cos, sin, *pairings)


def _apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=1):
    return _rotate(q, k, cos, sin, unsqueeze_dim, "half_split")


def _apply_rotary_pos_emb_interleave(q, k, cos, sin, position_ids=None, unsqueeze_dim=1):
    # The class reads interleaved pairs and writes the halves of the pairs apart.
    return _rotate(q, k, cos, sin, unsqueeze_dim, "interleaved", "half_split")


def _apply_multimodal_rotary_pos_emb(q, k, cos, sin, mrope_section, unsqueeze_dim=1):
    return _rotate(q, k, cos, sin, unsqueeze_dim, "half_split")  # the rows know the sections


REPLACEMENTS = {
    "apply_rotary_pos_emb": _apply_rotary_pos_emb,
    "apply_rotary_pos_emb_interleave": _apply_rotary_pos_emb_interleave,
    "apply_multimodal_rotary_pos_emb": _apply_multimodal_rotary_pos_emb,
}


def _refuse(what):
    raise NotImplementedError(f"yarn_rope: {what}")


class _Rows:
    """The forward of a rotary embedding: rows of yarn for its layers."""

    def __init__(self, handle, ropes, rope_of_type):
        self.handle = handle
        self.ropes = ropes
        self.rope_of_type = rope_of_type  # by layer_type; None: the class does not pass one
        self.cache = {}  # by rope: (seq_len, inv_freq, attention_factor)

    def frequencies(self, rope, position_ids):
        # As transformers: the length is the largest position of the batch + 1.
        dynamic = self.ropes[rope]["is_dynamic"]
        seq_len = int(position_ids.max()) + 1 if dynamic and position_ids.numel() > 0 else 0
        cached = self.cache.get(rope)
        if cached is None or cached[0] != seq_len:
            cached = seq_len, *self.handle.frequencies(rope, seq_len)
            self.cache[rope] = cached
        return cached[1:]

    @torch.no_grad()
    def __call__(self, x, position_ids, layer_type=None):
        rope = self.rope_of_type[layer_type]
        inv_freq, attention_factor = self.frequencies(rope, position_ids)
        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        axes = self.ropes[rope]["axis_of_pair"]
        return torch.ops.yarn_rope.rows(position_ids, inv_freq, attention_factor, axes, dtype)


def _rope_of_type(config, description):
    """The index of the rope for each layer_type that the class passes to its rotary embedding."""
    ropes, rope_of_layer = description["ropes"], description["rope_of_layer"]
    if not rope_of_layer:
        rope_of_layer = [0] * config.num_hidden_layers if len(ropes) == 1 else []
    if len(rope_of_layer) != config.num_hidden_layers:
        _refuse(f"the ropes of the layers are not known: {description['notes']}")
    if -1 in rope_of_layer:
        _refuse(f"layer {rope_of_layer.index(-1)} does not rotate")
    types_of_layers = config.layer_types if len(ropes) > 1 else []
    result = {}
    for kind, rope in zip(types_of_layers or [None], rope_of_layer):
        if result.setdefault(kind, rope) != rope:
            _refuse(f"layers of type {kind} have different ropes")
    return result


def _check_ropes(rotary, ropes):
    for rope in ropes:
        name = rope["name"]
        if rope["unused"]:
            _refuse(f"{name}: the keys {rope['unused']} of the configuration are not known")
        for key in ("has_temperature", "has_frequency_of_pair", "dual_chunk_size", "derotates_output"):
            if rope[key]:
                _refuse(f"{name}: the model has {key} = {rope[key]}")
        if rope["is_dynamic"] and not hasattr(type(rotary).forward, "__wrapped__"):
            _refuse(
                f"{type(rotary).__name__} never updates the frequencies of the method "
                f"{rope['rope_type']}"
            )


def _probe(attention, rotary, rows, layer_type, rotary_dim, name):
    """Rotates random heads by the function of the class and by its replacement. A difference means
    that the configuration or the class is not what this module knows."""
    generator = torch.Generator().manual_seed(0)
    heads = torch.randn(2, 1, 1, 7, rotary_dim, generator=generator)
    positions = torch.tensor([[0, 1, 2, 3, 5, 8, 13]])
    more = ()
    if rows.ropes[rows.rope_of_type[layer_type]]["axis_of_pair"]:
        positions = torch.stack([positions, positions + 3, 2 * positions])
        if "mrope" in name or "multimodal" in name:
            more = (attention.config.rope_parameters["mrope_section"],)
    kind = () if layer_type is None else (layer_type,)
    eager = type(attention).forward.__globals__[name]
    expected = eager(*heads, *type(rotary).forward(rotary, heads[0], positions, *kind), *more)
    actual = REPLACEMENTS[name](*heads, *rows(heads[0], positions, *kind), *more)
    for e, a in zip(expected, actual):
        difference = (e - a).abs().max().item()
        if not difference < 1e-4:
            _refuse(
                f"{type(attention).__name__}: {name} differs by {difference:.1e} from the rotation "
                "of the configuration"
            )


def _with_replacements(function, names):
    """A copy of a function that calls the replacements instead of the functions `names`."""
    scope = {**function.__globals__, **{name: REPLACEMENTS[name] for name in names}}
    copy = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy._yarn_rope = True
    return copy


def _is_ours(module):
    own = module.__dict__.get("forward")
    return isinstance(own, _Rows) or hasattr(own, "_yarn_rope")


def _plan(model):
    """The replacements of forward for all modules of a model, or an error. Changes nothing."""
    from . import model_ropes

    plan = []
    texts = [m for m in model.modules() if hasattr(m, "rotary_emb") and hasattr(m, "layers")]
    if len(texts) != 1:
        _refuse(f"{type(model).__name__} has {len(texts)} stacks of layers with a rotary_emb")
    (text,) = texts
    inside = {id(m) for m in text.modules()}
    for name, module in model.named_modules():
        if id(module) not in inside and "rotary" in type(module).__name__.lower():
            _refuse(
                f"{name} ({type(module).__name__}) rotates too, and is not replaced: call patch "
                f"with the {type(text).__name__} of the model"
            )
    device = next(text.parameters()).device
    if device.type != "cpu":
        _refuse(f"the model is on {device}; the operators are for the CPU")
    rotary, config = text.rotary_emb, text.config
    handle, description = model_ropes(config)
    _check_ropes(rotary, description["ropes"])
    rows = _Rows(handle, description["ropes"], _rope_of_type(config, description))
    if None in rows.rope_of_type and hasattr(rotary, "layer_types"):
        only = rows.rope_of_type.pop(None) # all types of layers have the same rope
        rows.rope_of_type.update(dict.fromkeys(rotary.layer_types, only))
    plan.append((rotary, rows))
    attentions = [m for m in text.modules() if type(m).__name__.endswith("Attention")]
    if len(attentions) != config.num_hidden_layers:
        _refuse(f"{len(attentions)} attention modules in {config.num_hidden_layers} layers")
    probed = set()
    for attention in attentions:
        kind = type(attention).__name__
        function = type(attention).forward
        if kind not in ATTENTION_CLASSES or not isinstance(function, types.FunctionType):
            _refuse(f"{kind} is none of {sorted(ATTENTION_CLASSES)}")
        names = [name for name in REPLACEMENTS if name in function.__code__.co_names]
        if not names or hasattr(function, "__wrapped__"):
            _refuse(f"{kind}.forward calls none of {sorted(REPLACEMENTS)}")
        if "apply_rotary_pos_emb_interleave" in names:
            names_used = [names[0] if not config.rope_interleave else "apply_rotary_pos_emb_interleave"]
        else:
            names_used = names
        for layer_type, rope in rows.rope_of_type.items():
            for name in names_used:
                if (kind, name, layer_type) not in probed:
                    probed.add((kind, name, layer_type))
                    rotary_dim = description["ropes"][rope]["rotary_dim"]
                    _probe(attention, rotary, rows, layer_type, rotary_dim, name)
        plan.append((attention, types.MethodType(_with_replacements(function, names), attention)))
    for module, _ in plan:
        if "forward" in module.__dict__:
            _refuse(f"{type(module).__name__} has a forward of its own; is the model patched?")
    return plan, description


def patch(model):
    """Makes the model rotate with yarn. Returns what the configuration says: a dictionary with the
    ropes, the rope of each layer, and notes.

    Raises NotImplementedError, with the name of what is not known, and then changes nothing: a
    class of attention that is none of ATTENTION_CLASSES, a rotation outside of the text layers (the
    vision tower: pass its language model instead), a configuration that the reader does not know
    completely, or a rotation that differs from that of the class."""
    plan, description = _plan(model)
    for module, forward in plan:
        module.forward = forward
    return description


def unpatch(model):
    """Undoes patch. Models that are not patched stay as they are."""
    for module in model.modules():
        if _is_ours(module):
            del module.forward
