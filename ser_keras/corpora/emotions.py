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

# Before the emotion in the folders of TESS (OAF_Fear) and of the demo corpus. Any other word before
# it makes another label: not_angry, very_sad, female_happy.
_VOICES = {"oaf", "yaf", "ada", "ben"}

# In `<voice>_<word>_<emotion>` these words are no spoken word, but change the emotion, in English
# and its neighbours. None of them is a word of TESS. Apostrophes do not count.
_CHANGING = frozenset(
    """
    aint almost anti any arent barely bit cannot cant doesnt didnt dont extremely fake few hardly
    highly is isnt kinda kindof least less lightly low mild mildly mixed mock more most neither
    never no nobody non none nor not nothing of or overly partly pretty pseudo quasi quite rather
    really scarcely semi slightly so somewhat sortof strongly too totally un unlike very wasnt
    weakly werent without wont zero
    etwas kaum kein keine keinen leicht nicht nie ohne sehr wenig
    geen niet muy nada nunca pas peu poco sans senza sin tres très
    """.split()
)


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
        >>> of_folder("OAF_Fear"), of_folder("03Happy"), of_folder("not_angry")
        ('fearful', 'happy', None)
    """
    unnumbered = name.lstrip("0123456789 _-.")
    voice, _, unvoiced = name.partition("_")  # OAF_Pleasant_surprise
    by_voice = of_word(unvoiced) if voice.lower() in _VOICES else None
    return of_word(name) or of_word(unnumbered) or by_voice


def of_clip(stem: str) -> str | None:
    """Return the emotion in the name `<voice>_<word>_<emotion>` of a clip, or None.

    Example:
        >>> of_clip("OAF_bar_ps"), of_clip("me_today_Pleasant_surprise")
        ('surprised', 'surprised')
        >>> of_clip("call_12_not_happy"), of_clip("call_not_happy"), of_clip("not_happy")
        (None, None, None)
    """
    voice, _, rest = stem.partition("_")
    word, _, emotion = rest.partition("_")
    if not voice or not word or re.sub(r"['\u2019]", "", word.lower()) in _CHANGING:
        return None
    return of_word(emotion)
