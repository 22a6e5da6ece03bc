import numpy as np
import pytest

from ser_keras import bundle


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
