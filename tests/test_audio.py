"""Sound files are read as librosa reads them, and each problem is one sentence."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras import audio
from ser_keras.errors import SerKerasError


def sound(seconds=1.0, rate=22_050, channels=1, level=0.3):
    """Return a tone in noise, whole numbers of 16 bit, so that each lossless format keeps it."""
    rng = np.random.default_rng(3)
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 440 * time) + 0.1 * rng.standard_normal(len(time))
    samples = np.stack([tone * level / (1 + i) for i in range(channels)], axis=1)
    return np.round(samples * 2**15).astype(np.int16)


def write(path, samples=None, rate=22_050, **options):
    soundfile.write(path, sound() if samples is None else samples, rate, **options)
    return path


def wav(path, promised, samples=None, riff=None):
    """Write a WAV whose header promises this number of bytes."""
    data = (sound() if samples is None else samples).astype("<i2").tobytes()
    head = struct.pack("<IHHIIHH", 16, 1, 1, 22_050, 44_100, 2, 16)
    riff = 36 + promised if riff is None else riff
    path.write_bytes(
        b"RIFF" + struct.pack("<I", riff % 2**32) + b"WAVEfmt " + head
        + b"data" + struct.pack("<I", promised) + data
    )  # fmt: skip
    return path


def refusal(function, *arguments, **options):
    with pytest.raises(SerKerasError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


FORMATS = {  # suffix: format, subtype, rate
    "wav": ("WAV", "PCM_16", 22_050),
    "rf64": ("RF64", "PCM_16", 22_050),
    "w64": ("W64", "PCM_16", 22_050),
    "aiff": ("AIFF", "PCM_16", 22_050),
    "au": ("AU", "PCM_16", 22_050),
    "caf": ("CAF", "PCM_16", 22_050),
    "flac": ("FLAC", "PCM_16", 22_050),
    "ogg": ("OGG", "VORBIS", 22_050),
    "opus": ("OGG", "OPUS", 24_000),
    "mp3": ("MP3", "MPEG_LAYER_III", 22_050),
}
LOSSLESS = ("wav", "rf64", "w64", "aiff", "au", "caf", "flac")


def write_as(folder, suffix, seconds=4.0):
    kind, subtype, rate = FORMATS[suffix]
    path = folder / f"clip.{suffix}"
    return write(path, sound(seconds, rate), rate, format=kind, subtype=subtype)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_read_in_full(tmp_path, suffix):
    path = write_as(tmp_path, suffix)
    assert f".{suffix}" in audio.SUFFIXES
    assert len(audio.read(path)) == 4 * FORMATS[suffix][2]
    assert audio.inspect(path).duration == audio.length(path) == 4.0


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


def test_aiff_that_is_named_wav_is_read(tmp_path):
    path = write(tmp_path / "clip.wav", format="AIFF")
    assert audio.inspect(path) == audio.inspect(write(tmp_path / "true.wav"))


def test_one_sample_is_a_clip(tmp_path):
    path = write(tmp_path / "clip.wav", sound()[100:101])
    assert audio.read(path, 16_000).shape == (1,)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names")
def test_a_name_that_is_not_utf_8_is_read(tmp_path):
    path = write(tmp_path / "clip.wav").rename(tmp_path / os.fsdecode(b"cl\xedp.wav"))
    assert len(audio.read(path)) == 22_050


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


def test_a_path_that_does_not_exist_or_is_no_file_is_refused(tmp_path):
    (tmp_path / "empty.wav").touch()
    for function in (audio.read, audio.inspect, audio.length):
        assert refusal(function, tmp_path / "no.wav").endswith(
            "no.wav: does not exist. Check the path."
        )
        assert "is a folder. Give a sound file." in refusal(function, tmp_path)
        assert "empty.wav: is empty." in refusal(function, tmp_path / "empty.wav")
    assert "does not exist" in refusal(audio.read, "a\0b.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert "is not a file" in refusal(audio.read, tmp_path / "pipe.wav")


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("memo.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0"),
        ("memo.wma", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),
        ("memo.webm", bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381")),
        ("memo.wav", b"These are words and no sound at all."),
        ("memo.raw", b"\1\2\3\4"),
    ],
)
def test_the_error_about_an_unreadable_format_says_how_to_convert_it(tmp_path, name, head):
    path = tmp_path / name
    path.write_bytes(head + bytes(2_000))
    sentence = refusal(audio.read, path)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith("Convert it, for instance with: ffmpeg -i <file> <file>.wav.")
    if name != "memo.raw":
        assert "is in no format that is read (WAV, FLAC, OGG, Opus, MP3, AIFF, AU" in sentence


def test_noise_named_mp3_is_refused(tmp_path):
    path = tmp_path / "memo.mp3"
    path.write_bytes(np.random.default_rng(0).bytes(4_000))
    assert str(path) in refusal(audio.read, path)


def test_a_wav_of_36_bytes_without_data_is_refused(tmp_path):
    path = wav(tmp_path / "s05 (3).wav", 0)
    path.write_bytes(path.read_bytes()[:36])
    assert "cannot be decoded (Error in WAV file. No 'data' chunk marker)" in refusal(
        audio.read, path
    )


def test_a_header_without_samples_is_refused(tmp_path):
    path = write(tmp_path / "clip.wav", sound()[:0])
    for function in (audio.read, audio.inspect):
        assert "holds no samples" in refusal(function, path)


@pytest.mark.parametrize("share", [0.9, 0.5])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_was_cut_off_is_refused(tmp_path, suffix, share):
    path = write_as(tmp_path, suffix)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    for function in (audio.read, audio.inspect):
        sentence = refusal(function, path)
        if "malformed" not in sentence:  # CAF whose second half is missing
            assert (
                "is cut off or damaged: its header promises more than is there. Fetch" in sentence
            )


def test_a_flac_that_is_damaged_in_the_middle_is_refused(tmp_path):
    path = write_as(tmp_path, "flac")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 20_000] = bytes(20_000)
    path.write_bytes(raw)
    assert "is cut off or damaged" in refusal(audio.inspect, path)


def test_a_name_that_looks_like_a_log_line_of_the_decoder_is_harmless(tmp_path):
    write(tmp_path / "data : 900000 (should be 5).wav")
    assert len(audio.read(tmp_path / "data : 900000 (should be 5).wav")) == 22_050


@pytest.mark.parametrize(
    "promised", [0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF - 36, 0x7FFFF000, 0x7F000008]
)
def test_a_placeholder_length_in_a_header_is_accepted(tmp_path, promised):
    path = wav(tmp_path / "clip.wav", promised)
    assert len(audio.read(path)) == 22_050
    assert audio.inspect(path) == audio.inspect(write(tmp_path / "true.wav"))


def test_small_errors_in_a_header_are_accepted(tmp_path):
    size = 2 * 22_050
    assert len(audio.read(wav(tmp_path / "riff.wav", size, riff=99))) == 22_050
    assert len(audio.read(wav(tmp_path / "riff0.wav", size, riff=0))) == 22_050
    assert len(audio.read(wav(tmp_path / "whole.wav", size + 44))) == 22_050
    path = write(tmp_path / "tail.wav")
    path.write_bytes(path.read_bytes() + b"LIST\x0a\0\0\0INFOabcdef" + bytes(99))
    assert len(audio.read(path)) == 22_050
    path = write_as(tmp_path, "mp3")
    path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))
    assert len(audio.read(path)) == 88_200


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
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
    opposed = sound(channels=1) * [[1, -1]]
    assert "is silent" in refusal(audio.read, write(tmp_path / "o.wav", opposed.astype(np.int16)))


def test_a_clip_that_ends_before_the_offset_is_refused(tmp_path):
    path = write(tmp_path / "clip.wav", sound(0.5))
    assert "lasts 0.50 s and the first 0.5 s are skipped. Give a longer clip." in refusal(
        audio.read, path, 22_050, offset=0.5
    )
    assert len(audio.read(path, offset=0.49)) == 221


@pytest.mark.parametrize("region", [{"offset": -0.5}, {"offset": np.nan}, {"duration": 0}])
def test_an_impossible_region_is_refused(tmp_path, region):
    assert "cannot be read from" in refusal(audio.read, write(tmp_path / "clip.wav"), **region)


def test_limits_are_checked_before_anything_is_allocated(tmp_path):
    rate = write(tmp_path / "rate.wav", rate=999)
    assert "has a rate of 999 Hz. Give 1000 to 768000 Hz." in refusal(audio.read, rate)
    channels = write(tmp_path / "channels.wav", np.ones((9, 33)))
    assert "has 33 channels. Give 1 to 32." in refusal(audio.read, channels)
    hours = write(tmp_path / "hours.flac", np.ones(9_000, np.int16), rate=8_000)
    raw = bytearray(hours.read_bytes())
    raw[21] |= 0x0F  # the upper four of the 36 bits that count the samples
    hours.write_bytes(raw)
    tracemalloc.start()
    for function in (audio.read, audio.inspect):
        assert "lasts 2237.0 h and at most 4 h are read. Cut it" in refusal(function, hours)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_flac_that_promises_an_hour_takes_memory_for_its_content_only(tmp_path):
    path = write(tmp_path / "hour.flac", np.full(9_000, 99, np.int16), rate=8_000)
    raw = bytearray(path.read_bytes())
    raw[22:26] = (8_000 * 3_600).to_bytes(4, "big")
    path.write_bytes(raw)
    tracemalloc.start()
    assert "is cut off or damaged" in refusal(audio.read, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 4 * (1 << 20)  # blocks of 2 ** 20 frames, not 29 million


def test_an_array_is_treated_as_a_file(tmp_path):
    samples = sound(2.0, 24_414, channels=2)
    path = write(tmp_path / "clip.wav", samples, 24_414)
    part = {"offset": 0.25, "duration": 1.5}
    from_array = audio.from_samples(samples / 2**15, 24_414, 22_050, **part)
    assert np.array_equal(from_array, audio.read(path, 22_050, **part))


def test_an_array_is_checked_under_its_name():
    good = sound()[:, 0] / np.float32(2**15)
    for samples, words in [
        (sound(), "take 7: is not an array of floats. Divide integers by full scale."),
        (["a"], "is not an array of floats"),
        (np.ones((2, 2, 2)), "has shape (2, 2, 2). Give (samples, channels)."),
        (np.ones((2, 22_050)), "has 22050 channels"),
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


def lay(root, *names):
    """Create empty files; `walk` looks at names alone."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_is_searched_for_sound_files_and_hidden_ones_are_left_out(tmp_path):
    lay(tmp_path, "b.WAV", "a/c.flac", "a-b/d.m4a", "a/notes.txt", "wav")
    lay(tmp_path, "._b.wav", "a/.e.wav", ".git/f.wav", "a/.cache/deep/g.wav")
    assert audio.walk(tmp_path) == (["a-b/d.m4a", "a/c.flac", "b.WAV"], [])
    assert audio.walk(tmp_path / ".git") == (["f.wav"], [])  # named by the user
    assert audio.walk(os.path.relpath(tmp_path)) == audio.walk(tmp_path)


