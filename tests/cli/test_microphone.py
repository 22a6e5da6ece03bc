"""`--microphone`: the running emotion of a device, which may be poor, stop or be missing."""

import re
import sys
import threading
import time
import types
from functools import partial

import numpy as np
import pytest
import soundfile

from ser_keras import audio
from ser_keras.audio import microphone
from ser_keras.cli import labelling, use
from tests.audio.test_microphone import PortAudioError


def device(samples, rate, *, channels=1, only=None):
    """Return a stand-in for sounddevice, whose device hears samples ten times as fast and stops.

    Args:
        samples: What it hears, (samples,).
        rate: Its rate in Hz.
        channels: Number of its channels; the voice is on the last one.
        only: Number of channels with which alone it can be opened; None for any.
    """

    def check_input_settings(*, channels, dtype, samplerate):
        if samplerate != rate or channels not in (only or channels,):
            raise PortAudioError("Invalid number of channels")

    class InputStream:
        def __init__(self, *, samplerate, channels, dtype, blocksize, callback):
            check_input_settings(channels=channels, dtype=dtype, samplerate=samplerate)
            self.size, self.channels, self.callback = blocksize, channels, callback

        def __enter__(self):
            threading.Thread(target=self.play, daemon=True).start()

        def play(self):
            for start in range(0, len(samples) - self.size + 1, self.size):
                time.sleep(self.size / rate / 10)
                block = np.zeros((self.size, self.channels), np.float32)
                block[:, -1] = samples[start : start + self.size]
                self.callback(block, self.size, None, types.SimpleNamespace(input_overflow=False))

        def __exit__(self, *error):
            pass

    return types.SimpleNamespace(
        PortAudioError=PortAudioError,
        InputStream=InputStream,
        check_input_settings=check_input_settings,
        query_devices=lambda kind: {
            "default_samplerate": float(rate),
            "max_input_channels": channels,
        },
    )


def listen(tiny_run, capsys, *options):
    """Return the exit status, the rows and the messages of the command."""
    with pytest.raises(SystemExit) as stop:
        use.main(["--microphone", "--model", str(tiny_run.folder), *options])
    out, err = capsys.readouterr()
    return stop.value.code, out.splitlines(), err


@pytest.mark.parametrize(
    ("rate", "channels", "only"), [(22_050, 1, None), (8_000, 2, 2), (48_000, 4, 4)]
)
def test_any_device_is_heard_until_it_stops(
    tiny_run, voice, capsys, monkeypatch, rate, channels, only
):
    monkeypatch.setattr(microphone, "_PATIENCE", 0.2)
    heard = device(voice(200, 3.0, rate), rate, channels=channels, only=only)
    monkeypatch.setitem(sys.modules, "sounddevice", heard)
    status, rows, messages = listen(tiny_run, capsys)
    assert status == 1
    times = [float(row.split()[0]) for row in rows]
    assert times[0] >= 0.5
    assert min(np.diff(times), default=1) > 0.49
    assert all(re.match(r" +[\d.]+ s  #+ +\w", row) for row in rows)
    assert "has given no sound for 0 s. Check that it is plugged in." in messages
    assert re.search(r"Half of the labels came at most [\d.]+ s after the sound", messages)


def test_the_meter_shows_the_level(tiny_run, voice, capsys, monkeypatch):
    monkeypatch.setattr(microphone, "_PATIENCE", 0.2)
    voiced = voice(200, 1.0)
    samples = np.concatenate([voiced, 0.03 * voiced, np.zeros(4 * 22_050, np.float32)])
    monkeypatch.setitem(sys.modules, "sounddevice", device(samples, 22_050))
    _, rows, _ = listen(tiny_run, capsys)
    levels = [row.count("#") for row in rows]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > levels[-1] == 0


def test_ctrl_c_ends_it_and_says_how_late_labels_were(tiny_run, voice, capsys, monkeypatch):
    def heard(rate):
        for _ in range(12):
            time.sleep(0.01)
            yield voice(200, 0.1, rate)
        raise KeyboardInterrupt

    monkeypatch.setattr(audio, "listen", heard)
    status, rows, messages = listen(tiny_run, capsys, "--hop", "0.25")
    assert status == 130
    assert len(rows) == 4  # 12 blocks of 0.1 s
    assert "Half of the labels came at most 0.3" in messages
    assert messages.endswith("Stopped.\n")


def delay(tmp_path, monkeypatch, capsys, samples, model):
    """Return the median delay that the command states, while a file plays in real time."""
    soundfile.write(tmp_path / "a.wav", samples, 22_050)
    played = partial(audio.listen, source=tmp_path / "a.wav")
    monkeypatch.setattr(audio, "listen", played)
    use.main(["--microphone", "--model", str(model)])
    return float(re.search(r"labels came at most ([\d.]+) s", capsys.readouterr().err)[1])


def test_a_label_comes_soon_after_its_sound(tiny_run, voice, tmp_path, capsys, monkeypatch):
    usual = delay(tmp_path, monkeypatch, capsys, voice(200, 1.1), tiny_run.folder)
    assert labelling.LIVE_HOP <= usual <= labelling.LIVE_DELAY


@pytest.mark.slow
@pytest.mark.parametrize("model", ["general", "tess"])
def test_the_models_that_ship_label_as_soon_as_the_help_says(
    model, voice, tmp_path, capsys, monkeypatch
):
    usual = delay(tmp_path, monkeypatch, capsys, voice(200, 20.0), model)
    assert labelling.LIVE_HOP <= usual <= labelling.LIVE_DELAY


@pytest.mark.parametrize(
    "option",
    [["--resume", "a.csv"], ["--timeline"], ["--speakers"], ["--save", "a.csv"], ["x.wav"]],
)
def test_what_needs_recordings_does_not_go_with_the_microphone(tiny_run, capsys, option):
    status, rows, messages = listen(tiny_run, capsys, *option)
    assert (status, rows) == (1, [])
    assert messages.startswith("error: --microphone: ")
    assert messages.endswith("Leave out one of the two.\n")


def test_a_missing_package_is_one_sentence(tiny_run, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    status, rows, messages = listen(tiny_run, capsys)
    assert (status, rows) == (1, [])
    assert "error: microphone: needs the package sounddevice" in messages
