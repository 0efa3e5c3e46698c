"""The kinds of source models: the one table that everything which must know them reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.errors import ModelError, nearest
from litemill.core.files import read_json
from litemill.models.function_source import FunctionSource
from litemill.models.keras2_source import Keras2Source
from litemill.models.keras_source import KerasSource
from litemill.models.saved_model_source import SavedModelSource
from litemill.models.source_model import LOADING

if TYPE_CHECKING:
    from litemill.config.schema.train import Model
    from litemill.models.source_model import SourceModel

# The first that accepts a configuration is the model's.
_ALL: tuple[type[SourceModel], ...] = (
    FunctionSource,
    KerasSource,
    Keras2Source,
    SavedModelSource,
)
KINDS = {kind.name: kind for kind in _ALL}


def kind_of(model: Model, root: Path = Path()) -> type[SourceModel]:
    """Return the first kind that accepts the configuration of a model; paths are below `root`.

    Raises:
        ModelError: none does.
    """
    for kind in KINDS.values():
        if kind.accepts(model, root):
            return kind
    raise ModelError("model", "no source", "expected one of: build, file, function")


def import_model(model: Model, folder: Path) -> SourceModel:
    """Store a trained model in a folder, as the kind that accepts it.

    Raises:
        ModelError: there is no such model, it is damaged, or nothing here can load it.
    """
    return kind_of(model).import_model(model, folder)


def open_model(folder: Path) -> SourceModel:
    """Return the source model that the stage `train` stored in a folder.

    Raises:
        LitemillError: there is none.
    """
    name = read_json(folder / LOADING).get("kind")
    if name not in KINDS:
        raise ModelError(folder / LOADING, f"kind {name!r}", nearest(str(name), KINDS))
    return KINDS[name](folder)
