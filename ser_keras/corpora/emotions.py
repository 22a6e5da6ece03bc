"""The one vocabulary of emotions, and the labels of each corpus for them."""

from __future__ import annotations

import re

VOCABULARY = (
    "neutral",
    "calm",
    "happy",
    "sad",
    "angry",
    "fearful",
    "disgust",
    "surprised",
    "bored",
)

TESS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasant surprise
    "sad": "sad",
}
RAVDESS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
SAVEE = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
AESDD = {"a": "angry", "d": "disgust", "f": "fearful", "h": "happy", "s": "sad"}
ASED = {"n": "neutral", "f": "fearful", "h": "happy", "s": "sad", "a": "angry"}
EMODB = {
    "W": "angry",  # Wut
    "L": "bored",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fearful",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}
CREMA_D = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}

# Codes of one or two letters have a meaning in their own corpus only; these words have it anywhere.
_SPELLINGS = {
    "neutral": "neutral neu",
    "calm": "calm",
    "happy": "happy happiness hap joy",
    "sad": "sad sadness",
    "angry": "angry anger ang",
    "fearful": "fearful fear fea",
    "disgust": "disgust disgusted dis",
    "surprised": "surprised surprise ps pleasant_surprise pleasant_surprised",
    "bored": "bored boredom",
}
_EMOTION_OF = {word: emotion for emotion, words in _SPELLINGS.items() for word in words.split()}


def of_word(word: str) -> str | None:
    """Return the emotion that a word names in the spelling of any corpus, or None.

    Example:
        >>> of_word("Pleasant surprise"), of_word("fear"), of_word("sa")
        ('surprised', 'fearful', None)
    """
    return _EMOTION_OF.get(re.sub(r"[\s_-]+", "_", word.strip().lower()))


def of_folder(name: str) -> str | None:
    """Return the emotion that a folder's name gives its clips, or None.

    Example:
        >>> of_folder("OAF_Fear"), of_folder("03Happy"), of_folder("take_2")
        ('fearful', 'happy', None)
    """
    unnumbered = name.lstrip("0123456789 _-.")
    unvoiced = name.partition("_")[2]  # OAF_Pleasant_surprise
    return of_word(name) or of_word(unnumbered) or of_word(unvoiced)
