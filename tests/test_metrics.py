"""Scores: against scikit-learn, against worked examples, and how wide the intervals are."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as reference

from ser_keras import metrics
from ser_keras.errors import SerKerasError

LABELS = ("angry", "happy", "sad", "neutral")


def certain(predicted, n_classes=4):
    """Return probabilities that are sure of `predicted`."""
    return np.eye(n_classes)[np.asarray(predicted)]


def predictions(n=240, seed=0, right=0.6):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    predicted = np.where(rng.random(n) < right, truth, rng.integers(0, 4, n))
    return truth, predicted


def of_420(right):
    """Return scores of two classes, `right` of 420 clips right, as a published test side."""
    truth = np.arange(420) % 2
    predicted = np.where(np.arange(420) < right, truth, 1 - truth)
    return metrics.score(truth, certain(predicted, 2), ["sad", "happy"])


def test_scores_equal_those_of_scikit_learn():
    truth, predicted = predictions()
    scores = metrics.score(truth, certain(predicted), LABELS)
    assert scores.n == 240
    assert scores.accuracy.value == reference.accuracy_score(truth, predicted)
    assert scores.uar.value == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    f1 = {a: reference.f1_score(truth, predicted, average=a) for a in ("macro", "weighted")}
    assert scores.macro_f1.value == pytest.approx(f1["macro"])
    assert metrics.accuracy(truth, predicted) == scores.accuracy.value
    assert metrics.uar(truth, predicted) == scores.uar.value
    assert metrics.macro_f1(truth, predicted, 4) == scores.macro_f1.value
    assert scores.weighted_f1 == pytest.approx(f1["weighted"])
    assert scores.confusion == reference.confusion_matrix(truth, predicted).tolist()
    report = reference.classification_report(
        truth, predicted, target_names=LABELS, output_dict=True, zero_division=0
    )
    for label in LABELS:
        expected = [report[label][key] for key in ("precision", "recall", "f1-score", "support")]
        assert list(scores.per_class[label].values()) == pytest.approx(expected)


def test_a_single_score_is_a_float():
    truth, predicted = [2, 2, 2, 0], [2, 2, 0, 0]
    values = {
        0.75: metrics.accuracy(truth, predicted),
        (2 / 3 + 1) / 2: metrics.uar(truth, predicted),
        (0.8 + 2 / 3) / 2: metrics.macro_f1(truth, predicted, 3),
    }
    for expected, value in values.items():
        assert type(value) is float
        assert value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("truth", "predicted"), [([], []), ([0, 1], [0]), ([[0], [1]], [[0], [1]])]
)
def test_a_single_score_needs_one_prediction_for_each_clip(truth, predicted):
    calls = [metrics.accuracy, metrics.uar, lambda t, p: metrics.macro_f1(t, p, 2)]
    for call in calls:
        with pytest.raises(SerKerasError, match=r"there are \d predictions for \d clips"):
            call(truth, predicted)


def test_scores_without_speakers_start_neither_pandas_nor_scikit_learn():
    program = (
        "import sys\nfrom ser_keras import metrics\n"
        "metrics.score([0, 1], [[0.9, 0.1], [0.2, 0.8]], ['sad', 'happy'])\n"
        "metrics.uar([0, 1], [0, 0])\n"
        "sys.exit(bool({'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_prediction_is_the_most_probable_class():
    probabilities = [[0.4, 0.35, 0.25, 0.0], [0.1, 0.2, 0.3, 0.4]]
    assert metrics.score([0, 2], probabilities, LABELS).confusion[2] == [0, 0, 0, 1]


def test_uar_leaves_out_emotions_without_clips_and_f1_those_never_predicted_either():
    truth, predicted = [0, 0, 0, 1], [0, 0, 2, 1]
    scores = metrics.score(truth, certain(predicted), LABELS)
    assert scores.uar.value == pytest.approx((2 / 3 + 1) / 2)
    assert scores.macro_f1.value == pytest.approx((0.8 + 1 + 0) / 3)
    assert scores.macro_f1.value == pytest.approx(
        reference.f1_score(truth, predicted, average="macro")
    )
    assert scores.per_class["neutral"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 0}


def test_the_interval_of_416_of_420_is_near_the_analytic_one():
    """The published value of mean-mfcc-lstm; Wilson's interval is 0.976 to 0.996."""
    estimate = of_420(416).accuracy
    wilson = binomtest(416, 420).proportion_ci(method="wilson")
    assert (round(wilson.low, 3), round(wilson.high, 3)) == (0.976, 0.996)
    assert estimate.value == pytest.approx(0.9905, abs=5e-5)
    assert abs(estimate.low - wilson.low) < 0.006  # quantiles are not centred at the edge of [0, 1]
    assert abs(estimate.high - wilson.high) < 0.003


def test_away_from_the_edge_the_interval_is_the_analytic_one():
    estimate = of_420(273).accuracy
    wilson = binomtest(273, 420).proportion_ci(method="wilson")
    assert estimate.low == pytest.approx(wilson.low, abs=0.004)  # 2,000 samples, steps of 1/420
    assert estimate.high == pytest.approx(wilson.high, abs=0.004)


