"""What a sweep's results depend on beside the options, each by its digest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.import_graph import closure, module_file
from litemill.config.parameters import section, to_plain
from litemill.config.schema.variant import Route, Selection, Variant
from litemill.config.toolchain import RECIPE, version_mismatches
from litemill.conversion.option_conflicts import needs_calibration
from litemill.core.errors import ConfigError, ErrorGroup
from litemill.core.files import json_sha256, read_json, sha256, tree_sha256
from litemill.models.kinds import open_model
from litemill.pipeline.code_digest import module_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What is read, below build/; the stage that makes it. The first five are what a file depends on,
# calibration where it takes part; the others are what it is measured with.
CONVERTED_FROM = {
    "export/saved_model": "export",
    "export/signature.json": "export",
    "export/signatures": "export",
    "train/model.keras": "train",
    "train/imported": "train",
}
MEASURED_WITH = {
    "export/reference": "export",
    "export/signature.json": "export",
    "export/signatures": "export",
}
SPLITS = ("prepare/calibration", "prepare/evaluation")
FILES = sorted({*CONVERTED_FROM, *MEASURED_WITH, *SPLITS})


@dataclass(frozen=True)
class SweepInputs:
    """The artifacts in a build folder, and the digests that results are kept by."""

    build: Path
    converting: str  # digest of all that a conversion depends on but its options and samples
    calibrating: str  # digest of the calibration split
    measuring: str  # digest of all that a measurement depends on but the file
    calibration: dict[str, Any]  # split.json of the calibration split
    keras: bool  # whether a Keras has the source model
    quantizers: dict[str, str]  # versions of what a file depends on where there is a recipe

    def conversion(self, variant: Variant) -> str:
        """Return the key of a variant's file."""
        samples = self.calibrating if needs_calibration(variant) else None
        quantizers = {} if variant.recipe is None else self.quantizers
        return json_sha256([self.converting, quantizers, samples, to_plain(variant)])

    def measurement(self, file: str, variant: Variant) -> str:
        """Return the key of a file's measurement; `file` is its SHA-256."""
        return json_sha256([self.measuring, file, variant.signature])

    def objection(self, variant: Variant) -> str | None:
        """Describe what these inputs have against a variant; None is nothing."""
        against = list(self._objections(variant))
        return " | ".join(against) or None

    def _objections(self, variant: Variant) -> Iterator[str]:
        if not self.keras and variant.route is Route.keras:
            yield "route: keras, and the source is no Keras model; expected another route"
        if not self.keras and variant.unroll:
            yield "unroll: true, and the source is no Keras model; expected false"
        if not needs_calibration(variant):
            return
        asked, there = variant.calibration, self.calibration["samples"]
        if asked.samples > there:
            problem = f"calibration.samples: asks for {asked.samples} of {there} samples"
            yield f"{problem}; expected no more than the calibration split has"
        if asked.selection is Selection.stratified and self.calibration["classes"] is None:
            problem = "calibration.selection: stratified without classes"
            yield f"{problem}; expected one of: first, random"
        if asked.seed < 0:
            yield f"calibration.seed: {asked.seed}; expected at least 0"


def read_inputs(build: Path) -> SweepInputs:
    """Read the digests of what `dvc repro export` left in a build folder.

    Splits were digested when they were written; the rest, which is small beside them, is read.

    Raises:
        ConfigError: something was not built.
        SeveralErrors: the environment is not the one that it was built for.
    """
    for name, stage in {**CONVERTED_FROM, **MEASURED_WITH}.items():
        if not (build / name).exists():
            raise ConfigError(build / name, "not built", f"run `dvc repro {stage}` first")
    params = section(path=build / "params.json")
    refuse_other_toolchain(params)
    splits = {name: read_json(build / name / "split.json") for name in SPLITS}
    found = {name: tree_sha256(build / name) for name in {**CONVERTED_FROM, **MEASURED_WITH}}
    return SweepInputs(
        build=build,
        converting=json_sha256(_converting(params, found)),
        calibrating=splits["prepare/calibration"]["sha256"],
        measuring=json_sha256(_measuring(params, found, splits["prepare/evaluation"]["sha256"])),
        calibration=splits["prepare/calibration"],
        keras=open_model(build / "train").has_layers,
        quantizers={name: params["toolchain"]["validate"][name] for name in RECIPE},
    )


def refuse_other_toolchain(params: Mapping[str, Any]) -> None:
    """Refuse an environment whose results would be kept as those of the pinned one.

    Raises:
        SeveralErrors: packages that can change a file or its measurement differ; all of them.
    """
    pinned = params["toolchain"]
    if wrong := version_mismatches({**pinned["convert"], **pinned["validate"]}):
        raise ErrorGroup(wrong)


def _converting(params: Mapping[str, Any], found: Mapping[str, str]) -> dict[str, Any]:
    # Models that bring code of the project have it in train/imported.
    return {
        "files": {name: found[name] for name in CONVERTED_FROM},
        "numerics": params["numerics"],
        "toolchain": params["toolchain"]["convert"],
        "code": module_digest("litemill.sweep.conversion"),
    }


def _measuring(params: Mapping[str, Any], found: Mapping[str, str], split: str) -> dict[str, Any]:
    modules = score_modules(params["validate"])
    scores = [(name, sha256(path)) for name, path in modules.items()]
    return {
        "files": {name: found[name] for name in MEASURED_WITH},
        "samples": split,
        "how": params["validate"],
        "toolchain": params["toolchain"]["validate"],
        "code": [module_digest("litemill.sweep.measuring"), scores],
    }


def score_modules(how: Mapping[str, Any]) -> dict[str, Path]:
    """Return the project's modules that score samples, by name below its folder; none of others.

    Args:
        how: the section "validate" of the resolved parameters.
    """
    target = ((how.get("metric") or {}).get("score") or {}).get("_target_")
    root = Path.cwd()
    file = module_file(str(target), root) if target else None
    found = closure(file, root) if file else set()
    # Importing a module runs the `__init__` of every package above it.
    inits = {parent / "__init__.py" for path in found for parent in path.parents}
    found |= {path for path in inits if path.is_file() and path.is_relative_to(root)}
    return {path.relative_to(root).as_posix(): path for path in sorted(found)}
