"""Run the variants of a release on its golden inputs and compare with its golden outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import ErrorGroup, InterpreterError, LitemillError, ReleaseError
from litemill.release.layout import golden_file, variant_file
from litemill.runtime.subprocess_isolation import run_isolated
from litemill.tflite.interpreter import Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Array = np.ndarray[Any, np.dtype[Any]]

TIMEOUT_SECONDS = 600.0
ROUNDING = 1 + 1e-6  # tolerances are written with six digits


@dataclass(frozen=True)
class GoldenCase:
    """A variant with what it has to compute.

    Attributes:
        folder: the release's files.
        variant: its name.
        signature: key of the signature to call.
        record: its part of golden.json.
    """

    folder: Path
    variant: str
    signature: str | None
    record: dict[str, Any]

    @property
    def place(self) -> str:
        """Name of its file."""
        return variant_file(self.variant)


def golden_differences(cases: list[GoldenCase]) -> dict[str, dict[str, float]]:
    """Run variants in another process: some files take theirs down.

    Returns:
        By variant and output, the largest difference from the golden outputs, in real units.

    Raises:
        ErrorGroup: outputs beyond the recorded tolerance, golden files that do not fit, or
            variants that do not run; all of them.
    """
    try:
        results = run_isolated(_run_all, cases, seconds=TIMEOUT_SECONDS, place="variants")
    except InterpreterError:
        # A variant ended the process; one process each shows which.
        results = [_run_alone(case) for case in cases]
    if errors := [result for result in results if isinstance(result, LitemillError)]:
        raise ErrorGroup(errors)
    pairs = zip(cases, results, strict=True)
    return {case.variant: result for case, result in pairs if isinstance(result, dict)}


def compare_outputs(case: GoldenCase) -> dict[str, float]:
    """Run one variant in this process; as `golden_differences`."""
    content = (case.folder / case.place).read_bytes()
    inputs = {name: _array(case.folder, record) for name, record in case.record["inputs"].items()}
    outputs = _outputs(content, inputs, case)
    golden = case.record["outputs"]
    if {*golden} != {*outputs}:
        raise ReleaseError(case.place, f"outputs {sorted(outputs)}", f"expected {sorted(golden)}")
    return {
        name: _difference(
            outputs[name], _array(case.folder, record), record, f"{case.place}, output {name!r}"
        )
        for name, record in golden.items()
    }


def _run_all(cases: list[GoldenCase]) -> list[dict[str, float] | LitemillError]:
    return [_run(case) for case in cases]


def _run(case: GoldenCase) -> dict[str, float] | LitemillError:
    """Return the differences, or the error, so that the other variants still run."""
    try:
        return compare_outputs(case)
    except LitemillError as error:
        return error


def _run_alone(case: GoldenCase) -> dict[str, float] | LitemillError:
    try:
        return run_isolated(_run, case, seconds=TIMEOUT_SECONDS, place=case.place)
    except InterpreterError as error:
        return error


def _outputs(content: bytes, inputs: dict[str, Array], case: GoldenCase) -> dict[str, Array]:
    """Run with default kernels, as a consumer would; if they fail, with the recorded ones.

    Where a target's own interpreter computed the golden outputs, LiteRT's kernels are held to the
    tolerance for other runtimes.
    """
    failure: InterpreterError | None = None
    recorded = Kernels.__members__.get(case.record["kernels"], Kernels.reference)
    for kernels in dict.fromkeys((Kernels.default, recorded)):
        try:
            model = Model(content, signature=case.signature, kernels=kernels, place=case.place)
            return model.run_stored(inputs)
        except InterpreterError as error:
            failure = failure or error
    assert failure
    raise failure


def _array(folder: Path, record: Mapping[str, Any]) -> Array:
    place = golden_file(record["file"])
    try:
        array: Array = np.load(folder / place, allow_pickle=False)
        described = (array.dtype.name, list(array.shape))
    except (ValueError, OSError, EOFError, AttributeError) as error:
        raise ReleaseError(place, f"not an array ({error})") from None
    if described != (record["dtype"], record["shape"]):
        expected = f"expected {record['dtype']} {record['shape']}"
        raise ReleaseError(place, f"{described[0]} {described[1]}", expected)
    raw = golden_file(record["raw"]) if "raw" in record else None
    if raw and (folder / raw).read_bytes() != array.tobytes():
        raise ReleaseError(raw, "other values", f"expected those of {place}")
    return array


def _difference(output: Array, golden: Array, record: Mapping[str, Any], place: str) -> float:
    if (output.dtype, output.shape) != (golden.dtype, golden.shape):
        found = f"{output.dtype} {list(output.shape)}"
        raise ReleaseError(place, found, f"expected {golden.dtype} {list(golden.shape)}")
    with np.errstate(invalid="ignore"):
        gap = np.abs(output.astype(np.float64) - golden.astype(np.float64))
    # The same infinity, or NaN in both, is no difference; in one alone it is an infinite one.
    same = (output == golden) | (np.isnan(output) & np.isnan(golden))
    largest = float(np.max(np.where(same, 0.0, np.nan_to_num(gap, nan=np.inf)), initial=0.0))
    steps = record["tolerance_steps"]
    limit = record["tolerance"] if steps is None else steps
    if not largest <= limit * ROUNDING:
        unit = "" if steps is None else " quantization steps"
        found = f"differs from the golden output by {largest:.6g}{unit}"
        raise ReleaseError(place, found, f"at most {limit:.6g} is allowed")
    return largest if steps is None else largest * (record["scale"] or 1.0)
