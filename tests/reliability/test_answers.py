"""When labels count, which emotions are possible, and what lies far from the training clips."""

import numpy as np
import pytest

from ser_keras import reliability
from ser_keras.errors import SerKerasError
from ser_keras.reliability import Reliability

LABELS = ("neutral", "happy", "sad")


def clips(n_speakers, per_speaker=40, sharpness=2.0, seed=0):
    """Return probabilities, truth and speakers; the truth is drawn from the probabilities."""
    rng = np.random.default_rng(seed)
    n = n_speakers * per_speaker
    probabilities = rng.dirichlet(np.full(3, 1 / sharpness), n)
    truth = np.array([rng.choice(3, p=p) for p in probabilities])
    return probabilities, truth, np.repeat([f"s{i}" for i in range(n_speakers)], per_speaker)


def test_answered_clips_are_right_more_often_and_half_of_them_are_answered():
    measured = reliability.measure(*clips(20))
    probabilities, truth, _ = clips(20, seed=1)
    answers = Reliability(plain=measured).answers(probabilities)
    right = probabilities.argmax(axis=1) == truth
    assert 0.45 < answers.mean() < 0.6
    assert right[answers].mean() > right.mean() + 0.1
    assert measured.overall < measured.right


def test_a_model_that_is_nearly_always_right_answers_everything():
    truth = np.arange(300) % 3
    probabilities = 0.1 + 0.7 * np.eye(3)[truth]
    probabilities[:3] = 0.1 + 0.7 * np.eye(3)[(truth[:3] + 1) % 3]  # 1 % wrong
    measured = reliability.measure(probabilities, truth, np.repeat(["a", "b"], 150))
    assert measured.answered == 1
    assert measured.right == 0.99


def test_clips_of_equal_margin_are_answered_together():
    probabilities = np.tile([0.5, 0.3, 0.2], (10, 1))
    measured = reliability.measure(probabilities, np.zeros(10, int), ["a"] * 10)
    assert measured.answered == 1
    assert Reliability(plain=measured).answers(probabilities).all()


def test_a_speaker_with_many_clips_weighs_no_more_than_another():
    shares = reliability.weights(np.array(["a"] * 9 + ["b", "c"]), np.array(["x"] * 10 + ["y"]))
    np.testing.assert_allclose(shares, [0.25 / 9] * 9 + [0.25, 0.5])


@pytest.mark.parametrize("coverage", reliability.COVERAGES)
def test_possible_emotions_hold_the_truth_of_new_speakers(coverage):
    known = Reliability(plain=reliability.measure(*clips(40)))
    probabilities, truth, _ = clips(40, seed=1)
    sets = [known.possible(row, LABELS, coverage) for row in probabilities]
    hits = np.mean([LABELS[t] in each for t, each in zip(truth, sets, strict=True)])
    assert hits > coverage - 0.03
    named = [LABELS[i] for i in probabilities.argmax(axis=1)]
    assert [each[0] for each in sets] == named


def test_the_limit_is_the_quantile_with_one_more_speaker_beyond_all_scores():
    # one clip of each of 4 speakers: 4/5 of the mass is finite, so 0.8 takes the greatest score
    probabilities = np.array([[0.6, 0.3, 0.1]] * 3 + [[0.5, 0.4, 0.1]])
    measured = reliability.measure(probabilities, [0, 0, 1, 2], list("abcd"))
    assert measured.limits == ((0.8, 0.9),)


def test_too_few_speakers_give_no_set_and_the_error_says_how_many_are_needed():
    known = Reliability(plain=reliability.measure(*clips(6)))
    assert known.coverages() == (0.8,)
    with pytest.raises(SerKerasError, match=r"19 new speakers at least, .* measured on 6.* 0\.8"):
        known.possible(np.array([0.5, 0.3, 0.2]), LABELS, 0.95)
    with pytest.raises(SerKerasError, match=r"is none of 0\.8, 0\.9, 0\.95"):
        known.possible(np.array([0.5, 0.3, 0.2]), LABELS, 0.7)


def test_an_adapted_model_has_a_threshold_of_its_own():
    plain, adapted = reliability.measure(*clips(5)), reliability.measure(*clips(5, sharpness=20))
    both = Reliability(plain=plain, adapted=adapted)
    assert both.of(True) is adapted
    assert Reliability(plain=plain).of(True) is plain


def test_where_nothing_was_measured_every_label_counts():
    assert Reliability().answers(np.full((2, 3), 1 / 3)).all()
    assert Reliability().note(np.zeros((4, 2))) == ""
    with pytest.raises(SerKerasError, match="measured on 0"):
        Reliability().possible(np.full(3, 1 / 3), LABELS)


def test_what_is_known_is_the_same_after_json():
    rng = np.random.default_rng(0)
    far = reliability.distance(rng.normal(size=(9, 1, 4)), list("aaabbbccc"), ["x"] * 9, True)
    known = Reliability(plain=reliability.measure(*clips(9)), distance=far, usual=2.5)
    assert Reliability.from_json(known.to_json()) == known
    assert Reliability.from_json({}) == Reliability()


def test_answers_are_the_same_after_json():
    answers = reliability.measure(*clips(9))
    assert reliability.Answers.from_json(answers.to_json()) == answers
