"""A stress card as a table, as a document with a picture, and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ser_keras import console, files, pictures
from ser_keras.stress.card import LONGEST_S, Card, Effect
from ser_keras.stress.changes import EXPLAINED

CARDS = files.RESULTS / "stress"
JSON, DOCUMENT, PICTURE = "stress.json", "STRESS.md", "stress.png"


def table(card: Card) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table of changes."""
    has_arousal = any(effect.arousal is not None for effect in card.effects)
    header = ["change", "amount", "same emotion", "UAR"]
    header += ["arousal"] if has_arousal else []
    header += ["answered", "UAR where answered"] if _has_unsure(card) else []
    rows = [["none", "", "", str(card.uar), *([""] if has_arousal else []), *_answered(card)]]
    for effect in card.effects:
        row = [effect.kind, effect.amount, str(effect.agreement), str(effect.uar)]
        row += ["" if effect.arousal is None else f"{effect.arousal:+.3f}"] if has_arousal else []
        rows.append([*row, *_answered(effect)])
    if not _has_unsure(card):
        rows = [row[: len(header)] for row in rows]
    return header, rows


def groups(card: Card) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table of groups of voices."""
    header = ["voices by", "group", "clips", "UAR, unchanged", "same emotion, all changes"]
    rows = [[g.by, g.name, str(g.n), str(g.uar), str(g.agreement)] for g in card.groups]
    if _has_unsure(card):
        header.append("answered, unchanged")
        rows = [[*row, f"{g.answered:.3f}"] for row, g in zip(rows, card.groups, strict=True)]
    return header, rows


def short(card: Card) -> str:
    """Return two tables in Markdown: each kind of change, its mean and its worst; the voices."""
    unsure = _has_unsure(card)
    rows = []
    for kind in dict.fromkeys(effect.kind for effect in card.effects):
        own = [effect for effect in card.effects if effect.kind == kind]
        worst = min(own, key=lambda effect: effect.agreement.value)
        means = [sum(e.agreement.value for e in own) / len(own)]
        means.append(sum(e.answered for e in own) / len(own))
        least = f"{worst.agreement.value:.2f} ({worst.amount})"
        rows.append([kind, f"{means[0]:.2f}", least, *([f"{means[1]:.2f}"] if unsure else [])])
    header = ["change", "same emotion, mean", "least"]
    if unsure:
        header.append("answered, mean")
        rows.insert(0, ["none", "", "", f"{card.answered:.2f}"])
    tables = [console.markdown(header, rows)]
    return "\n\n".join(tables + ([console.markdown(*groups(card))] if card.groups else []))


def _answered(part: Card | Effect) -> list[str]:
    return [f"{part.answered:.3f}", str(part.uar_answered or "")]


def _has_unsure(card: Card) -> bool:
    """Return whether a label ever does not count, so that columns of it say something."""
    return card.answered < 1 or any(effect.answered < 1 for effect in card.effects)


def sentences(card: Card) -> list[str]:
    """Return what the reader has to know about the figures."""
    counts = ", ".join(f"{name or 'other recordings'} {n}" for name, n in card.clips.items())
    lines = [
        f"{console.count(card.n, 'clip')} ({counts}); of each the first {LONGEST_S:g} s at most; "
        f"seed {card.seed}. Chance level of the UAR: {1 / card.emotions:.3f}.",
        "*Same emotion* is the share of clips whose most probable emotion is that of the unchanged "
        "clip, *UAR* the unweighted average recall of the most probable emotions after the change, "
        "*arousal* its mean change. Brackets hold 95 % intervals.",
    ]
    if _has_unsure(card):
        lines.append(
            "*Answered* is the share of clips whose label counts: the others the model calls "
            "unsure, or it can hear nothing in them. *UAR where answered* leaves these out."
        )
    if card.learned:
        lines.append(
            f"The model learned from {card.learned} of these clips or was chosen by them: the UAR "
            "is no figure of its quality. What counts is how many emotions stay the same."
        )
    if card.resampled_by == "clip":
        lines.append(
            "The intervals draw clips, as there are fewer than three speakers or their names are "
            "not known; they say nothing about other voices."
        )
    if card.synthetic:
        lines.append("The clips are synthetic: the figures say nothing about people's speech.")
    return lines


def write(card: Card, folder: str | os.PathLike, picture: bool = True) -> list[Path]:
    """Write a card as JSON, as a document and, if wanted, as a picture; return the paths."""
    folder = Path(folder)
    written = [folder / JSON, folder / DOCUMENT]
    files.write_text(folder / JSON, _json(card))
    parts = [f"# {card.model}: what changed recordings do to its labels", *sentences(card)]
    if picture:
        title = f"{card.model}: labels of changed recordings"
        if card.synthetic:
            title += " (synthetic speech)"
        pictures.stress(card.effects, card.uar, 1 / card.emotions, folder / PICTURE, title)
        written.append(folder / PICTURE)
        parts.append(f"![Same emotion and UAR after each change]({PICTURE})")
    parts += ["## Changes", console.markdown(*table(card))]
    if card.groups:
        parts += [
            "## Voices",
            "Pitch is the median of the speaker, or of the clip where fewer than three speakers "
            "are known; each third of the clips is a group. The groups differ in their emotions "
            "and corpora, too.",
            console.markdown(*groups(card)),
        ]
    there = dict.fromkeys(effect.kind for effect in card.effects)
    known = [f"- *{kind}*: {EXPLAINED[kind]}" for kind in there if kind in EXPLAINED]
    parts += ["## What each change is", "\n".join(known)]
    files.write_text(folder / DOCUMENT, "\n\n".join(parts) + "\n")
    return written


def _json(card: Card) -> str:
    """Return a card as JSON with one change or one group a line, which halves the file."""
    parts = []
    for key, value in card.to_json().items():
        lines = value if isinstance(value, list) and value and isinstance(value[0], dict) else []
        dumped = [json.dumps(each, allow_nan=False, ensure_ascii=False) for each in lines]
        text = "[\n  " + ",\n  ".join(dumped) + "\n ]" if dumped else json.dumps(value)
        parts.append(f' "{key}": {text}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read(model: str, folder: str | os.PathLike = CARDS) -> Card:
    """Return the card of a model that lies in a folder of cards."""
    value = files.read_json(Path(folder) / model / JSON)
    return Card.from_json(value if isinstance(value, dict) else {})
