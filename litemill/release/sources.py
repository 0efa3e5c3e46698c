"""What a release is collected from: the artifacts of the stages before it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import section
from litemill.core.files import read_json, tree_sha256
from litemill.models.reference_outputs import read_signature

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """Where the artifacts are; relative names below `build` go into the manifest."""

    build: Path
    params: Path

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of the source model: as `train` left it, and as a SavedModel."""
        # For an imported model that is none of Keras 3, model.keras is a line that says so.
        keras = zipfile.is_zipfile(self.build / "train/model.keras")
        names = ("train/model.keras" if keras else "train/imported", "export/saved_model")
        return {name: tree_sha256(self.build / name) for name in names}

    def signature(self, variant: str) -> dict[str, Any]:
        """Read the signature of the source model that a variant has."""
        name = section("convert", variant, path=self.params)["signature"]
        return read_signature(self.build / "export", name)

    def training(self) -> Any:
        """Read the metrics of the training."""
        path = self.build / "train" / "metrics.json"
        return read_json(path) if path.exists() else {}

    def portability(self) -> Any:
        """Read where the same training gives the same weights."""
        return read_json(self.build / "train" / "portability.json")

    @property
    def overlays(self) -> Path:
        """The folder with the error of each layer, a file for each variant that has it."""
        return self.build / "report" / "explore"

    def model(self, variant: str) -> Path:
        """Return the path of a variant's file."""
        return self.build / "convert" / variant / "model.tflite"

    def compiled(self, variant: str) -> Path:
        """Return the path of what a compiler made of a variant's file."""
        return self.build / "compile" / variant / "model.tflite"
