"""A folder of images as people have it, and the form of it that a project holds."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litemill.core.errors import DataError
from litemill.data.image_folder import SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

# What people call the parts of their data, and the split that each becomes.
PARTS = {
    "train": "train", "training": "train", "calibration": "calibration", "val": "calibration",
    "valid": "calibration", "validation": "calibration", "test": "evaluation",
    "testing": "evaluation", "eval": "evaluation", "evaluation": "evaluation",
}  # fmt: skip


@dataclass(frozen=True)
class Image:
    """One file: the split that it is in by its folder, and its class; either may be empty."""

    path: Path
    split: str
    label: str

    def name(self, *, labelled: bool) -> str:
        """Return where it lies below the folder of the project."""
        parts = [self.split, self.label] if labelled else [self.split]
        name = self.path.name if labelled or not self.label else f"{self.label}-{self.path.name}"
        return "/".join([*filter(None, parts), name])


@dataclass
class ImageFiles:
    """The images of a folder.

    Attributes:
        images: each content once.
        left_out: names of files that are no images.
        repeated: how many files are copies of others.
        parts: the folders that were taken for splits, {folder: split}.
    """

    images: list[Image] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    repeated: int = 0
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The folders' names, sorted as the loader numbers them."""
        return sorted({image.label for image in self.images} - {""})


def find_images(root: Path) -> ImageFiles:
    """List the images of a folder: by class, below train/ and test/ or not, or without classes.

    Raises:
        DataError: no images, or some with a class and some without.
    """
    found = ImageFiles()
    folders = [p for p in sorted(root.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    if folders and all(folder.name.lower() in PARTS for folder in folders):
        found.parts = {folder.name: PARTS[folder.name.lower()] for folder in folders}
        for folder in folders:
            _add(found, folder, found.parts[folder.name])
    else:
        _add(found, root, "")
    if not found.images:
        raise DataError(root, "no images in it", f"expected {', '.join(SUFFIXES)}")
    if found.classes and any(not image.label for image in found.images):
        loose = next(image.path.name for image in found.images if not image.label)
        found_text = f"images beside the folders of classes ({loose})"
        raise DataError(root, found_text, "expected one folder a class, or none")
    found.images = _unique(found)
    found.images = _complete_splits(found)
    return found


def copy_images(images: list[Image], to: Path, *, labelled: bool, link: bool = False) -> None:
    """Copy images into a project's folder, or link to them there.

    Args:
        images: which.
        to: the folder.
        labelled: with one folder a class.
        link: write symbolic links, for a short look.
    """
    for image in images:
        target = to / image.name(labelled=labelled)
        target.parent.mkdir(parents=True, exist_ok=True)
        if link:
            target.symlink_to(image.path.resolve())
        else:
            shutil.copyfile(image.path, target)


def _add(found: ImageFiles, root: Path, split: str) -> None:
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_dir() or any(part.startswith(".") for part in inside.parts):
            continue
        if path.suffix.lower() not in SUFFIXES:
            found.left_out.append(inside.as_posix())
        elif len(inside.parts) > 2:  # noqa: PLR2004
            raise DataError(path, "in a folder inside of a class", "expected images there")
        else:
            label = inside.parts[0] if len(inside.parts) > 1 else ""
            found.images.append(Image(path, split, label))


def _unique(found: ImageFiles) -> list[Image]:
    """Return each content once; of two, the one that is not trained on goes."""
    order = ["train", "calibration", "evaluation", ""]
    seen, kept = dict[bytes, Image](), []
    for image in sorted(found.images, key=lambda image: order.index(image.split)):
        digest = hashlib.blake2b(image.path.read_bytes(), digest_size=16).digest()
        first = seen.setdefault(digest, image)
        if first.label != image.label:
            raise DataError(image.path, f"the same image as {first.path}", "expected one class")
        if first is image:
            kept.append(image)
        else:
            found.repeated += 1
    return sorted(kept, key=lambda image: (image.split, image.label, image.path.name))


def _complete_splits(found: ImageFiles) -> list[Image]:
    """Fill splits that the folder does not have from those that it has."""
    present = set(found.parts.values())
    if not present or present == {"train", "calibration", "evaluation"}:
        return found.images
    if len(present) == 1:  # nothing is divided: the project divides it
        found.parts = {}
        return [Image(image.path, "", image.label) for image in found.images]
    images = found.images
    if present == {"train", "calibration"}:  # what validated the training evaluates
        images = [_moved(i, "evaluation") if i.split == "calibration" else i for i in images]
        found.parts = {n: "evaluation" if s == "calibration" else s for n, s in found.parts.items()}
    splits = set(found.parts.values())
    (missing,) = {"train", "calibration", "evaluation"} - splits
    given = "train" if "train" in splits else "calibration"
    numbers: dict[str, int] = {}
    completed = []
    for image in images:  # every third of a class, by name
        numbers[image.label] = numbers.get(image.label, -1) + (image.split == given)
        third = image.split == given and numbers[image.label] % 3 == 0
        completed.append(_moved(image, missing) if third else image)
    return completed


def _moved(image: Image, split: str) -> Image:
    return Image(image.path, split, image.label)
