import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from ser_keras import bundle, engines, files, recipes, runs, splits, training
from ser_keras.errors import SerKerasError
from tests.conftest import SMALL, claim_seconds, stop_in_epoch


def small(name="attention-tess", **changes):
    return recipes.get(name).override({**SMALL, **changes})


def run_small(index, out, cache, recipe=None, **options):
    recipe = recipe or small()
    return runs.run(recipe, index, out=out, options=runs.Options(cache=cache, **options))


def weights_of(folder):
    import keras

    import ser_keras.layers  # noqa: F401

    return keras.saving.load_model(folder / "model.keras", compile=False).get_weights()


def assert_same_weights(first, second):
    for one, other in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_holds_its_evidence_and_nothing_else(tiny_run):
    assert sorted(path.name for path in tiny_run.folder.iterdir()) == sorted(
        (
            "attention.png bundle.json confusion_matrix_test.png confusion_matrix_validation.png "
            "history.csv metrics.json model.keras model.tflite "
            "model_summary.txt predictions.csv reliability.png split.csv training_history.png "
            "weights.safetensors"
        ).split()
    )


def test_a_history_has_a_row_for_each_epoch_and_the_best_epoch_has_the_least_loss(tiny_run):
    history = pd.read_csv(tiny_run.folder / "history.csv")
    assert list(history.columns) == (
        ("epoch loss accuracy val_loss val_accuracy val_macro_f1 learning_rate seconds").split()
    )
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert tiny_run.best_epoch == history["epoch"][history["val_loss"].idxmin()]


def test_the_picture_of_the_history_marks_the_epoch_that_was_kept(
    tiny_index, cache, tmp_path, monkeypatch
):
    marked = []

    def record(history, path, title, *, best_epoch):
        marked.append(best_epoch)

    monkeypatch.setattr("ser_keras.pictures.training_history", record)
    recipe = small(**{"training.epochs": "3", "training.monitor": "val_accuracy"})
    options = runs.Options(cache=cache)
    run = runs.run(recipe, tiny_index, out=tmp_path / "run", options=options)
    assert marked == [run.best_epoch]


def test_predictions_agree_with_the_scores(tiny_run):
    predictions = pd.read_csv(tiny_run.folder / "predictions.csv")
    test = predictions[predictions["role"] == "test"]
    accuracy = (test["predicted"] == test["emotion"]).mean()
    assert accuracy == pytest.approx(tiny_run.test.accuracy.value)
    probabilities = test[[c for c in test if c.startswith("p_")]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_nothing_of_a_run_is_a_pickle(tiny_run):
    for path in tiny_run.folder.iterdir():
        assert path.suffix in {".csv", ".json", ".txt", ".png", ".keras", ".tflite", ".safetensors"}
        assert not path.read_bytes().startswith(b"\x80")


def test_equal_runs_have_equal_weights(tiny_index, tiny_run, cache, tmp_path):
    again = run_small(tiny_index, tmp_path / "again", cache)
    assert_same_weights(again.folder, tiny_run.folder)
    assert again.test == tiny_run.test


def test_another_seed_gives_another_test_side_and_other_weights(tiny_index, tiny_run):
    draw = small().draw
    first, second = (splits.make(tiny_index, "paper", seed=seed, draw=draw) for seed in (0, 1))
    assert first.hash != second.hash


@pytest.mark.parametrize("stopped_in", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    tiny_index, tiny_run, cache, tmp_path, monkeypatch, stopped_in
):
    go_on = stop_in_epoch(stopped_in, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_small(tiny_index, tmp_path / "run", cache)
    assert not (tmp_path / "run" / "metrics.json").exists()
    claim_seconds(tmp_path / "run" / "checkpoint" / "last.npz", 1000.0)
    go_on()
    resumed = run_small(tiny_index, tmp_path / "run", cache, resume=True)
    assert_same_weights(resumed.folder, tiny_run.folder)
    assert resumed.seconds > 1000
    history = [pd.read_csv(f / "history.csv") for f in (resumed.folder, tiny_run.folder)]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in history))


def test_a_finished_run_is_shown_again_and_not_trained_again(tiny_index, tiny_run, cache):
    seal = (tiny_run.folder / "metrics.json").stat().st_mtime_ns
    again = run_small(tiny_index, tiny_run.folder, cache)
    assert again == tiny_run
    assert (tiny_run.folder / "metrics.json").stat().st_mtime_ns == seal


