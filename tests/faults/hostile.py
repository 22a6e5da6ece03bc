"""Ways to spoil a good bundle as a stranger could, each with what is said of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

WEIGHTS, LIGHT, MANIFEST = "weights.safetensors", "model.tflite", "bundle.json"


class Spoilt(NamedTuple):
    """A hostile bundle.

    Args:
        rule: The rule that it breaks.
        spoil: Function that changes the folder of a good bundle.
        words: Part of the sentence with which it is refused.
        engine: Engine that it is opened with.
    """

    rule: str
    spoil: Callable[[Path], None]
    words: str
    engine: str = "light"


def manifest(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def edit(folder: Path, **changes: object) -> None:
    (folder / MANIFEST).write_text(json.dumps({**manifest(folder), **changes}))


def seal(folder: Path, name: str, content: bytes) -> None:
    """Write a model file and make the manifest agree with it, as whoever changed it would."""
    (folder / name).write_bytes(content)
    fingerprint = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    edit(folder, models={**manifest(folder)["models"], name: fingerprint})


def within(key: str, **changes: object) -> Callable[[Path], None]:
    """Return the change of some entries of an object in the manifest."""
    return lambda folder: edit(folder, **{key: {**manifest(folder)[key], **changes}})


def entries(**changes: object) -> Callable[[Path], None]:
    """Return the change of whole entries of the manifest."""
    return lambda folder: edit(folder, **changes)


def arousal(**changes: object) -> Callable[[Path], None]:
    """Return the change that gives the manifest an entry for arousal that is good but for these."""
    good = {"emotions": ["angry"], "slope": 1.0, "offset": 0.0}
    return entries(arousal={**good, **changes})


def text(content: bytes) -> Callable[[Path], None]:
    """Return the change of the whole manifest."""
    return lambda folder: (folder / MANIFEST).write_bytes(content) and None


def split_weights(folder: Path) -> tuple[dict, bytes]:
    content = (folder / WEIGHTS).read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def join_weights(folder: Path, header: object, numbers: bytes) -> None:
    raw = json.dumps(header).encode()
    seal(folder, WEIGHTS, len(raw).to_bytes(8, "little") + raw + numbers)


def weights(change: Callable[[dict, bytes], tuple[object, bytes]]) -> Callable[[Path], None]:
    """Return the change of header and numbers of the weights."""
    return lambda folder: join_weights(folder, *change(*split_weights(folder)))


def entry(**changes: object) -> Callable[[Path], None]:
    """Return the change of the first array's entry in the header of the weights."""

    def change(header: dict, numbers: bytes) -> tuple[dict, bytes]:
        first = next(iter(header))
        return {**header, first: {**header[first], **changes}}, numbers

    return weights(change)


def _rename_first(header: dict, numbers: bytes) -> tuple[dict, bytes]:
    first, *others = header
    return {"000 other": header[first], **{name: header[name] for name in others}}, numbers


def _not_finite(header: dict, numbers: bytes) -> tuple[dict, bytes]:
    return header, struct.pack("<f", float("nan")) + numbers[4:]


def _larger_kernel(header: dict, numbers: bytes) -> tuple[dict, bytes]:
    """Give the first array more numbers, and shift the others."""
    first, *others = header
    more = bytes(4 * header[first]["shape"][-1])
    shape = [header[first]["shape"][0] + 1, *header[first]["shape"][1:]]
    more = bytes(4 * int(np.prod(shape)) - header[first]["data_offsets"][1])
    end = header[first]["data_offsets"][1] + len(more)
    header[first] = {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}
    for name in others:
        start, stop = header[name]["data_offsets"]
        header[name]["data_offsets"] = [start + len(more), stop + len(more)]
    return header, more + numbers


