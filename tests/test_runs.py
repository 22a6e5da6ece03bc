import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from ser_keras import bundle, engines, files, recipes, runs, splits, training
from ser_keras.errors import SerKerasError
from tests.conftest import SMALL, claim_seconds, stop_in_epoch


def plan_of(index, name="attention-tess", **changes):
    return runs.Plan(recipe=recipes.get(name).override({**SMALL, **changes}), index=index)


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
            "environment.json history.csv metrics.json model.keras model.tflite "
            "model_summary.txt predictions.csv reliability.png split.csv training_history.png"
        ).split()
    )


def test_a_run_tells_its_figures_with_intervals_protocol_and_published_figure(tiny_run):
    told = json.loads((tiny_run.folder / "metrics.json").read_text())
    assert told["recipe"] == "attention-tess"
    assert told["split"]["protocol"] == "paper"
    assert (told["split"]["fold"], told["split"]["folds"]) == (0, 1)
    assert told["synthetic"] is False
    assert told["published"][0]["value"] == 0.9
    for part in ("validation", "test"):
        accuracy = told[part]["accuracy"]
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert told["corpora"]["tess"]["test"] == told["test"]["n"]
    assert told["baselines_made_with"]["numpy"] == np.__version__


def test_a_history_has_a_row_for_each_epoch_and_the_best_epoch_has_the_least_loss(tiny_run):
    history = pd.read_csv(tiny_run.folder / "history.csv")
    assert list(history.columns) == (
        ("epoch loss accuracy val_loss val_accuracy val_macro_f1 learning_rate seconds").split()
    )
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert tiny_run.metrics["best_epoch"] == history["epoch"][history["val_loss"].idxmin()]


def test_the_picture_of_the_history_marks_the_epoch_that_was_kept(
    tiny_index, cache, tmp_path, monkeypatch
):
    marked = []

    def record(history, path, title, *, best_epoch):
        marked.append(best_epoch)

    monkeypatch.setattr(runs.report, "training_history", record)
    plan = plan_of(tiny_index, **{"training.epochs": "3", "training.monitor": "val_accuracy"})
    told = runs.run(plan, tmp_path / "run", cache=cache).metrics
    assert marked == [told["best_epoch"]]


def test_predictions_agree_with_the_scores(tiny_run):
    predictions = pd.read_csv(tiny_run.folder / "predictions.csv")
    test = predictions[predictions["role"] == "test"]
    accuracy = (test["predicted"] == test["emotion"]).mean()
    assert accuracy == pytest.approx(tiny_run.scores("test").accuracy.value)
    probabilities = test[[c for c in test if c.startswith("p_")]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_environment_names_no_one_and_no_machine(tiny_run):
    import getpass
    import platform

    told = json.loads((tiny_run.folder / "environment.json").read_text())
    for private in (getpass.getuser(), platform.node(), str(tiny_run.folder)):
        assert private not in [*told.values(), *told["packages"].values()]
    assert set(told) == {
        *("python", "packages", "backend", "device", "cores", "deterministic", "commit")
    }


def test_nothing_of_a_run_is_a_pickle(tiny_run):
    for path in tiny_run.folder.iterdir():
        assert path.suffix in {".csv", ".json", ".txt", ".png", ".keras", ".tflite"}
        assert not path.read_bytes().startswith(b"\x80")


def test_equal_plans_give_equal_weights(tiny_index, tiny_run, cache, tmp_path):
    again = runs.run(plan_of(tiny_index), tmp_path / "again", cache=cache)
    assert_same_weights(again.folder, tiny_run.folder)
    assert again.metrics["test"] == tiny_run.metrics["test"]


def test_another_seed_gives_another_test_side_and_other_weights(tiny_index, tiny_run):
    first, second = (splits.make(tiny_index, "paper", seed=seed) for seed in (0, 1))
    assert first.hash != second.hash


@pytest.mark.parametrize("stopped_in", [2, 4])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    tiny_index, tiny_run, cache, tmp_path, monkeypatch, stopped_in
):
    go_on = stop_in_epoch(stopped_in, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        runs.run(plan_of(tiny_index), tmp_path / "run", cache=cache)
    assert not (tmp_path / "run" / "metrics.json").exists()
    claim_seconds(tmp_path / "run" / "checkpoint" / "last.npz", 1000.0)
    go_on()
    resumed = runs.run(plan_of(tiny_index), tmp_path / "run", cache=cache, resume=True)
    assert_same_weights(resumed.folder, tiny_run.folder)
    assert resumed.metrics["seconds"] > 1000
    history = [pd.read_csv(f / "history.csv") for f in (resumed.folder, tiny_run.folder)]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in history))


def test_the_environment_of_a_run_names_those_in_which_it_was_gone_on_with():
    here, there = {"device": "x86_64"}, {"device": "a GPU"}
    assert runs.trained_in([here]) == here
    assert runs.trained_in([there, here]) == {**there, "gone_on_with_in": [here]}


