"""Windows of the same voice get the same letter, and nothing but letters comes out."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ser_keras import voices
from ser_keras.errors import SerKerasError


def told_apart(*groups, noise=0.15, seed=0):
    """Compact vectors of windows of voices that differ clearly; a number for each window."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(voices.DIMENSIONS, voices.DIMENSIONS)))[0]
    points = centres[list(groups)] + noise * rng.normal(size=(len(groups), voices.DIMENSIONS)) / 4
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def spoken(speakers=40, windows=12, seed=0):
    """Vectors of speakers who differ in some directions, and vary within in others."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"speaker {i}" for i in range(speakers)], windows)
    vectors = 0.01 * rng.normal(size=(len(names), voices.STATES))
    vectors[:, 0:24] += np.repeat(rng.normal(size=(speakers, 24)), windows, axis=0)
    vectors[:, 100:140] += 3 * rng.normal(size=(len(names), 40))  # emotion, say
    return vectors, names


def test_letters_follow_the_order_of_appearance():
    turns = [3] * 10 + [1] * 10 + [3] * 5 + [0] * 10 + [1] * 5
    letters = voices.letters(told_apart(*turns))
    assert letters == ["A"] * 10 + ["B"] * 10 + ["A"] * 5 + ["C"] * 10 + ["B"] * 5


def test_windows_beyond_those_that_are_clustered_get_the_nearest_voice():
    turns = np.random.default_rng(1).integers(0, 3, 900)
    points = told_apart(*turns)
    letters = voices.letters(points, most=90)
    names = {turn: chr(ord("A") + i) for i, turn in enumerate(dict.fromkeys(turns.tolist()))}
    assert letters == [names[turn] for turn in turns.tolist()]


def test_one_window_is_one_voice_and_none_is_none():
    assert voices.letters(np.ones((1, voices.STATES))) == ["A"]
    assert voices.letters(np.ones((0, voices.STATES))) == []


def test_the_same_window_again_and_again_is_one_voice():
    window = np.random.default_rng(0).normal(size=voices.STATES)
    assert set(voices.letters(np.tile(window, (30, 1)))) == {"A"}


def test_compact_vectors_get_the_same_letters_in_a_hundredth_of_the_memory():
    vectors, _ = spoken(speakers=3, windows=15)
    compact = voices.compact(vectors)
    assert compact.dtype == np.float16
    assert compact.nbytes * 100 <= vectors.astype(np.float32).nbytes
    assert voices.letters(compact) == voices.letters(vectors)


def test_a_learned_map_keeps_speakers_apart_where_the_states_do_not():
    heard, names = spoken(seed=0)
    new, speakers = spoken(speakers=3, seed=1)
    mapped = voices.fit(heard, names).points(new)
    states = new / np.linalg.norm(new, axis=1, keepdims=True)

    def nearest_is_own(points):
        similarity = points @ points.T - 9 * np.eye(len(points))
        return np.mean(speakers[similarity.argmax(axis=1)] == speakers)

    assert nearest_is_own(mapped) == 1
    assert nearest_is_own(states) < 0.8


def test_a_map_can_be_written_and_read_again(tmp_path):
    learned = voices.fit(*spoken())
    learned.write(tmp_path / "map.safetensors")
    read = voices.load(tmp_path / "map.safetensors")
    np.testing.assert_allclose(read.matrix, learned.matrix, rtol=1e-3, atol=1e-5)
    assert (read.threshold, read.growth) == (1.0, 0.25)


def test_a_damaged_map_is_refused(tmp_path):
    path = tmp_path / "map.safetensors"
    path.write_bytes(b"no map")
    with pytest.raises(SerKerasError, match="no header of a plausible length"):
        voices.load(path)
    with pytest.raises(SerKerasError, match="cannot be read"):
        voices.load(tmp_path / "missing.safetensors")


def test_the_shipped_map_is_small():
    assert voices.ARRAYS.stat().st_size < 100_000


def test_too_few_speakers_cannot_make_a_map():
    with pytest.raises(SerKerasError, match="are 10 for a map of 20 dimensions"):
        voices.fit(*spoken(speakers=10))


@pytest.mark.parametrize("shape", [(3, 7), (1024,), (2, 3, 1024)])
def test_vectors_of_another_shape_are_refused(shape):
    with pytest.raises(SerKerasError, match="vectors: are of the shape"):
        voices.letters(np.zeros(shape))


def test_vectors_that_are_not_finite_are_refused():
    with pytest.raises(SerKerasError, match="not finite"):
        voices.letters(np.full((3, voices.STATES), np.nan))


def test_without_scipy_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.cluster.hierarchy", None)
    with pytest.raises(SerKerasError, match=r"needs scipy.*pip install scipy"):
        voices.letters(told_apart(0, 0, 1, 1))
