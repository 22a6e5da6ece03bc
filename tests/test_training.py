import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_keras import recipes, runs, training
from ser_keras.augment import Augmentation
from ser_keras.errors import SerKerasError
from tests.conftest import SMALL


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
    from ser_keras import splits
    from ser_keras.batches import Normalization
    from ser_keras.cache import FeatureStore

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


def test_warming_up_raises_the_rate_line_by_line(tiny_index, cache, tmp_path):
    changes = {"training.warmup_epochs": "2", "training.learning_rate": "0.001"}
    recipe = recipes.get("attention-tess").override({**SMALL, **changes})
    run = runs.run(runs.Plan(recipe=recipe, index=tiny_index), tmp_path / "run", cache=cache)
    rates = pd.read_csv(run.folder / "history.csv")["learning_rate"]
    np.testing.assert_allclose(rates, [0.0005, 0.001, 0.001, 0.001], rtol=1e-5)


def test_a_recipe_with_augmentation_on_every_level_trains(tiny_index, cache, tmp_path):
    augment = Augmentation(steps=("gain", "time-mask", "image-shift-zoom-flip"), when="epoch")
    recipe = dataclasses.replace(
        recipes.get("attention-tess").override({**SMALL, "training.epochs": "2"}), augment=augment
    )
    run = runs.run(runs.Plan(recipe=recipe, index=tiny_index), tmp_path / "run", cache=cache)
    assert run.metrics["epochs"] == 2
