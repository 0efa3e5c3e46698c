"""A point's file: converted and read back, by the code of the stages.

Also a program, `python -m litemill.sweep.conversion`, for what needs a process of its own
(Keras 2).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from litemill.config.parameters import parameters
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.variant import Variant
from litemill.conversion.arithmetic import arithmetic_of
from litemill.conversion.convert import convert_variant
from litemill.core.errors import LitemillError
from litemill.data.samples import read_split
from litemill.models.exported_model import ExportedModel
from litemill.models.kinds import open_model
from litemill.models.reference_outputs import read_signature
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.sweep.failure import exit_reason, failure_of
from litemill.sweep.task import Outcome

if TYPE_CHECKING:
    from pathlib import Path


def convert_point(point: str, variant: Variant, build: Path) -> Outcome:
    """Convert and read back; in this process, or in one with Keras 2.

    Errors leave out what they would call the point. `build` has the artifacts of prepare, train and
    export, and params.json.

    Returns:
        The file with its content, or why there is none.
    """
    if open_model(build / "train").needs_keras_2(variant.route.name):
        return _elsewhere(point, variant, build)
    _start(build, legacy=False)
    return _here(point, variant, build)


def point_float_model(point: str, variant: Variant, build: Path) -> bytes | None:
    """Return the float file of the graph that a variant is made of, or None where it has none."""
    asked = replace(
        Variant(),
        **{key: getattr(variant, key) for key in ("route", "batch", "unroll", "signature")},
        **{key: getattr(variant, key) for key in ("select_tf_ops", "custom_ops")},
    )
    return convert_point(point, asked, build).content


def _here(point: str, variant: Variant, build: Path) -> Outcome:
    try:
        model = ExportedModel(
            saved_model=build / "export/saved_model",
            source=open_model(build / "train"),
            signature=read_signature(build / "export", variant.signature),
        )
        done = convert_variant(point, variant, model, read_split(build / "prepare/calibration"))
    except LitemillError as error:
        return failure_of(error, f"variant {point}: ")
    digest = hashlib.sha256(done.content).hexdigest()
    file = {"sha256": digest, "bytes": len(done.content), "kind": arithmetic_of(done.description)}
    return Outcome(file, content=done.content)


@cache
def _start(build: Path, *, legacy: bool) -> None:
    numerics = parameters(Numerics, "numerics", path=build / "params.json")
    with capture_output():
        tensorflow_start.start_tensorflow(numerics, legacy=legacy, home=build / ".keras")


def _elsewhere(point: str, variant: Variant, build: Path) -> Outcome:
    """Convert in a fresh interpreter: this one has Keras 3 already."""
    command = [sys.executable, "-m", "litemill.sweep.conversion"]
    order = pickle.dumps((point, variant, build))
    done = subprocess.run(command, input=order, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return Outcome(error=exit_reason(done.returncode))
    answer: Outcome = pickle.loads(done.stdout)  # noqa: S301  # our own child's
    return answer


def main() -> None:
    """Convert what is pickled on standard input; the answer goes to standard output."""
    point, variant, build = pickle.load(sys.stdin.buffer)  # noqa: S301  # our own parent's
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what libraries print is no answer
        _start(build, legacy=True)
        pickle.dump(_here(point, variant, build), answers)


if __name__ == "__main__":
    main()
