"""A stress card as a table, as a document with a picture, and as JSON."""

from __future__ import annotations

import os
from pathlib import Path

from ser_keras import console, files, pictures
from ser_keras.stress.card import LONGEST_S, Card
from ser_keras.stress.changes import EXPLAINED

CARDS = files.RESULTS / "stress"
JSON, DOCUMENT, PICTURE = "stress.json", "STRESS.md", "stress.png"


def table(card: Card) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table of changes."""
    has_arousal = any(effect.arousal is not None for effect in card.effects)
    has_refused = any(effect.answered < 1 for effect in card.effects)
    header = ["change", "amount", "same label", "UAR"]
    header += ["arousal"] if has_arousal else []
    header += ["answered"] if has_refused else []
    rows = [["none", "", "", str(card.uar), *[""] * (len(header) - 4)]]
    for effect in card.effects:
        row = [effect.kind, effect.amount, str(effect.agreement), str(effect.uar)]
        row += ["" if effect.arousal is None else f"{effect.arousal:+.3f}"] if has_arousal else []
        row += [f"{effect.answered:.3f}"] if has_refused else []
        rows.append(row)
    return header, rows


def groups(card: Card) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table of groups of voices."""
    rows = [[g.by, g.name, str(g.n), str(g.uar), str(g.agreement)] for g in card.groups]
    return ["voices by", "group", "clips", "UAR, unchanged", "same label, all changes"], rows


def short(card: Card) -> str:
    """Return a table in Markdown with a row for each kind of change: its mean and its worst."""
    rows = []
    for kind in dict.fromkeys(effect.kind for effect in card.effects):
        own = [effect for effect in card.effects if effect.kind == kind]
        worst = min(own, key=lambda effect: effect.agreement.value)
        mean = sum(effect.agreement.value for effect in own) / len(own)
        rows.append([kind, f"{mean:.2f}", f"{worst.agreement.value:.2f} ({worst.amount})"])
    return console.markdown(["change", "same label, mean", "least"], rows)


def sentences(card: Card) -> list[str]:
    """Return what the reader has to know about the figures."""
    counts = ", ".join(f"{name or 'other recordings'} {n}" for name, n in card.clips.items())
    lines = [
        f"{console.count(card.n, 'clip')} ({counts}); of each the first {LONGEST_S:g} s at most; "
        f"seed {card.seed}. Chance level of the UAR: {1 / card.emotions:.3f}.",
        "*Same label* is the share of clips that keep the label of the unchanged clip, *UAR* the "
        "unweighted average recall after the change, *arousal* its mean change; all with 95 % "
        "intervals but the last.",
    ]
    if card.learned:
        lines.append(
            f"The model learned from {card.learned} of these clips or was chosen by them: the UAR "
            "is no figure of its quality. What counts is how many labels stay the same."
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
    files.write_json(folder / JSON, card.to_json())
    parts = [f"# {card.model}: what changed recordings do to its labels", *sentences(card)]
    if picture:
        title = f"{card.model}: labels of changed recordings"
        if card.synthetic:
            title += " (synthetic speech)"
        pictures.stress(card.effects, card.uar, 1 / card.emotions, folder / PICTURE, title)
        written.append(folder / PICTURE)
        parts.append(f"![Same label and UAR after each change]({PICTURE})")
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


def read(model: str, folder: str | os.PathLike = CARDS) -> Card:
    """Return the card of a model that lies in a folder of cards."""
    value = files.read_json(Path(folder) / model / JSON)
    return Card.from_json(value if isinstance(value, dict) else {})
