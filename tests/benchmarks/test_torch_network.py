"""The network in PyTorch computes what the network in Keras computes."""

import numpy as np
import pytest

from tests.benchmarks.setting import RECIPE


def test_with_equal_weights_both_networks_give_equal_probabilities():
    torch = pytest.importorskip("torch", reason="needs requirements-bench.txt")
    from ser_keras import training
    from tests.benchmarks.torch_network import Network

    ours, peer = training.build(RECIPE), Network().eval()
    rng = np.random.default_rng(0)
    for variable in ours.variables:  # also those that start at 0 or 1
        if "seed" not in variable.path:
            values = rng.normal(scale=0.2, size=variable.shape)
            variable.assign(np.abs(values) if "variance" in variable.path else values)
    weights = {layer.name: layer.get_weights() for layer in ours.layers}

    def copy(module, **values):
        for name, value in values.items():
            getattr(module, name).data.copy_(torch.from_numpy(np.ascontiguousarray(value)))

    def copy_lstm(module, kernel, recurrent, bias):
        values = {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias}
        copy(module, **values, bias_hh_l0=np.zeros_like(bias))

    for i, block in enumerate(peer.blocks, 1):
        kernel, bias = weights[f"conv_{i}"]
        copy(block.conv, weight=kernel.transpose(3, 2, 0, 1), bias=bias)
        names = ("weight", "bias", "running_mean", "running_var")
        copy(block.norm, **dict(zip(names, weights[f"norm_{i}"], strict=True)))
    copy_lstm(peer.lstm, *weights["lstm"])
    copy_lstm(peer.second_lstm, *weights["second_lstm"])
    kernel, bias, query = weights["attention"]
    copy(peer.score, weight=kernel.T, bias=bias)
    copy(peer.query, weight=query.T)
    kernel, bias = weights["emotion"]
    copy(peer.emotion, weight=kernel.T, bias=bias)

    clips = rng.normal(size=(3, 40, 130, 1)).astype(np.float32)
    with torch.inference_mode():
        probabilities = peer(torch.from_numpy(clips).permute(0, 3, 1, 2)).softmax(1).numpy()
    assert np.ptp(probabilities, axis=0).max() > 0.01  # else any network would pass
    np.testing.assert_allclose(probabilities, ours.predict_on_batch({"features": clips}), atol=1e-4)
