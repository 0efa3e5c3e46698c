"""The stages of the pipeline: the one table that everything which must know them reads."""

from __future__ import annotations

from dataclasses import dataclass

_TENSORFLOW = ("h5py", "keras", "ml-dtypes", "numpy", "tensorflow", "tf-keras")
_CONVERTER = ("flatbuffers", "litert-quantizer", *_TENSORFLOW)
_INTERPRETER = ("ai-edge-litert", "numpy")
# What fills in and escapes templates can change the bytes of every page and document.
_TEMPLATES = ("jinja2", "markupsafe")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of dvc.yaml, which stages/NAME.py runs.

    Attributes:
        name: in dvc.yaml, in stages/ and in the sections of build/params.json.
        argument: what its command takes, such as "a variant"; None if nothing.
        tensorflow: whether it runs in the worker that has imported TensorFlow.
        toolchain: the packages whose versions can change its output. None where it has no section
            of its own, because no package can.
        records_errors: whether its outputs hold the texts of errors, which are code then.
    """

    name: str
    argument: str | None = None
    tensorflow: bool = False
    toolchain: tuple[str, ...] | None = None
    records_errors: bool = False


_ALL = (
    Stage(name="configure"),
    Stage(name="prepare", toolchain=("numpy", "pandas", "pillow", "scikit-learn")),
    Stage(name="train", tensorflow=True, toolchain=_TENSORFLOW),
    # TensorFlow's converter has each file written by the package flatbuffers.
    Stage(name="export", tensorflow=True, toolchain=("flatbuffers", *_TENSORFLOW)),
    Stage(name="convert", argument="a variant", tensorflow=True, toolchain=_CONVERTER),
    Stage(name="validate", argument="a variant", toolchain=_INTERPRETER, records_errors=True),
    # The versions of compilers are in the section of each variant that is compiled.
    Stage(name="compile", records_errors=True),
    Stage(name="report", toolchain=("numpy", *_TEMPLATES)),
    Stage(name="gate"),
    Stage(name="package", toolchain=(*_INTERPRETER, *_TEMPLATES)),
    # It does what convert and validate do.
    Stage(
        name="sweep",
        argument="a sweep",
        toolchain=tuple(sorted({*_CONVERTER, *_INTERPRETER})),
        records_errors=True,
    ),
)
STAGES = {stage.name: stage for stage in _ALL}
