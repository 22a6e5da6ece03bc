"""A frozen speaker encoder: numpy alone in `encoder`, as a Keras network in `network`."""

from ser_keras.models.speaker_encoder.encoder import SETTINGS, SIZE, VERSION, set_level, vectors

__all__ = ["SETTINGS", "SIZE", "VERSION", "set_level", "vectors"]
