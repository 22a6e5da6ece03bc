"""The filter that the web page repeats, compared with soxr."""

import numpy as np
import pytest
import soxr

from ser_keras import audio
from ser_keras.errors import SerKerasError


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("new_rate", [16_000, 22_050])
def test_it_equals_soxr_to_70_db(voice, rate, new_rate):
    samples = voice(200, 1.0, rate)
    made = audio.resample_sinc(samples, rate, new_rate)
    expected = soxr.resample(samples, rate, new_rate, quality="HQ")
    inside = slice(300, min(len(made), len(expected)) - 300)
    difference = np.abs(made[inside] - expected[inside]).max()
    assert difference < 10 ** (-70 / 20) * np.abs(samples).max()


def test_it_has_the_length_of_the_other_way_to_resample(voice):
    samples = voice(200, 0.77, 44_100)
    made = audio.resample_sinc(samples, 44_100, 22_050)
    assert len(made) == len(audio.from_samples(samples, 44_100, 22_050))


def test_a_rate_with_many_phases_takes_the_nearest_place():
    tone = np.sin(2 * np.pi * 300 / 44_101 * np.arange(44_101)).astype(np.float32)
    made = audio.resample_sinc(tone, 44_101, 22_050)
    expected = np.sin(2 * np.pi * 300 / 22_050 * np.arange(22_050))
    assert np.abs(made - expected)[200:-200].max() < 1e-4


def test_the_same_rate_changes_nothing_and_a_strange_one_is_refused(voice):
    samples = voice(200, 0.1)
    assert (audio.resample_sinc(samples, 22_050, 22_050) == samples).all()
    with pytest.raises(SerKerasError, match="rate"):
        audio.resample_sinc(samples, 22_050, 5)
