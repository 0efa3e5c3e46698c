"""Measure one variant against the source model on real samples: `python -m stages.validate int8`.

Nothing is judged here: the gate does that, so that a failed check leaves its measurement behind. A
file that cannot run is a measurement too.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.errors import DataError, InterpreterError
from stages.files import write_json
from stages.flatbuffer import describe
from stages.litert import Kernels, Model
from stages.measurement import Measurement
from stages.reference import place, read_signature, suited
from stages.run import parameters, run, section
from stages.samples import Samples, read_split
from stages.schema.validate import Validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stages.description import Description

    Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 1 << 16  # output values that are held and measured at once
DIGITS = 6  # significant; what is below differs by kernel and says nothing


def validate(  # noqa: PLR0913
    content: bytes,
    *,
    variant: str,
    reference: dict[str, Array],
    samples: Samples,
    signature: dict[str, Any],
    options: Validate,
) -> dict[str, Any]:
    """Measure a .tflite file in batches, so that memory does not grow with the samples.

    Args:
        content: the file.
        variant: its name.
        reference: what the source model answers, [samples, ...] by output name.
        samples: the evaluation split.
        signature: {"key", "inputs", "outputs"} as `export` writes it.
        options: how to measure.

    Returns:
        The measurement, as JSON takes it; "error" tells why a file could not be run.

    Raises:
        DataError: reference and samples do not belong together.
    """
    measured: dict[str, Any] = {
        "variant": variant,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "samples": len(samples),
        "error": None,
        **_NOTHING,
    }
    for name, values in reference.items():
        if len(values) != len(samples):
            found = f"{len(values)} reference outputs of {name!r}"
            raise DataError("build/export/reference", found, f"expected {len(samples)}")
    samples = suited(samples, signature)
    try:
        described = describe(content, variant)
        measured |= _described(described)
        asked = _Asked(variant, signature["key"], options)
        measured |= _measured(content, described, reference, samples, asked)
    except InterpreterError as error:
        measured["error"] = str(error)
    rounded: dict[str, Any] = _rounded(measured)
    return rounded


# What is measured under each set of kernels; those of the default set stand on top, too.
_MEASURES: dict[str, Any] = {
    "outputs": {},
    "top1_agreement": None,
    "agreement_samples": None,
    "metric": None,
}
_NOT_RUN: dict[str, Any] = {"samples": 0, **_MEASURES, "flips": None}
_NOTHING: dict[str, Any] = {
    **_MEASURES,
    "kernels": {},
    "per_class": None,
    "per_slice": None,
    "confusion": None,
    "histograms": {},
    "layers": None,
    "advice": [],
    "sequence": None,
    "operators": [],
    "inputs": [],
    "outputs_detail": [],
    "weights": {},
    "min_runtime_version": None,
}


@dataclass(frozen=True)
class _Asked:
    variant: str
    key: str
    options: Validate


def _described(description: Description) -> dict[str, Any]:
    found: dict[str, Any] = asdict(description)
    kept = ("operators", "inputs", "weights", "min_runtime_version")
    described: dict[str, Any] = {key: found[key] for key in kept}
    return described | {"outputs_detail": found["outputs"]}


def _measured(
    content: bytes,
    described: Description,
    reference: dict[str, Array],
    samples: Samples,
    asked: _Asked,
) -> dict[str, Any]:
    """Run the file under every set of kernels, in step, and measure each."""
    runs = _Runs(content, described, reference, samples, asked)
    start = 0
    for block in samples.batches(_rows(reference, samples, asked.options.batch_size)):
        runs.add(start, block)
        start += len(block)
    return runs.told()


class _Runs:
    """One loaded model and one measurement for each set of kernels that still runs."""

    def __init__(
        self,
        content: bytes,
        described: Description,
        reference: dict[str, Array],
        samples: Samples,
        asked: _Asked,
    ) -> None:
        self.asked = asked
        self.models: dict[str, Model] = {}
        self.measurements: dict[str, Measurement] = {}
        self.errors: dict[str, str] = {}
        for name in dict.fromkeys(asked.options.kernels):
            count = len(samples)
            if name == "reference" and asked.options.reference_samples is not None:
                count = min(count, asked.options.reference_samples)
            self.measurements[name] = Measurement(
                reference,
                samples,
                asked.options,
                count=count,
                place=asked.variant,
                detailed=name == "default",
            )
            with self._noting(name):
                self.models[name] = Model(
                    content,
                    description=described,
                    signature=asked.key,
                    kernels=Kernels[name],
                    threads=asked.options.threads,
                    place=asked.variant,
                )
        model = self.models["default"]
        self.inputs = _matched(list(samples.inputs), model.inputs, model, "input")
        self.outputs = _matched(list(reference), model.outputs, model, "output")

    def add(self, start: int, block: Samples) -> None:
        """Answer a block of samples under each set of kernels."""
        first = self.models["default"]
        stored = first.stored({self.inputs[name]: a for name, a in block.inputs.items()})
        default: dict[str, Array] = {}
        for name, model in list(self.models.items()):
            count = min(self.measurements[name].count - start, len(block))
            if count <= 0:
                continue
            with self._noting(name):
                cut = {key: values[:count] for key, values in stored.items()}
                answers = self._answers(model, cut)
                default = default or answers
                others = {key: values[:count] for key, values in default.items()}
                some = next(block.batches(count))
                self.measurements[name].add(start, answers, some, others)

    def told(self) -> dict[str, Any]:
        """Give the default kernels' measures, and beside them those of every set."""
        kernels = {}
        for name, one in self.measurements.items():
            if name in self.errors:
                kernels[name] = {"error": self.errors[name], **_NOT_RUN}
            else:
                kernels[name] = {"error": None, **one.told(), "flips": one.flips()}
        kept = {key: kernels["default"][key] for key in _MEASURES}
        return {**kept, **self.measurements["default"].detail(), "kernels": kernels}

    def _answers(self, model: Model, stored: dict[str, Array]) -> dict[str, Array]:
        size, count = self.asked.options.batch_size, len(next(iter(stored.values())))
        parts = [
            model.run_stored({name: a[start : start + size] for name, a in stored.items()})
            for start in range(0, count, size)
        ]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in model.outputs}
        real = model.real(whole)
        return {name: real[theirs] for name, theirs in self.outputs.items()}

    @contextlib.contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """Note why other kernels than the default ones fail, and go on without them."""
        try:
            yield
        except InterpreterError as error:
            if name == "default":
                raise
            self.errors[name] = str(error)
            self.models.pop(name, None)


