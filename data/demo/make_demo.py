"""Make the demo corpus: 392 synthetic clips in the shape of TESS, spoken by espeak-ng.

Two voices (ADA, higher; BEN, lower) say "Say the word ..." with 28 words in seven emotions, as
`<VOICE>_<emotion>/<VOICE>_<word>_<emotion>.ogg`. espeak-ng gives the words, rate, pitch, range and
intonation; numpy and scipy give what it cannot: tilt, breath, jitter, tremor, shimmer, vocal tract.

The corpus is SYNTHETIC. It shows that the programs run and that a network can learn; a figure
measured on it says nothing about recognising emotion in people.

The settings in EMOTIONS follow the directions, not the sizes, that these reviews report; where they
disagree (fear: wide or narrow range, loud or soft) the setting lies between. Surprise is in none of
their tables; its setting (high, wide, fast, rising) is ours, as is every vocal tract but the smile.

Source:
    Murray and Arnott 1993, doi:10.1121/1.405558, rate, pitch, range, intensity, voice quality.
    Banse and Scherer 1996, doi:10.1037/0022-3514.70.3.614, measured profiles of acted emotion.
    Scherer 2003, doi:10.1016/S0167-6393(02)00084-5, high-frequency energy and contours.
    Juslin and Laukka 2003, doi:10.1037/0033-2909.129.5.770, variability and irregularity.
    Tartter 1980, doi:10.3758/BF03199901, a smile raises the formants.

Example:
    python data/demo/make_demo.py --out data/demo --seed 0
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.interpolate
import scipy.signal
import soundfile

SAMPLE_RATE = 22_050  # Hz, espeak-ng's own
LIMIT_BYTES = 4_000_000
SKIPPED_S = 0.5  # a published loader drops this much of each clip ...
HEARD_S = 0.8  # ... and at least this much speech must be left

# fmt: off
WORDS = (
    "bath", "bell", "bird", "boat", "chair", "cloud", "dog", "door", "fish", "flag",
    "food", "goat", "hand", "home", "jar", "king", "lamp", "moon", "nest",
    "page", "ring", "road", "rose", "ship", "shoe", "tree", "wall", "wheel",
)
# fmt: on
VOICES = {"ADA": ("en-us+f1", 36), "BEN": ("en-us+m4", 62)}  # espeak-ng voice, its resting -p


class Style(NamedTuple):
    """How a sentence is spoken."""

    rate: float  # words per minute, as espeak-ng counts them
    pitch: float  # semitones above the voice's rest
    range: float  # percent of the voice's usual excursion
    level: float  # dB, RMS of the speech re full scale
    tilt: float  # dB, gain above 1 kHz
    breath: float  # dB, aspiration noise re the speech
    jitter: float  # percent, irregular change of period
    tremor: float  # percent, regular change of period at 5 to 9 Hz
    shimmer: float  # dB, irregular change of amplitude
    tract: float  # percent, length of the vocal tract: spread lips shorten, rounded lips lengthen


# Intonation is what espeak-ng makes of the punctuation: "!" is emphatic, "?" rises.
# fmt: off
EMOTIONS = {
    #                      rate pitch  range  level  tilt  breath  jitter  tremor  shimmer  tract
    "neutral": (".", Style( 142,  0.0,    70,   -26,    0,    -38,    0.4,    0.2,     0.3,     0)),
    "angry":   ("!", Style( 149,  2.5,   140,   -21,    9,    -36,    1.4,    0.2,     1.5,     0)),
    "disgust": (".", Style( 125, -3.0,    85,   -28,    3,    -30,    2.8,    0.3,     3.0,     6)),
    "fear":    (".", Style( 153,  4.5,    80,   -26,   -2,    -24,    1.6,    2.6,     1.5,    -4)),
    "happy":   ("!", Style( 147,  3.0,   160,   -23,    4,    -32,    0.2,    0.2,     0.3,    -8)),
    "ps":      ("?", Style( 150,  5.0,   190,   -24,    1,    -27,    0.3,    0.3,     0.3,     3)),
    "sad":     (".", Style( 128, -2.0,    25,   -30,   -8,    -22,    0.8,    1.0,     0.6,     4)),
}
# One standard deviation from clip to clip, within one emotion of one voice.
SPREAD =             Style(   7,  0.8,    14,     2,  1.2,    1.8,   0.25,    0.2,     0.3,   1.2)
# What espeak-ng can do, and what has a meaning.
LEAST =              Style(  80,  -12,    10,   -40,  -20,    -60,      0,      0,       0,   -15)
MOST =               Style( 450,   12,   200,   -15,   20,    -10,     10,     10,      10,    15)
# fmt: on


def draw_style(emotion: str, rng: np.random.Generator) -> Style:
    """Return one clip's settings: the emotion, more or less strongly meant, and chance."""
    neutral = np.array(EMOTIONS["neutral"][1])
    strength = rng.uniform(0.75, 1.2)
    style = neutral + strength * (np.array(EMOTIONS[emotion][1]) - neutral)
    style += np.array(SPREAD) * rng.standard_normal(len(style))
    return Style(*np.clip(style, LEAST, MOST))


