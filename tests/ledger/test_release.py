"""Models that ship: calibrated by corpora left out, copied without what does not label."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from ser_keras import bundle, files
from ser_keras.errors import SerKerasError
from ser_keras.ledger import Row, release, rows
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


def test_the_card_has_the_arousal_of_adapted_clips_where_all_runs_measured_it(
    tiny_run, monkeypatch
):
    def rows_with(*areas):
        parts = [part("ravdess", 0.97), part("tess", 0.6)]
        of = {"3 recordings": tiny_run.test, "speaker": tiny_run.test}
        changed = [dataclasses.replace(tiny_run, adapted=of, arousal=area) for area in areas]
        pairs = zip(parts, changed, strict=True)
        parts = [dataclasses.replace(each, run=run) for each, run in pairs]
        monkeypatch.setattr(release, "left_out", lambda row: parts)
        return {cells[0]: cells[1:] for cells in release.card(Row((tiny_run,))).rows}

    table = rows_with({"plain": 0.5, "speaker": 0.75}, {"plain": 0.5, "speaker": 0.875})
    assert table["arousal, adapted: speaker"] == ["0.750", "0.875", "0.812"]
    assert "arousal, adapted: 3 recordings" not in table
    table = rows_with({"plain": 0.5, "speaker": 0.75}, {})
    assert "arousal, adapted: speaker" not in table


def test_labels_count_from_a_margin_that_other_corpora_set():
    parts = [part("ravdess", 0.97), part("tess", 0.6)]
    temperatures = release.temperatures(parts)
    assert temperatures == [release.calibrated([parts[i]])[0] for i in (1, 0)]
    answers = release.answers(parts, temperatures)
    assert answers.speakers == 8  # four names in each of two corpora
    assert [coverage for coverage, _ in answers.limits] == [0.8]
    assert 0.52 <= answers.answered <= 1


def test_a_refreshed_model_knows_its_reliability_and_keeps_all_else(
    tiny_run, tiny_tess, cache, tmp_path
):
    shipped = release.ship(tiny_run.folder, tmp_path / "model").folder
    before = bundle.verify(shipped)
    old = {**before, "recipe": {**before["recipe"], "notes": ["an old note"]}}
    files.write_json(shipped / "bundle.json", old)
    row = Row((tiny_run,))
    known = release.refresh(row, shipped, tiny_tess.parent, cache).pipeline.reliability
    after = bundle.verify(shipped)
    assert {**after, "reliability": None} == {**before, "reliability": None}
    part = release.left_out(row)[0]
    assert known.plain.overall == pytest.approx(
        (part.probabilities.argmax(axis=1) == part.truth).mean(), abs=0.1
    )
    assert len(known.distance.mean) == before["features"]["n_mfcc"]
    assert known.usual is None  # a model of frames cannot be adapted


def test_a_model_is_not_refreshed_from_other_clips(tiny_run, tiny_tess, cache, tmp_path):
    shipped = release.ship(tiny_run.folder, tmp_path / "model").folder
    content = bundle.verify(shipped)
    files.write_json(
        shipped / "bundle.json",
        {**content, "training_clips": [*content["training_clips"][1:], "0" * 16]},
    )
    with pytest.raises(SerKerasError, match=r"of the \d+ training clips"):
        release.refresh(Row((tiny_run,)), shipped, tiny_tess.parent, cache)


def test_how_much_the_emotions_of_a_training_speaker_vary_is_the_median_over_speakers():
    shipped = bundle.load_bundle("general").pipeline
    rng = np.random.default_rng(0)
    size = shipped.features.n_features
    mean, std = np.array(shipped.normalization.mean), np.array(shipped.normalization.std)
    rooted = [mean + std * rng.normal(size=(1, size)) for _ in range(8)]
    frames = [(np.sign(row) * row**2).astype(np.float32) for row in rooted]
    alone = [release.usual(shipped, frames[i : i + 4], np.full(4, "a")) for i in (0, 4)]
    both = release.usual(shipped, frames, np.repeat(["a", "b"], 4))
    assert both == pytest.approx(np.mean(alone), abs=1e-3)
    assert min(alone) > 0
