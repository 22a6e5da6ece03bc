"""Mutants of files that strangers send, by thousands: each is refused in one sentence or harmless.

The default suite flips a few bytes of the same files; see `test_hostile_bundles`.
"""

import json
import random

import numpy as np
import pytest

from ser_keras import bundle, files, tensors
from ser_keras.errors import SerKerasError
from tests.faults.hostile import LIGHT, MANIFEST, arousal, copied, edit, seal

pytestmark = pytest.mark.slow

NUMBERS = (0, 1, 2, 3, 127, 128, 255, 65_536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
VALUES = (None, True, -1, 0, 1, 7, 2**63, 0.5, 1e-30, 1e300, "", "x", "\ud800", [], {}, [[]], [1])


def mutant(content, rng):
    """Return a content with a few changed numbers or bytes, or cut short."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = rng.randrange(len(changed) - 4)
        if rng.random() < 0.5:
            changed[place & ~3 : (place & ~3) + 4] = rng.choice(NUMBERS).to_bytes(4, "little")
        else:
            changed[place] = rng.randrange(256)
    return bytes(changed if rng.random() < 0.95 else changed[: rng.randrange(len(changed))])


def altered(value, rng):
    """Return a JSON value in which one entry has another value, or is missing."""
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.1:
        return rng.choice(VALUES)
    changed = value.copy()
    key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
    changed[key] = altered(value[key], rng)
    if rng.random() < 0.05:
        del changed[key]
    return changed


def test_mutants_of_a_light_model_are_refused_or_harmless(tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CACHE", tmp_path / "cache")
    folder = copied(tiny_run.folder, tmp_path / "bundle")
    good, rng, refused = (folder / LIGHT).read_bytes(), random.Random(0), 0
    for _ in range(500):
        seal(folder, LIGHT, mutant(good, rng))
        try:
            loaded = bundle.load_bundle(folder)
        except SerKerasError:
            refused += 1
        else:
            output = loaded.pipeline.probabilities([np.zeros((64, 40), "f4")])
            assert np.isfinite(output).all()
    assert 50 < refused < 450


def test_mutants_of_a_manifest_are_refused_or_harmless(tiny_run, tmp_path):
    folder = copied(tiny_run.folder, tmp_path / "bundle")
    arousal()(folder)
    edit(folder, temperature=2.0)
    good, rng, refused = (folder / MANIFEST).read_bytes(), random.Random(0), 0
    clip = np.random.default_rng(0).normal(0, 0.1, 22_050).astype("f4")
    bundle.load_bundle(folder)
    for i in range(3_000):
        other = json.dumps(altered(json.loads(good), rng)).encode()
        (folder / MANIFEST).write_bytes(other if i % 2 else mutant(good, rng))
        try:
            table = bundle.load_bundle(folder).predict(clip, sample_rate=22_050)
        except SerKerasError:
            refused += 1
        else:
            assert len(table) == 1
    assert refused > 1_000


def test_mutants_of_a_checkpoint_are_refused_or_have_the_same_shapes(tmp_path):
    shapes = {str(i): shape for i, shape in enumerate([(), (3,), (4, 5), (2, 3, 2)])}
    path, rng, refused = tmp_path / "last.npz", random.Random(0), 0
    np.savez(path, **{name: np.ones(shape, np.float32) for name, shape in shapes.items()})
    good = path.read_bytes()
    for _ in range(5_000):
        path.write_bytes(mutant(good, rng))
        try:
            arrays = tensors.read_npz(path, shapes)
        except ValueError:
            refused += 1
        else:
            assert {name: array.shape for name, array in arrays.items()} == shapes
    assert refused > 2_000
