"""One point computed: converted, read back, measured, by the code of the stages.

Also a program, `python -m stages.sweeping.job`, for what needs a process of its own (Keras 2).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from stages import runtime
from stages.convert import content
from stages.errors import LitemillError
from stages.quiet import quiet
from stages.readback import kind
from stages.reference import place, read_signature
from stages.routes import Source
from stages.run import parameters
from stages.samples import read_split
from stages.schema.numerics import Numerics
from stages.schema.validate import Validate
from stages.schema.variant import Route, Variant
from stages.sources import Brought
from stages.sweeping.task import BULKY, MEASURED, Outcome, Task
from stages.validate import read_float, read_reference, validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def compute(task: Task, build: Path, known: Callable[[str, Variant], bool]) -> Outcome:
    """Convert, read back and measure; in this process, or in one with Keras 2.

    Args:
        task: the point.
        build: folder with the artifacts of prepare, train and export, and params.yaml.
        known: whether the file of that SHA-256 was measured already.
    """
    brought = Brought(build / "train")
    if task.variant.route is Route.keras and brought.legacy.is_file():
        return _elsewhere(task, build)
    _start(build, legacy=False)
    return _computed(task, build, known)


def _computed(task: Task, build: Path, known: Callable[[str, Variant], bool]) -> Outcome:
    variant = task.variant
    source = Source(
        saved_model=build / "export/saved_model",
        brought=Brought(build / "train"),
        signature=read_signature(build / "export", variant.signature),
    )
    try:
        samples = read_split(build / "prepare/calibration")
        done = content(task.point, variant, source, samples)
    except LitemillError as error:
        told = str(error).replace(f"variant {task.point}: ", "")
        return Outcome(error=" | ".join(told.splitlines()), lasting=True)
    digest = hashlib.sha256(done.content).hexdigest()
    file = {"sha256": digest, "bytes": len(done.content), "kind": kind(done.found)}
    if known(digest, variant):
        return Outcome(file)
    return Outcome(file, _measured(done.content, task, source, build))


def _measured(file: bytes, task: Task, source: Source, build: Path) -> dict[str, Any]:
    signature, reference = source.signature, _exported(task, build) / "reference"
    options = parameters(Validate, "validate", path=build / "params.yaml")
    if not task.deep:
        # What the table shows: slow kernels and layers are the business of a variant.
        quick = [name for name in options.kernels if name != "reference"]
        options = replace(options, kernels=quick, layer_samples=0)
    measured = validate(
        file,
        variant=task.point,
        reference=read_reference(reference, list(signature["outputs"])),
        samples=read_split(build / "prepare/evaluation"),
        signature=signature,
        options=options,
        plain=_plain(task, source, build) if options.layer_samples else None,
    )
    keys = [key for key in measured if key not in BULKY] if task.deep else MEASURED
    kept = {key: measured[key] for key in keys}
    if kept["error"]:
        kept["error"] = kept["error"].removeprefix(f"{task.point}: ")
    return kept


def _plain(task: Task, source: Source, build: Path) -> bytes | None:
    """Give the float file of the very graph that was converted, whose names a variant may use."""
    asked = task.variant
    if asked.route is Route.saved_model and asked.batch is None and not asked.unroll:
        return read_float(_exported(task, build) / "float")
    plain = replace(
        Variant(),
        **{key: getattr(asked, key) for key in ("route", "batch", "unroll", "signature")},
        **{key: getattr(asked, key) for key in ("select_tf_ops", "custom_ops")},
    )
    try:
        return content(task.point, plain, source, None).content
    except LitemillError:
        return None


def _exported(task: Task, build: Path) -> Path:
    return place(build / "export", task.variant.signature)


@cache
def _start(build: Path, *, legacy: bool) -> None:
    numerics = parameters(Numerics, "numerics", path=build / "params.yaml")
    with quiet():
        runtime.start(numerics, legacy=legacy, home=build / ".keras")


def _elsewhere(task: Task, build: Path) -> Outcome:
    """Compute in a fresh interpreter: this one has Keras 3 already."""
    command = [sys.executable, "-m", "stages.sweeping.job"]
    order = pickle.dumps((task, build))
    done = subprocess.run(command, input=order, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return Outcome(error=f"a process with Keras 2 ended with status {done.returncode}")
    answer: Outcome = pickle.loads(done.stdout)  # noqa: S301  # our own child's
    return answer


def main() -> None:
    """Compute the pickled task on standard input; the answer goes to standard output."""
    task, build = pickle.load(sys.stdin.buffer)  # noqa: S301  # our own parent's
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what libraries print is no answer
        _start(build, legacy=True)
        pickle.dump(_computed(task, build, lambda *_: False), answers)


if __name__ == "__main__":
    main()
