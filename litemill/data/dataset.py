"""What a loader gives to `prepare`: arrays by name, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence  # noqa: TC003 (the public interface)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "calibration", "evaluation")


class ArrayLike(Protocol):
    """An array, or anything that gives its rows: one row a sample."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of samples, then the shape of one."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Return the rows of a slice, or of an array of indices."""


@dataclass
class Dataset:
    """A whole data set, before it is split; what a `load._target_` returns.

    Arrays may be numpy arrays, memory maps or `Stored`. Floating-point values are written as
    float32; integers and booleans keep their type. Labels are written as int64 [n], regression
    targets as float32 [n, ...].
    """

    inputs: Mapping[str, ArrayLike]  # by the name of the model's input
    targets: Mapping[str, ArrayLike] | ArrayLike | None = (
        None  # one without a name is called `target`
    )
    classes: Sequence[str] | None = None  # names of the classes 0, 1, ...; found out when None
    split: ArrayLike | None = None  # predeclared: "train", "calibration" or "evaluation" a sample
    # Ways to divide samples for the report, such as by site: a text or an integer a sample.
    slices: Mapping[str, ArrayLike] | None = None
    place: str = ""  # what error messages name; `_target_` when empty
    detail: Callable[[int], str] | None = None  # what error messages add to "sample 7"
    # By input, what was done to stored values, as an application has to do it; plain JSON.
    preprocessing: Mapping[str, Mapping[str, Any]] | None = None
    notes: Sequence[str] = ()  # lines that prepare prints


@dataclass(frozen=True)
class FileRows:
    """Rows of a raw file, read when they are asked for.

    A memory map would bring in whole pages, up to 2 MB each, for every small row that is picked.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"] = "C"

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Read the rows of a slice without step, or of an array of indices, into memory."""
        if self.order == "F":  # a row is spread over the whole file
            return np.array(np.memmap(self.path, self.dtype, "r", 0, self.shape, "F")[rows])
        size = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.shape[0])
            starts, step = [start], (stop - start) * size
        else:
            starts, step = rows.tolist(), size
        content = bytearray(len(starts) * step)
        with self.path.open("rb") as file, memoryview(content) as view:
            for i, start in enumerate(starts):
                file.seek(start * size)
                file.readinto(view[i * step : (i + 1) * step])
        return np.frombuffer(content, self.dtype).reshape(-1, *self.shape[1:])


@dataclass(frozen=True)
class Column:
    """An array as it will be written: `rows` cast to `dtype`, each sample of `shape`."""

    rows: ArrayLike
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Size of one sample."""
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Read samples into memory, in C order."""
        with np.errstate(over="ignore", invalid="ignore"):  # the scan refuses what comes of it
            block = np.asarray(self.rows[rows]).astype(self.dtype, order="C")
        return block.reshape(-1, *self.shape)
