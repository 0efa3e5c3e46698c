"""Look at a model and its data together, and decide what the project says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.schema.prepare import Task
from litemill.core.errors import DataError
from litemill.data.labels import read_classes
from litemill.scaffold.data_facts import DataFacts, read_data, split_array
from litemill.scaffold.images import copy_images
from litemill.scaffold.model_facts import ModelFacts, read_model
from litemill.scaffold.plan import SCORES, Plan, metric_of, task_of
from litemill.scaffold.preprocessing_choice import choose_preprocessing
from litemill.scaffold.target_values import count_classes, kind_of_targets
from litemill.scaffold.trial import load_samples, try_samples

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.scaffold.questions import Questions
    from litemill.scaffold.request import ProjectRequest

LOADERS = "litemill.data.loaders"
COLORS = {1: "grey", 3: "RGB", 4: "RGBA"}
USUAL_SIZE = (224, 224)
NAMED = 8  # classes in a line


def investigate(request: ProjectRequest, questions: Questions, scratch: Path) -> Plan:
    """Return what the project is to say.

    Args:
        request: the model and its data.
        questions: is asked where nobody can know, and told what was found.
        scratch: a folder for what is tried.

    Raises:
        LitemillError: the model or the data cannot be used, or they do not fit each other.
    """
    scratch.mkdir()
    classes = read_classes(str(request.labels)) if request.labels is not None else None
    data = read_data(request, questions)
    _say_data(data, questions)
    count = len(classes or data.images.classes) or None
    if count is None and request.code is not None:
        count = count_classes(data)
    model = read_model(request, scratch, count)
    questions.say(f"{request.model or request.code[0]}: {model.kind}: {model.signature()}")  # type: ignore[index]
    output = _output(model, count, questions)
    width = _width(model, output)
    targets = kind_of_targets(data, width)
    task, why = task_of(data, targets, width)
    if request.task is not None and request.task is not task:
        task, why = request.task, f"As requested (--task {request.task.name})."
    if task is Task.classification and count is not None:
        _refuse_class_count(request, width, count)
    plan = Plan(request, model, data, task, {}, {"task": why})
    _choose_loader(plan, classes, questions)
    several = output if len(model.outputs) > 1 else None
    plan.metric = metric_of(task, width, several, logits=False)
    _try(plan, width, several, questions, scratch)
    if plan.metric:
        plan.why["metric"] = SCORES[plan.metric.name]
    plan.calibration()  # refuses too few samples
    return plan


def _say_data(data: DataFacts, questions: Questions) -> None:
    if data.kind != "images":
        parts = data.columns or [f"{n} {list(shape)}" for n, (shape, _) in data.arrays.items()]
        more = f" and {len(parts) - NAMED} more" if len(parts) > NAMED else ""
        target = f"; targets: {data.target}" if data.target else "; no targets"
        questions.say(f"{data.path}: {', '.join(parts[:NAMED])}{more}{target}")
        return
    found, classes = data.images, data.images.classes
    text = f"{data.path}: {len(found.images)} images"
    if classes:
        more = ", ..." if len(classes) > NAMED else ""
        text += f" in {len(classes)} classes: {', '.join(classes[:NAMED])}{more}"
    questions.say(text)
    if found.repeated:
        questions.say(f"left out: {found.repeated} images that are there twice")
    if found.left_out:
        names = found.left_out[:NAMED] + ["..."] * (len(found.left_out) > NAMED)
        questions.say(f"left out: {', '.join(names)}, which are no images")
    for folder, split in found.parts.items():
        questions.assume(f"images in {folder}/ are for {split}")


def _output(model: ModelFacts, classes: int | None, questions: Questions) -> str:
    names = sorted(model.outputs)
    if len(names) == 1:
        return names[0]
    fitting = [n for n in names if classes is not None and _width(model, n) == classes]
    likely = (fitting or names)[0]
    why = f"it has {classes} values" if fitting else "the first by name"
    return questions.choose("output that the targets are of", names, likely, why=why)


def _width(model: ModelFacts, output: str) -> int | None:
    shape = model.outputs[output]["shape"]
    return shape[-1] if shape and len(shape) > 1 else 1


def _refuse_class_count(request: ProjectRequest, width: int | None, count: int) -> None:
    if width in (None, count) or (width == 1 and count == 2):  # noqa: PLR2004
        return
    names = "labels" if request.labels is not None else "folders of classes"
    found = f"{count} {names}, and the model answers {width} values"
    expected = (
        "give --labels FILE with a name for each, in the model's order, or --task none to"
        " compare variants with the source model alone"
    )
    raise DataError(request.labels or request.data, found, expected)


def _choose_loader(plan: Plan, classes: list[str] | None, questions: Questions) -> None:
    """Fill in the loader's arguments, but for the preprocessing."""
    data, folder = plan.data, f"data/{plan.request.data_name}"
    if data.kind == "images":
        plan.load = {"_target_": f"{LOADERS}.image_folder", "path": f"{folder}/images"}
        _choose_pixels(plan, questions)
        plan.why["split"] = f"The folders {', '.join(data.images.parts)} are the splits."
    else:
        path = f"{folder}/{data.path.name}"
        plan.load = {"_target_": f"{LOADERS}.{data.kind}", "path": path}
        _choose_columns(plan)
    if classes is not None and plan.task is Task.classification:
        plan.load["classes"] = f"{folder}/labels.txt"
        plan.why["classes"] = (
            f"Names of the classes 0, 1, ..., one a line, in the model's order; copied from"
            f" {plan.request.labels.name}."  # type: ignore[union-attr]
        )
    elif data.kind == "images" and data.images.classes and plan.task is Task.classification:
        questions.assume("classes are numbered in the order of the folders' names (or: --labels)")


