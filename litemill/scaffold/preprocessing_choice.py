"""Which preprocessing a project declares: by what the model answers, its layers, or its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.errors import DataError
from litemill.data.preprocessing import COLORS, PRESETS
from litemill.scaffold.trial import LoadedSamples, Trial, best, load_samples, tied, try_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from litemill.scaffold.plan import Plan
    from litemill.scaffold.questions import Questions

AS_STORED = "as stored"  # of arrays and tables: no preprocessing
RANGES = {
    AS_STORED: "taken as they are",
    "raw": "0 to 255",
    "unit": "0 to 1",
    "tf": "-1 to 1",
    "caffe": "BGR, less the mean of ImageNet",
    "torch": "0 to 1, less mean, by standard deviation of ImageNet",
}
BYTE = 1.5  # values above it are no shares


def choose_preprocessing(
    plan: Plan, load: Mapping[str, Any], questions: Questions, scratch: Path
) -> None:
    """Put the preprocessing into the plan's loader, with the reason.

    Args:
        plan: its task, loader and metric are known.
        load: the loader's arguments, of a few samples outside of the project.
        questions: is asked where nothing tells.
        scratch: a folder for what is tried.

    Raises:
        LitemillError: the samples cannot be loaded, or do not fit the model.
    """

    def loaded(preset: str) -> LoadedSamples:
        arguments = dict(load)
        _declare(arguments, preset, plan)
        return load_samples(arguments, plan.task, scratch / "samples")

    first = loaded("raw" if plan.data.kind == "images" else AS_STORED)
    if plan.data.kind != "images":
        plan.samples = first.count
    plan.model.refuse_other(first.samples)
    _refuse_classes(plan, first)
    presets = _candidates(plan, first)
    likely, reason = _likely(plan, presets)
    if plan.model.trained and plan.metric is not None:
        trials = {p: try_samples(plan.model, loaded(p).samples, plan.metric, scratch / "answers")
                  for p in presets}  # fmt: skip
        chosen, reason = _judge(plan, trials, likely, reason, questions)
    else:
        try_samples(plan.model, first.samples, None, scratch / "answers")  # do they fit?
        chosen = likely
        if reason:
            questions.say(_said(chosen, reason))
        else:
            reason = "nothing in the model or the data tells; chosen at `litemill init`"
            question = "preprocessing that the model was trained with"
            chosen = questions.choose(question, presets, likely, why="nothing tells")
    _declare(plan.load, chosen, plan)
    key = "preset" if plan.data.kind == "images" else "preprocess"
    plan.why[key] = f"Values as the model takes them: {RANGES[chosen]}. Why: {reason}."


def _declare(load: dict[str, Any], preset: str, plan: Plan) -> None:
    if plan.data.kind == "images":
        load["preset"] = preset
    elif preset != AS_STORED:
        name = next(iter(load.get("inputs", {"features": ""})))
        load["preprocess"] = {name: {"preset": preset}}


def _candidates(plan: Plan, first: LoadedSamples) -> list[str]:
    """Return the presets that may be meant; of arrays only where they may be pixels."""
    values = next(iter(first.samples.inputs.values()))
    presets = list(PRESETS)
    if values.ndim != 4 or values.shape[-1] != COLORS:  # noqa: PLR2004  # [n, height, width, RGB]
        presets = [p for p in presets if isinstance(PRESETS[p].get("mean", 0), int)]
    if plan.data.kind == "images":
        return presets
    pixels = values.ndim >= 3 and values.min() >= 0 and values.max() > BYTE  # noqa: PLR2004
    single = len(first.samples.inputs) == 1
    # "raw" is what is stored, where that is 0 to 255.
    return [AS_STORED, *[p for p in presets if p != "raw"]] if pixels and single else [AS_STORED]


def _likely(plan: Plan, presets: list[str]) -> tuple[str, str]:
    """Return the preset that the model suggests, and by what; nothing where it does not."""
    raw = "raw" if "raw" in presets else AS_STORED
    scaling, family = plan.model.scaling, plan.model.family
    if presets == [AS_STORED]:
        return AS_STORED, "the file holds what the model takes"
    if scaling:
        name, factor = next(iter(scaling.items()))
        return raw, f"the model itself multiplies {name} by {factor:.3g}"
    if family and family[1] in presets:
        return family[1], f"it holds {family[0]} of Keras' applications"
    if not plan.model.trained:
        return ("unit" if "unit" in presets else raw), "the build trains it on these values"
    return ("unit" if "unit" in presets else raw), ""


def _judge(
    plan: Plan, trials: dict[str, Trial], likely: str, reason: str, questions: Questions
) -> tuple[str, str]:
    """Take what the model answers best, and ask where that is no better than chance."""
    assert plan.metric is not None
    chosen = best(trials, likely if reason else None, plan.metric.goal)
    number: Callable[[float], str] = lambda score: f"{score:.3g}"  # noqa: E731
    count = next(iter(trials.values())).samples
    scores = ", ".join(f"{name} {number(trial.score)}" for name, trial in trials.items())
    evidence = f"{plan.metric.name} on {count} samples: {scores}"
    trial = trials[chosen]
    if not trial.doubt:
        rivals = tied(trials, chosen, plan.metric.goal)
        reason = f"{reason}; {evidence}".removeprefix("; ")
        if len(rivals) > 1:
            question = "preprocessing that the model was trained with"
            why = f"close to each other; {reason}"
            chosen = questions.choose(question, rivals, chosen, why=why)
            return chosen, f"{reason}; not certain, for {', '.join(rivals)} differ by chance"
        questions.say(_said(chosen, reason))
        return chosen, reason
    questions.say(f"warning: {evidence}: {trial.doubt}")
    if len(trials) > 1:
        question = "preprocessing that the model was trained with"
        chosen = questions.choose(question, list(trials), likely, why=reason or "a guess")
    return chosen, f"a guess, since the model is at chance on the samples; {evidence}"


def _said(preset: str, reason: str) -> str:
    named = "" if preset == AS_STORED else f" (preset {preset})"
    return f"values are {RANGES[preset]}{named}: {reason}"


def _refuse_classes(plan: Plan, first: LoadedSamples) -> None:
    """Refuse labels of a file that are more or fewer classes than the model answers."""
    if first.classes is None or plan.data.kind == "images":
        return
    shapes = [s["shape"] for s in plan.model.outputs.values() if s["shape"]]
    widths = {shape[-1] if len(shape) > 1 else 1 for shape in shapes}
    if {first.classes, None} & widths or (1 in widths and first.classes == 2):  # noqa: PLR2004
        return
    most = max(filter(None, widths))
    found = f"labels of {first.classes} classes, and the model answers {most} values"
    expected = "give --labels FILE with a name for each, in the model's order"
    raise DataError(plan.request.data, found, expected)
