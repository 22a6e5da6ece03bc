"""The tables tell how a figure was adapted, and by how many clips."""

import json

from ser_keras import ledger
from ser_keras.ledger import adapted
from tests.ledger.made import headline, made

CURVE = {"0": 0.3, "1": 0.4}


def scores(**uars):
    """Adapted scores of a run; the first two are named by numbers of recordings."""
    names = {"one": "1 recording", "three": "3 recordings"}
    return {names.get(name, name): headline(9, value) for name, value in uars.items()}


def measured(left_out, **changes):
    """Return a stored row of the benchmark."""
    return {
        "left_out": left_out,
        "clips": 60,
        "speakers": 4,
        "itself": {"none": 0.3, "corpus": 0.5, "speaker": 0.6},
        "mixed": CURVE,
        "one_emotion": {"plain": 0.3, "adapted": 0.2, "guarded": 0.25},
        "guard": {"one_emotion": [3, 4], "mixed": [1, 4]},
        **changes,
    }


def test_rows_show_means_over_the_folds_of_their_adapted_scores(tmp_path):
    for fold, three in ((0, 0.5), (1, 0.75)):
        of = scores(one=0.5, three=three, speaker=0.75, corpus=0.625)
        made(
            tmp_path,
            protocol="speaker",
            fold=fold,
            folds=2,
            uar=0.25,
            adapted=of,
            speakers=fold + 1,
        )
    (row,) = adapted.table(ledger.rows(tmp_path)).rows
    names = ["attention-tess", "tess", "speaker", "2 of 2"]
    assert row == [*names, "0.250", "0.500", "0.625", "0.625", "0.750", "560", "1 to 2"]


def test_plain_and_adapted_scores_are_those_of_the_same_runs(tmp_path):
    of = scores(one=0.5, three=0.5, speaker=0.5, corpus=0.5)
    made(tmp_path, protocol="speaker", fold=0, folds=2, uar=0.25, adapted=of)
    made(tmp_path, protocol="speaker", fold=1, folds=2, uar=0.75)
    made(tmp_path, protocol="random", uar=0.75)
    (row,) = adapted.table(ledger.rows(tmp_path)).rows
    assert row[3:5] == ["1 of 2", "0.250"]


def test_a_curve_is_the_mean_over_the_corpora_that_have_it():
    neutral = {"neutral": {"0": 0.1}, "mixed_without_neutral": {"0": 0.1, "1": 0.3}}
    rows = [measured("tess", **neutral), measured("aesdd", mixed={"0": 0.5, "1": 0.5})]
    table = adapted.curve(rows)
    assert table.header == ("recordings", "clips scored", "corpora", "0", "1")
    assert [row[2:] for row in table.rows] == [
        ["2", "0.400", "0.450"],
        ["1", "0.100", "0.300"],
        ["1", "0.100", ""],
    ]


def test_what_adapting_to_the_scored_clips_gives_is_shown_for_each_corpus_and_in_the_mean():
    other = measured("savee", itself={"none": 0.5, "corpus": 0.5, "speaker": 0.5})
    first, _, mean = adapted.itself([measured("tess"), other]).rows
    assert first[:6] == ["tess", "60", "4", "0.300", "0.500", "0.600"]
    assert first[6:] == ["0.200", "0.250", "3 of 4", "1 of 4"]
    assert mean == ["mean", "", "", "0.400", "0.500", "0.550", "0.200", "0.250", "", ""]


def test_without_measurements_the_tables_are_empty():
    assert not adapted.curve([]).rows
    assert not adapted.itself([]).rows


def test_the_stored_measurements_fill_both_tables():
    rows = json.loads(adapted.RESULTS.read_text())
    assert len(adapted.itself(rows).rows) == len(rows) + 1
    cells = adapted.curve(rows).rows
    assert all(any(row[3:]) for row in cells)
    assert cells[0][3] == adapted.itself(rows).rows[-1][3]  # nothing enrolled is plain
