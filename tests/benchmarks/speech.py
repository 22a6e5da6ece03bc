"""`python -m tests.benchmarks.speech`: the own detector of speech beside the package earshot.

Each detector hears the same clips, as they are and changed, and sounds without any speech. A clip
is lost if less than 0.2 s of it is taken for speech. *Loud* are the hops within 20 dB of the
loudest ones of their clip: in a recording of one speaker these are speech.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ser_keras import audio, cli, console, corpora, files, seeding, speech, stress
from ser_keras.errors import SerKerasError
from ser_keras.ledger import detectors, small_corpora
from ser_keras.ledger.detectors import NO_CHANGE
from tests.benchmarks.setting import add_corpora
from tests.benchmarks.timing import interleave, timed

CORPORA = ("ravdess", "tess", "savee", "aesdd", "ased")
CLIPS = 600  # of each corpus, or all
QUIET = "peak at -50 dBFS"
CHANGES = {("telephone", "8 kHz"), ("white noise", "10 dB"), ("pink noise", "10 dB")}
RATES = (8_000, 16_000, 22_050, 48_000)  # Hz
_LOST = 10  # hops of 20 ms
_LOUD_DB = 20
_RATE = 16_000  # Hz, of the sounds without speech
_SECONDS = 20  # of them
_TIMED_S = 60  # seconds of noise that are timed


def hear(samples: np.ndarray, rate: int, kind: str) -> np.ndarray:
    """Return whether a detector hears speech in each hop, bool (hops,)."""
    detector = speech.Detector(rate, kind)
    return np.concatenate([detector(samples), detector.finish()])


def loud(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return whether each whole hop is about as loud as the loudest ones, bool (hops,)."""
    size = round(rate * speech.HOP)
    hops = samples[: len(samples) // size * size].reshape(-1, size)
    level = 10 * np.log10(np.mean(np.square(hops, dtype=np.float64), axis=1) + 1e-10)
    return level > np.percentile(level, 98) - _LOUD_DB


def versions(samples: np.ndarray, rate: int, name: str) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield a recording as it is, softly, and after each of `CHANGES`, each with its rate."""
    yield NO_CHANGE, samples, rate
    peak = max(float(np.abs(samples).max()), 1e-9)
    yield QUIET, (samples * (10**-2.5 / peak)).astype(np.float32), rate
    for change in stress.CHANGES:
        if (change.kind, change.amount) in CHANGES:
            rng = seeding.stream(0, "speech", change.kind, name)
            yield f"{change.kind} {change.amount}", *change.apply(samples, rate, rng)


def of_clips(clips: Iterable[tuple[str, str, Path]]) -> list[dict]:
    """Return what the detectors hear of clips, in rows by corpus and change, and by emotion.

    Args:
        clips: Corpus, emotion and path of each clip.
    """
    kinds = speech.kinds()
    counts, lost, agreement = Counter(), Counter(), defaultdict(list)
    of_emotion, heard = Counter(), defaultdict(list)
    for corpus, emotion, path in clips:
        samples = audio.hear(path).samples
        rate = round(audio.inspect(path).sample_rate)
        of_emotion[emotion] += 1
        for change, changed, new_rate in versions(samples, rate, path.name):
            flags = {kind: hear(changed, new_rate, kind) for kind in kinds}
            counts[corpus, change] += 1
            agreement[corpus, change].append(np.mean(flags[kinds[0]] == flags[kinds[-1]]))
            for kind in kinds:
                is_lost = bool(flags[kind].sum() < _LOST)
                lost[corpus, change, kind] += is_lost
                if change == NO_CHANGE:
                    lost[emotion, kind] += is_lost
                    inside = loud(samples, rate)
                    heard[emotion, kind].append(flags[kind][: len(inside)][inside].mean())
    rows = [
        {"of": "change", "corpus": corpus, "change": change, "clips": n}
        | {"agreement": round(float(np.mean(agreement[corpus, change])), 4)}
        | {kind: lost[corpus, change, kind] for kind in kinds}
        for (corpus, change), n in counts.items()
    ]
    for emotion, n in sorted(of_emotion.items()):
        rows.append({"of": "emotion", "emotion": emotion, "clips": n})
        for kind in kinds:
            share = round(float(np.mean(heard[emotion, kind])), 4)
            rows[-1][kind] = {"heard": share, "lost": lost[emotion, kind]}
    return rows


def sounds() -> dict[str, np.ndarray]:
    """Return sounds without speech at 16 kHz, by name."""
    rng = seeding.stream(0, "speech", "sounds")
    t = np.arange(_SECONDS * _RATE) / _RATE
    beat = t % 0.5
    chords = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))  # Hz

    def tone(hz: np.ndarray) -> np.ndarray:
        phase = 2 * np.pi * np.cumsum(hz) / _RATE
        return sum(np.sin(k * phase) / k for k in range(1, 6))

    second = t.astype(int) % len(chords)
    voices = [np.array(voice, float)[second] for voice in zip(*chords, strict=True)]
    quarter = (4 * t).astype(int)
    notes = np.choose(quarter % 3, voices)
    kick = np.exp(-beat * 20) * np.sin(2 * np.pi * 60 * beat)
    snare = np.exp(-((t + 0.25) % 0.5) * 30) * rng.normal(size=len(t))
    made = {
        "silence": np.zeros(len(t)),
        "white noise": 0.05 * rng.normal(size=len(t)),
        "brown noise": 1e-3 * np.cumsum(rng.normal(size=len(t))),
        "mains hum": 0.1 * tone(np.full(len(t), 50.0)) + 0.003 * rng.normal(size=len(t)),
        "chords, held for a second": 0.05 * sum(tone(voice) for voice in voices),
        "broken chords, four notes a second": 0.2 * tone(notes) * np.exp(-6 * (t % 0.25)),
        "drums": 0.5 * kick + 0.1 * snare,
        "gliding tone": 0.2 * np.sin(np.cumsum(2 * np.pi * (300 + 100 * t) / _RATE)),
    }
    return {name: np.clip(samples, -1, 1).astype(np.float32) for name, samples in made.items()}


def of_sounds() -> list[dict]:
    """Return the share of hops of sounds without speech that the detectors take for speech."""
    return [
        {"of": "sound", "sound": name}
        | {k: round(float(hear(samples, _RATE, k).mean()), 4) for k in speech.kinds()}
        for name, samples in sounds().items()
    ]


def of_speed(repeats: int) -> list[dict]:
    """Return how many times faster than real time the detectors are, by processor time."""
    rows = []
    for rate in RATES:
        rng = seeding.stream(0, "speech", "speed")
        noise = (0.05 * rng.normal(size=_TIMED_S * rate)).astype(np.float32)
        contenders = {
            kind: timed(
                lambda kind=kind, noise=noise, rate=rate: hear(noise, rate, kind),
                clock=time.process_time,
            )
            for kind in speech.kinds()
        }
        rows.append({"of": "speed", "rate": rate})
        for kind, repetitions in interleave(contenders, repeats).items():
            rows[-1][kind] = round(_TIMED_S / repetitions.seconds.median)
    return rows


def drawn(above: Path, n: int, cache: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield corpus, emotion and path of at most n clips of each corpus, drawn with seed 0.

    Raises:
        SerKerasError: A corpus is not there.
    """
    for name in CORPORA:
        corpus = corpora.get(name)
        root = corpus.find(above)
        if root is None:
            raise SerKerasError(above, f"holds no {corpus.title}", corpus.home)
        index = corpus.index(root, cache=cache)
        clips = index.clips[index.clips["duplicate_of"].isna()].sort_values("content")
        order = seeding.stream(0, "speech", name).permutation(len(clips))[:n]
        for emotion, path in clips.iloc[np.sort(order)][["emotion", "path"]].to_numpy():
            yield name, emotion, index.locate(path)
        console.say(f"{name} is done.")


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.speech", description=__doc__.partition("\n\n")[2]
    )
    add_corpora(parser, "folder above the corpora")
    parser.add_argument("--clips", type=int, default=CLIPS, metavar="N", help="of each corpus")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of each timing")
    parser.add_argument(
        "--only",
        choices=("speed", "sounds", "clips"),
        help="measure this part; of the others the stored results are taken",
    )
    parser.add_argument(
        "--keep", action="store_true", help=f"write results/{detectors.RESULTS.name}"
    )
    arguments = parser.parse_args(argv)
    with cli.exit_codes("Stopped."), tempfile.TemporaryDirectory() as cache:
        if speech.kinds() != detectors.KINDS:
            remedy = "Install it with: pip install earshot"
            raise SerKerasError(
                "earshot", "is not installed, so there is nothing to compare", remedy
            )
        parts = {
            "speed": lambda: of_speed(arguments.repeats),
            "sounds": of_sounds,
            "clips": lambda: of_clips(drawn(arguments.corpora, arguments.clips, Path(cache))),
        }
        wanted = (arguments.only,) if arguments.only else tuple(parts)
        rows = [row for part in wanted for row in parts[part]()]
        new = {row["of"] for row in rows}
        rows += [row for row in small_corpora.read(detectors.RESULTS) if row["of"] not in new]
        for table in detectors.TABLES.values():
            console.show(table(rows).text() + "\n")
        if arguments.keep:
            files.write_json(detectors.RESULTS, rows)


if __name__ == "__main__":
    main()
