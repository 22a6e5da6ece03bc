"""Emotions over the time of one recording."""

import numpy as np
import pytest
from PIL import Image

from ser_keras import audio, pictures
from ser_keras.errors import SerKerasError
from ser_keras.prediction import NO_SPEECH, UNSURE, Prediction
from tests.pictures.reading import EIGHT, overlaps, text_in, texts

CLASSES = ("neutral", "happy", "sad")
TEN_SECONDS = (  # end, label, probabilities, arousal
    (2, "happy", (0.1, 0.7, 0.2), 0.75),
    (5, NO_SPEECH, (np.nan, np.nan, np.nan), None),
    (6, UNSURE, (0.4, 0.35, 0.25), 0.5),
    (10, "sad", (0.2, 0.2, 0.6), 0.25),
)


def segments(rows, labels=CLASSES, speakers=""):
    """Return predictions for rows of end, label, probabilities and arousal, one after another."""
    starts = [0, *(end for end, *_ in rows)]
    return [
        Prediction(
            file="a.wav",
            start=start,
            end=end,
            label=label,
            probabilities=dict(zip(labels, each, strict=True)),
            arousal=arousal,
            speaker=speakers[i % len(speakers)] if speakers and label != NO_SPEECH else "",
        )
        for i, (start, (end, label, each, arousal)) in enumerate(zip(starts, rows, strict=False))
    ]


def noise(seconds, sample_rate=1_000):
    """Return the envelope of noise."""
    envelope = audio.Envelope()
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * sample_rate))
    envelope.add(samples.astype(np.float32), sample_rate)
    return envelope


def long_recording():
    """Return segments of 3 hours: the first minute by hand, then many short ones."""
    rng = np.random.default_rng(0)
    ends = np.sort(rng.uniform(54, 10_800, 3_000)).tolist()
    names = rng.choice([*EIGHT, UNSURE, NO_SPEECH], 3_000).tolist()
    one = dict(zip(EIGHT, np.eye(8), strict=True))
    first = [  # columns of 13.5 seconds end at 13.5 and 27
        (4.0, "sad", one["sad"], 0.0),
        (9.0, "angry", one["angry"], 1.0),
        (13.0, "sad", one["sad"], 0.0),
        (21.0, NO_SPEECH, np.full(8, np.nan), None),
        (27.0, "happy", one["happy"], 0.5),
        (54.0, "calm", one["calm"], None),
    ]
    rest = [
        (end, name, np.full(8, np.nan if name == NO_SPEECH else 1 / 8), None)
        for end, name in zip([*ends[1:], 10_800.0], names, strict=True)
    ]
    return segments([*first, *rest], EIGHT, speakers="ABC")


