"""The page's engine, called from Python, and what its results are held against."""

from __future__ import annotations

import base64
import io
import itertools
import json

import numpy as np
import pytest
import soundfile

from ser_keras import audio
from ser_keras.features import FeatureSpec, extract
from ser_keras.functionals import tracks
from tests.page.browser import Browser

# A worker as the page starts it, with a helper; `before` is code that runs first in both.
_START = """
globalThis.startEngine = (before) => {
  const code = `${before}${document.getElementById("engine").textContent}\\nstartWorker();`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const stored = document.getElementById("model").textContent;
  const worker = new Worker(address), helper = new Worker(address), waiting = new Map();
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ type: "open", stored });
  helper.postMessage({ type: "open", stored });
  helper.postMessage({ type: "serve", port: port1 }, [port1]);
  worker.postMessage({ type: "helper", port: port2 }, [port2]);
  worker.onmessage = ({ data }) => {
    if (waiting.has(data.id) && data.type !== "progress") waiting.get(data.id)(data);
  };
  return {
    ask: (message) => new Promise((resolve) => {
      waiting.set(message.id, resolve);
      worker.postMessage(message);
    }),
    end: () => { worker.terminate(); helper.terminate(); },
  };
};
globalThis.opened = openModel(JSON.parse(document.getElementById("model").textContent));
globalThis.bytesFrom = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
globalThis.engine = startEngine("");
0
"""


def array(samples: np.ndarray) -> str:
    """Return samples as an expression of JavaScript."""
    text = base64.b64encode(np.asarray(samples, "<f4").tobytes()).decode()
    return f"new Float32Array(bytesFrom('{text}').buffer)"


class Engine:
    """The engine of a page that a browser shows.

    Args:
        browser: Browser with the page.
        before: Code that runs in the worker before the engine does.
    """

    def __init__(self, browser: Browser, before: str = ""):
        self.evaluate, self._numbers = browser.evaluate, itertools.count(1)
        self.evaluate(_START)
        if before:
            self.evaluate(f"engine.end(); globalThis.engine = startEngine({json.dumps(before)}); 0")

    def label(self, content: bytes, name: str = "a.wav") -> dict:
        """Return the message with the rows of a file, or why it is refused."""
        given = f"new File([bytesFrom('{base64.b64encode(content).decode()}')], '{name}')"
        return self.evaluate(
            f"(async () => {{ const file = {given}, id = {next(self._numbers)}; "
            "const source = (await isWav(file)) ? { file } : await decodedFile(file); "
            "return engine.ask({ type: 'label', id, ...source }); })()"
        )

    def features(self, samples: np.ndarray, rate: int, changes: dict | None = None) -> np.ndarray:
        """Return the features of samples at a rate, for the model's settings with changes."""
        own = f"{{ ...opened.features, ...{json.dumps(changes or {})} }}"
        values = self.evaluate(
            f"(() => {{ const features = {own}, rate = features.sample_rate; "
            f"const made = resample({array(samples)}, {rate}, rate, needsExact(features)); "
            "return Array.from(extract(made, { ...opened, features }).values); })()"
        )
        return np.array(values)


def file_of(samples, rate=22_050, kind="WAV", **settings):
    """Return the bytes of a sound file."""
    written = io.BytesIO()
    settings = settings or {"subtype": "FLOAT"}
    soundfile.write(written, samples, rate, format=kind, **settings)
    return written.getvalue()


def with_sinc(samples, rate, spec):
    """Return the features of a clip as Python computes them with the filter of the page."""
    samples = audio.resample_sinc(samples, rate, spec.sample_rate)
    if spec.kind != "speaker_encoder+functionals":
        return extract(samples, spec)
    low = audio.resample_sinc(samples, spec.sample_rate, 16_000)
    encoder = extract(low, FeatureSpec(kind="speaker_encoder"))
    return np.concatenate([encoder, extract(samples, FeatureSpec(kind="functionals"))], axis=1)


def assert_same_rows(made, expected, tolerance=1e-3):
    """Hold the rows of the page against predictions of Python."""
    assert [(row["start"], row["end"], row["label"]) for row in made["rows"]] == [
        (row.start, row.end, row.label) for row in expected
    ]
    for number, (row, prediction) in enumerate(zip(made["rows"], expected, strict=True)):
        notes = [*(made["notes"] if number == 0 else []), row["note"]]
        assert "; ".join(filter(None, notes)) == prediction.note
        assert row["adaptedBy"] == prediction.adapted_by
        if row["probabilities"] is None:
            assert np.isnan(list(prediction.probabilities.values())).all()
            continue
        values = [*prediction.probabilities.values(), prediction.arousal]
        assert np.abs(np.array([*row["probabilities"], row["arousal"]]) - values).max() < tolerance


def sum_formants_in_float64(monkeypatch):
    """Let Python sum the correlations of formants in float64, as the page does.

    Formants come from linear prediction. Where a telephone leaves the band above 4 kHz empty, its
    equations are so close to singular that the rounding of float32 moves the peaks. Another order
    of summing moved the probabilities of whole clips by 3e-3 in Python itself, and those of the
    page lie up to 0.013 from Python's for a part of a long recording.
    """
    constants = tracks._constants()
    exact = constants._replace(cosines=constants.cosines.astype(np.float64))
    monkeypatch.setattr(tracks, "_constants", lambda: exact)


def m4a(samples, rate):
    """Return the bytes of an AAC file; the test is skipped where nothing writes one."""
    av = pytest.importorskip("av", reason="writing M4A needs PyAV: pip install av")
    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return written.getvalue()
