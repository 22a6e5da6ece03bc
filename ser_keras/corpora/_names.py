"""What the names of files and folders tell about recordings: corpus, speaker, text, emotion."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ser_keras import console
from ser_keras.corpora import _registry, emotions
from ser_keras.corpora._corpus import Parsed, copies
from ser_keras.corpora._tables import composed


@dataclass(frozen=True)
class Guesses:
    """The emotions that names tell.

    Args:
        emotions: Path -> emotion, for the paths whose name or folder tells one.
        notes: How the names were read, each a sentence without its stop.
    """

    emotions: dict[Path, str]
    notes: tuple[str, ...]


def read_names(paths: Iterable[str]) -> dict[str, tuple[str, Parsed]]:
    """Return path -> (corpus, facts) of the clips that are named as in a known corpus.

    A name that fits several corpora counts for the corpus that most of the paths fit. Names of
    copies (`a01 (2).wav` beside `a01.wav`) do not count.

    Args:
        paths: Paths with "/" or backslashes between their parts.

    Example:
        >>> read_names(["x/OAF_back_sad.wav", "interview.wav"])["x/OAF_back_sad.wav"][0]
        'tess'
    """
    names = {path: path.strip().replace("\\", "/") for path in paths}
    doubtful = copies(names.values())
    names = {path: name for path, name in names.items() if name not in doubtful}
    known = [c for c in map(_registry.get, _registry.names()) if not c.place]
    readings = {
        corpus.name: {
            path: parsed for path, name in names.items() if (parsed := corpus.parse(name))
        }
        for corpus in known
    }
    best: dict[str, tuple[str, Parsed]] = {}
    for corpus_name in sorted(readings, key=lambda name: -len(readings[name])):
        for path, parsed in readings[corpus_name].items():
            best.setdefault(path, (corpus_name, parsed))
    return best


def guess(path: str | os.PathLike) -> str | None:
    """Return the emotion that the name of a file or of its folder tells, or None; see `guesses`.

    Example:
        >>> guess("OAF_bar_ps.wav"), guess("clips/03Happy/1.ogg"), guess("clips/1.ogg")
        ('surprised', 'happy', None)
        >>> guess("03-01-05-02-01-01-12.wav"), guess("call_12_not_happy.wav")
        ('angry', None)
    """
    return guesses([Path(path)]).emotions.get(Path(path))


def guesses(paths: Iterable[Path], labels: Iterable[str] = ()) -> Guesses:
    """Return the emotions that names tell, and how the names were read.

    The name of a file tells an emotion if it is that of a clip of a known corpus, or of the form
    `<voice>_<word>_<emotion>`. Otherwise the folder may be named after an emotion. Where the two
    contradict each other, the emotion is not known.

    Args:
        paths: Recordings.
        labels: Labels of a model. A folder may have the name of any of them, such as `not_angry`.
            Where that is no word of the vocabulary the folder decides, as names cannot tell it.
    """
    label_of = {composed(label).casefold(): label for label in labels}
    absolute = {path: path.absolute().as_posix() for path in paths}
    by_corpus = read_names(absolute.values())
    known, contradicting = {}, []
    of_corpus: Counter[str] = Counter()
    for path, name in absolute.items():
        corpus, parsed = by_corpus.get(name, ("", None))
        by_name = parsed.emotion if parsed else emotions.of_clip(PurePosixPath(name).stem)
        folder = PurePosixPath(name).parent.name
        label = label_of.get(composed(folder).casefold())
        by_folder = label or emotions.of_folder(folder)
        if label is not None and label not in emotions.VOCABULARY:
            by_name = label
        if by_name and by_folder and by_name != by_folder:
            contradicting.append(f"{path} ({by_name}, {by_folder})")
        elif emotion := by_name or by_folder:
            known[path] = emotion
            of_corpus[corpus] += 1
    notes = []
    if counts := [f"{name} ({n} of {len(absolute)})" for name, n in of_corpus.items() if name]:
        notes.append(f"Emotions read from names, as in the corpus {', '.join(counts)}")
    if contradicting:
        number = console.count(len(contradicting), "recording")
        listed = console.listed(contradicting)
        notes.append(f"The name and the folder of {number} tell different emotions: {listed}")
    return Guesses(known, tuple(notes))


def sex(corpus: str, path: str) -> str:
    """Return "woman" or "man" where corpus and file name tell it, else "".

    Example:
        >>> sex("ravdess", "ravdess/Actor_12/03-01-05-02-01-01-12.ogg")
        'woman'
    """
    if corpus in ("tess", "savee"):
        return {"tess": "woman", "savee": "man"}[corpus]
    numbers = re.findall(r"\d+", PurePosixPath(path).stem)
    if corpus == "ravdess":
        return "man" if int(numbers[-1]) % 2 else "woman"
    if corpus == "ased":
        return {"01": "woman", "02": "man"}.get(numbers[-2], "")
    return ""
