"""The published file is read without torch, and nothing that it names is called."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from ser_keras.errors import SerKerasError
from ser_keras.models.speaker_encoder import convert

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def start():
    return b"".join(pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, {"little_endian": True}))


def test_a_file_of_torch_is_read_without_torch(tmp_path):
    torch = pytest.importorskip("torch", reason="it writes the file (bench extra)")
    numbers = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    state = {"whole": numbers, "part": numbers[1:, ::2], "turned": numbers.T, "step": torch.ones(2)}
    saved = {"model_state": state, "optimizer_state": {"state": torch.zeros(5)}, "step": 7}
    torch.save(saved, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    arrays = convert.read(tmp_path / "a.pt")
    assert arrays.keys() == state.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, state[name].numpy())


@pytest.mark.parametrize(
    "code", [b"cos\nsystem\n(S'true'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.", b"ctorch\nload\n."]
)
def test_a_name_beyond_the_four_is_refused(code, tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(start() + code)
    with pytest.raises(SerKerasError, match=r"a\.pt: is not the file of weights \(it names "):
        convert.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", start()[:-9], start(), start() + b"}."])
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(SerKerasError, match=r"a\.pt: is not the file of weights"):
        convert.read(path)


def test_only_the_published_file_is_converted(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(start())
    with pytest.raises(SerKerasError, match="weights of resemblyzer"):
        convert.convert(path, tmp_path / "layers.safetensors")
    assert not (tmp_path / "layers.safetensors").exists()


def test_layers_are_turned_to_the_layout_of_keras():
    rng = np.random.default_rng(0)
    state = {
        f"lstm.{name}_l{i}": rng.normal(size=shape).astype(np.float32)
        for i, width in enumerate((40, 256, 256))
        for name, shape in (
            ("weight_ih", (1024, width)),
            ("weight_hh", (1024, 256)),
            ("bias_ih", (1024,)),
            ("bias_hh", (1024,)),
        )
    }
    arrays = convert.keras_layers(state, 3)
    assert [array.shape for array in arrays.values()][:3] == [(40, 1024), (256, 1024), (1024,)]
    assert len(arrays) == 9
    assert np.array_equal(arrays["3/recurrent_kernel"], state["lstm.weight_hh_l2"].T)
    assert np.array_equal(arrays["1/bias"], state["lstm.bias_ih_l0"] + state["lstm.bias_hh_l0"])
