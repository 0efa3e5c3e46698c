"""The files of a project that say what its model and data are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.files import remove, tree_files
from litemill.scaffold.images import copy_images

if TYPE_CHECKING:
    from litemill.scaffold.plan import Plan

TEMPLATES = Path(__file__).with_name("templates")
EXAMPLE_MODEL, EXAMPLE_DATA = "digits_cnn", "digits"
VARIANTS = ("float32", "float16", "int8")
GIT_BYTES = 1 << 20  # of a model or a data set that is committed; DVC keeps larger ones


def write_project_files(plan: Plan, root: Path) -> list[str]:
    """Put a model, its data and their configuration in the place of the template's example.

    Returns:
        Files and folders that are too large for Git, relative to the project.
    """
    model, data = plan.request.model_name, plan.request.data_name
    for example in (f"model/{EXAMPLE_MODEL}", f"data/{EXAMPLE_DATA}"):
        group, name = example.split("/")
        remove(root / "conf" / group / f"{name}.yaml")
        remove(root / ("models" if group == "model" else "data") / name)
    large = [*_copy_model(plan, root), *_copy_data(plan, root)]
    for group, name in (("model", model), ("data", data)):
        text = _render(f"{group}.yaml.j2", plan)
        (root / "conf" / group / f"{name}.yaml").write_text(text, encoding="utf-8")
    _edit(root / "params.yaml", *_parameters(plan))
    _edit(
        root / "conf" / "config.yaml",
        (rf"model: {EXAMPLE_MODEL}\b", f"model: {model}"),
        (rf"data: {EXAMPLE_DATA}\b", f"data: {data}"),
    )
    _edit(
        root / "README.md",
        ("an example; yours goes beside it, as models/mine/ and conf/model/mine.yaml", "the model"),
        (rf"{EXAMPLE_MODEL}\b", model),
        (rf"\| data/{EXAMPLE_DATA}/, conf/data/{EXAMPLE_DATA}.yaml \| the same for data \|",
         f"| data/{data}/, conf/data/{data}.yaml | the data: preprocessing, splits, metric |"),
    )  # fmt: skip
    return large


def _copy_model(plan: Plan, root: Path) -> list[str]:
    folder = root / "models" / plan.request.model_name
    if plan.request.code is not None:
        code = plan.request.code[0]
        if code.is_dir():
            shutil.copytree(code, folder, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True)
            shutil.copyfile(code, folder / "__init__.py")
        return []
    assert plan.request.model is not None
    target = folder / plan.model_file
    folder.mkdir(parents=True)
    if plan.request.model.is_dir():
        shutil.copytree(plan.request.model, target)
    else:
        shutil.copyfile(plan.request.model, target)
    return _large(target, root)


def _copy_data(plan: Plan, root: Path) -> list[str]:
    target = root / plan.load["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    if plan.request.labels is not None:
        shutil.copyfile(plan.request.labels, root / plan.load["classes"])
    if plan.data.kind == "images":
        copy_images(plan.data.images.images, target, labelled=plan.task.name != "none")
    else:
        shutil.copyfile(plan.data.path, target)
    return _large(target, root)


def _large(path: Path, root: Path) -> list[str]:
    files = [path / name for name in tree_files(path)] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    return [path.relative_to(root).as_posix()] if size > GIT_BYTES else []


def _parameters(plan: Plan) -> list[tuple[str, str]]:
    listed = "".join(f"  - {name}\n" for name in VARIANTS)
    edits = [
        (rf"model: {EXAMPLE_MODEL} # conf/model/, and the folder models/{EXAMPLE_MODEL}/",
         f"model: {plan.request.model_name} # conf/model/, and models/{plan.request.model_name}/"),
        (rf"data: {EXAMPLE_DATA} # conf/data/, and the folder data/{EXAMPLE_DATA}/",
         f"data: {plan.request.data_name} # conf/data/, and data/{plan.request.data_name}/"),
        (r"variants:\n(  - \w+\n)+", f"variants:\n{listed}"),
    ]  # fmt: skip
    if (samples := plan.calibration()) is not None:
        line = (
            "overrides:\n"
            "  # Integer variants calibrate on 100 samples; the calibration split has fewer.\n"
            f"  variants: {{int8: {{calibration: {{samples: {samples}}}}}}}"
        )
        edits.append((r"overrides: \{\}", line))
    return edits


def _edit(path: Path, *edits: tuple[str, str]) -> None:
    """Replace parts of a file of the template, each of which has to be there."""
    text = path.read_text(encoding="utf-8")
    for pattern, new in edits:
        text, count = re.subn(pattern, lambda _, new=new: new, text)  # type: ignore[misc]
        assert count, f"{path.name}: {pattern}"
    path.write_text(text, encoding="utf-8")


def _render(template: str, plan: Plan) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701  # YAML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(plan=plan)
