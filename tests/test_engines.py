"""The engines, from several threads and in forked processes."""

import os
import threading

import numpy as np
import pytest

from ser_keras import bundle, engines, recipes, training, trial
from ser_keras.errors import SerKerasError


def clips(engine, count, seed=0):
    """Inputs of different clips for an engine."""
    rng = np.random.default_rng(seed)
    return [
        {name: rng.normal(size=(1, *shape)).astype("f4") for name, shape in engine.shapes.items()}
        for _ in range(count)
    ]


def in_threads(work, count):
    """Call `work(i)` in as many threads, all at once; return the results in order."""
    results, gate = [None] * count, threading.Barrier(count)

    def run(i):
        gate.wait()
        results[i] = work(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("engine", ["light", "keras"])
@pytest.mark.parametrize("batch", [1, 3])
def test_every_thread_gets_the_probabilities_of_its_own_clips(tiny_run, engine, batch):
    engine = bundle.load_bundle(tiny_run.folder, engine).pipeline.engine
    inputs = []
    for i in range(5):
        rows = clips(engine, batch, seed=i)
        inputs.append({name: np.concatenate([row[name] for row in rows]) for name in rows[0]})
    alone = [engine(x) for x in inputs]
    together = in_threads(lambda i: [engine(inputs[i]) for _ in range(20)], len(inputs))
    for expected, results in zip(alone, together, strict=True):
        for result in results:
            np.testing.assert_allclose(result, expected, atol=1e-6)


def test_a_clip_in_one_thread_needs_one_interpreter(tiny_run, monkeypatch):
    opened = []
    original = engines._Signature

    def counted(*arguments):
        opened.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(engines, "_Signature", counted)
    engine = engines.LightEngine(tiny_run.folder / "model.tflite", 2)
    for clip in clips(engine, 5):
        engine(clip)
    assert len(opened) == 1


def test_a_loop_over_time_steps_is_exported_with_literts_own_operators(tmp_path):
    recipe = recipes.get("mean-mfcc-lstm").override({"model.unroll": "false", "model.units": "3"})
    network, path = training.build(recipe), tmp_path / "model.tflite"
    inputs = {"features": np.random.default_rng(0).normal(size=(3, 40, 1)).astype("f4")}
    assert engines.export(network, path, inputs) <= engines.TOLERANCE
    trial.inspect(path, path.read_bytes())
    engine = engines.LightEngine(path)
    np.testing.assert_allclose(engine(inputs), engines.KerasEngine(network)(inputs), atol=1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_computes_the_same(tiny_run):
    engine = engines.LightEngine(tiny_run.folder / "model.tflite", 2)
    (clip,) = clips(engine, 1)
    expected = engine(clip)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, engine(clip).tobytes())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        answer = np.frombuffer(stream.read(), np.float32)
    os.waitpid(child, 0)
    np.testing.assert_allclose(answer, expected[0], atol=1e-6)


def test_keras_says_that_a_forked_process_must_load_the_model_itself(tiny_run, monkeypatch):
    engine = bundle.load_bundle(tiny_run.folder, "keras").pipeline.engine
    (clip,) = clips(engine, 1)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(SerKerasError, match="forked process"):
        engine(clip)
