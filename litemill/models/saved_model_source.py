"""A SavedModel that others exported: one of its signatures is the source model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.errors import ModelError
from litemill.models import graph_operators, saved_model
from litemill.models.source_model import SourceModel

if TYPE_CHECKING:
    from litemill.config.schema.train import Model


class SavedModelSource(SourceModel):
    """A SavedModel, stored without the random number that nothing needs."""

    name = "saved_model"

    @classmethod
    def accepts(cls, model: Model, root: Path) -> bool:  # noqa: ARG003  # all that Keras left
        """Accept a folder."""
        return model.file is not None

    @classmethod
    def import_model(cls, model: Model, folder: Path) -> SavedModelSource:
        """Copy the SavedModel; of other tags or several graphs, save one signature anew."""
        assert model.file is not None
        source, file = cls.create(folder, model), Path(model.file)
        graph_operators.refuse_operators(file, model.allow_operators)
        saved_model.load_signature(file, model.signature, model.tags)
        if model.tags or not saved_model.has_usual_tags(file):
            saved_model.retag(file, model.signature, model.tags, source.saved_model)
        else:
            ignore = shutil.ignore_patterns(saved_model.FINGERPRINT, "__pycache__")
            shutil.copytree(file, source.saved_model, ignore=ignore)
        return source

    def describe(self, model: Model) -> str:
        """Name the folder."""
        return f"a SavedModel, {model.file}"

    def signature_key(self, requested: str) -> str:  # noqa: ARG002
        """Return the name that the SavedModel has for it."""
        return str(self.loading()["signature"])

    def write_saved_model(self, folder: Path, key: str) -> None:  # noqa: ARG002  # it has that name
        """Copy the SavedModel."""
        shutil.copytree(self.saved_model, folder)

    def retrace(self, folder: Path, key: str, *, batch: int | None, unroll: bool) -> None:
        """Call the signature with a fixed batch size."""
        if unroll:
            expected = "expected a .keras or .h5 file for it"
            raise ModelError("the source model", "`unroll` of a graph", expected)
        assert batch is not None  # or there would be nothing to do
        function = saved_model.load_signature(self.saved_model, key)
        fixed, specs = saved_model.with_batch(function, batch)
        saved_model.save_function(fixed, specs, function.variables, folder, key)
