"""Counts and durations of the clips of a corpus, and all of its pictures together."""

import numpy as np
import pandas as pd
import pytest

from ser_keras import pictures
from ser_keras.corpora import Index
from ser_keras.errors import SerKerasError
from tests.pictures.reading import EIGHT, changed, overlaps, text_in, texts

PICTURES = (
    "class_counts",
    "durations",
    "waveforms",
    "mel_spectrograms",
    "augmented_examples",
)


def test_a_corpus_is_explored_in_five_pictures_the_same_twice(demo, tmp_path, drawn):
    first = pictures.explore(demo, tmp_path / "a")
    second = pictures.explore(demo, tmp_path / "b")
    assert [path.name for path in first] == [f"{name}.png" for name in PICTURES]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        path.name for path in first
    )
    for path, again in zip(first, second, strict=True):
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert path.read_bytes() == again.read_bytes()
    for figure in drawn:
        assert figure.get_suptitle().startswith("demo (synthetic): ")
        assert overlaps(texts(figure)) == []
    for figure in drawn[:4]:
        assert set(demo.table["emotion"]) <= text_in(figure)


def test_a_real_corpus_is_not_called_synthetic(tiny_index, tmp_path, drawn):
    pictures.class_counts(tiny_index, tmp_path / "c.png")
    assert drawn[0].get_suptitle() == "tess: clips per emotion"
    assert {"112 clips   7 emotions   2 speakers", "OAF", "YAF", "16", "8"} <= text_in(drawn[0])


def test_emotions_keep_the_order_of_the_vocabulary_and_others_follow(tiny_index, tmp_path, drawn):
    index = changed(tiny_index, emotion=tiny_index.table["emotion"].replace("happy", "amused"))
    pictures.class_counts(index, tmp_path / "c.png")
    names = [tick.get_text() for tick in drawn[0].axes[0].get_yticklabels()]
    assert names == ["neutral", "sad", "angry", "fearful", "disgust", "surprised", "amused"]


@pytest.mark.parametrize(
    "n_emotions", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 5, 6))]
)
def test_a_corpus_may_lack_emotions(tiny_index, tmp_path, drawn, n_emotions):
    emotions = sorted(set(tiny_index.table["emotion"]))[:n_emotions]
    index = changed(tiny_index, where=tiny_index.table["emotion"].isin(emotions))
    for draw in (
        pictures.class_counts,
        pictures.durations,
        pictures.waveforms,
        pictures.mel_spectrograms,
    ):
        draw(index, tmp_path / "p.png")
        assert set(emotions) <= text_in(drawn[-1])
        assert overlaps(texts(drawn[-1])) == []


@pytest.mark.slow
def test_eight_emotions_of_many_speakers_do_not_overlap(tiny_index, tmp_path, drawn):
    clips = np.arange(len(tiny_index.table))
    emotion, speaker = [EIGHT[i % 8] for i in clips], [f"voice {i % 24:02}" for i in clips // 4]
    index = changed(tiny_index, emotion=emotion, speaker=speaker)
    for draw in (
        pictures.class_counts,
        pictures.durations,
        pictures.waveforms,
        pictures.mel_spectrograms,
    ):
        draw(index, tmp_path / "p.png")
        assert set(EIGHT) <= text_in(drawn[-1])
        assert overlaps(texts(drawn[-1])) == []
    assert any("(12 speakers, 1 to 2 each)" in text for text in text_in(drawn[0]))


def test_speakers_need_not_be_known(tiny_index, tmp_path, drawn):
    index = changed(tiny_index, speaker=pd.NA)
    pictures.class_counts(index, tmp_path / "c.png")
    pictures.mel_spectrograms(index, tmp_path / "m.png")
    assert "112 clips   7 emotions" in text_in(drawn[0])
    assert "OAF_back_sad" in text_in(drawn[1])


def test_duplicates_are_counted_and_not_drawn(tiny_index, tmp_path, drawn):
    copies = [pd.NA] * len(tiny_index.table)
    copies[3] = tiny_index.table["path"][0]
    pictures.class_counts(changed(tiny_index, duplicate_of=copies), tmp_path / "c.png")
    facts = "111 clips   7 emotions   2 speakers   1 duplicate left out"
    assert facts in text_in(drawn[0])


def test_a_clip_that_is_much_longer_hides_no_other(tiny_index, tmp_path, drawn):
    seconds = [3_600.0, *tiny_index.table["duration"][1:]]
    pictures.durations(changed(tiny_index, duration=seconds), tmp_path / "d.png")
    low, high = drawn[0].axes[0].get_xlim()
    assert (low, high) == pytest.approx((0.0, 4.0), abs=0.5)
    assert any("not shown: 1 longer than 3." in text for text in text_in(drawn[0]))


def test_clips_of_one_length_have_a_distribution(tiny_index, tmp_path, drawn):
    pictures.durations(changed(tiny_index, duration=1.0), tmp_path / "d.png")
    assert "median 1.00 s\n1.00 to 1.00 s" in text_in(drawn[0])


def test_a_clip_that_is_gone_is_named(tiny_index, tmp_path):
    index = Index("tess", tmp_path, tiny_index.table, [])
    with pytest.raises(SerKerasError, match=r"OAF_back_neutral\.wav: does not exist"):
        pictures.explore(index, tmp_path / "pictures")
