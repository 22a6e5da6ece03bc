"""Pictures: what stands in them, that nothing overlaps, and that drawing leaves no trace."""

import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ser_keras import corpora, files, metrics, recipes, report
from ser_keras.corpora import Index
from ser_keras.errors import SerKerasError

EIGHT = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def history(epochs=12):
    epoch = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 2.0 / epoch,
            "accuracy": 1 - 0.8 / epoch,
            "val_loss": np.abs(epoch - 7) / 10 + 0.5,
            "val_accuracy": 0.9 - 0.7 / epoch,
        }
    )


def scores(labels=EIGHT, each=12_345):
    """Return scores of the widest counts that can be met, a tenth of them wrong."""
    truth = np.repeat(np.arange(len(labels)), 20)
    predicted = np.where(np.arange(len(truth)) % 10 == 0, (truth + 1) % len(labels), truth)
    some = metrics.score(truth, np.eye(len(labels))[predicted], labels)
    wide = (np.array(some.confusion) * each // 20).tolist()
    return metrics.Scores(**{**vars(some), "confusion": wide})


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that were drawn, with their layout done."""
    figures = []
    save = report._save

    def keep(figure, path):
        save(figure, path)
        figures.append(figure)

    monkeypatch.setattr(report, "_save", keep)
    return figures


def texts(figure):
    from matplotlib.text import Text

    unseen = set()  # ticks beyond the ends of an axis have a text too
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        unseen |= {t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high}
    visible = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return {t: t.get_window_extent() for t in visible if t not in unseen}


def overlaps(boxes):
    """Return the pairs of texts that lie over each other; tilted labels are judged by eye."""
    flat = [(t.get_text(), box) for t, box in boxes.items() if not t.get_rotation() % 90]
    return [
        (a, b)
        for (a, one), (b, two) in itertools.combinations(flat, 2)
        if one.shrunk(0.98, 0.9).overlaps(two.shrunk(0.98, 0.9))
    ]


def test_the_history_shows_both_curves_on_both_sides_and_the_best_epoch(tmp_path, drawn):
    report.training_history(history(), tmp_path / "h.png", "attention-tess on TESS")
    said = [t.get_text() for t in texts(drawn[0])]
    assert "attention-tess on TESS" in said
    assert {"Accuracy", "Loss", "training", "validation", "best epoch (7)"} <= set(said)
    assert said.count("Epoch") == 2
    assert "validation accuracy 0.800 at the best epoch" in said
    assert "validation loss 0.500 at the best epoch" in said
    assert overlaps(texts(drawn[0])) == []


def test_the_caller_says_which_epoch_was_kept(tmp_path, drawn):
    report.training_history(history(), tmp_path / "h.png", "title", best_epoch=12)
    assert "best epoch (12)" in [t.get_text() for t in texts(drawn[0])]


@pytest.mark.parametrize("epochs", [1, 2, 300])
def test_short_and_long_runs_are_drawn(tmp_path, drawn, epochs):
    report.training_history(history(epochs), tmp_path / "h.png", "title")
    assert overlaps(texts(drawn[0])) == []


def test_a_loss_that_overflowed_does_not_spoil_the_picture(tmp_path, drawn):
    table = history()
    table.loc[10, "val_loss"] = np.inf
    report.training_history(table, tmp_path / "h.png", "title")
    assert drawn[0].axes[1].get_ylim() == pytest.approx((0, 2.1))


@pytest.mark.parametrize("n_classes", [2, 4, 7, 8])
def test_the_matrix_names_every_class_and_nothing_overlaps(tmp_path, drawn, n_classes):
    report.confusion_matrix(scores(EIGHT[:n_classes]), tmp_path / "c.png", "TESS, synthetic data")
    said = [t.get_text() for t in texts(drawn[0])]
    for label in EIGHT[:n_classes]:
        assert label in said
        assert f"{label}\n12,345" in said or f"{label}\n12,344" in said
    assert said.count("90.0%") == n_classes
    assert {"Predicted emotion", "True emotion, number of clips"} <= set(said)
    assert overlaps(texts(drawn[0])) == []


def test_a_long_title_stays_inside_the_picture(tmp_path, drawn):
    title = "mel-cnn-aesdd-variable-corrected on AESDD, protocol speaker-text, fold 12, seed 3"
    report.confusion_matrix(scores(EIGHT[:2]), tmp_path / "c.png", title)
    figure = drawn[0]
    for box in texts(figure).values():
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_a_class_without_clips_is_an_empty_row(tmp_path, drawn):
    some = metrics.score([0, 0, 1], np.eye(3)[[0, 1, 1]], ("sad", "happy", "calm"))
    report.confusion_matrix(some, tmp_path / "c.png", "title")
    assert "calm\n0" in [t.get_text() for t in texts(drawn[0])]


def test_a_picture_is_a_png_and_the_same_twice(tmp_path):
    for name in ("a.png", "b.png"):
        report.confusion_matrix(scores(), tmp_path / name, "title")
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first == second
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_drawing_needs_neither_a_screen_nor_pyplot(tmp_path):
    code = (
        "import sys, pandas as pd; from ser_keras import report;"
        "assert 'matplotlib' not in sys.modules;"
        "h = pd.DataFrame({'epoch': [1], 'loss': [1.0], 'accuracy': [0.5], 'val_loss': [1.0],"
        " 'val_accuracy': [0.5]});"
        f"report.training_history(h, {str(tmp_path / 'h.png')!r}, 'title');"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


PICTURES = (
    "class_counts",
    "durations",
    "waveforms",
    "mel_spectrograms",
    "augmented_examples",
)


@pytest.fixture(scope="session")
def demo(cache):
    """The synthetic corpus that comes with the project."""
    corpus = corpora.get("demo")
    return corpus.index(corpus.find(files.DATA), cache=cache)


def some(index, **columns):
    """Return an index with columns replaced, of the clips for which `keep` is true."""
    keep = columns.pop("keep", slice(None))
    table = index.table[keep].reset_index(drop=True).assign(**columns)
    return dataclasses.replace(index, table=table.astype(index.table.dtypes))


def said(figure):
    return {text.get_text() for text in texts(figure)}


def test_a_corpus_is_explored_in_five_pictures_the_same_twice(demo, tmp_path, drawn):
    first = report.explore(demo, tmp_path / "a")
    second = report.explore(demo, tmp_path / "b")
    assert [path.name for path in first] == [f"{name}.png" for name in PICTURES]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        path.name for path in first
    )
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert one.read_bytes() == two.read_bytes()
    for figure in drawn:
        assert figure.get_suptitle().startswith("demo (synthetic): ")
        assert overlaps(texts(figure)) == []
    for figure in drawn[:4]:
        assert set(demo.table["emotion"]) <= said(figure)


def test_axes_have_their_units(demo, tmp_path, drawn):
    report.durations(demo, tmp_path / "d.png")
    report.waveforms(demo, tmp_path / "w.png")
    report.mel_spectrograms(demo, tmp_path / "m.png")
    power = "Power (dB, 0 is the clip's loudest)"
    assert "Duration (s)" in said(drawn[0])
    assert {"Amplitude\n(of full scale)", "Frequency (Hz)", "Time (s)", power} <= said(drawn[1])
    assert {"Frequency (Hz)", "Time (s)", power} <= said(drawn[2])
    for figure in drawn[1:]:
        images = [image for ax in figure.axes for image in ax.get_images()]
        assert {image.get_clim() for image in images} == {(-80.0, 0.0)}
        assert len({image.get_cmap().name for image in images}) == 1


def test_a_real_corpus_is_not_called_synthetic(tiny_index, tmp_path, drawn):
    report.class_counts(tiny_index, tmp_path / "c.png")
    assert drawn[0].get_suptitle() == "tess: clips per emotion"
    assert {"112 clips   7 emotions   2 speakers", "OAF", "YAF", "16", "8"} <= said(drawn[0])


def test_emotions_keep_the_order_of_the_vocabulary_and_others_follow(tiny_index, tmp_path, drawn):
    index = some(tiny_index, emotion=tiny_index.table["emotion"].replace("happy", "amused"))
    report.class_counts(index, tmp_path / "c.png")
    names = [tick.get_text() for tick in drawn[0].axes[0].get_yticklabels()]
    assert names == ["neutral", "sad", "angry", "fearful", "disgust", "surprised", "amused"]


@pytest.mark.parametrize("n_emotions", [1, 2, 5, 6])
def test_a_corpus_may_lack_emotions(tiny_index, tmp_path, drawn, n_emotions):
    emotions = sorted(set(tiny_index.table["emotion"]))[:n_emotions]
    index = some(tiny_index, keep=tiny_index.table["emotion"].isin(emotions))
    for draw in (report.class_counts, report.durations, report.waveforms, report.mel_spectrograms):
        draw(index, tmp_path / "p.png")
        assert set(emotions) <= said(drawn[-1])
        assert overlaps(texts(drawn[-1])) == []


def test_eight_emotions_of_many_speakers_do_not_overlap(tiny_index, tmp_path, drawn):
    clips = np.arange(len(tiny_index.table))
    emotion, speaker = [EIGHT[i % 8] for i in clips], [f"voice {i % 24:02}" for i in clips // 4]
    index = some(tiny_index, emotion=emotion, speaker=speaker)
    for draw in (report.class_counts, report.durations, report.waveforms, report.mel_spectrograms):
        draw(index, tmp_path / "p.png")
        assert set(EIGHT) <= said(drawn[-1])
        assert overlaps(texts(drawn[-1])) == []
    assert any("(12 speakers, 1 to 2 each)" in text for text in said(drawn[0]))


def test_speakers_need_not_be_known(tiny_index, tmp_path, drawn):
    index = some(tiny_index, speaker=pd.NA)
    report.class_counts(index, tmp_path / "c.png")
    report.mel_spectrograms(index, tmp_path / "m.png")
    assert "112 clips   7 emotions" in said(drawn[0])
    assert "OAF_back_sad" in said(drawn[1])


def test_speakers_take_turns_and_few_clips_leave_room(tiny_index, tmp_path, drawn):
    table = tiny_index.table
    three = table["path"].isin(table.loc[table["emotion"] == "sad", "path"].iloc[[0, 1, 9]])
    index = some(tiny_index, keep=three | (table["emotion"] == "happy"))
    report.mel_spectrograms(index, tmp_path / "m.png")
    titles = [ax.get_title(loc="left") for ax in drawn[0].axes if ax.get_images()]
    assert titles[:2] == ["OAF, OAF_back_happy", "YAF, YAF_back_happy"]
    assert titles[4:] == ["OAF, OAF_back_sad", "YAF, YAF_bar_sad", "OAF, OAF_bar_sad"]


def test_duplicates_are_counted_and_not_drawn(tiny_index, tmp_path, drawn):
    copies = [pd.NA] * len(tiny_index.table)
    copies[3] = tiny_index.table["path"][0]
    report.class_counts(some(tiny_index, duplicate_of=copies), tmp_path / "c.png")
    facts = "111 clips   7 emotions   2 speakers   1 duplicate left out"
    assert facts in said(drawn[0])


def test_a_clip_that_is_much_longer_hides_no_other(tiny_index, tmp_path, drawn):
    seconds = [3_600.0, *tiny_index.table["duration"][1:]]
    report.durations(some(tiny_index, duration=seconds), tmp_path / "d.png")
    low, high = drawn[0].axes[0].get_xlim()
    assert (low, high) == pytest.approx((0.0, 4.0), abs=0.5)
    assert any("1 longer than 3." in text for text in said(drawn[0]))


def test_clips_of_one_length_have_a_distribution(tiny_index, tmp_path, drawn):
    report.durations(some(tiny_index, duration=1.0), tmp_path / "d.png")
    assert "median 1.00 s\n1.00 to 1.00 s" in said(drawn[0])


def test_a_recipe_shows_its_own_augmentation(tiny_index, tmp_path, drawn):
    recipe = recipes.get("acnt-ravdess-corrected")
    report.augmented_examples(tiny_index, tmp_path / "a.png", recipe)
    words = " ".join(said(drawn[0])).replace("\n", " ")
    steps = ("noise-at-snr", "pitch-shift", "frequency-mask", "time-mask")
    for name in (*steps, "by acnt-ravdess-corrected", "all, each with probability 0.5"):
        assert name in words
    images = [image.get_array() for ax in drawn[0].axes for image in ax.get_images()]
    assert len(images) == 5 * 4
    assert images[0].shape[0] == recipe.features.n_mels
    assert not np.array_equal(images[0], images[1])
    assert overlaps(texts(drawn[0])) == []


def test_a_recipe_without_augmentation_shows_the_common_set(tiny_index, tmp_path, drawn):
    report.augmented_examples(tiny_index, tmp_path / "a.png", recipes.get("attention-tess"))
    assert drawn[0].get_suptitle() == "tess: augmented clips beside their originals"
    assert "image-shift-\nzoom-flip\n(disgust)" in said(drawn[0])


def test_coefficients_are_drawn_without_hertz(tiny_index, tmp_path, drawn):
    recipe = recipes.get("attention-tess").override({"augment.steps": "time-mask"})
    report.augmented_examples(tiny_index, tmp_path / "a.png", recipe)
    assert "Coefficient" in said(drawn[0])
    assert "Frequency (Hz)" not in said(drawn[0])


def test_a_clip_that_is_gone_is_named(tiny_index, tmp_path):
    index = Index("tess", tmp_path, tiny_index.table, [])
    with pytest.raises(SerKerasError, match=r"OAF_back_neutral\.wav: does not exist"):
        report.explore(index, tmp_path / "pictures")
