"""A model as a single web page: its weights, its features and its forward pass in one HTML file.

The page needs no server, no runtime and no network, and opens by a double click. It repeats in
JavaScript what Python does: `wav.js`, `mp4.js` and `resample.js` read sound, `mel.js`,
`encoder.js`, `functionals.js`, `descriptors.js` and `pitch.js` compute features, `network.js` the
network, `prediction.js` the probabilities, `reliability.js` when they count, and `speech.js`,
`windows.js` and `segments.js` the way through a long recording. `kernels.js` holds the inner loops,
of which `assembler.js` makes WebAssembly where the browser has it. They run in a worker
(`worker.js`), while `app.js` and the others of `INTERFACE` show what comes out.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ser_keras import __version__, files, models
from ser_keras.bundle import Bundle, load_bundle
from ser_keras.errors import SerKerasError
from ser_keras.page import network
from ser_keras.page.card import card_html, trust_html
from ser_keras.pictures import emotion_colours
from ser_keras.reliability import CUT, FAR, HIGH, NARROW, columns

HERE = Path(__file__).parent
ENGINE = (  # run in the worker, in this order
    "assembler kernels resample fourier mel encoder pitch descriptors functionals network wav "
    "mp4 prediction reliability speech windows segments worker"
).split()
INTERFACE = "microphone timeline heard table results app".split()  # run in the page itself
MAX_BYTES = 64 << 20
ADJECTIVES = {"disgust": "disgusted"}  # how a voice sounds, where the label says it otherwise


def export(bundle: Bundle, path: str | os.PathLike) -> int:
    """Write the page of a model, and return its size in bytes.

    Args:
        bundle: Model to put into the page.
        path: HTML file to write.

    Raises:
        SerKerasError: The network has a layer that the page does not compute, or the file cannot
            be written.

    Example:
        >>> export(load_bundle("general"), "emotion.html")  # doctest: +SKIP
        3600000
    """
    page = html_of(bundle)
    content = page.encode()
    if len(content) > MAX_BYTES:
        problem = f"would be {len(content) >> 20} MB large"
        raise SerKerasError(path, problem, "Make the page of a smaller model")
    files.write_text(Path(path), page)
    return len(content)


def html_of(bundle: Bundle) -> str:
    """Return the page of a model as text; see `export`."""
    engine, interface = (
        "\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in names)
        for names in (ENGINE, INTERFACE)
    )
    style = (HERE / "style.css").read_text(encoding="utf-8")
    # a script ends at the first "</"; "<\/" is the same string to JSON
    data = json.dumps(settings(bundle), separators=(",", ":")).replace("</", "<\\/")
    try:
        card = models.card(bundle.folder)
    except SerKerasError:
        card = ""  # a run of the user's own has none
    policy = "; ".join(
        (
            "default-src 'none'",
            # 'wasm-unsafe-eval': the engine assembles its own inner loops
            f"script-src {_hash(engine)} {_hash(interface)} blob: data: 'wasm-unsafe-eval'",
            f"style-src {_hash(style)}",
            "worker-src blob:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    page = (HERE / "template.html").read_text(encoding="utf-8")
    slots = {
        "POLICY": policy,
        "STYLE": style,
        "NAME": html.escape(bundle.name),
        "EMOTIONS": html.escape(_listed([ADJECTIVES.get(word, word) for word in bundle.labels])),
        "TRUST": trust_html(bundle.pipeline.reliability, len(bundle.labels)),
        "ACTORS": "" if models.is_shipped(bundle.folder) else "hidden",
        "SYNTHETIC": "" if bundle.synthetic else "hidden",
        "CARD": card_html(card),
        "CARDLESS": "" if card else "hidden",
        "VERSION": html.escape(__version__),
        "MODEL": data,
        "ENGINE": engine,
        "INTERFACE": interface,
    }
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda slot: slots[slot[1]], page)


def settings(bundle: Bundle) -> dict:
    """Return all that the page's code needs to know of a model, as plain values."""
    pipeline = bundle.pipeline
    layers, weights = network.layers(_network(bundle))
    arrays = {name: _array(values, "f4") for name, values in weights.items()}
    if "speaker_encoder" in pipeline.features.kind:
        from ser_keras import tensors
        from ser_keras.models.speaker_encoder import encoder

        # float16, and what float16 leaves out in steps of a 256th: as the package stores them
        stored = tensors.parse(encoder.ARRAYS.read_bytes(), encoder.ARRAYS, ("F16", "I8"))
        for name, values in stored.items():
            arrays[f"encoder/{name}"] = _array(values, "f2" if values.dtype == "f2" else "i1")
    reliability = pipeline.reliability
    fitted = pipeline.normalization
    for name, numbers in (("mean", fitted.mean), ("std", fitted.std)):
        arrays[f"normalization/{name}"] = _array(np.array(numbers), "f8")
    return {
        "name": bundle.name,
        "labels": list(bundle.labels),
        "colours": emotion_colours(bundle.labels),
        "features": pipeline.features.to_json(),
        "batch": pipeline.batch.to_json(),
        "normalization": {"kind": fitted.kind},
        "temperature": pipeline.temperature,
        "arousal": pipeline.arousal.to_json() if pipeline.arousal else None,
        "adapts": pipeline.features.one_vector and fitted.kind == "feature",
        "reliability": reliability.to_json() if reliability else None,
        "remarks": {"distance": FAR, "bandwidth": NARROW, "height": HIGH},
        "functionals": {**columns()._asdict(), "cut": CUT},
        "layers": layers,
        "arrays": arrays,
    }


def _array(values: np.ndarray, kind: str) -> dict:
    """Return an array as plain values; `kind` is numpy's name of the type of its numbers."""
    content = np.ascontiguousarray(values, f"<{kind}").tobytes()
    return {"shape": list(values.shape), "type": kind, "data": base64.b64encode(content).decode()}


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def _network(bundle: Bundle) -> Any:
    """Return the Keras network of a model."""
    return load_bundle(bundle.folder, "keras").pipeline.engine.network  # type: ignore[attr-defined]
