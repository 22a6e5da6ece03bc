"""Sound tracks that libsndfile does not read are decoded with PyAV, or named without it."""

from __future__ import annotations

import contextlib
import io
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ser_keras import audio
from ser_keras.errors import SerKerasError
from tests.audio.sounds import refusal, sound, write

try:
    import av
except ImportError:
    av = None

with_av = pytest.mark.skipif(av is None, reason="needs PyAV: pip install av")

CONTAINERS = {  # suffix: container, codec, rate, channels, frames of priming that are not removed
    "m4a": ("ipod", "aac", 44_100, 1, 0),
    "mp4": ("mp4", "aac", 16_000, 2, 0),
    "mov": ("mov", "pcm_s16le", 22_050, 2, 0),
    "3gp": ("3gp", "aac", 16_000, 1, 0),
    "webm": ("webm", "libopus", 48_000, 1, 0),
    "mkv": ("matroska", "flac", 44_100, 1, 0),
    "aac": ("adts", "aac", 44_100, 1, 1_024),
    "avi": ("avi", "pcm_s16le", 22_050, 1, 0),
    "flv": ("flv", "aac", 44_100, 1, 1_024),
    "ac3": ("ac3", "ac3", 44_100, 1, 256),
    "amr": ("amr", "libopencore_amrnb", 8_000, 1, 35),
    "ts": ("mpegts", "aac", 44_100, 1, 1_024),
}


def speech(rate, channels=1, seconds=2.0):
    """Return a tone whose pitch and level move, (samples, channels) float32."""
    time = np.arange(round(seconds * rate)) / rate
    mono = 0.3 * np.sin(2 * np.pi * 220 * time * (1 + 0.1 * np.sin(3 * time)))
    mono *= 0.6 + 0.4 * np.sin(11 * time)
    return np.stack([mono / (1 + i) for i in range(channels)], axis=1).astype(np.float32)


def encode(target, container, codec, rate, samples, tracks=1, video=False, options=None):
    """Write samples (samples, channels) as a file of another format; return `target`."""
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(target, "w", format=container, options=options or {}) as file:
        if video:
            pictures = file.add_stream("mpeg4", rate=5)
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        streams = [file.add_stream(codec, rate=rate) for _ in range(tracks)]
        kind = av.Codec(codec, "w").audio_formats[0].name
        for stream in streams:
            stream.layout, stream.format = layout, kind
        for i, stream in enumerate(streams):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples.T) / (i + 1), format="fltp", layout=layout
            )
            frame.sample_rate, frame.pts = rate, 0
            resampler = av.AudioResampler(kind, layout, rate)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                file.mux(stream.encode(part))
            file.mux(stream.encode(None))
        if video:
            for number in range(5):
                picture = av.VideoFrame(64, 48, "yuv420p")
                picture.pts = number
                file.mux(pictures.encode(picture))
            file.mux(pictures.encode(None))
    return target


def written(folder, suffix, seconds=2.0, **options):
    """Return the path of a file of this kind, and the mono samples it was made from."""
    container, codec, rate, channels, _ = CONTAINERS[suffix]
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV cannot write {codec}")
    samples = speech(rate, channels, seconds)
    path = folder / f"clip.{suffix}"
    encode(str(path), container, codec, rate, samples, **options)
    return path, samples.mean(axis=1)


@with_av
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_the_decoded_sound_is_that_from_which_the_file_was_made(tmp_path, suffix):
    path, samples = written(tmp_path, suffix)
    _, _, rate, channels, priming = CONTAINERS[suffix]
    heard = audio.hear(path)
    decoded = heard.samples[priming : priming + len(samples)]
    likeness = np.corrcoef(decoded, samples[: len(decoded)])[0, 1]
    assert likeness > (0.8 if suffix == "amr" else 0.97)  # AMR models the voice, not the wave
    assert 0 <= len(heard.samples) - len(samples) < 3_000  # a frame of padding at each end
    if suffix in ("m4a", "mp4", "mov", "3gp", "webm", "mkv"):
        assert len(heard.samples) == len(samples)
    clip = audio.inspect(path)
    assert (clip.sample_rate, clip.channels) == (rate, channels)
    assert clip.duration == heard.length == audio.length(path) == len(heard.samples) / rate
    assert heard.notes == ()