@pytest.mark.parametrize("metric", ["accuracy", "uar", "macro_f1"])
def test_the_interval_is_that_of_resampling_clip_by_clip(metric):
    truth, predicted = predictions()
    ours = getattr(metrics.score(truth, certain(predicted), LABELS), metric)
    slow = {
        "accuracy": reference.accuracy_score,
        "uar": reference.balanced_accuracy_score,
        "macro_f1": lambda t, p: reference.f1_score(t, p, average="macro"),
    }[metric]
    rng = np.random.default_rng(1)
    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(400)]
    low, high = np.quantile([slow(truth[i], predicted[i]) for i in draws], (0.025, 0.975))
    assert ours.low == pytest.approx(low, abs=0.012)  # 400 samples: a deviation of 0.004
    assert ours.high == pytest.approx(high, abs=0.012)
    assert ours.low < ours.value < ours.high


@pytest.mark.parametrize(("right", "expected"), [(420, (0.9913, 1.0)), (0, (0.0, 0.0087))])
def test_a_perfect_score_still_has_an_interval(right, expected):
    scores = of_420(right)
    exact = binomtest(right, 420).proportion_ci(method="exact")
    assert (round(exact.low, 4), round(exact.high, 4)) == expected
    for estimate in (scores.accuracy, scores.uar, scores.macro_f1):
        assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high))


def test_speakers_that_differ_widen_the_interval():
    truth, speakers = np.zeros(240, dtype=int), np.repeat([f"s{i}" for i in range(6)], 40)
    wrong = np.arange(240) % 40 < np.repeat([0, 4, 8, 20, 30, 38], 40)
    by_clip = metrics.score(truth, certain(wrong.astype(int)), LABELS)
    by_speaker = metrics.score(truth, certain(wrong.astype(int)), LABELS, groups=speakers)
    width = {s.resampled_by: s.accuracy.high - s.accuracy.low for s in (by_clip, by_speaker)}
    assert by_clip.accuracy.value == by_speaker.accuracy.value
    assert width["clip"] == pytest.approx(0.125, abs=0.01)  # 2 * 1.96 * sqrt(p * q / 240)
    assert width["speaker"] == pytest.approx(0.54, abs=0.05)  # 3.92 * deviation of 6 / sqrt(6)


def test_speakers_that_do_not_differ_leave_the_interval_nearly_as_it_was():
    truth, predicted = predictions()
    clip = metrics.score(truth, certain(predicted), LABELS).uar
    speaker = metrics.score(truth, certain(predicted), LABELS, groups=np.arange(240) % 24).uar
    assert 0.8 < (speaker.high - speaker.low) / (clip.high - clip.low) < 1.6


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (None, "clip"),
        (["OAF", "YAF"] * 6, "clip"),
        (["DC", "JE", "JK"] * 4, "speaker"),
        (["DC", "JE", "JK", None] * 3, "clip"),
    ],
)
def test_speakers_are_resampled_if_three_or_more_are_known(groups, expected):
    truth = np.arange(12) % 4
    assert metrics.score(truth, certain(truth), LABELS, groups=groups).resampled_by == expected


