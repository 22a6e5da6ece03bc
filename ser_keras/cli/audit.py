"""`python -m ser_keras.audit`: what the sides of anyone's split share, as a CI can use it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ser_keras import audit, cli, console, files, known_splits, listings
from ser_keras.errors import SerKerasError

_EXAMPLES = """\
examples:
  python -m ser_keras.audit split.csv
      Columns path, speaker, text, role; other spellings are guessed, and said.
  python -m ser_keras.audit dataset
      A folder with train/ and test/ (and dev/, val/) below it.
  python -m ser_keras.audit EmoBox/data/tess/fold_1 --data ~/corpora
      JSON lines, one file a side; the clips are looked for below ~/corpora. All folds: fold_*
  python -m ser_keras.audit results/runs/attention-tess/tess/paper-0-seed0 --json
      One of our own runs, as a JSON object (of several splits: one a line).
  python -m ser_keras.audit --publish --data ~/corpora
      Audit our own folds and the published systems' splits, and write results/audits.md.

Exit status: 0 where the sides share nothing that --forbid names, 1 where they do (or where speakers
or texts that it names are unknown, or the split cannot be read), 2 for wrong usage.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if bool(arguments.paths) == bool(arguments.publish):
        parser.error("name a split to audit, or --publish")
    failed = False
    with cli.exit_codes("Stopped."):
        if arguments.publish:
            known_splits.write(arguments.publish, arguments.data, arguments.cache)
            console.say(f"Written: {arguments.publish}")
        splits = listings.grouped(arguments.paths)
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
        description="Tell what training and test share in anyone's split: sounds, near-duplicates, "
        "speakers, texts. Nothing is trained.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="lists, folders, runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object a split")
    parser.add_argument(
        "--forbid",
        type=_kinds,
        default=audit.FORBIDDEN,
        metavar="KINDS",
        help=f"what makes the exit status 1, of {','.join(audit.KINDS)} (default: content,near)",
    )
    parser.add_argument(
        "--no-sound", action="store_true", help="audit by names alone, where the audio is not there"
    )
    parser.add_argument(
        "--data", type=Path, default=files.DATA, metavar="DIR", help="where the clips are"
    )
    parser.add_argument("--fold", metavar="NAME", help="test side of a list that numbers its folds")
    parser.add_argument(
        "--cache", type=Path, default=files.CACHE, metavar="DIR", help="of features"
    )
    parser.add_argument(
        "--publish",
        nargs="?",
        type=Path,
        const=known_splits.DOCUMENT,
        metavar="FILE",
        help="audit what everybody splits, and write it down (default: results/audits.md)",
    )
    parser.add_argument("--strict", action="store_true", help="let one unreadable clip be exit 1")
    return parser


def _kinds(value: str) -> tuple[str, ...]:
    kinds = tuple(kind.strip() for kind in value.split(",") if kind.strip())
    for kind in kinds:
        if kind not in audit.KINDS:
            raise argparse.ArgumentTypeError(f"{kind} is none of {', '.join(audit.KINDS)}")
    return kinds


def _audit(paths: list[Path], arguments: argparse.Namespace) -> bool:
    """Show the audit of one split; return whether it fails."""
    found = audit.audit(
        paths,
        arguments.data,
        cache=arguments.cache,
        sound=not arguments.no_sound,
        fold=arguments.fold,
    )
    failures = found.failures(arguments.forbid)
    for note in found.listing.notes:
        console.say(f"{note}.")
    if arguments.json:
        told = found.to_json() | {"forbidden": list(arguments.forbid), "failures": list(failures)}
        console.show(json.dumps(told, ensure_ascii=False, allow_nan=False))
    else:
        for sentence in found.sentences():
            console.show(sentence)
        console.show(found.report.table().replace("not known", "unknown"))
    if failures:
        console.say(f"Forbidden, and shared or unknown: {', '.join(failures)}.")
    if arguments.strict and found.skipped:
        console.say(f"Clips that could not be read: {len(found.skipped)}, and --strict was given.")
    return bool(failures) or (arguments.strict and bool(found.skipped))