def speak(text: str, voice: str, style: Style) -> np.ndarray:
    """Return espeak-ng's speech, float64 (samples,), without silence at its ends."""
    espeak_voice, rest = VOICES[voice]
    size = 1 + style.tract / 100  # colour() plays slower by this, which lowers pitch and rate too
    pitch = rest + 7 * (style.pitch + 12 * np.log2(size))  # measured: 7 steps of -p are a semitone
    ssml = f'<speak><prosody range="{style.range:.0f}%">{text}</prosody></speak>'
    knobs = ["-s", f"{style.rate * size:.0f}", "-p", f"{np.clip(pitch, 0, 99):.0f}"]
    command = ["espeak-ng", "-v", espeak_voice, *knobs, "-m", "-z", "--stdout", ssml]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    # The header, 44 bytes, promises 2 GB because a pipe cannot be rewound: read past it.
    samples = np.frombuffer(wav[44:], "<i2") / 32768
    loudness = np.abs(samples)
    loud = np.flatnonzero(loudness > 0.01 * loudness.max())
    return samples[loud[0] : loud[-1] + 1]


def wander(n: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) noise of unit variance at its knots, which come `rate_hz` a second."""
    knots = np.arange(0, n + SAMPLE_RATE, SAMPLE_RATE / rate_hz)
    return np.interp(np.arange(n), knots, rng.standard_normal(len(knots)))


def colour(samples: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Return the speech with the style's voice quality, longer by its vocal tract."""
    last = len(samples) - 1
    n = round(len(samples) * (1 + style.tract / 100))
    cycle = rng.uniform(5, 9) * np.arange(n) / SAMPLE_RATE + rng.uniform()
    wobble = style.tremor * np.sin(2 * np.pi * cycle) + style.jitter * wander(n, 120, rng)
    position = np.cumsum(1 + wobble / 100)
    position *= last / position[-1]
    samples = scipy.interpolate.CubicSpline(np.arange(last + 1), samples)(position)
    samples *= 10 ** (style.shimmer * wander(n, 80, rng) / 20)

    treble = scipy.signal.butter(1, 1000, "high", fs=SAMPLE_RATE)
    samples += (10 ** (style.tilt / 20) - 1) * scipy.signal.lfilter(*treble, samples)
    smooth = scipy.signal.butter(2, 25, fs=SAMPLE_RATE, output="sos")
    envelope = np.maximum(scipy.signal.sosfiltfilt(smooth, np.abs(samples)), 0)
    air = scipy.signal.lfilter(*treble, rng.standard_normal(n))
    return samples + 10 ** (style.breath / 20) * envelope * air


def record(samples: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Return the speech at its level (dB RMS) in a quiet room, with a pause before and after."""
    samples = samples * 10 ** (level / 20) / np.sqrt(np.mean(samples**2))
    samples *= min(1, 0.85 / np.abs(samples).max())  # Vorbis may overshoot by some percent
    before, after = (rng.uniform([0.26, 0.06], [0.32, 0.12]) * SAMPLE_RATE).astype(int)
    clip = np.pad(samples, (before, after))
    hum = scipy.signal.butter(1, 300, fs=SAMPLE_RATE)
    room = scipy.signal.lfilter(*hum, rng.standard_normal(len(clip)))
    return clip + 10 ** (rng.uniform(-62, -58) / 20) * room


def make_clip(voice: str, word: str, emotion: str, seed: int) -> np.ndarray:
    """Return one clip, float64 (samples,); it depends on nothing but the arguments."""
    rng = np.random.default_rng([seed, *f"{voice}_{word}_{emotion}".encode()])
    style = draw_style(emotion, rng)
    samples = speak(f"Say the word {word}{EMOTIONS[emotion][0]}", voice, style)
    return record(colour(samples, style, rng), style.level, rng)


def faults(path: Path) -> list[str]:
    """Return what is wrong with a written clip, as a listener would meet it."""
    samples, sample_rate = soundfile.read(path)
    loudness = np.abs(samples)
    speech_end_s = np.flatnonzero(loudness > 0.05 * loudness.max())[-1] / sample_rate
    checks = {
        "reaches full scale": loudness.max() >= 1,
        "is nearly silent": loudness.max() < 0.05,
        "is not 1.3 to 2.8 s long": not 1.3 <= len(samples) / sample_rate <= 2.8,
        f"has too little speech after {SKIPPED_S} s": speech_end_s < SKIPPED_S + HEARD_S,
    }
    return [f"{path.name} {fault}" for fault, found in checks.items() if found]


def main() -> None:
    """Make every clip, then read them all back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    if not shutil.which("espeak-ng"):
        sys.exit("error: espeak-ng is missing. Install it with `apt-get install espeak-ng`.")

    names = [(v, w, e) for v in VOICES for e in EMOTIONS for w in WORDS]
    for voice, word, emotion in names:
        path = arguments.out / f"{voice}_{emotion}" / f"{voice}_{word}_{emotion}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        clip = make_clip(voice, word, emotion, arguments.seed)
        soundfile.write(path, clip, SAMPLE_RATE, "VORBIS", format="OGG", compression_level=1.0)

    paths = sorted(arguments.out.glob("*_*/*.ogg"))
    size = sum(path.stat().st_size for path in paths)
    problems = [fault for path in paths for fault in faults(path)]
    if len(paths) != len(names):
        problems.append(f"there are {len(paths)} clips, not {len(names)}")
    if size > LIMIT_BYTES:
        problems.append(f"the clips take {size:,} bytes, more than {LIMIT_BYTES:,}")
    print(f"{len(paths)} synthetic clips, {size:,} bytes, in {arguments.out}")
    if problems:
        sys.exit("error: " + "; ".join(problems) + ".")


if __name__ == "__main__":
    main()
