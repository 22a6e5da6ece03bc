"""Whether the files of a bundle are those that its manifest describes; each is read once."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from ser_keras import manifest as manifests
from ser_keras import plain
from ser_keras.errors import SerKerasError
from ser_keras.manifest import FRESH, MAX_MODEL_BYTES

# Files that could be taken for a part of a model; the manifest has to name them.
_PARTS = frozenset(
    (
        ".dll .dylib .exe .h5 .hdf5 .joblib .keras .npy .npz .onnx .pb .pickle .pkl .pt .pth .py "
        ".pyc .safetensors .sh .so .tflite"
    ).split()
)


def check(folder: Path, file: str | None) -> tuple[dict, bytes | None]:
    """Return the manifest, and the content of a model file if the manifest names it."""
    manifest = manifests.read(folder)
    described, content = manifest["models"], None
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue  # of the desktop, or half-written by a process that works here
        mode = entry.stat(follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise SerKerasError(entry.path, "is a link or a device, not a plain file", FRESH)
        strange = entry.name in manifests.FILES or Path(entry.name).suffix.lower() in _PARTS
        if strange and entry.name not in described:
            raise SerKerasError(entry.path, "is not named by the manifest beside it", FRESH)
    for name, expected in described.items():
        actual, read = fingerprint(folder / name, expected["bytes"], keep=name == file)
        if actual != expected:
            problem = "is not the file that the manifest describes"
            raise SerKerasError(folder / name, problem, FRESH)
        content = read if name == file else content
    return manifest, content


def fingerprint(
    path: Path, size: int | None = None, keep: bool = False
) -> tuple[dict[str, object], bytes | None]:
    """Return size and SHA-256 of a file, and its content if it is to be kept.

    Args:
        path: File to read.
        size: Size that the file should have; of another size nothing is read.
        keep: Whether to return the content.
    """
    with plain.open_plain(path, MAX_MODEL_BYTES, links=False) as stream:
        found = os.fstat(stream.fileno()).st_size
        if size is not None and found != size:
            return {"bytes": found, "sha256": ""}, None
        if keep:
            content = stream.read(found)
            digest = hashlib.sha256(content).hexdigest()
            return {"bytes": len(content), "sha256": digest}, content
        return {"bytes": found, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}, None
