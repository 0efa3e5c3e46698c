"""SavedModels: written with one named signature and the same bytes every time, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError, first_line, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


def save_keras(model: Any, folder: Path, key: str, *, batch: int | None = None) -> None:
    """Save a Keras model, of Keras 3 or Keras 2, with one named signature.

    The signature's inputs and outputs carry the model's own names, which `model.export` loses.

    Args:
        model: the model.
        folder: where the SavedModel goes.
        key: name of the signature.
        batch: a fixed batch size; None is the model's own, mostly any.

    Raises:
        ModelError: the model has no named inputs, or two of one name.
    """
    import tensorflow as tf

    taken, names = inputs(model), outputs(model)
    shapes = {name: [batch or t.shape[0], *t.shape[1:]] for name, t in taken.items()}
    specs = {n: tf.TensorSpec(shapes[n], t.dtype, name=n) for n, t in taken.items()}

    def serve(**tensors: Any) -> dict[str, Any]:
        # In the model's own structure: one tensor, a list or a mapping.
        order = iter(tensors[name] for name in taken)
        fed = tf.nest.map_structure(lambda _: next(order), structure(model, "input"))
        return dict(zip(names, tf.nest.flatten(model(fed, training=False)), strict=True))

    # Keras 3 wraps its variables, Keras 2 has plain ones.
    variables = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
    save_function(tf.function(serve), specs, variables, folder, key)


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
    for name, tensor in inputs(model).items():
        if len(tensor.shape) > 1 and tensor.shape[1] is None:
            told = f"takes sequences of any length as {name!r}, which cannot be unrolled"
            raise ModelError(
                place, told, "expected a fixed length, or `batch` in place of `unroll`"
            )
    for layer in recurrent:
        layer.unroll = True
        # Keras 2 has an implementation of its own for processors that support no unrolling.
        layer._could_use_gpu_kernel = False  # noqa: SLF001
    return model


def save_function(
    function: Any, specs: dict[str, Any], variables: Iterable[Any], folder: Path, key: str
) -> None:
    """Save a function of named inputs that gives a mapping of named outputs.

    The variables are held by a plain tf.Module in the given order: Keras' own tracking orders them
    differently in every process, and then no file of the SavedModel has the same bytes again.
    fingerprint.pb holds a random number and nothing needs it.

    Args:
        function: a tf.function with keyword arguments.
        specs: a tf.TensorSpec for each.
        variables: all that the function uses.
        folder: where the SavedModel goes.
        key: name of the signature.
    """
    import tensorflow as tf

    module = tf.Module()
    module.weights = list(variables)
    concrete = function.get_concrete_function(**specs)
    tf.saved_model.save(module, str(folder), signatures={key: concrete})
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def retag(folder: Path, key: str, tags: Iterable[str], to: Path) -> None:
    """Save one signature of the graph with these tags, under the tag that all readers look for."""
    import tensorflow as tf

    function = load_signature(folder, key, tags)
    tf.saved_model.save(function.keeps, str(to), signatures={key: function})
    (to / "fingerprint.pb").unlink(missing_ok=True)


def load_signature(folder: Path, key: str, tags: Iterable[str] = ()) -> Any:
    """Load one signature: a function of named tensors that gives named tensors.

    Args:
        folder: the SavedModel.
        key: name of the signature.
        tags: of the graph, where the SavedModel holds several.

    Raises:
        ModelError: the folder holds no SavedModel, a damaged one, or no such signature.
    """
    loaded = _loaded(folder, tags)
    if key not in loaded.signatures:
        known = list(loaded.signatures)
        expected = nearest(key, known) if known else "expected a SavedModel with signatures"
        raise ModelError(folder, f"no signature {key!r}", expected)
    function = loaded.signatures[key]
    function.keeps = loaded  # the variables live as long as the object they were loaded with
    return function


def signature_keys(folder: Path, tags: Iterable[str] = ()) -> list[str]:
    """List the signatures of a SavedModel.

    Raises:
        ModelError: the folder holds no SavedModel, or a damaged one.
    """
    return sorted(_loaded(folder, tags).signatures)


def _loaded(folder: Path, tags: Iterable[str]) -> Any:
    import tensorflow as tf

    if not (folder / "saved_model.pb").is_file():
        raise ModelError(folder, "no saved_model.pb in it", "expected a SavedModel folder")
    try:
        return tf.saved_model.load(str(folder), tags=list(tags) or None)
    except Exception as error:  # whatever the parser of a damaged file comes upon
        told = f"no readable SavedModel ({first_line(error)})"
        raise ModelError(folder, told, "see its producer") from error


def describe_signature(function: Any, key: str) -> dict[str, Any]:
    """Tell the names, dtypes and shapes of a signature; null is a size that may vary.

    Returns:
        {"key", "inputs", "outputs"}, as build/export/signature.json holds it.
    """
    specs = function.structured_input_signature[1]
    return {
        "key": key,
        "inputs": {name: _described(specs[name]) for name in sorted(specs)},
        "outputs": {name: _described(t) for name, t in sorted(function.structured_outputs.items())},
    }


def _described(spec: Any) -> dict[str, Any]:
    shape = spec.shape.as_list() if spec.shape.rank is not None else None
    return {"dtype": spec.dtype.name, "shape": shape}


def inputs(model: Any) -> dict[str, Any]:
    """Give the input tensors of a Keras model by name, in the model's order.

    Raises:
        ModelError: it has no named inputs, or two of one name.
    """
    try:
        tensors = list(model.inputs)
    except (AttributeError, ValueError):
        tensors = []
    if not tensors:
        told = f"a {type(model).__name__} without named inputs"
        raise ModelError(f"model {model.name}", told, "expected a functional or sequential model")
    names = [tensor.name.partition(":")[0] for tensor in tensors]
    return _unique(names, tensors, f"inputs of model {model.name}")


def outputs(model: Any) -> list[str]:
    """Give the names of a Keras model's outputs, in the order in which tf.nest flattens them.

    Raises:
        ModelError: two have one name.
    """
    answered = structure(model, "output")
    if isinstance(answered, dict):
        # A model that names its outputs: flattened in sorted order, as tf.nest does it.
        return sorted(answered)
    # A Sequential model has one output, and calls it nothing.
    names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
    return list(_unique(names, names, f"outputs of model {model.name}"))


def structure(model: Any, side: str) -> Any:
    """Give a Keras model's "input" or "output" as it takes or gives it: a tensor, list or mapping.

    A Sequential model that was never called knows its tensors only as the list of its only one.
    """
    try:
        return getattr(model, side)
    except (AttributeError, ValueError):
        (only,) = getattr(model, f"{side}s")
        return only


def _unique(names: list[str], values: list[Any], place: str) -> dict[str, Any]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(place, f"{', '.join(twice)} twice", "expected a name of its own for each")
    return dict(zip(names, values, strict=True))


def refixed(function: Any, batch: int) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Give a signature's function and specs with the first size of every input fixed."""
    import tensorflow as tf

    specs = {
        name: tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype, name=name)
        for name, spec in function.structured_input_signature[1].items()
    }

    def again(**tensors: Any) -> Any:
        return function(**tensors)

    return tf.function(again), specs
