"""The contract that every layer of the package must pass, on any backend of Keras."""

from __future__ import annotations

import json
import subprocess
import sys

import keras
import numpy as np
from keras import ops


def check_layer(layer_class, config, inputs, *, weights, masked=False, output_shape, tmp_path):
    """Check a layer against the contract.

    Args:
        layer_class: Class of the layer.
        config: Arguments of the layer, JSON values.
        inputs: Inputs of the layer, float32 array (batch, ...).
        weights: Exact number of weights after `build`.
        masked: Whether the layer takes `mask` (batch, steps).
        output_shape: Shape of the output for `inputs`.
        tmp_path: Folder for files.
    """
    _check_config(layer_class, config, inputs)
    _check_shapes(layer_class, config, inputs, output_shape, weights)
    _check_training_step(layer_class, config, inputs)
    _check_policies(layer_class, config, inputs)
    if masked:
        _check_mask(layer_class, config, inputs)
    _check_fresh_process(layer_class, config, inputs, tmp_path)


def _check_config(layer_class, config, inputs):
    layer = layer_class(**config)
    complete = layer.get_config()
    json.dumps(complete)
    assert {key: complete[key] for key in config} == config
    copy = layer_class.from_config(complete)
    assert copy.get_config() == complete
    layer(inputs), copy(inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(_array(layer(inputs)), _array(copy(inputs)))
    name = keras.saving.get_registered_name(layer_class)
    assert name == f"ser_keras>{layer_class.__name__}"


def _check_shapes(layer_class, config, inputs, output_shape, weights):
    eager = layer_class(**config)
    result = _array(eager(inputs))
    assert result.shape == output_shape
    assert eager.count_params() == weights
    assert tuple(eager.compute_output_shape(inputs.shape)) == output_shape
    symbolic = keras.Input(inputs.shape[1:])
    model = keras.Model(symbolic, eager(symbolic))
    assert model.output_shape[1:] == output_shape[1:]
    np.testing.assert_allclose(model.predict(inputs, verbose=0), result, atol=1e-5)


def _check_training_step(layer_class, config, inputs):
    symbolic = keras.Input(inputs.shape[1:])
    model = keras.Model(symbolic, layer_class(**config)(symbolic))
    model.compile("sgd", "mse", jit_compile=False)
    before = [np.copy(w) for w in model.get_weights()]
    target = np.ones((len(inputs), *model.output_shape[1:]), np.float32)
    logs = model.train_on_batch(inputs, target, return_dict=True)  # with the layer's own metrics
    assert np.isfinite(list(logs.values())).all()
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert not before or any(changed)


def _check_policies(layer_class, config, inputs):
    for policy in ("float32", "mixed_bfloat16", "bfloat16"):
        layer = layer_class(**config, dtype=policy)
        result = layer(inputs)
        assert keras.backend.standardize_dtype(result.dtype) == layer.compute_dtype
        assert all(v.dtype == layer.variable_dtype for v in layer.trainable_variables)


def _check_mask(layer_class, config, inputs):
    layer = layer_class(**config)
    steps = inputs.shape[1]
    mask = np.arange(steps)[None, :] < np.linspace(1, steps - 1, len(inputs)).astype(int)[:, None]
    noise = np.random.default_rng(1).normal(size=inputs.shape).astype(np.float32)
    noisy = np.where(mask.reshape(*mask.shape, *[1] * (inputs.ndim - 2)), inputs, 100 * noise)
    clean, dirty = (_array(layer(values, mask=mask)) for values in (inputs, noisy))
    if clean.shape[:2] == mask.shape:  # the output is a sequence; its padding means nothing
        clean, dirty = clean[mask], dirty[mask]
    np.testing.assert_allclose(clean, dirty, atol=1e-5)
    full = _array(layer(inputs, mask=np.ones_like(mask)))
    np.testing.assert_allclose(full, _array(layer(inputs)), atol=1e-5)


def _check_fresh_process(layer_class, config, inputs, tmp_path):
    symbolic = keras.Input(inputs.shape[1:])
    model = keras.Model(symbolic, layer_class(**config)(symbolic))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "inputs.npy", inputs)
    np.save(tmp_path / "outputs.npy", model.predict(inputs, verbose=0))
    program = (
        "import sys, keras, numpy, ser_keras.layers\n"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras')\n"
        "inputs = numpy.load(sys.argv[1] + '/inputs.npy')\n"
        "expected = numpy.load(sys.argv[1] + '/outputs.npy')\n"
        "numpy.testing.assert_allclose(model.predict(inputs, verbose=0), expected, atol=1e-5)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


def _array(tensor) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))
