"""Clips become batches of one length and scale, worked out by hand and against scikit-learn."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc

import numpy as np
import pytest

from ser_keras.batches import BatchSpec, Normalization, assemble
from ser_keras.errors import SerKerasError

NONE = Normalization("none")


def clips(*lengths, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    scale = 10.0 ** np.arange(n_features)
    return [
        (rng.standard_normal((length, n_features)) * scale - 300).astype(np.float32)
        for length in lengths
    ]


def plain(**options):
    return BatchSpec(**{"normalize": "none"} | options)


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_short_clips_are_padded_and_long_ones_cut_on_the_right(fit):
    short, long = clips(2, 6)
    batch = assemble([short, long], plain(frames=4, fit=fit, pad_value=-7, mask=True), NONE)
    assert batch["features"].dtype == np.float32
    assert np.array_equal(batch["features"][0], np.vstack([short, np.full((2, 3), -7)]))
    assert np.array_equal(batch["features"][1], long[:4])
    assert batch["mask"].dtype == bool
    assert batch["mask"].tolist() == [[True, True, False, False], [True] * 4]


def test_without_frames_the_longest_clip_of_the_batch_sets_the_length():
    batch = assemble(clips(2, 5), plain(mask=True), NONE)
    assert batch["features"].shape == (2, 5, 3)
    assert batch["mask"].sum(axis=1).tolist() == [2, 5]


def test_resizing_interpolates_linearly_and_keeps_both_ends():
    clip = np.array([[0, 0], [2, 20], [4, 0]], np.float32)
    longer = assemble([clip], plain(frames=5, fit="resize", mask=True), NONE)
    assert longer["features"][0].tolist() == [[0, 0], [1, 10], [2, 20], [3, 10], [4, 0]]
    assert longer["mask"].all()
    shorter = assemble([clip], plain(frames=2, fit="resize"), NONE)
    assert shorter["features"][0].tolist() == [[0, 0], [4, 0]]
    single = assemble([clip[1:2]], plain(frames=3, fit="resize"), NONE)
    assert single["features"][0].tolist() == [[2, 20]] * 3


def test_squeezing_pads_short_clips_and_resamples_long_ones_as_librosa_does_sounds():
    librosa = pytest.importorskip("librosa")
    short, even, long, longer = clips(5, 8, 11, 37)
    batch = assemble([short, even, long, longer], plain(frames=8, fit="squeeze", mask=True), NONE)
    assert np.array_equal(batch["features"][0], np.vstack([short, np.zeros((3, 3))]))
    assert np.array_equal(batch["features"][1], even)
    for clip, result in zip((long, longer), batch["features"][2:], strict=True):
        expected = librosa.resample(clip.T, orig_sr=len(clip), target_sr=8).T[:8]
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)  # float32 around -300
    assert batch["mask"].sum(axis=1).tolist() == [5, 8, 8, 8]


@pytest.mark.parametrize("length", range(257, 600, 7))
def test_squeezing_any_length_fills_every_frame(length):
    ramp = np.linspace(1, 2, length, dtype=np.float32)[:, None]
    (result,) = assemble([ramp], plain(frames=256, fit="squeeze"), NONE)["features"]
    middle = slice(32, -32)  # the ends ring: beyond them lies zero
    expected = np.interp(np.arange(256) * length / 256, np.arange(length), ramp[:, 0])
    np.testing.assert_allclose(result[middle, 0], expected[middle], atol=0.02)
    assert result[-1, 0] > 0.5


def test_the_mean_over_time_is_one_value_for_each_feature():
    clip = np.array([[1, 10], [3, 30]], np.float32)
    assert assemble([clip], plain(fit="mean"), NONE)["features"].tolist() == [[2, 20]]
    spec = plain(fit="mean", channel=True, axes="feature_first")
    assert assemble([clip], spec, NONE)["features"].tolist() == [[[2], [20]]]


def test_the_statistics_over_time_are_means_and_then_deviations():
    clip = np.array([[1, 10], [3, 30]], np.float32)
    assert assemble([clip], plain(fit="statistics"), NONE)["features"].tolist() == [[2, 20, 1, 10]]


@pytest.mark.parametrize("fit", ["pad", "crop", "squeeze", "resize", "mean", "statistics"])
@pytest.mark.parametrize("axes", ["time_first", "feature_first"])
@pytest.mark.parametrize("channel", [False, True])
def test_shapes_are_those_of_the_batch(fit, axes, channel):
    mask = fit not in ("mean", "statistics")
    spec = plain(frames=4, fit=fit, axes=axes, channel=channel, mask=mask)
    batch = assemble(clips(2, 6), spec, NONE)
    shapes = spec.shapes(3)
    assert batch.keys() == shapes.keys()
    for name, array in batch.items():
        assert array.shape == (2, *shapes[name])
        assert array.flags.c_contiguous  # what Keras is fed is not copied once more
    assert shapes["features"][-1] == 1 or not channel


def test_without_frames_the_time_axis_has_no_size():
    assert plain(mask=True).shapes(40) == {"features": (None, 40), "mask": (None,)}
    assert plain(axes="feature_first", channel=True).shapes(40) == {"features": (40, None, 1)}


def test_feature_first_is_the_transpose():
    several = clips(2, 6)
    first = assemble(several, plain(frames=4), NONE)["features"]
    other = assemble(several, plain(frames=4, axes="feature_first"), NONE)["features"]
    assert np.array_equal(first.transpose(0, 2, 1), other)


@pytest.mark.parametrize("kind", ["feature", "scalar"])
@pytest.mark.parametrize("fit", ["pad", "mean", "resize"])
@pytest.mark.parametrize("after_padding", [False, True])
def test_statistics_are_those_of_scikit_learn(kind, fit, after_padding):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    several = clips(2, 9, 5, 4)
    several[0][:, 2] = several[1][:, 2] = several[2][:, 2] = several[3][:, 2] = -300.25
    spec = BatchSpec(frames=5, fit=fit, normalize=kind, normalize_after_padding=after_padding)
    before = several
    if after_padding:
        before = assemble(several, plain(frames=5, fit=fit), NONE)["features"].reshape(4, -1, 3)
    rows = np.concatenate(list(before)).astype(np.float64)
    rows = rows.reshape(-1, 1) if kind == "scalar" else rows
    scaler = preprocessing.StandardScaler().fit(rows)
    result = Normalization.fit(iter(several), spec)
    assert result.kind == kind
    tolerance = 1e-5 if after_padding else 1e-12  # `assemble` has rounded -300 to float32
    np.testing.assert_allclose(result.mean, scaler.mean_, rtol=tolerance)
    np.testing.assert_allclose(result.std, scaler.scale_, rtol=tolerance)


def test_scaled_batches_are_those_of_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    several = clips(5, 5, 5)
    spec = BatchSpec(frames=5, normalize="scalar", normalize_after_padding=True)
    column = np.concatenate(several).reshape(-1, 1).astype(np.float64)
    expected = preprocessing.StandardScaler().fit_transform(column).reshape(3, 5, 3)
    result = assemble(several, spec, Normalization.fit(several, spec))["features"]
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)  # float32


def test_a_large_mean_does_not_swallow_the_deviation():
    clip = np.array([[1e6 - 1], [1e6 + 1]])
    result = Normalization.fit([clip] * 1_000, BatchSpec())
    assert result == Normalization("feature", (1e6,), (1.0,))


def test_fitting_keeps_no_clip():
    def stream(count):
        rng = np.random.default_rng(0)
        for _ in range(count):
            yield rng.standard_normal((100, 40)).astype(np.float32)

    tracemalloc.start()
    Normalization.fit(stream(500), BatchSpec())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 100 * 40 * 8  # a few clips in float64, not 500


def test_padding_is_the_mean_unless_it_is_normalised_too():
    clip = np.array([[1.0], [3.0]], np.float32)
    before = BatchSpec(frames=4, normalize="feature")
    assert Normalization.fit([clip], before) == Normalization("feature", (2.0,), (1.0,))
    batch = assemble([clip], before, Normalization.fit([clip], before))
    assert batch["features"][0, :, 0].tolist() == [-1, 1, 0, 0]
    after = BatchSpec(frames=4, normalize="feature", normalize_after_padding=True)
    assert Normalization.fit([clip], after) == Normalization("feature", (1.0,), (1.5**0.5,))


def test_a_clip_is_scaled_by_its_own_mean_and_deviation():
    clip = np.array([[1, 1], [5, 5]], np.float32)
    spec = BatchSpec(frames=3, normalize="clip")
    normalization = Normalization.fit([], spec)
    assert normalization == Normalization("clip")
    result = assemble([clip, 9 * np.ones((2, 2))], spec, normalization)["features"]
    assert result[0].tolist() == [[-1, -1], [1, 1], [0, 0]]
    assert not result[1].any()  # a constant clip


def test_each_band_of_a_clip_is_scaled_alone_padding_included():
    clip = np.array([[-4.0, 7.0], [4.0, 7.0]], np.float32)
    spec = BatchSpec(
        frames=4, axes="feature_first", normalize="band_clip", normalize_after_padding=True
    )
    result = assemble([clip], spec, Normalization("band_clip"))["features"][0]
    first = np.array([-4, 4, 0, 0]) / (8**0.5 + 1e-6)
    second = np.array([3.5, 3.5, -3.5, -3.5]) / (3.5 + 1e-6)
    np.testing.assert_allclose(result, [first, second], rtol=1e-6)  # float32


def test_the_neighbours_in_a_batch_change_nothing():
    several = clips(3, 8, 5)
    for normalize in ("none", "clip", "feature", "scalar", "band_clip"):
        spec = BatchSpec(frames=6, normalize=normalize)
        normalization = Normalization.fit(several, spec)
        together = assemble(several, spec, normalization)["features"]
        alone = [assemble([clip], spec, normalization)["features"][0] for clip in several]
        assert np.array_equal(together, alone), normalize


def test_clips_are_not_changed():
    several = clips(3, 8)
    for clip in several:
        clip.flags.writeable = False  # as those of a memory-mapped store are
    spec = BatchSpec(frames=6, normalize="clip")
    assemble(several, spec, Normalization.fit(several, spec))["features"][:] = 0


@pytest.mark.parametrize(
    "spec",
    [
        BatchSpec(),
        BatchSpec(frames=130, pad_value=-80, axes="feature_first", channel=True, mask=True),
        BatchSpec(frames=256, fit="squeeze", channel=True, normalize="clip"),
        BatchSpec(frames=174, normalize="band_clip", normalize_after_padding=True),
        BatchSpec(fit="mean", normalize="scalar", fit_on=("train", "validation")),
    ],
)
def test_a_spec_survives_json(spec):
    assert BatchSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert json.loads(json.dumps(spec.to_json())) == spec.to_json()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames", 0),
        ("frames", 10.0),
        ("frames", True),
        ("frames", 1_000_000),
        ("fit", "stretch"),
        ("pad_value", float("nan")),
        ("pad_value", "0"),
        ("axes", "batch_first"),
        ("channel", 1),
        ("mask", None),
        ("normalize", "batch"),
        ("normalize", ["clip"]),
        ("normalize_after_padding", 0),
        ("fit_on", ["test"]),
        ("fit_on", ["train", "test"]),
        ("fit_on", "train"),
    ],
)
def test_an_invalid_value_is_one_sentence_that_names_it(name, value):
    with pytest.raises(SerKerasError, match=rf"^batch\.{name}: cannot be .*\. Give .*\.$"):
        BatchSpec.from_json({name: value})


@pytest.mark.parametrize(
    "options",
    [
        {"fit": "mean", "mask": True},
        {"fit": "resize"},
        {"fit": "squeeze"},
        {"normalize": "band_clip", "normalize_after_padding": True},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(options):
    with pytest.raises(SerKerasError, match="where"):
        BatchSpec(**options)


@pytest.mark.parametrize("value", [None, [], {"frame": 3}])
def test_anything_but_a_spec_is_refused(value):
    with pytest.raises(SerKerasError, match="is not a batch spec"):
        BatchSpec.from_json(value)


@pytest.mark.parametrize("kind", ["none", "clip", "feature", "scalar", "band_clip"])
def test_a_normalization_survives_json(kind):
    result = Normalization.fit(clips(3, 8), BatchSpec(frames=6, normalize=kind))
    assert Normalization.from_json(json.loads(json.dumps(result.to_json()))) == result


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"kind": "none"},
        {"kind": "none", "mean": [], "std": [], "more": 1},
        {"kind": "none", "mean": [1.0], "std": [1.0]},
        {"kind": "scalar", "mean": [], "std": []},
        {"kind": "scalar", "mean": [1.0, 2.0], "std": [1.0, 2.0]},
        {"kind": "feature", "mean": [], "std": []},
        {"kind": "feature", "mean": [1.0, 2.0], "std": [1.0]},
        {"kind": "feature", "mean": [1.0], "std": [0.0]},
        {"kind": "feature", "mean": [float("nan")], "std": [1.0]},
        {"kind": "feature", "mean": ["1"], "std": [1.0]},
        {"kind": "feature", "mean": 1.0, "std": 1.0},
        {"kind": "batch", "mean": [], "std": []},
        {"kind": [], "mean": [], "std": []},
    ],
)
def test_statistics_that_do_not_fit_are_refused(value):
    with pytest.raises(SerKerasError, match=r"^normalization: "):
        Normalization.from_json(value)


def test_statistics_of_other_features_are_refused():
    spec = BatchSpec()
    for normalization in (NONE, Normalization("feature", (0.0,), (1.0,))):
        with pytest.raises(SerKerasError, match="normalization: is not of these features"):
            assemble(clips(4), spec, normalization)


def test_an_empty_batch_and_clips_of_a_wrong_shape_are_refused():
    with pytest.raises(SerKerasError, match="there is no clip to fit it on"):
        Normalization.fit([], BatchSpec())
    with pytest.raises(SerKerasError, match="has no clips"):
        assemble([], plain(), NONE)
    for odd in (np.ones(3), np.ones((0, 3)), np.ones((4, 2))):
        with pytest.raises(SerKerasError, match="has a clip that is not"):
            assemble([np.ones((4, 3)), odd], plain(), NONE)


def test_a_signed_root_draws_in_what_lies_far_out_before_anything_is_measured():
    some = clips(5, 8)
    rooted = [np.sign(clip) * np.sqrt(np.abs(clip.astype(np.float64))) for clip in some]
    for spec in (BatchSpec(fit="mean"), BatchSpec(frames=4, normalize="clip")):
        with_root = dataclasses.replace(spec, signed_root=True)
        normalization = Normalization.fit(some, with_root)
        reference = Normalization.fit(rooted, spec)
        np.testing.assert_allclose(normalization.mean, reference.mean)
        batch = assemble(some, with_root, normalization)["features"]
        expected = assemble(rooted, spec, reference)["features"]
        np.testing.assert_allclose(batch, expected, rtol=1e-5, atol=1e-5)


def test_what_lies_beyond_the_limit_is_cut_there_after_normalisation():
    some = [np.array([[value]], np.float32) for value in (*[0.0] * 99, 100.0)]
    normalization = Normalization.fit(some, BatchSpec(fit="mean"))
    free = assemble(some, BatchSpec(fit="mean"), normalization)["features"]
    cut = assemble(some, BatchSpec(fit="mean", limit=5), normalization)["features"]
    assert free.max() > 9
    assert cut.max() == 5
    assert np.array_equal(cut[:99], free[:99])


def test_a_spec_names_root_and_limit_only_where_it_uses_them():
    assert not {"signed_root", "limit"} & BatchSpec().to_json().keys()
    spec = BatchSpec(fit="mean", signed_root=True, limit=5)
    assert spec.to_json().items() >= {"signed_root": True, "limit": 5.0}.items()
    assert BatchSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("setting", "value"), [("limit", 0), ("limit", float("nan")), ("signed_root", 1)]
)
def test_a_root_or_limit_that_makes_no_sense_is_refused(setting, value):
    with pytest.raises(SerKerasError, match=f"batch.{setting}"):
        BatchSpec(**{setting: value})
