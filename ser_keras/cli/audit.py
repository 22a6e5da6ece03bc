"""`python -m ser_keras.audit`: check what the sides of anyone's split share; fit for a CI."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ser_keras import audit, cli, console, files
from ser_keras.audit import foreign, lists, published
from ser_keras.errors import SerKerasError

_EXAMPLES = """\
examples:
  python -m ser_keras.audit split.csv
      A CSV with the columns path, speaker, text and role; other spellings are guessed and printed.
  python -m ser_keras.audit split.csv --role 0=train,1=validation,2=test
      Where the column holds numbers, say what they mean; --fold 2 if they are folds.
  python -m ser_keras.audit dataset
      A folder with train/ and test/ (and dev/, val/) below it.
  python -m ser_keras.audit EmoBox/data/tess/fold_1 --data ~/corpora
      JSON lines, one file for each side; the clips are searched below ~/corpora. All folds: fold_*
      Lists in JSON, such as train.json and test.json of SpeechBrain, are read too.
  python -m ser_keras.audit results/runs/attention-tess/tess/paper-0-seed0 --json
      A run of this package, printed as a JSON object; several splits are one object per line.
  python -m ser_keras.audit --publish --data ~/corpora
      Audit our own folds and the published systems' splits, and fill the tables of
      results/audits.md.

Exit status: 0 if the sides share nothing that --forbid names; 1 if they do, if that is not known
(speakers or texts are missing, or a clip could not be heard), or if the split cannot be read; 2 for
wrong usage.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command with the arguments `argv`; None takes those of the process."""
    parser = _parser()
    arguments = cli.parse(parser, argv)
    if bool(arguments.paths) == bool(arguments.publish):
        parser.error("name a split to audit, or --publish")
    failed = False
    with cli.exit_codes("Stopped.", {"--cache": arguments.cache}):
        if arguments.publish:
            published.write(arguments.publish, arguments.data, arguments.cache)
            console.say(f"Written to {arguments.publish}.")
        splits = foreign.grouped(arguments.paths)
        for paths in splits:
            try:
                failed |= _audit(paths, arguments)
            except SerKerasError as error:
                if len(splits) == 1:
                    raise
                console.error(error)
                failed = True
    if failed:
        sys.exit(cli.FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ser_keras.audit",
        description="Print what training and test share in anyone's split: sounds, "
        "near-duplicates, speakers and texts. Nothing is trained.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="lists, folders, runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object per split")
    parser.add_argument(
        "--forbid",
        type=_kinds,
        default=audit.FORBIDDEN,
        metavar="KINDS",
        help=f"kinds that make the exit status 1: {','.join(audit.KINDS)} (default: content,near)",
    )
    parser.add_argument(
        "--no-sound", action="store_true", help="audit by names alone, without the sound files"
    )
    parser.add_argument(
        "--data", type=Path, default=files.DATA, metavar="DIR", help="folder with the clips"
    )
    parser.add_argument("--fold", metavar="NAME", help="fold to test on, if the list numbers folds")
    parser.add_argument(
        "--role",
        type=_roles,
        metavar="VALUE=ROLE,...",
        help="roles that the values of a column stand for: 0=train,1=validation,2=test",
    )
    parser.add_argument(
        "--cache", type=Path, default=files.CACHE, metavar="DIR", help="folder for features"
    )
    parser.add_argument(
        "--publish",
        nargs="?",
        type=Path,
        const=published.DOCUMENT,
        metavar="FILE",
        help="audit the published splits and our folds, and fill FILE (default: results/audits.md)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 if a clip is unreadable, whatever --forbid names",
    )
    return parser


def _kinds(value: str) -> tuple[str, ...]:
    kinds = tuple(kind.strip() for kind in value.split(",") if kind.strip())
    for kind in kinds:
        if kind not in audit.KINDS:
            raise argparse.ArgumentTypeError(f"{kind} is not one of {', '.join(audit.KINDS)}")
    return kinds


def _roles(value: str) -> dict[str, str]:
    try:
        return lists.read_roles(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _audit(paths: list[Path], arguments: argparse.Namespace) -> bool:
    """Print the audit of one split, and return whether it fails."""
    result = audit.audit(
        paths,
        arguments.data,
        cache=arguments.cache,
        sound=not arguments.no_sound,
        fold=arguments.fold,
        roles=arguments.role,
    )
    failures = result.failures(arguments.forbid)
    for note in result.listing.notes:
        console.say(f"{note}.")
    if arguments.json:
        verdict = {"forbidden": list(arguments.forbid), "failures": list(failures)}
        console.show(json.dumps(result.to_json() | verdict, ensure_ascii=False, allow_nan=False))
    else:
        for sentence in result.sentences():
            console.show(sentence)
        console.show(result.report.table())
    if failures:
        console.say(f"Forbidden, but shared or unknown: {', '.join(failures)}.")
    if arguments.strict and result.skipped:
        unread = console.count(len(result.skipped), "clip")
        console.say(f"{unread} could not be read, and --strict was given.")
    return bool(failures) or (arguments.strict and bool(result.skipped))
