"""An epoch on JAX, which this project does not install: without it these tests are skipped."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAINED = """
import json, sys
import keras, numpy as np
from ser_keras import jax_epoch, recipes, training

recipe = recipes.get("attention-tess-corrected").override({"batch.frames": "16"})
rng = np.random.default_rng(0)
inputs = {"features": rng.normal(size=(22, 16, 40, 1)).astype("float32")}
inputs["mask"] = np.arange(16) < rng.integers(8, 17, size=(22, 1))
targets = np.eye(7, dtype="float32")[rng.integers(0, 7, 22)]
results = []
for compiled in (False, True):
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    network = training.build(recipe)
    training.compile_network(network, recipe.training)
    train = jax_epoch.compile_epoch(network, inputs, targets, 8) if compiled else None
    for epoch in range(2):
        training.seeding.seed_epoch(network, 0, epoch)
        order = np.random.default_rng(epoch).permutation(22)
        if compiled:
            logs = train(order)
        else:
            totals = {}
            for rows in np.split(order, [8, 16]):
                batch = {name: values[rows] for name, values in inputs.items()}
                for name, value in network.train_on_batch(
                    batch, targets[rows], return_dict=True
                ).items():
                    totals[name] = totals.get(name, 0) + float(value) * len(rows) / 22
            logs = totals
    averages = [v for v in network.non_trainable_variables if "moving" in v.path]
    averages = [float(np.abs(np.asarray(v)).sum()) for v in averages]
    results.append({**logs, "averages": averages, "iterations": int(network.optimizer.iterations)})
json.dump(results, sys.stdout)
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_a_compiled_epoch_equals_its_steps_one_by_one():
    done = subprocess.run(
        [sys.executable, "-c", TRAINED],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps, compiled = json.loads(done.stdout)
    assert compiled["iterations"] == steps["iterations"] == 6
    # sums are taken in another order, and six steps of Adam add to the difference
    assert compiled["loss"] == pytest.approx(steps["loss"], rel=1e-3)
    assert compiled["accuracy"] == pytest.approx(steps["accuracy"], abs=1e-6)
    assert compiled["averages"] == pytest.approx(steps["averages"], rel=1e-3, abs=1e-4)
