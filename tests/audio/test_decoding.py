"""Sound files of every format are opened, and headers that lie are found out."""

from __future__ import annotations

import io
import os
import tracemalloc

import numpy as np
import pytest
import soundfile

from ser_keras import audio
from ser_keras.audio import source
from ser_keras.errors import SerKerasError
from tests.audio.sounds import FORMATS, refusal, sound, wav, write, write_as


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_read_in_full(tmp_path, suffix):
    path = write_as(tmp_path, suffix)
    assert f".{suffix}" in audio.SUFFIXES
    assert len(audio.read(path)) == 4 * FORMATS[suffix][2]
    assert audio.inspect(path).duration == audio.length(path) == 4.0


def test_aiff_that_is_named_wav_is_read(tmp_path):
    path = write(tmp_path / "clip.wav", format="AIFF")
    assert audio.inspect(path) == audio.inspect(write(tmp_path / "true.wav"))


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names")
def test_a_name_that_is_not_utf_8_is_read(tmp_path):
    path = write(tmp_path / "clip.wav").rename(tmp_path / os.fsdecode(b"cl\xedp.wav"))
    assert len(audio.read(path)) == 22_050


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


UNSEEKABLE = {  # name: format, subtype
    "gsm.wav": ("WAV", "GSM610"),
    "gsm.aiff": ("AIFF", "GSM610"),
    "gsm.w64": ("W64", "GSM610"),
    "g721.wav": ("WAV", "G721_32"),
    "g721.au": ("AU", "G721_32"),
    "g723-24.au": ("AU", "G723_24"),
    "g723-40.au": ("AU", "G723_40"),
    "nms.wav": ("WAV", "NMS_ADPCM_32"),
}


@pytest.mark.parametrize("name", UNSEEKABLE)
def test_a_codec_that_cannot_seek_is_decoded_up_to_the_offset(tmp_path, name):
    kind, subtype = UNSEEKABLE[name]
    path = write(tmp_path / name, sound(3.0, 8_000), 8_000, format=kind, subtype=subtype)
    whole = audio.read(path)
    assert abs(len(whole) - 24_000) <= 320
    assert np.array_equal(audio.read(path, offset=0.7, duration=1.1), whole[5_600:14_400])
    assert np.array_equal(audio.read(path, offset=2.0), whole[16_000:])
    with open(path, "rb") as stream:
        part = audio.hear(stream, offset=0.7, duration=1.1)
    assert np.array_equal(part.samples, whole[5_600:14_400])


@pytest.mark.parametrize(
    ("promised", "riff"), [(0, 0), (0, 36), (0, 8), (0, 4), (0, 44_136), (0, 0xFFFFFFFF)]
)
def test_a_wav_whose_recorder_died_is_read_to_its_end_with_a_note(tmp_path, promised, riff):
    path = wav(tmp_path / "call.wav", promised, riff=riff)
    whole = audio.read(write(tmp_path / "whole.wav"))
    heard = audio.hear(path)
    assert np.array_equal(heard.samples, whole)
    assert heard.length == audio.length(path) == 1.0
    assert heard.notes == ("its header was never finished, so it was read to its end",)
    assert audio.inspect(path) == audio.inspect(tmp_path / "whole.wav")
    assert np.array_equal(
        audio.read(path, offset=0.5, duration=0.2), whole[11_025 : 11_025 + 4_410]
    )
    assert np.array_equal(audio.hear(io.BytesIO(path.read_bytes())).samples, whole)


