"""Tiny corpora on disk: one tree for each loader, with every known oddity of the corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}


@dataclass(frozen=True)
class Tone:
    """A short tone; each pitch gives another content."""

    pitch: int  # Hz
    sample_rate: int = 8000
    channels: int = 1
    format: str | None = None  # None: the format of the suffix
    level: float = 0.3


@dataclass(frozen=True)
class Tree:
    """The files in a corpus's folder, and the index that its loader makes of them.

    Args:
        files: Relative path -> `Tone`, or the bytes of another file.
        rows: path -> (speaker, emotion, text, take, intensity, duplicate_of).
        skipped: path -> reason.
    """

    corpus: str
    files: dict[str, Tone | bytes]
    rows: dict[str, tuple]
    skipped: dict[str, str]


def write(root: Path, files: dict[str, Tone | bytes]) -> Path:
    """Write the files below `root`, and return it."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            _write_tone(path, content)
    return root


def _write_tone(path: Path, tone: Tone) -> None:
    seconds = np.arange(int(0.1 * tone.sample_rate)) / tone.sample_rate
    samples = tone.level * np.sin(2 * np.pi * tone.pitch * seconds)
    samples = np.repeat(samples[:, None], tone.channels, axis=1)
    form = tone.format or FORMATS[path.suffix.lower()]
    soundfile.write(path, samples, tone.sample_rate, format=form)


EMPTY_WAV = b"RIFF\x1c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88X\1\0\2\0\x10\0"  # no data


def _misnamed(naming: str) -> str:
    return f"is not named {naming}"


TESS_NAMING = _misnamed("<voice>_<word>_<emotion>.wav (OAF_back_angry.wav)")
INNER_TESS = "TESS Toronto emotional speech set data"

TESS = Tree(
    "tess",
    files={
        "OAF_Fear/OAF_back_fear.wav": Tone(300),
        "OAF_Pleasant_surprise/OAF_back_ps.wav": Tone(310),
        "OAF_Sad/OAF_back_sad.flac": Tone(320),
        "OAF_neutral/OA_bite_neutral.wav": Tone(330),
        "YAF_angry/YAF_germ_angry.wav": Tone(340, format="AIFF"),
        "YAF_fear/YAF_food_fear.wav": Tone(350, sample_rate=96_000),
        "YAF_pleasant_surprised/yaf_back_PS.WAV": Tone(360),
        "YAF_sad/YAF_back_sad.wav": Tone(370),
        "YAF_sad/YAF_bar_disgust.wav": Tone(380),  # in the wrong folder
        f"{INNER_TESS}/OAF_Fear/OAF_back_fear.wav": Tone(300),
        f"{INNER_TESS}/OAF_Sad/OAF_back_sad.wav": Tone(320),
        f"{INNER_TESS}/YAF_sad/YAF_back_sad.ogg": Tone(371),  # the same clip, coded with loss
        "YAF_sad/YAF_silent_sad.wav": Tone(390, level=0.0),
        "YAF_sad/YAF_bath_sad.wav": b"",
        "YAF_sad/YAF_bean_sad.wav": b"no sound at all",
        "YAF_sad/YAF_back_joy.wav": Tone(400),
        "YAF_sad/copy of YAF_back_sad.wav": Tone(410),
        "YAF_sad/ADA_bath_sad.wav": Tone(420),
        "YAF_sad/._YAF_back_sad.wav": b"resource fork",
        ".trash/YAF_bar_sad.wav": Tone(430),
        "YAF_sad/notes.txt": b"not a sound",
    },
    rows={
        "OAF_Fear/OAF_back_fear.wav": ("OAF", "fearful", "back", None, None, None),
        "OAF_Pleasant_surprise/OAF_back_ps.wav": ("OAF", "surprised", "back", None, None, None),
        "OAF_Sad/OAF_back_sad.flac": ("OAF", "sad", "back", None, None, None),
        "OAF_neutral/OA_bite_neutral.wav": ("OAF", "neutral", "bite", None, None, None),
        f"{INNER_TESS}/OAF_Fear/OAF_back_fear.wav": (
            *("OAF", "fearful", "back", None, None),
            "OAF_Fear/OAF_back_fear.wav",
        ),
        f"{INNER_TESS}/OAF_Sad/OAF_back_sad.wav": (
            *("OAF", "sad", "back", None, None),
            "OAF_Sad/OAF_back_sad.flac",
        ),
        f"{INNER_TESS}/YAF_sad/YAF_back_sad.ogg": (
            *("YAF", "sad", "back", None, None),
            "YAF_sad/YAF_back_sad.wav",
        ),
        "YAF_angry/YAF_germ_angry.wav": ("YAF", "angry", "germ", None, None, None),
        "YAF_fear/YAF_food_fear.wav": ("YAF", "fearful", "food", None, None, None),
        "YAF_pleasant_surprised/yaf_back_PS.WAV": ("YAF", "surprised", "back", None, None, None),
        "YAF_sad/YAF_back_sad.wav": ("YAF", "sad", "back", None, None, None),
        "YAF_sad/YAF_bar_disgust.wav": ("YAF", "disgust", "bar", None, None, None),
    },
    skipped={
        "YAF_sad/ADA_bath_sad.wav": TESS_NAMING,
        "YAF_sad/YAF_back_joy.wav": TESS_NAMING,
        "YAF_sad/YAF_bath_sad.wav": "is empty",
        "YAF_sad/YAF_bean_sad.wav": "is in no format that is read "
        "(WAV, FLAC, OGG, Opus, MP3, AIFF, AU, CAF, W64)",
        "YAF_sad/YAF_silent_sad.wav": "is silent",
        "YAF_sad/copy of YAF_back_sad.wav": TESS_NAMING,
    },
)

