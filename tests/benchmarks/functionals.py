"""`python -m tests.benchmarks.functionals`: is a tenth of the functionals enough, and how fast?

The shipped set is compared with one that is ten times as large: cepstral coefficients, more
statistics of every track, means of the quarters of a clip, and the spectrum of modulation. Both are
judged on RAVDESS by a ridge with classes balanced, on speakers that it was not trained on, inside
the training side of each fold of the protocol `speaker`. The test side is not looked at.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import time
from pathlib import Path

import numpy as np

from ser_keras import audio, cli, console, corpora, files, functionals, metrics
from ser_keras.functionals.rhythm import rhythm
from ser_keras.functionals.statistics import STATISTICS, Series, Statistic, summarise
from ser_keras.functionals.tracks import (
    ENERGY,
    FRAME_RATE,
    HOP,
    MEL,
    SAMPLE_RATE,
    SPECTRUM,
    WINDOW,
    Tracks,
    measure,
)
from tests.benchmarks.setting import add_corpora
from tests.benchmarks.timing import interleave, timed

INNER = 4  # groups of speakers that take turns within the training side
PENALTY = 1.0  # of 0.3, 1 and 3 the best for both sets; kernels have about 1 on their diagonal
CLIP = 5.0  # standard deviations
N_MFCC = 16
MODULATION_HZ = (1, 2, 4, 8, 16, 32)
SPOKEN_SECONDS = 2.0


def _kurtosis(series: Series) -> np.ndarray:
    square = np.square(series.centred)
    return np.square(square).mean(axis=0) / (square.mean(axis=0) + 1e-6) ** 2


def _error(series: Series) -> np.ndarray:
    slope = STATISTICS["slope"].compute(series)
    return np.square(series.centred - np.outer(series.seconds, slope)).mean(axis=0) ** 0.5


def _above(share: float, series: Series) -> np.ndarray:
    low, high = series.ordered[0], series.ordered[-1]
    return (series.values > low + share * (high - low) + 1e-6).mean(axis=0)


def _crossings(series: Series) -> np.ndarray:
    return np.diff(series.centred > 0, axis=0).mean(axis=0) if len(series.values) > 1 else 0


def _peaks(series: Series) -> np.ndarray:
    values, middle = series.values, series.centred[1:-1]
    return (middle > series.centred[:-2]) & (values[1:-1] >= values[2:]) & (middle > 0)


def _quantile(share: float, series: Series) -> np.ndarray:
    return np.quantile(series.ordered, share, axis=0)


_FURTHER = {
    "kurtosis": _kurtosis,
    "p01": functools.partial(_quantile, 0.01),
    "p99": functools.partial(_quantile, 0.99),
    "p25_50": lambda s: _quantile(0.5, s) - _quantile(0.25, s),
    "p50_75": lambda s: _quantile(0.75, s) - _quantile(0.5, s),
    "p25_75": lambda s: _quantile(0.75, s) - _quantile(0.25, s),
    "error": _error,
    "above_mean": lambda s: (s.centred > 0).mean(axis=0),
    "above_25": functools.partial(_above, 0.25),
    "above_75": functools.partial(_above, 0.75),
    "crossings": _crossings,
    "peaks": lambda s: _peaks(s).sum(axis=0) / len(s.values),
    "peak_height": lambda s: (
        (_peaks(s) * s.centred[1:-1]).sum(axis=0) / (_peaks(s).sum(axis=0) + 1)
    ),
    "where_max": lambda s: s.values.argmax(axis=0) / len(s.values),
    "where_min": lambda s: s.values.argmin(axis=0) / len(s.values),
}
WIDE = STATISTICS | {name: Statistic("", function) for name, function in _FURTHER.items()}


def wide(tracks: Tracks) -> dict[str, np.ndarray]:
    """Return the large set, group by group."""
    kinds = {"energy": len(ENERGY), "spectrum": len(SPECTRUM), "mel": len(MEL)}
    edges = np.cumsum([0, *kinds.values()])
    steady = {
        kind: tracks.steady[:, low:high]
        for kind, (low, high) in zip(kinds, itertools.pairwise(edges), strict=True)
    }
    angle = np.pi / len(MEL) * np.outer(np.arange(len(MEL)) + 0.5, np.arange(1, N_MFCC + 1))
    steady["cepstrum"] = (steady["mel"] @ np.cos(angle)).astype(np.float32)
    frames, voiced = np.arange(len(tracks.steady)), np.flatnonzero(tracks.voiced)
    groups = {}
    for kind, values in steady.items():
        groups[kind] = summarise(values, frames, FRAME_RATE, WIDE.values())
        change = functionals.changes(values)
        groups[f"change of {kind}"] = summarise(change, frames, FRAME_RATE, WIDE.values())
    groups["voice"] = summarise(tracks.voice, voiced, FRAME_RATE, WIDE.values())
    groups["rhythm"] = np.array([tracks.level_db, *rhythm(tracks)])
    every = np.concatenate(list(steady.values()), axis=1)
    quarters = (quarter for quarter in np.array_split(every, 4) if len(quarter))
    means = [quarter.mean(axis=0) - every.mean(axis=0) for quarter in quarters]
    groups["quarters"] = np.concatenate(means + [0 * every[0]] * (4 - len(means)))
    groups["modulation"] = _modulation(tracks)
    return {group: values.ravel() for group, values in groups.items()}


def _modulation(tracks: Tracks) -> np.ndarray:
    """Return the share of each band of modulation frequencies, by group of mel bands, in dB."""
    bands = np.array_split(tracks.steady[:, -len(MEL) :], 8, axis=1)
    values = np.stack([band.mean(axis=1) for band in bands])
    values -= values.mean(axis=1, keepdims=True)
    size = 1 << max(8, (2 * values.shape[1]).bit_length())
    power = np.abs(np.fft.rfft(values * np.hanning(values.shape[1]), size)) ** 2
    at = np.searchsorted(np.fft.rfftfreq(size, 1 / FRAME_RATE), MODULATION_HZ)
    share = [power[:, low:high].sum(axis=1) for low, high in itertools.pairwise(at)]
    return 10 * np.log10(np.stack(share) / (power.sum(axis=1) + 1e-3) + 1e-3)


def scaled(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return values normalised by mean and deviation of the clips `of`, clipped."""
    mean, std = values[of].mean(axis=0), values[of].std(axis=0)
    return np.clip((values - mean) / (std + 1e-6), -CLIP, CLIP)


