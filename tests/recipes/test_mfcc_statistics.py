import numpy as np
import pytest

from ser_keras import bundle, recipes, runs
from tests.recipes.networks import clips, input_shapes, inputs, network, weights

NAME = "mfcc-statistics"


def test_it_is_one_layer_over_mean_and_deviation_of_40_coefficients():
    model = network(NAME, n_classes=3)
    assert input_shapes(model) == {"features": (80,)}
    assert weights(model) == (80 * 3 + 3, 80 * 3 + 3)


def test_its_inputs_are_those_of_the_baseline_standardised_over_the_training_clips():
    some = clips(NAME)
    statistics = np.array([np.concatenate([clip.mean(axis=0), clip.std(axis=0)]) for clip in some])
    expected = (statistics - statistics.mean(axis=0)) / statistics.std(axis=0)
    np.testing.assert_allclose(inputs(NAME, some)["features"], expected, atol=1e-3)


def test_nothing_was_published_of_it():
    assert recipes.get(NAME).published == ()


def test_fusion_is_the_default_for_recordings_of_ones_own():
    assert recipes.default(["folder"]) == recipes.default(["tess", "my-recordings"]) == "fusion"
    assert recipes.default() == recipes.default(["tess", "ravdess"]) == "attention-tess"


@pytest.fixture(scope="module")
def run(tiny_index, cache, tmp_path_factory):
    recipe = recipes.get(NAME).override({"training.epochs": "20"})
    out = tmp_path_factory.mktemp("statistics") / "run"
    return runs.run(recipe, tiny_index, "random", out=out, options=runs.Options(cache=cache))


def test_it_learns_the_tiny_corpus_and_takes_its_last_epoch(run):
    assert run.test.accuracy.value > 0.6  # the chance level is 0.14
    assert run.test.constant_prediction is None
    assert run.best_epoch == run.epochs == 20
    assert run.verdict == "nothing published"


def test_its_bundle_labels_recordings_with_the_light_engine(run, tiny_index):
    import pandas as pd

    written = pd.read_csv(run.folder / "predictions.csv")
    written = written[written["role"] == "test"]
    light = bundle.load_bundle(run.folder, "light")
    table = light.predict(map(tiny_index.locate, written["path"]))
    assert list(table["label"]) == list(written["predicted"])