DEMO = Tree(
    "demo",
    files={
        "ADA_angry/ADA_bath_angry.ogg": Tone(500),
        "ADA_ps/ADA_bath_ps.ogg": Tone(510),
        "BEN_fear/BEN_boat_fear.ogg": Tone(520),
        "OAF_back_sad.ogg": Tone(530),
        "make_demo.py": b"print()",
        "README.md": b"# synthetic",
    },
    rows={
        "ADA_angry/ADA_bath_angry.ogg": ("ADA", "angry", "bath", None, None, None),
        "ADA_ps/ADA_bath_ps.ogg": ("ADA", "surprised", "bath", None, None, None),
        "BEN_fear/BEN_boat_fear.ogg": ("BEN", "fearful", "boat", None, None, None),
    },
    skipped={"OAF_back_sad.ogg": _misnamed("<voice>_<word>_<emotion>.ogg (ADA_bath_angry.ogg)")},
)

RAVDESS_NAMING = _misnamed(
    "03-01-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav (03-01-05-02-01-01-12.wav)"
)
RAVDESS = Tree(
    "ravdess",
    files={
        "Actor_01/03-01-01-01-01-01-01.wav": Tone(600),
        "Actor_01/03-01-08-02-02-02-01.wav": Tone(610, channels=2),
        "Actor_07/03-01-03-01-02-01-07.wav": Tone(620),
        "Actor_07/03-01-03-01-02-02-07.wav": Tone(620),  # so in the original
        "Actor_24/03-01-02-01-01-01-24.wav": Tone(630),
        "audio_speech_actors_01-24/Actor_01/03-01-01-01-01-01-01.wav": Tone(600),
        "audio_speech_actors_01-24/Actor_07/03-01-03-01-02-02-07.wav": Tone(620),
        "Actor_01/03-02-01-01-01-01-01.wav": Tone(640),  # song
        "Actor_01/01-01-01-01-01-01-01.wav": Tone(650),  # sound of a video
        "Actor_01/03-01-09-01-01-01-01.wav": Tone(660),
        "Actor_25/03-01-01-01-01-01-25.wav": Tone(670),
    },
    rows={
        "Actor_01/03-01-01-01-01-01-01.wav": ("01", "neutral", "kids", 1, "normal", None),
        "Actor_01/03-01-08-02-02-02-01.wav": ("01", "surprised", "dogs", 2, "strong", None),
        "Actor_07/03-01-03-01-02-01-07.wav": ("07", "happy", "dogs", 1, "normal", None),
        "Actor_07/03-01-03-01-02-02-07.wav": (
            *("07", "happy", "dogs", 2, "normal"),
            "Actor_07/03-01-03-01-02-01-07.wav",
        ),
        "Actor_24/03-01-02-01-01-01-24.wav": ("24", "calm", "kids", 1, "normal", None),
        "audio_speech_actors_01-24/Actor_01/03-01-01-01-01-01-01.wav": (
            *("01", "neutral", "kids", 1, "normal"),
            "Actor_01/03-01-01-01-01-01-01.wav",
        ),
        "audio_speech_actors_01-24/Actor_07/03-01-03-01-02-02-07.wav": (
            *("07", "happy", "dogs", 2, "normal"),
            "Actor_07/03-01-03-01-02-01-07.wav",
        ),
    },
    skipped={
        "Actor_01/01-01-01-01-01-01-01.wav": RAVDESS_NAMING,
        "Actor_01/03-01-09-01-01-01-01.wav": RAVDESS_NAMING,
        "Actor_01/03-02-01-01-01-01-01.wav": RAVDESS_NAMING,
        "Actor_25/03-01-01-01-01-01-25.wav": RAVDESS_NAMING,
    },
)

