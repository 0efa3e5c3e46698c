"""A file of Keras 2 that Keras 3 refuses: traced in a process of its own, by tf_keras."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.models import keras2_process, keras_graph, keras_model, saved_model
from litemill.models.source_model import SourceModel

if TYPE_CHECKING:
    from litemill.config.schema.train import Model

KEY = "serving_default"  # the signature of the stored SavedModel; the export may have another


class Keras2Source(SourceModel):
    """A file of Keras 2, stored as it is and as a SavedModel."""

    name = "keras_2"
    routes = (*SourceModel.routes, "keras")
    has_layers = True

    @classmethod
    def accepts(cls, model: Model, root: Path) -> bool:  # noqa: ARG003
        """Accept nothing: only loading tells that a file is none of Keras 3."""
        return False

    @classmethod
    def import_model(cls, model: Model, folder: Path) -> Keras2Source:
        """Trace the file and copy it."""
        assert model.file is not None
        source = cls.create(folder, model)
        _trace(Path(model.file), source.loading_options(), source.saved_model, KEY)
        shutil.copyfile(model.file, source.h5_file)
        return source

    @property
    def h5_file(self) -> Path:
        """The imported file."""
        return self.imported / "model.h5"

    def describe(self, model: Model) -> str:
        """Name the file and the Keras."""
        if keras_model.is_keras_2():
            return f"a Keras file, {model.file} ({keras_model.keras_name()})"
        return f"a Keras file, {model.file} (through Keras 2, since Keras 3 refuses it)"

    def signature_key(self, requested: str) -> str:
        """Return the requested name: a Keras model has none of its own."""
        return requested

    def write_saved_model(self, folder: Path, key: str) -> None:
        """Copy the stored SavedModel, or trace another one for another name."""
        if key == KEY:
            shutil.copytree(self.saved_model, folder)
        else:
            # A SavedModel that is loaded and saved under another name has other bytes every time.
            self.retrace(folder, key, batch=None, unroll=False)

    def retrace(self, folder: Path, key: str, *, batch: int | None, unroll: bool) -> None:
        """Trace the file, with another batch size or without loops."""
        _trace(self.h5_file, self.loading_options(), folder, key, batch=batch, unroll=unroll)

    def load_keras(self) -> Any:
        """Load the file; this process has to run Keras 2."""
        return keras_model.load_keras_file(self.h5_file, **self.loading_options())

    def needs_keras_2(self, route: str) -> bool:
        """Return True for the route that hands out the Keras model."""
        return route == "keras"


def _trace(  # noqa: PLR0913
    file: Path,
    loading: dict[str, Any],
    folder: Path,
    key: str,
    *,
    batch: int | None = None,
    unroll: bool = False,
) -> None:
    """Save a file as a SavedModel: here, where this process runs Keras 2, or in another one."""
    if not keras_model.is_keras_2():
        keras2_process.save_with_keras_2(file, folder, key, batch=batch, unroll=unroll, **loading)
        return
    model = keras_model.load_keras_file(file, **loading)
    saved_model.save_keras(keras_graph.unroll(model) if unroll else model, folder, key, batch=batch)
