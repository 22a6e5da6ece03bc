"""What others report of frozen large models on the same clips: data, with their source.

Nothing here was run by this project. The folds of RAVDESS are those of the protocol
`speaker-emobox`; those of SAVEE leave out one speaker, as `speaker` does. EmoBox's folds of TESS
and AESDD share speakers between training and test, and are not quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# UAR ("UA") from the paper, accuracy ("WA") from https://emo-box.github.io/leaderboard1.html
SOURCE = "Ma and others 2024 (EmoBox), arXiv:2406.07162, its benchmark within corpora"


@dataclass(frozen=True, kw_only=True)
class LargeModel:
    """A pretrained model whose states are classified by a small network, without fine-tuning.

    Args:
        name: Name of the model.
        parameters: Number of its frozen parameters, roughly, as its authors give it.
        data: Hours and kind of the speech that it was trained on.
        licence: Licence of its weights as its model card gives it, "" where it was not looked up.
        uar: UAR by corpus and protocol.
        accuracy: Accuracy by corpus and protocol, where no UAR is at hand.
    """

    name: str
    parameters: int
    data: str
    licence: str
    uar: Mapping[tuple[str, str], float]
    accuracy: Mapping[tuple[str, str], float] = field(default_factory=dict)


_RAVDESS, _SAVEE = ("ravdess", "speaker-emobox"), ("savee", "speaker")
LARGE_MODELS = (
    LargeModel(
        name="wav2vec2-base",
        parameters=95_000_000,
        data="960 h of English",
        licence="Apache-2.0",
        uar={_RAVDESS: 0.543, _SAVEE: 0.449},
    ),
    LargeModel(
        name="WavLM-base",
        parameters=95_000_000,
        data="960 h of English",
        licence="MIT",
        uar={_RAVDESS: 0.616},
        accuracy={_SAVEE: 0.671},
    ),
    LargeModel(
        name="HuBERT-base",
        parameters=95_000_000,
        data="960 h of English",
        licence="Apache-2.0",
        uar={_RAVDESS: 0.654, _SAVEE: 0.589},
    ),
    LargeModel(
        name="data2vec2-large",
        parameters=314_000_000,
        data="60,000 h of English",
        licence="",
        uar={_SAVEE: 0.758},
        accuracy={_RAVDESS: 0.716},
    ),
    LargeModel(
        name="WavLM-large",
        parameters=317_000_000,
        data="94,000 h of English",
        licence="",
        uar={_RAVDESS: 0.720},
        accuracy={_SAVEE: 0.708},
    ),
    LargeModel(
        name="Whisper-large-v3",
        parameters=637_000_000,  # of its encoder alone
        data="5,000,000 h in many languages, with text",
        licence="",
        uar={_RAVDESS: 0.753, _SAVEE: 0.741},
    ),
)