SAVEE = Tree(
    "savee",
    files={
        "AudioData/DC/a01.wav": Tone(700),
        "AudioData/DC/n16.wav": Tone(710),
        "AudioData/DC/sa05.wav": Tone(720),
        "AudioData/JE/n28.wav": Tone(730),
        "AudioData/JE/su06.wav": Tone(740),
        "AudioData/JE/s06.wav": Tone(750),
        "AudioData/Info.txt": b"speakers",
    },
    rows={
        "AudioData/DC/a01.wav": ("DC", "angry", "01", 1, None, None),
        "AudioData/DC/n16.wav": ("DC", "neutral", "01", 2, None, None),
        "AudioData/DC/sa05.wav": ("DC", "sad", "sad-05", 1, None, None),
        "AudioData/JE/n28.wav": ("JE", "neutral", "sad-05", 1, None, None),
        "AudioData/JE/su06.wav": ("JE", "surprised", "surprised-06", 1, None, None),
    },
    skipped={
        "AudioData/JE/s06.wav": _misnamed(
            "<voice>_<emotion><sentence>.wav or <voice>/<emotion><sentence>.wav (DC_sa01.wav)"
        )
    },
)

SAVEE_FLAT = Tree(
    "savee",
    files={
        "ALL/DC_d15.wav": Tone(760),
        "ALL/KL_n15.ogg": Tone(770),
        "ALL/kl_sa03.wav": Tone(780),
    },
    rows={
        "ALL/DC_d15.wav": ("DC", "disgust", "disgust-15", 1, None, None),
        "ALL/KL_n15.ogg": ("KL", "neutral", "neutral-15", 1, None, None),
        "ALL/kl_sa03.wav": ("KL", "sad", "03", 1, None, None),
    },
    skipped={},
)

