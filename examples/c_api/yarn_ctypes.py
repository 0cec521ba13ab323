# SPDX-License-Identifier: MIT
"""The part of yarn/c_api.h that rotate.py needs, by ctypes and numpy."""
import ctypes as c

import numpy as np

FLOAT32, FLOAT64, FLOAT16 = 1, 2, 3
INT64 = 2
HALF_SPLIT, INTERLEAVED = 0, 1
ELEMENT_TYPES = {"float32": FLOAT32, "float64": FLOAT64, "float16": FLOAT16}


class Positions(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("data", c.c_void_p), ("type", c.c_int32),
                ("reserved", c.c_int32), ("first", c.c_int64), ("n_tokens", c.c_int64),
                ("n_axes", c.c_int64), ("axis_stride", c.c_int64), ("token_stride", c.c_int64)]


class RowSource(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("rows", c.c_void_p), ("prepared", c.c_void_p),
                ("frequencies", c.c_void_p), ("table", c.c_void_p),
                ("positions", c.POINTER(Positions)), ("temperature", c.c_void_p)]


class Tensor(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("data", c.c_void_p), ("type", c.c_int32),
                ("reserved", c.c_int32), ("n_tokens", c.c_int64), ("n_heads", c.c_int64),
                ("head_dim", c.c_int64), ("token_stride", c.c_int64), ("head_stride", c.c_int64),
                ("norm", c.c_void_p), ("paging", c.c_void_p), ("format", c.c_void_p)]


class FrequenciesInfo(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("n_pairs", c.c_int64),
                ("inv_freq", c.POINTER(c.c_double)), ("phase_steps", c.POINTER(c.c_uint64)),
                ("zones", c.POINTER(c.c_uint8)), ("axis_of_pair", c.POINTER(c.c_uint8)),
                ("n_axes", c.c_int64), ("attention_factor", c.c_double)]


class Frequencies:
    """A yarn_frequencies handle."""

    def __init__(self, yarn, handle):
        self.yarn, self.handle = yarn, handle

    def __del__(self):
        self.yarn.library.yarn_frequencies_free(self.handle)

    def info(self):
        info = FrequenciesInfo(struct_size=c.sizeof(FrequenciesInfo))
        self.yarn.call("yarn_frequencies_get", self.handle, c.byref(info))
        return info

    def inv_freq(self):
        info = self.info()
        return np.ctypeslib.as_array(info.inv_freq, (info.n_pairs,)).copy()

    def float32_pipeline(self):
        return self.yarn.make("yarn_float32_pipeline", self.handle)

    def rows(self, ids):
        """cos and sin of the positions, [n_tokens][n_pairs]."""
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        n_pairs = self.info().n_pairs
        cos = np.empty((len(ids), n_pairs), np.float32)
        sin = np.empty_like(cos)
        at = positions(ids)
        self.yarn.call("yarn_fill_rows", self.handle, c.byref(at), None, c.c_int32(FLOAT32),
                       c.c_void_p(cos.ctypes.data), c.c_void_p(sin.ctypes.data),
                       c.c_int64(n_pairs), c.c_int64(0), c.c_int64(1))
        return cos, sin

    def rotate(self, x, ids, pairing):
        """Rotates x[n_tokens][n_heads][head_dim] in place; any strides of tokens and heads."""
        self._rotate("yarn_rope_apply", x, None, ids, c.c_int32(pairing))

    def rotated(self, x, ids, pairing, output_order):
        """A rotated copy of x. The pairs of the copy are in the order output_order."""
        result = np.empty(x.shape, x.dtype)
        self._rotate("yarn_rope_copy", x, result, ids, c.c_int32(pairing), c.c_int32(output_order))
        return result

    def _rotate(self, name, x, other, ids, *orders):
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        at = positions(ids)
        source = RowSource(struct_size=c.sizeof(RowSource), frequencies=self.handle,
                           positions=c.pointer(at))
        second = None if other is None else c.byref(tensor(other))
        self.yarn.call(name, c.byref(tensor(x)), second, c.byref(source), *orders)


def tensor(x):
    if x.strides[2] != x.itemsize:
        raise ValueError("the last axis of a tensor must be contiguous")
    return Tensor(c.sizeof(Tensor), x.ctypes.data, ELEMENT_TYPES[x.dtype.name], 0, *x.shape,
                  x.strides[0] // x.itemsize, x.strides[1] // x.itemsize)


def positions(ids):
    return Positions(c.sizeof(Positions), ids.ctypes.data, INT64, 0, 0, len(ids), 0, 0, 1)


class Yarn:
    """The library. Its functions raise ValueError with the message of the library."""

    def __init__(self, path):
        self.library = c.CDLL(path)
        self.library.yarn_last_error.restype = c.c_char_p
        self.library.yarn_frequencies_free.argtypes = [c.c_void_p]
        self.library.yarn_config_free.argtypes = [c.c_void_p]

    def call(self, name, *arguments):
        if getattr(self.library, name)(*arguments) != 0:
            raise ValueError(self.library.yarn_last_error().decode())

    def make(self, name, *arguments):
        handle = c.c_void_p()
        self.call(name, *arguments, c.byref(handle))
        return Frequencies(self, handle)

    def frequencies_from(self, inv_freq, attention_factor):
        inv_freq = np.ascontiguousarray(inv_freq, dtype=np.float32)
        return self.make("yarn_frequencies_from", c.c_void_p(inv_freq.ctypes.data),
                         c.c_int32(FLOAT32), c.c_int64(len(inv_freq)),
                         c.c_double(attention_factor))

    def frequencies_of_config(self, text, seq_len):
        config = c.c_void_p()
        text = text.encode()
        self.call("yarn_config_from_json", text, c.c_size_t(len(text)), None, c.byref(config))
        try:
            return self.make("yarn_config_frequencies", config, c.c_int64(seq_len))
        finally:
            self.library.yarn_config_free(config)
