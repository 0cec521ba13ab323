# SPDX-License-Identifier: MIT
"""The operators of examples/torch_extension: values, gradients, layouts, refusals, tracing."""

import dataclasses
import unittest

import torch
import yarn_rope
from torch.library import opcheck

operators = torch.ops.yarn_rope
LLAMA = {
    "model_type": "llama",
    "head_dim": 64,
    "max_position_embeddings": 131072,
    "rope_parameters": {
        "rope_type": "yarn",
        "rope_theta": 10000.0,
        "factor": 4.0,
        "original_max_position_embeddings": 32768,
    },
}
MULTIMODAL = {
    "model_type": "qwen2_5_vl_text",
    "hidden_size": 128,
    "num_attention_heads": 2,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [8, 12, 12]},
}
IDS = torch.tensor([[0, 5, 100000, 7], [3, 4, 5, 99999]])


def heads(n_heads, dtype=torch.float32, batch=2, n_tokens=4, dim=64, grad=False):
    """[batch, heads, tokens, dim] as a projection writes it."""
    x = torch.randn(batch, n_tokens, n_heads, dim, dtype=torch.float64).to(dtype)
    return x.transpose(1, 2).requires_grad_(grad)


def exact(x, ids, f, output_order=None):
    """The rotation in float64, by complex numbers."""
    x = x.double()
    angles = ids.double()[:, None, :, None] * f.inv_freq
    n = f.inv_freq.shape[0]
    part, rest = x[..., : 2 * n], x[..., 2 * n :]
    if f.pairing == "half_split":
        pairs = torch.complex(part[..., :n], part[..., n:])
    else:
        pairs = torch.complex(part[..., 0::2].contiguous(), part[..., 1::2].contiguous())
    pairs = pairs * torch.polar(torch.full_like(angles, f.attention_factor), angles)
    if (output_order or f.pairing) == "half_split":
        return torch.cat((pairs.real, pairs.imag, rest), dim=-1)
    return torch.cat((torch.view_as_real(pairs).flatten(-2), rest), dim=-1)


