import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_keras import recipes, runs, splits, training
from ser_keras.augment import Augmentation
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from tests.conftest import SMALL, claim_seconds, stop_in_epoch


@pytest.fixture
def part():
    return pd.DataFrame({"content": ["a", "b"], "emotion": ["sad", "happy"]})


STORE = {name: np.full((10, 40), value, np.float32) for name, value in (("a", 1.0), ("b", 2.0))}


def test_every_form_of_a_clip_is_trained_on_under_its_emotion(part):
    augmentation = Augmentation(steps=("decibel-noise",), copies=2)
    forms = training._Forms(part, STORE, augmentation, seed=0)
    assert len(forms) == 6
    assert forms.emotions == ["sad"] * 3 + ["happy"] * 3
    np.testing.assert_array_equal(forms.frames(0), STORE["a"])
    assert not np.array_equal(forms.frames(1), forms.frames(2))
    np.testing.assert_array_equal(forms.frames(1), forms.frames(1))


def test_a_form_drawn_once_stays_and_one_of_each_epoch_changes(part):
    for when, changes in (("once", False), ("epoch", True)):
        augmentation = Augmentation(steps=("decibel-noise",), when=when)
        forms = training._Forms(part, STORE, augmentation, seed=0)
        assert np.array_equal(forms.frames(1, epoch=0), forms.frames(1, epoch=1)) is not changes
        assert forms.change is changes


def test_a_varied_waveform_takes_the_place_of_the_clip(part):
    varied = {("a", 1): np.full((10, 40), 9, np.float32)}
    forms = training._Forms(part, STORE, Augmentation(steps=("gain",)), 0, varied)
    np.testing.assert_array_equal(forms.frames(1), varied["a", 1])
    np.testing.assert_array_equal(forms.frames(0), STORE["a"])


def test_validation_is_what_keras_itself_reports(tiny_index, tiny_run, cache, tmp_path):
    from ser_keras.batches import Normalization

    recipe = recipes.get("attention-tess").override(SMALL)
    split = splits.make(tiny_index, "paper")
    store = FeatureStore("tess", recipe.features, cache)
    forms = training._Forms(split.part("validation"), store, Augmentation(), 0)
    frames = [forms.frames(i) for i in range(len(forms))]
    feed = training.Feed(forms, recipe, Normalization.fit(frames, recipe.batch), len(forms))
    network = training.build(recipe)
    training.compile_network(network, recipe.training)
    ours = training._validate(network, feed)
    (inputs, targets) = next(feed.batches(np.arange(len(feed))))
    theirs = network.evaluate(inputs, targets, verbose=0, return_dict=True)
    assert ours["val_loss"] == pytest.approx(theirs["loss"], rel=1e-5)
    assert ours["val_accuracy"] == pytest.approx(theirs["accuracy"])


def test_a_loss_that_explodes_is_one_sentence(tiny_index, cache, tmp_path):
    recipe = recipes.get("attention-tess").override({**SMALL, "training.learning_rate": "1e30"})
    plan = runs.Plan(recipe=recipe, index=tiny_index)
    with pytest.raises(SerKerasError, match="the loss is no longer a finite number"):
        runs.run(plan, tmp_path / "run", cache=cache)


def test_a_recipe_with_augmentation_on_every_level_trains(tiny_index, cache, tmp_path):
    augment = Augmentation(steps=("gain", "time-mask", "image-shift-zoom-flip"), when="epoch")
    recipe = dataclasses.replace(
        recipes.get("attention-tess").override({**SMALL, "training.epochs": "2"}), augment=augment
    )
    run = runs.run(runs.Plan(recipe=recipe, index=tiny_index), tmp_path / "run", cache=cache)
    assert run.metrics["epochs"] == 2


@pytest.fixture
def fitted(tiny_index, tiny_run, cache, tmp_path):
    """Return what trains the small network on the tiny corpus, in one folder or another."""
    split = splits.make(tiny_index, "paper")

    def fit(name="run", environment=None, **changes):
        recipe = recipes.get("attention-tess").override({**SMALL, **changes})
        store = FeatureStore("tess", recipe.features, cache)
        folder = tmp_path / name
        return training.fit(recipe, split, store, seed=0, folder=folder, environment=environment)

    return fit


def same_weights(one, other):
    weights = (each.network.get_weights() for each in (one, other))
    return all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_patience_survives_an_interruption(fitted, monkeypatch):
    impatient = {"training.patience": "1", "training.epochs": "30", "training.learning_rate": "0.1"}
    whole = fitted("whole", **impatient)
    go_on = stop_in_epoch(len(whole.history), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fitted(**impatient)
    go_on()
    resumed = fitted(**impatient)
    assert len(resumed.history) == len(whole.history) < 30
    assert resumed.best_epoch == whole.best_epoch
    assert same_weights(resumed, whole)


def test_what_trained_each_epoch_is_kept_and_the_seconds_of_all_of_them(
    fitted, tmp_path, monkeypatch
):
    there, here = {"device": "a GPU"}, {"device": "x86_64"}
    go_on = stop_in_epoch(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fitted(environment=there)
    last = tmp_path / "run" / "checkpoint" / "last.npz"
    history = claim_seconds(last, 1000.0)
    go_on()
    resumed = fitted(environment=here)
    assert resumed.environments == [there, here]
    assert resumed.seconds_before == pytest.approx(1000 + history[1]["seconds"])


def test_a_training_that_is_over_needs_its_history_and_best_weights_alone(fitted, tmp_path):
    whole = fitted(environment={"device": "a GPU"})
    last = tmp_path / "run" / "checkpoint" / "last.npz"
    with np.load(last) as state:
        np.savez(last, told=state["told"])
    again = fitted(environment={"device": "x86_64"})
    assert same_weights(again, whole)
    assert again.history == whole.history
    assert again.environments == [{"device": "a GPU"}]


def test_a_state_of_another_version_is_one_sentence(fitted, tmp_path):
    last = tmp_path / "run" / "checkpoint" / "last.npz"
    last.parent.mkdir(parents=True)
    np.savez(last, history="[]")
    with pytest.raises(SerKerasError, match=r"another version .*--fresh"):
        fitted()


def test_warming_up_raises_the_rate_line_by_line(fitted):
    warm = fitted(**{"training.warmup_epochs": "2", "training.learning_rate": "0.001"})
    rates = [row["learning_rate"] for row in warm.history]
    np.testing.assert_allclose(rates, [0.0005, 0.001, 0.001, 0.001], rtol=1e-5)
