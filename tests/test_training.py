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
    clips = {
        **{"content": ["a", "b"], "corpus": "tess", "speaker": "OAF"},
        "emotion": ["sad", "happy"],
    }
    return pd.DataFrame(clips)


STORE = {name: np.full((10, 40), value, np.float32) for name, value in (("a", 1.0), ("b", 2.0))}


def test_the_clip_and_its_copies_are_trained_on_under_its_emotion(part):
    augmentation = Augmentation(steps=("decibel-noise",), copies=2)
    examples = training.Examples(part, STORE, 0, augmentation)
    assert examples.emotions == ["sad"] * 3 + ["happy"] * 3
    assert len(list(examples)) == 6
    np.testing.assert_array_equal(examples.frames(0), STORE["a"])
    assert not np.array_equal(examples.frames(1), examples.frames(2))
    np.testing.assert_array_equal(examples.frames(1), examples.frames(1))


@pytest.mark.parametrize(("when", "changes"), [("once", False), ("epoch", True)])
def test_a_copy_changes_from_epoch_to_epoch_only_if_it_is_drawn_in_each(part, when, changes):
    augmentation = Augmentation(steps=("decibel-noise",), when=when)
    examples = training.Examples(part, STORE, 0, augmentation)
    assert np.array_equal(examples.frames(1, epoch=0), examples.frames(1, epoch=1)) is not changes
    assert examples.change is changes


def test_an_augmented_waveform_replaces_the_clip_in_its_copy(part):
    varied = {("a", 1): np.full((10, 40), 9, np.float32)}
    examples = training.Examples(part, STORE, 0, Augmentation(steps=("gain",)), varied)
    np.testing.assert_array_equal(examples.frames(1), varied["a", 1])
    np.testing.assert_array_equal(examples.frames(0), STORE["a"])


@pytest.fixture
def vectors():
    """Vectors of two voices of two corpora, each of another size and place."""
    rng = np.random.default_rng(0)
    places = {"tess": (3, 2), "savee": (-5, 4)}
    clips = [
        (corpus, i, corpus, "OAF", ("sad", "happy")[i % 2]) for corpus in places for i in range(40)
    ]
    part = pd.DataFrame(
        {
            "content": [f"{corpus}{i}" for corpus, i, *_ in clips],
            "corpus": [clip[2] for clip in clips],
            "speaker": [clip[3] for clip in clips],
            "emotion": [clip[4] for clip in clips],
        }
    )
    store = {
        content: rng.normal(*places[corpus], (1, 1024)).astype(np.float32)
        for content, corpus in zip(part["content"], part["corpus"], strict=True)
    }
    return part, store


def test_adapted_clips_lie_where_those_of_a_usual_speaker_do(vectors):
    from ser_keras import adaptation

    part, store = vectors
    recipe = recipes.get("encoder-linear")
    recipe = dataclasses.replace(recipe, emotions=("happy", "sad"))
    examples = training.Examples(part, store, 0)
    voices = list(zip(part["corpus"], part["speaker"], strict=True))
    usual = adaptation.reference(list(examples), voices, recipe.batch)
    feed = training.Feed(examples, recipe, usual, 999, ("none", "speaker"))
    ((inputs, targets),) = feed.batches(np.arange(len(feed)))
    assert len(feed) == len(targets) == 160
    np.testing.assert_array_equal(targets[:80], targets[80:])
    plain, adapted = inputs["features"][:80].mean(axis=1), inputs["features"][80:].mean(axis=1)
    assert abs(plain[:40].mean() - plain[40:].mean()) > 1
    assert abs(adapted[:40].mean() - adapted[40:].mean()) < 0.1


def test_validation_clips_are_trained_on_if_the_recipe_says_so(vectors, tmp_path):
    part, store = vectors
    roles = ["train"] * 40 + ["validation"] * 40  # the second corpus validates
    split = splits.Split("tess", "speaker", 0, 0, part.assign(role=roles), ())
    recipe = recipes.get("encoder-linear").override({"training.epochs": "2"})
    means = {}
    for roles in (("train",), ("train", "validation")):
        changed = dataclasses.replace(recipe.training, fit_on=roles)
        changed = dataclasses.replace(recipe, training=changed)
        fitted = training.fit(changed, split, store, seed=0, folder=tmp_path / str(len(roles)))
        means[len(roles)] = np.mean(fitted.normalization.mean)
    assert means[1] == pytest.approx(3, abs=0.2)
    assert means[2] == pytest.approx(-1, abs=0.2)


def test_validation_equals_the_evaluation_of_keras(tiny_index, tiny_run, cache, tmp_path):
    from ser_keras.batches import Normalization

    recipe = recipes.get("attention-tess").override(SMALL)
    split = splits.make(tiny_index, "paper", draw=recipe.draw)
    store = FeatureStore("tess", recipe.features, cache)
    examples = training.Examples(split.part("validation"), store, 0)
    normalization = Normalization.fit(list(examples), recipe.batch)
    feed = training.Feed(examples, recipe, normalization, len(examples.emotions))
    network = training.build(recipe)
    training.compile_network(network, recipe.training)
    ours = training._validate(network, feed)
    (inputs, targets) = next(feed.batches(np.arange(len(feed))))
    reference = network.evaluate(inputs, targets, verbose=0, return_dict=True)
    assert ours["val_loss"] == pytest.approx(reference["loss"], rel=1e-5)
    assert ours["val_accuracy"] == pytest.approx(reference["accuracy"])


