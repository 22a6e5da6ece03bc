"""Take the dependencies from the requirements files; everything else stands in pyproject.toml.

In a checkout pip reads these files. Here their lines are sorted into what the package always needs,
which is what labels recordings, and into its extras, so that each version bound is written once.
"""

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent


def requirements(name: str) -> dict[str, str]:
    """Return package name -> requirement of a file and of the files that it includes."""
    listed = {}
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            listed |= requirements(line.removeprefix("-r "))
        elif line:
            listed[re.match(r"[\w.-]+", line)[0]] = line
    return listed


train, dev = requirements("requirements.txt"), requirements("requirements-dev.txt")


def pick(packages: str) -> list[str]:
    return [dev[package] for package in packages.split()]


setup(
    install_requires=pick("numpy soundfile soxr ai-edge-litert tqdm filelock"),
    extras_require={
        "pandas": pick("pandas"),  # for Bundle.predict, which returns a DataFrame
        "audit": pick("pandas scipy scikit-learn joblib"),
        "train": list(train.values()),
        "dask": pick("distributed tornado jinja2"),
        "media": pick("av"),  # for M4A, MP4, WebM, AMR and the sound of videos
        "live": pick("sounddevice"),  # for the microphone
        "search": pick("optuna"),
        "speech": pick("earshot"),  # finds speech by a network
        "dev": list(dev.values()),
        "bench": list(requirements("requirements-bench.txt").values()),
    },
)
