"""`python Use_Our_Model.py`: label recordings with a trained model, or score it."""

from __future__ import annotations

import argparse
import csv
import shlex
from collections.abc import Sequence
from pathlib import Path

from ser_keras import cli, console, corpora, files, formats, manifest, models, windows
from ser_keras.bundle import Bundle, latest, load_bundle
from ser_keras.cli import labelling
from ser_keras.errors import SerKerasError, check_number

EVALUATION = files.RESULTS / "evaluation"
_APART = {  # option -> options that do something else with the rows, or have none to work on
    "--microphone": "--resume --timeline --save --format --top --labels --jobs --dask --whole "
    "--speakers --adapt --possible --page",
    "--resume": "--timeline --save --format --labels --page",
    "--page": "--timeline --save --labels",
    "--dask": "--jobs",
}

_EXAMPLES = """\
Recordings get the model that was trained last here if it learned from real speech, else the model
general that comes with ser_keras. Another model is named with --model.

examples:
  python Use_Our_Model.py interview.wav 'calls/*.flac'
      Label recordings: one row for each, with the probability of every emotion. Some models also
      give arousal: how aroused the voice sounds, from 0 to 1.
  python Use_Our_Model.py Test
      Score the model on the recordings in the folder Test. Their emotions are those of their
      folders (angry/x.wav) or of their names: <voice>_<word>_<emotion>.wav, or as in RAVDESS,
      CREMA-D and the other corpora that are known. Other words make no emotion: not_angry/x.wav.
  python Use_Our_Model.py
      Score the model that was trained last here, whatever it learned from, on the test clips of
      its own run.
  python Use_Our_Model.py calls --format csv > labels.csv
      Write the same as CSV; messages go to standard error and do not mix with it.
  python Use_Our_Model.py calls --labels truth.csv
      Score the model on recordings whose emotions are in the columns path and emotion of truth.csv.
      Recordings without a row are reported and skipped; --strict makes them an error.
  python Use_Our_Model.py Test --model results/runs/attention-tess/tess/paper-0-seed0
      Use another model than the default one.
  python Use_Our_Model.py --card general
      Say what a model learned from, how good it is, and what it must not be used for.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command with the arguments `argv`; None takes those of the process."""
    arguments = cli.parse(_parser(), argv)
    stopped = "Stopped. The same command goes on." if arguments.resume else "Stopped."
    with cli.exit_codes(stopped, {"--cache": arguments.cache}):
        _use(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Use_Our_Model.py",
        description="Label recordings of speech with a trained model. Where their emotions are "
        "known, score the model on them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="folders, files or globs (default: the test clips of the model's own run)",
    )
    shipped = ", ".join(models.names())
    comes = f", or one that comes with ser_keras ({shipped})" if shipped else ""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=f"a run folder, a model in results/models{comes}; --card NAME says more about it",
    )
    parser.add_argument(
        "--card",
        nargs="?",
        const=models.GENERAL,
        metavar="NAME",
        help="only print the CARD.md of a model: what it learned from, its scores and its "
        f"limits (default: {models.GENERAL})",
    )
    parser.add_argument(
        "--engine", default="light", metavar="NAME", help="light, quantized or keras"
    )
    parser.add_argument("--labels", type=Path, metavar="CSV", help="columns: path, emotion")
    parser.add_argument(
        "--unlabelled", action="store_true", help="only label, even if names tell the emotions"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with the run's corpus (default: where it was in training, else data)",
    )
    parser.add_argument(
        "--format",
        default="table",
        choices=("table", *formats.FORMATS),
        help="form of the rows; textgrid is for Praat and ELAN, rttm for speaker tools, srt for "
        "subtitles",
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="PATH",
        help="write the rows there: a file whose suffix tells the form, or a folder for textgrid "
        "and srt of several recordings",
    )
    parser.add_argument("--top", type=int, metavar="K", help="only the K most probable emotions")
    parser.add_argument(
        "--timeline",
        nargs="?",
        const="",
        metavar="PATH",
        help="draw emotion over time of each recording (default: into results/timelines)",
    )
    cut = parser.add_argument_group("long recordings")
    cut.add_argument("--window", type=float, metavar="S", help="seconds labelled at a time")
    cut.add_argument("--hop", type=float, metavar="S", help="seconds from window to window")
    cut.add_argument("--whole", action="store_true", help="one row a recording, speech or none")
    cut.add_argument(
        "--speech", metavar="KIND", help="what finds speech: own (default) or earshot, an extra"
    )
    cut.add_argument(
        "--speakers", action="store_true", help="tell voices apart: a column with A, B, ..."
    )
    voice = parser.add_argument_group("adaptation to a voice")
    voice.add_argument(
        "--enrol",
        nargs="+",
        metavar="FILE",
        help="other recordings of the speaker, of any emotion, not neutral ones alone; on unknown "
        "corpora one raised UAR from 0.34 to 0.44, three to 0.49",
    )
    voice.add_argument(
        "--adapt",
        default="none",
        choices=windows.BY,
        help="adapt to the very recordings that are labelled, only where their emotions vary; "
        "where all are of one emotion, it takes the emotion away (UAR 0.20 instead of 0.34)",
    )
    parser.add_argument(
        "--possible",
        type=float,
        metavar="SHARE",
        help="add the set of emotions that holds the truth with this probability, such as 0.9",
    )
    many = parser.add_argument_group("many recordings")
    many.add_argument(
        "--resume",
        type=Path,
        metavar="OUT.csv",
        help="write the rows there as they come; the same command goes on after an interruption, "
        "leaves out what the table holds, and tries again what could not be read",
    )
    many.add_argument("--jobs", type=int, metavar="N", help="label with N processes")
    many.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="label with the workers of a Dask cluster, which see the same recordings under the "
        "same names; what they cannot do is done here. Whoever reaches its scheduler runs code as "
        "you do: start it with dask scheduler --host 127.0.0.1, or, for several machines, with "
        "the certificates of its options --tls-*",
    )
    parser.add_argument(
        "--microphone",
        action="store_true",
        help=f"label what the microphone hears, until Ctrl-C: every {labelling.LIVE_HOP:g} s (or "
        f"--hop), usually less than {labelling.LIVE_DELAY:g} s after the sound; how late labels "
        "were is printed at the end",
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="OUT.html",
        help="only write the model as a page for the browser, which works without a server",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=EVALUATION,
        metavar="DIR",
        help="folder for the confusion matrix",
    )
    parser.add_argument(
        "--cache", type=Path, default=files.CACHE, metavar="DIR", help="folder of what clips hold"
    )
    parser.add_argument(
        "--strict", action="store_true", help="end with an error at the first bad file"
    )
    return parser


