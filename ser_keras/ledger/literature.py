"""What others report of frozen large models on the same clips: data, with their source.

Nothing here was run by this project. The folds of RAVDESS are those of the protocol
`speaker-emobox`; those of SAVEE leave out one speaker, as `speaker` does. EmoBox's folds of TESS
and AESDD share speakers between training and test, and are not quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# UAR ("UA") from the paper, accuracy ("WA") from https://emo-box.github.io/leaderboard1.html
# Each model names where its size, data and licence stand. WavLM has two licences: its repository
# (github.com/microsoft/unilm, wavlm/README.md) is under MIT, and torchaudio passes the weights on
# under it; the card of the weights that EmoBox loads (huggingface.co/microsoft) links to
# UniSpeech's, which is CC BY-SA 3.0.
SOURCE = "Ma and others 2024 (EmoBox), arXiv:2406.07162, its benchmark within corpora"


@dataclass(frozen=True, kw_only=True)
class LargeModel:
    """A pretrained model whose states are classified by a small network, without fine-tuning.

    Args:
        name: Name of the model.
        parameters: Number of its frozen parameters, roughly; None where no source was read.
        data: Hours and kind of the speech that it was trained on.
        licence: Licence of its weights as its model card gives it; both where sources disagree.
        uar: UAR by corpus and protocol.
        accuracy: Accuracy by corpus and protocol, where no UAR is at hand.
    """

    name: str
    parameters: int | None
    data: str
    licence: str
    uar: Mapping[tuple[str, str], float]
    accuracy: Mapping[tuple[str, str], float] = field(default_factory=dict)


_WAVLM_LICENCE = "CC BY-SA 3.0 by its card, MIT by its repository"
_RAVDESS, _SAVEE = ("ravdess", "speaker-emobox"), ("savee", "speaker")
LARGE_MODELS = (
    LargeModel(
        name="wav2vec2-base",  # huggingface.co/facebook/wav2vec2-base; arXiv:2006.11477
        parameters=95_000_000,
        data="960 h of English",
        licence="Apache-2.0",
        uar={_RAVDESS: 0.543, _SAVEE: 0.449},
    ),
    LargeModel(
        name="WavLM-base",  # arXiv:2110.13900, 94.70 M; huggingface.co/microsoft/wavlm-base
        parameters=95_000_000,
        data="960 h of English",
        licence=_WAVLM_LICENCE,
        uar={_RAVDESS: 0.616},
        accuracy={_SAVEE: 0.671},
    ),
    LargeModel(
        name="HuBERT-base",  # huggingface.co/facebook/hubert-base-ls960; arXiv:2106.07447
        parameters=95_000_000,
        data="960 h of English",
        licence="Apache-2.0",
        uar={_RAVDESS: 0.654, _SAVEE: 0.589},
    ),
    LargeModel(
        name="data2vec2-large",  # fairseq's README.md and examples/data2vec/README.md, Libri-Light
        parameters=None,
        data="60,000 h of English",
        licence="MIT",
        uar={_SAVEE: 0.758},
        accuracy={_RAVDESS: 0.716},
    ),
    LargeModel(
        name="WavLM-large",  # arXiv:2110.13900, 316.62 M; huggingface.co/microsoft/wavlm-large
        parameters=317_000_000,
        data="94,000 h of English",
        licence=_WAVLM_LICENCE,
        uar={_RAVDESS: 0.720},
        accuracy={_SAVEE: 0.708},
    ),
    LargeModel(
        name="Whisper-large-v3",  # huggingface.co/openai/whisper-large-v3, github.com/openai
        parameters=637_000_000,  # of its encoder: 32 layers of 1,280 units, two convolutions
        data="5,000,000 h in many languages, with text",  # four fifths of it from Whisper-large-v2
        licence="Apache-2.0 by its card, MIT by its repository",
        uar={_RAVDESS: 0.753, _SAVEE: 0.741},
    ),
)
