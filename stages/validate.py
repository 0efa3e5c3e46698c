"""Measure one variant against the source model on real samples: `python -m stages.validate int8`.

Nothing is judged here: the gate does that, so that a failed check leaves its measurement behind. A
file that cannot run is a measurement too.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.errors import DataError, InterpreterError
from stages.fidelity import Agreement, Fidelity
from stages.files import write_json
from stages.flatbuffer import describe
from stages.litert import Model
from stages.reference import place, read_signature, suited
from stages.run import parameters, run, section
from stages.samples import Samples, read_split
from stages.schema.validate import Validate
from stages.scoring import Scoring

if TYPE_CHECKING:
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
        measured |= _described(content, variant)
        key = signature["key"]
        model = Model(content, signature=key, threads=options.threads, place=variant)
        measured |= _measured(model, reference, samples, options)
    except InterpreterError as error:
        measured["error"] = str(error)
    rounded: dict[str, Any] = _rounded(measured)
    return rounded


_NOTHING: dict[str, Any] = {
    "outputs": {},
    "top1_agreement": None,
    "agreement_samples": None,
    "metric": None,
    "operators": [],
    "inputs": [],
    "outputs_detail": [],
    "weights": {},
    "min_runtime_version": None,
}


def _described(content: bytes, variant: str) -> dict[str, Any]:
    found: dict[str, Any] = asdict(describe(content, variant))
    kept = ("operators", "inputs", "weights", "min_runtime_version")
    described: dict[str, Any] = {key: found[key] for key in kept}
    return described | {"outputs_detail": found["outputs"]}


def _measured(
    model: Model, reference: dict[str, Array], samples: Samples, options: Validate
) -> dict[str, Any]:
    inputs = _matched(list(samples.inputs), model.inputs, model, "input")
    outputs = _matched(list(reference), model.outputs, model, "output")
    fidelity = {name: Fidelity() for name in sorted(reference)}
    agreement = {n: Agreement() for n in fidelity if _has_classes(reference[n], options.task)}
    metric = Scoring(options.metric, samples, list(reference)) if options.metric else None
    start = 0
    for block in samples.batches(_rows(reference, options.batch_size)):
        stop = start + len(block)
        answers = _answers(model, block, inputs, options.batch_size)
        for name, measure in fidelity.items():
            expected, answer = reference[name][start:stop], answers[outputs[name]]
            if answer.shape != expected.shape:
                found = f"answers of output {name!r} are of shape {list(answer.shape[1:])}"
                raise InterpreterError(model.place, found, f"expected {list(expected.shape[1:])}")
            measure.add(expected, answer)
            if name in agreement:
                agreement[name].add(expected, answer)
            if metric and metric.output == name:
                metric.add(expected, answer, block)
        start = stop
    return {
        "outputs": {name: measure.measures() for name, measure in fidelity.items()},
        "top1_agreement": {n: a.share() for n, a in agreement.items()} or None,
        "agreement_samples": {n: asdict(a) for n, a in agreement.items()} or None,
        "metric": metric.measure() if metric else None,
    }


def _rows(reference: dict[str, Array], batch: int) -> int:
    """Give how many samples are measured at once: whole batches, of about BLOCK values.

    numpy's cost of a call would otherwise be that of the inference, for small models.
    """
    values = sum(int(prod(one.shape[1:])) for one in reference.values())
    return batch * max(1, BLOCK // max(values * batch, 1))


def _answers(model: Model, block: Samples, inputs: dict[str, str], size: int) -> dict[str, Array]:
    parts = [
        model.run({inputs[name]: values for name, values in batch.inputs.items()})
        for batch in block.batches(size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in model.outputs}


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


def _has_classes(reference: Array, task: str) -> bool:
    return task == "classification" and reference.ndim > 1 and reference.shape[-1] > 1


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
