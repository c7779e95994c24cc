"""Learning-rate schedules with a linear warm-up and an inverse square root decay."""

import keras
from keras import ops

PACKAGE = "attention_zoo"


def _check_positive(where, **values):
    problems = [
        f"{where}: {name} is not positive; expected {name} > 0. Received {value}. "
        f"Pass a positive {name}."
        for name, value in values.items()
        if not value > 0
    ]
    if problems:
        raise ValueError("\n".join(problems))


@keras.saving.register_keras_serializable(package=PACKAGE)
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to `peak` and then falls with the square root of the step.

        rate(s) = peak · min(s / warmup_steps, sqrt(warmup_steps / s)),   s = step + 1

    Args:
        peak: the highest learning rate, reached after `warmup_steps` updates, > 0.
        warmup_steps: length of the warm-up in updates, ≥ 1.

    Raises:
        ValueError: if either is not positive.

    Source: Vaswani et al. 2017, equation 3, with the peak as the parameter: it is the same curve
    as `Noam` with peak = scale · width^−0.5 · warmup_steps^−0.5. fairseq calls it `inverse_sqrt`.
    Keras counts from step 0; its first update uses s = 1, so the first rate is never 0.

    Example:
        >>> float(InverseSquareRoot(peak=1.0, warmup_steps=100)(399)) == 0.5
        True
    """

    def __init__(self, peak, warmup_steps):
        _check_positive(type(self).__name__, peak=peak, warmup_steps=warmup_steps)
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        return self.peak * ops.minimum(step / self.warmup_steps, ops.sqrt(self.warmup_steps / step))

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Noam(keras.optimizers.schedules.LearningRateSchedule):
    """The schedule of the Transformer paper, whose height follows the width of the model.

        rate(s) = scale · width^−0.5 · min(s^−0.5, s · warmup_steps^−1.5),   s = step + 1

    Args:
        width: d_model, the model's feature size D, > 0.
        warmup_steps: length of the warm-up in updates, ≥ 1.
        scale: factor on the whole curve, > 0.

    Raises:
        ValueError: if one of them is not positive.

    Source: Vaswani et al. 2017, equation 3 (scale 1, warmup_steps 4000).
    """

    def __init__(self, width, warmup_steps=4000, scale=1.0):
        _check_positive(type(self).__name__, width=width, warmup_steps=warmup_steps, scale=scale)
        self.width = width
        self.warmup_steps = warmup_steps
        self.scale = scale

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        height = self.scale * self.width**-0.5
        return height * ops.minimum(step**-0.5, step * self.warmup_steps**-1.5)

    def get_config(self):
        return {"width": self.width, "warmup_steps": self.warmup_steps, "scale": self.scale}
