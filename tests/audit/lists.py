"""Writes splits as others do, with their sounds: folders with sides, JSON lines of EmoBox."""

import json

import soundfile

from tests.test_leakage import RATE, babble

SIDES = {"train": ["OAF_back_sad", "YAF_bar_sad"], "test": ["OAF_dog_sad", "YAF_bath_sad"]}


def write(path, samples, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)


def tess(root, sides):
    """Write clips named as in TESS, <voice>_<word>_<emotion>, into a folder for each side."""
    for side, names in sides.items():
        for name in names:
            seed = sum(map(ord, name))
            write(root / side / f"{name}.wav", babble(seed, seconds=0.6))


def emobox(root, sides):
    """Write lists in the form of EmoBox; a clip has a key and a path of its own there."""
    for side, names in sides.items():
        rows = [
            {
                "key": f"tess-{name.replace('_', '-')}",
                "dataset": "tess",
                "wav": f"downloads/tess/{name}.wav",
                "type": "raw",
                "sample_rate": 24414,
                "length": 1.4,
                "task": "category",
                "emo": "sad",
                "channel": 1,
            }
            for name in names
        ]
        root.mkdir(exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (root / f"tess_{side}_fold_1.jsonl").write_text(lines)


def emobox_fold(root):
    """Return a fold of EmoBox; its clips are below data/, as in another download."""
    emobox(root / "fold_1", SIDES)
    for names in SIDES.values():  # other folders, another format
        for name in names:
            target = root / "data" / "TESS" / name[:3] / f"{name}.flac"
            write(target, babble(sum(map(ord, name)), seconds=0.6))
    return root / "fold_1"
