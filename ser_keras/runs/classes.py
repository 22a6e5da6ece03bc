"""Which emotions a network is trained to tell apart: those of its recipe, or of a user's corpus."""

from __future__ import annotations

import dataclasses

from ser_keras import console, corpora
from ser_keras.corpora.emotions import VOCABULARY
from ser_keras.errors import SerKerasError
from ser_keras.recipes import Recipe
from ser_keras.splits import Split

MAX_CLASSES = 50  # more are names of speakers or sentences, most likely
MIN_CLIPS = 3  # of a class: one for each role
_LONGEST = 100  # characters of a label, as in the manifest of a bundle


def emotions_of(recipe: Recipe, index: corpora.Index) -> tuple[str, ...]:
    """Return the classes of a recipe's network on a corpus; their order is the class index.

    A recipe's own list holds for the known corpora, unless it is the whole vocabulary: such a
    recipe is for any corpus. A user's own corpus, alone or pooled with others, names its classes
    itself. They are the words of the vocabulary in its order, then other labels by name.
    """
    if not corpora.is_own(index.corpus) and recipe.emotions != VOCABULARY:
        return recipe.emotions
    there = set(index.clips["emotion"].dropna())
    known = [emotion for emotion in VOCABULARY if emotion in there]
    return (*known, *sorted(there.difference(known)))


def adapted(recipe: Recipe, index: corpora.Index) -> tuple[Recipe, corpora.Index]:
    """Return the recipe with the classes of a corpus, and the index of the clips of these.

    Emotions that the recipe merges get their new name. Clips of emotions that it does not know are
    left out with a warning.

    Raises:
        SerKerasError: There are too few or too many classes, a label is no line of text, or a class
            of a user's own corpus has too few clips.
    """
    index = index.merged(recipe.merged)
    emotions = emotions_of(recipe, index)
    known = index.only(emotions)
    clips = known.clips["emotion"].value_counts()
    if corpora.is_own(index.corpus):
        _check_labels(index, {emotion: int(clips[emotion]) for emotion in emotions})
        return dataclasses.replace(recipe, emotions=emotions), known
    recipe = dataclasses.replace(recipe, emotions=emotions)
    if len(clips) < 2:
        raise SerKerasError(
            index.root,
            f"has clips of {len(clips)} of the emotions that {recipe.name} knows",
            f"It needs two at least of {', '.join(recipe.emotions)}",
        )
    unknown = index.clips["emotion"].value_counts().drop(list(clips.index)).sort_index()
    if len(unknown):
        counts = ", ".join(f"{n} of {emotion}" for emotion, n in unknown.items())
        console.warn(f"Clips are left out whose emotion {recipe.name} does not know: {counts}.")
    return recipe, known


def of_split(recipe: Recipe, index: corpora.Index, split: Split) -> Recipe:
    """Return the recipe with the classes that a split of a user's own corpus has.

    Raises:
        SerKerasError: A class has no training clip, so the network could not learn it.
    """
    if not corpora.is_own(index.corpus):
        return recipe
    there, learned = (set(t["emotion"]) for t in (split.table, split.part("train")))
    emotions = tuple(emotion for emotion in recipe.emotions if emotion in there)
    if lacking := [emotion for emotion in emotions if emotion not in learned]:
        names = console.listed(lacking)
        problem = f"has no training clip of {names} in fold {split.fold} of {split.protocol}"
        remedy = "Choose another --fold or --protocol, or record these with more speakers"
        raise SerKerasError(index.root, problem, remedy)
    return dataclasses.replace(recipe, emotions=emotions)


def _check_labels(index: corpora.Index, clips: dict[str, int]) -> None:
    if len(clips) < 2:
        problem = f"has readable clips of one class only ({console.listed(clips)})"
        raise SerKerasError(index.root, problem, "It needs clips of two classes at least")
    if len(clips) > MAX_CLASSES:
        problem = f"has {len(clips)} classes ({console.listed(clips, 3)})"
        remedy = f"Name its folders after emotions, {MAX_CLASSES} at most, not after speakers"
        raise SerKerasError(index.root, problem, remedy)
    for label, n in clips.items():
        if not label.isprintable() or len(label) > _LONGEST:
            problem = f"has a label that is no short line of text ({label[:40]!r})"
            raise SerKerasError(index.root, problem, "Rename it")
        if n < MIN_CLIPS:
            clips_of = f"{console.count(n, 'clip')} of {label}"
            problem = f"is too small: it has {clips_of}, and {MIN_CLIPS} are needed"
            raise SerKerasError(index.root, problem, "Record more, or move that class away")
