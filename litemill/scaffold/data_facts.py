"""What a data set holds, found out without a model: a folder of images, a .npz or a .csv file."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litemill.core.errors import DataError, nearest
from litemill.data.untrusted_array import SUFFIX, open_archive, read_header, refuse_special
from litemill.scaffold.images import ImageFiles, find_images

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.scaffold.questions import Questions
    from litemill.scaffold.request import ProjectRequest

TARGETS = ("y", "label", "labels", "target", "targets", "class", "classes", "output", "outputs")
SPLIT = "split"


@dataclass(frozen=True)
class DataFacts:
    """A data set.

    Attributes:
        kind: `images`, `npz` or `csv`.
        path: where it lies.
        images: of a folder of images.
        arrays: of a .npz file: {name: (shape, kind of NumPy's type)}.
        columns: of a .csv file.
        target: the array or column of the targets; None where there are none.
    """

    kind: str
    path: Path
    images: ImageFiles = field(default_factory=ImageFiles)
    arrays: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    target: str | None = None


def read_data(request: ProjectRequest, questions: Questions) -> DataFacts:
    """Look at the data, and ask for what it does not say itself.

    Raises:
        DataError: it is not there, or of no kind that a loader takes.
    """
    path = request.data
    if not path.exists():
        raise DataError(path, "no such file", "expected a folder of images, a .npz or a .csv file")
    if path.is_dir():
        if request.target is not None:
            raise DataError("--target", request.target, "the folders of images are the classes")
        return DataFacts("images", path, images=find_images(path))
    suffix = path.suffix.lower()
    if suffix == ".npz":
        arrays = _arrays(path)
        target = _target(request, sorted(arrays), "array", None, questions)
        return DataFacts("npz", path, arrays=arrays, target=target)
    if suffix == ".csv":
        columns = _columns(path)
        target = _target(request, columns, "column", columns[-1], questions)
        return DataFacts("csv", path, columns=columns, target=target)
    found = f"a {suffix} file" if suffix else "a file without a suffix"
    raise DataError(path, found, "expected a folder of images, a .npz or a .csv file")


def _arrays(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    arrays: dict[str, tuple[tuple[int, ...], str]] = {}
    with open_archive(path) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(SUFFIX):
                with archive.open(entry) as source:
                    place = f"{path}: {entry.filename}"
                    shape, _, dtype = read_header(source, entry.file_size, place)
                arrays[entry.filename.removesuffix(SUFFIX)] = (shape, dtype.kind)
    if not arrays:
        raise DataError(path, "no arrays in it", "expected what numpy.savez writes")
    return arrays


def _columns(path: Path) -> list[str]:
    refuse_special(path, "expected a CSV file")
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        columns = next(csv.reader(file), [])
    if len(columns) < 2:  # noqa: PLR2004
        found = f"{len(columns)} columns in its first line"
        raise DataError(path, found, "expected the names of columns, separated by commas")
    return columns


def _target(
    request: ProjectRequest, names: list[str], what: str, last: str | None, questions: Questions
) -> str | None:
    """Return the name of the targets: as requested, by a usual name, the last column, or asked."""
    if request.task is not None and request.task.name == "none":
        return None
    if request.target is not None:
        if request.target not in names:
            raise DataError(f"--target: {request.data}", f"no {what} {request.target!r}",
                            nearest(request.target, names))  # fmt: skip
        return request.target
    usual = [name for name in names if name.lower() in TARGETS]
    if len(usual) == 1:
        return usual[0]
    likely = (usual or ([last] if last else []))[:1]
    if not likely:
        return None
    why = "a usual name" if usual else f"the last {what}"
    return questions.choose(f"{what} of the targets", names, likely[0], why=why)


def split_array(facts: DataFacts) -> str | None:
    """Return the array or column that names the split of each sample, if there is one."""
    texts = [n for n, (_, kind) in facts.arrays.items() if kind in "US"]
    names: list[Any] = [*texts, *facts.columns]
    return SPLIT if SPLIT in names and facts.target != SPLIT else None
