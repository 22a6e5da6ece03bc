"""Long recordings: three hours to a table and a timeline, against three minutes and a loop.

`python -m tests.benchmarks.long MODEL WAV WINDOWS` is the loop. It labels the windows that a JSON
file lists, as a user would: each is read by `librosa.load` and given to `Bundle.predict`. It takes
so long that it hears a part of the recording; its time is counted for the whole.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ser_keras import audio, files
from ser_keras.bundle import load_bundle
from ser_keras.windows import Windows, opened, stretches
from tests.benchmarks.rows import Measurement, Row
from tests.benchmarks.setting import Setting
from tests.benchmarks.timing import Cost, Repetitions, Spread, fresh, interleave

SECONDS = {"long": 10_800, "loop": 600, "short": 180}  # of the recordings
_RATE = 16_000  # Hz


def speed(model: str, setting: Setting) -> Measurement:
    ours = measured(setting, model)["long"]
    real = Spread((float(_length(setting, "long")),) * setting.repeats)
    return Measurement(ours.seconds, real, note=note(ours))


def against_loop(model: str, setting: Setting) -> Measurement:
    both = measured(setting, model)
    ours, loop = both["long"], both["loop"]
    times = SECONDS["long"] / SECONDS["loop"]
    whole = Spread(tuple(times * seconds for seconds in loop.seconds.values))
    words = f"{note(ours)}; of the loop {times * _processor(loop):.3g} s"
    return Measurement(ours.seconds, whole, note=words)


def memory(model: str, setting: Setting) -> Measurement:
    both = measured(setting, model)
    return Measurement(both["long"].peak, both["short"].peak, unit="B")


def note(repetitions: Repetitions) -> str:
    """Return the processor time of a process in words, and how much other programs took."""
    words = f"{_processor(repetitions):.3g} s of processor time"
    if any(cost.others is None for cost in repetitions.costs):
        return words
    busy = Spread(tuple(cost.others / cost.seconds for cost in repetitions.costs)).median
    return f"{words}, while other programs kept {busy:.1f} cores busy"


def _processor(repetitions: Repetitions) -> float:
    return Spread(tuple(cost.processor for cost in repetitions.costs)).median


def _length(setting: Setting, name: str) -> int:
    return SECONDS[name] // (60 if setting.quick else 1)


@functools.cache
def _recording(setting: Setting, name: str) -> Path:
    """Return a WAV of the clips one after the other, again and again, without pauses."""
    import soundfile

    path = setting.scratch / f"{name}.wav"
    clips = np.concatenate([audio.read(clip, _RATE) for clip in setting.clips])
    left = _length(setting, name) * _RATE
    with soundfile.SoundFile(path, "w", _RATE, 1) as file:
        while left > 0:
            file.write(clips[:left])
            left -= len(clips)
    return path


@functools.cache
def measured(setting: Setting, model: str) -> dict[str, Repetitions]:
    """Return what fresh processes cost: three hours, three minutes, and the loop, without imports.

    The windows of the loop are those that the part of the recording is cut into.
    """
    out, listed = setting.scratch / "timeline.png", setting.scratch / f"{model}.json"
    part, spec = _recording(setting, "loop"), load_bundle(model).pipeline.features
    with opened(part, part.name, None, spec) as sound:
        cut = stretches(spec, sound, Windows(), None)
        files.write_json(listed, [window for stretch in cut for window in stretch.windows])

    def ours(name: str) -> Cost:
        out.unlink(missing_ok=True)
        words = [_recording(setting, name), "--unlabelled", "--model", model, "--timeline", out]
        cost = fresh(["Use_Our_Model.py", *words, "--format", "csv"], setting.project)
        last = float(cost.output.splitlines()[-1].split(",")[2])
        assert last == _length(setting, name), f"{model} stopped after {last} s"
        assert out.is_file(), f"{model} drew no timeline"
        return cost

    def loop() -> Cost:
        cost = fresh(["-m", "tests.benchmarks.long", model, part, listed])
        seconds, processor = map(float, cost.output.split())
        return dataclasses.replace(cost, seconds=seconds, processor=processor, others=None)

    contenders: dict[str, Callable[[], Cost]] = {
        "long": functools.partial(ours, "long"),
        "loop": loop,
        "short": functools.partial(ours, "short"),
    }
    ours("short")  # files and compiled code are warm then
    return interleave(contenders, setting.repeats, warm_up=False)


def _main(model: str, wav: str, listed: str) -> None:
    import librosa

    bundle = load_bundle(model)
    skipped = bundle.pipeline.features.offset  # seconds that the model skips in a recording
    windows = json.loads(Path(listed).read_text(encoding="utf-8"))
    librosa.load(wav, sr=None, duration=1.0)  # imports what it needs
    labels, start_s, processor_s = [], time.perf_counter(), time.process_time()
    for start, end in windows:
        first = max(0.0, start - skipped)
        samples, rate = librosa.load(wav, sr=None, offset=first, duration=end - first)
        labels += list(bundle.predict([samples], rate, whole=True)["label"])
    print(time.perf_counter() - start_s, time.process_time() - processor_s)
    assert len(labels) == len(windows)


def _rows(model: str, target: float) -> tuple[Row, ...]:
    work = f"three hours of speech, model {model}, fresh process, to table and timeline"
    loop = "loop of librosa.load and Bundle.predict, same windows, without imports"
    return (
        Row(f"long-{model}", work, "real time", lambda setting: speed(model, setting), target),
        Row(f"long-{model}-loop", work, loop, lambda setting: against_loop(model, setting)),
        Row(
            f"long-{model}-memory",
            f"peak memory of {work}",
            "itself, three minutes",
            lambda setting: memory(model, setting),
            target=1.3,
            sense="cost",
        ),
    )


ROWS = (
    *_rows("tess", 1_000),  # times real time that it should reach
    *_rows("general", 200),
)

if __name__ == "__main__":
    _main(*sys.argv[1:])