def _choose_pixels(plan: Plan, questions: Questions) -> None:
    shape = next(iter(plan.model.inputs.values()))["shape"]
    if len(plan.model.inputs) != 1 or shape is None or len(shape) != 4:  # noqa: PLR2004
        found = f"the model takes {plan.model.signature().split(' -> ')[0]}"
        expected = "expected one input [any, height, width, channels]; other data go into a .npz"
        raise DataError(plan.request.data, f"images, and {found}", expected)
    height, width, channels = shape[1:]
    plan.why["size"] = "Height and width that the model takes: every image is resized to it."
    if height is None or width is None:
        height, width = questions.size(
            "height and width that the model was trained on", USUAL_SIZE, why="it takes any"
        )
        plan.why["size"] = "Height and width: the model takes any; use those of its training."
    if channels not in COLORS:
        found = f"images, and the model takes {channels} channels"
        raise DataError(plan.request.data, found, "expected 1, 3 or 4")
    plan.load |= {"size": [height, width], "channels": channels}
    plan.why["channels"] = f"{COLORS[channels]}, as the model takes them."


def _choose_columns(plan: Plan) -> None:
    data, load, why = plan.data, plan.load, plan.why
    split = split_array(data)
    if data.kind == "npz":
        load["inputs"] = _arrays(plan, split)
        why["inputs"] = "Input of the model: array of the file."
    elif len(plan.model.inputs) != 1:
        names = ", ".join(sorted(plan.model.inputs))
        found = f"one table, and the model takes {names}"
        raise DataError(plan.request.data, found, "put an array for each input into a .npz")
    if data.target is not None and plan.task is not Task.none:
        load["target"] = data.target
        why["target"] = f"The {'array' if data.kind == 'npz' else 'column'} of the targets."
    if split:
        load["split" if data.kind == "npz" else "split_column"] = split
        why["split"] = "Names the split of each sample."
        why["split_column"] = why["split"]


def _arrays(plan: Plan, split: str | None) -> dict[str, str]:
    """Match arrays with the model's inputs: by name, else by shape."""
    data, inputs = plan.data, plan.model.inputs
    rest = {n: a for n, a in data.arrays.items() if n not in (data.target, split)}
    matched = {name: name for name in inputs if name in rest}
    for name, spec in inputs.items():
        fitting = [
            key
            for key, (shape, kind) in rest.items()
            if key not in matched.values() and kind in "fiub" and _fits(spec["shape"], shape)
        ]
        if name not in matched and len(fitting) == 1:
            matched[name] = fitting[0]
    if missing := sorted(set(inputs) - set(matched)):
        listed = ", ".join(f"{n} {list(shape)}" for n, (shape, _) in rest.items())
        found = f"no array for the input {missing[0]!r} alone among {listed or 'none'}"
        taken = plan.model.signature().split(" -> ")[0]
        raise DataError(plan.request.data, found, f"the model takes {taken}")
    return matched


def _fits(wanted: list[int | None] | None, shape: tuple[int, ...]) -> bool:
    return wanted is None or (
        len(wanted) == len(shape)
        and all(size in (None, there) for size, there in zip(wanted[1:], shape[1:], strict=True))
    )


def _try(
    plan: Plan, width: int | None, output: str | None, questions: Questions, scratch: Path
) -> None:
    """Choose the preprocessing, by what the model answers to a few samples where that says it."""
    looked_at = dict(plan.load)
    if plan.data.kind == "images":
        labelled = plan.task is not Task.none
        plan.samples = len(plan.data.images.images)
        some = _some(plan.data.images.images)
        copy_images(some, scratch / "images", labelled=labelled, link=True)
        looked_at["path"] = str(scratch / "images")
    else:
        looked_at["path"] = str(plan.data.path)
    if "classes" in looked_at:
        looked_at["classes"] = str(plan.request.labels)
    elif plan.data.images.classes and plan.task is Task.classification:
        looked_at["classes"] = plan.data.images.classes  # a few images may not have them all
    if width == 1 and plan.task is Task.classification:
        samples = load_samples(looked_at, plan.task, scratch / "samples").samples
        answers = try_samples(plan.model, samples, None, scratch / "answers").outputs
        values = np.asarray(answers[output or next(iter(answers))])
        logits = bool(values.min() < 0 or values.max() > 1)
        plan.metric = metric_of(plan.task, width, output, logits=logits)
    choose_preprocessing(plan, looked_at, questions, scratch)


def _some(images: list[Any]) -> list[Any]:
    """Return a few images, as many of each class as possible, those for evaluation first."""
    turn: dict[str, int] = {}
    order = []
    for number, image in enumerate(images):
        turn[image.label] = turn.get(image.label, -1) + 1
        unevaluated = image.split not in ("", "evaluation")
        order.append((unevaluated, turn[image.label], number))
    return [images[number] for _, _, number in sorted(order)[:64]]
