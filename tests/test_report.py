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
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig

    def keep(figure, *args, **options):
        save(figure, *args, **options)
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
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
    flat = {t: box.shrunk(0.98, 0.9) for t, box in boxes.items() if not t.get_rotation() % 90}
    names = [t.get_text() for t in flat]
    x0, y0, x1, y1 = np.array([box.extents for box in flat.values()]).T
    apart = (x1[:, None] < x0) | (y1[:, None] < y0)  # one ends before the other begins
    pairs = np.argwhere(np.triu(~(apart | apart.T), 1))
    return [(names[i], names[j]) for i, j in pairs]


def test_the_history_shows_both_curves_on_both_sides_and_the_best_epoch(tmp_path, drawn):
    report.training_history(history(), tmp_path / "h.png", "attention-tess on TESS", best_epoch=7)
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
    report.training_history(history(epochs), tmp_path / "h.png", "title", best_epoch=1)
    assert overlaps(texts(drawn[0])) == []


def test_a_loss_that_overflowed_does_not_spoil_the_picture(tmp_path, drawn):
    table = history()
    table.loc[10, "val_loss"] = np.inf
    report.training_history(table, tmp_path / "h.png", "title", best_epoch=1)
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
        f"report.training_history(h, {str(tmp_path / 'h.png')!r}, 'title', best_epoch=1);"
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


def sure(confidence, hits, n):
    """Return scores of n clips of two classes, all of one confidence, so many of them right."""
    truth = [0] * hits + [1] * (n - hits)
    return metrics.score(truth, np.tile([confidence, 1 - confidence], (n, 1)), ("sad", "happy"))


def test_reliability_tells_accuracy_beside_confidence_and_how_many_clips(tmp_path, drawn):
    some = sure(0.9, hits=12, n=20)
    report.reliability(some, tmp_path / "r.png", "attention-tess on tess, test")
    upper, lower = drawn[0].axes
    (bar,), (count,) = upper.patches, lower.patches
    assert bar.get_height() == pytest.approx(0.6)
    assert (bar.get_x(), bar.get_width()) == pytest.approx((13 / 15, 1 / 15))
    assert count.get_height() == 20
    spans = sorted(sorted(c.get_segments()[0][:, 1]) for c in upper.collections)
    # Wilson's interval of 12 in 20, and the gap between accuracy and confidence
    np.testing.assert_allclose(spans, [[0.387, 0.781], [0.6, 0.9]], atol=5e-4)
    assert {"20", "Accuracy", "Clips"} <= said(drawn[0])
    assert any("20 clips   expected calibration error 0.300" in text for text in said(drawn[0]))


def test_reliability_of_many_bins_does_not_overlap(tmp_path, drawn):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.5] * 8, size=2_000)
    some = metrics.score(rng.integers(0, 8, 2_000), probabilities, EIGHT)
    for one in some.calibration["bins"]:
        one["n"] = 12_345
    report.reliability(some, tmp_path / "r.png", "title")
    assert len(drawn[0].axes[0].patches) == len(some.calibration["bins"]) > 10
    assert overlaps(texts(drawn[0])) == []


PROTOCOLS = ("paper", "random", "text", "speaker", "speaker-emobox", "speaker-text", "corpus")


def rung(recipe="attention-tess", corpus="tess", protocol="paper", value=0.5, **changes):
    facts = {"low": value - 0.03, "high": value + 0.02, "n": 560, "baseline": value - 0.1}
    facts |= {"chance": 1 / 7, "published": 0.9}
    return report.Rung(recipe, corpus, protocol, value, **{**facts, **changes})


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
    report.ladder(rungs, tmp_path / "l.png", "title")
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
    assert words | {"paper", "speaker", "published", "chance"} <= said(drawn[0])


def test_a_ladder_without_baseline_or_published_figure_says_so(tmp_path, drawn):
    report.ladder([rung(baseline=None, published=None)], tmp_path / "l.png", "title")
    assert marks(drawn[0].axes[0]) == [(0.5, "o", True)]
    assert {"-", "tess, 560 clips, nothing published"} <= said(drawn[0])


def test_the_rarest_hue_of_a_ladder_survives_the_way_onto_the_disk(tmp_path):
    from PIL import Image, ImageColor

    hard = [rung(f"system-{i}", protocol=p) for i in range(15) for p in ("paper", "speaker")]
    report.ladder([rung(protocol="text"), *hard], tmp_path / "l.png", "title")
    with Image.open(tmp_path / "l.png") as picture:
        assert picture.mode == "P"
        pixels = np.asarray(picture.convert("RGB"), int)
    apart = np.abs(pixels - ImageColor.getrgb(report._ladder._MARKS["text"][0])).max(axis=-1)
    assert apart.min() <= 8


def test_a_ladder_of_twenty_systems_stays_legible(tmp_path, drawn):
    names = [*recipes.names(), *(f"{name[:26]}-again" for name in recipes.names())][:20]
    rungs = [
        rung(name, "ravdess+savee+tess (synthetic)", protocol, 0.9 - 0.13 * i)
        for k, name in enumerate(names)
        for i, protocol in enumerate(PROTOCOLS[: 1 + k % 7])
    ]
    report.ladder(rungs, tmp_path / "l.png", "title")
    assert set(names) <= said(drawn[0])
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
    report.speaker_text_grid(rungs, tmp_path / "g.png", "title")
    assert cells(drawn[0].axes[0]) == [[0.9, 0.8], [0.4, None]]
    words = {"0.900", "0.870 to 0.920", "best baseline 0.800", "random, 560 clips", "not measured"}
    assert words <= said(drawn[0])
    assert overlaps(texts(drawn[0])) == []


