"""A split on disk: memory-mapped arrays by name, with their digest.

A split is a directory: `inputs/<number>.npy`, `targets/<number>.npy` and, where the data set has
slices, `slices/<number>.npy` (C order, first axis = samples), and `split.json`, which tells their
names, number, types, shapes, classes and SHA-256. Names come from models and data, and may be
anything: they never become names of files. The number of an array is the place of its name among
the sorted names.
"""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, LitemillError
from litemill.core.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from litemill.data.dataset import Column

BLOCK = 8 << 20  # bytes of samples held at a time
# Pages of a mapped file count as memory in use for as long as there is enough of it. Of files above
# the second size they are handed back, after as many bytes as the first.
HELD = 64 << 20
LARGE = 256 << 20


@dataclass(frozen=True)
class Slices:
    """One way to divide samples: the number of the slice that each is in, and their names."""

    codes: np.ndarray  # int64 [samples]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Samples:
    """Some samples: every array has the samples as its first axis."""

    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]  # empty where the task is `none`
    classes: tuple[str, ...] | None  # names of the classes 0, 1, ... (classification only)
    task: str
    types: dict[str, str] = field(default_factory=dict)  # of inputs, where a model wants another
    slices: dict[str, Slices] = field(default_factory=dict)  # by name, as the data set says

    def __len__(self) -> int:
        """Count the samples."""
        return len(next(iter(self.inputs.values())))

    def batches(self, size: int) -> Iterator[Samples]:
        """Yield consecutive slices of `size` samples (the last may be smaller), without copying."""
        read = 0
        for start in range(0, len(self), size):
            batch = self._at(slice(start, start + size))
            yield batch
            read += sum(array.nbytes for array in batch.inputs.values())
            if read > HELD:
                release_pages(*self.inputs.values(), *self.targets.values())
                read = 0

    def take(self, indices: Any) -> Samples:
        """Copy the samples at `indices` into memory, in that order."""
        taken = self._at(np.asarray(indices, dtype=np.int64))
        release_pages(*self.inputs.values())
        return taken

    def _at(self, rows: slice | np.ndarray) -> Samples:
        inputs = {
            name: array[rows].astype(self.types.get(name, array.dtype), copy=False)
            for name, array in self.inputs.items()
        }
        targets = {name: array[rows] for name, array in self.targets.items()}
        slices = {n: Slices(one.codes[rows], one.values) for n, one in self.slices.items()}
        return Samples(inputs, targets, self.classes, self.task, self.types, slices)


def release_pages(*arrays: np.ndarray) -> None:
    """Hand what was read of large mapped files back to the system; it is read again when needed."""
    for array in arrays:
        file = getattr(array, "_mmap", None)  # numpy has no other name for it
        if file is not None and len(file) > LARGE:
            file.madvise(mmap.MADV_DONTNEED)


def read_split(directory: Path) -> Samples:
    """Open a split; its arrays are memory-mapped and read-only.

    Raises:
        DataError: a file is missing or damaged, or is not what split.json says.
    """
    try:
        record = read_json(directory / "split.json")
        inputs = _open(directory / "inputs", record["inputs"], record["samples"])
        targets = _open(directory / "targets", record["targets"], record["samples"])
        classes = None if record["classes"] is None else tuple(record["classes"])
        divided = record.get("slices", {})
        codes = _open(directory / "slices", divided, record["samples"])
        slices = {name: Slices(codes[name], tuple(divided[name]["values"])) for name in divided}
        return Samples(inputs, targets, classes, record["task"], slices=slices)
    except DataError:
        raise
    except LitemillError as error:
        raise DataError(error, "not a split", "rebuild it with `dvc repro prepare`") from None
    except (KeyError, TypeError, AttributeError) as error:
        place = directory / "split.json"
        raise DataError(place, f"not a split ({error!r})", "rebuild it with `dvc repro`") from None


def write_split(  # noqa: PLR0913 (what split.json tells)
    directory: Path,
    inputs: Mapping[str, Column],
    targets: Mapping[str, Column],
    indices: np.ndarray,
    *,
    classes: list[str] | None,
    task: str,
    slices: Mapping[str, tuple[Column, list[str]]] | None = None,
) -> str:
    """Write the samples at `indices`, in that order, a block at a time.

    Returns:
        SHA-256 over the names, types, shapes and bytes of all arrays, in the order of their names.
    """
    digest = hashlib.sha256()
    codes = {name: column for name, (column, _) in (slices or {}).items()}
    for kind, columns in (("inputs", inputs), ("targets", targets), ("slices", codes)):
        for number, name in enumerate(sorted(columns)):
            column = columns[name]
            shape = [len(indices), *column.shape]
            digest.update(f"{kind}/{name} {column.dtype.name} {shape}\n".encode())
            _write(directory / kind / f"{number}.npy", column, indices, digest)
    record: dict[str, Any] = {
        "samples": len(indices),
        "sha256": digest.hexdigest(),
        "inputs": describe_arrays(inputs),
        "targets": describe_arrays(targets),
        "classes": classes,
        "task": task,
    }
    if slices:
        record["slices"] = {
            name: {**about, "values": slices[name][1]}
            for name, about in describe_arrays(codes).items()
        }
    write_json(directory / "split.json", record)
    return digest.hexdigest()


def describe_arrays(columns: Mapping[str, Column]) -> dict[str, Any]:
    """Describe the type and the shape (without the sample axis) of each array."""
    return {n: {"dtype": c.dtype.name, "shape": list(c.shape)} for n, c in columns.items()}


def _open(folder: Path, record: dict[str, Any], samples: int) -> dict[str, np.ndarray]:
    arrays = {}
    for number, (name, kind) in enumerate(sorted(record.items())):
        path = folder / f"{number}.npy"
        arrays[name] = _map(path)
        expected = f"{kind['dtype']} {(samples, *kind['shape'])}"
        found = f"{arrays[name].dtype.name} {arrays[name].shape}"
        if found != expected:
            raise DataError(path, found, f"split.json says {expected}")
    return arrays


def _map(path: Path) -> np.ndarray:
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(path, "no such file", "rebuild it with `dvc repro prepare`") from None
    except (ValueError, EOFError) as error:
        raise DataError(path, f"damaged ({error})", "rebuild it with `dvc repro prepare`") from None
    return mapped


def _write(path: Path, column: Column, indices: np.ndarray, digest: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = max(1, BLOCK // column.row_bytes)
    with path.open("wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(column.dtype),
            "fortran_order": False,
            "shape": (len(indices), *column.shape),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(indices), rows):
            block = _gather(column, indices[start : start + rows]).data
            file.write(block)
            digest.update(block)


def _gather(column: Column, indices: np.ndarray) -> np.ndarray:
    # Read in the order of the file, answer in the order asked.
    order = np.argsort(indices, kind="stable")
    block = column.read(indices[order])
    answer = np.empty_like(block)
    answer[order] = block
    return answer
