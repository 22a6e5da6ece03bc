"""The state of a training after each epoch, on disk: what a run that was stopped resumes from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ser_keras import files, tensors
from ser_keras.errors import SerKerasError

FOLDER = "checkpoint"
LAST, BEST = "last.npz", "best.npz"

_MOST = {int: 2**53, float: 1e38}  # in a history, which TensorFlow compares in float32
_COLUMNS = "epoch loss accuracy val_loss val_accuracy val_macro_f1 learning_rate seconds".split()


class Checkpoint:
    """All that a run needs to resume: its variables and its history, in one file.

    The best weights are written before it. If the process is killed between the two, the epoch is
    trained again, to the same weights. After the training, only the history is read from it.
    """

    def __init__(self, network, folder: Path, environment: dict):
        self._network, self._folder, self._environment = network, folder, environment
        self.history: list[dict] = []  # rows of the finished epochs
        self.environments: list[dict] = []
        if (folder / LAST).exists():
            try:
                (text,) = tensors.read_npz(folder / LAST, {"progress": ()}, "U").values()
                progress = json.loads(str(text))
                self.history, self.environments = progress["history"], progress["environments"]
                rows = [[row[column] for column in _COLUMNS] for row in self.history]
                keys = [set(each) for each in self.environments if environment]
                counted = [row[0] for row in rows] == [*range(1, 1 + len(rows))]
                numbers = not any(abs(x) > _MOST.get(type(x), -1) for row in rows for x in row)
                if not (counted and numbers) or any(each != set(environment) for each in keys):
                    raise ValueError("its history has another form")
            except (SerKerasError, ValueError, LookupError, TypeError, RecursionError) as error:
                raise self._refusal(LAST, error) from error

    def load(self, name: str) -> None:
        """Assign the variables of a file to the network and, of the last state, its optimizer."""
        variables = self._variables(name)
        shapes = {str(i): tuple(variable.shape) for i, variable in enumerate(variables)}
        try:
            arrays = tensors.read_npz(self._folder / name, shapes)
        except (SerKerasError, ValueError) as error:
            raise self._refusal(name, error) from error
        for variable, array in zip(variables, arrays.values(), strict=True):
            variable.assign(array)

    def save(self, row: dict, is_best: bool) -> None:
        """Store the state after an epoch."""
        from keras import ops

        self.history.append(row)
        if self._environment not in self.environments:
            self.environments.append(self._environment)
        progress = json.dumps({"history": self.history, "environments": self.environments})
        for name in (BEST, LAST) if is_best else (LAST,):
            arrays = {str(i): ops.convert_to_numpy(v) for i, v in enumerate(self._variables(name))}
            with files.atomic(self._folder / name) as partial:
                np.savez(partial, progress=progress, **arrays)

    def _variables(self, name: str) -> list:
        optimizer = self._network.optimizer.variables if name == LAST else []
        return [*self._network.variables, *optimizer]

    def _refusal(self, name: str, error: Exception) -> SerKerasError:
        reason = getattr(error, "problem", str(error)[:80])
        problem = f"is damaged, of another network or another version of this package ({reason})"
        return SerKerasError(self._folder / name, problem, "Train again with --fresh")
