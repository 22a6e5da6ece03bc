import numpy as np
import pytest

from ser_keras.calibration import (
    AROUSED,
    CALM,
    SLOPES,
    TEMPERATURES,
    Arousal,
    area_under_curve,
    aroused,
    logistic,
    sharpen,
    temperature,
)
from ser_keras.corpora.emotions import VOCABULARY
from ser_keras.errors import SerKerasError


def drawn(n=4000, classes=4, seed=0):
    """Return probabilities that are right as often as they say, and the classes drawn from them."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (probabilities.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return probabilities, np.minimum(truth, classes - 1)


def log_loss(probabilities, truth):
    return -np.log(probabilities[np.arange(len(truth)), truth]).mean()


@pytest.mark.parametrize("off", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_that_probabilities_are_too_sure_or_too_shy(off):
    probabilities, truth = drawn()
    assert temperature(sharpen(probabilities, off), truth) == pytest.approx(1 / off, rel=0.06)


def test_no_other_temperature_has_less_log_loss():
    probabilities, truth = drawn(300)
    best = temperature(probabilities, truth)
    least = log_loss(sharpen(probabilities, best), truth)
    for other in np.geomspace(*TEMPERATURES, 200):
        assert log_loss(sharpen(probabilities, other), truth) >= least - 1e-9


def test_a_clip_of_weight_two_counts_as_two_clips():
    probabilities, truth = drawn(50)
    weights = np.random.default_rng(1).integers(0, 3, 50)
    twice = temperature(np.repeat(probabilities, weights, axis=0), np.repeat(truth, weights))
    assert temperature(probabilities, truth, weights) == pytest.approx(twice, rel=1e-3)


def test_the_temperature_stays_in_its_range():
    always_right, always_wrong = np.array([[0.9, 0.1]] * 5), np.array([[1.0, 0.0]] * 5)
    assert TEMPERATURES[0] <= temperature(always_right, [0] * 5) < 0.1  # less makes no difference
    assert temperature(always_wrong, [1] * 5) == pytest.approx(TEMPERATURES[1], rel=1e-3)


@pytest.mark.parametrize(
    ("probabilities", "truth", "weights"),
    [(np.empty((0, 2)), [], None), (np.full((2, 2), 0.5), [0], None), ([[0.5, 0.5]], [0], [0])],
)
def test_a_temperature_needs_a_true_emotion_for_each_clip(probabilities, truth, weights):
    with pytest.raises(SerKerasError, match="Give one for a clip"):
        temperature(probabilities, truth, weights)


@pytest.mark.parametrize("degree", [*TEMPERATURES, 0.7, 3.0])
def test_a_temperature_keeps_labels_sums_and_dtype(degree):
    probabilities = np.random.default_rng(0).dirichlet([0.2] * 7, size=500).astype(np.float32)
    changed = sharpen(probabilities, degree)
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(changed.argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(changed.sum(axis=1), 1, atol=1e-6)


def test_what_is_no_probability_becomes_finite_numbers():
    strange = np.array([[0, 0, 0], [-1, -2, -3], [1e30, 1, 0], [1, 0, 0]], np.float32)
    for degree in TEMPERATURES:
        assert np.isfinite(sharpen(strange, degree)).all()
    for arousal in (Arousal(("a",)), Arousal(("a", "b"), slope=100, offset=-100)):
        measured = arousal.measure(strange, ("a", "b", "c"))
        assert ((measured >= 0) & (measured <= 1)).all()


def test_arousal_is_the_sigmoid_of_the_scaled_log_odds():
    arousal = Arousal(("happy", "angry"), slope=0.5, offset=0.25)
    probabilities = np.array([0.1, 0.2, 0.3, 0.4])
    measured = arousal.measure(probabilities, ("sad", "angry", "happy", "neutral"))
    assert measured == pytest.approx(1 / (1 + np.exp(-(0.5 * np.log(0.5 / 0.5) + 0.25))))
    assert Arousal(**arousal.to_json()) == arousal


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"emotions": ()}, "arousal.emotions: are none"),
        ({"slope": -1.0}, "arousal.slope"),
        ({"offset": float("nan")}, "arousal.offset"),
    ],
)
def test_arousal_of_nothing_or_without_bounds_is_refused(changes, words):
    with pytest.raises(SerKerasError, match=words):
        Arousal(**{"emotions": ("angry",), **changes})


def test_the_logistic_fit_finds_the_curve_that_drew_the_clips():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(1.7 * scores - 0.6)))
    assert logistic(scores, truth) == pytest.approx((1.7, -0.6), abs=0.06)


def test_the_logistic_fit_is_finite_where_the_score_tells_all():
    slope, offset = logistic([-1, -2, -3, 1, 2, 3], [False] * 3 + [True] * 3)
    assert 0 < slope < SLOPES[1]
    assert offset == pytest.approx(0, abs=1e-3)


def test_a_score_that_is_lower_for_aroused_clips_gets_no_negative_slope():
    assert logistic([-1, -2, 2, 1.5], [True, True, False, False])[0] == 0


@pytest.mark.parametrize(
    ("truth", "words"), [([True, True], "of one kind only"), ([True], "2 scores and 1 truths")]
)
def test_the_logistic_fit_needs_clips_of_both_kinds(truth, words):
    with pytest.raises(SerKerasError, match=words):
        logistic([0.5, 1.0], truth)


def test_each_emotion_of_the_vocabulary_is_aroused_or_calm_or_neither():
    values = dict(zip(VOCABULARY, aroused(VOCABULARY), strict=True))
    assert {name for name, value in values.items() if value == 1} == set(AROUSED)
    assert {name for name, value in values.items() if value == 0} == set(CALM)
    assert {name for name, value in values.items() if np.isnan(value)} == {"disgust", "bored"}


def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    scores, truth = rng.integers(0, 9, 60), rng.random(60) < 0.4
    pairs = scores[truth][:, None] - scores[~truth]
    assert area_under_curve(scores, truth) == pytest.approx(
        ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    )