def test_the_paper_stands_where_no_random_split_was_measured(tmp_path, drawn):
    report.speaker_text_grid([rung(value=0.9)], tmp_path / "g.png", "title")
    assert cells(drawn[0].axes[0]) == [[0.9, None], [None, None]]
    assert "paper, 560 clips" in said(drawn[0])


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
    report.speaker_text_grid(rungs, tmp_path / "g.png", "title", clips=clips)
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
    report.speaker_text_grid(rungs, tmp_path / "g.png", "title", clips=clips)
    assert len(drawn[0].axes) == 6
    assert overlaps(texts(drawn[0])) == []


@pytest.mark.parametrize(("speakers", "n_texts"), [(2, 200), (31, 2)])
def test_many_speakers_or_texts_have_no_grid_by_each(tmp_path, drawn, speakers, n_texts):
    clips = scored("random", [f"s{i}" for i in range(speakers)], n_texts, right=1, n=1)
    report.speaker_text_grid([rung(protocol="random")], tmp_path / "g.png", "title", clips=clips)
    assert len(drawn[0].axes) == 2


def test_unknown_texts_leave_the_grid_by_each_out(tmp_path, drawn):
    clips = scored("speaker", ["a", "b"], 2, right=1).assign(text=pd.NA)
    report.speaker_text_grid([rung(protocol="speaker")], tmp_path / "g.png", "title", clips=clips)
    assert len(drawn[0].axes) == 2


def attended(index, steps, recipe, over_time):
    """Return weights of each clip of the index, more on the first step than on the others."""
    table = index.table
    weights = np.full((len(table), steps), 0.5 / (steps - 1), np.float32)
    weights[:, 0] = 0.5
    return report.Attention(
        weights=weights,
        paths=[index.locate(path) for path in table["path"]],
        emotions=list(table["emotion"]),
        features=recipes.get(recipe).features,
        rows=16,
        over_time=over_time,
    )


def test_attention_over_time_stands_at_the_seconds_of_its_steps(tiny_index, tmp_path, drawn):
    found = attended(tiny_index, 9, "attention-tess-corrected", over_time=True)
    report.attention(found, tmp_path / "a.png", "attention-tess-corrected on tess")
    step = 16 * 512 / 22_050
    bars = drawn[0].axes[0]
    assert {"neutral", "Weight"} <= {bars.get_title("left"), bars.get_ylabel()}
    # the clip lasts 0.9 s, of which the network skips 0.5: two steps begin before its end
    assert [p.get_x() for p in bars.patches[:2]] == pytest.approx([0.5, 0.5 + step])
    assert [p.get_height() for p in bars.patches[:2]] == pytest.approx([0.5, 0.0625])
    assert {"Time in the recording (s)", "Frequency (Hz)", "0.50 to\n0.87 s"} <= said(drawn[0])
    assert any(text.startswith("Steps of 0.37 s") for text in said(drawn[0]))
    means = drawn[0].axes[-2].get_images()[0].get_array()
    assert means.shape == (7, 9)
    np.testing.assert_allclose(means[:, 0], 0.5)
    assert overlaps(texts(drawn[0])) == []


def test_attention_over_coefficients_names_them_and_claims_no_time(tiny_index, tmp_path, drawn):
    found = attended(tiny_index, 3, "attention-tess", over_time=False)
    report.attention(found, tmp_path / "a.png", "attention-tess on tess")
    bars = drawn[0].axes[1]
    spans = [(p.get_y(), p.get_y() + p.get_height()) for p in bars.patches]
    assert spans == [(-0.5, 15.5), (15.5, 31.5), (31.5, 39.5)]
    assert [p.get_width() for p in bars.patches] == pytest.approx([0.5, 0.25, 0.25])
    words = said(drawn[0])
    assert {"coefficients\n0 to 15", "coefficients\n32 to 39", "Coefficient"} <= words
    assert "Step: a group of coefficients, not time" in words
    assert any("these weights tell nothing of when" in text for text in words)
    assert overlaps(texts(drawn[0])) == []


@pytest.mark.parametrize("over_time", [True, False])
def test_long_names_of_clips_do_not_run_into_the_emotions(tiny_index, tmp_path, drawn, over_time):
    recipe = "attention-tess-corrected" if over_time else "attention-tess"
    found = attended(tiny_index, 9 if over_time else 3, recipe, over_time=over_time)
    links = [tmp_path / f"03-01-08-01-01-02-{i:03}.wav" for i in range(len(found.paths))]
    for link, path in zip(links, found.paths, strict=True):
        link.symlink_to(path)
    emotions = ["surprised", *found.emotions[1:]]
    found = dataclasses.replace(found, paths=links, emotions=emotions)
    report.attention(found, tmp_path / "a.png", "title")
    assert overlaps(texts(drawn[0])) == []


def test_steps_that_no_clip_reaches_are_left_out_and_eight_emotions_fit(
    tiny_index, tmp_path, drawn
):
    found = attended(tiny_index, 9, "attention-tess-corrected", over_time=True)
    weights = np.where(np.arange(9) < 4, found.weights, 0)
    emotions = [EIGHT[i % 8] for i in range(len(weights))]
    found = dataclasses.replace(found, weights=weights, emotions=emotions)
    report.attention(found, tmp_path / "a.png", "title")
    assert drawn[0].axes[-2].get_images()[0].get_array().shape == (8, 4)
    assert set(EIGHT) <= said(drawn[0])
    assert overlaps(texts(drawn[0])) == []


def test_many_short_steps_are_told_by_colour(tiny_index, tmp_path, drawn):
    found = attended(tiny_index, 65, "attention-tess-corrected", over_time=True)
    found = dataclasses.replace(found, rows=2)
    report.attention(found, tmp_path / "a.png", "title")
    assert overlaps(texts(drawn[0])) == []