def test_the_same_seed_gives_the_same_interval_and_another_one_nearly():
    truth, predicted = predictions()
    first, again, other = (
        metrics.score(truth, certain(predicted), LABELS, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.uar != other.uar
    assert first.uar.low == pytest.approx(other.uar.low, abs=0.01)


def test_calibration_by_hand():
    probabilities = [[0.95, 0.05], [0.95, 0.05], [0.62, 0.38], [0.5, 0.5]]
    calibration = metrics.score([0, 1, 0, 0], probabilities, ["sad", "happy"]).calibration
    assert [b["n"] for b in calibration["bins"]] == [1, 1, 2]
    assert calibration["bins"][2]["confidence"] == pytest.approx(0.95)
    assert calibration["bins"][2]["accuracy"] == 0.5
    assert calibration["bins"][2]["low"] == pytest.approx(14 / 15)
    assert calibration["ece"] == pytest.approx((0.5 + 0.38 + 2 * 0.45) / 4)


def test_confidence_that_equals_accuracy_has_no_calibration_error():
    probabilities = np.tile([0.75, 0.25], (400, 1))
    truth = np.arange(400) % 4 == 0
    scores = metrics.score(truth.astype(int), probabilities, ["sad", "happy"])
    assert scores.calibration["ece"] == pytest.approx(0)


def test_scores_survive_json_as_plain_values():
    truth, predicted = predictions()
    scores = metrics.score(truth, certain(predicted), LABELS, groups=np.arange(240) % 5)
    text = json.dumps(scores.to_json(), allow_nan=False)
    assert metrics.Scores.from_json(json.loads(text)) == scores


@pytest.mark.parametrize("change", [{"uar": None}, {"more": 1}, {"n": ...}])
def test_foreign_scores_are_refused(change):
    value = metrics.score([0, 1], certain([0, 1]), LABELS).to_json() | change
    value = {key: item for key, item in value.items() if item is not ...}
    with pytest.raises(SerKerasError, match="were not written by this version"):
        metrics.Scores.from_json(value)


@pytest.mark.parametrize(
    ("truth", "probabilities", "sentence"),
    [
        ([], np.zeros((0, 4)), "there are no clips to score"),
        ([0, 1], np.zeros((3, 4)), "2 clips of 4 classes do not fit"),
        ([0], np.zeros((1, 3)), "1 clips of 4 classes do not fit"),
        ([4], np.zeros((1, 4)), "a class index has no label"),
        ([-1], np.zeros((1, 4)), "a class index has no label"),
        ([0], np.full((1, 4), np.nan), "a probability is not between 0 and 1"),
        ([0], [[3.0, -1.0, 0.0, 0.0]], "a probability is not between 0 and 1"),
    ],
)
def test_input_that_does_not_fit_is_refused(truth, probabilities, sentence):
    with pytest.raises(SerKerasError, match=sentence):
        metrics.score(truth, probabilities, LABELS)


def test_each_clip_needs_a_speaker():
    with pytest.raises(SerKerasError, match="there are 1 speakers for 2 clips"):
        metrics.score([0, 1], certain([0, 1]), LABELS, groups=["A"])


def published(**changes):
    facts = {"value": 0.9905, "metric": "accuracy", "n": 420, "corpus": "tess", "protocol": "paper"}
    return SimpleNamespace(**(facts | changes))


@pytest.mark.parametrize(
    ("right", "expected"), [(416, "reproduced"), (400, "below"), (412, "reproduced")]
)
def test_a_published_value_inside_a_narrow_interval_is_reproduced(right, expected):
    assert metrics.verdict(of_420(right), published()) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.755, 0.85, "reproduced"),
        (0.745, 0.85, "not contradicted"),
        (0.47, 0.81, "not contradicted"),
        (0.81, 0.99, "above"),
        (0.41, 0.79, "below"),
    ],
)
def test_a_wide_interval_reproduces_nothing_that_it_holds(low, high, expected):
    ours = metrics.Estimate(0.8, low, high)
    assert metrics.verdict(ours, published(value=0.8)) == expected


def test_a_few_clips_do_not_contradict_a_published_value():
    truth = np.arange(40) % 2
    scores = metrics.score(truth, certain([*truth[:24], *1 - truth[24:]], 2), ["sad", "happy"])
    assert scores.accuracy.value == 0.6
    assert metrics.verdict(scores, published(value=0.6, n=40)) == "not contradicted"


@pytest.mark.parametrize("value", [0.2, 0.8, 0.99])
def test_a_changed_recipe_is_not_comparable_whatever_it_scored(value):
    ours = metrics.Estimate(0.8, 0.79, 0.81)
    assert metrics.verdict(ours, published(value=value), changed=True) == "not comparable"
    assert metrics.verdict(ours, None, changed=True) == "nothing published"


def test_a_published_value_below_the_interval_is_exceeded():
    assert metrics.verdict(metrics.Estimate(0.9, 0.88, 0.92), published(value=0.8)) == "above"


@pytest.mark.parametrize(
    ("change", "ours", "expected"),
    [
        ({"n": 560}, {}, "not comparable"),
        ({"metric": "weighted_f1"}, {}, "not comparable"),
        ({}, {"protocol": "random"}, "not comparable"),
        ({}, {"corpus": "ravdess"}, "not comparable"),
        ({}, {"protocol": "paper", "corpus": "tess"}, "reproduced"),
        ({"n": None, "protocol": None}, {"protocol": "random"}, "reproduced"),
        ({"corpus": ""}, {"corpus": "tess"}, "reproduced"),
        ({"value": None}, {}, "nothing published"),
    ],
)
def test_only_results_of_the_same_kind_are_compared(change, ours, expected):
    assert metrics.verdict(of_420(416), published(**change), **ours) == expected


def test_without_a_publication_there_is_nothing_to_compare():
    assert metrics.verdict(of_420(416), None) == "nothing published"


def test_mcnemar_by_hand():
    """On 10 clips one system alone is right, 9 to 1: p = 2 * (1 + 10) / 2**10."""
    truth = np.zeros(30, dtype=int)
    first = np.array([0] * 9 + [1] + [0] * 15 + [1] * 5)
    second = np.array([1] * 9 + [0] + [0] * 15 + [1] * 5)
    result = metrics.paired(truth, first, second)
    assert (result.n, result.first_only, result.second_only) == (30, 9, 1)
    assert result.p == pytest.approx(22 / 1024)


def test_systems_that_make_the_same_errors_do_not_differ():
    assert metrics.paired([0, 1], [0, 0], [0, 0]).p == 1.0
    with pytest.raises(SerKerasError, match="are not of the same clips"):
        metrics.paired([0, 1], [0, 0], [0])


def test_an_estimate_shows_its_interval():
    assert str(metrics.Estimate(0.99048, 0.9762, 0.9976)) == "0.990 [0.976, 0.998]"
