"""What a model is fitted by: its optimizer, and what follows from the task for each output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.instantiate import instantiate
from litemill.core.errors import ConfigError, first_line
from litemill.models import saved_model
from litemill.training.metric_output import is_single_value

if TYPE_CHECKING:
    import keras

    from litemill.config.schema.train import Fit


def objective(model: keras.Model, task: str, fit: Fit) -> dict[str, Any]:
    """Give the optimizer, loss and metrics that a model is compiled with.

    Raises:
        ConfigError: a `_target_` cannot be called as configured, or no loss follows from the task.
    """
    outputs = dict(zip(saved_model.outputs(model), model.outputs, strict=True))
    metrics = {name: [_metric(output, task)] for name, output in outputs.items()}
    return {
        "optimizer": _made(fit.optimizer, "train.optimizer"),
        "loss": _loss(outputs, task, fit),
        "metrics": metrics if len(metrics) > 1 else next(iter(metrics.values())),
    }


def _loss(outputs: dict[str, Any], task: str, fit: Fit) -> Any:
    import keras

    if fit.loss is not None:
        return _made(fit.loss, "train.loss")
    if task == "regression":
        return keras.losses.MeanSquaredError()
    if task == "none":
        raise ConfigError("train.loss", "null for a task without targets", "expected a loss")
    losses = {name: _cross_entropy(output) for name, output in outputs.items()}
    return losses if len(losses) > 1 else next(iter(losses.values()))


def _cross_entropy(output: Any) -> Any:
    import keras

    # The loss on logits: a softmax is approximated differently by different processors.
    if is_single_value(output.shape):
        return keras.losses.BinaryCrossentropy(from_logits=not _activated(output, "sigmoid"))
    return keras.losses.SparseCategoricalCrossentropy(from_logits=not _activated(output, "softmax"))


def _metric(output: Any, task: str) -> Any:
    import keras

    if task != "classification":
        return "mean_absolute_error"
    if not is_single_value(output.shape):
        return "accuracy"
    # A logit is above 0 where its probability is above one half.
    half = 0.5 if _activated(output, "sigmoid") else 0.0
    return keras.metrics.BinaryAccuracy("accuracy", threshold=half)


def _activated(output: Any, name: str) -> bool:
    """Tell whether an output comes from a layer with this activation, or from one that is it."""
    import keras

    layer = output._keras_history.operation  # noqa: SLF001  # no public way
    itself = type(layer).__name__.lower() == name
    return itself or getattr(layer, "activation", None) is getattr(keras.activations, name)


def _made(call: dict[str, Any], place: str) -> Any:
    # Keras' classes take any keyword, and judge it themselves.
    try:
        return instantiate(call, place)
    except (TypeError, ValueError) as error:
        told = first_line(error)
        raise ConfigError(f"{place} ({call['_target_']})", told, "see its documentation") from None
