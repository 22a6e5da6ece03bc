"""The card of a model: which clips it rests on, what is compared, and what is written."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ser_keras import load_bundle, reliability, stress
from ser_keras.errors import SerKerasError

SAME = stress.Change("none", "again", lambda samples, rate, rng, voices: (samples, rate))
SOFT = stress.Change("gone", "all", lambda samples, rate, rng, voices: (0 * samples, rate))


@pytest.fixture(scope="module")
def model(tiny_run):
    return load_bundle(tiny_run.folder)


@pytest.fixture(scope="module")
def clips(model, tiny_tess, cache):
    return stress.of_corpora(model, tiny_tess, cache=cache)


def test_the_clips_are_the_test_clips_of_the_models_own_run(model, clips):
    assert set(clips["content"]) == set(model.manifest["test_clips"])


def test_a_draw_is_even_over_emotions_and_the_same_in_any_order(model, tiny_tess, cache):
    clips, _ = stress.of_recordings(model, [tiny_tess], cache=cache)
    drawn = stress.draw(clips, 28)
    assert drawn["emotion"].value_counts().tolist() == [4] * 7
    assert drawn.groupby(["emotion", "speaker"]).size().tolist() == [2] * 14
    assert drawn.equals(stress.draw(clips.sample(frac=1, random_state=1), 28))
    assert not drawn.equals(stress.draw(clips, 28, seed=1))
    assert (drawn["sex"] == "woman").all()


def test_a_change_that_changes_nothing_keeps_every_label(model, clips):
    card = stress.examine(model, clips, changes=(SAME,))
    (effect,) = card.effects
    assert effect.agreement.value == 1
    assert effect.uar == card.uar
    assert effect.answered == card.answered == 1
    assert effect.uar_answered == card.uar
    assert "answered" not in stress.table(card)[0]
    assert card.learned == 0
    assert {group.by for group in card.groups} == {"sex", "pitch"}


def test_unsure_labels_keep_their_emotion_and_are_counted_apart(model, clips):
    sure = stress.examine(model, clips, changes=stress.CHANGES[:1])
    margins = [reliability.margin(row) for row in _probabilities(model, clips)]
    answers = reliability.Answers(
        answer_from=float(np.median(margins)), answered=0.5, right=0.5, overall=0.5, speakers=2
    )
    pipeline = replace(model.pipeline, reliability=reliability.Reliability(plain=answers))
    unsure = stress.examine(replace(model, pipeline=pipeline), clips, changes=stress.CHANGES[:1])
    assert unsure.answered == pytest.approx(0.5, abs=0.1)
    assert unsure.effects[0].agreement == sure.effects[0].agreement
    assert unsure.effects[0].uar == sure.effects[0].uar
    assert unsure.uar_answered != sure.uar_answered
    header, rows = stress.table(unsure)
    assert header[-2:] == ["answered", "UAR where answered"]
    assert rows[0][-2] == f"{unsure.answered:.3f}"
    assert {len(row) for row in rows} == {len(header)}
    assert "answered, unchanged" in stress.groups(unsure)[0]
    assert "| none |" in stress.short(unsure)
    assert any("unsure" in line for line in stress.sentences(unsure))


def _probabilities(model, clips):
    return [list(row.probabilities.values()) for row in model.pipeline.predict(clips["path"])]


def test_recordings_that_a_change_destroys_are_counted_and_not_compared(model, clips, capsys):
    card = stress.examine(model, clips, changes=(SOFT,))
    assert card.effects == ()
    assert "No recording could be labelled after gone all." in capsys.readouterr().err


def test_clips_that_the_model_learned_from_are_named_as_such(model, tiny_tess, cache):
    clips, _ = stress.of_recordings(model, [tiny_tess], cache=cache)
    card = stress.examine(model, stress.draw(clips, 200), changes=(SAME,))
    assert 0 < card.learned < card.n
    assert any("is no figure of its quality" in line for line in stress.sentences(card))


def test_recordings_of_one_emotion_are_refused(model, clips):
    with pytest.raises(SerKerasError, match="fewer than two emotions"):
        stress.examine(model, clips[clips["emotion"] == clips["emotion"][0]], changes=(SAME,))


def test_a_card_is_written_read_and_the_same_again(model, clips, tmp_path):
    card = stress.examine(model, clips, changes=(SAME, stress.CHANGES[3]))
    written = stress.write(card, tmp_path / "toy")
    assert [path.name for path in written] == ["stress.json", "STRESS.md", "stress.png"]
    assert stress.read("toy", tmp_path) == card
    text = (tmp_path / "toy" / "STRESS.md").read_text()
    assert "| white noise | 0 dB |" in text
    assert "](stress.png)" in text
    stress.write(card, tmp_path / "bare", picture=False)
    assert not (tmp_path / "bare" / "stress.png").exists()
    assert "stress.png" not in (tmp_path / "bare" / "STRESS.md").read_text()
    assert "| white noise | " in stress.short(card)
    assert "| sex | woman |" in stress.short(card)
    assert json.loads((tmp_path / "toy" / "stress.json").read_text())["seed"] == 0
    assert np.isfinite(card.uar.value)
