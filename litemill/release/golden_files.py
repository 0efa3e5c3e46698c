"""The files of golden samples: arrays for numpy, and raw binary for firmware."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from litemill.release.golden import Golden

LONGEST = 80  # characters of a tensor's name that are part of a file's


def write_golden(golden: Golden, folder: Path) -> dict[str, Any]:
    """Write the arrays of a variant and return its part of golden.json."""
    record: dict[str, Any] = {"kernels": golden.kernels, "inputs": {}, "outputs": {}}
    for part, arrays, tensors in (
        ("inputs", golden.inputs, golden.model.inputs),
        ("outputs", golden.outputs, golden.model.outputs),
    ):
        (folder / part).mkdir(parents=True)
        for name, file in _array_files(arrays).items():
            np.save(folder / part / file, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            record[part][name] = {
                "file": f"{folder.name}/{part}/{file}",
                "dtype": arrays[name].dtype.name,
                "shape": list(arrays[name].shape),
                "scale": tensors[name].scale,
                "zero_point": tensors[name].zero_point,
            }
    for name, tolerance in golden.tolerances.items():
        scale = golden.model.outputs[name].scale
        steps = round(tolerance / scale) if scale else None
        record["outputs"][name] |= {"tolerance": tolerance, "tolerance_steps": steps}
    return record


def write_raw(golden: Golden, folder: Path, record: dict[str, Any]) -> None:
    """Write the arrays of a variant as raw binary, too: little-endian values, in C order.

    Args:
        golden: the arrays.
        folder: where `write_golden` wrote them.
        record: what it returned, to which the names of the files are added.
    """
    for part, arrays in (("inputs", golden.inputs), ("outputs", golden.outputs)):
        for name, entry in record[part].items():
            place = folder.parent / entry["file"]
            raw = place.with_suffix(".bin")
            raw.write_bytes(arrays[name].astype(arrays[name].dtype.newbyteorder("<")).tobytes())
            entry["raw"] = f"{folder.name}/{part}/{raw.name}"


def _array_files(names: Iterable[str]) -> dict[str, str]:
    """Map each tensor to a file name: a tensor's may be a path, long, or differ in case only."""
    files: dict[str, str] = {}
    taken = set[str]()
    for name in names:
        stem = file = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).lstrip(".")[:LONGEST] or "_"
        number = len(files)
        while file.lower() in taken:
            file, number = f"{stem}-{number}", number + 1
        taken.add(file.lower())
        files[name] = f"{file}.npy"
    return files
