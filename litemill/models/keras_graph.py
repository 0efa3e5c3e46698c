"""The inputs, outputs and recurrent layers of a Keras model, of Keras 3 or Keras 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from litemill.core.errors import ModelError
from litemill.models import keras_model

if TYPE_CHECKING:
    from collections.abc import Mapping


def input_tensors(model: Any) -> dict[str, Any]:
    """Return the input tensors of a Keras model by name, in the model's order.

    Raises:
        ModelError: it has no named inputs, or two of one name.
    """
    try:
        tensors = list(model.inputs)
    except (AttributeError, ValueError):
        tensors = []
    if not tensors:
        message = f"a {type(model).__name__} without named inputs"
        expected = "expected a functional or sequential model"
        raise ModelError(f"model {model.name}", message, expected)
    names = [tensor.name.partition(":")[0] for tensor in tensors]
    return _unique(names, tensors, f"inputs of model {model.name}")


def output_names(model: Any) -> list[str]:
    """Return the names of a Keras model's outputs, in the order in which tf.nest flattens them.

    Raises:
        ModelError: two have one name.
    """
    outputs = structure(model, "output")
    if isinstance(outputs, dict):
        return sorted(outputs)  # tf.nest flattens a mapping in sorted order
    # A Sequential model does not name its only output.
    names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
    return list(_unique(names, names, f"outputs of model {model.name}"))


def structure(model: Any, side: Literal["input", "output"]) -> Any:
    """Return a Keras model's inputs or outputs as it is called: a tensor, list or mapping."""
    try:
        return getattr(model, side)
    except (AttributeError, ValueError):
        # A Sequential model that was never called has them only as a list of one.
        (only,) = getattr(model, f"{side}s")
        return only


def call_by_name(model: Any, inputs: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Call a Keras model with inputs by name, given in its own order; return outputs by name."""
    import tensorflow as tf

    order = iter(inputs[name] for name in input_tensors(model))
    nested = tf.nest.map_structure(lambda _: next(order), structure(model, "input"))
    outputs = tf.nest.flatten(model(nested, **options))
    return dict(zip(output_names(model), outputs, strict=True))


def with_named_outputs(model: Any, signature: Mapping[str, Any]) -> Any:
    """Wrap a Keras model so that the converter keeps its outputs' names, which it would number.

    Args:
        model: the model.
        signature: as in signature.json; its shapes have the batch size.
    """
    keras = keras_model.current_keras()
    shapes = {name: spec["shape"] for name, spec in signature["inputs"].items()}
    inputs = {
        name: keras.Input(
            shape=shapes[name][1:], batch_size=shapes[name][0], name=name, dtype=tensor.dtype
        )
        for name, tensor in input_tensors(model).items()
    }
    outputs = call_by_name(model, inputs)
    if keras_model.is_keras_2():
        # Keras 2 names outputs by the layers that they come from, whatever the mapping says.
        outputs = {n: keras.layers.Activation("linear", name=n)(t) for n, t in outputs.items()}
    # A name of its own, or Keras numbers it: other bytes for the second model of a process.
    return keras.Model(list(inputs.values()), outputs, name="named")


def unroll(model: Any) -> Any:
    """Let a Keras model's recurrent layers run step by step instead of in a loop.

    Raises:
        ModelError: it has none, or takes sequences of any length.
    """
    place = f"model {model.name}"
    layers = model._flatten_layers(include_self=False, recursive=True)  # noqa: SLF001  # no public way
    recurrent = [layer for layer in layers if hasattr(layer, "unroll")]
    if not recurrent:
        raise ModelError(place, "no recurrent layers", "expected `unroll: false`")
    for name, tensor in input_tensors(model).items():
        if len(tensor.shape) > 1 and tensor.shape[1] is None:
            message = f"takes sequences of any length as {name!r}, which cannot be unrolled"
            expected = "expected a fixed length, or `batch` in place of `unroll`"
            raise ModelError(place, message, expected)
    for layer in recurrent:
        layer.unroll = True
        # Keras 2 has an implementation of its own for processors that support no unrolling.
        layer._could_use_gpu_kernel = False  # noqa: SLF001
    return model


def _unique(names: list[str], values: list[Any], place: str) -> dict[str, Any]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        message = f"{', '.join(repeated)} twice"
        raise ModelError(place, message, "expected a name of its own for each")
    return dict(zip(names, values, strict=True))
