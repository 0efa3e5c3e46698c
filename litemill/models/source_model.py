"""The protocol of source models: what the stages after `train` ask of a model of any kind.

A kind is one module of this package, with one subclass of SourceModel; `kinds.py` lists them all. A
model is stored in the folder that the stage `train` writes:

    model.keras              the model as Keras 3 saves it, or a note that it is none of Keras 3
    imported/loading.json    its kind, and what loading it takes
    imported/code/           the project's modules that its layers are made of
    imported/                whatever else the kind stores

A kind hands out what the converter starts from (a SavedModel, a Keras model, a concrete function).
How the converter is called is no business of this package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from litemill.core.errors import ModelError
from litemill.core.files import read_json, remove, write_json
from litemill.models import custom_objects

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.config.schema.train import Model

LOADING = "imported/loading.json"
_NOTE = b"No model of Keras 3: imported/ holds it.\n"


class SourceModel(ABC):
    """A float model that variants must be faithful to, stored in a folder."""

    name: ClassVar[str]
    # By which the converter can get at it, as in the configuration.
    routes: ClassVar[tuple[str, ...]] = ("saved_model", "concrete_function", "cli")
    # Whether its own code can trace it anew: with another batch size, or recurrent layers unrolled.
    has_layers: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        """Refer to the model stored in a folder; read nothing."""
        self.folder = folder

    @classmethod
    @abstractmethod
    def accepts(cls, model: Model, root: Path) -> bool:
        """Return whether the configuration of a model is for this kind; paths are below `root`."""

    @classmethod
    @abstractmethod
    def import_model(cls, model: Model, folder: Path) -> SourceModel:
        """Store a trained model in a folder, as this kind or as the one that it turns out to be.

        Raises:
            ModelError: there is no such model, it is damaged, or nothing here can load it.
        """

    @abstractmethod
    def describe(self, model: Model) -> str:
        """Return a few words on what was imported: `a SavedModel, models/mine`."""

    @abstractmethod
    def signature_key(self, requested: str) -> str:
        """Return the name of the exported signature: the requested one where it can be chosen."""

    @abstractmethod
    def write_saved_model(self, folder: Path, key: str) -> None:
        """Write the model as a SavedModel with the signature `key`."""

    @abstractmethod
    def retrace(self, folder: Path, key: str, *, batch: int | None, unroll: bool) -> None:
        """Write a SavedModel with a fixed batch size, or with recurrent layers unrolled.

        Raises:
            ModelError: the model cannot be unrolled.
        """

    def load_keras(self) -> Any:
        """Load the Keras model, for the route `keras`.

        Raises:
            ModelError: the kind has none.
        """
        raise ModelError("the source model", f"no Keras model ({self.name})", "use another route")

    def needs_keras_2(self, route: str) -> bool:  # noqa: ARG002  # of most kinds no route does
        """Return whether a route needs a process that runs Keras 2."""
        return False

    @classmethod
    def create(cls, folder: Path, model: Model) -> Self:
        """Start anew in a folder, with no more than what loading the model takes."""
        source = cls(folder)
        remove(source.imported)
        loading = {
            "kind": cls.name,
            "custom_objects": model.custom_objects,
            "allow_lambda": model.allow_lambda,
            "signature": model.signature,
        }
        write_json(folder / LOADING, loading)
        for module in model.custom_objects:
            custom_objects.copy_code(module, source.imported / "code")
        source.keras_file.write_bytes(_NOTE)
        return source

    @property
    def imported(self) -> Path:
        """The folder of what is not `model.keras`."""
        return self.folder / "imported"

    @property
    def keras_file(self) -> Path:
        """The model as Keras 3 saves it, or a note that it is none of Keras 3."""
        return self.folder / "model.keras"

    @property
    def saved_model(self) -> Path:
        """The model as a SavedModel, in kinds that store one."""
        return self.imported / "saved_model"

    def loading(self) -> dict[str, Any]:
        """Read kind, custom_objects, allow_lambda and signature, as `create` wrote them."""
        loading: dict[str, Any] = read_json(self.folder / LOADING)
        return loading

    def loading_options(self) -> dict[str, Any]:
        """Return the arguments of `load_keras_file`, its own modules being importable from now."""
        custom_objects.make_importable(self.imported / "code")
        loading = self.loading()
        return {key: loading[key] for key in ("custom_objects", "allow_lambda")}