AESDD = Tree(
    "aesdd",
    files={
        "anger/a01 (1).wav": Tone(800),
        "anger/a06 (5).wav": Tone(810),
        "anger/a06 (5)b.wav": Tone(820),
        "disgust/d03 (01).wav": Tone(830),
        "fear/f20 (2).wav": Tone(840),
        "sadness/s01 (5)a.wav": Tone(850),
        "sadness/s01 (5)b.wav": Tone(860),
        "sadness/s05 (3).wav": EMPTY_WAV,
        "happiness/h21 (1).wav": Tone(870),
        "happiness/Tools - README.wav": Tone(880),
    },
    rows={
        "anger/a01 (1).wav": ("1", "angry", "01", 1, None, None),
        "anger/a06 (5).wav": ("5", "angry", "06", 1, None, None),
        "anger/a06 (5)b.wav": ("5", "angry", "06", 2, None, None),
        "disgust/d03 (01).wav": ("1", "disgust", "03", 1, None, None),
        "fear/f20 (2).wav": ("2", "fearful", "fearful-20-2", 1, None, None),
        "sadness/s01 (5)a.wav": ("5", "sad", "01", 1, None, None),
        "sadness/s01 (5)b.wav": ("5", "sad", "01", 2, None, None),
    },
    skipped={
        "happiness/Tools - README.wav": _misnamed(
            "<emotion><sentence> (<voice>).wav (a01 (1).wav)"
        ),
        "happiness/h21 (1).wav": _misnamed("<emotion><sentence> (<voice>).wav (a01 (1).wav)"),
        "sadness/s05 (3).wav": "cannot be decoded (Error in WAV file. No 'data' chunk marker)",
    },
)

AESDD_FLAT = Tree(
    "aesdd",
    files={"a01 (1).wav": Tone(890), "s20 (6).ogg": Tone(900)},
    rows={
        "a01 (1).wav": ("1", "angry", "01", 1, None, None),
        "s20 (6).ogg": ("6", "sad", "sad-20-6", 1, None, None),
    },
    skipped={},
)

ASED = Tree(
    "ased",
    files={
        "01Neutral/n1-02-02-02-53.wav": Tone(1000),
        "01Neutral/n1-07-01-02-53.wav": Tone(1010),
        "01Neutral/n1-07-02-02-53.wav": Tone(1010),  # so in the original
        "03Happy/h3-01-01-02-08.wav": Tone(1020),
        "04Sad/S4-04-02-01-29.wav": Tone(1030),
        "04Sad/s3-04-02-01-29.wav": Tone(1040),
    },
    rows={
        "01Neutral/n1-02-02-02-53.wav": ("53", "neutral", "02", 2, None, None),
        "01Neutral/n1-07-01-02-53.wav": ("53", "neutral", "neutral-07", 1, None, None),
        "01Neutral/n1-07-02-02-53.wav": (
            *("53", "neutral", "neutral-07", 2, None),
            "01Neutral/n1-07-01-02-53.wav",
        ),
        "03Happy/h3-01-01-02-08.wav": ("08", "happy", "01", 1, None, None),
        "04Sad/S4-04-02-01-29.wav": ("29", "sad", "sad-04", 2, None, None),
    },
    skipped={
        "04Sad/s3-04-02-01-29.wav": _misnamed(
            "<emotion>-<sentence>-<repetition>-<sex>-<speaker>.wav (h3-01-01-02-08.wav)"
        )
    },
)

EMODB = Tree(
    "emodb",
    files={
        "wav/03a01Fa.wav": Tone(1100),
        "wav/03a01Nc.wav": Tone(1110),
        "wav/16b10Wb.wav": Tone(1120),
        "wav/08a02La.wav": Tone(1130),
        "wav/08a02Xa.wav": Tone(1140),
        "erklaerung.txt": b"documentation",
    },
    rows={
        "wav/03a01Fa.wav": ("03", "happy", "a01", 1, None, None),
        "wav/03a01Nc.wav": ("03", "neutral", "a01", 3, None, None),
        "wav/08a02La.wav": ("08", "bored", "a02", 1, None, None),
        "wav/16b10Wb.wav": ("16", "angry", "b10", 2, None, None),
    },
    skipped={
        "wav/08a02Xa.wav": _misnamed("<speaker><sentence><emotion><version>.wav (03a01Fa.wav)")
    },
)