def predicted(kernel, labels, train, test) -> np.ndarray:
    """Return the class of each test clip by a kernel ridge with classes balanced."""
    from scipy.linalg import solve

    weight = np.sqrt(1 / np.bincount(labels[train])[labels[train]])[:, None]
    weight *= np.sqrt(len(train) / np.square(weight).sum())
    system = kernel[np.ix_(train, train)] * weight * weight.T + PENALTY * np.eye(len(train))
    target = np.where(np.arange(labels.max() + 1) == labels[train, None], 1.0, -1.0)
    dual = solve(system, target * weight, assume_a="pos") * weight
    return (kernel[np.ix_(test, train)] @ dual).argmax(axis=1)


def validate(groups: dict[str, np.ndarray], clips, sides) -> dict[str, list[float]]:
    """Return the UAR of each combination of groups, plain and adapted, of each fold.

    Args:
        groups: Name -> values (clips, numbers); "shipped" is compared with all others together.
        clips: Table with a row a clip.
        sides: Clips (numbers of rows) of the training side of each fold.
    """
    labels = np.unique(clips["emotion"].to_numpy(str), return_inverse=True)[1]
    speakers = clips["speaker"].to_numpy(str)
    rooted = {name: np.sign(x) * np.sqrt(np.abs(x)) for name, x in groups.items()}
    rest = [name for name in groups if name != "shipped"]
    sets = {"all": rest, "shipped": ["shipped"]}
    sets |= {f"all but {name}": [other for other in rest if other != name] for name in rest}
    sizes = {name: groups[name].shape[1] for name in groups}

    def kernels(values_of) -> dict[str, np.ndarray]:
        gram = {}
        for name, values in rooted.items():
            normal = values_of(values).astype(np.float32)
            gram[name] = normal @ normal.T
        size = {name: sum(sizes[group] for group in members) for name, members in sets.items()}
        return {
            name: sum(gram[group] for group in members) / size[name] + 1.0
            for name, members in sets.items()
        }

    def by_speaker(values: np.ndarray) -> np.ndarray:
        out = np.empty_like(values)
        for speaker in np.unique(speakers):
            own = speakers == speaker
            out[own] = scaled(values[own], slice(None))
        return out

    adapted = kernels(by_speaker)
    scores = {f"{name}\t{how}": [] for name in sets for how in ("plain", "adapted")}
    for side in sides:
        voices = np.unique(speakers[side])
        answers = {name: np.full(len(labels), -1) for name in scores}
        for turn in range(INNER):
            held = np.isin(speakers[side], voices[turn::INNER])
            train, test = side[~held], side[held]
            plain = kernels(functools.partial(scaled, of=train))
            for name in sets:
                answers[f"{name}\tplain"][test] = predicted(plain[name], labels, train, test)
                answers[f"{name}\tadapted"][test] = predicted(adapted[name], labels, train, test)
        for name, answer in answers.items():
            scores[name].append(metrics.uar(labels[side], answer[side]))
    return scores


