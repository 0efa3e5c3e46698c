"""A folder of images by class, decoded one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, nearest
from litemill.data.dataset import SPLITS, Dataset, FileRows
from litemill.data.labels import read_classes
from litemill.data.preprocessing import PLACE, Preprocessing, preprocessing_of
from litemill.data.untrusted_array import refuse_special
from litemill.runtime.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's name for that many channels
METHODS = ("bicubic", "bilinear", "box", "hamming", "lanczos", "nearest")  # Pillow's
ORIENTATION = 0x0112  # EXIF tag: 1 is upright
DEEP = ("I", "F")  # more than 8 bits a channel: Pillow's conversion would clip


@dataclass
class _Decoder:
    """How a file becomes an array, and what was noticed on the way."""

    size: Sequence[int] | None
    channels: int
    resize: str
    exif_orientation: bool
    preprocessing: Preprocessing
    rotated: list[Path] = field(default_factory=list)  # files with an EXIF orientation

    def as_json(self) -> dict[str, Any]:
        """Return what data.json records."""
        return {
            **self.preprocessing.as_json(),
            "order": {1: "grey", 3: self.preprocessing.order}.get(self.channels, "RGBA"),
            "size": list(self.size) if self.size else None,
            "resize": self.resize if self.size else None,
            "exif_orientation": "applied" if self.exif_orientation else "ignored",
            "exif_oriented_images": len(self.rotated),
        }


def image_folder(  # noqa: PLR0913 (one keyword a thing that YAML says)
    path: str,
    *,
    scratch: Path,
    task: str,
    size: Sequence[int] | None = None,
    channels: int = 3,
    resize: str = "bilinear",
    exif_orientation: bool = False,
    classes: Sequence[str] | str | None = None,
    preset: str | None = None,
    scale: float | str | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
) -> Dataset:
    """Read images as the input `image`, float32 [n, height, width, channels].

    One folder a class: `path/<class>/*.png`. Folders `train`, `calibration` and `evaluation` above
    the classes predeclare the splits. When the task is `none`, there are no class folders.

    Args:
        path: the folder.
        scratch: folder for the decoded images.
        task: `classification` or `none`; passed by prepare.
        size: [height, width] that every image is resized to (antialiased); None wants them all of
            one size.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); images of other modes are converted.
        resize: how: one of `METHODS`.
        exif_orientation: rotate images as their EXIF data says. Keras and TensorFlow do not.
        classes: names of the classes 0, 1, ..., or a file with one name a line; None numbers the
            folders in the order of their names.
        preset: `raw` (0..255), `unit` (0..1, the default), `tf`, `caffe` or `torch`.
        scale: instead of a preset, what pixels of 0..255 are multiplied with: `1/255`.
        mean: what is subtracted then; a number, or one a channel.
        std: what the result is divided by; a number, or one a channel.

    Raises:
        DataError: a folder is missing or empty, a file is no image of 8 bits a channel, or an
            option is wrong.
    """
    _refuse_wrong(path, task, size, channels, resize)
    if (preset, scale, mean, std) == (None, None, None, None):
        preset = "unit"
    preprocessing = preprocessing_of(
        PLACE, channels, preset=preset, scale=scale, mean=mean, std=std
    )
    if preprocessing.order == "BGR" and channels != 3:  # noqa: PLR2004
        raise DataError(f"{PLACE}.preset", f"{preset} with {channels} channels", "expected 3")
    decoder = _Decoder(size, channels, resize, exif_orientation, preprocessing)
    root = Path(path)
    splits = _splits(root)
    folders = {split: root / split if split else root for split in splits}
    names = _classes(path, folders, read_classes(classes)) if task != "none" else []
    files = [
        (split, label, file)
        for split, folder in folders.items()
        for label, name in enumerate(names or [""])
        if not name or (folder / name).is_dir()
        for file in _images(folder / name)
    ]
    stored = _decode([file for _, _, file in files], scratch / "images.raw", decoder)
    return Dataset(
        inputs={"image": stored},
        targets=np.array([label for _, label, _ in files]) if names else None,
        classes=names or None,
        split=np.array([split for split, _, _ in files]) if splits != [""] else None,
        place=path,
        detail=lambda sample: files[sample][2].relative_to(root).as_posix(),
        preprocessing={"image": decoder.as_json()},
        notes=_notes(decoder),
    )


def _classes(path: str, folders: dict[str, Path], declared: list[str] | None) -> list[str]:
    """Return the classes in the order of their numbers."""
    present = sorted({name for folder in folders.values() for name in _folders(folder)})
    if not present:
        raise DataError(path, "no class folders", "expected one folder a class")
    for name in present:
        if declared is not None and name not in declared:
            raise DataError(
                path, f"folder {name!r} is not among the classes", nearest(name, declared)
            )
    return present if declared is None else declared


def _notes(decoder: _Decoder) -> list[str]:
    count = len(decoder.rotated)
    if not count:
        return []
    effect = "applied" if decoder.exif_orientation else "ignored, as Keras does"
    images = "1 image has" if count == 1 else f"{count} images have"
    return [f"{images} an EXIF orientation, {effect} ({PLACE}.exif_orientation)"]


def _refuse_wrong(
    path: str, task: str, size: Sequence[int] | None, channels: int, resize: str
) -> None:
    if channels not in MODES:
        raise DataError("data.load.channels", str(channels), "expected 1, 3 or 4")
    if size is not None and (len(size) != 2 or min(size) < 1):  # noqa: PLR2004
        raise DataError("data.load.size", str(list(size)), "expected [height, width]")
    if resize not in METHODS:
        raise DataError("data.load.resize", repr(resize), nearest(resize, METHODS))
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


def _decode(files: list[Path], to: Path, decoder: _Decoder) -> FileRows:
    shape: tuple[int, ...] | None = None
    with to.open("wb") as out, Progress("prepare", len(files), "images") as progress:
        for file in files:
            pixels = _pixels(file, decoder)
            shape = shape or pixels.shape
            if pixels.shape != shape:
                found = "x".join(map(str, pixels.shape[:2]))
                expected = f"{files[0].name} is {shape[0]}x{shape[1]}; give `size` to resize"
                raise DataError(file, f"{found} pixels (height x width)", expected)
            out.write(np.ascontiguousarray(decoder.preprocessing.apply(pixels)).data)
            progress.advance()
    assert shape is not None
    return FileRows(to, np.dtype(np.float32), (len(files), *shape))


def _pixels(file: Path, decoder: _Decoder) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            image.load()
            rotated = image.getexif().get(ORIENTATION, 1) != 1
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problem = str(error).replace(repr(str(file)), "it")
        raise DataError(
            file, f"not readable as an image ({problem})", "mend or remove it"
        ) from None
    if image.mode.startswith(DEEP):
        found = f"more than 8 bits a channel (mode {image.mode})"
        raise DataError(file, found, "save it with 8 bits")
    if rotated:
        decoder.rotated.append(file)
    upright = ImageOps.exif_transpose(image) if rotated and decoder.exif_orientation else image
    converted, size = upright.convert(MODES[decoder.channels]), decoder.size
    if size is not None and converted.size != (size[1], size[0]):
        method = Image.Resampling[decoder.resize.upper()]
        converted = converted.resize((size[1], size[0]), method)
    pixels = np.asarray(converted)
    return pixels.reshape(*pixels.shape[:2], -1)
