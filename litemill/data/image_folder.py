"""A folder of images by class, decoded one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litemill.core.errors import DataError
from litemill.data.dataset import SPLITS, Dataset, FileRows
from litemill.data.untrusted_array import refuse_special

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's name for that many channels
DEEP = ("I", "F")  # more than 8 bits a channel: Pillow's conversion would clip


def image_folder(
    path: str,
    *,
    scratch: Path,
    task: str,
    size: Sequence[int] | None = None,
    channels: int = 3,
) -> Dataset:
    """Read images as the input `image`, float32 [n, height, width, channels], 0..1.

    One folder a class: `path/<class>/*.png`; classes are numbered in the order of their names.
    Folders `train`, `calibration` and `evaluation` above the classes predeclare the splits. When
    the task is `none`, there are no class folders. EXIF rotation is not applied.

    Args:
        path: the folder.
        scratch: folder for the decoded images.
        task: `classification` or `none`; passed by prepare.
        size: [height, width] that every image is resized to (bilinear, antialiased); None wants
            them all of one size.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); images of other modes are converted.

    Raises:
        DataError: a folder is missing or empty, or a file is no image of 8 bits a channel.
    """
    _refuse_wrong(path, task, size, channels)
    root = Path(path)
    splits = _splits(root)
    folders = {split: root / split if split else root for split in splits}
    classes = sorted({c for f in folders.values() for c in _folders(f)}) if task != "none" else []
    if task != "none" and not classes:
        raise DataError(path, "no class folders", "expected one folder a class")
    files = [
        (split, label, file)
        for split, folder in folders.items()
        for label, name in enumerate(classes or [""])
        if not name or (folder / name).is_dir()
        for file in _images(folder / name)
    ]
    stored = _decode([file for _, _, file in files], scratch / "images.raw", size, MODES[channels])
    return Dataset(
        inputs={"image": stored},
        targets=np.array([label for _, label, _ in files]) if classes else None,
        classes=classes or None,
        split=np.array([split for split, _, _ in files]) if splits != [""] else None,
        place=path,
        detail=lambda sample: files[sample][2].relative_to(root).as_posix(),
    )


def _refuse_wrong(path: str, task: str, size: Sequence[int] | None, channels: int) -> None:
    if channels not in MODES:
        raise DataError("data.load.channels", str(channels), "expected 1, 3 or 4")
    if size is not None and (len(size) != 2 or min(size) < 1):  # noqa: PLR2004
        raise DataError("data.load.size", str(list(size)), "expected [height, width]")
    if task == "regression":
        raise DataError(path, "folders give classes, no numbers", "expected task: classification")


def _folders(folder: Path) -> list[str]:
    try:
        return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    except FileNotFoundError:
        raise DataError(folder, "no such folder", "expected one folder a class") from None
    except NotADirectoryError:
        raise DataError(folder, "a file", "expected a folder of images") from None


def _splits(root: Path) -> list[str]:
    found = _folders(root)
    if not set(found) & set(SPLITS):
        return [""]
    if set(found) != set(SPLITS):
        raise DataError(root, f"folders {', '.join(found)}", f"expected {', '.join(SPLITS)}")
    return list(SPLITS)


def _images(folder: Path) -> list[Path]:
    files = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    for file in files:
        if file.is_dir():
            raise DataError(file, "a folder inside a class", "expected images")
        refuse_special(file, "expected an image")
        if file.suffix.lower() not in SUFFIXES:
            raise DataError(file, "no image by its name", f"expected {', '.join(SUFFIXES)}")
    if not files:
        raise DataError(folder, "no images", "expected at least one")
    return files


def _decode(files: list[Path], to: Path, size: Sequence[int] | None, mode: str) -> FileRows:
    shape: tuple[int, ...] | None = None
    with to.open("wb") as out:
        for file in files:
            pixels = _pixels(file, size, mode)
            shape = shape or pixels.shape
            if pixels.shape != shape:
                found = "x".join(map(str, pixels.shape[:2]))
                expected = f"{files[0].name} is {shape[0]}x{shape[1]}; give `size` to resize"
                raise DataError(file, f"{found} pixels (height x width)", expected)
            out.write((pixels.astype(np.float32) / np.float32(255)).data)
    assert shape is not None
    return FileRows(to, np.dtype(np.float32), (len(files), *shape))


def _pixels(file: Path, size: Sequence[int] | None, mode: str) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problem = str(error).replace(repr(str(file)), "it")
        raise DataError(
            file, f"not readable as an image ({problem})", "mend or remove it"
        ) from None
    if image.mode.startswith(DEEP):
        found = f"more than 8 bits a channel (mode {image.mode})"
        raise DataError(file, found, "save it with 8 bits")
    converted = image.convert(mode)
    if size is not None and converted.size != (size[1], size[0]):
        converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(converted)
    return pixels.reshape(*pixels.shape[:2], -1)
