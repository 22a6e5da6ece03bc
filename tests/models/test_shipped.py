"""Models that come with the package are opened by their names, and nothing is written there."""

import numpy as np
import pytest

from ser_keras import bundle, files, load_bundle, models
from ser_keras.errors import SerKerasError
from tests.faults.hostile import copied, edit


@pytest.fixture
def shipped(tiny_run, tmp_path, monkeypatch):
    """A folder of shipped models with one model, `general`, and a part that is none."""
    monkeypatch.setattr(models, "SHIPPED", tmp_path / "package")
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results")
    (tmp_path / "package" / "speaker_encoder").mkdir(parents=True)
    (tmp_path / "package" / "speaker_encoder" / "layers.safetensors").touch()
    copied(tiny_run.folder, tmp_path / "package" / "general")
    (tmp_path / "package" / "general" / "CARD.md").write_text("# General\n\nA card.\n")
    return tmp_path / "package"


def test_each_folder_with_a_manifest_is_a_model(shipped):
    assert models.names() == ("general",)


@pytest.mark.parametrize("name", models.names())
def test_each_model_that_ships_is_whole_and_has_a_card(name):
    folder = models.SHIPPED / name
    described = bundle.verify(folder)
    assert "model.keras" not in described["models"]  # which is not packaged
    assert not described["synthetic"]
    assert models.card(name).startswith("# ")


def test_all_models_that_ship_have_five_megabytes_at_most():
    files_there = (path for path in models.SHIPPED.rglob("*") if path.suffix != ".pyc")
    assert sum(path.stat().st_size for path in files_there if path.is_file()) <= 5_000_000


def test_a_shipped_model_is_opened_by_its_name(shipped):
    loaded = load_bundle("general")
    assert loaded.folder == shipped / "general"
    assert models.is_shipped(loaded.folder)


def test_a_folder_and_a_model_of_ones_own_go_before_a_shipped_one(
    shipped, tiny_run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "results" / "models" / "general"
    own.parent.mkdir(parents=True)
    copied(tiny_run.folder, own)
    assert models.locate("general") == own
    copied(tiny_run.folder, tmp_path / "general")
    assert models.locate("general").resolve() == tmp_path / "general"
    assert not models.is_shipped(models.locate("general"))


def test_opening_and_using_a_shipped_model_writes_nothing_beside_it(shipped, voice):
    before = {path: path.stat().st_mtime_ns for path in shipped.rglob("*")}
    load_bundle("general").predict(voice(200), sample_rate=22_050)
    assert {path: path.stat().st_mtime_ns for path in shipped.rglob("*")} == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("genral", "genral: no such model. Did you mean general."),
        ("xyz", "xyz: no such model. Choose one of general."),
        ("speaker_encoder", "speaker_encoder: no such model. Choose one of general."),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_exist(shipped, name, words):
    with pytest.raises(SerKerasError) as refused:
        load_bundle(name)
    assert str(refused.value) == words


def test_where_no_model_exists_the_remedy_is_to_train_one(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "SHIPPED", tmp_path)
    monkeypatch.setattr(files, "RESULTS", tmp_path)
    with pytest.raises(SerKerasError, match=r"no such model\. Train one with"):
        load_bundle("general")


def test_a_card_is_read_by_the_name_of_its_model(shipped):
    assert models.card("general") == "# General\n\nA card.\n"
    (shipped / "general" / "CARD.md").unlink()
    with pytest.raises(SerKerasError, match=r"has no CARD\.md"):
        models.card("general")


@pytest.mark.parametrize("engine", ["light", "keras"])
def test_both_engines_apply_the_temperature_of_the_manifest(shipped, engine, voice):
    samples = voice(200)
    plain = load_bundle("general", engine).predict(samples, sample_rate=22_050)
    edit(shipped / "general", temperature=3)
    cooled = load_bundle("general", engine).predict(samples, sample_rate=22_050)
    columns = [column for column in plain if column.startswith("p_")]
    expected = plain[columns].to_numpy() ** (1 / 3)
    np.testing.assert_allclose(cooled[columns], expected / expected.sum(), atol=2e-3)
    assert cooled["label"].iloc[0] == plain["label"].iloc[0]


def test_a_model_with_arousal_has_a_column_for_it(shipped, voice, tmp_path):
    samples = [(voice(200 + 50 * i, seed=i), 22_050) for i in range(3)]
    plain = load_bundle("general").predict(samples)
    assert list(plain)[-3:] == ["p_sad", "adapted_by", "note"]
    entry = {"emotions": ["angry", "happy"], "slope": 1.5, "offset": -0.25}
    edit(shipped / "general", arousal=entry)
    table = load_bundle("general").predict([*samples, tmp_path / "none.wav"])
    assert list(table)[-4:] == ["p_sad", "arousal", "adapted_by", "note"]
    assert table["adapted_by"].tolist() == [0, 0, 0, 0]
    share = (table["p_angry"] + table["p_happy"])[:3]
    expected = 1 / (1 + np.exp(-(1.5 * np.log(share / (1 - share)) - 0.25)))
    np.testing.assert_allclose(table["arousal"][:3], expected, atol=1e-4)
    assert np.isnan(table["arousal"].iloc[3])