class Operators(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.f = yarn_rope.frequencies(LLAMA)
        self.assertGreater(self.f.attention_factor, 1.1)

    def variants(self):
        for pairing in ("half_split", "interleaved"):
            for order in (None, "half_split", "interleaved"):
                yield dataclasses.replace(self.f, pairing=pairing), order

    def test_values(self):
        # One ULP of 1, and for 16-bit types half an ULP.
        units = {torch.float32: 2**-23, torch.float64: 2**-52, torch.bfloat16: 2**-8,
                 torch.float16: 2**-11}  # fmt: skip
        for f, order in self.variants():
            for dtype, unit in units.items():
                for dim in (64, 80):
                    q, k = heads(3, dtype, dim=dim), heads(1, dtype, dim=dim)
                    for x, y in zip((q, k), yarn_rope.rotate(q, k, IDS, f, order)):
                        self.assertEqual((y.dtype, y.shape), (dtype, x.shape))
                        bound = 3 * unit * x.double().abs().max() * f.attention_factor
                        # In float64 the reference has an error, too: that of its angle.
                        bound += 100000 * 2**-51 * x.double().abs().max()
                        self.assertLess((y.double() - exact(x, IDS, f, order)).abs().max(), bound)
                        self.assertTrue(torch.equal(x[..., 64:], y[..., 64:]))

    def test_in_place_and_layouts_have_the_same_bits(self):
        for dtype in (torch.float32, torch.bfloat16):
            q, k = heads(3, dtype), heads(1, dtype)
            want = yarn_rope.rotate(q, k, IDS, self.f)
            wide = torch.zeros(2, 3, 4, 192, dtype=dtype)
            wide[..., 128:] = q
            for source in (q.clone(), q.contiguous(), wide[..., 128:]):
                got = yarn_rope.rotate(source, k.contiguous(), IDS.int(), self.f)
                self.assertTrue(all(map(torch.equal, got, want)))
                target = k.clone()
                self.assertIsNone(yarn_rope.rotate_(source, target, IDS, self.f))
                self.assertTrue(torch.equal(source, want[0]))
                self.assertTrue(torch.equal(target, want[1]))
            self.assertEqual(wide[..., :128].abs().max(), 0)
            self.assertEqual(want[0].stride(), q.stride())

    def test_sequences_have_their_own_positions(self):
        q, k = heads(3), heads(1)
        both = yarn_rope.rotate(q, k, IDS, self.f)
        for s in (0, 1):
            one = yarn_rope.rotate(q[s : s + 1], k[s : s + 1], IDS[s : s + 1], self.f)
            for x, y in zip(both, one):
                self.assertTrue(torch.equal(x[s : s + 1], y))
        # One list of positions for all sequences, and an expanded one.
        shared = yarn_rope.rotate(q, k, IDS[:1], self.f)
        expanded = yarn_rope.rotate(q, k, IDS[:1].expand(2, 4), self.f)
        self.assertTrue(all(map(torch.equal, shared, expanded)))
        self.assertFalse(torch.equal(shared[0][1], both[0][1]))

    def test_threads_change_no_bit(self):
        threads = torch.get_num_threads()
        for batch, n_tokens in ((1, 3000), (64, 50)):
            q, k = (heads(n, batch=batch, n_tokens=n_tokens) for n in (8, 2))
            ids = torch.arange(n_tokens)[None] + 70000
            results = []
            for n in (1, 3):
                torch.set_num_threads(n)
                q2, k2 = q.clone(), k.clone()
                yarn_rope.rotate_(q2, k2, ids, self.f)
                results.append((*yarn_rope.rotate(q, k, ids, self.f), q2, k2))
            torch.set_num_threads(threads)
            self.assertTrue(all(map(torch.equal, *results)))
            self.assertTrue(torch.equal(results[0][0], results[0][2]))
            self.assertLess((results[0][0] - exact(q, ids, self.f)).abs().max(), 4e-6)

    def test_positions_on_several_axes(self):
        f = yarn_rope.frequencies(MULTIMODAL)
        self.assertEqual(f.axis_of_pair, (0,) * 8 + (1,) * 12 + (2,) * 12)
        ids = torch.stack([IDS, IDS + 7, 2 * IDS])
        cos, sin = f.rows(ids)
        for pair, axis in enumerate(f.axis_of_pair):
            angles = ids[axis].double() * f.inv_freq[pair]
            self.assertLess((cos[..., pair] - angles.cos()).abs().max(), 4e-8)
            self.assertLess((sin[..., pair] - angles.sin()).abs().max(), 4e-8)
        text = dataclasses.replace(f, axis_of_pair=())
        self.assertTrue(all(map(torch.equal, f.rows(IDS), text.rows(IDS))))

    def test_empty_tensors(self):
        for batch, n_heads, n_tokens in ((0, 3, 4), (2, 0, 4), (2, 3, 0)):
            q = heads(n_heads, batch=batch, n_tokens=n_tokens)
            ids = IDS[:batch, :n_tokens]
            self.assertEqual(yarn_rope.rotate(q, q.clone(), ids, self.f)[0].shape, q.shape)
            yarn_rope.rotate_(q, q.clone(), ids, self.f)

    def test_gradients(self):
        for f, order in self.variants():
            q, k = heads(2, torch.float64, grad=True), heads(1, torch.float64, grad=True)

            def rotate(q, k, f=f, order=order):
                return yarn_rope.rotate(q, k, IDS, f, order)

            self.assertTrue(torch.autograd.gradcheck(rotate, (q, k)))
            self.assertTrue(torch.autograd.gradgradcheck(rotate, (q, k)))

    def test_gradient_is_the_rotation_by_the_adjoint(self):
        for dtype in (torch.float32, torch.bfloat16):
            q, k = heads(3, dtype, grad=True), heads(1, dtype, grad=True)
            to_q, to_k = heads(3, dtype), heads(1, dtype)
            want = yarn_rope.rotate(to_q, to_k, IDS, self.f.adjoint())
            got = torch.autograd.grad(yarn_rope.rotate(q, k, IDS, self.f), (q, k), (to_q, to_k))
            self.assertTrue(all(map(torch.equal, got, want)))
            # In place, on views of a tensor that needs gradients.
            x, y = q * 1, k * 1
            yarn_rope.rotate_(x[..., :], y[..., :], IDS, self.f)
            self.assertTrue(all(map(torch.equal, (x, y), yarn_rope.rotate(q, k, IDS, self.f))))
            got = torch.autograd.grad((x, y), (q, k), (to_q, to_k))
            self.assertTrue(all(map(torch.equal, got, want)))
            # The gradient of a sum is an expanded tensor. The unused result has no gradient.
            (got,) = torch.autograd.grad(yarn_rope.rotate(q, k, IDS, self.f)[0].sum(), (q,))
            want = yarn_rope.rotate(torch.ones_like(q), to_k, IDS, self.f.adjoint())[0]
            self.assertTrue(torch.equal(got, want))

    def test_autograd_sees_writes(self):
        q, k = heads(3), heads(1)
        weight = torch.ones((), requires_grad=True)
        product = weight * q  # keeps q for the gradient of weight
        yarn_rope.rotate_(q, k, IDS, self.f)
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            product.sum().backward()
        with self.assertRaisesRegex(RuntimeError, "leaf Variable"):
            yarn_rope.rotate_(heads(3, grad=True), k, IDS, self.f)
        with torch.inference_mode():
            yarn_rope.rotate_(heads(3), heads(1), IDS, self.f)

    def test_opcheck(self):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            entry = torch.float64 if dtype == torch.float64 else torch.float32
            rows = self.f.rows(IDS, entry)
            for grad in (False, True):
                q, k = heads(3, dtype, grad=grad), heads(1, dtype, grad=grad)
                opcheck(operators.rotate.default, (q, k, *rows, "half_split"))
                opcheck(operators.rotate.default, (q, k, *rows, "interleaved", "half_split"))
                opcheck(operators.rotate.default, (q[:, :1].expand(-1, 3, -1, -1), k, *rows,
                                                   "half_split"))  # fmt: skip
                columns = q.detach().transpose(2, 3).contiguous().transpose(2, 3)
                opcheck(operators.rotate.default, (columns, k, *rows, "half_split"))
                opcheck(operators.rotate_.default, (q * 1, k * 1, *rows, "half_split"))
        arguments = (self.f.inv_freq, self.f.attention_factor)
        opcheck(operators.rows.default, (IDS, *arguments, [], torch.float32))
        axes = [0] * 8 + [1] * 12 + [2] * 12
        opcheck(operators.rows.default, (IDS.expand(3, 2, 4), *arguments, axes, torch.float64))

    def test_compiled(self):
        def rotate_twice(q, k, ids):
            x, y = yarn_rope.rotate(q, k, ids, self.f)
            x, y = x * 2, y * 2
            yarn_rope.rotate_(x, y, ids, self.f)
            return x, y

        compiled = torch.compile(rotate_twice, backend="aot_eager", fullgraph=True, dynamic=True)
        for n_tokens in (4, 3):
            q, k = heads(3, n_tokens=n_tokens, grad=True), heads(1, n_tokens=n_tokens, grad=True)
            results = [f(q, k, IDS[:, :n_tokens]) for f in (rotate_twice, compiled)]
            self.assertTrue(all(map(torch.equal, *results)))
            gradients = [torch.autograd.grad(x.sum() + y.sum(), (q, k)) for x, y in results]
            self.assertTrue(all(map(torch.equal, *gradients)))

    def test_refusals(self):
        q, k = heads(3), heads(1)
        rows = self.f.rows(IDS)

        def refuse(words, q=q, k=k, rows=rows, pairing="half_split", error=ValueError):
            before = q.detach().clone() if q.device.type == "cpu" and not q.is_neg() else None
            for operator in (operators.rotate_, operators.rotate):
                with self.assertRaisesRegex(error, words):
                    operator(q, k, *rows, pairing)
            if before is not None:
                self.assertTrue(torch.equal(q, before))

        refuse("pairing = 'neox' must be", pairing="neox")
        refuse(r"q and k are \[batch, heads, tokens, dim\]", q=q[0])
        refuse("batch sizes or dtypes", k=k[:1])
        refuse("batch sizes or dtypes", k=k.double())
        refuse("dtype Int", q=q.int(), k=k.int(), error=TypeError)
        refuse("must be Double for q of Double", q=q.double(), k=k.double(), error=TypeError)
        refuse("cos has 2 sequences, q has 3", q=heads(3, batch=3), k=heads(1, batch=3))
        refuse("n_tokens", rows=self.f.rows(IDS[:, :3]))
        refuse("head_dim", q=q[..., :32], k=k[..., :32])
        refuse("no gradients", rows=(rows[0].clone().requires_grad_(), rows[1]),
               error=NotImplementedError)  # fmt: skip
        with self.assertRaisesRegex(ValueError, "overlap"):
            yarn_rope.rotate_(q, q[:, :1], IDS, self.f)
        for x, words in (
            (q.transpose(2, 3).contiguous().transpose(2, 3), "stride 4 of the dimension dim"),
            (q[:, :1].expand(2, 3, 4, 64), "stride 0 of the dimension heads"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                yarn_rope.rotate_(x, k, IDS, self.f)
            # They can be rotated into new tensors.
            got = yarn_rope.rotate(x, k, IDS, self.f)
            self.assertTrue(torch.equal(got[0], yarn_rope.rotate(x.clone(), k, IDS, self.f)[0]))
        # PyTorch itself resolves lazy negations.
        x = q.clone()
        yarn_rope.rotate_(torch._neg_view(x), k.clone(), IDS, self.f)
        self.assertTrue(torch.equal(-x, yarn_rope.rotate(-q, k, IDS, self.f)[0]))
        with self.assertRaisesRegex(IndexError, "position"):
            self.f.rows(torch.tensor([[2**40]]))
        with self.assertRaisesRegex(ValueError, "int64"):
            self.f.rows(IDS.float())
        with self.assertRaisesRegex(ValueError, "1 dimensions"):
            self.f.rows(IDS[0])
        with self.assertRaisesRegex(ValueError, "float64 tensor"):
            dataclasses.replace(self.f, inv_freq=self.f.inv_freq.float()).rows(IDS)
        with self.assertRaisesRegex(NotImplementedError, "yarn_rope::rows"):
            self.f.rows(IDS.to_sparse())

    def test_configurations(self):
        gemma = {
            "model_type": "gemma3_text",
            "head_dim": 64,
            "num_hidden_layers": 6,
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                "full_attention": {"rope_type": "default", "rope_theta": 1e6},
            },
        }
        slow = yarn_rope.frequencies(gemma, name="full_attention").inv_freq
        fast = yarn_rope.frequencies(gemma, name="sliding_attention").inv_freq
        for theta, got in ((1e4, fast), (1e6, slow)):
            want = torch.tensor([theta ** (-2 * i / 64) for i in range(32)], dtype=torch.float64)
            self.assertLess((got / want - 1).abs().max(), 1e-15)
        for name in (None, "full"):
            with self.assertRaisesRegex(ValueError, "full_attention"):
                yarn_rope.frequencies(gemma, name=name)
        with self.assertRaisesRegex(ValueError, "pairing of this model type"):
            yarn_rope.frequencies({**LLAMA, "model_type": "not_a_model"})
        with self.assertRaisesRegex(ValueError, "factor"):
            parameters = {**LLAMA["rope_parameters"], "factor": -1}
            yarn_rope.frequencies({**LLAMA, "rope_parameters": parameters})


if __name__ == "__main__":
    unittest.main()
