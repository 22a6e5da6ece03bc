"""Attention beside the clips that it belongs to."""

import dataclasses

import numpy as np
import pytest

from ser_keras import pictures, recipes
from tests.pictures.reading import EIGHT, overlaps, text_in, texts


def attended(index, steps, recipe, over_time):
    """Return weights of each clip of the index, more on the first step than on the others."""
    table = index.table
    weights = np.full((len(table), steps), 0.5 / (steps - 1), np.float32)
    weights[:, 0] = 0.5
    return pictures.Attention(
        weights=weights,
        paths=[index.locate(path) for path in table["path"]],
        emotions=list(table["emotion"]),
        features=recipes.get(recipe).features,
        rows=16,
        over_time=over_time,
    )


def test_attention_over_time_stands_at_the_seconds_of_its_steps(tiny_index, tmp_path, drawn):
    weighted = attended(tiny_index, 9, "attention-tess-corrected", over_time=True)
    pictures.attention(weighted, tmp_path / "a.png", "attention-tess-corrected on tess")
    step = 16 * 512 / 22_050
    bars = drawn[0].axes[0]
    assert {"neutral", "Weight"} <= {bars.get_title("left"), bars.get_ylabel()}
    # the clip lasts 0.9 s, of which the network skips 0.5: two steps begin before its end
    assert [p.get_x() for p in bars.patches[:2]] == pytest.approx([0.5, 0.5 + step])
    assert [p.get_height() for p in bars.patches[:2]] == pytest.approx([0.5, 0.0625])
    assert {"Time in the recording (s)", "Frequency (Hz)", "0.50 to\n0.87 s"} <= text_in(drawn[0])
    assert any(text.startswith("A step lasts 0.37 s") for text in text_in(drawn[0]))
    means = drawn[0].axes[-2].get_images()[0].get_array()
    assert means.shape == (7, 9)
    np.testing.assert_allclose(means[:, 0], 0.5)
    assert overlaps(texts(drawn[0])) == []


def test_attention_over_coefficients_names_them_and_claims_no_time(tiny_index, tmp_path, drawn):
    weighted = attended(tiny_index, 3, "attention-tess", over_time=False)
    pictures.attention(weighted, tmp_path / "a.png", "attention-tess on tess")
    bars = drawn[0].axes[1]
    spans = [(p.get_y(), p.get_y() + p.get_height()) for p in bars.patches]
    assert spans == [(-0.5, 15.5), (15.5, 31.5), (31.5, 39.5)]
    assert [p.get_width() for p in bars.patches] == pytest.approx([0.5, 0.25, 0.25])
    words = text_in(drawn[0])
    assert {"coefficients\n0 to 15", "coefficients\n32 to 39", "Coefficient"} <= words
    assert "Step: a group of coefficients, not time" in words
    assert any("these weights say nothing about time" in text for text in words)
    assert overlaps(texts(drawn[0])) == []


@pytest.mark.parametrize("over_time", [True, False])
def test_long_names_of_clips_do_not_run_into_the_emotions(tiny_index, tmp_path, drawn, over_time):
    recipe = "attention-tess-corrected" if over_time else "attention-tess"
    weighted = attended(tiny_index, 9 if over_time else 3, recipe, over_time=over_time)
    links = [tmp_path / f"03-01-08-01-01-02-{i:03}.wav" for i in range(len(weighted.paths))]
    for link, path in zip(links, weighted.paths, strict=True):
        link.symlink_to(path)
    emotions = ["surprised", *weighted.emotions[1:]]
    weighted = dataclasses.replace(weighted, paths=links, emotions=emotions)
    pictures.attention(weighted, tmp_path / "a.png", "title")
    assert overlaps(texts(drawn[0])) == []


def test_steps_after_the_longest_clip_are_left_out_and_eight_emotions_fit(
    tiny_index, tmp_path, drawn
):
    weighted = attended(tiny_index, 9, "attention-tess-corrected", over_time=True)
    weights = np.where(np.arange(9) < 4, weighted.weights, 0)
    emotions = [EIGHT[i % 8] for i in range(len(weights))]
    weighted = dataclasses.replace(weighted, weights=weights, emotions=emotions)
    pictures.attention(weighted, tmp_path / "a.png", "title")
    assert drawn[0].axes[-2].get_images()[0].get_array().shape == (8, 4)
    assert set(EIGHT) <= text_in(drawn[0])
    assert overlaps(texts(drawn[0])) == []


def test_many_short_steps_have_no_numbers(tiny_index, tmp_path, drawn):
    weighted = attended(tiny_index, 65, "attention-tess-corrected", over_time=True)
    weighted = dataclasses.replace(weighted, rows=2)
    pictures.attention(weighted, tmp_path / "a.png", "title")
    assert overlaps(texts(drawn[0])) == []