def test_a_finished_run_is_shown_again_and_not_trained_again(tiny_index, tiny_run, cache):
    seal = (tiny_run.folder / "metrics.json").stat().st_mtime_ns
    again = runs.run(plan_of(tiny_index), tiny_run.folder, cache=cache)
    assert again.metrics == tiny_run.metrics
    assert (tiny_run.folder / "metrics.json").stat().st_mtime_ns == seal


def test_a_finished_run_of_other_settings_is_not_overwritten_unasked(tiny_index, tiny_run, cache):
    with pytest.raises(SerKerasError, match=r"finished run of other settings\. Add --fresh"):
        runs.run(plan_of(tiny_index, **{"model.dropout": "0.5"}), tiny_run.folder, cache=cache)


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
        runs.run(plan_of(tiny_index), tmp_path / "run", cache=cache)
    with pytest.raises(SerKerasError, match=r"holds an unfinished run\. Add --resume"):
        runs.run(plan_of(tiny_index), tmp_path / "run", cache=cache)
    other = plan_of(tiny_index, **{"model.dropout": "0.5"})
    with pytest.raises(SerKerasError, match="of other settings"):
        runs.run(other, tmp_path / "run", cache=cache, resume=True)


def test_a_folder_of_other_things_is_left_alone(tiny_index, cache, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SerKerasError, match="holds other things than a run"):
        runs.run(plan_of(tiny_index), tmp_path, cache=cache)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_clips_of_strange_emotions_are_left_out_aloud(tiny_index, cache, tmp_path, capsys):
    table = tiny_index.table.assign(emotion=tiny_index.table["emotion"].replace("sad", "bored"))
    index = dataclasses.replace(tiny_index, table=table)
    run = runs.run(plan_of(index, **{"training.epochs": "1"}), tmp_path / "run", cache=cache)
    strange = (table["emotion"] == "bored").sum()
    assert f"attention-tess does not know: {strange} of bored." in capsys.readouterr().err
    assert sum(run.metrics["corpora"]["tess"].values()) == len(table) - strange


def test_a_corpus_of_strange_emotions_is_refused(tiny_index, cache, tmp_path):
    index = dataclasses.replace(tiny_index, table=tiny_index.table.assign(emotion="bored"))
    with pytest.raises(SerKerasError, match="has clips of 0 of the emotions that attention-tess"):
        runs.run(plan_of(index), tmp_path / "run", cache=cache)


def test_the_corrected_recipe_runs_by_the_same_road(tiny_index, cache, tmp_path):
    run = runs.run(plan_of(tiny_index, "attention-tess-corrected"), tmp_path / "run", cache=cache)
    assert run.metrics["recipe"] == "attention-tess-corrected"
    light, keras = (bundle.load_bundle(run.folder, engine) for engine in ("light", "keras"))
    assert set(light.pipeline.engine.shapes) == {"features", "mask"}
    assert light.labels == keras.labels


def test_a_run_tells_the_command_that_makes_it_and_nobodys_folders(tiny_run):
    assert tiny_run.metrics["command"] == (
        "python Emotion_Recognition.py --recipe attention-tess --corpus tess --protocol paper "
        "--seed 0 --set training.batch_size=16 --set training.epochs=4 --set model.filters=4 "
        "--set model.units=4"
    )


def test_a_quantised_model_is_exported_and_held_against_keras(tiny_index, cache, tmp_path, capsys):
    changes = {"model.filters": "16"}  # fewer weights than that are left as they are
    plan = dataclasses.replace(plan_of(tiny_index, **changes), quantize=True)
    run = runs.run(plan, tmp_path / "run", cache=cache)
    out = capsys.readouterr().out
    (line,) = (line for line in out.splitlines() if line.startswith("quantized"))
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


def test_a_changed_recipe_has_a_place_of_its_own(tiny_index):
    plain = runs.Plan(recipe=recipes.get("attention-tess"), index=tiny_index)
    assert plain.folder.parts[-3:] == ("attention-tess", "tess", "paper-0-seed0")
    assert plan_of(tiny_index).folder.parts[-3].startswith("attention-tess-")


@pytest.mark.parametrize(
    ("change", "same"), [({"notes": ("In other words.",)}, True), ({"corpora": ("savee",)}, False)]
)
def test_a_run_outlives_other_words_in_its_recipe_but_no_other_settings(
    tiny_index, tiny_run, change, same
):
    plan = plan_of(tiny_index)
    split = splits.make(tiny_index, "paper")
    changed = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, **change))
    assert tiny_run.is_of(plan, split)
    assert tiny_run.is_of(changed, split) is same


def test_baselines_are_not_written_into_a_run_that_was_trained_anew_meanwhile(
    tiny_index, tiny_run, cache, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run.folder, folder)
    before = runs.read(folder)
    anew = {**before.metrics, "seconds": before.metrics["seconds"] + 1}
    files.write_json(folder / runs.SEAL, anew)
    with pytest.raises(SerKerasError, match="was trained anew meanwhile"):
        runs.fit_baselines(before, tiny_index, cache)
    assert runs.read(folder).metrics == anew
