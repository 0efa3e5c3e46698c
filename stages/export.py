"""Write the SavedModel and what it answers on the evaluation split: `python -m stages.export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages import runtime
from stages.errors import ModelError
from stages.files import replacing, write_json
from stages.quiet import quiet
from stages.run import parameters, run
from stages.samples import Samples, read_split
from stages.schema.numerics import Numerics
from stages.schema.validate import Export

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras


def export(model: keras.Model, options: Export, evaluation: Samples, out: Path) -> None:
    """Write saved_model/, signature.json and reference/ below `out`.

    Args:
        model: the source model.
        options: the name of the signature, the batch size of the reference outputs.
        evaluation: the samples that the source model answers.
        out: the directory to write to.

    Raises:
        ModelError: the model cannot be exported or run.
    """
    with replacing(out / "saved_model") as folder, quiet():
        signature = save(model, folder, options.signature)
        function = _serve(folder, options.signature)
        with replacing(out / "reference") as reference:
            _answer(function, signature, evaluation, options.batch_size, reference)
    write_json(out / "signature.json", signature)


def save(model: keras.Model, folder: Path, key: str) -> dict[str, Any]:
    """Save a Keras model with one named signature; give its description.

    The signature's inputs and outputs carry the model's own names, which `model.export` loses. The
    variables are held by a plain tf.Module in the model's order: Keras' own tracking orders them
    differently in every process, and then no file of the SavedModel has the same bytes again.
    fingerprint.pb holds a random number and nothing needs it.

    Returns:
        {"key", "inputs", "outputs"}; of each tensor the dtype and the shape, null where any size
        is allowed.
    """
    import keras
    import tensorflow as tf

    names = [tensor.name for tensor in model.inputs]
    flat = keras.Model(
        list(model.inputs), dict(zip(model.output_names, model.outputs, strict=True))
    )
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    specs = {
        tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    }
    function = tf.function(_calling(flat, names)).get_concrete_function(**specs)
    tf.saved_model.save(module, str(folder), signatures={key: function})
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    return {
        "key": key,
        "inputs": {name: _described(specs[name]) for name in names},
        "outputs": {name: _described(spec) for name, spec in function.structured_outputs.items()},
    }


def _calling(model: keras.Model, names: list[str]) -> Callable[..., Any]:
    def serve(**inputs: Any) -> Any:
        values = [inputs[name] for name in names]
        return model(values if len(values) > 1 else values[0], training=False)

    return serve


def _described(spec: Any) -> dict[str, Any]:
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}


def _serve(folder: Path, key: str) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures[key]
    function.keeps = loaded  # the variables live as long as the object they were loaded with
    return function


def _answer(
    function: Any, signature: dict[str, Any], samples: Samples, size: int, folder: Path
) -> None:
    import tensorflow as tf

    folder.mkdir()
    arrays: dict[str, np.memmap[Any, Any]] = {}
    start = 0
    for batch in samples.batches(size):
        inputs = {name: tf.constant(batch.inputs[name]) for name in signature["inputs"]}
        for name, value in function(**inputs).items():
            answer = value.numpy()
            if len(answer) != len(batch):
                told = f"gives {len(answer)} rows for {len(batch)} samples"
                raise ModelError(f"output {name}", told, "expected one row a sample")
            if name not in arrays:
                shape = (len(samples), *answer.shape[1:])
                arrays[name] = np.lib.format.open_memmap(
                    folder / f"{name}.npy", "w+", dtype=answer.dtype, shape=shape
                )
            arrays[name][start : start + len(batch)] = answer
        start += len(batch)


def main() -> None:
    """Export build/train/model.keras."""
    options = parameters(Export, "export")
    with quiet():
        runtime.start(parameters(Numerics, "numerics"))
        import keras

        model = keras.saving.load_model("build/train/model.keras", compile=False)
    export(model, options, read_split(Path("build/prepare/evaluation")), Path("build/export"))


if __name__ == "__main__":
    run(main)