CREMA_D_NAMING = _misnamed("<actor>_<sentence>_<emotion>_<level>.wav (1001_DFA_ANG_XX.wav)")
CREMA_D = Tree(
    "crema-d",
    files={
        "AudioWAV/1001_DFA_ANG_XX.wav": Tone(1200),
        "AudioWAV/1001_IEO_FEA_LO.wav": Tone(1210),
        "AudioWAV/1001_IEO_FEA_HI.wav": Tone(1220),
        "AudioWAV/1040_ITH_SAD_X.wav": Tone(1230),
        "AudioWAV/1013_WSI_DIS_XX.wav": Tone(1240),
        "AudioWAV/1013_WSI_SAD_XX.wav": Tone(1240),  # so in the original
        "AudioWAV/1076_MTI_SAD_XX.wav": Tone(1250, level=0.0),
        "AudioMP3/1001_DFA_ANG_XX.mp3": Tone(1200, sample_rate=44_100),
        "AudioWAV/2001_DFA_ANG_XX.wav": Tone(1260),
        "AudioWAV/1001_DFA_JOY_XX.wav": Tone(1270),
    },
    rows={
        "AudioMP3/1001_DFA_ANG_XX.mp3": (
            *("1001", "angry", "DFA", None, None),
            "AudioWAV/1001_DFA_ANG_XX.wav",
        ),
        "AudioWAV/1001_DFA_ANG_XX.wav": ("1001", "angry", "DFA", None, None, None),
        "AudioWAV/1001_IEO_FEA_HI.wav": ("1001", "fearful", "IEO", None, "high", None),
        "AudioWAV/1001_IEO_FEA_LO.wav": ("1001", "fearful", "IEO", None, "low", None),
        "AudioWAV/1013_WSI_DIS_XX.wav": ("1013", "disgust", "WSI", None, None, None),
        "AudioWAV/1013_WSI_SAD_XX.wav": (
            *("1013", "sad", "WSI", None, None),
            "AudioWAV/1013_WSI_DIS_XX.wav",
        ),
        "AudioWAV/1040_ITH_SAD_X.wav": ("1040", "sad", "ITH", None, None, None),
    },
    skipped={
        "AudioWAV/1001_DFA_JOY_XX.wav": CREMA_D_NAMING,
        "AudioWAV/1076_MTI_SAD_XX.wav": "is silent",
        "AudioWAV/2001_DFA_ANG_XX.wav": CREMA_D_NAMING,
    },
)

FOLDER = Tree(
    "folder",
    files={
        "Anger/anna_01.wav": Tone(1300),
        "Anger/anna_02.flac": Tone(1310),
        "Anger/ben_01.wav": Tone(1320),
        "03Happy/anna_01.ogg": Tone(1330),
        "03Happy/ben_01.mp3": Tone(1340, sample_rate=44_100),
        "whispered/anna_03.wav": Tone(1300),  # a sound under two labels
        "whispered/deeper/anna_04.wav": Tone(1350),
        "anna_05.wav": Tone(1360),
    },
    rows={
        "03Happy/anna_01.ogg": ("anna", "happy", None, None, None, None),
        "03Happy/ben_01.mp3": ("ben", "happy", None, None, None, None),
        "Anger/anna_01.wav": ("anna", "angry", None, None, None, None),
        "Anger/anna_02.flac": ("anna", "angry", None, None, None, None),
        "Anger/ben_01.wav": ("ben", "angry", None, None, None, None),
        "whispered/anna_03.wav": ("anna", "whispered", None, None, None, "Anger/anna_01.wav"),
    },
    skipped={
        "anna_05.wav": "lies in no folder of its own label",
        "whispered/deeper/anna_04.wav": "lies in no folder of its own label",
    },
)

TREES = [TESS, DEMO, RAVDESS, SAVEE, SAVEE_FLAT, AESDD, AESDD_FLAT, ASED, EMODB, CREMA_D, FOLDER]
