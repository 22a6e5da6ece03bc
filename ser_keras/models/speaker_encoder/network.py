"""The speaker encoder as a Keras network: to look at, to train further, or to export."""

from ser_keras.models.speaker_encoder import encoder


def build(frames=None, arrays=None):
    """Return the network from mel bands to the hidden states of its layers, with its weights.

    Args:
        frames: Number of frames of all clips; None for any number.
        arrays: Weights, as `encoder.load` returns them; None for those that ship.

    Returns:
        A `keras.Model` from `mels`, the power of 40 mel bands (batch, frames, 40), to the hidden
        states (batch, frames, 512): 256 of layer 1, then 256 of layer 2.

    Example:
        >>> build(frames=160).output_shape
        (None, 160, 512)
    """
    import keras
    from keras import layers

    arrays = encoder.load() if arrays is None else arrays
    mels = x = keras.Input((frames, encoder.BANDS), name="mels")
    states = []
    for i in range(1, 1 + encoder.LAYERS):
        lstm = layers.LSTM(encoder.UNITS, return_sequences=True, name=f"lstm_{i}")
        x = lstm(x)  # (batch, frames, 256)
        lstm.set_weights([arrays[f"{i}/{n}"] for n in ("kernel", "recurrent_kernel", "bias")])
        states.append(x)
    return keras.Model(mels, layers.Concatenate(name="states")(states), name="speaker_encoder")
