"""The ladder of protocols, and the grid of seen and unseen speakers and texts."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ser_keras import pictures, recipes
from tests.pictures.reading import overlaps, text_in, texts

PROTOCOLS = ("paper", "random", "text", "speaker", "speaker-emobox", "speaker-text", "corpus")


def rung(recipe="attention-tess", corpus="tess", protocol="paper", value=0.5, **changes):
    facts = {"low": value - 0.03, "high": value + 0.02, "n": 560, "baseline": value - 0.1}
    facts |= {"chance": 1 / 7, "published": 0.9}
    return pictures.Rung(recipe, corpus, protocol, value, **{**facts, **changes})


def marks(ax):
    """Return the marks of a ladder as (x, shape, filled), from top to bottom, left to right."""
    lines = [line for line in ax.get_lines() if line.get_marker() != "None"]
    lines.sort(key=lambda line: (line.get_ydata()[0], line.get_xdata()[0]))
    return [
        (float(line.get_xdata()[0]), line.get_marker(), line.get_markerfacecolor() != "white")
        for line in lines
    ]


def test_a_ladder_marks_what_was_measured_and_the_baseline_from_easy_to_hard(tmp_path, drawn):
    rungs = [rung(protocol="speaker", value=0.4), rung(value=0.8, baseline=0.85)]
    pictures.ladder(rungs, tmp_path / "l.png", "title")
    ax = drawn[0].axes[0]
    assert marks(ax) == [
        (0.8, "o", True),
        (0.85, "o", False),
        (pytest.approx(0.3), "D", False),
        (0.4, "D", True),
    ]
    ends = {tuple(np.round(line.get_xdata(), 3)) for line in ax.get_lines()}
    assert {(0.77, 0.82), (0.37, 0.42)} <= ends
    upright = {round(float(s[0, 0]), 3) for c in ax.collections for s in c.get_segments()}
    assert {0.143, 0.9} <= upright
    words = {"attention-tess", "tess, 560 clips, published 0.900", "0.400  [0.370, 0.420]", "0.300"}
    assert words | {"paper", "speaker", "published", "chance"} <= text_in(drawn[0])


def test_a_ladder_without_baseline_or_published_figure_says_so(tmp_path, drawn):
    pictures.ladder([rung(baseline=None, published=None)], tmp_path / "l.png", "title")
    assert marks(drawn[0].axes[0]) == [(0.5, "o", True)]
    assert {"-", "tess, 560 clips, nothing published on it"} <= text_in(drawn[0])


def test_the_rarest_hue_of_a_ladder_is_still_in_the_saved_picture(tmp_path, drawn):
    from matplotlib.colors import to_rgb
    from PIL import Image

    hard = [rung(f"system-{i}", protocol=p) for i in range(15) for p in ("paper", "speaker")]
    pictures.ladder([rung(protocol="text"), *hard], tmp_path / "l.png", "title")
    with Image.open(tmp_path / "l.png") as picture:
        assert picture.mode == "P"
        pixels = np.asarray(picture.convert("RGB"), int)
    (label,) = (text for text in texts(drawn[0]) if text.get_text() == "text")
    hue = 255 * np.array(to_rgb(label.get_color()))
    assert np.abs(pixels - hue).max(axis=-1).min() <= 8


def test_a_ladder_of_twenty_systems_stays_legible(tmp_path, drawn):
    names = [*recipes.names(), *(f"{name[:26]}-again" for name in recipes.names())][:20]
    rungs = [
        rung(name, "ravdess+savee+tess (synthetic)", protocol, 0.9 - 0.13 * i)
        for k, name in enumerate(names)
        for i, protocol in enumerate(PROTOCOLS[: 1 + k % 7])
    ]
    pictures.ladder(rungs, tmp_path / "l.png", "title")
    assert set(names) <= text_in(drawn[0])
    assert len(marks(drawn[0].axes[0])) == 2 * len(rungs)
    boxes = texts(drawn[0])
    assert overlaps(boxes) == []
    for box in boxes.values():
        assert box.x0 >= 0
        assert box.x1 <= drawn[0].bbox.x1


def cells(ax):
    """Return the values of a grid as nested lists, NaN as None."""
    return [
        [None if np.isnan(value) else float(value) for value in row]
        for row in np.ma.filled(ax.get_images()[0].get_array(), np.nan)
    ]


def test_seen_and_unseen_speakers_and_texts_are_four_cells(tmp_path, drawn):
    values = {"paper": 0.95, "random": 0.9, "text": 0.8, "speaker": 0.4}
    rungs = [rung(protocol=protocol, value=value) for protocol, value in values.items()]
    pictures.speaker_text_grid(rungs, tmp_path / "g.png", "title")
    assert cells(drawn[0].axes[0]) == [[0.9, 0.8], [0.4, None]]
    words = {"0.900", "0.870 to 0.920", "best baseline 0.800", "random, 560 clips", "not measured"}
    assert words <= text_in(drawn[0])
    assert overlaps(texts(drawn[0])) == []


def test_the_paper_stands_where_no_random_split_was_measured(tmp_path, drawn):
    pictures.speaker_text_grid([rung(value=0.9)], tmp_path / "g.png", "title")
    assert cells(drawn[0].axes[0]) == [[0.9, None], [None, None]]
    assert "paper, 560 clips" in text_in(drawn[0])


def scored(protocol, speakers, n_texts, right, n=12):
    """Return n clips of each text by each speaker, of which the first `right` are right."""
    return pd.DataFrame(
        [
            (protocol, f"{s}-{t}-{k}", s, f"t{t}", "sad", "sad" if k < right else "happy")
            for s, t, k in itertools.product(speakers, range(n_texts), range(n))
        ],
        columns=["protocol", "path", "speaker", "text", "emotion", "predicted"],
        dtype="string",  # as a list of predictions is read
    )


def test_few_speakers_and_texts_have_a_grid_for_each_protocol(tmp_path, drawn):
    actors = [f"{i:02}" for i in range(1, 25)]
    clips = pd.concat(
        [scored("random", actors, 2, right=3, n=4), scored("speaker", actors[:5], 2, right=6)]
    )
    rungs = [rung(protocol="random", value=0.75), rung(protocol="speaker", value=0.5)]
    pictures.speaker_text_grid(rungs, tmp_path / "g.png", "title", clips=clips)
    _, seen, unseen, _ = drawn[0].axes
    assert cells(seen) == [[0.75, 0.75]] * 24
    assert cells(unseen) == [[0.5, 0.5]] * 5 + [[None, None]] * 19
    words = [text.get_text() for text in texts(drawn[0])]
    assert (words.count("75%"), words.count("of 4"), words.count("50%")) == (48, 48, 10)
    assert "of 12" not in words
    assert {"random", "speaker", "24", "t1"} <= set(words)
    assert overlaps(texts(drawn[0])) == []


def test_ten_speakers_of_ten_texts_do_not_overlap(tmp_path, drawn):
    four = ["random", "text", "speaker", "speaker-text"]
    clips = pd.concat([scored(p, list("abcdefghij"), 10, right=1, n=1) for p in four])
    rungs = [rung(protocol=protocol) for protocol in four]
    pictures.speaker_text_grid(rungs, tmp_path / "g.png", "title", clips=clips)
    assert len(drawn[0].axes) == 6
    assert overlaps(texts(drawn[0])) == []


@pytest.mark.parametrize(("speakers", "n_texts"), [(2, 200), (31, 2)])
def test_many_speakers_or_texts_have_no_grid_by_each(tmp_path, drawn, speakers, n_texts):
    clips = scored("random", [f"s{i}" for i in range(speakers)], n_texts, right=1, n=1)
    pictures.speaker_text_grid([rung(protocol="random")], tmp_path / "g.png", "title", clips=clips)
    assert len(drawn[0].axes) == 2


def test_unknown_texts_leave_the_grid_by_each_out(tmp_path, drawn):
    clips = scored("speaker", ["a", "b"], 2, right=1).assign(text=pd.NA)
    pictures.speaker_text_grid([rung(protocol="speaker")], tmp_path / "g.png", "title", clips=clips)
    assert len(drawn[0].axes) == 2