def test_a_finished_run_of_other_settings_is_not_overwritten_unasked(tiny_index, tiny_run, cache):
    with pytest.raises(SerKerasError, match=r"finished run of other settings\. Add --fresh"):
        run_small(tiny_index, tiny_run.folder, cache, small(**{"model.dropout": "0.5"}))


def test_an_unfinished_run_of_other_settings_is_not_gone_on_with(
    tiny_index, cache, tmp_path, monkeypatch
):
    calls = iter((False, True))
    validate = training._validate

    def interrupted(*arguments):
        if next(calls):
            raise KeyboardInterrupt
        return validate(*arguments)

    monkeypatch.setattr(training, "_validate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_small(tiny_index, tmp_path / "run", cache)
    with pytest.raises(SerKerasError, match=r"holds an unfinished run\. Add --resume"):
        run_small(tiny_index, tmp_path / "run", cache)
    other, options = small(**{"model.dropout": "0.5"}), runs.Options(cache=cache, resume=True)
    with pytest.raises(SerKerasError, match="of other settings"):
        runs.run(other, tiny_index, out=tmp_path / "run", options=options)


def test_a_folder_of_other_things_is_left_alone(tiny_index, cache, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SerKerasError, match="holds other things than a run"):
        run_small(tiny_index, tmp_path, cache)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_clips_of_unknown_emotions_are_left_out_with_a_warning(tiny_index, cache, tmp_path, capsys):
    table = tiny_index.table.assign(emotion=tiny_index.table["emotion"].replace("sad", "bored"))
    index = dataclasses.replace(tiny_index, table=table)
    run = run_small(index, tmp_path / "run", cache, small(**{"training.epochs": "1"}))
    unknown = (table["emotion"] == "bored").sum()
    assert f"attention-tess does not know: {unknown} of bored." in capsys.readouterr().err
    assert sum(run.clips["tess"].values()) == len(table) - unknown


def test_a_corpus_of_unknown_emotions_is_refused(tiny_index, cache, tmp_path):
    index = dataclasses.replace(tiny_index, table=tiny_index.table.assign(emotion="bored"))
    with pytest.raises(SerKerasError, match="has clips of 0 of the emotions that attention-tess"):
        run_small(index, tmp_path / "run", cache)


def test_the_corrected_recipe_runs_by_the_same_road(tiny_index, cache, tmp_path):
    run = run_small(tiny_index, tmp_path / "run", cache, small("attention-tess-corrected"))
    assert run.key.recipe == "attention-tess-corrected"
    light, keras = (bundle.load_bundle(run.folder, engine) for engine in ("light", "keras"))
    assert set(light.pipeline.engine.shapes) == {"features", "mask"}
    assert light.labels == keras.labels


def test_a_quantised_model_is_exported_and_held_against_keras(tiny_index, cache, tmp_path, capsys):
    changes = {"model.filters": "16"}  # fewer weights than that are left as they are
    options = runs.Options(cache=cache, quantize=True)
    run = runs.run(small(**changes), tiny_index, out=tmp_path / "run", options=options)
    printed = capsys.readouterr()
    assert printed.out == ""  # a function prints no results
    (line,) = (line for line in printed.err.splitlines() if line.startswith("quantized"))
    assert float(line.split()[3]) >= 90  # % of the labels agree, of a network that learned little
    loaded = bundle.load_bundle(run.folder, "quantized")
    sizes = [(run.folder / f"model{kind}.tflite").stat().st_size for kind in ("", ".int8")]
    assert sizes[1] < sizes[0]
    assert loaded.pipeline.engine.shapes == {"features": (40, 130, 1)}


def test_a_network_of_another_backend_is_exported_by_a_process_of_tensorflow(
    tiny_run, tmp_path, monkeypatch
):
    import keras

    network = keras.saving.load_model(tiny_run.folder / "model.keras", compile=False)
    shape = bundle.load_bundle(tiny_run.folder).pipeline.engine.shapes["features"]
    inputs = {"features": np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)}
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert engines.export(network, tmp_path / "model.tflite", inputs) <= engines.TOLERANCE
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "keras.py").write_text("raise ImportError('no Keras here')")
    with pytest.raises(SerKerasError, match=r"could not be exported .*no Keras here"):
        engines.export(network, tmp_path / "other.tflite", inputs)
    assert not (tmp_path / "other.tflite").exists()