@with_av
@pytest.mark.parametrize("suffix", ["m4a", "webm", "avi"])
def test_a_part_is_the_same_as_in_the_whole(tmp_path, suffix):
    path, _ = written(tmp_path, suffix)
    rate = CONTAINERS[suffix][2]
    whole = audio.read(path)
    part = audio.read(path, offset=0.5, duration=1.0)
    assert np.array_equal(part, whole[rate // 2 : rate // 2 + rate])
    stream = io.BytesIO(path.read_bytes())
    stream.seek(9)
    assert np.array_equal(audio.hear(stream).samples, whole)
    assert stream.tell() == 9


@with_av
def test_channels_that_cancel_each_other_are_read_twice(tmp_path):
    samples = speech(16_000)
    both = np.concatenate([samples, -samples], axis=1)
    path = encode(str(tmp_path / "a.mov"), "mov", "pcm_s16le", 16_000, both)
    heard = audio.hear(path)
    assert np.allclose(heard.samples, samples[:, 0], atol=1e-3)
    assert heard.notes == ("its channels cancel each other, so only channel 1 was used",)


@with_av
def test_of_several_tracks_the_first_is_read_with_a_note(tmp_path):
    path, samples = written(tmp_path, "mp4", tracks=2, video=True)
    heard = audio.hear(path)
    assert np.corrcoef(heard.samples, samples)[0, 1] > 0.99
    assert np.abs(heard.samples).max() > 0.8 * np.abs(samples).max()
    assert heard.notes == ("it has 2 sound tracks, of which the first was read",)


@with_av
def test_a_fragmented_mp4_is_counted(tmp_path):
    path, samples = written(tmp_path, "mp4", options={"movflags": "frag_keyframe+empty_moov"})
    heard = audio.hear(path)
    assert heard.length == len(heard.samples) / 16_000
    assert len(samples) <= len(heard.samples) < len(samples) + 3_000


@with_av
def test_a_video_without_sound_is_named(tmp_path):
    path = tmp_path / "mute.mp4"
    encode(str(path), "mp4", "aac", 16_000, speech(16_000), tracks=0, video=True)
    assert "mute.mp4: holds no sound, only pictures. Give a file with a sound track." in refusal(
        audio.read, path
    )


@with_av
def test_a_silent_file_is_named(tmp_path):
    path = encode(str(tmp_path / "a.m4a"), "ipod", "aac", 16_000, np.zeros((16_000, 1), np.float32))
    assert refusal(audio.read, path).endswith("is silent. Check the microphone or the export.")


@with_av
@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("suffix", ["m4a", "mov", "3gp", "aac"])
def test_a_media_file_that_is_cut_off_is_refused(tmp_path, suffix, share):
    path, _ = written(tmp_path, suffix)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for function in (audio.read, audio.inspect):
        sentence = refusal(function, path)
        assert "cut off" in sentence
        assert sentence.endswith("Fetch or record it again.")


@with_av
def test_an_encrypted_mp4_is_named(tmp_path):
    path, _ = written(tmp_path, "m4a")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"mp4a", b"drms"))
    sentence = refusal(audio.read, path)
    assert "encrypted" in sentence or "codec that is not read" in sentence


@with_av
def test_tags_that_are_not_utf_8_do_not_matter(tmp_path):
    path, _ = written(tmp_path, "m4a")
    content = path.read_bytes()
    assert b"Lavf" in content  # the name of the encoder
    path.write_bytes(content.replace(b"Lavf", b"\xe4\xf6\xfc\xff"))
    assert len(audio.read(path)) == 88_200


@with_av
def test_limits_of_a_media_file_are_checked_before_it_is_read_whole(tmp_path):
    path, _ = written(tmp_path, "m4a")
    content = bytearray(path.read_bytes())
    for box, place, value in (
        (b"mdhd", 20, 2**31 - 1),  # ticks in all, of 1 / 44,100 s
        (b"stts", 16, 2**24),  # ticks of a packet
        (b"edts", 0, int.from_bytes(b"free", "big")),  # no edit list
    ):
        place += content.index(box)
        content[place : place + 4] = value.to_bytes(4, "big")
    path.write_bytes(content)
    tracemalloc.start()
    sentence = refusal(audio.read, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "at most 4 h are read" in sentence
    assert peak < 4 << 20


@with_av
def test_a_list_of_other_files_opens_none_of_them(tmp_path):
    write(tmp_path / "secret.wav", sound(1.0))
    lists = {
        "a.m4a": f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'secret.wav'}\n",
        "b.mp4": f"ffconcat version 1.0\nfile '{tmp_path / 'secret.wav'}'\n",
        "c.webm": "v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        assert "is in no format that is read" in refusal(audio.read, tmp_path / name)


@with_av
def test_damaged_files_raise_our_error_or_are_read(tmp_path):
    draw = random.Random(3)
    for suffix in ("m4a", "webm", "avi", "aac"):
        path, _ = written(tmp_path, suffix, seconds=0.5)
        content = path.read_bytes()
        for _ in range(40):
            changed = bytearray(content)
            for _ in range(draw.choice((1, 4, 16))):
                changed[draw.randrange(len(changed))] = draw.choice((0, 255, draw.randrange(256)))
            path.write_bytes(changed)
            with contextlib.suppress(SerKerasError):
                assert np.isfinite(audio.read(path)).all()


def test_without_av_the_error_names_the_format_and_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    heads = {
        "M4A": b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0",
        "MP4": b"\0\0\0\x20ftypisom\0\0\0\0isommp42",
        "WMA": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
        "Matroska": bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381"),
        "WebM": bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f38108428284") + b"webm",
        "AMR": b"#!AMR\n",
        "AAC": b"\xff\xf1\x50\x80",
    }
    path = tmp_path / "memo"
    for kind, head in heads.items():
        path.write_bytes(head + bytes(2_000))
        assert refusal(audio.read, path) == (
            f"{path}: is {kind}, which needs the package av, and that is not installed. "
            "Run: pip install 'ser_keras[media]' (in a checkout: pip install '.[media]'), or "
            "convert it with: ffmpeg -i <file> <file>.wav."
        )


def test_a_wav_is_read_without_av(tmp_path):
    path = write(tmp_path / "clip.wav")
    program = (
        "import sys\n"
        "from ser_keras import audio\n"
        "audio.read(sys.argv[1], 16_000)\n"
        "print([name for name in ('av', 'sounddevice') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
