"""A Keras network as a list of layers that the page can compute, and its weights as arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ser_keras.errors import SerKerasError

Layer = dict[str, Any]

_ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softmax")
_NOTHING = ("Dropout", "SpatialDropout1D")  # change nothing once a network is trained


def layers(network: Any) -> tuple[list[Layer], dict[str, np.ndarray]]:
    """Return the layers of a network in the order of computing, and their weights.

    Args:
        network: Functional Keras model with the single input `features`.

    Returns:
        Layers, each with its name, its type and the names of the layers that it follows; and arrays
        by `layer/weight`.

    Raises:
        SerKerasError: The network has a layer that the page does not compute, or a mask.
    """
    listed: list[Layer] = []
    arrays: dict[str, np.ndarray] = {}
    same_as: dict[str, str] = {}  # a layer that changes nothing -> the layer before it
    for operation in network.operations:
        node = operation._inbound_nodes[0]
        sources = [parent.operation.name for parent in node.parent_nodes]
        sources = [same_as.get(name, name) for name in sources]
        kind = type(operation).__name__
        if kind in _NOTHING:
            same_as[operation.name] = sources[0]
            continue
        describe = _KNOWN.get(kind)
        described = describe(operation, node) if describe else None
        if described is None or len(operation._inbound_nodes) > 1:
            raise _unknown(network, operation.name, kind)
        layer, weights = described
        listed.append({"name": operation.name, "from": sources, **layer})
        arrays |= {f"{operation.name}/{name}": np.asarray(w) for name, w in weights.items()}
    if sum(layer["type"] == "input" for layer in listed) != 1:
        raise _unknown(network, "mask", "InputLayer")
    return listed, arrays


def _unknown(network: Any, name: str, kind: str) -> SerKerasError:
    problem = f"has a layer that the page does not compute ({name}, {kind})"
    return SerKerasError(network.name, problem, "Make the page of another model, such as general")


Described = tuple[Layer, dict[str, np.ndarray]] | None


def _activation(layer: Any) -> str | None:
    """Return the name of the activation of a layer, if the page knows it."""
    name = getattr(layer.activation, "__name__", "")
    return name if name in _ACTIVATIONS else None


def _weights(layer: Any, names: str) -> dict[str, np.ndarray]:
    """Return the weights of a layer that it has, by name."""
    found = {name: getattr(layer, name, None) for name in names.split()}
    return {name: w.numpy() for name, w in found.items() if w is not None}


def _input(layer: Any, node: Any) -> Described:
    return {"type": "input"}, {}


def _slice(operation: Any, node: Any) -> Described:
    key = node.arguments.args[1]
    width = node.arguments.args[0].shape[-1]
    if len(key) != 2 or key[0] != slice(None) or not isinstance(key[1], slice):
        return None
    start, stop, step = key[1].indices(width)
    return ({"type": "slice", "start": start, "stop": stop}, {}) if step == 1 else None


def _dense(layer: Any, node: Any) -> Described:
    name = _activation(layer)
    if name is None:
        return None
    return {"type": "dense", "activation": name}, _weights(layer, "kernel bias")


def _add(layer: Any, node: Any) -> Described:
    return {"type": "add"}, {}


def _softmax(layer: Any, node: Any) -> Described:
    return ({"type": "activation", "activation": "softmax"}, {}) if layer.axis == -1 else None


def _relu(layer: Any, node: Any) -> Described:
    plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
    return ({"type": "activation", "activation": "relu"}, {}) if plain else None


def _convolution(layer: Any, node: Any) -> Described:
    name = _activation(layer)
    usual = layer.groups == 1 and set(layer.dilation_rate) == {1}
    if not name or not usual or layer.padding not in ("same", "valid"):
        return None
    described = {"type": "convolution", "activation": name, "strides": list(layer.strides)}
    return described | {"same": layer.padding == "same"}, _weights(layer, "kernel bias")


def _scale(layer: Any, node: Any) -> Described:
    values = _weights(layer, "gamma beta moving_mean moving_variance")
    factor = values.get("gamma", 1.0) / np.sqrt(values["moving_variance"] + layer.epsilon)
    shift = values.get("beta", 0.0) - values["moving_mean"] * factor
    return {"type": "scale"}, {"factor": factor, "shift": shift}


def _pool(layer: Any, node: Any) -> Described:
    described = {"type": "pool", "size": list(layer.pool_size), "strides": list(layer.strides)}
    mean = type(layer).__name__.startswith("Average")
    return described | {"same": layer.padding == "same", "mean": mean}, {}


def _reshape(layer: Any, node: Any) -> Described:
    """Flatten, Reshape, or Flatten at each step."""
    if type(layer).__name__ == "TimeDistributed" and type(layer.layer).__name__ != "Flatten":
        return None
    shape = list(layer.output.shape[1:])
    return None if None in shape else ({"type": "reshape", "shape": shape}, {})


def _mean(layer: Any, node: Any) -> Described:
    return None if layer.keepdims else ({"type": "mean"}, {})


def _lstm(layer: Any, node: Any) -> Described:
    usual = (layer.activation.__name__, layer.recurrent_activation.__name__) == ("tanh", "sigmoid")
    if not usual or not layer.use_bias or layer.go_backwards:
        return None
    described = {"type": "lstm", "sequences": layer.return_sequences}
    return described, _weights(layer.cell, "kernel recurrent_kernel bias")


def _attention(layer: Any, node: Any) -> Described:
    return {"type": "attention"}, _weights(layer, "kernel bias query")


_KNOWN: dict[str, Callable[[Any, Any], Described]] = {
    "InputLayer": _input,
    "GetItem": _slice,
    "Dense": _dense,
    "Add": _add,
    "Softmax": _softmax,
    "ReLU": _relu,
    "Conv2D": _convolution,
    "BatchNormalization": _scale,
    "FusedBatchNormalization": _scale,
    "MaxPooling2D": _pool,
    "AveragePooling2D": _pool,
    "Flatten": _reshape,
    "Reshape": _reshape,
    "TimeDistributed": _reshape,
    "GlobalAveragePooling1D": _mean,
    "GlobalAveragePooling2D": _mean,
    "LSTM": _lstm,
    "AttentionPooling": _attention,
}
