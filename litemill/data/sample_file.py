"""Samples that a person has in a file: `.npz` with an array for each input, or one `.npy`."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, first_line
from litemill.data.sample_matching import match_inputs, shape_matches
from litemill.data.samples import Samples
from litemill.data.untrusted_array import SUFFIX, open_archive, read_header, refuse_special

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Array = np.ndarray[Any, np.dtype[Any]]


def read_samples(path: Path, inputs: Mapping[str, Any]) -> Samples:
    """Read the samples that a model takes; other arrays of the file are left alone.

    A model of one input takes the file's only array whatever its name, or the only one whose shape
    fits. Arrays have the samples as their first axis.

    Args:
        path: the file.
        inputs: of each input the dtype and the shape, first the samples; null is any size.

    Raises:
        DataError: no such file, no samples in it, or a damaged one.
        ModelError: names, shapes or types do not fit the model.
    """
    arrays = _arrays(path)
    chosen = {name: array for name, array in arrays.items() if name in inputs} or arrays
    if len(inputs) == 1 < len(chosen):
        (spec,) = inputs.values()
        fitting = {name: a for name, a in chosen.items() if _fits(spec, a)}
        chosen = fitting if len(fitting) == 1 else chosen
    samples = match_inputs(Samples(chosen, {}, None, "none"), inputs, path)
    counts = {len(array) for array in samples.inputs.values()}
    if len(counts) > 1 or 0 in counts:
        found = f"{', '.join(map(str, sorted(counts)))} samples"
        raise DataError(path, found, "expected as many for every input, at least one")
    for name, array in samples.inputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(path, f"NaN or infinity in {name!r}", "expected numbers")
    return samples


def _arrays(path: Path) -> dict[str, Array]:
    refuse_special(path, "expected samples in a .npz or .npy file")
    try:
        _vet(path)
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {path.stem: loaded}
        else:
            with loaded:
                arrays = {name: loaded[name] for name in loaded.files}
    except DataError as error:
        found = f"not readable ({error.found})"
        raise DataError(error.place, found, "expected a .npz or .npy file") from None
    except (  # of an archive whose parts contradict each other
        ValueError, EOFError, OSError, RuntimeError, NotImplementedError, MemoryError,
        zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    ) as error:  # fmt: skip
        found = f"not readable ({first_line(error)})"
        raise DataError(path, found, "expected a .npz or .npy file") from None
    arrays = {name: array for name, array in arrays.items() if array.ndim}
    if not arrays:
        raise DataError(path, "holds no samples", "expected an array for each input")
    return arrays


def _vet(path: Path) -> None:
    """Refuse a file whose headers do not fit its size, before NumPy asks for the memory."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as source:
            read_header(source, path.stat().st_size, path)
        return
    with open_archive(path) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(SUFFIX):
                with archive.open(entry) as source:
                    read_header(source, entry.file_size, f"{path}: {entry.filename}")


def _fits(spec: Any, array: Array) -> bool:
    shape = spec["shape"]
    return array.dtype.kind in "fiub" and (
        shape is None or shape_matches(shape[1:], array.shape[1:])
    )
