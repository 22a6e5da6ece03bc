"""What the authors' draws of several recipes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SEED = 42  # of all published systems; the seed of a run is added, so that 0 is as published


def as_listed(clips: pd.DataFrame) -> np.ndarray:
    """Return the positions of clips in the order in which Windows lists files, which ignores case.

    The split of `mean-mfcc-lstm` was drawn there: in this order its seed gives its published counts
    by emotion, in the order of the paths it does not.

    Args:
        clips: Rows of an index.

    Returns:
        Positions (clips,), int.
    """
    import numpy as np

    return np.argsort(clips["path"].str.upper().to_numpy(str), kind="stable")


def sampled(
    positions: np.ndarray, share: float, state: int, strata: np.ndarray | None = None
) -> np.ndarray:
    """Return the part that scikit-learn's `train_test_split` draws as test.

    Args:
        positions: Positions to draw from, (n,).
        share: Share of them to draw.
        state: Random state.
        strata: Class of every clip of the corpus, not of `positions` alone; None draws without
            strata.

    Returns:
        Drawn positions, (share x n,).
    """
    from sklearn.model_selection import train_test_split

    stratify = None if strata is None else strata[positions]
    return train_test_split(positions, test_size=share, random_state=state, stratify=stratify)[1]