def replaced(name: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return the change of a file into something else in its place."""

    def change(folder: Path) -> None:
        (folder / name).rename(folder.with_name("elsewhere"))
        make(folder / name)

    return change


def _link(path: Path) -> None:
    path.symlink_to(path.parent.with_name("elsewhere"))


def _zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder_is_a_link(folder: Path) -> None:
    real = folder.with_name("real")
    folder.rename(real)
    folder.symlink_to(real)


def _sparse(name: str, size: int) -> Callable[[Path], None]:
    """Return the change that gives a file trailing zeros which the manifest counts."""

    def change(folder: Path) -> None:
        os.truncate(folder / name, size)
        if name != MANIFEST:
            fingerprint = {"bytes": size, "sha256": 64 * "0"}
            edit(folder, models={**manifest(folder)["models"], name: fingerprint})

    return change


def _flipped(folder: Path) -> None:
    content = bytearray((folder / LIGHT).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / LIGHT).write_bytes(content)


def added(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"import os") and None


def model(**arguments: object) -> Callable[[Path], None]:
    """Return the change of arguments with which the network is built."""

    def change(folder: Path) -> None:
        recipe = manifest(folder)["recipe"]
        edit(folder, recipe={**recipe, "model": {**recipe["model"], **arguments}})

    return change


def operator(content: bytes, number: int) -> bytes:
    """Return a light model whose first operator has another number."""
    root = struct.unpack_from("<I", content, 0)[0]

    def field(table: int, slot: int) -> int:
        vtable = table - struct.unpack_from("<i", content, table)[0]
        return table + struct.unpack_from("<H", content, vtable + 4 + 2 * slot)[0]

    codes = field(root, 1)
    first = codes + struct.unpack_from("<I", content, codes)[0] + 4
    code = first + struct.unpack_from("<I", content, first)[0]
    changed = bytearray(content)
    struct.pack_into("<b", changed, field(code, 0), min(number, 127))
    return bytes(changed)


def lifted(folder: Path) -> None:
    seal(folder, LIGHT, operator((folder / LIGHT).read_bytes(), 32))


def copied(good: Path, target: Path) -> Path:
    """Return a copy of a good bundle that may be spoilt."""
    target.mkdir()
    for name in (MANIFEST, LIGHT, WEIGHTS, "model.keras"):
        shutil.copyfile(good / name, target / name)
    return target


HOSTILE = {
    # 1. nothing that can run code
    "a pickle beside the model": Spoilt("code", added("model.pkl"), "is not named by the manifest"),
    "a script beside the model": Spoilt("code", added("run.py"), "is not named by the manifest"),
    "another network's name": Spoilt(
        "code", within("recipe", network="os"), "no such network", "keras"
    ),
    "another module's function": Spoilt(
        "code", within("recipe", network="layers.Lambda"), "no such network", "keras"
    ),
    "an argument that build lacks": Spoilt(
        "code", model(custom_objects="x"), "no such argument", "keras"
    ),
    "an argument of another type": Spoilt("code", model(filters="x"), "model.filters", "keras"),
    # 2. JSON
    "no JSON": Spoilt("JSON", text(b"{"), "is not the JSON expected"),
    "a pickle for JSON": Spoilt("JSON", text(b"\x80\x04N."), "is not the JSON expected"),
    "a list": Spoilt("JSON", text(b"[]"), "is not a manifest"),
    "a key twice": Spoilt("JSON", text(b'{"format": 1, "format": 1}'), "a key occurs twice"),
    "not a number": Spoilt("JSON", text(b'{"format": NaN}'), "NaN is not a finite number"),
    "infinite": Spoilt("JSON", text(b'{"format": 1e999}'), "1e999 is not a finite number"),
    "many digits": Spoilt("JSON", text(b'{"format": ' + 9999 * b"9" + b"}"), "JSON expected"),
    "too deep": Spoilt("JSON", text(60 * b"[" + 60 * b"]"), "nested deeper than 8 levels"),
    "as deep as Python parses": Spoilt("JSON", text(900 * b"[" + 900 * b"]"), "nested deeper"),
    "far too deep": Spoilt("JSON", text(500_000 * b"["), "is not the JSON expected"),
    "too large": Spoilt("JSON", text(b'"' + (1 << 24) * b"x" + b'"'), "is larger than"),
    "sparse": Spoilt("JSON", _sparse(MANIFEST, 1 << 31), "is larger than"),
    "older": Spoilt("JSON", text(b'{"format": 1}'), "Train the model again"),
    "newer": Spoilt("JSON", text(b'{"format": 3}'), "has format 3, and this version reads 2"),
    "true for a format": Spoilt("JSON", text(b'{"format": true}'), "has format True"),
    "incomplete": Spoilt("JSON", text(b'{"format": 2}'), "lacks the keys batch, created"),
    "an unknown key": Spoilt("JSON", entries(surprise=1), "has the unknown keys 'surprise'"),
    "an object for a name": Spoilt("JSON", entries(name={"a": 1}), "its entry name"),
    "a long name": Spoilt("JSON", entries(name=900_000 * "A"), "its entry name"),
    "a name that colours": Spoilt("JSON", entries(name="\x1b[31mred"), "its entry name"),
    "half a letter": Spoilt("JSON", entries(name="\ud800"), "its entry name"),
    "a list for a split": Spoilt("JSON", entries(split=[]), "its entry split"),
    "a corpus elsewhere": Spoilt("JSON", within("split", corpus="../../x"), "split.corpus"),
    "a negative fold": Spoilt("JSON", within("split", fold=-1), "split.fold"),
    "objects for hashes": Spoilt("JSON", entries(training_clips=[{}]), "training_clips"),
    "published words": Spoilt("JSON", within("recipe", published=[{"x": 1}]), "published"),
    "a date that is none": Spoilt("JSON", entries(created=7), "its entry created"),
    "figures beyond 1": Spoilt("JSON", entries(figures={"test": {"uar": 7}}), "figures"),
    "yes for true": Spoilt("JSON", entries(synthetic="yes"), "its entry synthetic"),
    "versions in a list": Spoilt("JSON", entries(versions=["keras"]), "its entry versions"),
    # 3. links, devices, names
    "a manifest that is a link": Spoilt("links", replaced(MANIFEST, _link), "not a plain file"),
    "a manifest of zeros": Spoilt("links", replaced(MANIFEST, _zeros), "has no bundle.json"),
    "a manifest that waits": Spoilt("links", replaced(MANIFEST, os.mkfifo), "has no bundle.json"),
    "a model that is a link": Spoilt("links", replaced(LIGHT, _link), "is a link or a device"),
    "a model of zeros": Spoilt("links", replaced(LIGHT, _zeros), "is a link or a device"),
    "a model that waits": Spoilt("links", replaced(LIGHT, os.mkfifo), "is a link or a device"),
    "a model that is a folder": Spoilt("links", replaced(LIGHT, os.mkdir), "not a plain file"),
    "a missing model": Spoilt("links", lambda f: (f / LIGHT).unlink(), "cannot be read"),
    "a folder that is a link": Spoilt("links", _folder_is_a_link, "is a link. Name the folder"),
    "a file elsewhere": Spoilt(
        "links", entries(models={"../model.tflite": {}}), "names other files than a model has"
    ),
    "another model beside it": Spoilt("links", added("model.int8.tflite"), "is not named by"),
    # 4. size and hash
    "another content": Spoilt("hash", _flipped, "is not the file that the manifest describes"),
    "no hash": Spoilt("hash", entries(models={LIGHT: {"bytes": 3}}), "lacks the size and hash"),
    "trailing gigabytes": Spoilt("hash", _sparse(LIGHT, 1 << 40), "lacks the size and hash"),
    "trailing zeros": Spoilt("hash", _sparse(LIGHT, 1 << 27), "is not the file"),
    # 5. shapes and sizes
    "a header beyond the file": Spoilt(
        "shapes", lambda f: seal(f, WEIGHTS, bytes(7 * b"\xff") + b"{}"), "no header", "keras"
    ),
    "a header that is a list": Spoilt(
        "shapes", weights(lambda h, n: ([], n)), "names no arrays", "keras"
    ),
    "an absurd shape": Spoilt("shapes", entry(shape=[10**9, 10**9]), "does not hold", "keras"),
    "a negative shape": Spoilt("shapes", entry(shape=[-1]), "does not hold", "keras"),
    "another type": Spoilt("shapes", entry(dtype="F64"), "does not hold", "keras"),
    "overlapping arrays": Spoilt("shapes", entry(data_offsets=[4, 8]), "does not hold", "keras"),
    "another name": Spoilt("shapes", weights(_rename_first), "does not hold the weights", "keras"),
    "another shape": Spoilt(
        "shapes", weights(_larger_kernel), "does not hold the weights", "keras"
    ),
    "more numbers": Spoilt(
        "shapes", weights(lambda h, n: (h, n + bytes(4))), "more than its header", "keras"
    ),
    "a network without end": Spoilt("shapes", model(blocks=10**6), "model.blocks", "keras"),
    "a network of any width": Spoilt("shapes", model(filters=10**9), "model.filters", "keras"),
    "a wide network": Spoilt("shapes", model(units=16_000), "does not hold the weights", "keras"),
    "other classes": Spoilt("shapes", entries(labels=["a", "b"]), "the manifest names 2"),
    "no frames": Spoilt("shapes", within("batch", frames=-1), "batch.frames"),
    "other frames": Spoilt("shapes", within("batch", frames=7), "model.tflite: "),
    # 6. numbers and labels
    "weights that are no numbers": Spoilt(
        "finite", weights(_not_finite), "its weights are not finite numbers", "keras"
    ),
    "one label": Spoilt("labels", entries(labels=["sad"]), "its labels are not two or more"),
    "a label twice": Spoilt("labels", entries(labels=["sad", "sad"]), "its labels are not"),
    "a label of two lines": Spoilt("labels", entries(labels=["sad", "a\n"]), "its labels are not"),
    "a long label": Spoilt("labels", entries(labels=["sad", 999 * "a"]), "its labels are not"),
    "a label in HTML": Spoilt("labels", entries(labels=["sad", "<b>happy</b>"]), "its labels are"),
    "a formula for a label": Spoilt("labels", entries(labels=["sad", "=1+1"]), "its labels are"),
    "a label of two alphabets": Spoilt(
        "labels", entries(labels=["happy", "s\N{CYRILLIC SMALL LETTER A}d"]), "its labels are not"
    ),
    "a label of wide letters": Spoilt(
        "labels", entries(labels=["happy", "\N{FULLWIDTH LATIN SMALL LETTER S}ad"]), "its labels"
    ),
    "statistics without end": Spoilt(
        "finite", within("normalization", mean=[1e300]), "its entry normalization.mean"
    ),
    "a deviation of nothing": Spoilt("finite", within("normalization", std=[1e-300]), "does not"),
    "statistics in words": Spoilt("finite", within("normalization", mean=["1"]), "normalization"),
    "padding without end": Spoilt("finite", within("batch", pad_value=1e308), "pad_value"),
    # 7. settings
    "a transform without end": Spoilt("settings", within("features", n_fft=1 << 40), "n_fft"),
    "features of another kind": Spoilt("settings", within("features", kind="magic"), "kind"),
    "an object for a reference": Spoilt("settings", within("features", ref={"a": 1}), "ref"),
    "bands that no sound reaches": Spoilt(
        "settings", within("features", fmin=440.0, fmax=440.001), "its mel bands span 0.001 Hz"
    ),
    "a frame a sample": Spoilt(
        "settings", within("features", hop_length=1, n_mels=1024), "bands and hop together ask"
    ),
    "transforms without end": Spoilt(
        "settings", within("features", hop_length=8, n_fft=65_536), "together ask for"
    ),
    "a large mel matrix": Spoilt(
        "settings", within("features", n_mels=1024, n_fft=65_536), "bands and n_fft together ask"
    ),
    "hours at once": Spoilt("settings", within("features", duration=14_400.0), "duration, bands"),
    "many frames of many bands": Spoilt(
        "settings", within("batch", frames=100_000), "frames and features together ask"
    ),
    "a temperature of nothing": Spoilt("settings", entries(temperature=0), "entry temperature"),
    "a temperature without end": Spoilt("settings", entries(temperature=1e300), "temperature"),
    "a temperature in words": Spoilt("settings", entries(temperature="1"), "its entry temperature"),
    "true for a temperature": Spoilt("settings", entries(temperature=True), "entry temperature"),
    "a temperature that is not a number": Spoilt(
        "settings", entries(temperature=float("nan")), "NaN is not a finite number"
    ),
    "no temperature": Spoilt("settings", entries(temperature=None), "its entry temperature"),
    "arousal of a list": Spoilt("settings", entries(arousal=[]), "its entry arousal"),
    "arousal without a slope": Spoilt("settings", arousal(slope=None), "entry arousal"),
    "arousal that is more": Spoilt("settings", arousal(extra=1), "its entry arousal"),
    "arousal without end": Spoilt("settings", arousal(slope=10**400), "its entry arousal.slope"),
    "arousal without bounds": Spoilt("settings", arousal(offset=1e9), "its entry arousal.offset"),
    "arousal that falls": Spoilt("settings", arousal(slope=-1), "its entry arousal.slope"),
    "arousal that is not a number": Spoilt(
        "settings", arousal(offset=float("inf")), "Infinity is not a finite number"
    ),
    "arousal of no emotion": Spoilt("labels", arousal(emotions=[]), "its arousal is not made"),
    "arousal of one emotion twice": Spoilt(
        "labels", arousal(emotions=["angry", "angry"]), "its arousal is not made from some"
    ),
    "arousal of an unknown emotion": Spoilt(
        "labels", arousal(emotions=["hungry"]), "its arousal is not made from some"
    ),
    "arousal of all emotions": Spoilt(
        "labels",
        lambda f: arousal(emotions=manifest(f)["labels"])(f),
        "its arousal is not made from some",
    ),
    "arousal of objects": Spoilt("labels", arousal(emotions=[{}]), "its entry arousal.emotions"),
    # 8. operators
    "an empty model": Spoilt(
        "operators", lambda f: seal(f, LIGHT, bytes(1000)), "is not a model that LiteRT can run"
    ),
    "an operator of one's own": Spoilt("operators", lifted, "operators that no model of this"),
}
