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
    # The class reads interleaved pairs and writes half_split pairs.
    return _rotate(q, k, cos, sin, unsqueeze_dim, "interleaved", "half_split")


def _apply_multimodal_rotary_pos_emb(q, k, cos, sin, mrope_section, unsqueeze_dim=1):
    return _rotate(q, k, cos, sin, unsqueeze_dim, "half_split")  # the rows follow the sections


REPLACEMENTS = {
    "apply_rotary_pos_emb": _apply_rotary_pos_emb,
    "apply_rotary_pos_emb_interleave": _apply_rotary_pos_emb_interleave,
    "apply_multimodal_rotary_pos_emb": _apply_multimodal_rotary_pos_emb,
}


def _in_place(function):
    def rotate_in_place(q, k, cos, sin, *more, **named):
        if torch.is_grad_enabled() and (q.requires_grad or k.requires_grad):
            return function(q, k, cos, sin, *more, **named)
        torch.ops.yarn_rope.rotate_(q, k, cos, sin, "half_split")
        return q, k

    return rotate_in_place


# _apply_rotary_pos_emb_interleave changes the order of the pairs, so it needs a second tensor.
REPLACEMENTS_IN_PLACE = {
    "apply_rotary_pos_emb": _in_place(_apply_rotary_pos_emb),
    "apply_multimodal_rotary_pos_emb": _in_place(_apply_multimodal_rotary_pos_emb),
}


def _refuse(what):
    raise NotImplementedError(f"yarn_rope: {what}")


class _Rows:
    """The forward of a rotary embedding: rows of yarn for its layers."""

    def __init__(self, handle, ropes, rope_of_type):
        self.handle = handle
        self.ropes = ropes
        self.rope_of_type = rope_of_type  # by layer_type; None: the class does not pass one
        self.latest = [(0, *handle.frequencies(i, 0)) for i in range(len(ropes))]

    def frequencies(self, rope, position_ids):
        """inv_freq and attention factor. Dynamic methods have new ones for each length; the length
        is the largest position of the batch + 1, as in transformers."""
        if self.ropes[rope]["is_dynamic"] and position_ids.numel() > 0:
            seq_len = int(position_ids.max()) + 1
            if seq_len != self.latest[rope][0]:
                self.latest[rope] = (seq_len, *self.handle.frequencies(rope, seq_len))
        return self.latest[rope][1:]

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


# What a rope may have in addition to a rotation by rows.
UNSUPPORTED = "has_temperature", "has_frequency_of_pair", "dual_chunk_size", "derotates_output"


def _check_ropes(rotary, ropes):
    for rope in ropes:
        name = rope["name"]
        if rope["unused"]:
            _refuse(f"{name}: the keys {rope['unused']} of the configuration are not known")
        for key in UNSUPPORTED:
            if rope[key]:
                _refuse(f"{name}: {key} = {rope[key]} is not supported")
        if rope["is_dynamic"] and not hasattr(type(rotary).forward, "__wrapped__"):
            _refuse(
                f"{type(rotary).__name__} never updates the frequencies of the method "
                f"{rope['rope_type']}"
            )


def _new_rotary(rotary, config):
    """A rotary embedding as the class makes it. The embedding of the model may have been cast to
    bfloat16 by model.to(), or hold the frequencies of another length. So only original_inv_freq is
    compared with that of the class, and refused if it differs."""
    new = type(rotary)(config=config)
    for name, expected in new.named_buffers():
        buffer = getattr(rotary, name)
        is_original = name.endswith("original_inv_freq")
        if is_original and not torch.equal(buffer, expected.to(buffer.dtype)):
            _refuse(f"{type(rotary).__name__}.{name} is not that of the configuration")
    return new


def _probe(attention, rotary, rows, layer_type, name, replacement):
    """Rotates random heads by the function of the class and by its replacement. A difference means
    that the configuration or the class is not what this module knows."""
    rope = rows.ropes[rows.rope_of_type[layer_type]]
    generator = torch.Generator().manual_seed(0)
    heads = torch.randn(2, 1, 1, 7, rope["rotary_dim"], generator=generator)
    positions = torch.tensor([[0, 1, 2, 3, 5, 8, 13]])
    more = ()
    if rope["axis_of_pair"]:
        positions = torch.stack([positions, positions + 3, 2 * positions])
        if "multimodal" in name:
            more = (attention.config.rope_parameters["mrope_section"],)
    kind = () if layer_type is None else (layer_type,)
    eager = type(attention).forward.__globals__[name]
    expected = eager(*heads, *rotary(heads[0], positions, *kind), *more)
    actual = replacement(*heads, *rows(heads[0], positions, *kind), *more)
    for e, a in zip(expected, actual):
        difference = (e - a).abs().max().item()
        if not difference < 1e-4:
            _refuse(
                f"{type(attention).__name__}: {name} differs by {difference:.1e} from the rotation "
                "of the configuration"
            )


