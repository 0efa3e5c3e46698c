"""What a model takes and answers, read from the model and from its answers to samples."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.config.schema.numerics import Numerics
from litemill.config.schema.train import Model, is_keras_file
from litemill.core.errors import LitemillError, ModelError, first_line, nearest
from litemill.core.files import remove
from litemill.data.sample_matching import format_shape
from litemill.models import saved_model
from litemill.models.exported_model import ExportedModel, export_model
from litemill.models.input_scaling import input_scaling
from litemill.models.keras_source import KerasSource
from litemill.models.kinds import import_model
from litemill.models.reference_outputs import match_samples, read_reference_outputs
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import numpy as np

    from litemill.data.samples import Samples
    from litemill.models.source_model import SourceModel
    from litemill.scaffold.request import ProjectRequest

    Array = np.ndarray[Any, np.dtype[Any]]

KEY = "serving_default"
BATCH = 16
# Names that Keras applications give their models, and the preset that their training had: the
# argument `mode` in each one's preprocess_input. The first that matches counts.
FAMILIES = (
    (r"efficientnet|mobilenet_?v3|convnext", "raw"),
    (r"resnet\d+_?v2|inception|xception|nasnet|mobilenet", "tf"),
    (r"resnet|vgg", "caffe"),
    (r"densenet|regnet", "torch"),
)


@dataclass(frozen=True)
class ModelFacts:
    """A model that was loaded, or built by code.

    Attributes:
        exported: its SavedModel, which answers samples.
        kind: a few words on what it is.
        trained: false of a model that code builds.
        scaling: by input, what the model itself multiplies it with first; None if nobody knows.
        family: name of the Keras application that it is or holds, and that one's preset.
        arguments: of the function that builds it, with their values.
    """

    exported: ExportedModel
    kind: str
    trained: bool
    scaling: dict[str, float] | None
    family: tuple[str, str] | None
    arguments: dict[str, Any]

    @property
    def inputs(self) -> dict[str, Any]:
        """{"dtype", "shape"} by name."""
        return dict(self.exported.signature["inputs"])

    @property
    def outputs(self) -> dict[str, Any]:
        """{"dtype", "shape"} by name."""
        return dict(self.exported.signature["outputs"])

    def signature(self) -> str:
        """Write inputs and outputs: `image float32 [any, 8, 8, 1] -> digit float32 [any, 10]`."""
        return " -> ".join(
            ", ".join(f"{n} {s['dtype']} {format_shape(s['shape'] or [])}" for n, s in side.items())
            for side in (self.inputs, self.outputs)
        )

    def refuse_other(self, samples: Samples) -> None:
        """Refuse samples of other names, shapes or types than the model takes.

        Raises:
            ModelError: names what differs.
        """
        match_samples(samples, self.exported.signature)

    def answer(self, samples: Samples, folder: Path) -> dict[str, Array]:
        """Return what the model answers to samples, by output.

        Raises:
            ModelError: the samples do not fit the model, or it fails on them.
        """
        remove(folder)
        matched = match_samples(samples, self.exported.signature)
        with capture_output(explained=LitemillError):
            self.exported.write_reference_outputs(matched, BATCH, folder)
        return {name: rows.copy() for name, rows in read_reference_outputs(folder).items()}


def read_model(request: ProjectRequest, scratch: Path, classes: int | None) -> ModelFacts:
    """Load or build the model, in this process.

    Args:
        request: where it is.
        scratch: a folder for what it is exported to.
        classes: how many the data has, for code that asks.

    Raises:
        ModelError: there is none, or nothing here can load it.
    """
    with capture_output(explained=LitemillError):
        tensorflow_start.start_tensorflow(Numerics(), home=scratch / "keras")
        (scratch / "source").mkdir()
        if request.code is not None:
            source, arguments = _built(request.code, scratch / "source", classes)
            kind = f"built by {request.code[1]}()"
        else:
            options = _options(request)
            source, arguments = import_model(options, scratch / "source"), {}
            kind = source.describe(options).partition(f", {options.file}")[0]
        exported = export_model(source, scratch / "saved_model", source.signature_key(KEY))
        family = _family(source)
        scaling = input_scaling(source)
    return ModelFacts(exported, kind, request.code is None, scaling, family, arguments)


def _options(request: ProjectRequest) -> Model:
    file = str(request.model)
    options = Model(file=file, allow_lambda=request.allow_lambda)
    if not is_keras_file(file):
        assert request.model is not None
        keys = saved_model.signature_keys(request.model)
        options.signature = KEY if KEY in keys or len(keys) != 1 else keys[0]
    return options


def _built(
    code: tuple[Path, str], folder: Path, classes: int | None
) -> tuple[SourceModel, dict[str, Any]]:
    path, name = code
    function = getattr(_module(path), name, None)
    if not callable(function):
        known = [n for n, v in vars(_module(path)).items() if inspect.isfunction(v)]
        raise ModelError(path, f"no function {name!r}", nearest(name, known))
    arguments = _arguments(path, function, classes)
    try:
        model = function(**arguments)
    except Exception as error:  # whatever code of others raises
        raise ModelError(path, f"{name}() fails ({first_line(error)})", "mend it first") from error
    if not hasattr(model, "get_config") or not hasattr(model, "inputs"):
        found = f"{name}() returned a {type(model).__name__}"
        raise ModelError(path, found, "expected a keras.Model, functional or sequential")
    return KerasSource.store(model, Model(), folder), arguments


def _module(path: Path) -> ModuleType:
    """Import a file or a package, under the name that it will have in the project."""
    inside = path / "__init__.py" if path.is_dir() else path
    name = f"models.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    search = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, inside, submodule_search_locations=search)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever code of others raises
        expected = "what it imports has to be installed, or to lie in the same package"
        raise ModelError(path, f"does not load ({first_line(error)})", expected) from error
    return module


def _arguments(path: Path, function: Any, classes: int | None) -> dict[str, Any]:
    """Return the arguments of a function: its defaults, and the number of classes by its name."""
    arguments, missing = dict[str, Any](), []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if re.fullmatch(r"(n|num|n_|num_)?(classes|labels)", name) and classes is not None:
            arguments[name] = classes
        elif parameter.default is parameter.empty:
            missing.append(name)
        elif isinstance(parameter.default, bool | int | float | str | list | tuple | None):
            default = parameter.default
            arguments[name] = list(default) if isinstance(default, tuple) else default
    if missing:
        found = f"{function.__name__}() has no default for {', '.join(missing)}"
        raise ModelError(path, found, "give each argument a default; conf/model/ can change it")
    return arguments


def _family(source: SourceModel) -> tuple[str, str] | None:
    """Return the first Keras application by the names of the model and of the models in it."""
    if not source.has_layers:
        return None
    try:
        model = source.load_keras()
    except LitemillError:  # of Keras 2, which another process would have to load
        return None
    inner = [layer.name for layer in model.layers if hasattr(layer, "layers")]
    for name in (model.name, *inner):
        for pattern, preset in FAMILIES:
            if re.search(pattern, name.lower()):
                return name, preset
    return None
