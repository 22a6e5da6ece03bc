"""The adaptive basis layer of AdaFNN: curves become scores on learned basis functions."""

import contextlib

import keras
import numpy as np
from keras import ops

_SHARES = ("none", "band", "all")
_PAIRS = ("any", "band")
_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="ser_keras")
class AdaptiveBasis(keras.layers.Layer):
    """Integrates each band of a sequence against basis functions that are themselves networks.

    Band m has `bases` functions of its own, each a small network of the time t in [0, 1]. It is
    evaluated at J equal steps of width h, one for each frame. With the trapezium rule::

        <f, g>  = 1/2 sum_j h [f(t_j) g(t_j) + f(t_j+1) g(t_j+1)]
        c_mk    = <beta_mk, X_m>                              the output: raw functions
        beta~   = beta / (sqrt(<beta, beta>) + 1e-6)          the norm taken as constant
        R_1     = lambda_1 mean_S <|beta~|, 1>                S: k_1 functions drawn at each step
        R_2     = lambda_2 mean_P |<beta~_a, beta~_b>|        P: k_2 pairs drawn at each step

    R_1 and R_2 are added to the loss in training only. The metrics `sparsity` and `orthogonality`
    report their means, so that the loss of the task can be computed from the total. (On the JAX
    backend Keras drops such metrics; `penalties` returns the values on any backend.)

    A network is Linear, LayerNorm, SELU and dropout for each width of `hidden`, then Linear. The
    LayerNorm is the published one: unbiased deviation, epsilon added to the deviation. Kernels and
    biases start as in torch: with zero biases the first norm would give t / |t|, a constant. All
    networks are evaluated at once, as stacked products; they do not depend on the batch.

    Args:
        bases: Number of functions for each band.
        hidden: Widths of the hidden layers, each at least 2.
        dropout: Rate after each hidden layer; it makes the functions random in training.
        share: Which functions share their hidden layers: "none" (as published), those of a "band",
            or "all". Functions that share them differ in the last Linear only.
        lambda_1: Weight of R_1; 0 leaves it out.
        k_1: Size of S; None for all functions.
        lambda_2: Weight of R_2; 0 leaves it out.
        k_2: Size of P; None for all pairs.
        pairs: Whether a pair of P is drawn from "any" two functions, as published, or from those of
            one "band", which are the only ones scored on the same curve.
        detach_norm: Whether the gradient stops at the norm, as published. Then the gradient of R_1
            and R_2 also shrinks the functions, which does not change R_1 or R_2.
        seed: Seed of the draws; None for a random one.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Curves, (batch, frames, bands); the number of frames is fixed.
        mask: bool (batch, frames), False for padding, which counts as zero; None if no frame is
            padding.

    Returns:
        Scores, (batch, bands * bases), those of a band side by side.

    Example:
        >>> import numpy as np
        >>> curves = np.zeros((2, 7, 3), "float32")
        >>> tuple(AdaptiveBasis(bases=2, hidden=(4,))(curves).shape)
        (2, 6)

    Source:
        Yao, Mueller and Wang 2021, PMLR 139, 11898-11908, arXiv:2106.10414, as in
        github.com/jwyyy/AdaFNN; networks as in github.com/papelearningml/emotion-recognition.
    """

    def __init__(
        self,
        bases,
        hidden=(256, 256, 256, 256),
        dropout=0.1,
        share="none",
        lambda_1=0.0,
        k_1=2,
        lambda_2=0.0,
        k_2=3,
        pairs="any",
        detach_norm=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if bases < 1 or not hidden or min(hidden) < 2:
            raise ValueError("bases must be at least 1 and each of hidden at least 2")
        if share not in _SHARES or pairs not in _PAIRS:
            raise ValueError(f"share is one of {_SHARES} and pairs one of {_PAIRS}")
        self.bases = bases
        self.hidden = tuple(hidden)
        self.dropout = dropout
        self.share = share
        self.lambda_1 = lambda_1
        self.k_1 = k_1
        self.lambda_2 = lambda_2
        self.k_2 = k_2
        self.pairs = pairs
        self.detach_norm = detach_norm
        self.seed = seed
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy)
        self.draws = keras.random.SeedGenerator(seed)
        self.sparsity = keras.metrics.Mean(name="sparsity")
        self.orthogonality = keras.metrics.Mean(name="orthogonality")
        self.supports_masking = True
        self._constants = None

    def build(self, input_shape):
        _, steps, bands = input_shape
        if steps is None or steps < 2:
            raise ValueError(f"the number of frames must be fixed and above 1, received {steps}")
        self._grid = np.linspace(0, 1, steps)[:, None]  # (steps, 1)
        self._steps = np.full(steps, 1 / (steps - 1))
        self._steps[[0, -1]] /= 2  # trapezium: the ends count half
        group = {"none": 1, "band": self.bases, "all": bands * self.bases}[self.share]
        networks = bands * self.bases // group
        self._layers_of = []
        width = 1
        for depth, units in enumerate(self.hidden, 1):
            linear = self._linear(f"hidden_{depth}", networks, width, units)
            shape = (networks, 1, units)
            scale = self.add_weight(name=f"scale_{depth}", shape=shape, initializer="ones")
            shift = self.add_weight(name=f"shift_{depth}", shape=shape, initializer="zeros")
            self._layers_of.append((*linear, scale, shift))
            width = units
        self._last = self._linear("basis", networks, width, group)
        self._bands = bands

    def call(self, inputs, mask=None, training=False):
        if training or self._constants is None:
            functions = self.functions(training)
        else:
            functions = ops.convert_to_tensor(self._constants)
        steps = ops.cast(self._steps[:, None], self.compute_dtype)  # (steps, 1)
        if mask is not None:
            inputs = ops.where(ops.expand_dims(mask, -1), inputs, 0)
        scores = ops.einsum("bjm,mkj->bmk", inputs * steps, functions)
        if training and (self.lambda_1 or self.lambda_2):
            penalties = self.penalties(functions, self.k_1, self.k_2)
            for penalty, metric in zip(penalties, (self.sparsity, self.orthogonality), strict=True):
                self.add_loss(penalty)
                metric.update_state(penalty)
        return ops.reshape(scores, (-1, self._bands * self.bases))

    @contextlib.contextmanager
    def as_constants(self):
        """Within this context, calls outside training use the current functions as constants.

        The functions do not depend on the input, so an exported network needs no weights for them.
        """
        self._constants = ops.convert_to_numpy(self.functions())
        try:
            yield
        finally:
            self._constants = None

    def functions(self, training=False):
        """Return the raw basis functions, (bands, bases, steps)."""
        grid = ops.cast(self._grid, self.compute_dtype)
        x = ops.broadcast_to(grid, (self._last[0].shape[0], *grid.shape))  # (networks, steps, 1)
        for kernel, bias, scale, shift in self._layers_of:
            x = ops.matmul(x, kernel) + bias
            x = x - ops.mean(x, axis=-1, keepdims=True)
            variance = ops.sum(ops.square(x), axis=-1, keepdims=True) / (x.shape[-1] - 1)
            x = scale * x / (_root(variance) + _EPSILON) + shift
            x = self.drop(ops.selu(x), training=training)
        kernel, bias = self._last
        x = ops.matmul(x, kernel) + bias  # (networks, steps, functions of a network)
        return ops.reshape(ops.transpose(x, (0, 2, 1)), (self._bands, self.bases, -1))

    def penalties(self, functions=None, k_1=None, k_2=None):
        """Return R_1 and R_2, float32 scalars.

        Args:
            functions: Raw functions, (bands, bases, steps); None for those of the layer.
            k_1: Number of functions to draw for R_1; None for all.
            k_2: Number of pairs to draw for R_2; None for all.
        """
        functions = self.functions() if functions is None else functions
        functions = ops.reshape(ops.cast(functions, "float32"), (-1, len(self._steps)))
        steps = ops.cast(self._steps, "float32")
        norm = _root(ops.sum(steps * ops.square(functions), axis=-1, keepdims=True)) + _EPSILON
        unit = functions / (ops.stop_gradient(norm) if self.detach_norm else norm)
        sparsity = orthogonality = ops.zeros(())
        if self.lambda_1:
            drawn = self._draw(np.arange(self._bands * self.bases), k_1)
            lengths = ops.sum(steps * ops.abs(ops.take(unit, drawn, axis=0)), axis=-1)
            sparsity = self.lambda_1 * ops.mean(lengths)
        pairs = self._pairs()
        if self.lambda_2 and len(pairs):
            first, second = ops.unstack(self._draw(pairs, k_2), 2, axis=1)
            products = ops.take(unit, first, axis=0) * ops.take(unit, second, axis=0)
            orthogonality = self.lambda_2 * ops.mean(ops.abs(ops.sum(steps * products, axis=-1)))
        return sparsity, orthogonality

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] * self.bases)

    def get_config(self):
        names = "bases dropout share lambda_1 k_1 lambda_2 k_2 pairs detach_norm seed".split()
        settings = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "hidden": list(self.hidden), **settings}

    def _linear(self, name, networks, inputs, outputs):
        limit = inputs**-0.5  # kernel and bias start in this range, as in torch
        return tuple(
            self.add_weight(
                name=f"{name}_{part}",
                shape=(networks, rows, outputs),
                initializer=keras.initializers.RandomUniform(-limit, limit),
            )
            for part, rows in (("kernel", inputs), ("bias", 1))
        )

    def _pairs(self):
        """Return all pairs of functions that R_2 may draw, (pairs, 2)."""
        size = self.bases if self.pairs == "band" else self._bands * self.bases
        pairs = np.stack(np.triu_indices(size, 1), axis=1)  # (pairs of one group, 2)
        starts = np.arange(0, self._bands * self.bases, size)
        return (starts[:, None, None] + pairs).reshape(-1, 2).astype("int32")

    def _draw(self, rows, count):
        if count is None or count >= len(rows):
            return ops.convert_to_tensor(rows)
        order = keras.random.shuffle(ops.arange(len(rows)), seed=self.draws)
        return ops.take(ops.convert_to_tensor(rows), order[:count], axis=0)


def _root(squares):
    """Return the square root, with a gradient of 0 instead of infinity at 0."""
    return ops.sqrt(ops.maximum(squares, _EPSILON**2))