def test_links_are_followed_and_each_folder_is_searched_once(tmp_path):
    lay(tmp_path, "store/a.wav", "other/b.wav", "own/c.wav", "own/below/d.wav")
    own = tmp_path / "own"
    for target, link in (
        ("../store", "linked"),  # out of the folder: followed,
        ("../store", "linked-again"),  # once
        ("below", "inside"),  # reached by its own path
        (".", "loop"),
        ("../other/b.wav", "file.wav"),
        ("../gone", "gone"),
        ("../gone.wav", "gone.wav"),  # whoever opens it says that it does not exist
    ):
        os.symlink(target, own / link)
    os.symlink("../own", tmp_path / "store" / "back")
    os.symlink("../other", tmp_path / "store" / ".hidden")
    paths, skipped = audio.walk(own)
    assert paths == ["below/d.wav", "c.wav", "file.wav", "gone.wav", "linked/a.wav"]
    assert skipped == []


@pytest.mark.skipif(not hasattr(os, "getuid") or not os.getuid(), reason="root opens everything")
def test_a_folder_that_cannot_be_opened_is_reported(tmp_path):
    lay(tmp_path, "a.wav", "closed/b.wav")
    (tmp_path / "closed").chmod(0)
    paths, skipped = audio.walk(tmp_path)
    (tmp_path / "closed").chmod(0o700)
    assert (paths, [str(file) for file in skipped]) == (["a.wav"], ["closed: cannot be opened."])