@pytest.mark.parametrize(
    ("change", "same"), [({"notes": ("In other words.",)}, True), ({"corpora": ("savee",)}, False)]
)
def test_a_run_outlives_other_words_in_its_recipe_but_no_other_settings(
    tiny_index, tiny_run, cache, change, same, capsys
):
    recipe = dataclasses.replace(small(), **change)
    options = runs.Options(cache=cache)
    if same:
        assert runs.run(recipe, tiny_index, out=tiny_run.folder, options=options) == tiny_run
        assert "holds this run, finished" in capsys.readouterr().err
    else:
        with pytest.raises(SerKerasError, match="holds a finished run of other settings"):
            runs.run(recipe, tiny_index, out=tiny_run.folder, options=options)


def test_baselines_are_fitted_anew_to_the_same_scores(tiny_index, tiny_run, cache):
    predictions = files.read_csv(tiny_run.folder / "predictions.csv", dtype="string")
    bare = dataclasses.replace(tiny_run, baselines={}, baseline_versions={})
    assert runs.fit_baselines(bare, predictions, tiny_index, cache) == tiny_run


def test_baselines_of_another_corpus_are_refused(tiny_index, tiny_run, cache):
    smaller = dataclasses.replace(tiny_index, table=tiny_index.table.iloc[1:])
    predictions = files.read_csv(tiny_run.folder / "predictions.csv", dtype="string")
    with pytest.raises(SerKerasError, match="was made from other clips than"):
        runs.fit_baselines(tiny_run, predictions, smaller, cache)


def test_a_record_is_not_written_into_a_run_that_was_trained_anew_meanwhile(tiny_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run.folder, folder)
    before = runs.read(folder)
    anew = dataclasses.replace(before, seconds=before.seconds + 1)
    anew.write()
    with pytest.raises(SerKerasError, match="was trained anew meanwhile"):
        runs.rewrite(before, dataclasses.replace(before, baselines={}))
    assert runs.read(folder) == anew


def test_a_run_holds_the_lock_of_its_folder(tiny_index, cache, tmp_path):
    class StopError(Exception):
        pass

    def stop(split):
        assert runs.is_training(tmp_path / "run")
        raise StopError

    options = runs.Options(cache=cache)
    with pytest.raises(StopError):
        runs.run(small(), tiny_index, out=tmp_path / "run", options=options, on_split=stop)
    assert not runs.is_training(tmp_path / "run")


def test_a_run_killed_in_its_first_moment_can_be_begun_again(tiny_index, cache, tmp_path):
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    (tmp_path / "run" / "checkpoint" / ".settings-ab12.partial.json").write_text("{")
    options = runs.Options(cache=cache, resume=True)
    recipe = small(**{"training.epochs": "1"})
    run = runs.run(recipe, tiny_index, out=tmp_path / "run", options=options)
    assert run.epochs == 1
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_the_demo_corpus_gets_small_batches_and_the_recipes_own_corpus_does_not(tiny_index, capsys):
    recipe = recipes.get("attention-tess")
    assert runs.suited(recipe, tiny_index) is recipe
    assert capsys.readouterr().err == ""
    synthetic = dataclasses.replace(tiny_index, synthetic=True)
    assert runs.suited(recipe, synthetic) == recipe.override({"training.batch_size": "8"})
    assert "training.batch_size=8" in capsys.readouterr().err


def own(index, clips):
    """Return an index of a corpus of one's own with this number of clips."""
    table = pd.concat([index.table] * 100, ignore_index=True).iloc[:clips]
    table = table.assign(corpus="own", path=[f"{i}.wav" for i in range(clips)])
    return dataclasses.replace(index, corpus="own", table=table)


@pytest.mark.parametrize(
    ("clips", "batch", "patience"), [(60, 4, 30), (144, 4, 10), (400, 8, 10), (10_000, 64, 10)]
)
def test_a_published_recipe_gets_batches_and_patience_for_few_clips(
    tiny_index, clips, batch, patience
):
    recipe = runs.suited(recipes.get("attention-tess"), own(tiny_index, clips))
    assert recipe.training.batch_size == batch
    assert recipe.training.patience == patience
    assert recipe.settings()["model.norm_momentum"] == (0.99 if clips == 10_000 else 0.9)


def test_settings_that_the_user_gave_stay(tiny_index):
    recipe = recipes.get("attention-tess")
    keep = ("training.batch_size", "model.norm_momentum")
    assert runs.suited(recipe, own(tiny_index, 144), keep).model == recipe.model
    assert runs.suited(recipe, own(tiny_index, 144), keep).training.batch_size == 64


def test_a_recipe_of_nothing_published_is_for_any_corpus(tiny_index, capsys):
    recipe = recipes.get("mfcc-statistics")
    assert runs.suited(recipe, own(tiny_index, 60)) is recipe
    assert capsys.readouterr().err == ""
