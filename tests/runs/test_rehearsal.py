import dataclasses
import shutil

import pandas as pd

from ser_keras import recipes, runs, splits, training
from tests.conftest import SMALL


class Stop:
    """A callback that notes the epochs and ends the training after the second."""

    def __init__(self):
        self.rows = []

    def set_model(self, network):
        self.network = network

    def on_train_begin(self):
        self.rows = []

    def on_epoch_end(self, epoch, row):
        self.rows.append(row)
        self.network.stop_training = len(self.rows) == 2


def test_a_setting_is_tried_where_the_test_recordings_are_gone(tiny_run, tiny_index, tmp_path):
    recipe = recipes.get("attention-tess").override(SMALL)
    split = splits.make(tiny_index, "paper", draw=recipe.draw)
    shutil.copytree(tiny_index.root, tmp_path / "TESS")
    for path in split.part("test")["path"]:
        (tmp_path / "TESS" / path).unlink()
    index = dataclasses.replace(tiny_index, root=tmp_path / "TESS")
    stop = Stop()
    fitted = runs.rehearse(
        recipe,
        index,
        split,
        tmp_path / "trial",
        options=runs.Options(cache=tmp_path / "cache"),
        callbacks=[stop],
    )
    assert not set(split.part("test")["path"]) & {
        path.relative_to(index.root).as_posix() for path in index.root.rglob("*.wav")
    }
    assert fitted.history == stop.rows
    columns = ["epoch", "loss", "accuracy", "val_loss", "val_macro_f1"]
    before = pd.read_csv(tiny_run.folder / "history.csv")[columns].head(2)
    # as the run does, to the last digit, for as long as it is not ended
    pd.testing.assert_frame_equal(pd.DataFrame(fitted.history)[columns], before)


def test_validation_clips_judge_a_setting_even_if_a_run_trains_on_them(
    tiny_index, tmp_path, monkeypatch
):
    recipe = recipes.get("mfcc-statistics")
    trained = dataclasses.replace(
        recipe.training, monitor="epoch", patience=None, fit_on=("train", "validation")
    )
    recipe = dataclasses.replace(recipe, training=trained)
    split = splits.make(tiny_index, "paper", draw=recipes.get("attention-tess").draw)
    seen = []
    monkeypatch.setattr(training, "fit", lambda recipe, *_, **__: seen.append(recipe.training))
    options = runs.Options(cache=tmp_path / "cache")
    runs.rehearse(recipe, tiny_index, split, tmp_path / "trial", options=options)
    assert seen[0].fit_on == ("train",)