def test_a_folder_that_does_not_exist_is_reported(tmp_path):
    paths, skipped = audio.walk(tmp_path / "none")
    assert (paths, [str(file) for file in skipped]) == ([], [".: cannot be opened."])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_unicode_is_reported(tmp_path):
    lay(tmp_path, "a.wav")
    open(os.fsencode(tmp_path) + b"/b\xe4r.wav", "wb").close()
    paths, skipped = audio.walk(tmp_path)
    assert paths == ["a.wav"]
    assert [str(file) for file in skipped] == ["'b\\udce4r.wav': its name is not Unicode."]


def test_folders_that_lie_too_deep_are_reported(tmp_path):
    lay(tmp_path, "1/2/3/4/5/6/7/8/a.wav", "1/2/3/4/5/6/7/8/9/b.wav")
    paths, skipped = audio.walk(tmp_path)
    assert paths == ["1/2/3/4/5/6/7/8/a.wav"]
    assert [str(file) for file in skipped] == [
        "1/2/3/4/5/6/7/8/9: lies below 8 levels of folders and is not searched."
    ]


def test_a_search_of_too_many_folders_is_refused(tmp_path):
    lay(tmp_path, *(f"{number}/a.wav" for number in range(3)))
    assert len(audio.walk(tmp_path, max_folders=4)[0]) == 3
    assert "holds more than 3 folders. Name the folder of the recordings itself." in refusal(
        audio.walk, tmp_path, max_folders=3
    )


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
        cwd=Path(__file__).resolve().parents[1],
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
