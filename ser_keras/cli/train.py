"""`python Emotion_Recognition.py`: train a recipe, score it beside its published figure."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ser_keras import cli, console, corpora, files, recipes, splits
from ser_keras.bundle import remember_latest
from ser_keras.errors import SerKerasError

_EXAMPLES = """\
examples:
  python Emotion_Recognition.py
      Train attention-tess on TESS if it lies under data/, else on the synthetic demo corpus.
  python Emotion_Recognition.py --corpus tess --data ~/downloads --seed 1
      TESS from anywhere below ~/downloads; an error if it is not there.
  python Emotion_Recognition.py --recipe attention-tess-corrected --protocol speaker
      What is left of the figure when the test speaker was never heard in training.
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
      Train on my_recordings/<emotion>/*.wav, with the recipe's emotions as folder names.

Ctrl-C stops after nothing but the unfinished epoch is lost; the same command with --resume goes on
to the same weights. What is written, and where, is said at the end; see also the README.
"""


# The recipes' patience is counted in epochs. With batches of 64 an epoch of the demo corpus has 5
# steps, so training ended before the averages of batch normalisation had settled: test accuracy
# 0.14, chance. With batches of 8 it has 34 steps, TESS has 31, and reached 0.96.
DEMO_BATCH = 8
EXPLORED = files.RESULTS / "explore"
_IN_ORDER = "--xla_gpu_deterministic_ops=true"  # for JAX, read when it first meets a GPU


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes of native code
    arguments = _parser().parse_args(argv)
    flags = os.environ.get("XLA_FLAGS", "")
    if not arguments.fast and _IN_ORDER not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_IN_ORDER}".strip()
    training = "Stopped. What was finished is kept: the same command with --resume goes on."
    with cli.exit_codes("Stopped." if arguments.download else training):
        if arguments.list is not None:
            _list(arguments.list)
        elif arguments.explain:
            _explain(_recipe(arguments))
        elif arguments.download is not None:
            corpus = corpora.get(arguments.download)
            corpus.download(arguments.data or files.DATA, arguments.cache)
        elif arguments.explore:
            _explore(arguments)
        else:
            _train(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Emotion_Recognition.py",
        description="Train a published speech-emotion system on real speech, score its test clips "
        "once, and show the result beside the published figure.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to train")
    what.add_argument("--recipe", default="attention-tess", metavar="NAME", help="which system")
    what.add_argument(
        "--corpus",
        metavar="NAME",
        help="which corpus, or several joined by + (default: the recipe's own that are there)",
    )
    what.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the corpus's own folder or any folder above it (default: data)",
    )
    what.add_argument(
        "--protocol", default="paper", metavar="NAME", help=", ".join(splits.PROTOCOLS)
    )
    what.add_argument("--fold", type=int, default=0, metavar="N", help="fold of the protocol")
    what.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is drawn")
    what.add_argument("--epochs", metavar="N", help="short for --set training.epochs=N")
    what.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of the recipe; may be repeated",
    )
    what.add_argument("--fast", action="store_true", help="allow equal runs to differ a little")
    where = parser.add_argument_group("where things are written")
    where.add_argument("--out", type=Path, metavar="DIR", help="the run folder")
    where.add_argument(
        "--test-folder", type=Path, metavar="DIR", help="lay the test clips out there"
    )
    where.add_argument("--cache", type=Path, default=files.CACHE, metavar="DIR", help="of features")
    where.add_argument(
        "--quantize", action="store_true", help="export the model in 8 bits as well, and compare"
    )
    where.add_argument("--resume", action="store_true", help="go on with an unfinished run")
    where.add_argument("--fresh", action="store_true", help="train anew where a run lies")
    where.add_argument(
        "--keep-latest",
        action="store_true",
        help="let Use_Our_Model.py go on with the model that it has",
    )
    tell = parser.add_argument_group("train nothing")
    tell.add_argument("--download", metavar="NAME", help="fetch a corpus from its publishers")
    tell.add_argument(
        "--explore", action="store_true", help="draw what a corpus holds, in pictures"
    )
    tell.add_argument(
        "--list",
        nargs="?",
        const="",
        metavar="RECIPE",
        help="recipes, corpora and protocols; or the settings of one recipe",
    )
    tell.add_argument(
        "--explain", action="store_true", help="what the recipe really does, in words"
    )
    return parser


def _explore(arguments: argparse.Namespace) -> None:
    recipe = _recipe(arguments)
    index = _index(recipe, arguments)

    from ser_keras import report  # late, as everything that only some commands need

    for path in report.explore(index, arguments.out or EXPLORED / index.corpus, recipe):
        console.say(f"Drawn: {_short(path)}")


def _train(arguments: argparse.Namespace) -> None:
    recipe = _recipe(arguments)
    index = _index(recipe, arguments)
    if index.synthetic and recipe.settings()["training.batch_size"] > DEMO_BATCH:
        recipe = recipe.override({"training.batch_size": str(DEMO_BATCH)})
        console.say(
            f"Batches of {DEMO_BATCH}, so that an epoch has about as many steps as on TESS."
        )

    from ser_keras import figures, runs  # late: they bring the backend

    plan = runs.Plan(
        recipe=recipe,
        index=index,
        protocol=arguments.protocol,
        fold=arguments.fold,
        seed=arguments.seed,
        deterministic=not arguments.fast,
        quantize=arguments.quantize,
    )

    def lay_out(split: splits.Split) -> None:
        resumed = arguments.resume and arguments.test_folder and arguments.test_folder.exists()
        if arguments.test_folder is not None and not resumed:
            splits.lay_out(split, index, arguments.test_folder)
            console.say(f"{split.counts()['test']} test clips laid out in {arguments.test_folder}.")

    run = runs.run(
        plan,
        arguments.out,
        resume=arguments.resume,
        fresh=arguments.fresh,
        cache=arguments.cache,
        on_split=lay_out,
    )
    if not arguments.keep_latest:
        remember_latest(run.folder)
    figures.show(run)
    target = f" {arguments.test_folder}" if arguments.test_folder is not None else ""
    console.say(f"Next: python Use_Our_Model.py{target}")


def _index(recipe: recipes.Recipe, arguments: argparse.Namespace) -> corpora.Index:
    """Return what the corpora hold that the arguments mean, having told what they lack."""
    indices = []
    for corpus, root in _corpora(recipe, arguments.corpus, arguments.data):
        indices.append(corpus.index(root, cache=arguments.cache))
        console.say(f"{corpus.title}, {_short(indices[-1].root)}:")
        for sentence in corpus.validate(root, cache=arguments.cache).sentences():
            console.say(f"  {sentence}")
    return corpora.pool(indices)


def _recipe(arguments: argparse.Namespace) -> recipes.Recipe:
    changes = {}
    for change in arguments.set:
        key, equals, value = change.partition("=")
        if not equals:
            raise SerKerasError(f"--set {change}", "has no value", "Write it as KEY=VALUE")
        changes[key.strip()] = value.strip()
    if arguments.epochs is not None:
        changes["training.epochs"] = arguments.epochs
    return recipes.get(arguments.recipe).override(changes)


def _corpora(
    recipe: recipes.Recipe, named: str | None, data: Path | None
) -> list[tuple[corpora.Corpus, Path]]:
    """Return the corpora asked for and their folders; the demo corpus where nothing was asked for.

    Of the recipe's own corpora those are taken that are there.
    """
    names = named.split("+") if named else recipe.corpora
    wanted = [corpora.get(name) for name in dict.fromkeys(names)]
    above = files.DATA if data is None else data
    if not above.is_dir():
        raise SerKerasError(
            above, "no such folder", f"Put {wanted[0].title} there, or check --data"
        )
    roots = [corpus.find(above) for corpus in wanted]
    found = [(corpus, root) for corpus, root in zip(wanted, roots, strict=True) if root is not None]
    missing = [corpus for corpus, root in zip(wanted, roots, strict=True) if root is None]
    if missing and (named is not None or (data is not None and not found)):
        raise SerKerasError(above, f"holds no {missing[0].title}", missing[0].home)
    for corpus in missing:
        told = f"{corpus.title} was not found under {_short(above)}: {corpus.home}"
        console.say(f"{told}, and unpack it there.")
    if found:
        return found
    console.say(
        "Training on the synthetic demo corpus instead; its figures say nothing about real speech."
    )
    demo = corpora.get("demo")
    root = demo.find(files.DATA)
    if root is None:
        raise SerKerasError(files.DATA / "demo", "is not there", "Take a fresh copy of the project")
    return [(demo, root)]


def _short(path: Path) -> Path:
    return path.relative_to(files.ROOT) if path.is_relative_to(files.ROOT) else path


def _list(name: str) -> None:
    if name:
        settings = recipes.get(name).settings()
        console.show(console.table(["setting", "value"], settings.items()))
        return
    rows = [(name, recipes.get(name).title) for name in recipes.names()]
    console.show("recipes\n" + _indented(rows))
    rows = [(name, corpora.get(name).title) for name in corpora.names()]
    console.show("corpora\n" + _indented(rows))
    console.show(
        "protocols\n" + _indented([(name, splits.summary(name)) for name in splits.PROTOCOLS])
    )


def _indented(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name.ljust(width)}  {words}" for name, words in rows)


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
