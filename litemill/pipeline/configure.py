"""Compose and check the whole configuration, once.

Hydra composes conf/ with the choices of params.yaml; everything is checked before anything is
trained; what each stage depends on goes to a section of its own in build/params.json.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config import selection, toolchain
from litemill.config.compose import compose
from litemill.config.empty_choices import empty_choice_notes
from litemill.config.parameters import as_dataclass, to_plain, write_parameters, written_sections
from litemill.config.schema.config import Config
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.package import Release
from litemill.config.schema.prepare import Prepare
from litemill.config.schema.target import MEASURED
from litemill.config.schema.train import Model, Train
from litemill.config.schema.validate import Export, Validate
from litemill.config.schema_validation import schema_errors, typed_without
from litemill.core.errors import ErrorGroup
from litemill.core.files import write_json
from litemill.pipeline import code_digest, rules
from litemill.pipeline.dvc_dependencies import undeclared_dependencies
from litemill.pipeline.model_rules import main_signature
from litemill.pipeline.portability_notes import portability_notes
from litemill.pipeline.reached import places_reached, reached
from litemill.pipeline.resolution import (
    compiler_section,
    pin_versions,
    resolve_recipes,
    resolve_sweeps,
)
from litemill.pipeline.stage_table import STAGES
from litemill.pipeline.target_rules import resolve_targets
from litemill.runtime import environment, worker_client
from litemill.targets.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litemill.config.schema.target import Cpu
    from litemill.config.schema.variant import Variant

# Options of a target that change nothing of what is compiled.
_JUDGING = ("limits", "samples")
_WITH_TENSORFLOW = ("prepare", "train", "export", "convert", "numerics")


def configure(root: Path, words: Sequence[str] = ()) -> dict[str, Any]:
    """Resolve the parameters of every stage, from the project in `root`.

    Args:
        root: the project.
        words: of a command line, in Hydra's grammar, over what params.yaml says.

    Raises:
        LitemillError: anything is wrong; one line for each error found.
    """
    composed = compose(root, words)
    wrong: list[str] = []

    def place(path: str) -> str:
        wrong.append(path)
        return composed.place(path)

    errors = schema_errors(composed.tree, Config, place)
    # What does not depend on a faulty section is judged all the same.
    config: Config = typed_without(composed.tree, Config, wrong)
    resolve_recipes(config, composed, errors)
    targets = resolve_targets(config, composed, root, errors)
    versions = pin_versions(config, composed, root, targets, wrong=wrong, errors=errors)
    errors += rules.rule_errors(config, composed, root, wrong)
    sweeps = resolve_sweeps(config, composed, root, wrong, errors)
    if not errors:
        reached = places_reached(config, composed, root)
        errors += undeclared_dependencies(root, reached, composed.choices)
    if errors:
        raise ErrorGroup(errors)
    sections = _sections(config, composed.choices, versions, targets)
    return {**sections, "sweep": to_plain(sweeps)}


def _sections(
    config: Config,
    choices: dict[str, str],
    versions: dict[str, dict[str, str]],
    targets: Mapping[str, Cpu],
) -> dict[str, Any]:
    data, model, task = config.data, config.model, config.data.task.name
    convert = {name: asdict(variant) for name, variant in config.variants.items()}
    limits = {
        name: {**config.limits, **targets[name].limits, **options.pop("limits")}
        for name, options in convert.items()
    }
    for options in convert.values():
        del options["target"]  # another one converts nothing again
    release = Release(
        name=config.release.name or choices["model"],
        version=config.release.version,
        description=model.description,
        intended_use=model.intended_use,
        limitations=model.limitations,
        repository=config.release.repository,
        license=model.license,
        golden_samples=config.release.golden_samples,
    )
    measuring = Validate(**asdict(config.validate), task=task, metric=data.metric)
    sections = {
        "prepare": asdict(Prepare(load=data.load, task=data.task, split=data.split)),
        "train": asdict(_train(config)),
        "export": asdict(Export(**asdict(config.export), others=_others(config))),
        "convert": convert,
        "validate": asdict(measuring),
        "report": {
            "title": release.name,
            "version": release.version,
            "description": release.description,
            "variants": list(config.variants),
        },
        "limits": limits,
        "release": asdict(release),
        "numerics": asdict(config.numerics),
        "toolchain": {name: pins for name, pins in versions.items() if name in STAGES},
        "targets": {
            name: _target(variant.target, targets[name], versions)
            for name, variant in config.variants.items()
        },
        "compile": _compile(config, targets, versions),
        "quantizers": {
            name: _quantizers(variant, versions) for name, variant in config.variants.items()
        },
    }
    return {name: to_plain(section) for name, section in sections.items()}


def _target(name: str, target: Cpu, versions: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return what the measurement of a variant depends on, of its target."""
    options = {f.name: getattr(target, f.name) for f in fields(MEASURED[target.kind])}
    del options["limits"]
    pins = versions.get(KINDS[target.kind].kernels or "", {})
    return {"name": name, "options": options, "versions": pins}


def _compile(
    config: Config, targets: Mapping[str, Cpu], versions: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """Return what compiling depends on, by variant whose target has a compiler."""
    sections = {}
    for name, target in targets.items():
        kind = KINDS[target.kind]
        if kind.compiler_packages:
            options = {key: value for key, value in asdict(target).items() if key not in _JUDGING}
            pins = versions[compiler_section(kind)]
            target_name = config.variants[name].target
            sections[name] = {"name": target_name, "options": options, "versions": pins}
    return sections


def _quantizers(variant: Variant, versions: dict[str, dict[str, str]]) -> dict[str, str]:
    """List what quantizes this variant alone: another LiteRT converts no other one again."""
    known = versions["validate"]
    return {} if variant.recipe is None else {name: known[name] for name in toolchain.RECIPE}


def _train(config: Config) -> Train:
    own = {field.name: getattr(config.model, field.name) for field in fields(Model)}
    fit = config.train if config.model.build is not None else None
    return Train(model=Model(**own), fit=fit, task=config.data.task.name)


def _others(config: Config) -> list[str]:
    named = {variant.signature for variant in config.variants.values() if variant.signature}
    return sorted(named - {main_signature(config)})


def run(*, params: Path, code: Path) -> None:
    """Resolve the parameters, and digest the code; start TensorFlow early if it will be needed."""
    root = Path.cwd()
    before = written_sections(params) or {}
    digests_before = written_sections(code) or {}
    sections = configure(root)
    settings = environment.tensorflow_environment(as_dataclass(Numerics, sections["numerics"]))
    missing = not Path("build/export").exists()
    if missing or any(before.get(name) != sections[name] for name in _WITH_TENSORFLOW):
        worker_client.start_worker(settings)
    added = reached(sections, selection.read_selection(root), root)
    digests = code_digest.stage_digests(root, added)
    if any(digests_before.get(name) != digests.get(name) for name in _WITH_TENSORFLOW):
        worker_client.start_worker(settings)
    write_parameters(sections, params)
    write_json(code, digests)
    for line in [*empty_choice_notes(root), *portability_notes(sections, root)]:
        print(f"configure: {line}")
