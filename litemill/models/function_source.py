"""A tf.function of the project's own, or a tf.Module that has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.instantiate import instantiate
from litemill.core.errors import ModelError, nearest
from litemill.models import saved_model
from litemill.models.saved_model_source import SavedModelSource

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.config.schema.train import Model


class FunctionSource(SavedModelSource):
    """A function, saved as a SavedModel with one signature."""

    name = "function"

    @classmethod
    def accepts(cls, model: Model, root: Path) -> bool:  # noqa: ARG003
        """Accept a `_target_` under `function`."""
        return model.function is not None

    @classmethod
    def import_model(cls, model: Model, folder: Path) -> FunctionSource:
        """Call the `_target_` and save what it returns."""
        import tensorflow as tf

        assert model.function is not None
        source, target = cls.create(folder, model), model.function["_target_"]
        returned = instantiate(model.function, "model.function")
        function = returned
        if isinstance(returned, tf.Module) and not hasattr(returned, "get_concrete_function"):
            function = _function_of(returned, model.signature, target)
        if not hasattr(function, "get_concrete_function"):
            message = f"{target} returned a {type(returned).__name__}"
            expected = "expected a tf.function or a tf.Module with one"
            raise ModelError("model.function", message, expected)
        if function.input_signature is None:
            message = f"{target} returned a function without an input signature"
            raise ModelError(
                "model.function", message, "expected tf.function(input_signature=[...])"
            )
        tf.saved_model.save(
            returned if isinstance(returned, tf.Module) else _trackable(function),
            str(source.saved_model),
            signatures={model.signature: function.get_concrete_function()},
        )
        saved_model.remove_fingerprint(source.saved_model)
        return source

    def describe(self, model: Model) -> str:
        """Name the `_target_`."""
        assert model.function is not None
        return f"a function of {model.function['_target_']}"


def _trackable(function: Any) -> Any:
    """Wrap a function in a tf.Module that holds its variables."""
    import tensorflow as tf

    module = tf.Module()
    module.function = function
    module.weights = list(function.get_concrete_function().graph.variables)
    return module


def _function_of(module: Any, key: str, target: str) -> Any:
    """Return the function of a module called `key`, else `__call__`, else its only one."""
    names = [
        name
        for name in dir(type(module))
        if hasattr(getattr(type(module), name, None), "python_function")
        or hasattr(getattr(type(module), name, None), "get_concrete_function")
    ]
    wanted = key if key in names else "__call__"
    if wanted not in names and len(names) == 1:
        wanted = names[0]
    if wanted not in names:
        message = f"no tf.function {key!r} in what {target} returned"
        raise ModelError("model.signature", message, nearest(key, names))
    return getattr(module, wanted)
