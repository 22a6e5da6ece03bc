import json

import pytest

from ser_keras.errors import SerKerasError
from ser_keras.ledger import small_corpora


def made(seed, uar, network, baseline, **changes):
    """Return a row of results."""
    return {
        "corpus": "aesdd",
        "protocol": "speaker",
        "seed": seed,
        "recipe": "mfcc-statistics",
        "changes": [],
        "emotions": 5,
        "clips": {"train": 40, "validation": 10, "test": 10},
        "uar": {"value": uar, "low": 0.0, "high": 1.0},
        "accuracy": {"value": uar, "low": 0.0, "high": 1.0},
        "validation_uar": 0.5,
        "constant_prediction": False,
        "baselines": {
            "majority": {"uar": 0.2, "only_network": 9, "only_baseline": 9},
            "mean spectrum": {"uar": 0.3, "only_network": network, "only_baseline": baseline},
        },
        **changes,
    }


def test_the_runs_of_a_recipe_are_one_line_beside_the_best_baseline():
    results = [made(0, 0.4, 3, 1), made(1, 0.6, 4, 0), made(2, 0.5, 1, 1, constant_prediction=True)]
    (row,) = small_corpora.table(results).rows
    cells = dict(zip(small_corpora.table(results).header, row, strict=True))
    assert cells["clips"] == "60"
    assert cells["UAR"] == "0.500 (0.400 to 0.600)"
    assert cells["constant predictions"] == "1 of 3"
    assert cells["best baseline"] == "mean spectrum 0.300"
    assert (cells["only the network"], cells["only the baseline"]) == ("8", "2")
    assert cells["p"] == "0.11"  # of 10 clips 8 or more on one side


def test_other_settings_of_a_recipe_have_a_line_of_their_own():
    results = [made(0, 0.4, 3, 1), made(0, 0.4, 3, 1, changes=["training.batch_size=4"])]
    assert len(small_corpora.table(results).rows) == 2


def test_results_that_are_not_there_are_none_and_others_are_refused(tmp_path):
    assert small_corpora.read(tmp_path / "none.json") == []
    (tmp_path / "other.json").write_text(json.dumps({}))
    with pytest.raises(SerKerasError, match="is no list of runs"):
        small_corpora.read(tmp_path / "other.json")
