"""A model of Keras 3: trained by the pipeline, or imported from a .keras or .h5 file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.schema.train import is_keras_file
from litemill.core.errors import ModelError
from litemill.models import keras_file, keras_graph, keras_model, saved_model
from litemill.models.custom_objects import import_custom_objects
from litemill.models.keras2_source import Keras2Source
from litemill.models.source_model import SourceModel
from litemill.models.untrusted_archive import UnsafeModelError

if TYPE_CHECKING:
    from litemill.config.schema.train import Model


class KerasSource(SourceModel):
    """A model that Keras 3 saves as model.keras and loads again."""

    name = "keras"
    routes = (*SourceModel.routes, "keras")
    has_layers = True

    @classmethod
    def accepts(cls, model: Model, root: Path) -> bool:
        """Accept what the pipeline builds, and files; a folder is a SavedModel."""
        if model.file is None:
            return model.build is not None
        path = root / model.file
        keras = path.is_file() or is_keras_file(model.file)
        return keras and not path.is_dir()

    @classmethod
    def store(cls, model: Any, options: Model, folder: Path) -> KerasSource:
        """Store a Keras model that is in memory."""
        source = cls.create(folder, options)
        keras_file.save_keras_file(model, source.keras_file)
        return source

    @classmethod
    def import_model(cls, model: Model, folder: Path) -> SourceModel:
        """Load a file and save it with Keras 3; what that refuses becomes a Keras 2 source."""
        assert model.file is not None
        file = Path(model.file)
        keras_model.refuse_lambda(file, allow_lambda=model.allow_lambda)
        import_custom_objects(model.custom_objects)
        if keras_model.is_keras_2():
            return Keras2Source.import_model(model, folder)
        try:
            loaded = keras_model.load_keras_file(
                file, custom_objects=model.custom_objects, allow_lambda=model.allow_lambda
            )
        except UnsafeModelError:
            raise  # Keras 2 would read it
        except ModelError as refused:
            try:
                return Keras2Source.import_model(model, folder)
            except ModelError as error:
                both = f"{refused.found}, and {error.found}"
                raise ModelError(file, both, refused.expected) from refused
        return cls.store(loaded, model, folder)

    def describe(self, model: Model) -> str:
        """Name the file and the Keras."""
        return f"a Keras file, {model.file} ({keras_model.keras_name()})"

    def signature_key(self, requested: str) -> str:
        """Return the requested name: a Keras model has none of its own."""
        return requested

    def write_saved_model(self, folder: Path, key: str) -> None:
        """Trace the model."""
        self.retrace(folder, key, batch=None, unroll=False)

    def retrace(self, folder: Path, key: str, *, batch: int | None, unroll: bool) -> None:
        """Trace the model, with another batch size or without loops."""
        model = self.load_keras()
        saved_model.save_keras(
            keras_graph.unroll(model) if unroll else model, folder, key, batch=batch
        )

    def load_keras(self) -> Any:
        """Load model.keras."""
        return keras_model.load_keras_file(self.keras_file, **self.loading_options())
