"""What a result may depend on besides the recipe and the corpus: versions, device, commit."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field

from ser_keras import engines, files, seeding, training

BASELINE_PACKAGES = ("numpy", "scipy", "librosa", "soundfile", "soxr", "scikit-learn", "opensmile")
PACKAGES = (
    *("tensorflow", "jax", "torch", "keras", "pandas", "ai-edge-litert"),
    *BASELINE_PACKAGES,
)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where epochs were trained. It names no person and no machine.

    Args:
        python: Version of Python.
        packages: Versions of the packages that are installed, of those that matter.
        backend: Keras's backend.
        device: Name of the GPU, else the kind of processor.
        cores: Number of cores that the process may use.
        deterministic: Whether equal runs give equal weights on this machine.
        commit: Commit of this package; None where there is no history.
        overruled: Settings of Keras that a `keras.json` had and this package put right, such as
            {"floatx": "float16"}. Older records do not have it.
    """

    python: str
    packages: dict[str, str]
    backend: str
    device: str
    cores: int
    deterministic: bool
    commit: str | None
    overruled: dict[str, str] = field(default_factory=dict)

    @classmethod
    def here(cls, deterministic: bool) -> Environment:
        """Return the environment of this process."""
        keras = seeding.start_backend()
        return cls(
            python=platform.python_version(),
            packages=versions(PACKAGES),
            backend=keras.backend.backend(),
            device=training.device(),
            cores=engines.cores(),
            deterministic=deterministic,
            commit=commit(),
            overruled=dict(seeding.overruled),
        )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed.

    Example:
        >>> versions(["no-such-package"])
        {}
    """
    installed = {}
    for name in packages:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # another backend or engine may stand in for it
    return installed


def commit() -> str | None:
    """Return the commit of this package, marked where files were changed; None without history."""
    if not files.IN_CHECKOUT:
        return None  # the folder's history, if it has one, is another project's
    command = ["git", "-C", str(files.SOURCE), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # an unpacked archive has no history
    return done.stdout.strip()