def _use(arguments: argparse.Namespace) -> None:
    if arguments.card:
        console.show(models.card(arguments.card).rstrip())
        return
    _check(arguments)
    has_recordings = bool(arguments.paths or arguments.microphone or arguments.page)
    bundle = _model(arguments.model, arguments.engine, has_recordings)
    if arguments.page:
        from ser_keras import page  # late: labelling does without it

        size = page.export(bundle, arguments.page)
        console.say(
            f"Page: {files.short(arguments.page)} ({size / 1e6:.1f} MB). Open it in a browser."
        )
        return
    if arguments.enrol:
        enrolled, _ = corpora.recordings(arguments.enrol)
        bundle = bundle.enrol(enrolled)
        own = bundle.pipeline.adaptation
        console.say(f"The model is {own.note if own else 'not adapted'}.")
    if arguments.microphone:
        labelling.live(bundle, arguments)
        return
    truth: dict[Path, str] = {}
    if arguments.paths:
        recordings, left_out = corpora.recordings(arguments.paths)
        if arguments.labels and not arguments.unlabelled:
            truth, unknown = corpora.read_labels(arguments.labels, recordings, bundle.labels)
            recordings, left_out = list(truth), left_out + unknown
        elif not arguments.unlabelled:
            truth = _truth(recordings, bundle.labels)
        if left_out and arguments.strict:
            file = left_out[0]
            raise SerKerasError(file.path, file.reason, "Mend it, or leave out --strict")
        labelling.warn_of_skipped(left_out)
        kinds = corpora.left_out(arguments.paths)
        if kinds:
            listed = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
            number = console.count(sum(kinds.values()), "file")
            console.say(f"{number} of the folders are no recordings: {listed}.")
    else:
        truth = _test_clips(bundle, arguments.data)
        recordings = list(truth)
    scored = not arguments.unlabelled and bool(truth) and len(truth) == len(recordings)
    if scored and (
        arguments.window or arguments.hop or arguments.speakers or arguments.adapt != "none"
    ):
        console.say("An emotion is known of whole recordings alone, so their parts are not scored.")
        scored, truth = False, {}
    labelling.form(arguments, several=len(recordings) > 1)
    if arguments.resume:
        labelling.resume(bundle, recordings, arguments)
        return
    if arguments.timeline is not None:
        labelling.show(bundle, labelling.timeline(bundle, recordings, arguments), arguments)
        return
    predictions = labelling.predictions(bundle, recordings, arguments, whole=scored)
    if scored or len(predictions) >= labelling.SEVERAL:
        from ser_keras.cli import scoring  # late: labelling a few recordings does without it

        if scored:
            scoring.evaluate(bundle, predictions, truth, arguments)
            return
        scoring.warn_of_one_label(bundle, predictions, scored=False)
    if truth:
        known = f"{len(truth)} of {len(recordings)} recordings have a known emotion"
        console.say(f"Only {known}, so the model is not scored.")
    labelling.show(bundle, predictions, arguments)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options of which one would be passed over in silence.

    Raises:
        SerKerasError: Two options exclude each other, or one has no sensible value.
    """
    set_by_default = {"format": "table", "adapt": "none"}

    def is_given(option: str) -> bool:
        name = option.removeprefix("--")
        return getattr(arguments, name) not in (None, False, set_by_default.get(name))

    for option, others in _APART.items():
        for other in filter(is_given, others.split() if is_given(option) else ()):
            raise SerKerasError(option, f"does not go with {other}", "Leave out one of the two")
    if arguments.microphone and arguments.paths:
        problem = f"hears the room, and {arguments.paths[0]} is a recording"
        raise SerKerasError("--microphone", problem, "Leave out one of the two")
    if arguments.enrol and arguments.adapt != "none":
        problem = "adapts the model already, to other recordings than those to label"
        raise SerKerasError("--enrol", problem, "Leave out --adapt")
    check_number("--jobs", arguments.jobs, 1, 1_024, whole=True, optional=True)
    check_number("--top", arguments.top, 1, 1_024, whole=True, optional=True)


def _truth(recordings: list[Path], labels: Sequence[str]) -> dict[Path, str]:
    """Return the emotions that names tell and the model knows, and say how they were read."""
    guesses = corpora.guesses(recordings, labels)
    for note in guesses.notes:
        console.say(f"{note}.")
    truth = {path: word for path, word in guesses.emotions.items() if word in labels}
    strange = sorted(set(guesses.emotions.values()).difference(labels))
    if strange:
        number = console.count(len(guesses.emotions) - len(truth), "recording")
        console.say(f"The model does not know the emotions of {number}: {', '.join(strange)}.")
    if not guesses.emotions:
        console.say("The names tell no emotions, so the model is not scored.")
    return truth


def _model(name: str | None, engine: str, has_recordings: bool) -> Bundle:
    """Return the model with this name, or the default one, and print which it is and why.

    Args:
        name: Name or folder of the model; None for the default.
        engine: Name of the engine.
        has_recordings: Whether it is for recordings, rather than for the test clips of its own run.

    Raises:
        SerKerasError: There is no such model, or none that suits.
    """
    last, has_general = latest(), models.GENERAL in models.names()
    trains = "train one with: python Emotion_Recognition.py"
    model: str | Path | None = name or last
    passed_over = None
    if name is None and has_recordings and last and manifest.read(last)["synthetic"]:
        passed_over, model = shlex.quote(str(files.short(last))), None
    if model is None and has_recordings and has_general:
        model = models.SHIPPED / models.GENERAL
    elif model is None and passed_over:
        problem = "the model trained last here learned from synthetic speech"
        remedy = f"Train one on real speech, or use it all the same with --model {passed_over}"
        raise SerKerasError("--model", problem, remedy)
    elif model is None:
        remedy = "Name recordings to label, or " if has_general else "Give one with --model, or "
        raise SerKerasError("--model", "no model has been trained here yet", remedy + trains)
    bundle = load_bundle(model, engine)
    kind = ", trained on synthetic speech" if bundle.synthetic else ""
    if models.is_shipped(bundle.folder):
        console.say(f"Model: {bundle.folder.name}{kind} (comes with ser_keras).")
    else:
        why = "trained last here, in " if name is None else ""
        console.say(f"Model: {bundle.name}{kind} ({why}{files.short(bundle.folder)}).")
    if passed_over:
        console.say(
            "The model trained last here learned from synthetic speech. Use it all the same with: "
            f"--model {passed_over}"
        )
    return bundle


def _test_clips(bundle: Bundle, data: Path | None) -> dict[Path, str]:
    """Return the test clips of the model's own run with their emotions."""
    split, listing = bundle.manifest["split"], bundle.folder / "split.csv"
    if not listing.is_file():
        problem = "comes without the clips that it was tested on (split.csv)"
        raise SerKerasError(bundle.folder, problem, "Name recordings to label")
    if data is not None and not data.is_dir():
        raise SerKerasError(data, "no such folder", "Check --data")
    places = corpora.recall_places(bundle.folder)
    roots = {
        name: corpora.root_of(name, data, places.get(name)) for name in split["corpus"].split("+")
    }
    with open(listing, newline="", encoding="utf-8") as stream:
        rows = [entry for entry in csv.DictReader(stream) if entry["role"] == "test"]
    truth = {corpora.located(entry["path"], roots): entry["emotion"] for entry in rows}
    where = ", ".join(str(files.short(root)) for root in roots.values())
    if not any(path.is_file() for path in truth):
        problem = f"has none of the {len(rows)} test clips of this model's run"
        raise SerKerasError(where, problem, "Name the folder of its corpus with --data")
    console.say(f"The {len(rows)} test clips of this model's run, from {where}.")
    return truth
