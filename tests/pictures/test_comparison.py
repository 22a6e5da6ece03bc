"""The picture of the ways to recognise emotion: plain filled, adapted hollow, chance marked."""

import pytest

from ser_keras import pictures
from tests.pictures.reading import overlaps, text_in, texts

ADAPTED = {"1 recording": "1 other recording", "3 recordings": "3 other recordings"}


def measured(way="speaker encoder", system="encoder-linear", question="TESS", value=0.5, **more):
    return pictures.Measured(way, system, question, value, **more)


def marks(ax):
    """Return the marks as (x, shape, filled, size), from top to bottom, left to right."""
    lines = [line for line in ax.get_lines() if line.get_marker() != "None"]
    lines.sort(key=lambda line: (line.get_ydata()[0], line.get_xdata()[0]))
    return [
        (
            float(line.get_xdata()[0]),
            line.get_marker(),
            line.get_markerfacecolor() != "none",
            line.get_markersize(),
        )
        for line in lines
    ]


def test_plain_scores_are_filled_and_adapted_ones_hollow_and_larger_with_more(tmp_path, drawn):
    scores = [
        measured(value=0.5, spread=0.1),
        measured(value=0.6, adapted="1 recording"),
        measured(value=0.7, adapted="3 recordings"),
        measured(value=0.9, adapted="corpus"),
    ]
    pictures.comparison(scores, {"TESS": 1 / 7}, ADAPTED, tmp_path / "c.png", "title")
    ax = drawn[0].axes[0]
    (plain, one, three) = marks(ax)
    assert [mark[0] for mark in (plain, one, three)] == [0.5, 0.6, 0.7]
    assert [mark[2] for mark in (plain, one, three)] == [True, False, False]
    assert one[3] < three[3]
    assert one[1] == three[1] == plain[1]
    ends = {
        tuple(line.get_xdata().round(3)) for line in ax.get_lines() if len(line.get_xdata()) > 1
    }
    assert (0.4, 0.6) in ends
    assert {"0.500", "0.600", "0.700"} <= text_in(drawn[0])
    assert "0.900" not in text_in(drawn[0])


def test_the_chance_level_of_each_question_is_marked(tmp_path, drawn):
    scores = [measured(), measured(question="AESDD")]
    levels = {"TESS": 1 / 7, "AESDD": 0.2}
    pictures.comparison(scores, levels, ADAPTED, tmp_path / "c.png", "title")
    upright = {
        round(float(segment[0, 0]), 3)
        for collection in drawn[0].axes[0].collections
        for segment in collection.get_segments()
    }
    assert {0.143, 0.2} <= upright
    assert {"TESS", "AESDD", "chance level"} <= text_in(drawn[0])


def test_each_way_has_a_shape_of_its_own_so_that_grey_is_enough(tmp_path, drawn):
    scores = [measured(f"way {n}", f"system {n}", value=n / 10) for n in range(9)]
    pictures.comparison(scores, {}, ADAPTED, tmp_path / "c.png", "title")
    assert len({shape for _, shape, _, _ in marks(drawn[0].axes[0])}) == 9
    assert "system 3  (way 3)" in text_in(drawn[0])


def test_missing_folds_are_named_beside_the_system(tmp_path, drawn):
    pictures.comparison([measured(coverage="1 of 2")], {}, ADAPTED, tmp_path / "c.png", "title")
    assert "encoder-linear, 1 of 2  (speaker encoder)" in text_in(drawn[0])


@pytest.mark.parametrize("questions", [1, 8])
def test_no_texts_overlap(tmp_path, drawn, questions):
    name = "attention-three-corpora-corrected"
    scores = [
        measured(f"way {way}", name, f"TESS, other actress and words {question}", way / 10, **by)
        for question in range(questions)
        for way in range(9)
        for by in ({}, {"adapted": "1 recording"}, {"adapted": "3 recordings"})
    ]
    pictures.comparison(scores, {}, ADAPTED, tmp_path / "c.png", "title")
    assert overlaps(texts(drawn[0])) == []
