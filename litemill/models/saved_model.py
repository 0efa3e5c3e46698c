"""SavedModels: written with one named signature and the same bytes every time, and read back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError, first_line, nearest
from litemill.models import keras_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

FINGERPRINT = "fingerprint.pb"  # holds a random number that nothing needs


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

    tensors = keras_graph.input_tensors(model)
    keras_graph.output_names(model)  # or refuse the model before it is traced
    shapes = {name: [batch or t.shape[0], *t.shape[1:]] for name, t in tensors.items()}
    specs = {n: tf.TensorSpec(shapes[n], t.dtype, name=n) for n, t in tensors.items()}

    def serve(*inputs: Any) -> dict[str, Any]:
        named = dict(zip(tensors, inputs, strict=True))
        return keras_graph.call_by_name(model, named, training=False)

    # Keras 3 wraps its variables, Keras 2 has plain ones.
    variables = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
    save_function(serve, specs, variables, folder, key, owner=model)


def save_function(  # noqa: PLR0913
    function: Callable[..., Any],
    specs: dict[str, Any],
    variables: Iterable[Any],
    folder: Path,
    key: str,
    *,
    owner: Any = None,
) -> None:
    """Save a function of tensors that returns a mapping of named outputs.

    Tensors are given by position: names such as `input-1` or `1st` cannot name arguments of Python.

    The variables are held by a plain tf.Module in the given order: Keras' own tracking orders them
    differently in every process, and then no file of the SavedModel has the same bytes again.

    Args:
        function: to be traced by TensorFlow.
        specs: a tf.TensorSpec for each of its arguments, by the names of the signature's inputs.
        variables: all that the function uses.
        folder: where the SavedModel goes.
        key: name of the signature.
        owner: what holds lookup tables and state of layers, which are no variables of a model. It
            is saved only where the function uses these: its order differs in every process.

    Raises:
        ModelError: TensorFlow cannot trace or save it.
    """
    import tensorflow as tf

    module = tf.Module()
    module.weights = list(variables)
    try:
        concrete = tf.function(function).get_concrete_function(*specs.values())
        try:
            tf.saved_model.save(module, str(folder), signatures={key: concrete})
        except AssertionError:  # of an "untracked resource"
            if owner is None:
                raise
            module.owner = owner
            tf.saved_model.save(module, str(folder), signatures={key: concrete})
    except (ValueError, TypeError, AssertionError) as error:
        message = f"TensorFlow does not save it ({first_line(error)})"
        raise ModelError("the source model", message) from error
    remove_fingerprint(folder)


def remove_fingerprint(folder: Path) -> None:
    """Remove the random number of a SavedModel."""
    (folder / FINGERPRINT).unlink(missing_ok=True)


def retag(folder: Path, key: str, tags: Iterable[str], to: Path) -> None:
    """Save one signature of the graph with these tags, under the tag that all readers look for."""
    import tensorflow as tf

    function = load_signature(folder, key, tags)
    tf.saved_model.save(function.trackable, str(to), signatures={key: function})
    remove_fingerprint(to)


def has_usual_tags(folder: Path) -> bool:
    """Tell whether a SavedModel has a graph tagged `serve` alone, which is what readers look for.

    Those of TensorFlow 1 and TensorFlow Hub may be tagged `[]` or `[train, serve]` only.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    stored = saved_model_pb2.SavedModel()
    try:
        stored.ParseFromString((folder / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise ModelError(folder, "no readable SavedModel", "see its producer") from error
    return any(list(graph.meta_info_def.tags) == ["serve"] for graph in stored.meta_graphs)


def load_signature(folder: Path, key: str, tags: Iterable[str] = ()) -> Any:
    """Load one signature: a function of named tensors that returns named tensors.

    Args:
        folder: the SavedModel.
        key: name of the signature.
        tags: of the graph, where the SavedModel holds several.

    Returns:
        A concrete function; its attribute `trackable` is the loaded object that holds its weights.

    Raises:
        ModelError: the folder holds no SavedModel, a damaged one, or no such signature.
    """
    loaded = _load(folder, tags)
    if key not in loaded.signatures:
        known = list(loaded.signatures)
        expected = nearest(key, known) if known else "expected a SavedModel with signatures"
        raise ModelError(folder, f"no signature {key!r}", expected)
    function = loaded.signatures[key]
    function.trackable = loaded  # the variables live as long as this object
    return function


def signature_keys(folder: Path, tags: Iterable[str] = ()) -> list[str]:
    """List the signatures of a SavedModel.

    Raises:
        ModelError: the folder holds no SavedModel, or a damaged one.
    """
    return sorted(_load(folder, tags).signatures)


def describe_signature(function: Any, key: str) -> dict[str, Any]:
    """Describe names, dtypes and shapes of a signature; null is a size that may vary.

    Returns:
        {"key", "inputs", "outputs"}, as build/export/signature.json holds it.
    """
    specs = input_specs(function)
    outputs = function.structured_outputs
    return {
        "key": key,
        "inputs": {name: _describe(specs[name]) for name in sorted(specs)},
        "outputs": {name: _describe(outputs[name]) for name in sorted(outputs)},
    }


def input_specs(function: Any) -> dict[str, Any]:
    """Return the specs of a signature's inputs by their names in the SavedModel.

    TensorFlow turns these into names of Python: `input-1` into `input_1`, `1st` into `arg_1st`.
    """
    specs = function.structured_input_signature[1]
    return {_original_name(name, spec): spec for name, spec in specs.items()}


def with_batch(function: Any, batch: int) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return a signature's function, of tensors by position, and specs with a fixed batch size."""
    import tensorflow as tf

    specs = {
        name: tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype, name=name)
        for name, spec in input_specs(function).items()
    }

    def again(*tensors: Any) -> Any:
        return function(**dict(zip(specs, tensors, strict=True)))

    return again, specs


def _original_name(name: str, spec: Any) -> str:
    sanitized = re.sub(r"\W", "_", spec.name or "")
    return str(spec.name) if name in (sanitized, f"arg_{sanitized}") else name


def _load(folder: Path, tags: Iterable[str]) -> Any:
    import tensorflow as tf

    if not (folder / "saved_model.pb").is_file():
        raise ModelError(folder, "no saved_model.pb in it", "expected a SavedModel folder")
    try:
        return tf.saved_model.load(str(folder), tags=list(tags) or None)
    except Exception as error:  # whatever the parser of a damaged file comes upon
        message = f"no readable SavedModel ({first_line(error)})"
        raise ModelError(folder, message, "see its producer") from error


def _describe(spec: Any) -> dict[str, Any]:
    shape = spec.shape.as_list() if spec.shape.rank is not None else None
    return {"dtype": spec.dtype.name, "shape": shape}
