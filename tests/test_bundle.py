import shutil
from dataclasses import replace

import numpy as np
import pytest

from ser_keras import bundle, engines, files, recipes, runs, training, trial
from ser_keras.calibration import Arousal
from ser_keras.errors import SerKerasError
from ser_keras.reliability import Answers, Distance, Reliability
from tests.conftest import SMALL


def test_a_bundle_predicts_files_and_arrays_alike(tiny_run, tiny_tess, cache):
    import soundfile

    loaded = bundle.load_bundle(tiny_run.folder)
    path = next(tiny_tess.rglob("*.wav"))
    samples, rate = soundfile.read(path, dtype="float32")
    by_file, by_array = loaded.predict(path), loaded.predict(samples, sample_rate=rate)
    columns = [c for c in by_file if c.startswith("p_")]
    np.testing.assert_allclose(by_file[columns], by_array[columns], atol=1e-6)
    assert by_file.index.names == ["file", "start", "end"]
    assert by_file.index[0][:2] == (str(path), 0.5)
    assert by_array.index[0][0] == "array 0"


def test_many_files_and_one_by_one_give_the_same(tiny_run, tiny_tess):
    loaded = bundle.load_bundle(tiny_run.folder)
    paths = sorted(tiny_tess.rglob("*.wav"))[:7]
    together = loaded.predict(paths)
    for path, row in zip(paths, together.itertuples(), strict=True):
        assert loaded.predict(path)["p_sad"].iloc[0] == pytest.approx(row.p_sad, abs=1e-5)


def test_what_cannot_be_heard_is_kept_beside_the_table(tiny_run, tiny_tess, tmp_path):
    (tmp_path / "notes.wav").write_text("no sound")
    loaded = bundle.load_bundle(tiny_run.folder)
    table = loaded.predict([next(tiny_tess.rglob("*.wav")), tmp_path / "notes.wav"])
    assert table["label"].isna().tolist() == [False, True]
    assert [skipped.path for skipped in table.attrs["skipped"]] == [str(tmp_path / "notes.wav")]


def test_the_light_engine_agrees_with_keras(tiny_run, tiny_tess):
    paths = sorted(tiny_tess.rglob("*.wav"))[:10]
    tables = [bundle.load_bundle(tiny_run.folder, e).predict(paths) for e in ("light", "keras")]
    columns = [c for c in tables[0] if c.startswith("p_")]
    np.testing.assert_allclose(tables[0][columns], tables[1][columns], atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model.units": "100000"}, "parameters, and a model may have"),
        ({"features.hop_length": "1"}, "together ask for"),
        ({"features.fmin": "440", "features.fmax": "440.1"}, "its mel bands span 0.1 Hz"),
        ({"batch.pad_value": "1e12"}, "its padding is 1e"),
        ({"model.filters": "0"}, "the recipe's network cannot be built"),
    ],
)
def test_what_no_model_may_have_is_refused_before_training(tiny_index, tmp_path, changes, words):
    recipe = recipes.get("attention-tess").override(changes)
    with pytest.raises(SerKerasError, match=words) as refused:
        runs.run(recipe, tiny_index, out=tmp_path / "run")
    assert "with --set" in str(refused.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", recipes.names())
def test_every_published_network_is_small_enough(name):
    bundle.check_recipe(recipes.get(name))


@pytest.fixture
def trained(tiny_run, monkeypatch):
    """A network and what `save` needs to write it beside; its export takes no time."""
    recipe = recipes.get("attention-tess").override(SMALL)
    network, loaded = training.build(recipe), bundle.load_bundle(tiny_run.folder)

    def exported(network, path, example, quantize=False):
        shutil.copyfile(tiny_run.folder / "model.tflite", path)

    monkeypatch.setattr(engines, "export", exported)
    written = {"format", "labels", "features", "batch", "normalization", "models"}
    facts = {key: value for key, value in loaded.manifest.items() if key not in written}
    return {"network": network, "pipeline": loaded.pipeline, "example": {}, **facts}


def test_a_file_that_is_too_large_is_left_out_and_the_weights_are_kept(
    trained, tmp_path, monkeypatch, capsys
):
    limit = 20_000  # bytes, fewer than the exported network has
    monkeypatch.setattr(bundle.manifests, "MAX_MODEL_BYTES", limit)
    saved = bundle.save(tmp_path, **trained)
    assert set(saved.manifest["models"]) == {"weights.safetensors"}
    assert not (tmp_path / "model.tflite").exists()
    assert "model.tflite is larger than 20000 bytes" in capsys.readouterr().err
    assert bundle.load_bundle(tmp_path, "keras").labels == trained["pipeline"].labels


def test_a_light_model_that_other_machines_would_refuse_is_left_out(
    trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(trial, "_OPERATORS", frozenset())
    saved = bundle.save(tmp_path, **trained)
    assert set(saved.manifest["models"]) == {"weights.safetensors", "model.keras"}
    assert "operators that no model of this package has" in capsys.readouterr().err


def test_what_calibrates_a_model_is_saved_with_it_only_where_it_is_used(trained, tmp_path):
    plain = bundle.save(tmp_path / "plain", **trained)
    assert not {"temperature", "arousal"} & plain.manifest.keys()
    arousal = Arousal(("angry", "happy"), slope=1.5, offset=-0.25)
    pipeline = replace(trained["pipeline"], temperature=2.5, arousal=arousal)
    saved = bundle.save(tmp_path / "calibrated", **{**trained, "pipeline": pipeline})
    assert saved.pipeline.temperature == 2.5
    assert saved.pipeline.arousal == arousal


def test_reliability_is_saved_and_checked(trained, tmp_path):
    n = trained["pipeline"].features.n_features
    answers = Answers(
        answer_from=0.2, answered=0.5, right=0.9, overall=0.7, speakers=4, limits=((0.8, 0.6),)
    )
    far = Distance(mean=(0.0,) * n, std=(1.0,) * n, limit=1.5)
    reliability = Reliability(plain=answers, distance=far)
    pipeline = replace(trained["pipeline"], reliability=reliability)
    saved = bundle.save(tmp_path, **{**trained, "pipeline": pipeline})
    assert saved.pipeline.reliability == reliability
    for changes, words in (
        ({"plain": {**saved.manifest["reliability"]["plain"], "answer_from": 2}}, "answer_from"),
        ({"distance": replace(far, mean=(0.0,)).__dict__}, "does not fit its features"),
        ({"bandwidth": {"limit": -20}}, "does not fit its features"),  # no functionals show it
        ({"usual": "high"}, "usual has another form"),
        ({"surprise": 1}, "reliability has another form"),
    ):
        broken = {**saved.manifest["reliability"], **changes}
        files.write_json(tmp_path / "bundle.json", {**saved.manifest, "reliability": broken})
        with pytest.raises(SerKerasError, match=words):
            bundle.load_bundle(tmp_path)
