"""The measurement of a point's file, by the code of the stage."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters
from litemill.config.schema.validate import Validate
from litemill.config.schema.variant import Route
from litemill.core.errors import InterpreterError
from litemill.data.samples import read_split
from litemill.evaluation.validate import measure_variant, read_float
from litemill.models.reference_outputs import (
    read_reference_outputs,
    read_signature,
    signature_folder,
)
from litemill.runtime.subprocess_isolation import run_isolated
from litemill.sweep.conversion import point_float_model

if TYPE_CHECKING:
    from litemill.sweep.task import Task

KEPT = ("error", "metric", "outputs", "top1_agreement", "channels")  # what a table is made of
# What neither a check nor a choice of layers needs, of what was measured in depth.
BULKY = (
    *("confusion", "histograms", "inputs", "operators", "outputs_detail", "sequence"),
    *("variant", "weights", "worst_samples"),
)


def measure_point(file: bytes, task: Task, build: Path) -> dict[str, Any]:
    """Measure a file as its point asks for it.

    `build` is as for `litemill.sweep.conversion.convert_point`.

    Returns:
        What is `KEPT` of a measurement, or all but what is `BULKY`.

    Raises:
        LitemillError: the build is damaged, or the score cannot be imported.
    """
    export = build / "export"
    signature = read_signature(export, task.variant.signature)
    exported = signature_folder(export, task.variant.signature)
    options = _options(task, build)
    if options.metric:
        _find(options.metric.score, build / "train/imported/code")
    found = measure_variant(
        file,
        variant=task.point,
        reference=read_reference_outputs(exported / "reference"),
        samples=read_split(build / "prepare/evaluation"),
        signature=signature,
        options=options,
        float_content=_plain(task, build, exported, options) if options.layer_samples else None,
        isolated=task.isolated,
    )
    kept = {key: found[key] for key in found if key not in BULKY}
    if not task.deep:
        kept = {key: found[key] for key in KEPT}
    if kept["error"]:
        kept["error"] = kept["error"].removeprefix(f"{task.point}: ")
    return kept


def _options(task: Task, build: Path) -> Validate:
    asked = parameters(Validate, "validate", path=build / "params.json")
    if task.deep:
        return asked
    # What the table shows: slow kernels and layers are the business of a variant.
    quick = [name for name in asked.kernels if name != "reference"]
    return replace(asked, kernels=quick, layer_samples=0)


def _find(score: dict[str, Any], code: Path) -> None:
    """Let a score be found where the model has brought along other modules of its package.

    The stages convert and measure in processes of their own: one knows the code that the model
    brought, the other one the project. Here both are known, the model's first.
    """
    if not code.is_dir():
        return
    if str(code.resolve()) not in sys.path:
        sys.path.insert(0, str(code.resolve()))
    packages = str(score["_target_"]).split(".")[:-2]
    for name in accumulate(packages, "{}.{}".format):
        with suppress(ImportError):  # the score tells what does not import
            found = import_module(name).__path__
            here = str(Path.cwd() / name.replace(".", "/"))
            if any(Path(one).is_relative_to(code.resolve()) for one in found) and here not in found:
                found.append(here)


def _plain(task: Task, build: Path, exported: Path, options: Validate) -> bytes | None:
    """Return the float file of the very graph that was converted, whose names a variant may use."""
    asked = task.variant
    if asked.route is Route.saved_model and asked.batch is None and not asked.unroll:
        return read_float(exported / "float")
    given = task.point, asked, build
    if not task.isolated:
        return point_float_model(*given)
    # In a process of its own too: this one is forked for the file, and must not run TensorFlow.
    try:
        return run_isolated(
            point_float_model, *given, seconds=options.timeout_seconds, place=task.point, fork=True
        )
    except InterpreterError:
        return None