def compare_sets(folder: Path, folds: int) -> str:
    """Return a table of both sets and of the large one without each of its groups."""
    import pandas as pd

    index = corpora.get("ravdess").index(folder / "ravdess")
    clips = index.table[index.table["duplicate_of"].isna()].reset_index(drop=True)
    rows: dict[str, list] = {}
    with console.progress(len(clips), "functionals") as bar:
        for path in clips["path"]:
            samples = audio.read(index.locate(path), SAMPLE_RATE)
            for name, values in wide(measure(samples)).items():
                rows.setdefault(name, []).append(values)
            rows.setdefault("shipped", []).append(functionals.vector(samples)[0])
            bar.update()
    groups = {name: np.array(values, np.float64) for name, values in rows.items()}
    lists = pd.read_csv(files.ROOT / "data/splits/ravdess/speaker.csv", dtype=str)
    lists = lists.set_index("clip").loc[[str(Path(p).with_suffix("")) for p in clips["path"]]]
    sides = [np.flatnonzero(lists[f"fold_{fold}"] != "test") for fold in range(folds)]
    scores = validate(groups, clips, sides)
    total = sum(x.shape[1] for name, x in groups.items() if name != "shipped")
    lines = [f"{'set':<30}{'numbers':>8}{'UAR plain':>11}{'adapted':>9}   by fold, plain"]
    for name in dict.fromkeys(key.split("\t")[0] for key in scores):
        plain, adapted = (scores[f"{name}\t{how}"] for how in ("plain", "adapted"))
        left_out = name.removeprefix("all but ")
        size = total - groups[left_out].shape[1] if left_out != name else total
        size = functionals.SIZE if name == "shipped" else size
        by_fold = " ".join(f"{value:.3f}" for value in plain)
        lines.append(
            f"{name:<30}{size:>8}{np.mean(plain):>11.3f}{np.mean(adapted):>9.3f}   {by_fold}"
        )
    return "\n".join(lines)


def compare_speed(folder: Path, repeats: int) -> str:
    """Return a table of the time of a clip: all functionals, and librosa's share of them."""
    import librosa

    spoken = int(SPOKEN_SECONDS * SAMPLE_RATE)
    clips = []
    for path in sorted(folder.glob("ravdess/Actor_0*/03-01-05-02-*.ogg"))[:8]:
        samples, _ = librosa.effects.trim(audio.read(path, SAMPLE_RATE), top_db=35)
        clips.append(np.resize(samples, spoken))

    def spectra(samples):
        power = np.abs(librosa.stft(samples, n_fft=WINDOW, hop_length=HOP)) ** 2
        for percent in (0.25, 0.5, 0.75, 0.9):
            librosa.feature.spectral_rolloff(S=power, sr=SAMPLE_RATE, roll_percent=percent)
        librosa.feature.spectral_centroid(S=power, sr=SAMPLE_RATE)
        librosa.feature.spectral_bandwidth(S=power, sr=SAMPLE_RATE)
        librosa.feature.spectral_flatness(S=power)
        librosa.feature.zero_crossing_rate(samples, frame_length=WINDOW, hop_length=HOP)
        mel = librosa.feature.melspectrogram(S=power, sr=SAMPLE_RATE, n_mels=len(MEL))
        librosa.feature.delta(librosa.power_to_db(mel), width=5)

    def pitch(track, samples):
        track(samples, fmin=65, fmax=700, sr=SAMPLE_RATE, hop_length=HOP)

    work = {
        "ours: all tracks and statistics": functionals.vector,
        "librosa: 34 of the tracks": spectra,
        "librosa: pitch alone (yin)": functools.partial(pitch, librosa.yin),
        "librosa: pitch alone (pyin)": functools.partial(pitch, librosa.pyin),
    }

    def loop(function):
        return timed(lambda: [function(clip) for clip in clips], clock=time.process_time)

    costs = interleave({name: loop(function) for name, function in work.items()}, repeats)
    lines = [f"{f'a clip of {SPOKEN_SECONDS:.0f} s, processor time':<36}{'ms':>8}{'ratio':>8}"]
    ours = next(iter(costs.values())).seconds.median
    for name, cost in costs.items():
        median = cost.seconds.median
        lines.append(f"{name:<36}{1_000 * median / len(clips):>8.1f}{median / ours:>8.1f}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.functionals", description=__doc__.partition("\n\n")[2]
    )
    add_corpora(parser, "folder above that of RAVDESS")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="number of folds (5)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="repetitions (5)")
    parser.add_argument("--only", choices=("sets", "speed"), help="make one of the two tables")
    arguments = parser.parse_args(argv)
    with cli.exit_codes("Stopped."):
        if arguments.only != "sets":
            console.show(compare_speed(arguments.corpora, arguments.repeats))
        if arguments.only != "speed":
            console.show(compare_sets(arguments.corpora, arguments.folds))


if __name__ == "__main__":
    main()
