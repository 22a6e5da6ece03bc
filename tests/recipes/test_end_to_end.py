"""Every recipe goes the whole way, from recordings to a sealed run, on tiny corpora."""

from __future__ import annotations

import re
import zlib
from itertools import product

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ser_keras import bundle, corpora, recipes, runs
from ser_keras.cli import use

# each network narrow and each clip short, so that all of them train within a minute
SMALL = {
    "attention": {
        "batch.frames": "32",
        "features.n_mfcc": "16",
        "model.filters": "4",
        "model.blocks": "2",
        "model.units": "4",
    },
    "mean-mfcc-lstm": {"model.units": "4", "features.n_mfcc": "6"},
    "acnt": {
        "batch.frames": "32",
        "model.filters": "4",
        "model.blocks": "2",
        "model.dim": "16",
        "model.heads": "2",
        "model.encoders": "1",
        "model.inner": "16",
    },
    "mel-cnn": {"model.filters": "2"},
    "adafnn": {
        "augment.copies": "1",
        "batch.frames": "8",
        "features.n_mels": "8",
        "model.encoders": "1",
        "model.inner": "16",
        "model.bases": "2",
        "model.basis_width": "4",
    },
    "mean-mfcc-lstm-corrected": {"batch.frames": "8"},
    "acnt-ravdess-corrected": {"augment.copies": "1", "augment.probability": "0.2"},
    "cnn-attention": {"augment.copies": "1", "augment.probability": "0.2", "model.units": "8"},
    "mel-cnn-aesdd-resized": {"batch.frames": "64"},  # the clips have 69 or more
    "mel-cnn-aesdd-artificial": {
        "batch.frames": "64",
        "augment.copies": "1",
        "augment.probability": "0.2",
    },
}


def blank(figure, path, **_) -> None:
    """Stand in for the drawing of a picture."""
    Image.new("RGB", (1, 1)).save(path, "PNG")


def names_of(corpus: str) -> dict[str, float]:
    """Return the clips of a tiny corpus, each with its pitch."""
    if corpus == "ravdess":
        codes = product(range(1, 9), (1, 2), (1, 2), (1, 2), range(1, 5))
        return {  # emotion, strength, text, take, actor; neutral is never strong
            f"Actor_{code[-1]:02}/03-01-{'-'.join(f'{number:02}' for number in code)}.wav": (
                100 * 1.2 ** code[0] + 10 * code[-1]
            )
            for code in codes
            if code[:2] != (1, 2)
        }
    if corpus == "savee":
        return {
            f"ALL/{voice}_{letters}{text:02}.wav": 100 * 1.2**i + 10 * len(voice)
            for voice in ("DC", "JE", "JK", "KL")
            for i, letters in enumerate(("a", "d", "f", "h", "n", "sa", "su"))
            for text in (1, 2, 3)
        }
    if corpus == "ased":
        return {
            f"{i:02}{word}/{word[0].lower()}{i}-{text:02}-01-0{1 + voice % 2}-{voice:02}.wav": (
                100 * 1.2**i + 10 * voice
            )
            for i, word in enumerate(("Neutral", "Fearful", "Happy", "Sad", "Angry"), 1)
            for text in (6, 7)
            for voice in range(1, 7)
        }
    return {
        f"{folder}/{folder[0]}{text:02} ({voice}).wav": 100 * 1.2**i + 10 * voice
        for i, folder in enumerate(("anger", "disgust", "fear", "happiness", "sadness"))
        for text in range(1, 5)
        for voice in range(1, 7)
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_tess):
    """The folder in which all tiny corpora lie, those that `index_of` has made."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "TESS").symlink_to(tiny_tess)
    return folder


@pytest.fixture(scope="module")
def index_of(tiny_index, voice, cache, data):
    """Return a function that gives the index of the tiny corpora that a recipe names, pooled."""
    import soundfile

    indices = {"tess": tiny_index}

    def index(name: str) -> corpora.Index:
        if name not in indices:
            rate = 44_100 if name == "aesdd" else 22_050
            for clip, pitch in names_of(name).items():
                path = data / name / clip
                path.parent.mkdir(parents=True, exist_ok=True)
                number = zlib.crc32(clip.encode())
                seconds = 0.8 + number % 3 / 20 if name == "aesdd" else 0.8
                samples = voice(pitch, seconds, rate, seed=number)
                soundfile.write(path, samples, rate)
            indices[name] = corpora.get(name).index(data / name, cache=cache)
        return indices[name]

    return lambda recipe: corpora.pool([index(name) for name in recipe.corpora])


SLOW = {  # each takes long, and differs little from one that is always tried
    "adafnn-transformer-corrected",
    "attention-three-corpora-corrected",
    "encoder-linear",  # test_encoder_linear.py and test_encoder_mlp.py try two of this kind
    "functionals-linear",
    "fusion",
    "fusion-pooled",
    "general",
    "encoder-mlp",
    "functionals-mlp",
    "mel-cnn-aesdd-artificial",
    "mel-cnn-aesdd-artificial-corrected",
    "mel-cnn-aesdd-variable-corrected",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in recipes.names()],
)
def test_a_recipe_trains_scores_and_predicts_from_its_bundle(
    name, index_of, data, cache, tmp_path, monkeypatch, capsys
):
    # pictures have tests of their own, and to lay one out takes longer than these trainings
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", blank)
    # one batch has one shape, for which the network is compiled once
    changes = {"training.epochs": "1", "training.batch_size": "1000"}
    for start, small in SMALL.items():
        changes |= small if name.startswith(start) else {}
    recipe = recipes.get(name).override(changes)
    index = index_of(recipe)
    # as its authors, and where it is corrected also without near-duplicates across the sides
    protocol = "random" if recipe.corrects else "paper"
    options = runs.Options(cache=cache)
    run = runs.run(recipe, index, protocol, out=tmp_path / "run", options=options)

    assert runs.read(run.folder) == run
    assert run.key.recipe == name
    assert sorted(run.clips) == sorted(recipe.corpora)
    assert not (run.folder / "checkpoint").exists()
    history = pd.read_csv(run.folder / "history.csv")
    assert len(history) == run.epochs == 1
    # the scored model answers as the one that was chosen in training
    assert run.validation.accuracy.value == pytest.approx(history["val_accuracy"][0])
    emotions = runs.emotions_of(recipe, index)
    for scores in (run.validation, run.test):
        assert scores.labels == emotions
        assert set(scores.per_class) == set(emotions)

    # a network of vectors is also scored adapted to the voices of the test clips
    assert bool(run.adapted) == recipe.features.one_vector
    assert all(scores.n >= run.test.n for scores in run.adapted.values())

    written = pd.read_csv(run.folder / "predictions.csv")
    some = written[written["role"] == "test"].iloc[:5]
    columns = [f"p_{emotion}" for emotion in emotions]
    # the light engine on the recordings, Keras on their features
    found = bundle.load_bundle(run.folder, "light").predict(map(index.locate, some["path"]))
    np.testing.assert_allclose(found[columns], some[columns], atol=1e-4)

    if "+" in index.corpus:  # the script finds the test clips of each of the pooled corpora
        arguments = ["--data", data, "--out", tmp_path]
        use.main(["--model", str(run.folder), *map(str, arguments)])
        scored = f"{100 * run.test.accuracy.value:.2f}"
        assert re.search(rf"^accuracy +{re.escape(scored)} ", capsys.readouterr().out, re.M)
