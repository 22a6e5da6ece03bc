"""Models that ship: calibrated by corpora left out, copied without what does not label."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from ser_keras import bundle
from ser_keras.errors import SerKerasError
from ser_keras.ledger import release, rows
from ser_keras.ledger.release import LeftOut

LABELS = ("neutral", "happy", "sad", "angry", "fearful", "surprised")


def part(corpus, confidence, clips=400, right=0.5):
    """Return clips of which half are named rightly, all with one confidence."""
    rng = np.random.default_rng(len(corpus))
    truth = rng.integers(0, 6, clips)
    named = np.where(rng.random(clips) < right, truth, rng.integers(0, 6, clips))
    rest = (1 - confidence) / 5
    probabilities = np.full((clips, 6), rest) + (confidence - rest) * np.eye(6)[named]
    table = pd.DataFrame(
        {
            "path": [f"{corpus}/{i}-01-0{1 + i % 2}-{i % 4}.ogg" for i in range(clips)],
            "speaker": [str(i % 4) for i in range(clips)],
            "emotion": [LABELS[i] for i in truth],
        }
    )
    return LeftOut(corpus, None, LABELS, table, probabilities)


def test_probabilities_that_promise_too_much_are_calibrated_by_a_temperature_above_1():
    temperature, arousal = release.calibrated([part("ravdess", 0.97), part("tess", 0.97)])
    assert temperature > 2
    assert arousal.slope > 0
    assert release.calibrated([part("tess", 0.58)])[0] == pytest.approx(1, abs=0.3)


def test_disgust_is_neither_aroused_nor_calm():
    table = pd.DataFrame({"emotion": ["happy", "sad", "disgust"]})
    aroused = LeftOut("savee", None, LABELS, table, np.ones((3, 6))).aroused
    assert aroused[:2].tolist() == [1, 0]
    assert np.isnan(aroused[2])


@pytest.mark.parametrize(
    ("corpus", "path", "sex"),
    [
        ("ravdess", "ravdess/Actor_01/03-01-05-02-01-01-01.ogg", "man"),
        ("ased", "ased/03Happy/h3-01-01-02-08.ogg", "man"),
        ("ased", "ased/04Sad/S4-04-02-01-29.ogg", "woman"),
        ("tess", "tess/OAF_Sad/OAF_back_sad.flac", "woman"),
        ("aesdd", "aesdd/anger/a01 (1).ogg", ""),
    ],
)
def test_the_sex_of_a_voice_is_read_from_names_that_tell_it(corpus, path, sex):
    assert release.sex(corpus, path) == sex


def test_a_model_is_shipped_without_its_keras_file_and_labels_alike(tiny_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tiny_run.folder, run)
    shipped = release.ship(run, tmp_path / "shipped")
    names = {path.name for path in (tmp_path / "shipped").iterdir()}
    assert names == {"bundle.json", "model.tflite", "weights.safetensors"}
    assert shipped.labels == bundle.load_bundle(run).labels
    (run / "model.tflite").unlink()
    with pytest.raises(SerKerasError, match=r"model\.tflite"):
        release.ship(run, tmp_path / "other")


def test_a_row_that_lacks_a_corpus_calibrates_nothing():
    row = next(row for row in rows() if len(row.runs) > 1 and row.is_whole)
    row = dataclasses.replace(row, runs=row.runs[:1])
    with pytest.raises(SerKerasError, match="Make the others with the action run"):
        release.left_out(row)