def zeroed(path, *places):
    """Overwrite bytes with zeros: first place, and number of bytes."""
    content = bytearray(path.read_bytes())
    for place, length in places:
        content[place : place + length] = bytes(length)
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", ["aiff", "rf64", "w64", "au", "caf"])
def test_an_unfinished_file_of_another_format_is_read_to_its_end_with_a_note(tmp_path, suffix):
    path = write_as(tmp_path, suffix)
    whole, content = audio.read(path), path.read_bytes()
    zeroed(
        path,
        *{
            "aiff": [(4, 4), (content.find(b"SSND") + 4, 4), (content.find(b"COMM") + 10, 4)],
            "rf64": [(20, 24)],
            "w64": [(16, 8), (content.find(b"data") + 16, 8)],
            "au": [(8, 4)],
            "caf": [(content.find(b"data") + 4, 8)],
        }[suffix],
    )
    heard = audio.hear(path)
    assert np.array_equal(heard.samples, whole)
    assert heard.notes == ("its header was never finished, so it was read to its end",)


def test_a_caf_of_unknown_size_is_read_to_its_end(tmp_path):
    path = write_as(tmp_path, "caf")
    whole, content = audio.read(path), bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 8] = b"\xff" * 8  # -1, as while it is recorded
    path.write_bytes(content)
    assert np.array_equal(audio.read(path), whole)


def test_a_caf_whose_chunks_end_beyond_any_file_is_refused(tmp_path):
    path = write_as(tmp_path, "caf")
    content = bytearray(path.read_bytes())
    content[12:20] = b"\x7f" + b"\xff" * 7
    path.write_bytes(content)
    assert "clip.caf: cannot be decoded" in refusal(audio.read, path)
    assert "file: cannot be decoded" in refusal(audio.hear, io.BytesIO(content))


def test_sound_behind_what_a_header_promises_gets_a_note(tmp_path):
    second = 2 * 22_050
    path = wav(tmp_path / "call.wav", 2 * second, sound(5.2))
    heard = audio.hear(path)
    assert heard.length == 2.0
    assert heard.notes == ("its header promises less than it holds: 3.2 s may be missing",)
    path = wav(tmp_path / "tag.wav", 2 * second, sound(2.3))
    assert audio.hear(path).notes == ()


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "clip.wav")
    path.write_bytes(b"no sound")

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(io, "FileIO", refuse)
    assert "cannot be read (Permission denied). Check its permissions." in refusal(audio.read, path)


def test_a_large_file_whose_header_says_that_it_is_empty_is_named(tmp_path):
    path = write(tmp_path / "clip.wav", sound()[:0])
    path.write_bytes(path.read_bytes() + b"LIST" + (99_992).to_bytes(4, "little") + bytes(99_992))
    sentence = refusal(audio.read, path)
    assert "holds no samples, if its header is right, but has 100,044 bytes: the rec" in sentence


def test_a_flac_that_does_not_say_how_long_it_is_is_read_to_its_end(tmp_path):
    path = write_as(tmp_path, "flac")
    whole = audio.read(path)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # 36 bits count the samples; 0 stands for unknown
    content[22:26] = bytes(4)
    path.write_bytes(content)
    heard = audio.hear(path, offset=1.0, duration=2.0)
    assert np.array_equal(heard.samples, whole[22_050 : 3 * 22_050])
    assert heard.length == audio.length(path) == audio.inspect(path).duration == 4.0
    assert heard.notes == ("its header does not say how long it is, so it was read to its end",)


@pytest.mark.parametrize("suffix", ["flac", "webm"])
def test_a_long_recording_of_unknown_length_is_counted_beyond_what_is_read_at_once(
    tmp_path, monkeypatch, suffix
):
    if suffix == "webm":
        pytest.importorskip("av", reason="pip install av")
        from tests.audio.test_media import written

        path, _ = written(tmp_path, "webm")
    else:
        path = write_as(tmp_path, "flac")
        content = bytearray(path.read_bytes())
        content[21] &= 0xF0
        content[22:26] = bytes(4)
        path.write_bytes(content)
    seconds = audio.length(path)
    monkeypatch.setattr(source, "MAX_SECONDS", seconds / 10)  # more is not read at once
    with audio.stream(path, 16_000) as sound:
        assert sound.seconds == seconds
        assert sum(map(len, sound.blocks())) / 16_000 == pytest.approx(seconds, abs=0.001)
    monkeypatch.setattr(source, "MAX_SECONDS", seconds / 100)
    with (
        pytest.raises(SerKerasError, match="lasts longer than 0 h, and no more is read"),
        audio.stream(path, 16_000),
    ):
        pass


