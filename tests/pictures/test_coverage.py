"""The picture of accuracy against the share of answered clips."""

import numpy as np

from ser_keras import pictures
from tests.pictures.reading import overlaps, text_in, texts


def curve(name="tess", n=100, answered=0.5, accuracy=0.9):
    """Return a curve of clips of which the surer half is right."""
    margins = np.linspace(1, 0, n)
    return pictures.Curve(name, margins, margins > 0.5, answered, accuracy)


def line(ax, number=0):
    lines = [each for each in ax.get_lines() if len(each.get_xdata()) > 1]
    return lines[number].get_xdata(), lines[number].get_ydata()


def test_the_least_sure_clips_are_left_out_first(tmp_path, drawn):
    pictures.coverage({"fusion": [curve()]}, tmp_path / "c.png", "title")
    shares, accuracy = line(drawn[0].axes[0])
    assert (shares[-1], accuracy[-1]) == (1, 0.5)
    assert accuracy[shares <= 0.5].tolist() == [1] * (shares <= 0.5).sum()
    assert shares[0] == 0.2  # fewer clips say nothing


def test_clips_that_are_equally_sure_are_left_out_together(tmp_path, drawn):
    alike = pictures.Curve("tess", np.repeat([0.9, 0.1], 50), np.arange(100) % 2 == 0, 0.5, 0.5)
    pictures.coverage({"fusion": [alike]}, tmp_path / "c.png", "title")
    shares, accuracy = line(drawn[0].axes[0])
    assert shares.tolist() == [0.5, 1]
    assert accuracy.tolist() == [0.5, 0.5]


def test_a_mark_shows_what_the_thresholds_of_others_give(tmp_path, drawn):
    pictures.coverage({"fusion": [curve(answered=0.4, accuracy=0.7)]}, tmp_path / "c.png", "title")
    marks = [each for each in drawn[0].axes[0].get_lines() if len(each.get_xdata()) == 1]
    assert [(each.get_xdata()[0], each.get_ydata()[0]) for each in marks] == [(0.4, 0.7)]


def test_each_system_has_a_panel_and_a_corpus_looks_alike_in_all(tmp_path, drawn):
    panels = {"fusion": [curve("ased"), curve("tess")], "general": [curve("tess")]}
    pictures.coverage(panels, tmp_path / "c.png", "title")
    figure = drawn[0]
    assert {"fusion", "general", "ased", "tess", "title"} <= text_in(figure)
    styles = [
        {
            (each.get_color(), each.get_marker())
            for each in ax.get_lines()
            if each.get_label() == "tess"
        }
        for ax in figure.axes
    ]
    assert styles[0] == styles[1] != set()
    assert not overlaps(texts(figure))
