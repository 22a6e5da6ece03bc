"""`--list`: recipes, corpora and protocols, and what there is to know of one of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ser_keras import audio, cli, console, corpora, files, recipes, splits
from ser_keras.corpora import Corpus
from ser_keras.corpora.emotions import VOCABULARY
from ser_keras.errors import SerKerasError, unknown


def show(name: str, data: Path | None) -> None:
    """Print all recipes, corpora and protocols, or the facts about the one that is named.

    Args:
        name: Name of a recipe, corpus or protocol, or a folder of recordings; "" for all.
        data: Folder in which a corpus is looked for; None for `files.DATA`.

    Raises:
        SerKerasError: There is nothing of that name, or the folder holds no corpus.
    """
    spelling = name.lower().replace("_", "-")
    if not name:
        _show_all()
    elif spelling in recipes.names():
        console.show(console.table(["setting", "value"], recipes.get(name).settings().items()))
    elif not corpora.is_own(spelling):
        _show_corpus(corpora.get(name), data)
    elif spelling in splits.PROTOCOLS:
        _show_protocol(splits.PROTOCOLS[spelling])
    elif spelling == "folder" and data is None:
        _show_corpus(corpora.get(name), None)
    elif Path(name).is_dir():
        _show_own(Path(name))
    else:
        try:
            home = corpora.locate_corpus(name, data, corpora.known_places(files.RUNS))[1]
        except SerKerasError as error:
            names = [*recipes.names(), *corpora.names(), *splits.PROTOCOLS]
            kind = "recipe, corpus, protocol or folder"
            raise unknown(f"--list {name}", kind, spelling, names) from error
        _show_own(home or Path(name))


def _show_all() -> None:
    for title, rows in (
        ("recipes", [(name, recipes.get(name).title) for name in recipes.names()]),
        ("corpora", [(name, corpora.get(name).title) for name in corpora.names()]),
        ("protocols", [(name, p.measures) for name, p in splits.PROTOCOLS.items()]),
    ):
        width = max(len(name) for name, _ in rows)
        lines = [f"  {name.ljust(width)}  {words}" for name, words in rows]
        console.show("\n".join([title, *lines]))


def _show_facts(rows: list[tuple[str, object]]) -> None:
    console.show("\n".join(f"{name:12}{value}" for name, value in rows))


def _show_corpus(corpus: Corpus, data: Path | None) -> None:
    """Print the facts about a known corpus, and whether it is there."""
    above = files.DATA if data is None else data
    home = None if corpus.place else corpus.find(above)
    there = f"not under {files.short(above)}: {corpus.home}"
    if home is not None:
        paths, _ = audio.walk(home)
        n = sum(corpus.parse(path) is not None for path in paths)
        there = f"{files.short(home)}, {console.count(n, 'file')} with names of clips"
    if corpus.place:
        there = "name its folder: --list my_recordings, --corpus folder --data my_recordings"
    counts = corpus.expected.get("emotion", {})
    emotions = [f"{word} {counts[word]}" if word in counts else word for word in corpus.emotions]
    groups = {name or "speaker": len(folds) for name, folds in corpus.speaker_folds.items()}
    rows: list[tuple[str, object]] = [
        ("corpus", f"{corpus.name}: {corpus.title}"),
        ("licence", corpus.licence),
        ("source", corpus.source),
        ("naming", corpus.naming),
        ("clips", corpus.expected.get("clips", "")),
        ("emotions", ", ".join(emotions)),
        ("speakers", len(corpus.speakers) or ""),
        ("folds", ", ".join(f"{n} by {name}" for name, n in groups.items())),
        ("there", there),
    ]
    _show_facts([row for row in rows if row[1] != ""])


def _show_protocol(rule: splits.Protocol) -> None:
    """Print what a protocol measures and forbids."""
    forbidden = {
        "content": "the same sound",
        "near": "near-duplicates",
        "speaker": "speakers",
        "text": "texts",
    }
    _show_facts(
        [
            ("protocol", f"{rule.name}: {rule.measures}"),
            ("not shared", ", ".join(forbidden[kind] for kind in rule.forbids)),
            ("holds out", ", ".join(rule.holds_out) or "nothing"),
        ]
    )


def _show_own(folder: Path) -> None:
    """Print the clips of a user's own corpus by emotion and speaker; no sound file is opened.

    Raises:
        SerKerasError: The folder is not there, or holds no corpus.
    """
    if not folder.is_dir():
        raise SerKerasError(folder, "no such folder", "Check the path")
    corpus = corpora.own(folder, corpora.known_places(files.RUNS))
    paths, refused = audio.walk(folder)
    placed, skipped = corpus.place(folder, paths) if corpus.place else ({}, [])
    counts = Counter(parsed.emotion for parsed in placed.values())
    ordered = [word for word in VOCABULARY if word in counts]
    ordered += sorted(set(counts).difference(ordered))
    speakers = Counter(p.speaker for p in placed.values() if p.speaker is not None)
    named = sum(speakers.values())
    who = ", ".join(f"{speaker} {n}" for speaker, n in sorted(speakers.items())[:20])
    who += f" and {len(speakers) - 20} more" if len(speakers) > 20 else ""
    if named < len(placed):
        unknown_of = f"not known of {len(placed) - named} of {len(placed)} clips"
        who = f"{who}; {unknown_of}" if who else unknown_of
    rows = [
        ("corpus", f"{corpus.name}: {corpus.title}"),
        ("folder", files.short(folder)),
        ("clips", len(placed)),
        ("emotions", ", ".join(f"{word} {counts[word]}" for word in ordered)),
        ("speakers", f"{len(speakers)}: {who}" if speakers else who),
    ]
    read = corpus.readings(folder, list(placed)) if corpus.readings else []
    rows += [("labels", reading) for reading in read[:10]]
    if left_out := [*skipped, *refused]:
        rows.append(("left out", console.listed(left_out, 3)))
    _show_facts(rows)
    words = ["--corpus", "folder", "--data", str(files.short(folder))]
    console.say(f"Next: {cli.command('Emotion_Recognition.py', *words)}")
