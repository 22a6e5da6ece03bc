import io
import json
import shutil
import zipfile

import numpy as np
import pytest

from ser_keras import bundle
from ser_keras.errors import SerKerasError


@pytest.fixture
def copy(tiny_run, tmp_path):
    """A copy of a good bundle, to be spoilt."""
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_run.folder, folder)
    return folder


def edit(folder, **changes):
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refused(folder, engine="light"):
    with pytest.raises(SerKerasError) as refusal:
        bundle.load_bundle(folder, engine)
    return str(refusal.value)


def seal(folder, name):
    """Make the manifest agree with a changed file, as whoever changed it would."""
    manifest = json.loads((folder / "bundle.json").read_text())
    edit(folder, models={**manifest["models"], name: bundle._fingerprint(folder / name)})


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
    assert len(table) == 1
    assert [skipped.path for skipped in table.attrs["skipped"]] == [str(tmp_path / "notes.wav")]


def test_the_light_engine_agrees_with_keras(tiny_run, tiny_tess):
    paths = sorted(tiny_tess.rglob("*.wav"))[:10]
    tables = [bundle.load_bundle(tiny_run.folder, e).predict(paths) for e in ("light", "keras")]
    columns = [c for c in tables[0] if c.startswith("p_")]
    np.testing.assert_allclose(tables[0][columns], tables[1][columns], atol=1e-4)


MANIFESTS = {
    "not JSON": ("{", "is not the JSON expected"),
    "a pickle": ("\x80\x04N.", "is not the JSON expected"),
    "a list": ("[]", "is not a manifest"),
    "a key twice": ('{"format": 1, "format": 1}', "a key occurs twice"),
    "not a number": ('{"format": NaN}', "NaN is not a finite number"),
    "infinite": ('{"format": 1e999}', "1e999 is not a finite number"),
    "too deep": ("[" * 60 + "]" * 60, "nested deeper than 8 levels"),
    "too large": ('"' + "x" * (1 << 20) + '"', "is larger than"),
    "newer": ('{"format": 2}', "has format 2, and this version reads 1"),
    "incomplete": ('{"format": 1}', "lacks the keys batch, created"),
}


@pytest.mark.parametrize("text_and_words", MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_manifest_that_we_never_write_is_refused(copy, text_and_words):
    text, words = text_and_words
    (copy / "bundle.json").write_bytes(text.encode("latin-1"))
    assert words in refused(copy)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"surprise": 1}, "has the unknown keys 'surprise'"),
        ({"labels": ["sad"]}, "labels are not two or more"),
        ({"labels": ["sad", "sad"]}, "labels are not two or more"),
        ({"labels": ["sad", "happy\n"]}, "labels are not two or more"),
        ({"labels": ["a", "b"]}, "gives 7 classes, and the manifest names 2"),
        ({"models": {"../model.tflite": {}}}, "names other files"),
        ({"models": {"model.tflite": {"bytes": 3}}}, "lacks the size and hash"),
        ({"features": {"kind": "mfcc", "n_fft": 1 << 40}}, "n_fft"),
        ({"features": {"kind": "magic"}}, "kind"),
        ({"batch": {"frames": -1}}, "frames"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(copy, changes, words):
    edit(copy, **changes)
    assert words in refused(copy)


def test_a_model_file_of_another_content_is_refused(copy):
    content = bytearray((copy / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.tflite").write_bytes(content)
    assert "is not the file that the manifest describes" in refused(copy)


def test_a_link_in_the_place_of_a_model_is_refused(copy):
    (copy / "model.tflite").rename(copy / "elsewhere")
    (copy / "model.tflite").symlink_to(copy / "elsewhere")
    assert "is missing or not a plain file" in refused(copy)


def test_a_model_that_is_no_model_is_refused(copy):
    (copy / "model.tflite").write_bytes(b"\0" * 1000)
    seal(copy, "model.tflite")
    assert "is not a model that LiteRT can run" in refused(copy)


def rewrite(folder, change):
    """Rewrite the archive, passing each part's bytes through `change(name, content)`."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content))
    seal(folder, "model.keras")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"class_name": "Lambda", "module": "keras.layers"}, "names the class Lambda"),
        ({"class_name": "TFSMLayer", "module": "keras.layers"}, "names the class TFSMLayer"),
        (
            {"class_name": "function", "module": "os", "config": "system"},
            "names the class function",
        ),
        ({"class_name": "Dense", "module": "os"}, "names the class Dense"),
    ],
)
def test_a_network_that_could_run_code_is_refused_before_keras_sees_it(copy, entry, words):
    def change(name, content):
        if name != "config.json":
            return content
        config = json.loads(content)
        config["config"]["layers"].append(entry)
        return json.dumps(config)

    rewrite(copy, change)
    assert words in refused(copy, "keras")


def test_weights_that_link_to_other_files_are_refused(copy):
    import h5py

    def change(name, content):
        if name != "model.weights.h5":
            return content
        stream = io.BytesIO(content)
        with h5py.File(stream, "a") as weights:
            weights["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
        return stream.getvalue()

    rewrite(copy, change)
    assert "its weights link elsewhere" in refused(copy, "keras")


def test_weights_of_an_absurd_size_are_refused_before_they_are_allocated(copy):
    import h5py

    def change(name, content):
        if name != "model.weights.h5":
            return content
        stream = io.BytesIO(content)
        with h5py.File(stream, "a") as weights:
            weights.create_dataset("bomb", shape=(10**6, 10**6), dtype="f4", chunks=True)
        return stream.getvalue()

    rewrite(copy, change)
    assert "has over 100000000 weights" in refused(copy, "keras")


def test_weights_that_are_not_numbers_are_refused(copy):
    import h5py

    def change(name, content):
        if name != "model.weights.h5":
            return content
        stream = io.BytesIO(content)
        with h5py.File(stream, "a") as weights:
            weights.visititems(
                lambda _, item: (
                    item.write_direct(np.full(item.shape, np.nan, item.dtype))
                    if isinstance(item, h5py.Dataset) and item.dtype.kind == "f"
                    else None
                )
            )
        return stream.getvalue()

    rewrite(copy, change)
    assert "its weights are not finite numbers" in refused(copy, "keras")


def test_an_archive_with_another_member_is_refused(copy):
    with zipfile.ZipFile(copy / "model.keras", "a") as archive:
        archive.writestr("assets/run.sh", "true")
    seal(copy, "model.keras")
    assert "holds other parts than a Keras model has" in refused(copy, "keras")
