import numpy as np
import pytest

from ser_keras.augment import (
    DecibelNoise,
    FrequencyMask,
    FrequencyShift,
    PitchShiftAlongTime,
    TimeMask,
    TimeShift,
)
from tests.augment.signals import picture, rng


def test_noise_in_decibel_has_the_given_deviation():
    noisy = DecibelNoise(deviation_db=2.0).apply(np.zeros((200, 100), np.float32), rng())
    assert noisy.std() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(("step", "axis"), [(FrequencyMask, 1), (TimeMask, 0)])
def test_a_mask_hides_one_stretch_of_its_own_axis(step, axis):
    frames = rng().normal(-40, 10, (60, 30)).astype(np.float32)
    widths = []
    for seed in range(200):
        masked = step(limit=(3, 12), fill=7.0).apply(frames, rng(seed)) == 7
        along, across = masked.any(axis=1 - axis), masked.any(axis=axis)
        covered = np.flatnonzero(along)
        widths.append(len(covered))
        if len(covered):
            assert across.all()
            assert masked.sum() == len(covered) * frames.shape[1 - axis]
            assert covered[-1] - covered[0] == len(covered) - 1
    assert min(widths) == 0
    assert 10 <= max(widths) <= 12


@pytest.mark.parametrize("step", [FrequencyMask, TimeMask])
def test_a_mask_has_the_given_level_and_may_be_wider_than_the_clip(step):
    frames = rng().normal(-40, 10, (3, 2)).astype(np.float32)
    for fill, level in (("floor", frames.min()), ("mean", frames.mean()), (0.0, 0.0)):
        results = [step(limit=(50, 50), fill=fill).apply(frames, rng(i)) for i in range(9)]
        assert any(np.array_equal(result, np.full_like(frames, level)) for result in results)


def test_shifts_move_their_own_axis_and_repeat_the_edge():
    frames = picture(4, 3)
    later = TimeShift(frames=(2, 2)).apply(frames, rng())
    np.testing.assert_array_equal(later, frames[[0, 0, 0, 1]])
    lower = FrequencyShift(bands=(-1, -1)).apply(frames, rng())
    np.testing.assert_array_equal(lower, frames[:, [1, 2, 2]])


def test_the_published_pitch_shift_smears_time_and_moves_no_band():
    frames = np.full((200, 4), -60, np.float32)
    frames[100:104, 2] = 0.0  # a short burst in one band
    smeared = PitchShiftAlongTime(semitones=(4.0, 4.0)).apply(frames, rng())
    assert smeared[:, 2].max() > -20
    assert smeared[:, [0, 1, 3]].max() < -50
    louder = np.flatnonzero(smeared[:, 2] > -50)
    assert len(louder) > 8  # the burst was 4 frames long
    assert smeared.min() == pytest.approx(smeared.max() - 80, abs=1e-3)  # power went below zero
