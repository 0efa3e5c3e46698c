"""Compose and check the whole configuration, once: `python -m stages configure`.

Hydra composes conf/ with the choices of params.yaml; everything is checked before anything is
trained; what each stage depends on goes to a section of its own in build/params.yaml.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stages import imported, portable, recipes, rules, targets, toolchain, variables, warm
from stages.compose import compose
from stages.conform import faults, sound
from stages.errors import SeveralErrors, collected
from stages.files import read_json, write_json, write_text
from stages.model_rules import main_signature
from stages.run import PARAMS, as_dataclass, section, words
from stages.schema.config import Config
from stages.schema.numerics import Numerics
from stages.schema.package import Release
from stages.schema.prepare import Prepare
from stages.schema.train import Model, Train
from stages.schema.validate import Export, Validate
from stages.sweeping import asked

if TYPE_CHECKING:
    from stages.schema.variant import Variant

CODE = Path("build/code.json")  # the digest of the code of each stage
HEADER = """\
# Written by `dvc repro configure` from conf/ and params.yaml; do not edit. Committed, so that a
# review shows what a change really means.
"""


_WITH_TENSORFLOW = ("prepare", "train", "export", "convert", "numerics")


def configure(root: Path) -> dict[str, Any]:
    """Give the resolved parameters of every stage, from the project in `root`.

    Raises:
        LitemillError: anything is wrong; one line for each fault found.
    """
    composed = compose(root)
    wrong: list[str] = []

    def place(path: str) -> str:
        wrong.append(path)
        return composed.place(path)

    found = faults(composed.tree, Config, place)
    # What does not depend on a faulty section is judged all the same.
    config: Config = sound(composed.tree, Config, wrong)
    for name, variant in list(config.variants.items()):
        if variant.recipe is not None:
            here = composed.place(f"variants.{name}.recipe")
            variant.recipe = collected(found, partial(recipes.resolve, variant.recipe, here))
            if variant.recipe is None:
                del config.variants[name]  # what it may be follows from the recipe
    if not any(path.startswith("toolchain") for path in wrong):
        lock, allow = root / "requirements.lock", config.toolchain.allow
        here = composed.place("toolchain.allow")
        versions = collected(found, partial(toolchain.pinned, lock, allow, place=here))
    found += list(rules.broken(config, composed, root, wrong))
    sweeps = {
        name: collected(
            found, partial(asked.resolved, sweep, root, composed.place(f"sweeps.{name}"))
        )
        for name, sweep in config.sweeps.items()
        if not any(path.startswith(f"sweeps.{name}") for path in wrong)
    }
    if found:
        raise SeveralErrors(found)
    return {**_sections(config, composed.choices, versions), "sweep": words(sweeps)}


def _sections(
    config: Config, choices: dict[str, str], versions: dict[str, dict[str, str]]
) -> dict[str, Any]:
    data, model, task = config.data, config.model, config.data.task.name
    convert = {name: asdict(variant) for name, variant in config.variants.items()}
    limits = {name: {**config.limits, **options.pop("limits")} for name, options in convert.items()}
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
        "report": {"title": release.name, "variants": list(config.variants)},
        "limits": limits,
        "release": asdict(release),
        "numerics": asdict(config.numerics),
        "toolchain": versions,
        "quantizers": {name: _quantizers(one, versions) for name, one in config.variants.items()},
    }
    return {name: words(section) for name, section in sections.items()}


def _quantizers(variant: Variant, versions: dict[str, dict[str, str]]) -> dict[str, str]:
    """Give what quantizes this variant alone: another LiteRT converts no other one again."""
    known = versions["validate"]
    return {} if variant.recipe is None else {name: known[name] for name in toolchain.RECIPE}


def _train(config: Config) -> Train:
    own = {field.name: getattr(config.model, field.name) for field in fields(Model)}
    fit = config.train if config.model.build is not None else None
    return Train(model=Model(**own), fit=fit, task=config.data.task.name)


def _others(config: Config) -> list[str]:
    asked = {variant.signature for variant in config.variants.values() if variant.signature}
    return sorted(asked - {main_signature(config)})


def notes(sections: dict[str, Any], root: Path) -> list[str]:
    """Say what is weaker than `same data, same weights, on any processor`, a line each.

    What the model computes is known when it is built; here, its source code is read for the names
    of layers and functions that lead there, and `train` looks at the graph itself.
    """
    train, numerics = sections["train"], as_dataclass(Numerics, sections["numerics"])
    if train["fit"] is None:
        return []
    where, because = portable.settings_told(numerics)
    if because:
        return [f"{', '.join(because)}: the same trained weights on {where}"]
    build = train["model"]["build"]
    file = targets.module_file(build["_target_"], root)
    sources = targets.closure(file, root) if file else ()
    names = portable.named(targets.parsed(one, root) for one in sources)
    names += sorted(portable.NAMES.intersection(map(str, build.values())))
    if not names:
        return []
    told = f"uses {', '.join(names)}, whose last bits depend on the processor"
    where = f"the same trained weights on {portable.SAME_KIND}; from these weights on, anywhere"
    return [f"{build['_target_']}: {told}: {where} (docs/reproducibility.md)"]


def text(sections: dict[str, Any]) -> str:
    """Give the resolved parameters as build/params.yaml holds them."""
    return HEADER + yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=100)


def write(sections: dict[str, Any], path: Path = PARAMS) -> None:
    """Write the resolved parameters."""
    write_text(path, text(sections))


def main() -> None:
    """Write what the stages depend on; start TensorFlow in the background if it will be needed."""
    before = section() if PARAMS.exists() else {}
    code = read_json(CODE) if CODE.exists() else {}
    sections = configure(Path.cwd())
    settings = variables.of(as_dataclass(Numerics, sections["numerics"]))
    missing = not Path("build/export").exists()
    if missing or any(before.get(name) != sections[name] for name in _WITH_TENSORFLOW):
        warm.ahead(settings)
    digests = imported.digests(Path.cwd())
    if any(code.get(name) != digests.get(name) for name in _WITH_TENSORFLOW):
        warm.ahead(settings)
    write(sections)
    write_json(CODE, digests)
    for line in notes(sections, Path.cwd()):
        print(f"configure: {line}")
