"""Running a variant of a release on its golden inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import ErrorGroup, InterpreterError, LitemillError, ReleaseError
from litemill.runtime.subprocess_isolation import run_isolated
from litemill.tflite.interpreter import Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Array = np.ndarray[Any, np.dtype[Any]]

SECONDS = 600.0
ROUNDING = 1 + 1e-6  # tolerances are written with six digits


@dataclass(frozen=True)
class Golden:
    """What a variant has to answer.

    Attributes:
        folder: the release's files.
        variant: its name.
        signature: key of the signature to call.
        told: its part of golden.json.
    """

    folder: Path
    variant: str
    signature: str | None
    told: dict[str, Any]

    @property
    def place(self) -> str:
        """Name of its file."""
        return f"variants/{self.variant}.tflite"


def differences(every: list[Golden]) -> dict[str, dict[str, float]]:
    """Run variants in another process: some files take theirs down.

    Returns:
        By variant and output, how far the answers are from the recorded ones, at most; in real
        units.

    Raises:
        SeveralErrors: answers farther than the recorded tolerance, golden files that do not fit, or
            variants that do not run; all of them.
    """
    try:
        results = run_isolated(_all, every, seconds=SECONDS, place="variants")
    except InterpreterError:
        # One of them ended the process: each in its own tells which.
        results = [_alone(one) for one in every]
    if errors := [ReleaseError(*told) for told in results if isinstance(told, tuple)]:
        raise ErrorGroup(errors)
    pairs = zip(every, results, strict=True)
    return {one.variant: told for one, told in pairs if isinstance(told, dict)}


def compare_answers(one: Golden) -> dict[str, float]:
    """Run one variant in this process; as `differences`."""
    content = (one.folder / one.place).read_bytes()
    inputs = {name: _array(one.folder, told) for name, told in one.told["inputs"].items()}
    answers = _answers(content, inputs, one)
    outputs = one.told["outputs"]
    if {*outputs} != {*answers}:
        found = f"outputs {sorted(answers)}"
        raise ReleaseError(one.place, found, f"expected {sorted(outputs)}")
    return {
        name: _difference(
            answers[name], _array(one.folder, told), told, f"{one.place}, output {name!r}"
        )
        for name, told in outputs.items()
    }


def _all(every: list[Golden]) -> list[dict[str, float] | tuple[str, str]]:
    return [_told(one) for one in every]


def _told(one: Golden) -> dict[str, float] | tuple[str, str]:
    """Give the answers, or why there are none as (place, what was found)."""
    try:
        return compare_answers(one)
    except LitemillError as error:
        place, _, found = str(error).partition(": ")
        return place, found


def _alone(one: Golden) -> dict[str, float] | tuple[str, str]:
    try:
        return run_isolated(_told, one, seconds=SECONDS, place=one.place)
    except InterpreterError as error:
        place, _, found = str(error).partition(": ")
        return place, found


def _answers(content: bytes, inputs: dict[str, Array], golden: Golden) -> dict[str, Array]:
    """Run as a consumer would; where those kernels fail, as when the answers were recorded."""
    kernels = dict.fromkeys((Kernels.default, Kernels[golden.told["kernels"]]))
    failure: InterpreterError | None = None
    for one in kernels:
        try:
            key, place = golden.signature, golden.place
            model = Model(content, signature=key, kernels=one, place=place)
            return model.run_stored(inputs)
        except InterpreterError as error:
            failure = failure or error
    assert failure
    raise failure


def _array(folder: Path, told: Mapping[str, Any]) -> Array:
    place = f"golden/{told['file']}"
    try:
        found: Array = np.load(folder / place, allow_pickle=False)
        described = (found.dtype.name, list(found.shape))
    except (ValueError, OSError, EOFError, AttributeError) as error:
        raise ReleaseError(place, f"not an array ({error})") from None
    if described != (told["dtype"], told["shape"]):
        expected = f"expected {told['dtype']} {told['shape']}"
        raise ReleaseError(place, f"{described[0]} {described[1]}", expected)
    return found


def _difference(answer: Array, expected: Array, told: Mapping[str, Any], place: str) -> float:
    if (answer.dtype, answer.shape) != (expected.dtype, expected.shape):
        found = f"{answer.dtype} {list(answer.shape)}"
        raise ReleaseError(place, found, f"expected {expected.dtype} {list(expected.shape)}")
    with np.errstate(invalid="ignore"):
        gap = np.abs(answer.astype(np.float64) - expected.astype(np.float64))
    # The same infinity, or NaN in both, is the same answer; in one alone it is none.
    same = (answer == expected) | ((answer != answer) & (expected != expected))  # noqa: PLR0124
    worst = float(np.max(np.where(same, 0.0, np.nan_to_num(gap, nan=np.inf)), initial=0.0))
    limit = told["tolerance"] if told["tolerance_steps"] is None else told["tolerance_steps"]
    if not worst <= limit * ROUNDING:
        unit = "" if told["tolerance_steps"] is None else " quantization steps"
        raise ReleaseError(place, f"{worst:.6g}{unit} from the golden one", f"at most {limit:.6g}")
    return worst * (told["scale"] or 1.0) if told["tolerance_steps"] is not None else worst
