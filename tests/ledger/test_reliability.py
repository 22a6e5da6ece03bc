"""What leaving clips unanswered gives, nested: no clip has a share in its own threshold."""

import dataclasses

import numpy as np
import pytest

from ser_keras.ledger import release, reliability, rows


@pytest.fixture(scope="module")
def kept():
    """The rows of this project that are shown, by system and corpus."""
    return {tuple(row.key): row for row in reliability.chosen(rows())}


@pytest.fixture(scope="module")
def savee(kept):
    return reliability.held(kept["fusion", "savee", "speaker"])


def test_the_systems_are_shown_with_the_rows_that_have_all_folds(kept):
    assert [key[0] for key in kept] == ["fusion"] * 5 + ["general"]
    row = kept["fusion", "savee", "speaker"]
    assert not reliability.chosen([dataclasses.replace(row, runs=row.runs[:2])])


def test_each_clip_is_measured_once_with_thresholds_of_other_folds(savee):
    (own,) = savee
    assert (own.system, own.corpus, len(own.right)) == ("fusion", "savee", 480)
    assert own.sets == {}  # three other speakers are too few for any coverage


def test_a_clip_has_no_share_in_its_own_threshold(kept, savee, monkeypatch):
    row = kept["fusion", "savee", "speaker"]
    parts = release.left_out(row)
    n = len(parts[0].clips)
    certain = np.eye(len(parts[0].labels))[parts[0].truth]
    changed = np.where(np.arange(n)[:, None] < n // 2, certain, parts[0].probabilities)
    parts[0] = dataclasses.replace(parts[0], probabilities=changed)
    monkeypatch.setattr(release, "left_out", lambda _: parts)
    (after,) = reliability.held(row)
    before = savee[0]
    assert after.answered[n // 2 : n].tolist() == before.answered[n // 2 : n].tolist()
    assert after.answered[n:].tolist() != before.answered[n:].tolist()


def test_answered_and_other_clips_add_up_to_all(savee):
    (cells,) = reliability.table([savee]).rows
    accuracy, share, answered, unsure = map(float, cells[3:])
    assert accuracy == pytest.approx(share * answered + (1 - share) * unsure, abs=2e-3)
    assert unsure < accuracy < answered
    assert reliability.table([savee, savee * 2]).rows[-1][1] == "mean"


def test_sets_are_shown_where_there_are_speakers_enough(kept, savee):
    aesdd = reliability.held(kept["fusion", "aesdd", "speaker"])
    table = reliability.sets([savee + aesdd])
    assert table.rows[0][2:] == [""] * 6
    assert [cell == "" for cell in table.rows[1][2:]] == [False] * 2 + [True] * 4
    held, size = aesdd[0].sets[0.8]
    assert 0.8 < held <= 1
    assert 1 <= size <= 5


def test_a_curve_carries_what_the_thresholds_of_others_give(savee):
    (curve,) = reliability.curves([savee])["fusion, trained on other speakers of the corpus"]
    assert curve.answered == savee[0].answered.mean()
    assert curve.accuracy == savee[0].right[savee[0].answered].mean()
    assert np.shape(curve.margins) == (480,)
