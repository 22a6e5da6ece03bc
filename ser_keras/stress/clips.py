"""Which recordings with known emotions a model is examined on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import console, corpora, files, seeding
from ser_keras.bundle import Bundle
from ser_keras.cache import ClipInfoCache
from ser_keras.corpora import Index
from ser_keras.errors import SerKerasError, Skipped

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("path", "corpus", "speaker", "sex", "emotion", "content")


def of_corpora(
    model: Bundle,
    data: Path | None = None,
    names: Sequence[str] = (),
    cache: str | os.PathLike = files.CACHE,
) -> pd.DataFrame:
    """Return the clips of corpora on this disk that a model can be examined on.

    Of a corpus that the model was tested on, these are the test clips of its own run. Without
    `names`, the corpora that it learned from are taken; where there are none of them, all that are
    there; and where there are none either and no folder was named, the demo corpus.

    Args:
        model: Model whose emotions count.
        data: Folder at or above the corpora; None for where the model's run had them, and
            `files.DATA`.
        names: Names of corpora that must be there.
        cache: Folder in which it is remembered what sound files hold.

    Returns:
        A row for each clip: path, corpus, speaker ("" if unknown), sex ("woman", "man" or ""),
        emotion, and content (hash of the decoded sound).

    Raises:
        SerKerasError: A corpus that was named, or any that suits, is not there.
    """
    import pandas as pd

    if data is not None and not data.is_dir():
        raise SerKerasError(data, "no such folder", "Check --data")
    indices = []
    for name in names:
        corpus, root = corpora.locate_corpus(name, data, corpora.recall_places(model.folder))
        if root is None:
            raise SerKerasError(data or files.DATA, f"holds no {corpus.title}", corpus.home)
        indices.append(corpus.index(root, cache=cache))
    if not names:
        indices = _own(model, data, cache) or _known(data or files.DATA, cache)
    if not indices and data is not None:
        remedy = "Name recordings whose names or folders tell their emotions, or check --data"
        raise SerKerasError(data, "holds no known corpus", remedy)
    if not indices:
        demo = corpora.get("demo")
        root = demo.find(files.DATA) if files.DATA.is_dir() else None
        if root is None:
            raise SerKerasError(files.DATA, "holds no corpus", "Name one with --data")
        indices = [demo.index(root, cache=cache)]
    tables = [_suitable(model, index) for index in indices]
    return pd.concat(tables, ignore_index=True)


def _own(model: Bundle, data: Path | None, cache: str | os.PathLike) -> list[Index]:
    """Return the corpora that the model learned from, as far as they are there."""
    places, indices = corpora.recall_places(model.folder), []
    for name in model.manifest["split"]["corpus"].split("+"):
        try:
            corpus, root = corpora.locate_corpus(name, data, places)
        except SerKerasError:  # of a user who is somebody else
            continue
        if root is not None and not corpus.synthetic:
            indices.append(corpus.index(root, cache=cache))
    return indices


def _known(folder: Path, cache: str | os.PathLike) -> list[Index]:
    """Return the corpora of people's speech in a folder and below, whose names are known."""
    if not folder.is_dir():
        return []
    known = [corpora.get(name) for name in corpora.names()]
    roots = {c: c.find(folder) for c in known if not (c.place or c.synthetic)}
    return [corpus.index(root, cache=cache) for corpus, root in roots.items() if root is not None]


def _suitable(model: Bundle, index: Index) -> pd.DataFrame:
    """Return the clips of a corpus whose emotions the model knows; its own test clips, if any."""
    merged = index.merged(model.manifest["recipe"].get("merged", {}))
    clips = merged.only(model.labels).clips
    tested = clips["content"].isin(model.manifest["test_clips"])
    clips = clips[tested] if tested.any() else clips
    return clips.assign(
        corpus=index.corpus,
        speaker=clips["speaker"].fillna(""),
        sex=[corpora.sex(index.corpus, path) for path in clips["path"]],
        path=[index.locate(path) for path in clips["path"]],
    )[list(COLUMNS)]


def of_recordings(
    model: Bundle,
    paths: Sequence[str | os.PathLike],
    labels: Path | None = None,
    cache: str | os.PathLike = files.CACHE,
) -> tuple[pd.DataFrame, list[Skipped]]:
    """Return recordings whose emotions are told by a table or by their names, as `of_corpora`.

    Args:
        model: Model whose emotions count.
        paths: Folders, files and patterns.
        labels: CSV with the columns path and emotion; None reads names and folders.
        cache: Folder in which it is remembered what sound files hold.

    Returns:
        The table, and the files that are left out.

    Raises:
        SerKerasError: No recording has an emotion that the model knows.
    """
    import pandas as pd

    recordings, left_out = corpora.recordings(paths)
    emotions: Mapping[Path, str]
    if labels is not None:
        emotions, unknown = corpora.read_labels(labels, recordings, model.labels)
        left_out = left_out + unknown
    else:
        emotions = corpora.guesses(recordings, model.labels).emotions
    merged = model.manifest["recipe"].get("merged", {})
    emotions = {path: merged.get(word, word) for path, word in emotions.items()}
    known = [path for path in recordings if emotions.get(path) in model.labels]
    if not known:
        problem = "tell no emotions that the model knows"
        remedy = f"Put them into folders named {', '.join(model.labels)}, or give --labels"
        raise SerKerasError(console.listed(paths), problem, remedy)
    clips, unreadable = ClipInfoCache(cache).inspect(known)
    names = corpora.read_names([path.absolute().as_posix() for path in clips])
    rows = []
    for path, clip in clips.items():
        corpus, parsed = names.get(path.absolute().as_posix(), ("", None))
        speaker = (parsed.speaker if parsed else None) or ""
        row = (path, corpus, speaker, corpora.sex(corpus, str(path)), emotions[path], clip.content)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)), left_out + unreadable


def draw(clips: pd.DataFrame, n: int, seed: int = 0) -> pd.DataFrame:
    """Return at most n clips, as many of each emotion of a corpus, of as many speakers as can be.

    Args:
        clips: Table of `of_corpora`; the order of its rows makes no difference.
        n: Number of clips.
        seed: Seed of the draw.
    """
    clips = clips.drop_duplicates("content").sort_values("content")
    chance = seeding.stream(seed, "stress", "draw").random(len(clips))
    clips = clips.assign(chance=chance).sort_values("chance")
    turn = clips.groupby(["corpus", "emotion", "speaker"]).cumcount()  # of a speaker
    clips = clips.assign(turn=turn).sort_values(["turn", "chance"])
    place = clips.groupby(["corpus", "emotion"]).cumcount()
    drawn = clips.assign(place=place).sort_values(["place", "chance"]).head(n)
    return drawn.sort_values(["corpus", "content"])[list(COLUMNS)].reset_index(drop=True)


def speakers(clips: pd.DataFrame) -> np.ndarray | None:
    """Return the speaker of each clip, (clips,), or None if one is not known."""
    if (clips["speaker"] == "").any():
        return None
    return (clips["corpus"] + "/" + clips["speaker"]).to_numpy(str)
