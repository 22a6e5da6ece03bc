"""Indices of invented corpora, for the tests of splits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ser_keras import corpora, files

TESS_EMOTIONS = ("angry", "disgust", "fearful", "happy", "neutral", "surprised", "sad")
TESS_FOLDERS = (  # as spelt on disk
    "OAF_angry",
    "OAF_disgust",
    "OAF_Fear",
    "OAF_happy",
    "OAF_neutral",
    "OAF_Pleasant_surprise",
    "OAF_Sad",
    "YAF_angry",
    "YAF_disgust",
    "YAF_fear",
    "YAF_happy",
    "YAF_neutral",
    "YAF_pleasant_surprised",
    "YAF_sad",
)


def index_of(corpus, rows):
    """Return an index of rows (path, speaker, emotion, text), each with a sound of its own."""
    table = pd.DataFrame(rows, columns=["path", "speaker", "emotion", "text"]).astype("string")
    table["corpus"] = pd.array([corpus] * len(table), dtype="string")
    table["content"] = table["path"].map(files.digest).astype("string")
    table["duplicate_of"] = pd.array([pd.NA] * len(table), dtype="string")
    return corpora.Index(corpus, Path(corpus), table.sort_values("path", ignore_index=True), [])


def tess(words=200):
    """Return an index with the folders of TESS and some of its words."""
    return index_of(
        "tess",
        [
            (f"{folder}/{folder[:3]}_w{word:03}_{emotion}.wav", folder[:3], emotion, f"w{word:03}")
            for folder, emotion in zip(TESS_FOLDERS, TESS_EMOTIONS * 2, strict=True)
            for word in range(words)
        ],
    )


def grid(corpus, speakers, emotions, texts, takes=1):
    """Return an index in which every speaker says every text in every emotion."""
    return index_of(
        corpus,
        [
            (f"{speaker}/{emotion}-{text}-{take}.wav", speaker, emotion, text)
            for speaker in speakers
            for emotion in emotions
            for text in texts
            for take in range(takes)
        ],
    )


def ravdess():
    """Return an index with all actors, emotions and sentences of RAVDESS, without strengths."""
    emotions = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    speakers = [f"{actor:02}" for actor in range(1, 25)]
    return grid("ravdess", speakers, emotions, ("kids", "dogs"), takes=2)


def ased_like():
    """Return an index in which sentences 01 to 05 belong to one emotion each, 06 and 07 to all."""
    emotions = ("neutral", "fearful", "happy", "sad", "angry")
    rows = []
    for speaker in range(12):
        for i, emotion in enumerate(emotions, 1):
            for text in (f"0{i}", "06", "07"):
                rows.append((f"{emotion}/{text}-{speaker:02}.wav", f"{speaker:02}", emotion, text))
    return index_of("ased", rows)


def values(split, role, column):
    """Return the distinct values of a column among the clips of a role."""
    return set(split.part(role)[column])