def strip(figure):
    """Return (start, end) of the bars of each label."""
    return {
        bars.get_label(): [
            (path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()
        ]
        for bars in figure.axes[0].collections
    }


def steps(ax, label):
    """Return the values and the edges of the steps with a label."""
    (patch,) = [each for each in ax.patches if each.get_label() == label]
    return patch.get_data().values, patch.get_data().edges


def panel(figure, words):
    """Return the axes whose heading starts with words."""
    (ax,) = [each for each in figure.axes if each.get_title(loc="left").startswith(words)]
    return ax


def test_ten_seconds_are_drawn_to_their_exact_ends(tmp_path, drawn):
    path = tmp_path / "t.png"
    pictures.timeline(segments(TEN_SECONDS), path, sound=noise(10), title="demo on a.wav")
    (figure,) = drawn
    spans = {"happy": [(0, 2)], NO_SPEECH: [(2, 5)], UNSURE: [(5, 6)], "sad": [(6, 10)]}
    assert strip(figure) == spans
    values, edges = steps(panel(figure, "Probability"), "happy")  # on top of neutral
    np.testing.assert_allclose(edges, [0, 2, 5, 6, 10])
    np.testing.assert_allclose(values, [0.8, np.nan, 0.75, 0.4])
    values, _ = steps(panel(figure, "Arousal"), "arousal")
    np.testing.assert_allclose(values, [0.75, np.nan, 0.5, 0.25])
    assert {"0:00", "0:10", "Time (m:ss)", "demo on a.wav", "unsure"} <= text_in(figure)
    assert overlaps(texts(figure)) == []
    with Image.open(path) as picture:
        assert picture.width == 1_650
        assert 800 < picture.height < 1_200


def test_what_is_no_speech_is_grey_in_the_waveform(tmp_path, drawn):
    pictures.timeline(segments(TEN_SECONDS), tmp_path / "t.png", sound=noise(10), title="t")
    _, speech = panel(drawn[0], "Sound").collections
    where = np.concatenate([path.vertices[:, 0] for path in speech.get_paths()])
    assert not ((where > 2.01) & (where < 4.99)).any()
    assert {0, 1, 5, 6, 9} <= set(where.astype(int))


def test_panels_without_anything_to_show_are_left_out(tmp_path, drawn):
    rows = [(*row[:3], None) for row in TEN_SECONDS]
    pictures.timeline(segments(rows), tmp_path / "t.png", sound=noise(10), title="t")
    pictures.timeline(
        segments(TEN_SECONDS, speakers="AB"), tmp_path / "u.png", sound=noise(10), title="t"
    )
    assert [len(figure.axes) for figure in drawn] == [3, 5]
    voices = panel(drawn[1], "Voice")
    assert [text.get_text() for text in voices.get_yticklabels()] == ["B", "A"]
    lower, upper = (patch.get_data() for patch in voices.patches)
    np.testing.assert_allclose(upper.values, [1.8, np.nan, 1.8, np.nan])  # A: 0 to 2 s, 5 to 6 s
    np.testing.assert_allclose(upper.edges, [0, 2, 5, 6, 10])
    np.testing.assert_allclose(lower.values, [np.nan, 0.8])  # B: 6 to 10 s
    np.testing.assert_allclose(lower.edges, [0, 6, 10])


def test_three_hours_show_the_label_that_fills_most_of_each_column(tmp_path, drawn):
    predictions, sound = long_recording(), noise(10_800, 10)
    pictures.timeline(predictions, tmp_path / "t.png", sound=sound, title="demo on a.wav")
    (figure,) = drawn
    spans = strip(figure)
    assert spans["sad"][0] == pytest.approx((0, 13.5))  # 8 s, and angry only 5
    assert spans[NO_SPEECH][0] == pytest.approx((13.5, 27))  # 7.5 s, and happy only 6
    assert spans["calm"][0] == pytest.approx((27, 54))
    assert sum(map(len, spans.values())) <= 800
    shares = panel(figure, "Probability of each emotion (mean of the speech in each 13.5 s)")
    up_to_sad, edges = steps(shares, "sad")  # neutral, calm, happy, sad
    np.testing.assert_allclose(edges[:3], [0, 13.5, 27])
    np.testing.assert_allclose(up_to_sad[:2], [8 / 13, 1])  # without the half second of silence
    assert steps(shares, "happy")[0][:2].tolist() == pytest.approx([0, 1])
    assert steps(panel(figure, "Arousal"), "arousal")[0][:2] == pytest.approx([5 / 13, 0.5])
    assert {"0:00:00", "0:30:00", "3:00:00", "Time (h:mm:ss)"} <= text_in(figure)
    assert overlaps(texts(figure)) == []


def test_a_recording_without_any_speech_is_drawn(tmp_path, drawn):
    silent = audio.Envelope()
    silent.add(np.zeros(3_000, np.float32), 1_000)
    rows = [(3, NO_SPEECH, (np.nan, np.nan, np.nan), None)]
    pictures.timeline(segments(rows), tmp_path / "t.png", sound=silent, title="t")
    assert strip(drawn[0]) == {NO_SPEECH: [(0, 3)]}
    assert len(drawn[0].axes) == 3
    assert overlaps(texts(drawn[0])) == []


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (0.8, ["0:00.0", "0:00.1", "0:00.2"]),
        (61, ["0:00", "0:10", "0:20"]),
        (599.9, ["0:00", "1:00", "2:00"]),
        (86_400, ["0:00:00", "3:00:00", "6:00:00"]),
    ],
)
def test_ticks_are_at_round_times(tmp_path, drawn, seconds, ticks):
    rows = [(seconds, "sad", (0.2, 0.2, 0.6), None)]
    pictures.timeline(segments(rows), tmp_path / "t.png", sound=noise(seconds, 10), title="t")
    labels = [text.get_text() for text in drawn[0].axes[-1].get_xticklabels()]
    assert labels[:3] == ticks
    assert len(labels) <= 11


def test_emotions_outside_the_vocabulary_have_colours_of_their_own(tmp_path, drawn):
    labels = ("amused", "contempt", "sad")
    rows = [(3, "amused", (0.8, 0.1, 0.1), None), (9, "contempt", (0.1, 0.8, 0.1), None)]
    pictures.timeline(segments(rows, labels), tmp_path / "t.png", sound=noise(9), title="t")
    patches = panel(drawn[0], "Probability").get_legend().get_patches()
    colours = {each.get_label(): each.get_facecolor() for each in patches}
    assert list(colours) == ["sad", "contempt", "amused"]  # as the areas lie, from the top
    assert len(set(colours.values())) == 3


def test_a_timeline_refuses_no_segments_and_several_recordings(tmp_path):
    with pytest.raises(SerKerasError, match="are none"):
        pictures.timeline([], tmp_path / "t.png", sound=noise(1), title="t")
    two = segments(TEN_SECONDS)
    two += [Prediction("b.wav", 0, 1, "sad", two[0].probabilities)]
    with pytest.raises(SerKerasError, match="are of 2 recordings"):
        pictures.timeline(two, tmp_path / "t.png", sound=noise(1), title="t")