def test_an_empty_chunk_of_samples_with_other_chunks_behind_it_is_no_unfinished_header(tmp_path):
    path = write(tmp_path / "clip.wav", sound()[:0])
    path.write_bytes(path.read_bytes() + b"LIST" + (200).to_bytes(4, "little") + b"INFO" * 50)
    assert "clip.wav: holds no samples. Fetch or record it again." in refusal(audio.read, path)


def test_a_file_object_is_read_from_its_start_and_keeps_its_place(tmp_path):
    for suffix in ("wav", "flac", "ogg", "mp3"):
        path = write_as(tmp_path, suffix)
        expected = audio.read(path, 16_000, offset=0.5, duration=2)
        stream = io.BytesIO(path.read_bytes())
        stream.seek(77)
        heard = audio.hear(stream, 16_000, offset=0.5, duration=2)
        assert np.array_equal(heard.samples, expected)
        assert (heard.length, stream.tell()) == (4.0, 77)


def test_a_file_object_that_cannot_seek_is_read(tmp_path):
    path = write(tmp_path / "clip.wav")
    reading, writing = os.pipe()
    os.write(writing, path.read_bytes()[: 1 << 15])
    os.close(writing)
    content = path.read_bytes()

    class Response:
        """What `urllib` returns: bytes that come once."""

        def __init__(self):
            self.rest = content

        def read(self, size=-1):
            size = len(self.rest) if size < 0 else size
            part, self.rest = self.rest[:size], self.rest[size:]
            return part

    assert np.array_equal(audio.hear(Response()).samples, audio.read(path))
    with open(reading, "rb", buffering=0) as pipe:
        assert "is cut off" in refusal(audio.hear, pipe)


def test_a_file_object_that_is_no_sound_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("words")
    with open(path) as stream:
        assert "call 3: is a file object that does not return bytes. Open the file" in refusal(
            audio.hear, stream, name="call 3"
        )
    assert "cannot be read (I/O operation on closed file" in refusal(audio.hear, stream)
    assert "file: is empty. Fetch" in refusal(audio.hear, io.BytesIO())
    assert "is in no format that is read" in refusal(audio.hear, io.BytesIO(b"words" * 99))


def test_many_channels_are_decoded_in_blocks_of_limited_size(tmp_path):
    path = tmp_path / "array.flac"
    quiet = np.zeros((1 << 18, 8), np.int16)
    quiet[:1_000] = 900
    with soundfile.SoundFile(path, "w", 192_000, 8, subtype="PCM_16") as file:
        for _ in range(40):
            file.write(quiet)
    assert path.stat().st_size < 3 << 20
    tracemalloc.start()
    samples = audio.read(path, 16_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(len(samples) - 40 * (1 << 18) / 12) < 1
    assert peak < 64 << 20  # the channels alone are 320 MiB


def test_the_second_half_of_a_short_clip_that_its_header_leaves_out_gets_a_note(tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[40:44] = (16_000).to_bytes(4, "little")  # bytes, of 32,000
    (tmp_path / "a.wav").write_bytes(content)
    (note,) = audio.hear(tmp_path / "a.wav").notes
    assert note == "its header promises less than it holds: 0.5 s may be missing"


def test_zeros_in_place_of_a_header_are_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(bytes(44) + b"\1\2" * 9_000)
    assert "begins with zeros in place of a header: the recorder may not have finished" in refusal(
        audio.read, tmp_path / "a.wav"
    )


def test_a_codec_in_which_soundfile_cannot_count_is_read(tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    soundfile.write(tmp_path / "a.aiff", samples, 8_000, subtype="DWVW_16")
    for offset in (0, 0.25):
        heard = audio.read(tmp_path / "a.aiff", offset=offset)
        np.testing.assert_allclose(heard, samples[int(offset * 8_000) :], atol=2**-14)