def _rows(reference: dict[str, Array], samples: Samples, batch: int) -> int:
    """Give how many samples are measured at once: whole batches, of about BLOCK values.

    numpy's cost of a call would otherwise be that of the inference, for small models.
    """
    given = sum(int(prod(one.shape[1:])) for one in samples.inputs.values())
    answered = sum(int(prod(one.shape[1:])) for one in reference.values())
    return batch * max(1, BLOCK // max(given * batch, answered * batch, 1))


def _matched(names: list[str], tensors: dict[str, Any], model: Model, kind: str) -> dict[str, str]:
    """Give the file's name for each of ours.

    The same names, or, in a file without a signature, whose tensors have names of their own, the
    order of the sorted names: that is how the converter lays them out.
    """
    if set(names) == set(tensors):
        return {name: name for name in names}
    if model.signature is None and len(names) == len(tensors):
        return dict(zip(sorted(names), tensors, strict=True))
    found = f"{kind}s {', '.join(map(repr, sorted(tensors)))}"
    raise InterpreterError(model.place, found, f"expected {', '.join(map(repr, sorted(names)))}")


def _rounded(value: Any) -> Any:
    """Round every number to `DIGITS`; NaN and infinity, which JSON cannot hold, become None."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value


def read_reference(folder: Path, names: list[str]) -> dict[str, Array]:
    """Open the reference outputs, memory-mapped.

    Raises:
        DataError: one is missing or damaged.
    """
    return {name: _map(folder / f"{name}.npy") for name in names}


def _map(path: Path) -> Array:
    try:
        mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
        raise DataError(path, found, "rebuild it with `dvc repro export`") from None
    return mapped


def main() -> None:
    """Measure build/convert/VARIANT/model.tflite."""
    variant = sys.argv[1]
    key = section("convert", variant)["signature"]
    export = Path("build/export")
    signature = read_signature(export, key)
    measured = validate(
        (Path("build/convert") / variant / "model.tflite").read_bytes(),
        variant=variant,
        reference=read_reference(place(export, key) / "reference", list(signature["outputs"])),
        samples=read_split(Path("build/prepare/evaluation")),
        signature=signature,
        options=parameters(Validate, "validate"),
    )
    write_json(Path("build/validate") / f"{variant}.json", measured)
    if measured["error"]:
        print(measured["error"], file=sys.stderr)


if __name__ == "__main__":
    run(main, "stages.validate")
