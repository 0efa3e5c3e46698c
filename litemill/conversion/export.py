"""Write the SavedModel and what it answers on the evaluation split."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.validate import Export
from litemill.conversion import float_model
from litemill.core.errors import LitemillError
from litemill.core.files import atomic_replace, write_json
from litemill.data.samples import Samples, read_split
from litemill.models import input_scaling
from litemill.models.exported_model import ExportedModel, export_model, export_signature
from litemill.models.kinds import open_model
from litemill.models.reference_outputs import match_samples
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.training import metric_output

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.models.source_model import SourceModel


def write_export(
    source: SourceModel,
    options: Export,
    evaluation: Samples,
    out: Path,
    metric: dict[str, Any] | None = None,
) -> None:
    """Write saved_model/, signature.json, reference/, float/ and signatures/ to a new `out`.

    Args:
        source: the source model, as `train` left it.
        options: the name of the signature, the batch size of the reference outputs.
        evaluation: the samples that the source model answers.
        out: the directory that they replace, once all are there: they belong together.
        metric: what the model will be judged by.

    Raises:
        ConfigError: the metric is of no output.
        ModelError: the model cannot be exported or run, or does not fit the samples.
    """
    with capture_output(explained=LitemillError), atomic_replace(out) as fresh:
        model = export_model(source, fresh / "saved_model", options.signature)
        scaling = input_scaling.input_scaling(source)
        _write_signature(model, options, evaluation, fresh, metric)
        # Also without others there is a file: DVC warns of an empty folder.
        index = {"main": model.key, "others": options.others, "scaling": scaling}
        write_json(fresh / "signatures" / "index.json", index)
        for number, key in enumerate(options.others):
            other = export_signature(source, model.saved_model, key)
            _write_signature(other, options, evaluation, fresh / "signatures" / str(number))
    for line in input_scaling.scaled_twice(scaling, evaluation):
        print(f"export: {line}", file=sys.stderr)


def _write_signature(
    model: ExportedModel,
    options: Export,
    evaluation: Samples,
    out: Path,
    metric: dict[str, Any] | None = None,
) -> None:
    """Write a signature's description, its reference outputs, and its float file."""
    signature = model.signature | {"subset": bool(options.others)}
    metric_output.check_metric_output(metric, _shapes(signature))
    samples = match_samples(evaluation, signature)
    write_json(out / "signature.json", signature)
    model.write_reference_outputs(samples, options.batch_size, out / "reference")
    float_model.write_float_model(model, out)


def _shapes(signature: dict[str, Any]) -> dict[str, tuple[int | None, ...] | None]:
    shapes = {name: spec["shape"] for name, spec in signature["outputs"].items()}
    return {name: None if shape is None else tuple(shape) for name, shape in shapes.items()}


def run(*, trained: Path, evaluation: Path, out: Path) -> None:
    """Export the model that the stage train wrote to `trained`, with its outputs on a split."""
    options = parameters(Export, "export")
    with capture_output():
        tensorflow_start.start_tensorflow(parameters(Numerics, "numerics"))
    write_export(
        open_model(trained),
        options,
        read_split(evaluation),
        out,
        metric_output.configured_metric(),
    )
