"""Which run: where it lies, the command that makes it, and how to read both back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from ser_keras import augment, files, recipes, splits
from ser_keras.errors import SerKerasError

_CORPUS = r"[A-Za-z0-9][A-Za-z0-9_+-]{0,199}"
_LONGEST_NAME = 100  # characters; file systems end at 255 bytes, some tools much earlier


class RowKey(NamedTuple):
    """What a row of the tables is about: all runs of a recipe on a corpus under a protocol."""

    recipe: str
    corpus: str
    protocol: str

    @property
    def folder(self) -> Path:
        """Folder of the row below the folder of a ledger."""
        return Path(*self)


@dataclass(frozen=True, kw_only=True)
class RunKey:
    """A run by its name; equal keys on equal corpora give equal runs.

    Args:
        recipe: Name of the recipe.
        corpus: Name of the corpus; names of pooled corpora are joined by "+".
        protocol: Name of the protocol.
        fold: Fold of the protocol, from 0.
        seed: Seed of the initial weights, the order of the clips, dropout, and whatever else the
            protocol draws.
        overrides: Settings of the recipe that were changed, each written KEY=VALUE.

    Example:
        >>> key = RunKey(recipe="attention-tess", corpus="tess", protocol="speaker", fold=1)
        >>> key.folder.as_posix()
        'attention-tess/tess/speaker-1-seed0'
        >>> RunKey.from_folder(key.folder) == key
        True
    """

    recipe: str
    corpus: str
    protocol: str = "paper"
    fold: int = 0
    seed: int = 0
    overrides: tuple[str, ...] = ()

    @classmethod
    def of(cls, recipe: recipes.Recipe, corpus: str, protocol: str, fold: int, seed: int) -> RunKey:
        """Return the key of a run of a recipe, some of whose settings may have been changed."""
        published = recipes.get(recipe.name).settings()
        changed = [
            f"{setting}={_as_text(value)}"
            for setting, value in recipe.settings().items()
            if value != published[setting]
        ]
        return cls(
            recipe=recipe.name,
            corpus=corpus,
            protocol=protocol,
            fold=fold,
            seed=seed,
            overrides=tuple(changed),
        )

    @property
    def name(self) -> str:
        """Name of the recipe with the settings that were changed: `attention-tess+batch_size=8`.

        A name that would be too long for some file systems names the first changes and ends with a
        hash of all of them; so does one with a change that is no name for a folder.
        """
        settings = recipes.get(self.recipe).settings()
        changes = []
        for override in self.overrides:
            setting, _, value = override.partition("=")
            field = setting.partition(".")[2]
            alike = [each for each in settings if each.partition(".")[2] == field]
            changes.append(f"{field if len(alike) == 1 else setting}={value}")
        named = [change for change in changes if re.fullmatch(r"[\w.,=-]+", change)]
        name = "+".join([self.recipe, *named])
        if len(named) == len(changes) and len(name) <= _LONGEST_NAME:
            return name
        hashed = files.digest(repr(self.overrides), size=3)
        while named and len("+".join([self.recipe, *named, hashed])) > _LONGEST_NAME:
            named.pop()
        return "+".join([self.recipe, *named, hashed])

    @property
    def row(self) -> RowKey:
        """The row of the tables that the run belongs to."""
        return RowKey(self.name, self.corpus, self.protocol)

    @property
    def folder(self) -> Path:
        """Folder of the run below the folder of all runs."""
        return Path(self.name, self.corpus, f"{self.protocol}-{self.fold}-seed{self.seed}")

    @classmethod
    def from_folder(cls, folder: Path) -> RunKey:
        """Return the key of a run by the last three parts of its folder.

        Raises:
            SerKerasError: The folder is not named as a run, or it names changes by their hash.
        """
        name, corpus, last = Path("-", "-", "-", folder).parts[-3:]
        recipe, *changes = name.split("+")
        numbers = re.fullmatch(r"(.+)-([0-9]+)-seed([0-9]+)", last)
        if numbers is None or recipe not in recipes.names():
            remedy = "A run is named <recipe>/<corpus>/<protocol>-<fold>-seed<seed>"
            raise SerKerasError(folder, "is not named as a run", remedy)
        settings = recipes.get(recipe).settings()
        overrides = []
        for change in changes:
            field, _, value = change.partition("=")
            full = [s for s in settings if field in (s, s.partition(".")[2])]
            if len(full) != 1 or not value:
                problem = f"does not say which settings were changed ({change})"
                raise SerKerasError(folder, problem, "Read its metrics.json, which does")
            overrides.append(f"{full[0]}={value}")
        return cls(
            recipe=recipe,
            corpus=corpus,
            protocol=numbers[1],
            fold=int(numbers[2]),
            seed=int(numbers[3]),
            overrides=tuple(overrides),
        )

    @property
    def arguments(self) -> list[str]:
        """Arguments of `Emotion_Recognition.py` that make this run."""
        words = ["--recipe", self.recipe, "--corpus", self.corpus, "--protocol", self.protocol]
        words += ["--fold", str(self.fold), "--seed", str(self.seed)]
        for override in self.overrides:
            words += ["--set", override]
        return words

    @property
    def command(self) -> str:
        """The command that makes this run, wherever the corpus lies."""
        return shlex.join(["python", "Emotion_Recognition.py", *self.arguments])

    def load_recipe(self) -> recipes.Recipe:
        """Return the recipe with its overrides.

        Raises:
            SerKerasError: There is no such recipe, or it has no such setting.
        """
        changes = dict(override.split("=", 1) for override in self.overrides)
        return recipes.get(self.recipe).override(changes)

    def __str__(self) -> str:
        words = [self.protocol, f"fold {self.fold}", f"seed {self.seed}", *self.overrides]
        return f"{self.recipe} on {self.corpus}, {', '.join(words)}"

    def to_json(self) -> dict:
        """Return the key as JSON values."""
        return {**asdict(self), "overrides": list(self.overrides)}

    @classmethod
    def from_json(cls, value: Mapping) -> RunKey:
        """Return the key that `to_json` gave.

        Raises:
            SerKerasError: A value is missing or of another type.
        """
        types = {"fold": int, "seed": int, "overrides": list}
        names = [field.name for field in fields(cls)]
        if not isinstance(value, Mapping) or sorted(value) != sorted(names):
            raise SerKerasError("run", f"is not named by {', '.join(names)}", "Train it again")
        for name in names:
            if type(value[name]) is not types.get(name, str):
                raise SerKerasError(f"run {name}", f"cannot be {value[name]!r}", "Train it again")
        if not re.fullmatch(_CORPUS, value["corpus"]) or value["protocol"] not in splits.PROTOCOLS:
            # the three are names of folders
            problem = "names no corpus or protocol of this package"
            raise SerKerasError("run", problem, "Train it again")
        if value["recipe"] not in recipes.names():
            raise SerKerasError("run recipe", "is none of this package", "Train it again")
        if not all(0 <= value[name] < 2**63 for name in ("fold", "seed")):
            raise SerKerasError("run", "has no plausible fold and seed", "Train it again")
        if not all(isinstance(change, str) and "=" in change for change in value["overrides"]):
            raise SerKerasError("run overrides", "are not KEY=VALUE", "Train it again")
        return cls(**{**value, "overrides": tuple(value["overrides"])})


def _as_text(value: object) -> str:
    """Return the value of a setting as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(v if isinstance(v, str) else augment.step_name(v) for v in value)
    return str(value).lower()
