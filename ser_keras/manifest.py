"""bundle.json: what each of its keys may hold, and how much work its settings may ask for."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from ser_keras import calibration, files, models
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec
from ser_keras.reliability.far import N_HEIGHT, has_functionals

FORMAT = 2
NAME = models.MANIFEST
FILES = ("model.tflite", "model.int8.tflite", "weights.safetensors", "model.keras")
MAX_MODEL_BYTES = 1 << 28  # the largest published network has 195 MB of weights
MAX_BYTES = 1 << 24  # of bundle.json, which lists every clip: 22 bytes for each of 700,000
FRESH = "Take a fresh copy of the model, or train it again"
_CHANGE = "Change it with --set"

# The most that settings may ask for; the recipes ask for a tenth of it at most.
_MAX_INPUT = 1_000_000  # values of a network's input: frames x features
_MAX_FILTERS = 2_000_000  # values of the mel matrix: bands x bins
_MAX_BANDS = 500_000  # mel bands that are computed for a second of sound
_MAX_TRANSFORMED = 10_000_000  # samples that go through Fourier transforms for a second of sound
_MAX_PRODUCTS = 2_000_000_000  # multiplications with the mel matrix for a second of sound
_MAX_CLIP = 50_000_000  # samples, or values of frames, of the part of a recording that is heard
_MAX_STATISTIC = 1e9  # means, and padding; features are decibels or coefficients of them

# Entries, and settings of a batch, that are written only where they are used.
_OPTIONAL = {field.name for field in dataclasses.fields(BatchSpec)} - BatchSpec().to_json().keys()
_OPTIONAL |= {"arousal", "temperature", "merged", "reliability"}
_OPTIONAL |= {
    "plain",
    "adapted",
    "distance",
    "bandwidth",
    "height",
    "usual",
}  # what reliability may hold

Rule = dict | list | Callable[[Any], bool]


def read(folder: Path) -> dict:
    """Return the manifest in a folder after checking type and range of all its keys.

    Raises:
        SerKerasError: The folder or the manifest is a link or no plain file, or breaks a rule.
    """
    path = folder / NAME
    if folder.is_symlink():
        raise SerKerasError(folder, "is a link", "Name the folder that it leads to")
    manifest = files.read_json(path, MAX_BYTES, links=False)
    if not isinstance(manifest, dict):
        raise SerKerasError(path, "is not a manifest", FRESH)
    version = manifest.get("format")
    if type(version) is not int or version != FORMAT:
        problem = f"has format {repr(version)[:20]}, and this version reads {FORMAT}"
        older = type(version) is int and version < FORMAT
        remedy = "Train the model again" if older else "Update ser_keras, or train the model again"
        raise SerKerasError(path, problem, remedy)
    if missing := sorted(_RULES.keys() - _OPTIONAL - manifest.keys()):
        raise SerKerasError(path, f"lacks the keys {', '.join(missing)}", FRESH)
    if unknown := sorted(manifest.keys() - _RULES.keys()):
        names = ", ".join(repr(name[:40]) for name in unknown[:5])
        raise SerKerasError(path, f"has the unknown keys {names}", FRESH)
    labels = manifest["labels"]
    if not _is_list_of(labels, _is_label, 2, 1000) or len(set(labels)) != len(labels):
        raise SerKerasError(path, "its labels are not two or more different words", FRESH)
    models = manifest["models"]
    if not isinstance(models, dict) or not models or not models.keys() <= set(FILES):
        raise SerKerasError(path, "names other files than a model has", FRESH)
    for name, fingerprint in models.items():
        if _broken(fingerprint, _FINGERPRINT, name):
            raise SerKerasError(path, f"lacks the size and hash of {name}", FRESH)
    broken = _broken(manifest, _RULES, "")
    if broken:
        raise SerKerasError(path, f"its entry {broken[1:]} has another form", FRESH)
    if "arousal" in manifest:
        listed = manifest["arousal"]["emotions"]
        if not listed or len(set(listed)) != len(listed) or not set(listed) < set(labels):
            problem = "its arousal is not made from some of its emotions"
            raise SerKerasError(path, problem, FRESH)
    features = settings(path, manifest)[0]
    known = manifest.get("reliability", {})
    far, n, high = known.get("distance", {}), features.n_features, known.get("height", {})
    voice = {len(high[name]) for name in ("mean", "std", "weights") if high} - {N_HEIGHT}
    unseen = not has_functionals(features) and not known.keys().isdisjoint({"bandwidth", "height"})
    lists = [known[name]["limits"] for name in ("plain", "adapted") if name in known]
    if (
        voice
        or unseen
        or any(len({pair["coverage"] for pair in pairs}) < len(pairs) for pairs in lists)
        or any(len(far[name]) != n for name in ("mean", "std") if far)
    ):
        raise SerKerasError(path, "its reliability does not fit its features", FRESH)
    return manifest


def settings(path: Path, manifest: dict) -> tuple[FeatureSpec, BatchSpec, Normalization]:
    """Return the settings between a waveform and the network's inputs.

    Args:
        path: Name of the manifest, for errors.
        manifest: Its content.

    Raises:
        SerKerasError: A setting is out of range, or together they ask for too much.
    """
    try:
        features = FeatureSpec.from_json(manifest["features"])
        batch = BatchSpec.from_json(manifest["batch"])
        normalization = Normalization.from_json(manifest["normalization"])
    except SerKerasError as error:
        problem = f"its setting {error.subject} {error.problem}"
        raise SerKerasError(path, problem, FRESH) from error
    check_work(path, features, batch)
    statistics = (*normalization.mean, *normalization.std)
    fits = normalization.kind == batch.normalize and (
        normalization.kind != "feature"
        or len(normalization.mean) == batch.n_normalized(features.n_features)
    )
    sane = all(abs(value) <= _MAX_STATISTIC for value in statistics)
    if not fits or not sane or not all(std >= 1 / _MAX_STATISTIC**2 for std in normalization.std):
        raise SerKerasError(path, "its normalization does not fit its features", FRESH)
    return features, batch, normalization


def check_recipe(name: str, record: dict, features: FeatureSpec, batch: BatchSpec) -> None:
    """Refuse a recipe before training if `read` would refuse its model afterwards.

    Args:
        name: Name of the recipe, for errors.
        record: All that the recipe states (`Recipe.to_json`).
        features: Its features.
        batch: Its batches.

    Raises:
        SerKerasError: A manifest cannot hold a setting, or they ask for too much work.
    """
    if broken := _broken(record, _RECIPE, ""):
        problem = f"has a setting {broken[1:]} that no model can hold"
        raise SerKerasError(name, problem, _CHANGE)
    check_work(name, features, batch, _CHANGE)


def check_work(
    subject: str | Path, features: FeatureSpec, batch: BatchSpec, remedy: str = FRESH
) -> None:
    """Refuse settings each of which is allowed, but which together ask for too much or nothing.

    Args:
        subject: Name of what has these settings, for errors.
        features: How frames are computed from samples.
        batch: How inputs are made from frames.
        remedy: What to do about it.

    Raises:
        SerKerasError: They ask for too much work, or no sound can reach the network.
    """
    rate = features.sample_rate / features.hop_length  # frames in a second
    seconds = features.duration or 60.0  # what is read without a duration is limited elsewhere
    matrix = features.n_mels * (1 + features.n_fft // 2)
    for name, value, most in (
        ("bands and n_fft", matrix, _MAX_FILTERS),
        ("bands and hop", features.n_mels * rate, _MAX_BANDS),
        ("n_fft and hop", features.n_fft * rate, _MAX_TRANSFORMED),
        ("bands, n_fft and hop", matrix * rate, _MAX_PRODUCTS),
        ("duration, bands and hop", seconds * features.n_mels * rate, _MAX_CLIP),
        ("duration and sample rate", seconds * features.sample_rate, _MAX_CLIP),
        ("frames and features", (batch.frames or 1) * features.n_features, _MAX_INPUT),
    ):
        if value > most:
            problem = f"its {name} together ask for {value / most:.1f} times what is allowed"
            raise SerKerasError(subject, problem, remedy)
    if abs(batch.pad_value) > _MAX_STATISTIC:
        raise SerKerasError(subject, f"its padding is {batch.pad_value:.0e}", remedy)
    width = (features.fmax or features.sample_rate / 2) - features.fmin
    if width < features.sample_rate / features.n_fft:
        problem = f"its mel bands span {width:.2g} Hz, which no value of its transform lies in"
        raise SerKerasError(subject, problem, remedy)


def _broken(value: object, rule: Rule, name: str) -> str | None:
    """Return the name of the first entry that breaks its rule, or None.

    Args:
        value: Value of the entry.
        rule: A function of the value; a list of one rule, for a list of any length; or a dict with
            a rule for each key, all of which the value must have but `_OPTIONAL`.
        name: Name of the entry.
    """
    if callable(rule):
        return None if rule(value) else name
    if isinstance(rule, list):
        if not isinstance(value, list):
            return name
        parts = [(item, rule[0], name) for item in value]
    else:
        if not isinstance(value, dict) or not rule.keys() - _OPTIONAL <= value.keys():
            return name
        if not value.keys() <= rule.keys():
            return name
        parts = [(value[key], rule[key], f"{name}.{key}") for key in value]
    return next(filter(None, (_broken(*part) for part in parts)), None)


def _is_list_of(value: object, rule: Callable[[Any], bool], low: int, high: int) -> bool:
    return isinstance(value, list) and low <= len(value) <= high and all(map(rule, value))


def _text(most: int, empty: bool = False) -> Callable[[Any], bool]:
    """Return the rule for a text of one line."""
    return lambda value: (
        isinstance(value, str)
        and len(value) <= most
        and value.isprintable()
        and bool(value or empty)
    )


def _is_label(value: object) -> bool:
    """Return whether a value is the name of an emotion: letters, digits, blanks, hyphens.

    It is then no formula for a spreadsheet and no HTML. Latin letters are not mixed with those of
    another alphabet, some of which look the same.
    """
    if not isinstance(value, str) or not re.fullmatch(r"\w[\w -]{0,99}", value):
        return False
    latin = {unicodedata.name(c, "").startswith("LATIN") for c in value if c.isalpha()}
    return len(latin) < 2 and unicodedata.normalize("NFKC", value) == value


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _optional(rule: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or rule(value)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_plain(value: object) -> bool:
    """Return whether a setting is a short text, a number, a truth value, None, or a list of these.

    The reader has checked that numbers are finite and that nothing is nested deeply.
    """
    if isinstance(value, (list, dict)):
        items = value if isinstance(value, list) else [*value, *value.values()]
        return len(items) <= 200 and all(map(_is_plain, items))
    if isinstance(value, str):
        return len(value) <= 100 and value.isprintable()
    return value is None or (type(value) in (bool, int, float) and abs(cast(float, value)) < 1e300)


def _is_settings(value: object) -> bool:
    """Return whether a value is a dict of plain settings."""
    return isinstance(value, dict) and _is_plain(value)


def _is_versions(value: object) -> bool:
    return isinstance(value, dict) and all(map(_text(100), [*value, *value.values()]))


_WORD = _matches(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")
_HASH = _matches(r"[0-9a-f]{16}")
_FINGERPRINT = {"bytes": _whole(1, MAX_MODEL_BYTES), "sha256": _matches(r"[0-9a-f]{64}")}
_SHARE = _number(-1e-6, 1 + 1e-6)
_ESTIMATE = {"value": _SHARE, "low": _SHARE, "high": _SHARE}
_HEADLINE = {
    "n": _whole(1, 10**9),
    "accuracy": _ESTIMATE,
    "uar": _ESTIMATE,
    "macro_f1": _ESTIMATE,
}
_PUBLISHED = {
    "value": _SHARE,
    "metric": _WORD,
    "n": _optional(_whole(1, 10**9)),
    "corpus": _text(200, empty=True),
    "protocol": _WORD,
    "source": _text(2000, empty=True),
    "selected_on": _optional(_WORD),
}
_RECIPE = {
    "title": _text(500),
    "sources": [_text(500)],
    "corpora": [_WORD],
    "emotions": [_is_label],
    "features": _is_settings,
    "batch": _is_settings,
    "training": _is_settings,
    "draw": _WORD,
    "augment": _is_settings,
    "model": _is_settings,
    "merged": _is_settings,
    "published": [_PUBLISHED],
    "notes": [_text(4000)],
    "corrects": [_text(4000)],
    "name": _WORD,
    "network": _WORD,
}
_ANSWERS = {
    "answer_from": _SHARE,
    "answered": _SHARE,
    "right": _SHARE,
    "overall": _SHARE,
    "speakers": _whole(1, 10**6),
    "limits": [{"coverage": _number(0.01, 0.999), "limit": _SHARE}],
}
_RULES: dict[str, Rule] = {
    "format": _whole(FORMAT, FORMAT),
    "name": _text(500),
    "created": _matches(r"\d{4}-\d\d-\d\d"),
    "versions": _is_versions,
    "recipe": _RECIPE,
    "labels": [_is_label],
    "features": {field.name: _is_plain for field in dataclasses.fields(FeatureSpec)},
    "batch": {field.name: _is_plain for field in dataclasses.fields(BatchSpec)},
    "normalization": {
        "kind": _WORD,
        "mean": [_number(-_MAX_STATISTIC, _MAX_STATISTIC)],
        "std": [_number(0, _MAX_STATISTIC)],
    },
    "models": lambda value: isinstance(value, dict),
    "split": {
        "corpus": _WORD,
        "protocol": _WORD,
        "fold": _whole(0, 10**6),
        "seed": _whole(0, 2**64),
        "hash": _HASH,
    },
    "training_clips": [_HASH],
    "test_clips": [_HASH],
    "figures": {"validation": _HEADLINE, "test": _HEADLINE},
    "synthetic": _is_flag,
    "temperature": _number(*calibration.TEMPERATURES),
    "arousal": {
        "emotions": [_is_label],
        "slope": _number(*calibration.SLOPES),
        "offset": _number(*calibration.OFFSETS),
    },
    "reliability": {
        "plain": _ANSWERS,
        "adapted": _ANSWERS,
        "distance": {
            "mean": [_number(-_MAX_STATISTIC, _MAX_STATISTIC)],
            "std": [_number(1 / _MAX_STATISTIC**2, _MAX_STATISTIC)],
            "limit": _number(0, _MAX_STATISTIC),
            "signed_root": _is_flag,
        },
        "bandwidth": {"limit": _number(-_MAX_STATISTIC, _MAX_STATISTIC)},
        "height": {
            "mean": [_number(-_MAX_STATISTIC, _MAX_STATISTIC)],
            "std": [_number(1 / _MAX_STATISTIC**2, _MAX_STATISTIC)],
            "weights": [_number(-_MAX_STATISTIC, _MAX_STATISTIC)],
            "limit": _number(-_MAX_STATISTIC, _MAX_STATISTIC),
        },
        "usual": _number(0, _MAX_STATISTIC),
    },
}
