"""Splits as others write them, with their sounds: folders with sides, EmoBox's JSON lines."""

import json

import soundfile

from tests.test_leakage import RATE, babble

SIDES = {"train": ["OAF_back_sad", "YAF_bar_sad"], "test": ["OAF_dog_sad", "YAF_bath_sad"]}


def write(path, samples, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)


def tess(root, sides):
    """Lay clips out as TESS names them: (voice, word, emotion) of each side."""
    for side, names in sides.items():
        for name in names:
            seed = sum(map(ord, name))
            write(root / side / f"{name}.wav", babble(seed, seconds=0.6))


def emobox(root, sides):
    """Write lists in EmoBox's form; clips are named by key as well as by a path of theirs."""
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
    """Return a fold of EmoBox's; its clips are below data/, as another download has them."""
    emobox(root / "fold_1", SIDES)
    for names in SIDES.values():  # other folders, another format
        for name in names:
            target = root / "data" / "TESS" / name[:3] / f"{name}.flac"
            write(target, babble(sum(map(ord, name)), seconds=0.6))
    return root / "fold_1"
