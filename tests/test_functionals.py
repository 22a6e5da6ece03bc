"""Functionals equal a slow reference, are finite for any clip, and find the pitch of a voice."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest

from ser_keras import audio, functionals
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec, extract
from ser_keras.functionals import tracks
from ser_keras.functionals.statistics import STATISTICS, summarise

RATE = tracks.SAMPLE_RATE
SPEC = FeatureSpec(kind="functionals")
NAMES = [feature.name for feature in functionals.FEATURES]


def numbers(samples) -> dict[str, float]:
    return dict(zip(NAMES, functionals.vector(samples)[0].tolist(), strict=True))


def tone(hz=220.0, seconds=1.0, level=0.3):
    return level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def buzz(f0, seconds=1.0, formants=(500.0, 1_500.0, 2_500.0)):
    """Return pulses at `f0` Hz through resonances: a vowel that does not change."""
    from scipy.signal import lfilter

    pulses = np.diff(np.floor(np.arange(int(seconds * RATE) + 1) * f0 / RATE))
    for hz in formants:
        pole = np.exp((-np.pi * 80 + 2j * np.pi * hz) / RATE)
        pulses = lfilter([1.0], [1, -2 * pole.real, abs(pole) ** 2], pulses)
    return 0.3 * pulses / np.abs(pulses).max()


def odd_clips():
    rng = np.random.default_rng(3)
    noise = 0.1 * rng.standard_normal(RATE)
    click = np.zeros(RATE)
    click[9_999] = 0.9
    return {
        "one sample": np.array([0.2]),
        "a few samples": noise[:300],
        "one frame": noise[: tracks.WINDOW],
        "two frames": noise[: tracks.WINDOW + tracks.HOP],
        "three frames": tone()[: tracks.WINDOW + 2 * tracks.HOP],
        "silence": np.zeros(RATE),
        "silence of one frame": np.zeros(tracks.WINDOW),
        "constant": np.full(RATE, 0.5),
        "a constant that float32 rounds": np.full(RATE, 0.1),
        "last bit of 16": np.sign(noise) * 2**-15,
        "unvoiced": noise,
        "clipped": np.clip(50 * tone(), -1, 1),
        "clipped at one side": np.maximum(tone(), 0),
        "click": click,
        "highest frequency": np.tile([0.5, -0.5], RATE // 2),
        "lowest frequency": tone(5.0),
        "pure tone": tone(),
        "loud": 2 * tone(440.0),
    }


@pytest.mark.parametrize("name", odd_clips())
def test_every_clip_gets_finite_numbers(name):
    clip = odd_clips()[name].astype(np.float32)
    with np.errstate(all="raise", under="ignore"):
        vector = functionals.vector(clip)
    assert vector.shape == (1, functionals.SIZE)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()
    assert np.abs(vector).max() < 1e7


def test_the_voice_of_an_unvoiced_clip_is_zero():
    measured = numbers(odd_clips()["unvoiced"])
    assert measured["voiced_share"] < 0.1
    assert numbers(np.zeros(RATE))["voiced_share"] == 0
    assert numbers(np.zeros(RATE))["f0_mean"] == 0


def test_each_number_has_a_name_a_unit_and_a_source():
    assert len(set(NAMES)) == functionals.SIZE
    units = {feature.unit for feature in functionals.FEATURES}
    assert units >= {"dB", "dB/s", "semitones", "kHz", "s", "1/s", "1"}
    assert not any("{" in unit for unit in units)
    assert {feature.source for feature in functionals.FEATURES} == {
        "ComParE",
        "eGeMAPS",
        "MPEG-7",
    }


def test_level_and_offset_change_one_number_alone(voice):
    clip = voice(180, 1.5)
    plain = numbers(clip)
    for factor, offset in ((0.05, 0.0), (3.0, 0.0), (1.0, 0.2)):
        other = numbers(factor * clip + np.float32(offset))
        assert other.pop("sound_level") - plain["sound_level"] == pytest.approx(
            20 * np.log10(factor), abs=0.01
        )
        for name, value in other.items():
            assert value == pytest.approx(plain[name], abs=0.01, rel=0.01), name


def test_silence_around_a_clip_changes_little(voice):
    clip = voice(150, 1.2)
    silence = np.zeros(5 * tracks.HOP, np.float32)
    padded = np.concatenate([silence, clip, silence])
    inside, around = tracks.measure(clip), tracks.measure(padded)
    assert len(inside.steady) <= len(around.steady) <= len(inside.steady) + 8
    assert around.voice[:, 0].mean() == pytest.approx(inside.voice[:, 0].mean(), abs=0.2)


def framed_spectra(samples):
    """Return frames and their power spectra one by one, of a clip that needs no trimming."""
    samples = samples - samples.mean()
    samples = samples / np.sqrt(np.mean(samples**2))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(tracks.WINDOW) / tracks.WINDOW)
    frames, spectra = [], []
    for start in range(0, len(samples) - tracks.WINDOW + 1, tracks.HOP):
        frame = samples[start : start + tracks.WINDOW]
        power = np.abs(np.fft.rfft(frame * window)) ** 2 / np.sum(window**2)
        power[:2] = 0
        frames.append(frame)
        spectra.append(power + 1e-6)
    return np.array(frames), np.array(spectra)


@pytest.fixture(scope="module")
def speech(voice):
    """Return a clip, loud at both ends, its tracks by name, and its frames and spectra."""
    clip = voice(140, 1.6).astype(np.float64)
    clip += 0.02 * np.random.default_rng(0).standard_normal(len(clip))
    clip = clip[: len(clip) - (len(clip) - tracks.WINDOW) % tracks.HOP]  # to whole frames
    names = [track.name for track in tracks.STEADY]
    measured = dict(zip(names, tracks.measure(clip).steady.T.astype(float), strict=True))
    frames, spectra = framed_spectra(clip)
    assert len(measured["level"]) == len(frames) > 64  # else no block of frames ends inside
    return measured, frames, spectra


def test_spectral_descriptors_equal_those_of_librosa(speech):
    librosa = pytest.importorskip("librosa")
    measured, _, spectra = speech
    spectra = spectra[:, 2:].T
    hz = np.fft.rfftfreq(tracks.WINDOW, 1 / RATE)[2:]
    feature = librosa.feature
    centroid = feature.spectral_centroid(S=spectra, freq=hz)[0] / 1_000
    np.testing.assert_allclose(measured["centroid"], centroid, rtol=1e-3)
    spread = feature.spectral_bandwidth(S=spectra, freq=hz)[0] / 1_000
    np.testing.assert_allclose(measured["spread"], spread, rtol=1e-3)
    for percent in (25, 50, 75, 90):
        edge = feature.spectral_rolloff(S=spectra, freq=hz, roll_percent=percent / 100)[0] / 1_000
        assert np.mean(np.abs(measured[f"rolloff_{percent}"] - edge) < 1e-3) > 0.98  # ties
    flatness = 10 * np.log10(feature.spectral_flatness(S=spectra, power=1.0)[0])
    np.testing.assert_allclose(measured["flatness"], flatness, atol=0.01)


def test_mel_bands_equal_those_of_librosa(speech):
    librosa = pytest.importorskip("librosa")
    measured, _, spectra = speech
    settings = {"n_mels": 26, "fmin": 50.0, "fmax": 8_000.0, "htk": True, "norm": None}
    filters = librosa.filters.mel(sr=RATE, n_fft=tracks.WINDOW, **settings)
    decibel = 10 * np.log10((spectra - 1e-6) @ filters.T + 1e-6)
    for band in range(26):
        np.testing.assert_allclose(measured[f"mel_{band + 1:02}"], decibel[:, band], atol=0.02)


def test_the_other_descriptors_equal_their_definition_frame_by_frame(speech):
    measured, frames, spectra = speech
    khz = np.fft.rfftfreq(tracks.WINDOW, 1 / RATE)[2:] / 1_000
    before = None
    for i, (frame, spectrum) in enumerate(zip(frames, spectra, strict=True)):
        power = spectrum[2:]
        share = power / power.sum()
        centroid = np.sum(share * khz)
        spread = np.sqrt(np.sum(share * (khz - centroid) ** 2))
        decibel = 10 * np.log10(power)
        inside = (khz >= 0.5) & (khz <= 1.5)
        low, middle = khz < 1, (khz >= 1) & (khz < 5)
        flux = 0 if before is None else np.sum((np.sqrt(share) - np.sqrt(before)) ** 2)
        crossings = np.sum((frame[1:] >= 0) != (frame[:-1] >= 0)) / tracks.WINDOW * RATE / 1_000
        expected = {
            "level": 10 * np.log10(power.mean()),
            "zero_crossings": (crossings, RATE / 1_000 / tracks.WINDOW),  # one at the first sample
            "skewness": np.sum(share * (khz - centroid) ** 3) / spread**3,
            "kurtosis": np.sum(share * (khz - centroid) ** 4) / spread**4,
            "slope_500_1500": np.polyfit(khz[inside], decibel[inside], 1)[0],
            "alpha_ratio": 10 * np.log10(power[low].sum() / power[middle].sum()),
            "hammarberg": decibel[khz < 2].max() - decibel[(khz >= 2) & (khz < 5)].max(),
            "flux": flux,
            "entropy": -np.sum(share * np.log(share)) / np.log(len(share)),
        }
        for name, value in expected.items():
            value, room = value if isinstance(value, tuple) else (value, 0)
            assert measured[name][i] == pytest.approx(value, rel=2e-3, abs=room + 2e-3), (name, i)
        before = share


def test_statistics_equal_numpy_and_scipy():
    from scipy import stats

    values = np.random.default_rng(1).gamma(2.0, 3.0, (83, 5)).astype(np.float32)
    at = np.arange(83)
    summary = summarise(values, at, 86.0, STATISTICS.values())
    seconds = at / 86.0
    steps = np.diff(values, axis=0)
    line = np.polyfit(seconds, values, 1)
    expected = {
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "skewness": stats.skew(values, axis=0),
        **{f"p{p:02}": np.percentile(values, p, axis=0) for p in (5, 25, 50, 75, 95)},
        "range": np.percentile(values, 95, axis=0) - np.percentile(values, 5, axis=0),
        "slope": line[0],
        "curvature": np.polyfit(at / 86.0, values, 2)[0],
        "rise": np.where(steps > 0, steps, 0).mean(axis=0) * 86.0,
        "fall": np.where(steps < 0, -steps, 0).mean(axis=0) * 86.0,
        "rising": (steps > 0).mean(axis=0),
    }
    assert expected.keys() == STATISTICS.keys()
    for row, name in zip(summary, STATISTICS, strict=True):
        np.testing.assert_allclose(row, expected[name], rtol=2e-3, atol=2e-3, err_msg=name)


def test_no_step_is_counted_across_a_gap():
    values = np.array([[0.0], [1.0], [9.0], [10.0]], np.float32)
    rise, fall = summarise(
        values, np.array([0, 1, 5, 6]), 1.0, map(STATISTICS.get, ("rise", "fall"))
    )
    assert (rise, fall) == (1, 0)


def test_the_tracks_of_a_long_clip_take_turns(monkeypatch):
    values = np.random.default_rng(1).normal(size=(50, 7)).astype(np.float32)
    whole = summarise(values, np.arange(50), 86.0, STATISTICS.values())
    monkeypatch.setattr("ser_keras.functionals.statistics._BLOCK_VALUES", 100)
    np.testing.assert_allclose(
        summarise(values, np.arange(50), 86.0, STATISTICS.values()), whole, rtol=1e-4, atol=1e-5
    )


def test_changes_are_a_regression_over_five_frames():
    values = np.random.default_rng(2).normal(size=(30, 2)).astype(np.float32)
    slopes = functionals.changes(values)
    assert slopes.shape == values.shape
    line = np.polyfit(np.arange(5) / tracks.FRAME_RATE, values[10:15], 1)[0]
    np.testing.assert_allclose(slopes[12], line, rtol=1e-4)


@pytest.mark.parametrize("f0", [70.0, 95.0, 133.3, 210.0, 305.0, 451.0, 640.0])
def test_the_pitch_of_a_vowel_is_found_within_a_twentieth_of_a_semitone(f0):
    measured = numbers(buzz(f0))
    assert measured["f0_p50"] == pytest.approx(12 * np.log2(f0 / 27.5), abs=0.05)
    assert measured["voiced_share"] > 0.95
    assert measured["hnr_p50"] > 10


def test_the_formants_of_a_vowel_are_found():
    for formants in (
        (500.0, 1_500.0, 2_500.0),
        (300.0, 2_200.0, 3_000.0),
        (700.0, 1_200.0, 2_600.0),
    ):
        measured = numbers(buzz(110.0, formants=formants))
        for number, hz in enumerate(formants, 1):
            assert measured[f"f{number}_p50"] == pytest.approx(hz / 1_000, abs=0.08), formants


def test_the_first_harmonic_is_compared_with_the_second():
    time = np.arange(RATE) / RATE
    clip = 0.2 * np.sin(2 * np.pi * 215 * time) + 0.1 * np.sin(2 * np.pi * 430 * time)
    clip += sum(0.05 * np.sin(2 * np.pi * 215 * k * time) for k in range(3, 9))
    assert numbers(clip)["h1_h2_p50"] == pytest.approx(20 * np.log10(2), abs=1)


def test_lengths_of_voice_and_pauses_are_measured():
    pause, ramp = np.zeros(RATE // 4), np.minimum(np.arange(RATE // 2) / 1_500, 1)
    word = buzz(200.0, 0.5) * ramp * ramp[::-1]
    parts = [word, pause, word, pause, word]
    measured = numbers(np.concatenate(parts))
    frame = 1 / tracks.FRAME_RATE
    assert measured["length"] == pytest.approx(2.0, abs=4 * frame)
    assert measured["voiced_length_mean"] == pytest.approx(0.5, abs=4 * frame)
    assert measured["unvoiced_length_max"] == pytest.approx(0.25, abs=4 * frame)
    assert measured["voiced_rate"] == pytest.approx(3 / measured["length"])
    assert measured["pause_rate"] == pytest.approx(2 / measured["length"])
    assert measured["pause_length_mean"] == pytest.approx(0.25, abs=5 * frame)


@pytest.mark.parametrize("hz", [2.0, 4.0, 7.0])
def test_peaks_of_loudness_are_counted(hz):
    time = np.arange(3 * RATE) / RATE
    noise = np.random.default_rng(5).standard_normal(len(time))
    measured = numbers(0.1 * noise * (1.1 + np.sin(2 * np.pi * hz * time)))
    assert measured["loudness_peak_rate"] == pytest.approx(hz, rel=0.2)


def test_a_long_recording_takes_little_memory(voice):
    clip = np.tile(voice(150, 10.0), 12)  # two minutes, 10 MB
    functionals.vector(clip[:RATE])
    tracemalloc.start()
    try:
        functionals.vector(clip)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * clip.nbytes


def test_a_feature_spec_names_them(voice):
    clip = voice(150)
    assert (SPEC.sample_rate, SPEC.n_features, SPEC.frames(len(clip))) == (
        RATE,
        functionals.SIZE,
        1,
    )
    np.testing.assert_array_equal(extract(clip, SPEC), functionals.vector(clip))
    np.testing.assert_array_equal(extract(clip, SPEC, few=True), functionals.vector(clip))
    assert (SPEC.n_fft, SPEC.hop_length, SPEC.n_mels) == (tracks.WINDOW, tracks.HOP, 26)
    assert FeatureSpec.from_json(SPEC.to_json()) == SPEC
    part = dataclasses.replace(SPEC, offset=0.5, duration=3.0)
    assert part.key != SPEC.key
    with pytest.raises(SerKerasError, match=r"features\.n_mels: cannot be 40"):
        FeatureSpec(kind="functionals", n_mels=40)
    with pytest.raises(SerKerasError, match=r"features\.kind: cannot be \['functionals'\]"):
        FeatureSpec(kind=["functionals"])
    with pytest.raises(SerKerasError, match="too few for one frame"):
        extract(np.zeros(0, np.float32), SPEC)


def test_the_cache_keeps_them(tiny_index, cache):
    from ser_keras import batches
    from ser_keras.cache import FeatureStore

    rows = tiny_index.table.head(3)
    store = FeatureStore("tiny", SPEC, cache)
    assert not store.fill([tiny_index.locate(path) for path in rows["path"]], list(rows["content"]))
    spec = batches.BatchSpec(fit="mean", normalize="none")
    clips = [store[content] for content in rows["content"]]
    inputs = batches.assemble(clips, spec, batches.Normalization())
    assert inputs["features"].shape == (3, functionals.SIZE)


@pytest.fixture(scope="module")
def real_voices(real_corpora):
    """Return clips of men and women, calm to loud, each loud at both ends."""
    files = sorted(real_corpora.glob("ravdess/Actor_0[12]/03-01-0[2-7]-02-*.ogg"))[::3]
    assert files
    return [audio.read(path, RATE) for path in files]


def best_agreement(ours, times, theirs, clip):
    """Return the shares of frames with the same voicing, and of those with nearly the same pitch.

    Args:
        ours: Pitch in Hz of each frame of the trimmed clip, 0 where it is unvoiced.
        times: Time in seconds of each frame of the reference.
        theirs: Pitch of these frames.
        clip: The whole clip, of which the first loud frame is looked for.
    """
    frames = np.lib.stride_tricks.sliding_window_view(clip - clip.mean(), tracks.WINDOW)
    power = np.square(frames[:: tracks.HOP]).mean(axis=1)
    first = np.flatnonzero(power >= power.max() * 10**-3.5)[0]
    middle = ((first + np.arange(len(ours))) * tracks.HOP + tracks.WINDOW / 2) / RATE
    theirs = theirs[np.abs(times - middle[:, None]).argmin(axis=1)]
    both = (ours > 0) & (theirs > 0)
    near = np.abs(np.log2(ours[both] / theirs[both])) < 1 / 24  # half a semitone
    return np.mean((ours > 0) == (theirs > 0)), near.mean()


def pitch_of(clip):
    """Return the pitch in Hz of each frame of the trimmed clip, 0 where it is unvoiced."""
    measured = tracks.measure(clip)
    hz = np.zeros(len(measured.voiced))
    hz[measured.voiced] = 27.5 * 2 ** (measured.voice[:, 0] / 12)
    return hz


@pytest.mark.corpora
def test_the_pitch_of_real_voices_is_that_of_praat(real_voices):
    parselmouth = pytest.importorskip("parselmouth")
    results = []
    for clip in real_voices:
        ours = pitch_of(clip)
        sound = parselmouth.Sound(clip.astype(np.float64), RATE)
        pitch = sound.to_pitch_ac(time_step=0.001, pitch_floor=65.0, pitch_ceiling=700.0)
        results.append(best_agreement(ours, pitch.xs(), pitch.selected_array["frequency"], clip))
    voicing, near = np.mean(results, axis=0)
    assert voicing > 0.9  # where a voice fades, windows of 46 ms differ from those of Praat
    assert near > 0.98
