"""What a model is fitted by: its optimizer, and what follows from the task for each output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.instantiate import instantiate
from litemill.core.errors import ConfigError, first_line
from litemill.models import keras_graph
from litemill.training.metric_output import is_single_value

if TYPE_CHECKING:
    import keras

    from litemill.config.schema.train import Fit


def objective(model: keras.Model, task: str, fit: Fit) -> dict[str, Any]:
    """Return the optimizer, loss and metrics that a model is compiled with.

    Raises:
        ConfigError: a `_target_` cannot be called as configured, or no loss follows from the task.
    """
    outputs = dict(zip(keras_graph.output_names(model), model.outputs, strict=True))
    metrics = {name: [_metric(output, task)] for name, output in outputs.items()}
    return {
        "optimizer": _instantiate(fit.optimizer, "train.optimizer"),
        "loss": _loss(outputs, task, fit),
        "metrics": metrics if len(metrics) > 1 else next(iter(metrics.values())),
    }


def _loss(outputs: dict[str, Any], task: str, fit: Fit) -> Any:
    import keras

    if fit.loss is not None:
        return _instantiate(fit.loss, "train.loss")
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
        return keras.losses.BinaryCrossentropy(from_logits=not _has_activation(output, "sigmoid"))
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=not _has_activation(output, "softmax")
    )


def _metric(output: Any, task: str) -> Any:
    import keras

    if task != "classification":
        return "mean_absolute_error"
    if not is_single_value(output.shape):
        return "accuracy"
    # A logit is positive where its probability is above one half.
    threshold = 0.5 if _has_activation(output, "sigmoid") else 0.0
    return keras.metrics.BinaryAccuracy("accuracy", threshold=threshold)


def _has_activation(output: Any, name: str) -> bool:
    """Return whether an output comes from a layer with this activation, or from one that is it."""
    import keras

    layer = output._keras_history.operation  # noqa: SLF001  # no public way
    is_activation = type(layer).__name__.lower() == name
    return is_activation or getattr(layer, "activation", None) is getattr(keras.activations, name)


def _instantiate(call: dict[str, Any], place: str) -> Any:
    # Keras' classes take any keyword, and judge it themselves.
    try:
        return instantiate(call, place)
    except (TypeError, ValueError) as error:
        place = f"{place} ({call['_target_']})"
        raise ConfigError(place, first_line(error), "see its documentation") from None
