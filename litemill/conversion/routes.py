"""The routes: how the converter gets at the source model. A function of that name for each."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConversionError, ModelError
from litemill.models import keras_model
from litemill.models import saved_model as serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.models.source_model import StoredModel


@dataclass(frozen=True)
class Source:
    """The source model, as the stages before conversion leave it."""

    saved_model: Path
    brought: StoredModel
    signature: dict[str, Any]  # as in signature.json
    unroll: bool = False  # recurrent layers of the Keras model

    @property
    def key(self) -> str:
        """The name of the signature."""
        return str(self.signature["key"])

    def is_keras(self) -> bool:
        """Tell whether a Keras has the model, which can trace it anew."""
        return self.brought.is_keras() or self.brought.legacy.is_file()

    def loops(self) -> bool:
        """Tell whether the graph seems to have a loop; a Keras 2 layer may be fused later."""
        return b"While" in (self.saved_model / "saved_model.pb").read_bytes()

    def traced(self, folder: Path, *, batch: int | None, unroll: bool) -> Source:
        """Give the same model with a fixed batch size or without loops, its SavedModel in `folder`.

        A Keras model is traced anew, for its loops hold on to the batch size that they were traced
        with; other functions are called with the new one.

        Raises:
            ModelError: the model cannot be unrolled.
        """
        if unroll and not self.is_keras():
            told = "`unroll` of a graph"
            raise ModelError("the source model", told, "expected a .keras or .h5 file for it")
        if self.is_keras():
            self.brought.trace(folder, self.key, batch=batch, unroll=unroll)
        else:
            function = serving.load_signature(self.saved_model, self.key)
            assert batch is not None  # or there would be nothing to do
            again, specs = serving.refixed(function, batch)
            serving.save_function(again, specs, function.variables, folder, self.key)
        described = serving.describe_signature(serving.load_signature(folder, self.key), self.key)
        return replace(
            self, saved_model=folder, signature=self.signature | described, unroll=unroll
        )


def saved_model(source: Source, prepare: Callable[[Any], None]) -> bytes:
    """Convert the SavedModel: `TFLiteConverter.from_saved_model`."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(source.saved_model), signature_keys=[source.key]
    )
    prepare(converter)
    return bytes(converter.convert())


def keras(source: Source, prepare: Callable[[Any], None]) -> bytes:
    """Convert the Keras model: `TFLiteConverter.from_keras_model`.

    The converter numbers a Keras model's outputs (`output_0`), unless the model gives a mapping.
    """
    import tensorflow as tf

    model = source.brought.load_keras()
    if source.unroll:
        serving.unroll(model)
    converter = tf.lite.TFLiteConverter.from_keras_model(_named(model, source.signature))
    prepare(converter)
    return bytes(converter.convert())


def concrete_function(source: Source, prepare: Callable[[Any], None]) -> bytes:
    """Convert a concrete function: `TFLiteConverter.from_concrete_functions`.

    With the loaded SavedModel as the trackable object that holds the weights. A Keras 3 model in
    that place converts without an error to a file without weights.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(source.saved_model))
    function = loaded.signatures[source.key]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], loaded)
    prepare(converter)
    return bytes(converter.convert())


def cli(source: Source, prepare: Callable[[Any], None]) -> bytes:  # noqa: ARG001  # has no options
    """Convert with the program `tflite_convert`, which has no quantization flags.

    Raises:
        ConversionError: the program failed; the last line that it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        command = [
            str(Path(sys.executable).with_name("tflite_convert")),
            f"--saved_model_dir={source.saved_model}",
            f"--saved_model_signature_key={source.key}",
            f"--output_file={file}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not file.exists():
            sys.stderr.write(done.stdout + done.stderr)
            told = f"exit status {done.returncode}"
            why = subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr)
            raise ConversionError("tflite_convert", told, "what it printed stands above") from why
        return file.read_bytes()


def _named(model: Any, signature: dict[str, Any]) -> Any:
    """Wrap a Keras model so that its outputs keep their names, at the signature's batch size."""
    import tensorflow as tf

    keras = keras_model.current_keras()
    shapes = {name: spec["shape"] for name, spec in signature["inputs"].items()}
    inputs = {
        name: keras.Input(
            shape=shapes[name][1:], batch_size=shapes[name][0], name=name, dtype=t.dtype
        )
        for name, t in serving.inputs(model).items()
    }
    order = iter(inputs.values())
    fed = tf.nest.map_structure(lambda _: next(order), serving.structure(model, "input"))
    outputs = dict(zip(serving.outputs(model), tf.nest.flatten(model(fed)), strict=True))
    if keras_model.is_keras_2():
        # Keras 2 names outputs by the layers that they come from, whatever the mapping says.
        outputs = {n: keras.layers.Activation("linear", name=n)(t) for n, t in outputs.items()}
    # A name of its own, or Keras numbers it: other bytes for the second model of a process.
    return keras.Model(list(inputs.values()), outputs, name="named")


ROUTES: dict[str, Callable[[Source, Callable[[Any], None]], bytes]] = {
    "saved_model": saved_model,
    "keras": keras,
    "concrete_function": concrete_function,
    "cli": cli,
}
