"""One signature of a source model, exported: what conversion starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from litemill.models import keras_graph, saved_model
from litemill.models.reference_outputs import write_reference_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.data.samples import Samples
    from litemill.models.source_model import SourceModel


@dataclass(frozen=True)
class ExportedModel:
    """A source model of any kind, as the stages train and export leave it.

    Attributes:
        source: the model.
        saved_model: a SavedModel of it.
        signature: {"key", "inputs", "outputs"}, as in signature.json.
        unrolled: whether the Keras model has its recurrent layers unrolled.
    """

    source: SourceModel
    saved_model: Path
    signature: dict[str, Any]
    unrolled: bool = False

    @property
    def key(self) -> str:
        """The name of the signature."""
        return str(self.signature["key"])

    def concrete_function(self) -> Any:
        """Load the signature: `saved_model.load_signature`."""
        return saved_model.load_signature(self.saved_model, self.key)

    def keras_model(self) -> Any:
        """Load the Keras model, its outputs named as in the signature.

        Raises:
            ModelError: the source has none.
        """
        model = self.source.load_keras()
        if self.unrolled:
            keras_graph.unroll(model)
        return keras_graph.with_named_outputs(model, self.signature)

    def may_have_loops(self) -> bool:
        """Return whether the graph seems to have a loop; a Keras 2 layer may be fused later."""
        return b"While" in (self.saved_model / "saved_model.pb").read_bytes()

    def write_reference_outputs(self, samples: Samples, size: int, folder: Path) -> None:
        """Write what the model answers to samples: `reference_outputs.write_reference_outputs`."""
        write_reference_outputs(self.concrete_function(), samples, size, folder)

    def retrace(self, folder: Path, *, batch: int | None, unroll: bool) -> ExportedModel:
        """Return the model with a fixed batch size or without loops, its SavedModel in `folder`.

        A Keras model is traced anew, for its loops hold on to the batch size that they were traced
        with; other functions are called with the new one.

        Raises:
            ModelError: the model cannot be unrolled.
        """
        self.source.retrace(folder, self.key, batch=batch, unroll=unroll)
        traced = export_signature(self.source, folder, self.key)
        return replace(traced, signature=self.signature | traced.signature, unrolled=unroll)


def export_signature(source: SourceModel, folder: Path, key: str) -> ExportedModel:
    """Describe a signature of a source model whose SavedModel is in `folder`.

    Raises:
        ModelError: no SavedModel there, or no such signature.
    """
    function = saved_model.load_signature(folder, key)
    return ExportedModel(source, folder, saved_model.describe_signature(function, key))


def export_model(source: SourceModel, folder: Path, requested: str) -> ExportedModel:
    """Write a source model as a SavedModel to `folder`; `requested` names its signature if it can.

    Raises:
        ModelError: the model cannot be exported.
    """
    key = source.signature_key(requested)
    source.write_saved_model(folder, key)
    return export_signature(source, folder, key)
