"""What the command line asks of a new project, and the names of its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from litemill.config.schema.prepare import Task  # noqa: TC001  # a field of a public class
from litemill.config.schema.train import KERAS_SUFFIXES
from litemill.core.errors import ModelError

# Names of files that say nothing of what is in them; the project's name says more.
GENERIC = {"model", "saved_model", "my_model", "best", "final", "weights", "export", "data"}
GENERIC |= {"dataset", "samples", "train", "build", "images"}
# What to do with files that are no source model, in one line each.
FOREIGN = {
    ".tflite": "it is the result of a conversion: `litemill inspect` describes it, and `litemill"
    " audit SOURCE FILE.tflite --samples FILE` compares it with the model that it came from",
    ".pb": "a frozen graph has to be wrapped as a SavedModel (docs/extending/source_kind.md shows"
    " how); of a SavedModel, give the folder that holds saved_model.pb",
    ".onnx": "`onnx2tf -i FILE.onnx -o FOLDER`, in an environment of its own, writes a SavedModel"
    " folder: give that",
}
FOREIGN[".pt"] = (
    "export it with torch.onnx.export, then `onnx2tf -i FILE.onnx -o FOLDER`, in an environment of"
    " its own, writes a SavedModel folder: give that"
)
FOREIGN |= dict.fromkeys((".pth", ".ckpt", ".safetensors"), FOREIGN[".pt"])
EXPECTED = "expected a .keras or .h5 file, or a SavedModel folder"


@dataclass(frozen=True)
class ProjectRequest:
    """A model and its data, as they lie outside of the project.

    Attributes:
        project: name of the project.
        model: a Keras file or a SavedModel folder; None where code builds the model.
        code: a file or package of Python, and the function in it that builds the model.
        data: a folder of images, a .npz file or a .csv file.
        labels: a file with one class a line, in the model's order.
        task: what the targets are; None is found out.
        target: the array or column of the targets; None is found out.
        allow_lambda: load Lambda layers, which are code inside of the file.
    """

    project: str
    model: Path | None
    code: tuple[Path, str] | None
    data: Path
    labels: Path | None = None
    task: Task | None = None
    target: str | None = None
    allow_lambda: bool = False

    @property
    def model_name(self) -> str:
        """The choice in conf/model/, which is the release's name, too."""
        path = self.model if self.code is None else self.code[0]
        assert path is not None
        return _name(path.resolve(), self.project, "model")

    @property
    def data_name(self) -> str:
        """The choice in conf/data/."""
        return _name(self.data.resolve(), self.project, "data")


def model_code(text: str) -> tuple[Path, str]:
    """Split `models/mine.py:build` into the code and the function.

    Raises:
        ModelError: it is not of that form, or there is no such code.
    """
    file, _, function = text.rpartition(":")
    if not file or not function.isidentifier():
        raise ModelError("--model-code", repr(text), "expected FILE.py:FUNCTION")
    path = Path(file)
    inside = path / "__init__.py" if path.is_dir() else path
    if not inside.is_file():
        found = "no such file" if not path.exists() else "no __init__.py in it"
        raise ModelError(path, found, "expected a file of Python, or a package of its own")
    return path, function


def refuse_foreign_model(path: Path) -> None:
    """Refuse what no source kind takes, and say what makes a source model of it.

    Raises:
        ModelError: names the file and what to do.
    """
    suffix = path.suffix.lower()
    if not path.exists():
        raise ModelError(path, "no such file", EXPECTED)
    if path.is_file() and suffix in FOREIGN:
        raise ModelError(path, f"a {suffix} file is no source model", FOREIGN[suffix])
    if path.is_file() and suffix not in KERAS_SUFFIXES:
        raise ModelError(path, "no model by its name", EXPECTED)
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise ModelError(path, "no saved_model.pb in it", EXPECTED)


def _name(path: Path, project: str, fallback: str) -> str:
    """Return a name that Python, DVC and a release take: letters, digits and underscores."""
    stem = path.stem if path.is_file() else path.name
    for text in (stem, project):
        name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower()
        if name.isidentifier() and name not in GENERIC:
            return name
    return fallback
