"""Live sound comes in blocks, from a device or from a file in real time."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from ser_keras import audio
from tests.audio.sounds import refusal, sound, write


class Clock:
    """A clock that moves when somebody waits."""

    def __init__(self):
        self.now, self.waits = 100.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


class PortAudioError(Exception):
    """What PortAudio raises."""


def package(blocks, rates=(16_000,), device=True, overflows=()):
    """Return a stand-in for sounddevice, whose device hears these blocks at once."""
    state = types.SimpleNamespace(opened=0, closed=0)

    class InputStream:
        def __init__(self, *, samplerate, channels, dtype, blocksize, callback):
            assert (channels, dtype) == (1, "float32")
            self.callback = callback
            state.rate, state.size = samplerate, blocksize

        def __enter__(self):
            state.opened += 1
            for number, block in enumerate(blocks):
                status = types.SimpleNamespace(input_overflow=number in overflows)
                self.callback(block[:, None], len(block), None, status)

        def __exit__(self, *error):
            state.closed += 1

    def query_devices(kind):
        if not device:
            raise PortAudioError("Error querying device -1")
        return {"default_samplerate": float(rates[0])}

    def check_input_settings(*, channels, dtype, samplerate):
        if samplerate not in rates:
            raise PortAudioError("Invalid sample rate")

    module = types.SimpleNamespace(
        PortAudioError=PortAudioError,
        InputStream=InputStream,
        query_devices=query_devices,
        check_input_settings=check_input_settings,
        state=state,
    )
    return module


def some_blocks(number, size=1_600):
    return list(np.random.default_rng(0).normal(0, 0.1, (number, size)).astype(np.float32))


def test_a_file_is_played_in_real_time(tmp_path):
    path, clock = write(tmp_path / "a.wav", sound(1.05, 16_000), 16_000), Clock()
    heard = audio.listen(16_000, source=path, clock=clock, sleep=clock.sleep)
    times, blocks = [], []
    for block in heard:
        times.append(clock.now - 100)
        blocks.append(block)
        if len(blocks) == 3:
            clock.now += 0.25  # the consumer is slow once, and catches up
    assert [len(block) for block in blocks] == [1_600] * 10 + [800]
    assert all(block.dtype == np.float32 for block in blocks)
    assert np.array_equal(np.concatenate(blocks), audio.read(path))
    expected = [0.1, 0.2, 0.3, 0.55, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0, 1.05]
    np.testing.assert_allclose(times, expected, atol=1e-9)


def test_a_file_is_resampled_and_mixed(tmp_path):
    path, clock = write(tmp_path / "a.wav", sound(1.0, 44_100, 2), 44_100), Clock()
    blocks = list(audio.listen(16_000, seconds=0.25, source=path, clock=clock, sleep=clock.sleep))
    joined, expected = np.concatenate(blocks), audio.read(path, 16_000)
    assert abs(len(joined) - 16_000) <= 1
    np.testing.assert_allclose(joined[:15_900], expected[:15_900], atol=1e-5)


def test_the_microphone_is_heard_and_closed(monkeypatch):
    blocks = some_blocks(5)
    module = package(blocks)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    heard = audio.listen(16_000)
    for block in blocks:
        assert np.array_equal(next(heard), block)
    heard.close()
    assert (module.state.opened, module.state.closed) == (1, 1)
    assert (module.state.rate, module.state.size) == (16_000, 1_600)


def test_ctrl_c_closes_the_microphone(monkeypatch):
    module = package(some_blocks(2))
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    heard = audio.listen(16_000)
    next(heard)
    with pytest.raises(KeyboardInterrupt):
        heard.throw(KeyboardInterrupt)
    assert module.state.closed == 1


def test_blocks_that_nobody_takes_are_counted_and_reported(monkeypatch, capsys):
    module = package(some_blocks(310), overflows=(3,))
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    heard = audio.listen(16_000)
    assert sum(1 for _ in zip(range(300), heard, strict=False)) == 300
    heard.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "warning: Sound from the microphone is lost: the computer is too slow for it.",
        "warning: 11 blocks of the microphone, 1.1 s, were lost.",
    ]


def test_a_device_without_the_rate_is_resampled(monkeypatch):
    samples = sound(1.0, 48_000)[:, 0].astype(np.float32) / 2**15
    module = package(list(samples.reshape(10, 4_800)), rates=(48_000,))
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    heard = audio.listen(16_000)
    joined = np.concatenate([next(heard) for _ in range(8)])
    heard.close()
    expected = audio.from_samples(samples, 48_000, 16_000)
    np.testing.assert_allclose(joined, expected[: len(joined)], atol=1e-5)


def test_what_is_missing_is_said_in_one_sentence(monkeypatch):
    def first(**options):
        return next(audio.listen(16_000, **options))

    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert refusal(first) == (
        "microphone: needs the package sounddevice, which is not installed. "
        "Run: pip install 'ser_keras[live]', or in a checkout pip install '.[live]'."
    )
    monkeypatch.setitem(sys.modules, "sounddevice", package([], device=False))
    assert refusal(first).startswith("microphone: there is none on this computer. Plug one in")
    monkeypatch.setattr(audio.microphone, "_PATIENCE", 0.01)
    monkeypatch.setitem(sys.modules, "sounddevice", package([]))
    assert "microphone: has given no sound for 0 s. Check that it" in refusal(first)


def test_a_missing_library_is_said_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert refusal(next, audio.listen(16_000)) == (
        "microphone: needs the PortAudio library, which is missing. "
        "Install it, for instance with: sudo apt install libportaudio2."
    )


def test_settings_out_of_range_are_refused():
    assert "has a rate of 10 Hz" in refusal(next, audio.listen(10))
    assert "cannot be 0" in refusal(next, audio.listen(16_000, seconds=0))


def test_the_level_is_in_dbfs():
    time = np.arange(16_000) / 16_000
    assert round(audio.level(np.sin(2 * np.pi * 100 * time)), 2) == -3.01
    assert audio.level(np.ones(10, np.float32)) == 0
    assert audio.level(np.empty(0, np.float32)) == audio.LOWEST_LEVEL
