# SPDX-License-Identifier: MIT
"""yarn_rope.patch, with tiny random models of all classes that it can patch, except Qwen2-VL.

The reference is the same model in float64 with exact angles. The error of a float32 model comes
from the roundings of all layers and from the angles. A model with the rotation of transformers and
exactly rounded cos and sin has only the first error: the error of a patched model must be less than
1.5 times as large. The errors are root mean squares over all logits; they are printed as a table."""

import copy
import statistics
import unittest
from unittest import mock

import torch
import torch_models
import transformers
import yarn_rope
from torch_models import inputs_of, logits_of, text_of
from yarn_rope import patching

FAR = 100000
CONFIGURATIONS = torch_models.configurations()


def rms(x):
    return x.double().pow(2).mean().sqrt().item()


def inv_freq_of(model):
    """A function of layer type and length."""
    handle, description = yarn_rope.model_ropes(text_of(model).config)
    names = [rope["name"] for rope in description["ropes"]]

    def inv_freq(layer_type, seq_len):
        rope = names.index(layer_type) if layer_type in names else 0
        return handle.frequencies(rope, seq_len)[0]

    return inv_freq


def patched(model, **options):
    model = copy.deepcopy(model)
    yarn_rope.patch(text_of(model), **options)
    return model


class Patch(unittest.TestCase):
    def each(self, *names, **options):
        for name, config in CONFIGURATIONS.items():
            if not names or name in names:
                yield name, torch_models.model_of(config, **options)

    @torch.no_grad()
    def test_logits(self):
        print("\n| class | position | transformers | exact rows | yarn |\n|---|---|---|---|---|")
        for name, original in self.each():
            inv_freq = inv_freq_of(original)
            yarn, exact = patched(original), torch_models.with_exact_rows(original, inv_freq)
            reference = torch_models.in_float64(original, inv_freq)
            for first in (0, FAR):
                want = logits_of(reference, first)
                self.assertEqual(want.dtype, torch.float64)
                t, x, y = (rms(logits_of(m, first) - want) for m in (original, exact, yarn))
                print(f"| {name}, float32 | {first} | {t:.1e} | {x:.1e} | {y:.1e} |", flush=True)
                self.assertLess(y, 1.5 * x, name)
                self.assertLess(y, 1e-5 * rms(want), name)
                if first == FAR:
                    self.assertLess(20 * y, t, name)
            # The logits depend on the positions, so that a wrong rotation shows.
            ids, positions = inputs_of(original)
            other = reference(input_ids=ids, position_ids=3 * positions, use_cache=False).logits
            self.assertGreater(rms(other - logits_of(reference)), 0.05 * rms(other))

    @torch.no_grad()
    def test_logits_in_float64(self):
        for _, original in self.each():
            reference = torch_models.in_float64(original, inv_freq_of(original))
            yarn = copy.deepcopy(reference)
            text_of(yarn).rotary_emb = copy.deepcopy(text_of(original).rotary_emb)
            yarn_rope.patch(text_of(yarn))
            for first in (0, FAR):
                want = logits_of(reference, first)
                self.assertLess(rms(logits_of(yarn, first) - want), 1e-10 * rms(want))

    @torch.no_grad()
    def test_logits_in_bfloat16(self):
        print("\n| class | position | transformers | yarn |\n|---|---|---|---|")
        ratios = {0: [], FAR: []}
        for name, original in self.each(dtype=torch.bfloat16):
            reference = torch_models.in_float64(original, inv_freq_of(original))
            yarn = patched(original)
            for first in (0, FAR):
                want = logits_of(reference, first)
                t, y = (rms(logits_of(m, first) - want) for m in (original, yarn))
                print(f"| {name}, bfloat16 | {first} | {t:.1e} | {y:.1e} |", flush=True)
                ratios[first].append(y / t)
        # The roundings of the layers hide those of the rotation, so one model says little.
        for list_of_ratios in ratios.values():
            self.assertLess(statistics.geometric_mean(list_of_ratios), 1.05)
            self.assertLess(max(list_of_ratios), 2)

    def test_gradients_of_parameters(self):
        for name, original in self.each():
            inv_freq = inv_freq_of(original)
            exact = torch_models.with_exact_rows(original, inv_freq)
            reference = torch_models.in_float64(original, inv_freq)
            models = [reference, exact, patched(original)]
            if name != "DeepSeek-V3":
                models.append(patched(original, in_place=True))
            gradients = []
            for model in models:
                logits_of(model, FAR).logsumexp(-1).sum().backward()
                parameters = text_of(model).layers.parameters()
                gradients.append(torch.cat([p.grad.double().flatten() for p in parameters]))
            want, x, y, z = *gradients[:3], gradients[-1]
            self.assertLess(rms(y - want), 1.5 * rms(x - want))
            self.assertTrue(torch.equal(y, z))

    @torch.no_grad()
    def test_in_place_has_the_same_bits(self):
        for name, original in self.each():
            if name == "DeepSeek-V3":
                with self.assertRaisesRegex(NotImplementedError, "not possible in place"):
                    patched(original, in_place=True)
            else:
                want = logits_of(patched(original))
                self.assertTrue(torch.equal(logits_of(patched(original, in_place=True)), want))

    @torch.no_grad()
    def test_cached_keys(self):
        """A cache may go to a model that is not patched, so the order of the elements counts."""
        for name, original in self.each():
            ids, positions = inputs_of(original)
            caches = [
                m(input_ids=ids, position_ids=positions, use_cache=True).past_key_values.layers
                for m in (original, patched(original))
            ]
            for theirs, ours in zip(*caches):
                self.assertEqual(theirs.keys.shape, ours.keys.shape)
                difference = rms(theirs.keys - ours.keys)
                self.assertLess(difference, 1e-4 * rms(theirs.keys), name)

    @torch.no_grad()
    def test_generated_tokens(self):
        """Prefill and decode with a cache. The first sequence has padding on the left, so the
        positions of the sequences differ."""
        for seed in (0, 1, 2):
            for _, original in self.each(seed=seed):
                ids, _ = inputs_of(original, seed=seed)
                mask = torch.ones_like(ids)
                mask[0, :5] = 0
                tokens = [
                    m.generate(ids, attention_mask=mask, max_new_tokens=24, do_sample=False)
                    for m in (original, patched(original))
                ]
                self.assertEqual(tokens[0].shape[1], torch_models.LENGTH + 24)
                self.assertTrue(torch.equal(*tokens))

    @torch.no_grad()
    def test_only_this_model_changes_and_unpatch_restores_it(self):
        for _, original in self.each():
            other = copy.deepcopy(original)
            want = logits_of(original)
            description = yarn_rope.patch(text_of(original))
            self.assertEqual(len(description["rope_of_layer"]), 3)
            ours = logits_of(original)
            self.assertFalse(torch.equal(ours, want))
            self.assertTrue(torch.equal(logits_of(other), want))
            clone = copy.deepcopy(original)
            with self.assertRaisesRegex(NotImplementedError, "is the model patched"):
                yarn_rope.patch(text_of(original))
            yarn_rope.unpatch(original)
            self.assertTrue(torch.equal(logits_of(original), want))
            self.assertTrue(torch.equal(logits_of(clone), ours))
            yarn_rope.unpatch(original)
            yarn_rope.patch(text_of(original))
            self.assertTrue(torch.equal(logits_of(original), ours))

    @torch.no_grad()
    def test_dynamic_frequencies_follow_the_length(self):
        (model,) = (m for _, m in self.each("Llama dynamic"))
        yarn = patched(model)
        short, long = torch.arange(10)[None], torch.arange(40)[None]
        rotary = text_of(yarn).rotary_emb
        first = rotary(torch.zeros(1), short)
        grown = rotary(torch.zeros(1), long)
        self.assertFalse(torch.equal(first[0], grown[0][:, :10]))
        # A shorter sequence after a longer one has the frequencies of its own length.
        self.assertTrue(all(map(torch.equal, rotary(torch.zeros(1), short), first)))

    @torch.no_grad()
    def test_compiled_and_exported(self):
        for name, model in self.each("Llama", "Gemma3", "DeepSeek-V3", "Qwen3-VL"):
            yarn_rope.patch(text_of(model))
            want = logits_of(model)
            torch._dynamo.reset()
            compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
            self.assertTrue(torch.equal(logits_of(compiled), want))
            ids, positions = inputs_of(model)
            inputs = {"input_ids": ids, "position_ids": positions, "use_cache": False}
            program = torch.export.export(model, (), inputs)
            self.assertTrue(torch.equal(program.module()(**inputs).logits, want))
            operators = [str(node.target) for node in program.graph.nodes]
            self.assertEqual(operators.count("yarn_rope.rotate.default"), 3)
            self.assertEqual(operators.count("yarn_rope.rows.default"), 1 + (name == "Gemma3"))

    def refuse(self, model, words):
        before = [dict(module.__dict__) for module in model.modules()]
        with self.assertRaisesRegex(NotImplementedError, words):
            yarn_rope.patch(model)
        self.assertEqual([list(b) for b in before], [list(m.__dict__) for m in model.modules()])

    def test_refusals(self):
        sizes = torch_models._sizes()
        mistral = transformers.MistralConfig(**sizes, rope_parameters={"rope_theta": 1e4})
        self.refuse(torch_models.model_of(mistral), "MistralAttention is none of")
        vision = torch_models.model_of(CONFIGURATIONS["Qwen2.5-VL"])
        self.refuse(vision, r"visual.rotary_pos_emb \(Qwen2_5_VisionRotaryEmbedding\).*TextModel")
        self.refuse(torch.nn.Linear(2, 2), "Linear has 0 stacks")
        llama = torch_models.model_of(CONFIGURATIONS["Llama"])
        rotary = llama.model.rotary_emb
        rotary.original_inv_freq[3] *= 1.0001
        self.refuse(llama, "original_inv_freq is not that of the configuration")
        rotary.original_inv_freq[3] /= 1.0001
        llama.config.rope_parameters["frobnicate"] = 2
        self.refuse(llama, r"rope_parameters.frobnicate.*not known")
        del llama.config.rope_parameters["frobnicate"]
        with mock.patch.dict(
            patching.REPLACEMENTS,
            apply_rotary_pos_emb=patching.REPLACEMENTS["apply_rotary_pos_emb_interleave"],
        ):
            self.refuse(llama, "apply_rotary_pos_emb differs by")
        qwen = torch_models.model_of(CONFIGURATIONS["Qwen2.5-VL"]).model.language_model
        qwen.config.rope_parameters.update(rope_type="dynamic", factor=2.0)
        self.refuse(qwen, "Qwen2_5_VLRotaryEmbedding never updates.*dynamic")
        yarn_rope.patch(llama)

    def test_a_cast_does_not_reach_the_frequencies(self):
        """model.to(bfloat16) rounds inv_freq of transformers to 8 bits."""
        (model,) = (m for _, m in self.each("Llama"))
        model = model.to(torch.bfloat16)
        yarn_rope.patch(model)
        rows = model.model.rotary_emb(torch.zeros(1, dtype=torch.bfloat16), torch.tensor([[FAR]]))
        self.assertEqual(rows[0].dtype, torch.float32)
        inv_freq = 10000.0 ** (-torch.arange(0, 32, 2, dtype=torch.float64) / 32)
        self.assertLess((rows[0][0, 0] - (FAR * inv_freq).cos()).abs().max(), 4e-8)


if __name__ == "__main__":
    unittest.main()
