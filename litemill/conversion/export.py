"""Write the SavedModel and what it answers on the evaluation split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from litemill.config.parameters import parameters
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.validate import Export
from litemill.conversion import float_model
from litemill.core.errors import LitemillError, ModelError
from litemill.core.files import atomic_replace, write_json
from litemill.data.samples import Samples, read_split
from litemill.models import saved_model
from litemill.models.reference_outputs import match_samples
from litemill.models.source_model import StoredModel
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.training import metric_output


def write_export(
    brought: StoredModel,
    options: Export,
    evaluation: Samples,
    out: Path,
    metric: dict[str, Any] | None = None,
) -> None:
    """Write saved_model/, signature.json, reference/, float/ and signatures/ to a new `out`.

    Args:
        brought: the source model, as `train` left it.
        options: the name of the signature, the batch size of the reference outputs.
        evaluation: the samples that the source model answers.
        out: the directory that they replace, once all are there: they belong together.
        metric: what the model will be judged by.

    Raises:
        ConfigError: the metric is of no output.
        ModelError: the model cannot be exported or run, or does not fit the samples.
    """
    key = brought.signature(options.signature)
    with capture_output(explained=LitemillError), atomic_replace(out) as fresh:
        folder, others = fresh / "saved_model", fresh / "signatures"
        brought.save(folder, key)
        _refer(folder, key, options, evaluation, fresh, metric)
        # Also without others there is a file: DVC warns of an empty folder.
        write_json(others / "index.json", {"main": key, "others": options.others})
        for other in options.others:
            _refer(folder, other, options, evaluation, others / other)


def _refer(  # noqa: PLR0913, PLR0917
    folder: Path,
    key: str,
    options: Export,
    evaluation: Samples,
    out: Path,
    metric: dict[str, Any] | None = None,
) -> None:
    """Write a signature's description, what it answers, and its float file."""
    function = saved_model.load_signature(folder, key)
    signature = saved_model.describe_signature(function, key) | {"subset": bool(options.others)}
    metric_output.check_metric_output(metric, _shapes(signature))
    samples = match_samples(evaluation, signature)
    write_json(out / "signature.json", signature)
    write_reference_outputs(function, samples, options.batch_size, out / "reference")
    float_model.write_float_model(folder, key, out)


def _shapes(signature: dict[str, Any]) -> dict[str, tuple[int | None, ...] | None]:
    shapes = {name: spec["shape"] for name, spec in signature["outputs"].items()}
    return {name: None if shape is None else tuple(shape) for name, shape in shapes.items()}


def write_reference_outputs(function: Any, samples: Samples, size: int, folder: Path) -> None:
    """Write what a signature's function answers, one memory-mapped .npy for each output.

    Args:
        function: named tensors to named tensors.
        samples: under the names and in the types that it takes.
        size: samples at a time; a function of a fixed batch size is called with that.
        folder: where the files go; made here.

    Raises:
        ModelError: the model fails, or does not give one row for each sample.
    """
    import tensorflow as tf

    folder.mkdir()
    arrays: dict[str, np.memmap[Any, Any]] = {}
    start = 0
    for batch in samples.batches(_batch(function) or size):
        count = len(batch)
        inputs = {name: tf.constant(_padded(a, function)) for name, a in batch.inputs.items()}
        for name, value in _called(function, inputs).items():
            rows = value.numpy()[:count]
            if rows.ndim == 0 or len(rows) != count:
                told = f"gives {rows.shape} for {count} samples"
                raise ModelError(f"output {name}", told, "expected one row a sample")
            if name not in arrays:
                shape = (len(samples), *rows.shape[1:])
                arrays[name] = np.lib.format.open_memmap(
                    folder / f"{name}.npy", "w+", dtype=rows.dtype, shape=shape
                )
            arrays[name][start : start + count] = rows
        start += count


def _called(function: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    try:
        answers: dict[str, Any] = function(**inputs)
    except tf.errors.OpError as error:
        told = str(error.message).strip().splitlines()[0]
        raise ModelError("the source model", f"fails on the samples ({told})", "") from error
    return answers


def _batch(function: Any) -> int | None:
    """Give the fixed batch size of a function, or None where any will do."""
    specs = function.structured_input_signature[1].values()
    sizes = {spec.shape[0] for spec in specs if spec.shape.rank}
    fixed: set[int] = sizes - {None}
    return min(fixed) if fixed else None


def _padded(array: Any, function: Any) -> Any:
    missing = (_batch(function) or 0) - len(array)
    if missing <= 0:
        return np.ascontiguousarray(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


def run(*, trained: Path, evaluation: Path, out: Path) -> None:
    """Export the model that the stage train wrote to `trained`, with the answers on a split."""
    options = parameters(Export, "export")
    with capture_output():
        tensorflow_start.start_tensorflow(parameters(Numerics, "numerics"))
    write_export(
        StoredModel(trained),
        options,
        read_split(evaluation),
        out,
        metric_output.configured_metric(),
    )
