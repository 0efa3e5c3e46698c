"""The model card: what the pipeline knows of a release, for those who decide whether to use it.

Sections follow Mitchell et al., Model Cards for Model Reporting (2019), as far as a build can know.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litemill.conversion.recipes import activation_types, weight_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNSTATED = "Not stated by those who made it (`{key}` in `conf/model/`)."
COLUMNS = ("variant", "bytes", "drop", "agreement", "SNR (dB)", "largest error")


def model_card(
    manifest: Mapping[str, Any], params: Mapping[str, Any], training: Mapping[str, Any]
) -> str:
    """Give MODEL_CARD.md.

    Args:
        manifest: of the bundle.
        params: the resolved parameters.
        training: metrics of the training; empty for a model that was brought.
    """
    release = manifest["release"]
    parts = {
        f"# Model card: {release['name']} {release['version']}": _details(release),
        "## Intended use": [_stated(release, "intended_use")],
        "## Limits": _limits(release),
        "## Data": _data(manifest["data"]),
        "## Training": _training(params, training),
        "## Evaluation": _evaluation(manifest),
        "## Conversion": _conversion(params, manifest),
        "## How it was made": _made(manifest),
    }
    return "\n".join("\n".join([title, "", *lines, ""]) for title, lines in parts.items())


def _details(release: Mapping[str, Any]) -> list[str]:
    told = [release["description"], ""] if release.get("description") else []
    known = {"License": release.get("license"), "Source": release.get("repository")}
    return [
        *told,
        *(f"- {title}: {value or 'not stated'}" for title, value in known.items()),
    ]


def _stated(release: Mapping[str, Any], key: str) -> str:
    return str(release.get(key) or UNSTATED.format(key=key))


def _limits(release: Mapping[str, Any]) -> list[str]:
    return [
        _stated(release, "limitations"),
        "",
        "Judged on the evaluation samples below and on nothing else: not on other data, not for",
        "fairness between groups of people, not against deliberate attacks.",
    ]


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"Source: `{data.get('source', 'unknown')}`; task: {data.get('task', 'unknown')}."
    if classes := data.get("classes"):
        yield f"{len(classes)} classes: {', '.join(str(name) for name in classes)}."
    yield ""
    if splits := data.get("splits"):
        yield from _table(
            ("split", "samples", "SHA-256"),
            [[name, str(one["samples"]), f"`{one['sha256']}`"] for name, one in splits.items()],
        )
        yield ""
    yield "No sample is in two splits. Quantized variants were calibrated on the calibration split."


def _training(params: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[str]:
    asked = params.get("train") or {}
    build = ((asked.get("model") or {}).get("build") or {}).get("_target_")
    yield f"Trained from `{build}`." if build else "Brought from outside, not trained here."
    if fit := asked.get("fit") if build else None:
        yield ""
        yield from _code(fit)
    if training:
        yield ""
        rows = [[name, _number(value)] for name, value in sorted(training.items())]
        yield from _table(("at the end of training", "value"), rows)


def _evaluation(manifest: Mapping[str, Any]) -> Iterator[str]:
    metric = manifest["metric"]
    split = manifest["data"].get("splits", {}).get("evaluation", {})
    told = f" on {split['samples']} samples" if "samples" in split else ""
    yield f"Each variant was compared with the source model{told}."
    yield "`drop` is how much worse than the source model it is, `agreement` how often both give"
    yield "the same answer."
    yield ""
    name = metric["name"] if metric else "metric"
    columns = (*COLUMNS[:2], name, *COLUMNS[2:])
    keys = ("metric", "drop", "agreement", "snr_db", "max_abs_error")
    rows = [
        [variant, f"{entry['bytes']:,}", *(_number(entry["metrics"].get(key)) for key in keys)]
        for variant, entry in manifest["variants"].items()
    ]
    yield from _table(columns, rows)
    yield ""
    yield "Every check that it had to pass:"
    yield ""
    rows = [
        [variant, check, _number(told.get("found")), _number(told.get("limit"))]
        for variant, entry in manifest["variants"].items()
        for check, told in entry["checks"].items()
    ]
    yield from _table(("variant", "check", "found", "limit"), rows)


def _conversion(params: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    asked = params.get("convert") or {}
    rows = []
    for variant, entry in manifest["variants"].items():
        one = asked.get(variant) or {}
        shares = entry["weights"].items()
        weights = ", ".join(f"{name} {share['bytes']:,}" for name, share in shares)
        runtime = entry["min_runtime_version"] or "not told"
        rows.append([variant, _quantized(one), weights, str(runtime)])
    columns = ("variant", "quantization", "bytes of constants by type", "minimum runtime")
    yield from _table(columns, rows)


def _quantized(asked: Mapping[str, Any]) -> str:
    """Name the optimization, or what the recipe in its place asks for."""
    rules = asked.get("recipe")
    if not rules:
        return str(asked.get("optimization") or "not told")
    kinds = {"weights": weight_types(rules), "activations": activation_types(rules)}
    told = ", ".join(f"{' and '.join(sorted(types))} {of}" for of, types in kinds.items() if types)
    return f"recipe: {told}" if told else "recipe"


def _made(manifest: Mapping[str, Any]) -> Iterator[str]:
    versions = {name: v for stage in manifest["toolchain"].values() for name, v in stage.items()}
    training = manifest["training"]
    yield f"The same data gives the same weights on: {training['same_weights_on']}."
    if training["because"]:
        yield f"Why not on more: {', '.join(training['because'])}."
    if training["processor"]:
        yield f"Trained on: {training['processor']}."
    yield ""
    yield "From these weights on, every file has the same bytes on any x86-64 machine."
    yield ""
    yield f"Litemill {manifest['litemill']}, with:"
    yield ""
    yield from (f"- {name} {version}" for name, version in sorted(versions.items()))


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    yield from (f"| {' | '.join(row)} |" for row in cells)


def _code(value: Any) -> list[str]:
    return ["```json", *json.dumps(value, indent=2, sort_keys=True).splitlines(), "```"]


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
