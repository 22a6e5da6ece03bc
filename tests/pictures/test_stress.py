"""The picture of changed recordings: a line for each change, legible."""

from ser_keras import pictures, stress
from ser_keras.metrics import Estimate
from tests.pictures.reading import overlaps, text_in, texts


def test_each_change_has_a_line_and_no_two_texts_overlap(tmp_path, drawn):
    estimate = Estimate(0.5, 0.4, 0.6)
    effects = [
        stress.Effect(c.kind, c.amount, 9, estimate, estimate, None, 0.8, estimate)
        for c in stress.CHANGES
    ]
    pictures.stress(effects, estimate, 1 / 7, tmp_path / "s.png", "title")
    (figure,) = drawn
    assert not overlaps(texts(figure))
    assert {c.kind for c in stress.CHANGES} | {"unchanged", "chance level", "answered"} <= text_in(
        figure
    )
    left = figure.axes[0]
    (marks,) = (line for line in left.get_lines() if line.get_marker() == "o")
    assert len(marks.get_xdata()) == len(stress.CHANGES)
