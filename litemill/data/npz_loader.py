"""Arrays of a `.npz` file, copied out in blocks: a compressed array cannot be mapped in place."""

from __future__ import annotations

import errno
import lzma
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, first_line, nearest
from litemill.data.dataset import Dataset, FileRows
from litemill.data.labels import encode_labels, read_classes
from litemill.data.preprocessing import preprocess_inputs
from litemill.data.samples import BLOCK
from litemill.data.untrusted_array import SUFFIX, open_archive, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What zipfile and its decompressors raise of an entry that is not what the directory says.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
)


def load_npz(  # noqa: PLR0913 (one keyword a thing that YAML says)
    path: str,
    *,
    scratch: Path,
    task: str,
    inputs: dict[str, str] | None = None,
    target: str | dict[str, str] | None = None,
    split: str | None = None,
    slices: dict[str, str] | None = None,
    classes: Sequence[str] | str | None = None,
    preprocess: dict[str, Any] | None = None,
) -> Dataset:
    """Read arrays that `numpy.savez` or `numpy.savez_compressed` wrote.

    Args:
        path: the file; its arrays have the samples as their first axis.
        scratch: folder for the copies.
        task: `classification`, `regression` or `none`; passed by prepare.
        inputs: {name of the model's input: key in the file}; None takes every key that is not
            named otherwise, under its own name.
        target: key in the file, or {name: key} for several.
        split: key of an array of texts, the predeclared split of every sample.
        slices: {name: key} of arrays of texts or integers that divide the samples for the report.
        classes: names of the classes 0, 1, ..., or a file with one a line; found out when None. A
            target of texts becomes classes sorted by name.
        preprocess: {input: {preset, or scale, mean, std}}; see `litemill.data.preprocessing`.

    Raises:
        DataError: the file is missing, damaged or pickled, or has no such key.
    """
    classes = read_classes(classes)
    targets = {"target": target} if isinstance(target, str) else dict(target or {})
    with open_archive(Path(path), scratch) as archive:
        known = [n.removesuffix(SUFFIX) for n in archive.namelist() if n.endswith(SUFFIX)]
        named = [*targets.values(), *([split] if split else []), *(slices or {}).values()]
        inputs = inputs or {key: key for key in known if key not in named}
        wanted = dict.fromkeys([*inputs.values(), *named])
        for key in wanted:
            if key not in known:
                raise DataError(path, f"no array {key!r}", nearest(key, known))
        stored = {key: _copy(archive, key, scratch / f"{i}.raw") for i, key in enumerate(wanted)}
    answers: dict[str, Any] = {name: stored[key] for name, key in targets.items()}
    for name, rows in answers.items():
        if task == "classification" and rows.dtype.kind in "US":
            found = encode_labels(_texts(rows), classes, f"{path}: {targets[name]}")
            answers[name], classes = found.values, found.classes or classes
    columns, record = preprocess_inputs({n: stored[key] for n, key in inputs.items()}, preprocess)
    return Dataset(
        inputs=columns,
        targets=answers or None,
        classes=classes,
        split=stored[split] if split else None,
        slices={name: stored[key] for name, key in (slices or {}).items()},
        place=path,
        preprocessing=record,
    )


def _copy(archive: zipfile.ZipFile, key: str, to: Path) -> FileRows:
    place = f"{archive.filename}: {key}"
    try:
        with archive.open(key + SUFFIX) as source:
            size = archive.getinfo(key + SUFFIX).file_size
            shape, fortran, dtype = read_header(source, size, place)
            _check_shape(shape, place)
            with to.open("wb") as file:
                shutil.copyfileobj(source, file, BLOCK)
    except DAMAGE as error:
        raise DataError(place, f"truncated or damaged ({error})", "write it again") from None
    except OSError as error:
        if (
            error.errno != errno.EINVAL
        ):  # of an entry before the file's start; others are the disk's
            raise
        raise DataError(place, "truncated or damaged", "write it again") from None
    except RuntimeError as error:  # of an archive that says so in one of two places only
        raise DataError(place, first_line(error), "expected a plain archive") from None
    return FileRows(to, dtype, shape, "F" if fortran else "C")


def _check_shape(shape: tuple[int, ...], place: str) -> None:
    if not shape:
        raise DataError(place, "a single value", "expected the samples as the first axis")
    if 0 in shape:
        raise DataError(place, f"empty, of shape {shape}", "expected at least one sample")


def _texts(rows: FileRows) -> Iterator[str]:
    step = max(1, BLOCK // rows.dtype.itemsize)
    for start in range(0, rows.shape[0], step):
        block = rows[start : start + step].reshape(-1)
        yield from (np.char.decode(block, "utf-8") if block.dtype.kind == "S" else block).tolist()