def _with_replacements(function, replacements):
    """A copy of a function that calls the replacements instead of the functions of their names."""
    scope = {**function.__globals__, **replacements}
    copy = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy._yarn_rope = True
    return copy


def _is_ours(module):
    own = module.__dict__.get("forward")
    return isinstance(own, _Rows) or hasattr(own, "_yarn_rope")


def _text_of(model):
    """The only stack of layers in the model that rotates."""
    texts = [m for m in model.modules() if hasattr(m, "rotary_emb") and hasattr(m, "layers")]
    if len(texts) != 1:
        _refuse(f"{type(model).__name__} has {len(texts)} stacks of layers with a rotary_emb")
    inside = {id(m) for m in texts[0].modules()}
    for name, module in model.named_modules():
        if id(module) not in inside and "rotary" in type(module).__name__.lower():
            _refuse(
                f"{name} ({type(module).__name__}) rotates too, and is not replaced: call patch "
                f"with the {type(texts[0]).__name__} of the model"
            )
    device = next(texts[0].parameters()).device
    if device.type != "cpu":
        _refuse(f"the model is on {device}; the operators are for the CPU")
    return texts[0]


def _called_by(attention, config, replacements):
    """The name of the function by which the module rotates."""
    kind, function = type(attention).__name__, type(attention).forward
    if kind not in ATTENTION_CLASSES:
        _refuse(f"{kind} is none of {sorted(ATTENTION_CLASSES)}")
    names = [name for name in REPLACEMENTS if name in function.__code__.co_names]
    if not names or hasattr(function, "__wrapped__"):
        _refuse(f"{kind}.forward calls none of {sorted(REPLACEMENTS)}")
    called = names[0]
    if len(names) > 1 and config.rope_interleave:  # DeepSeek-V3 has two
        called = "apply_rotary_pos_emb_interleave"
    if called not in replacements:
        _refuse(f"{kind}: {called} is not possible in place")
    return called


def _plan(model, replacements):
    """The new forward of each module, or an error. Changes nothing."""
    from . import model_ropes

    text = _text_of(model)
    rotary, config = text.rotary_emb, text.config
    handle, description = model_ropes(config)
    _check_ropes(rotary, description["ropes"])
    rows = _Rows(handle, description["ropes"], _rope_of_type(config, description))
    if None in rows.rope_of_type and hasattr(rotary, "layer_types"):
        only = rows.rope_of_type.pop(None)  # all types of layers have the same rope
        rows.rope_of_type.update(dict.fromkeys(rotary.layer_types, only))

    attentions = [m for m in text.modules() if type(m).__name__.endswith("Attention")]
    if len(attentions) != config.num_hidden_layers:
        _refuse(f"{len(attentions)} attention modules in {config.num_hidden_layers} layers")
    plan = [(rotary, rows)]
    for attention in attentions:
        name = _called_by(attention, config, replacements)
        copy = _with_replacements(type(attention).forward, {name: replacements[name]})
        plan.append((attention, types.MethodType(copy, attention)))
    for module, _ in plan:
        if "forward" in module.__dict__:
            _refuse(f"{type(module).__name__} has a forward of its own; is the model patched?")

    new_rotary = _new_rotary(rotary, config)
    probed = {(type(m), _called_by(m, config, replacements)): m for m in attentions}
    for (_, name), attention in probed.items():
        for layer_type in rows.rope_of_type:
            _probe(attention, new_rotary, rows, layer_type, name, replacements[name])
    return plan, description


def patch(model, in_place=False):
    """Makes the model rotate with yarn. Returns what the configuration says: a dictionary with the
    ropes, the rope of each layer, and notes.

    With in_place, q and k are rotated in place where no gradients are needed. Hooks that keep the
    output of q_proj or k_proj then see it rotated.

    Raises NotImplementedError and changes nothing if the model has one of these: a class of
    attention that is none of ATTENTION_CLASSES; a rotation outside of the text layers (a vision
    tower: pass the language model alone); a configuration with keys or methods that are not
    supported; a rotation that differs from that of the class. The message names the cause."""
    plan, description = _plan(model, REPLACEMENTS_IN_PLACE if in_place else REPLACEMENTS)
    for module, forward in plan:
        module.forward = forward
    return description


def unpatch(model):
    """Undoes patch. Models that are not patched stay as they are."""
    for module in model.modules():
        if _is_ours(module):
            del module.forward