def test_a_loss_that_is_no_longer_finite_ends_the_training(tiny_index, cache, tmp_path):
    recipe = recipes.get("attention-tess").override({**SMALL, "training.learning_rate": "1e30"})
    options = runs.Options(cache=cache)
    with pytest.raises(SerKerasError, match="the loss is no longer finite"):
        runs.run(recipe, tiny_index, out=tmp_path / "run", options=options)


def test_a_recipe_with_augmentation_on_every_level_trains(tiny_index, cache, tmp_path):
    augment = Augmentation(steps=("gain", "time-mask", "image-shift-zoom-flip"), when="epoch")
    recipe = dataclasses.replace(
        recipes.get("attention-tess").override({**SMALL, "training.epochs": "2"}), augment=augment
    )
    options = runs.Options(cache=cache)
    run = runs.run(recipe, tiny_index, out=tmp_path / "run", options=options)
    assert run.epochs == 2


@pytest.fixture
def fitted(tiny_index, tiny_run, cache, tmp_path):
    """Return a function that trains the small network on the tiny corpus in a folder."""
    split = splits.make(tiny_index, "paper", draw=recipes.get("attention-tess").draw)

    def fit(name="run", environment=None, **changes):
        recipe = recipes.get("attention-tess").override({**SMALL, **changes})
        store = FeatureStore("tess", recipe.features, cache)
        folder = tmp_path / name
        return training.fit(recipe, split, store, seed=0, folder=folder, environment=environment)

    return fit


def same_weights(one, other):
    weights = (each.network.get_weights() for each in (one, other))
    return all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.slow
def test_patience_survives_an_interruption(fitted, monkeypatch):
    impatient = {"training.patience": "1", "training.epochs": "30", "training.learning_rate": "0.1"}
    whole = fitted("whole", **impatient)
    stop_interrupting = stop_in_epoch(len(whole.history), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fitted(**impatient)
    stop_interrupting()
    resumed = fitted(**impatient)
    assert len(resumed.history) == len(whole.history) < 30
    assert resumed.best_epoch == whole.best_epoch
    assert same_weights(resumed, whole)


def test_a_resumed_run_keeps_its_environments_and_the_seconds_of_all_epochs(
    fitted, tmp_path, monkeypatch
):
    first, second = {"device": "a GPU"}, {"device": "x86_64"}
    stop_interrupting = stop_in_epoch(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fitted(environment=first)
    last = tmp_path / "run" / "checkpoint" / "last.npz"
    history = claim_seconds(last, 1000.0)
    stop_interrupting()
    resumed = fitted(environment=second)
    assert resumed.environments == [first, second]
    assert resumed.seconds_before == pytest.approx(1000 + history[1]["seconds"])


@pytest.mark.slow
def test_a_finished_training_needs_only_its_history_and_its_best_weights(fitted, tmp_path):
    whole = fitted(environment={"device": "a GPU"})
    last = tmp_path / "run" / "checkpoint" / "last.npz"
    with np.load(last) as state:
        np.savez(last, progress=state["progress"])
    again = fitted(environment={"device": "x86_64"})
    assert same_weights(again, whole)
    assert again.history == whole.history
    assert again.environments == [{"device": "a GPU"}]


@pytest.mark.parametrize("key", ["history", "told"])
def test_a_checkpoint_of_another_version_is_refused(fitted, tmp_path, key):
    last = tmp_path / "run" / "checkpoint" / "last.npz"
    last.parent.mkdir(parents=True)
    np.savez(last, **{key: '{"history": [], "environments": []}'})
    with pytest.raises(SerKerasError, match=r"another version .*--fresh"):
        fitted()


def test_warming_up_raises_the_learning_rate_linearly(fitted):
    warm = fitted(**{"training.warmup_epochs": "2", "training.learning_rate": "0.001"})
    rates = [row["learning_rate"] for row in warm.history]
    np.testing.assert_allclose(rates, [0.0005, 0.001, 0.001, 0.001], rtol=1e-5)


def test_the_last_epoch_is_the_best_where_the_recipe_says_so(tiny_index, cache, tmp_path):
    recipe = recipes.get("mfcc-statistics")
    recipe = recipe.override({"training.epochs": "4", "training.patience": "1"})
    split = splits.make(tiny_index, "random")
    store = FeatureStore("tess", recipe.features, cache)
    paths = [tiny_index.locate(path) for path in split.table["path"]]
    store.fill(paths, list(split.table["content"]))
    fitted = training.fit(recipe, split, store, seed=0, folder=tmp_path)
    assert fitted.best_epoch == len(fitted.history) == 4  # patience never runs out


def test_the_weights_of_an_epoch_are_the_averages_of_its_steps(fitted):
    once = {"training.batch_size": "1000", "training.epochs": "2"}  # one step an epoch
    averaged = once | {"training.ema_momentum": "0.5"}
    plain, whole = fitted("plain", **once).history, fitted("whole", **averaged)
    # the first average is that of one value; the second step counts for a half
    losses = [row["val_loss"] for row in whole.history]
    assert losses[0] == pytest.approx(plain[0]["val_loss"], rel=1e-6)
    assert losses[1] != pytest.approx(plain[1]["val_loss"], rel=1e-6)


@pytest.mark.slow
def test_averages_of_weights_survive_an_interruption(fitted, monkeypatch):
    averaged = {"training.batch_size": "1000", "training.epochs": "2"}
    averaged["training.ema_momentum"] = "0.5"
    whole = fitted("whole", **averaged)
    stop_interrupting = stop_in_epoch(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fitted(**averaged)
    stop_interrupting()
    assert same_weights(fitted(**averaged), whole)
