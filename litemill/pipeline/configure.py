"""Compose and check the whole configuration, once.

Hydra composes conf/ with the choices of params.yaml; everything is checked before anything is
trained; what each stage depends on goes to a section of its own in build/params.json.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config import import_graph, selection, toolchain
from litemill.config.compose import compose
from litemill.config.empty_choices import empty_choice_notes
from litemill.config.parameters import PARAMS, as_dataclass, to_plain, written_sections
from litemill.config.schema.config import Config
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.package import Release
from litemill.config.schema.prepare import Prepare
from litemill.config.schema.target import MEASURED
from litemill.config.schema.train import Model, Train
from litemill.config.schema.validate import Export, Validate
from litemill.config.schema_validation import schema_errors, typed_without
from litemill.conversion import recipes, sweep_request
from litemill.core.errors import ErrorGroup, collect_errors
from litemill.core.files import write_json, write_text
from litemill.evaluation.own_checks import FOLDER, own_modules
from litemill.pipeline import code_digest, rules
from litemill.pipeline.code_digest import Reached
from litemill.pipeline.dvc_dependencies import undeclared_dependencies
from litemill.pipeline.model_rules import main_signature
from litemill.pipeline.stage_table import STAGES
from litemill.pipeline.target_rules import resolve_targets
from litemill.runtime import environment, portability, worker_client
from litemill.targets.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from litemill.config.compose import Composed
    from litemill.config.schema.target import Cpu
    from litemill.config.schema.variant import Variant
    from litemill.core.errors import LitemillError
    from litemill.targets.kind import TargetKind

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
    _resolve_recipes(config, composed, errors)
    targets = resolve_targets(config, composed, root, errors)
    versions = _pin_versions(config, composed, root, targets, wrong=wrong, errors=errors)
    errors += rules.rule_errors(config, composed, root, wrong)
    sweeps = _resolve_sweeps(config, composed, root, wrong, errors)
    if not errors:
        reached = places_reached(config, composed, root)
        errors += undeclared_dependencies(root, reached, composed.choices)
    if errors:
        raise ErrorGroup(errors)
    sections = _sections(config, composed.choices, versions, targets)
    return {**sections, "sweep": to_plain(sweeps)}


def _resolve_recipes(config: Config, composed: Composed, errors: list[LitemillError]) -> None:
    for name, variant in list(config.variants.items()):
        if variant.recipe is not None:
            place = composed.place(f"variants.{name}.recipe")
            resolve = partial(recipes.resolve_recipe, variant.recipe, place)
            variant.recipe = collect_errors(errors, resolve)
            if variant.recipe is None:
                del config.variants[name]  # what it may be follows from the recipe


def _pin_versions(  # noqa: PLR0913
    config: Config,
    composed: Composed,
    root: Path,
    targets: Mapping[str, Cpu],
    *,
    wrong: Collection[str],
    errors: list[LitemillError],
) -> dict[str, dict[str, str]]:
    if any(path.startswith("toolchain") for path in wrong):
        return {}
    place = composed.place("toolchain.allow")
    packages = {stage.name: stage.toolchain for stage in STAGES.values() if stage.toolchain}
    kinds = [KINDS[target.kind] for target in targets.values()]
    packages |= {kind.kernels: kind.interpreter_packages for kind in kinds if kind.kernels}
    packages |= {_compiler(kind): kind.compiler_packages for kind in kinds}
    lock, allow = root / "requirements.lock", config.toolchain.allow
    pin = partial(toolchain.pinned_versions, lock, packages, allow, place=place)
    return collect_errors(errors, pin) or {}


def _resolve_sweeps(
    config: Config,
    composed: Composed,
    root: Path,
    wrong: Collection[str],
    errors: list[LitemillError],
) -> dict[str, Any]:
    sweeps = {}
    for name, sweep in config.sweeps.items():
        if not any(path.startswith(f"sweeps.{name}") for path in wrong):
            place = composed.place(f"sweeps.{name}")
            resolve = partial(sweep_request.resolve_sweep, sweep, root, place)
            sweeps[name] = collect_errors(errors, resolve)
    return sweeps


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


def _compiler(kind: TargetKind) -> str:
    """Name the compiler of a kind among what has versions of its own."""
    return f"compiler of {kind.name}"


def _compile(
    config: Config, targets: Mapping[str, Cpu], versions: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """Return what compiling depends on, by variant whose target has a compiler."""
    sections = {}
    for name, target in targets.items():
        kind = KINDS[target.kind]
        if kind.compiler_packages:
            options = {key: value for key, value in asdict(target).items() if key not in _JUDGING}
            pins = versions[_compiler(kind)]
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


def portability_notes(sections: dict[str, Any], root: Path) -> list[str]:
    """List what is weaker than `same data, same weights, on any processor`, a line each.

    What the model computes is known when it is built; here, its source code is read for the names
    of layers and functions that lead there, and `train` looks at the graph itself.
    """
    train, numerics = sections["train"], as_dataclass(Numerics, sections["numerics"])
    if train["fit"] is None:
        return []
    where, settings = portability.settings_portability(numerics)
    if settings:
        return [f"{', '.join(settings)}: the same trained weights on {where}"]
    build = train["model"]["build"]
    file = import_graph.module_file(build["_target_"], root)
    sources = import_graph.closure(file, root) if file else ()
    trees = (import_graph.parse_module(source, root) for source in sources)
    names = portability.names_in_source(trees)
    names += sorted(portability.NAMES.intersection(map(str, build.values())))
    if not names:
        return []
    because = f"uses {', '.join(names)}, whose last bits depend on the processor"
    where = f"the same trained weights on {portability.SAME_KIND}; from these weights on, anywhere"
    return [f"{build['_target_']}: {because}: {where} (docs/reproducibility.md)"]


def places_reached(config: Config, composed: Composed, root: Path) -> Iterator[tuple[str, Path]]:
    """List the project's code and files that a configuration reaches, each with its place."""
    for place, dotted in _targets(config):
        file = import_graph.module_file(dotted, root)
        for path in sorted(import_graph.closure(file, root)) if file else ():
            if import_graph.has_code(path, root):
                yield composed.place(place), path
    for place, name in _paths(config):
        if not place.startswith("targets.") or (root / name).exists():  # or it comes with Vela
            yield composed.place(place), root / name
    if own_modules(root):
        yield FOLDER, root / FOLDER


