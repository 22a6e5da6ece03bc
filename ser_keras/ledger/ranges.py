"""What a search tries: ranges of a recipe's settings that the user names, or else these.

| setting | tried by default |
|---|---|
| training.learning_rate, model.l2 | a tenth of the recipe's value to ten times it |
| training.batch_size, model.filters, model.units, model.inner | half of it, itself, twice it |
| model.dropout, model.basis_dropout | 0 to 0.5 |

Settings that a recipe lacks, or has at 0, are left out. A range whose upper end is at least ten
times its lower end is tried on a logarithmic scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ser_keras.errors import SerKerasError
from ser_keras.recipes import Recipe

_TENFOLD = ("training.learning_rate", "model.l2")
_DOUBLED = ("training.batch_size", "model.filters", "model.units", "model.inner")
_DROPOUT = ("model.dropout", "model.basis_dropout")
_MAX_DROPOUT = 0.5
_LOGARITHMIC = 10  # from this ratio of its ends on
_DIGITS = 3  # significant digits of a number that is tried


@dataclass(frozen=True, kw_only=True)
class Range:
    """The values of one setting that a search may try: a list of them, or all between two numbers.

    Args:
        key: Dotted key of the setting.
        values: The values as `--set` takes them; empty for a range of numbers.
        low: Lowest number.
        high: Highest number.
        whole: Whether only whole numbers are tried.
    """

    key: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False

    @property
    def is_logarithmic(self) -> bool:
        """Whether equal ratios, not equal differences, are equally probable at first."""
        return not self.values and 0 < self.low * _LOGARITHMIC <= self.high * (1 + 1e-9)

    def __str__(self) -> str:
        """The range as `--range` takes it."""
        return f"{self.key}={','.join(self.values) or f'{self.low:g}..{self.high:g}'}"

    @property
    def words(self) -> str:
        """The range in words."""
        if self.values:
            return ", ".join(self.values)
        scale = ", logarithmic" if self.is_logarithmic else ""
        return f"{self.low:g} to {self.high:g}{scale}"

    def text(self, value: float | str) -> str:
        """Return a value that was proposed as `--set` takes it, with few digits.

        Example:
            >>> Range(key="training.learning_rate", low=1e-4, high=1e-2).text(0.00123456)
            '0.00123'
        """
        if self.whole or isinstance(value, str):
            return str(value)
        rounded = float(f"{value:.{_DIGITS}g}")
        return repr(min(max(rounded, self.low), self.high))

    def value(self, text: str) -> float | str | None:
        """Return what `text` gave; None for a value that is not of the range.

        Example:
            >>> Range(key="model.units", low=8, high=64, whole=True).value("32")
            32
        """
        if self.values:
            return text if text in self.values else None
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            return None
        return number if self.low <= number <= self.high else None


def parse(recipe: Recipe, text: str) -> Range:
    """Return the range that the option `--range` names.

    Args:
        recipe: Recipe that has the setting.
        text: KEY=LOW..HIGH, or KEY=VALUE,VALUE,...

    Raises:
        SerKerasError: There is no such setting, or the values do not suit it.

    Example:
        >>> from ser_keras import recipes
        >>> parse(recipes.get("attention-tess"), "training.learning_rate=1e-4..1e-2").words
        '0.0001 to 0.01, logarithmic'
    """
    option = f"--range {text}"
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals:
        remedy = "Write it as KEY=LOW..HIGH or KEY=VALUE,VALUE"
        raise SerKerasError(option, "names no values", remedy)
    low, dots, high = (part.strip() for part in values.partition(".."))
    named = [low, high] if dots else [v.strip() for v in values.split(",") if v.strip()]
    named = list(dict.fromkeys(named))
    try:
        found = [recipe.override({key: value}).settings()[key] for value in named]
    except SerKerasError as error:
        raise SerKerasError(option, error.problem, error.remedy) from error
    if len(named) < 2:
        raise SerKerasError(option, "names one value", "Name two at least, or use --set")
    if not dots:
        return Range(key=key, values=tuple(named))
    numbers = [v for v in found if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < 2:
        remedy = f"Name its values instead, as in {key}=VALUE,VALUE"
        raise SerKerasError(option, "is a setting without a range of numbers", remedy)
    if not numbers[0] < numbers[1] < float("inf"):
        raise SerKerasError(option, "does not rise", "Write the lower end first")
    whole = all(isinstance(number, int) for number in numbers)
    return Range(key=key, low=numbers[0], high=numbers[1], whole=whole)


def default(recipe: Recipe) -> list[Range]:
    """Return the ranges of the table above for the settings that a recipe has.

    Example:
        >>> from ser_keras import recipes
        >>> [str(each) for each in default(recipes.get("mean-mfcc-lstm"))][:2]
        ['training.learning_rate=5e-05..0.005', 'training.batch_size=8,16,32']
    """
    has = {key: value for key, value in recipe.settings().items() if value}
    ranges = []
    for key in (key for key in (*_TENFOLD, *_DOUBLED, *_DROPOUT) if key in has):
        value = has[key]
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if key in _TENFOLD:
            ranges.append(Range(key=key, low=value / 10, high=value * 10))
        elif key in _DOUBLED:
            sizes = dict.fromkeys((max(1, int(value) // 2), int(value), 2 * int(value)))
            ranges.append(Range(key=key, values=tuple(map(str, sizes))))
        else:
            ranges.append(Range(key=key, low=0.0, high=max(_MAX_DROPOUT, value)))
    return ranges


def own_settings(recipe: Recipe, ranges: Iterable[Range]) -> Mapping[str, str] | None:
    """Return the recipe's own settings as a search tries them; None if one is out of its range."""
    own = {}
    for each in ranges:
        value = recipe.settings()[each.key]
        text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
        if each.value(text) is None:
            return None
        own[each.key] = text
    return own
