"""Sound files are read as librosa reads them, arrays as files, and each problem is one sentence."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras import audio
from ser_keras.errors import SerKerasError
from tests.audio.sounds import LOSSLESS, refusal, sound, write, write_as


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"offset": 0.5, "duration": 3},
        {"offset": 0.5, "duration": 0.3},
        {"offset": 1.23456, "duration": 0.98765},
    ],
)
@pytest.mark.parametrize(
    ("rate", "new_rate", "channels"),
    [(24_414, 22_050, 1), (44_100, 22_050, 2), (96_000, 22_050, 1), (8_000, 22_050, 3)],
)
def test_samples_equal_those_of_librosa(tmp_path, rate, new_rate, channels, options):
    librosa = pytest.importorskip("librosa")
    path = write(tmp_path / "clip.wav", sound(2.01, rate, channels), rate)
    expected, _ = librosa.load(path, sr=new_rate, **options)
    samples = audio.read(path, new_rate, **options)
    assert samples.dtype == np.float32
    assert samples.shape == expected.shape
    np.testing.assert_allclose(samples, expected, atol=1e-6)  # the order of the sum over channels


def test_without_a_rate_the_files_own_is_kept(tmp_path):
    samples = sound(rate=8_000)
    path = write(tmp_path / "clip.flac", samples, 8_000)
    assert np.array_equal(audio.read(path), samples[:, 0] / np.float32(2**15))


def test_one_sample_is_a_clip(tmp_path):
    path = write(tmp_path / "clip.wav", sound()[100:101])
    assert audio.read(path, 16_000).shape == (1,)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_lossless_copy_has_the_same_content(tmp_path, suffix):
    clip = audio.inspect(write_as(tmp_path, suffix))
    assert clip == audio.inspect(write(tmp_path / "24-bit.wav", sound(4.0), subtype="PCM_24"))
    assert (clip.duration, clip.sample_rate, clip.channels) == (4.0, 22_050, 1)
    assert len(clip.content) == 16
    int(clip.content, 16)


def test_other_samples_rate_or_channels_are_other_content(tmp_path):
    samples = sound()
    other = samples.copy()
    other[-1] += 1
    contents = {
        audio.inspect(write(tmp_path / "a.wav", samples)).content,
        audio.inspect(write(tmp_path / "b.wav", other)).content,
        audio.inspect(write(tmp_path / "c.wav", samples, 16_000)).content,
        audio.inspect(write(tmp_path / "d.wav", samples.reshape(-1, 2))).content,
    }
    assert len(contents) == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_not_finite_are_refused(tmp_path, value, channels):
    samples = sound(channels=channels) / np.float32(2**15)
    samples[1_000] = value
    path = write(tmp_path / "clip.wav", samples, subtype="FLOAT")
    for function in (audio.read, audio.inspect):
        assert "holds samples that are not finite" in refusal(function, path)
    assert "not finite" in refusal(audio.from_samples, samples, 22_050, 16_000)


def test_silence_is_refused_and_a_whisper_is_not(tmp_path):
    assert audio.MIN_LEVEL == 1e-4
    silence = write(tmp_path / "silence.wav", np.full(9_000, 9.9e-5), subtype="FLOAT")
    whisper = write(tmp_path / "whisper.wav", np.full(9_000, -1.1e-4), subtype="FLOAT")
    for function in (audio.read, audio.inspect):
        assert "silence.wav: is silent." in refusal(function, silence)
        function(whisper)


def test_a_clip_that_ends_before_the_offset_is_refused(tmp_path):
    path = write(tmp_path / "clip.wav", sound(0.5))
    assert "lasts 0.50 s and the first 0.5 s are skipped. Give a longer clip." in refusal(
        audio.read, path, 22_050, offset=0.5
    )
    assert len(audio.read(path, offset=0.49)) == 221


@pytest.mark.parametrize("region", [{"offset": -0.5}, {"offset": np.nan}, {"duration": 0}])
def test_an_impossible_region_is_refused(tmp_path, region):
    assert "cannot be read from" in refusal(audio.read, write(tmp_path / "clip.wav"), **region)


def test_an_array_is_treated_as_a_file(tmp_path):
    samples = sound(2.0, 24_414, channels=2)
    path = write(tmp_path / "clip.wav", samples, 24_414)
    part = {"offset": 0.25, "duration": 1.5}
    from_array = audio.from_samples(samples / 2**15, 24_414, 22_050, **part)
    assert np.array_equal(from_array, audio.read(path, 22_050, **part))


def test_an_array_is_checked_under_its_name():
    good = sound()[:, 0] / np.float32(2**15)
    for samples, words in [
        (["a"], "take 7: is an array of str32, whose full scale is unknown. Give floats"),
        ([[1.0], [1.0, 2.0]], "take 7: cannot be turned into an array"),
        (np.ones((2, 2, 2)), "has shape (2, 2, 2). Give (samples,) or (samples, channels), or"),
        (np.ones((3, 22_050)), "has shape (3, 22050). Give (samples,) or (samples, channels), or"),
        (np.ones((22_050, 33)), "has 33 channels. Give 1 to 32."),
        (np.empty(0), "holds no samples"),
        (np.zeros(9_000), "is silent"),
        (np.full(9_000, 1e300), "not finite"),
    ]:
        assert words in refusal(audio.from_samples, samples, 22_050, None, name="take 7")
    assert "has a rate of 0 Hz" in refusal(audio.from_samples, good, 0, 22_050)
    assert "are skipped" in refusal(audio.from_samples, good, 22_050, None, offset=2)
    samples = audio.from_samples(good, 22_050, None)
    assert np.array_equal(samples, good)
    assert not np.shares_memory(samples, good)


def test_a_long_recording_is_resampled_in_blocks_to_the_same_samples(tmp_path, monkeypatch):
    from ser_keras.audio import reading

    path = write(tmp_path / "long.wav", sound(60.0, 44_100, channels=2), 44_100)
    for rate in (22_050, 16_000, 48_000):
        monkeypatch.setattr(reading, "ONE_PIECE", 1 << 22)
        whole = audio.read(path, rate)
        monkeypatch.setattr(reading, "ONE_PIECE", 1)
        blocks = audio.read(path, rate)
        assert len(whole) == len(blocks)
        np.testing.assert_allclose(blocks, whole, atol=1e-6)


def test_a_part_of_hours_takes_memory_for_the_part_only(tmp_path):
    path = tmp_path / "hours.flac"
    minute = np.tile(sound(1.0, 44_100, channels=2), (60, 1))
    with soundfile.SoundFile(path, "w", 44_100, 2, subtype="PCM_16") as file:
        for _ in range(20):
            file.write(minute)
    tracemalloc.start()
    for part in ({"duration": 3.0}, {"offset": 1_100.0, "duration": 3.0}):
        assert len(audio.read(path, 22_050, **part)) == 66_150
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_more_samples_than_are_read_at_once_are_refused_before_they_are_decoded(tmp_path):
    path = write(tmp_path / "hours.flac", np.full(9_000, 99, np.int16), rate=8_000)
    content = bytearray(path.read_bytes())
    content[22:26] = (8_000 * 7_200).to_bytes(4, "big")
    path.write_bytes(content)
    tracemalloc.start()
    for rate, minutes in ((22_050, 25), (48_000, 12)):
        sentence = refusal(audio.read, path, rate)
        assert f"120 min long and at most {minutes} min are read at {rate} Hz. Cut" in sentence
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    array = np.broadcast_to(np.float32(0.1), (8_000 * 7_200,))
    assert "is 120 min long" in refusal(audio.from_samples, array, 8_000, 22_050)
    wide = np.broadcast_to(np.float32(0.1), (48_000 * 3_600, 32))
    assert "samples in 32 channels" in refusal(audio.from_samples, wide, 48_000, 16_000)


INTEGERS = {"int8": 2**7, "int16": 2**15, "int32": 2**31}


@pytest.mark.parametrize("kind", INTEGERS)
def test_an_array_of_integers_is_scaled(kind):
    expected = sound()[:, 0] // 256 * np.float32(2**-7)
    integers = (expected.astype(np.float64) * INTEGERS[kind]).astype(kind)
    assert np.array_equal(audio.from_samples(integers, 22_050, None), expected)
    assert np.array_equal(audio.from_samples(integers[:, None], 22_050, None), expected)


def test_an_array_of_bytes_is_scaled_around_128():
    expected = sound()[:, 0] // 256 * np.float32(2**-7)
    unsigned = (expected * 128 + 128).astype(np.uint8)
    assert np.array_equal(audio.from_samples(unsigned, 22_050, None), expected)


def test_integers_of_unknown_scale_are_named():
    words = "array: is an array of {}, whose full scale is unknown. Give floats with full scale 1.0"
    for kind in ("int64", "uint16", "bool", "complex64"):
        assert words.format(kind) in refusal(
            audio.from_samples, sound()[:, 0].astype(kind), 22_050, None
        )
    assert "of int32 whose samples are those of int16. Turn it into int16" in refusal(
        audio.from_samples, sound()[:, 0].astype(np.int32), 22_050, None
    )


@pytest.mark.parametrize("full", [2**15, 2**23, 2**31, 1e30])
def test_floats_on_a_scale_of_integers_are_refused(tmp_path, full):
    samples = sound()[:, 0] / np.float32(2**15) * np.float32(full)
    path = write(tmp_path / "clip.wav", samples, subtype="FLOAT")
    for function, arguments in (
        (audio.read, (path, 16_000)),
        (audio.inspect, (path,)),
        (audio.from_samples, (samples, 22_050, 16_000)),
    ):
        sentence = refusal(function, *arguments)
        assert "as integers have, and full scale is 1" in sentence
        assert ("Divide them by" if full < 1e30 else "Export it again") in sentence


def test_floats_beyond_full_scale_are_read_with_a_note(tmp_path):
    samples = sound()[:, 0] / np.float32(2**15)
    path = write(tmp_path / "clip.wav", samples * 20, subtype="FLOAT")
    (note,) = audio.hear(path).notes
    assert "and full scale is 1: check its export" in note
    assert audio.hear_samples(samples * 20, 22_050, None).notes == (note,)
    assert audio.hear_samples(samples * 4, 22_050, None).notes == ()  # decoders overshoot


@pytest.mark.parametrize(
    "gains", [(1, -1), (-0.9, 1), (1, -0.8), (1, -1, 0.5, -0.5), (1, -1, 0, 0)], ids=str
)
@pytest.mark.parametrize("offset", [0, 0.2])
def test_of_channels_that_cancel_the_loudest_is_taken(tmp_path, gains, offset):
    voice = sound() / np.float32(2**15)
    channels = voice * np.float32(gains) + np.float32(offset)
    loudest = int(np.argmax(np.abs(gains)))
    path = write(tmp_path / "clip.wav", channels, subtype="FLOAT")
    note = f"its channels cancel each other, so only channel {loudest + 1} was used"
    for heard in (audio.hear(path), audio.hear_samples(channels, 22_050, None)):
        assert heard.notes == (note,)
        assert np.array_equal(heard.samples, channels[:, loudest])
    assert audio.inspect(path).channels == len(gains)


@pytest.mark.parametrize("gains", [(1, 1), (1, 0), (0, 1, 0, 0), (1, -0.5), (0.5, 1)], ids=str)
def test_channels_that_do_not_cancel_are_averaged(gains):
    channels = sound() / np.float32(2**15) * np.float32(gains)
    heard = audio.hear_samples(channels, 22_050, None)
    assert heard.notes == ()
    assert np.array_equal(heard.samples, channels.mean(axis=1))


def test_two_microphones_are_averaged():
    rng = np.random.default_rng(0)
    channels = rng.uniform(-0.3, 0.3, (22_050, 2)).astype(np.float32)  # independent noise
    assert audio.hear_samples(channels, 22_050, None).notes == ()


def test_one_or_two_channels_may_come_first():
    samples = sound(channels=2) / np.float32(2**15)
    expected = audio.from_samples(samples, 22_050, 16_000)
    assert np.array_equal(audio.from_samples(samples.T, 22_050, 16_000), expected)
    mono = samples[:, 0]
    assert np.array_equal(audio.from_samples(mono[None], 22_050, None), mono)


def test_reading_imports_nothing_heavy(tmp_path):
    path = write(tmp_path / "clip.wav", rate=16_000)
    code = (
        "import sys\n"
        "from ser_keras import audio\n"
        "early = [name for name in ('soundfile', 'soxr') if name in sys.modules]\n"
        "audio.read(sys.argv[1], 22_050)\n"
        "heavy = 'librosa', 'scipy', 'pandas', 'sklearn', 'keras', 'joblib'\n"
        "print(early + [name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.corpora
def test_of_all_real_clips_only_the_empty_one_is_refused(real_corpora):
    refused = []
    for path in sorted(real_corpora.rglob("*")):
        if path.suffix.lower() in audio.SUFFIXES:
            try:
                audio.length(path)
            except SerKerasError as error:
                refused.append((path.name, error.problem))
    empty = "cannot be decoded (Error in WAV file. No 'data' chunk marker)"
    assert refused in ([], [("s05 (3).wav", empty)])


@pytest.mark.corpora
def test_the_odd_clips_of_tess_are_read(real_corpora):
    tess = real_corpora / "tess"
    aiff, fast = tess / "YAF_angry" / "YAF_germ_angry.wav", tess / "OAF_Fear" / "OAF_food_fear.wav"
    assert audio.inspect(aiff).sample_rate == 24_414
    assert audio.inspect(fast).sample_rate == 96_000
    assert abs(len(audio.read(fast, 22_050)) / 22_050 - audio.length(fast)) < 1e-4


def test_samples_on_one_side_of_silence_get_a_note():
    speech = np.random.default_rng(0).uniform(-0.5, 0.5, 8_000)
    assert audio.hear_samples(speech, 16_000, None).notes == ()
    for one_sided in (speech + 0.5, speech - 0.5):  # as from bytes that were divided by 255
        (note,) = audio.hear_samples(one_sided, 16_000, None).notes
        assert note == "its samples are all on one side of 0, which is silence: check its export"


def test_samples_of_24_bits_in_an_array_of_32_get_a_note():
    speech = np.random.default_rng(0).uniform(-1, 1, 8_000)
    as_24, as_32 = ((speech * scale).astype(np.int32) for scale in (2**23 - 1, 2**31 - 1))
    (note,) = audio.hear_samples(as_24, 16_000, None).notes
    assert note == "its samples use 24 of 32 bits: multiply them by 256 if they have 24"
    assert audio.hear_samples(as_32, 16_000, None).notes == ()