def _targets(config: Config) -> Iterator[tuple[str, str]]:
    for path, call in config.calls().items():
        yield f"{path}._target_", str(call["_target_"])
    # A module, as if one of its layers were called.
    yield from (("model.custom_objects", f"{module}.x") for module in config.model.custom_objects)


def _paths(config: Config) -> Iterator[tuple[str, str]]:
    if "path" in config.data.load:
        yield "data.load.path", str(config.data.load["path"])
    if config.model.file is not None:
        yield "model.file", config.model.file
    for name, target in config.targets.items():
        if isinstance(target, dict) and "vela_config" in target:
            yield f"targets.{name}.vela_config", str(target["vela_config"])


def reached(
    sections: Mapping[str, Any], choices: Mapping[str, str], root: Path = Path()
) -> dict[str, Reached]:
    """Return what the configuration, and a project's own checks, add to each stage's own code."""
    train = sections["train"]
    model, fit, load = train["model"], train["fit"] or {}, sections["prepare"]["load"]
    calls = [model["build"], model["function"], fit.get("optimizer"), fit.get("loss")]
    trains = [str(call["_target_"]) for call in calls if call]
    trains += [f"{module}.x" for module in model["custom_objects"]]
    metric = sections["validate"]["metric"]
    scores = [str(metric["score"]["_target_"])] if metric else []
    data, models = f"data/{choices['data']}", f"models/{choices['model']}"
    return {
        "prepare": Reached(
            [str(load["_target_"])],
            [
                data,
                *(str(load[key]) for key in ("path", "classes") if isinstance(load.get(key), str)),
            ],
        ),
        "train": Reached(trains, [models, *([model["file"]] if model["file"] else [])]),
        "validate": Reached(scores),
        "report": Reached([f"{module}.x" for module in own_modules(root)]),
        "compile": Reached(paths=_vela_configs(sections)),
        "sweep": Reached(scores),
    }


def _vela_configs(sections: Mapping[str, Any]) -> list[str]:
    """List the descriptions of systems; those that come with Vela are no files of the project."""
    return sorted({target["options"]["vela_config"] for target in sections["compile"].values()})


def to_json(sections: dict[str, Any]) -> str:
    """Return the resolved parameters as build/params.json holds them."""
    return json.dumps(sections, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_parameters(sections: dict[str, Any], path: Path = PARAMS) -> None:
    """Write the resolved parameters."""
    write_text(path, to_json(sections))


def run(*, params: Path, code: Path) -> None:
    """Resolve the parameters, and digest the code; start TensorFlow early if it will be needed.

    Args:
        params: build/params.json.
        code: build/code.json.
    """
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
