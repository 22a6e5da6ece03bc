"""The page's engine, called from Python: values of its functions, and its worker."""

from __future__ import annotations

import base64
import itertools
import json

import numpy as np

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
