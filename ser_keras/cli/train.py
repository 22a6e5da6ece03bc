"""`python Emotion_Recognition.py`: train a system, and compare its score with the published one."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import cli, console, corpora, files, recipes, splits
from ser_keras.bundle import remember_latest
from ser_keras.cli import folds, listing
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    from ser_keras.runs import Run

_EXAMPLES = """\
examples:
  python Emotion_Recognition.py
      Train attention-tess on TESS if it lies under data/, else on the synthetic demo corpus.
  python Emotion_Recognition.py --corpus tess --data ~/downloads --seed 1
      TESS from anywhere below ~/downloads; an error if it is not there.
  python Emotion_Recognition.py --recipe attention-tess-corrected --protocol speaker
      The score with a test speaker who was never heard in training.
  python Emotion_Recognition.py --protocol speaker --fold all
      Each speaker, or group of speakers, tested once, and the folds shown together.
  python Emotion_Recognition.py --test-folder Test
      Also lay the test clips out in the folder Test, for: python Use_Our_Model.py Test
  python Emotion_Recognition.py --set training.learning_rate=1e-3 --set model.dropout=0.3
      Change any setting of the recipe; --list attention-tess shows them all.
  python Emotion_Recognition.py --download ravdess
      Fetch RAVDESS from its publishers into data/.
  python Emotion_Recognition.py --explore --corpus demo
      Draw class counts, durations, waveforms and spectrograms into results/explore/demo.
  python Emotion_Recognition.py --recipe attention-three-corpora --corpus ravdess+savee+tess
      Several corpora as one; without --corpus those of the recipe that are there.
  python Emotion_Recognition.py --corpus folder --data my_recordings
      Train on my_recordings/<emotion>/*.wav, whatever the emotions are; the runs are named
      my-recordings, after the folder. Four networks more, each without some of the speakers, say
      which labels count: Use_Our_Model.py prints the others as unsure. It takes four speakers
      whose names are known; with fewer, every label counts.
  python Emotion_Recognition.py --list my_recordings
      What a folder of recordings holds; also a recipe, a corpus or a protocol.

After Ctrl-C the same command with --resume continues at the last finished epoch, and ends with the
same weights as an uninterrupted run. The last lines name the folder of the results.
"""


EXPLORED = files.RESULTS / "explore"
_IN_ORDER = "--xla_gpu_deterministic_ops=true"  # for JAX, read when it first meets a GPU


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    arguments = cli.parse(_parser(), argv)
    if not arguments.fast:
        compute_in_order()
    training = "Stopped. The same command with --resume continues after the last finished epoch."
    folders = {"--cache": arguments.cache, "--out": arguments.out or files.RESULTS}
    if arguments.download:
        folders["--data"] = arguments.data or files.DATA
    with cli.exit_codes("Stopped." if arguments.download else training, folders):
        if arguments.list is not None:
            listing.show(arguments.list, arguments.data)
        elif arguments.explain:
            _explain(_recipe(arguments))
        elif arguments.download is not None:
            corpus = corpora.get(arguments.download)
            corpora.download(corpus, arguments.data or files.DATA, arguments.cache)
        elif arguments.explore:
            _explore(arguments)
        else:
            _train(arguments)


def compute_in_order() -> None:
    """Let JAX on a GPU give equal runs equal weights; to be called before it starts."""
    flags = os.environ.get("XLA_FLAGS", "")
    if _IN_ORDER not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_IN_ORDER}".strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Emotion_Recognition.py",
        description="Train a published speech-emotion system, score its test clips once, and show "
        "the result beside the published one.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to train")
    what.add_argument(
        "--recipe",
        metavar="NAME",
        help="which system (default: attention-tess, and fusion for your own recordings)",
    )
    what.add_argument(
        "--corpus",
        metavar="NAME",
        help="which corpus, or several joined by + (default: the recipe's own that are there); "
        "folder for your own recordings in --data, or the name of their folder",
    )
    what.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the corpus's own folder or any folder above it (default: data)",
    )
    what.add_argument(
        "--protocol",
        metavar="NAME",
        help=f"{', '.join(splits.PROTOCOLS)} (default: paper; for your own recordings speaker, "
        "if there are three speakers of every emotion, else random)",
    )
    what.add_argument(
        "--fold",
        type=folds.number_or_all,
        default=0,
        metavar="N",
        help="fold of the protocol; all trains every fold and shows them together",
    )
    what.add_argument("--seed", type=int, default=0, metavar="N", help="seed of all random draws")
    what.add_argument("--epochs", metavar="N", help="short for --set training.epochs=N")
    what.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of the recipe; may be repeated",
    )
    what.add_argument(
        "--fast", action="store_true", help="train faster; equal runs may then differ a little"
    )
    where = parser.add_argument_group("where things are written")
    where.add_argument(
        "--out", type=Path, metavar="DIR", help="run folder; with --fold all, of all runs"
    )
    where.add_argument(
        "--test-folder", type=Path, metavar="DIR", help="also link the test clips there"
    )
    where.add_argument(
        "--cache", type=Path, default=files.CACHE, metavar="DIR", help="folder of the features"
    )
    where.add_argument(
        "--quantize", action="store_true", help="export the model in 8 bits as well, and compare"
    )
    where.add_argument("--resume", action="store_true", help="continue an unfinished run")
    where.add_argument("--fresh", action="store_true", help="replace the run that lies there")
    where.add_argument(
        "--keep-latest",
        action="store_true",
        help="do not make this the model that Use_Our_Model.py takes by default",
    )
    tell = parser.add_argument_group("train nothing")
    tell.add_argument("--download", metavar="NAME", help="fetch a corpus from its publishers")
    tell.add_argument("--explore", action="store_true", help="draw pictures of what a corpus holds")
    tell.add_argument(
        "--list",
        nargs="?",
        const="",
        metavar="NAME",
        help="recipes, corpora and protocols; or what there is to know of one of them, or of a "
        "folder of recordings",
    )
    tell.add_argument(
        "--explain", action="store_true", help="explain what the published system really does"
    )
    return parser


def _explore(arguments: argparse.Namespace) -> None:
    recipe = _recipe(arguments)
    index = _index(recipe, arguments)

    from ser_keras import pictures  # late, as everything that only some commands need

    for path in pictures.explore(index, arguments.out or EXPLORED / index.corpus, recipe):
        console.say(f"Drawn: {files.short(path)}")


def _train(arguments: argparse.Namespace) -> None:
    recipe = _recipe(arguments)
    if arguments.protocol is not None:
        splits.protocols.get(arguments.protocol)
    index = _index(recipe, arguments)

    from ser_keras import runs  # late: it brings the backend

    recipe = runs.suited(recipe, index, _changes(arguments))
    recipe = dataclasses.replace(recipe, emotions=runs.emotions_of(recipe, index))
    if arguments.protocol is None:
        arguments.protocol = splits.default(index)
        if corpora.is_own(index.corpus):
            measures = splits.PROTOCOLS[arguments.protocol].measures
            console.say(f"Protocol {arguments.protocol}: {measures}.")
    options = runs.Options(
        deterministic=not arguments.fast,
        quantize=arguments.quantize,
        resume=arguments.resume,
        fresh=arguments.fresh,
        cache=arguments.cache,
    )
    if arguments.fold == folds.ALL:
        folds.train(recipe, index, arguments, options)
        return

    def lay_out(split: splits.Split) -> None:
        resumed = arguments.resume and arguments.test_folder and arguments.test_folder.exists()
        if arguments.test_folder is not None and not resumed:
            splits.lay_out(split, index, arguments.test_folder)
            console.say(f"{split.counts()['test']} test clips laid out in {arguments.test_folder}.")

    run = runs.run(
        recipe,
        index,
        arguments.protocol,
        fold=arguments.fold,
        seed=arguments.seed,
        out=arguments.out,
        options=options,
        on_split=lay_out,
    )
    _show(run, arguments.data)
    words = [] if arguments.test_folder is None else [str(arguments.test_folder)]
    is_default = not arguments.keep_latest
    if is_default:
        try:
            remember_latest(run.folder)
        except SerKerasError as error:
            console.warn(f"This model is not the default one: {error.subject}: {error.problem}.")
            is_default = False
    if not is_default or (words and run.synthetic):  # recordings get one of real speech
        words += ["--model", str(files.short(run.folder))]
    console.say(f"Next: {cli.command('Use_Our_Model.py', *words)}")


def _show(run: Run, data: Path | None) -> None:
    """Print the scores of a run beside the published value and the baselines."""
    from ser_keras import evaluation, runs

    key = run.key
    kind = "synthetic speech" if run.synthetic else "real speech"
    console.show(
        f"\n{run.title}\n{key.corpus} ({kind}), protocol {key.protocol}, fold {key.fold}, seed "
        f"{key.seed}; {run.parameters:,} parameters; best epoch {run.best_epoch} of {run.epochs}\n"
    )
    sides = {"validation": run.validation, "test": run.test}
    rows = [
        [name, *(str(getattr(scores, field)) for scores in sides.values())]
        for name, field in (("accuracy", "accuracy"), ("UAR", "uar"), ("macro F1", "macro_f1"))
    ]
    rows.append(["weighted F1", *(f"{scores.weighted_f1:.3f}" for scores in sides.values())])
    header = ["95 % intervals", *(f"{role} (n = {s.n})" for role, s in sides.items())]
    console.show(console.table(header, rows))
    if run.by_corpus:
        parts = run.by_corpus.items()
        rows = [[f"{name} (n = {s.n})", str(s.accuracy), str(s.uar)] for name, s in parts]
        console.show("\n" + console.table(["test clips of", "accuracy", "UAR"], rows))
    console.show("\n" + evaluation.comparison(run.test, run.reference, key.corpus, run.verdict))
    if run.baselines:
        console.show("\n" + _ranking(run))
    if lines := runs.adapted.sentences(run):
        console.show("\n" + "\n".join(lines))
    if remarks := runs.remarks(run, data):
        console.show("\n" + "\n".join(remarks))
    folder = files.short(run.folder)
    console.say(f"Written to {folder}: model, scores, predictions, pictures.")


def _ranking(run: Run) -> str:
    """Return the network among its baselines on the test clips, best first."""
    from ser_keras import baselines

    name = f"{run.key.recipe} (network)"
    scores = {baseline: value.scores for baseline, value in run.baselines.items()}
    ranked = baselines.best_first({**scores, name: run.test})  # of equals the baselines come first
    rows = [[each, value.accuracy, value.uar] for each, value in ranked.items()]
    lines = console.table(["test clips", "accuracy", "UAR"], rows)
    rival = next(each for each in ranked if each != name)
    if (test := run.baselines[rival].paired) is not None:
        lines += (
            f"\nOnly the network is right on {test.first_only} of {test.n} clips, only {rival} on "
            f"{test.second_only} (exact McNemar test: p = {test.p:.2g})."
        )
    return lines


def _index(recipe: recipes.Recipe, arguments: argparse.Namespace) -> corpora.Index:
    """Return the index of the corpora that the arguments name, and print what they hold."""
    places = corpora.known_places(files.RUNS)
    choice = corpora.choose(
        _names(arguments) or recipe.corpora,
        arguments.data,
        named=bool(arguments.corpus),
        places=places,
    )
    above = files.short(arguments.data or files.DATA)
    for corpus in choice.missing:
        console.say(f"{corpus.title} was not found under {above}: {corpus.home}.")
        console.say("Unpack it there, and run the same command again.")
    if choice.fallback:
        console.say(
            "Training on the synthetic demo corpus instead; its scores say nothing about real "
            "speech."
        )
    indices = []
    for corpus, root in choice.folders:
        indices.append(corpus.index(root, cache=arguments.cache))
        title = corpus.title[0].upper() + corpus.title[1:]
        console.say(f"{title}, {files.short(indices[-1].root)}:")
        for sentence in corpus.validate(root, cache=arguments.cache).sentences():
            console.say(f"  {sentence}")
        plain = corpora.own_name(root.resolve())
        if corpora.is_own(corpus.name) and corpus.name != plain and plain in places:
            other = files.short(places[plain])
            console.say(f"  It is called {corpus.name}: the name {plain} is that of {other}.")
    return corpora.pool(indices)


def _names(arguments: argparse.Namespace) -> list[str]:
    return arguments.corpus.split("+") if arguments.corpus else []


def _changes(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the settings that the arguments change, as text."""
    changes = {}
    for change in arguments.set:
        key, equals, value = change.partition("=")
        if not equals:
            raise SerKerasError(f"--set {change}", "has no value", "Write it as KEY=VALUE")
        changes[key.strip()] = value.strip()
    if arguments.epochs is not None:
        changes["training.epochs"] = arguments.epochs
    return changes


def _recipe(arguments: argparse.Namespace) -> recipes.Recipe:
    name = arguments.recipe or recipes.default(_names(arguments))
    recipe = recipes.get(name).override(_changes(arguments))
    if arguments.recipe is None and corpora.is_own(arguments.corpus or "tess"):
        console.say(
            f"Recipe {name}: {recipe.title}. For a published system name one with --recipe, such "
            f"as {recipes.default()}."
        )
    return recipe


def _explain(recipe: recipes.Recipe) -> None:
    console.show(f"{recipe.name}: {recipe.title}")
    for title, sentences in (
        ("Sources", recipe.sources),
        ("What it corrects", recipe.corrects),
        ("What it really does", recipe.notes),
    ):
        if sentences:
            console.show("\n".join([f"{title}:", *(f"  - {sentence}" for sentence in sentences)]))
    for figure in recipe.published:
        n = f" of {figure.n} clips" if figure.n else ""
        console.show(f"Published: {figure.metric} {figure.value:.4f}{n} ({figure.source})")
