"""Names and packages of a configuration resolved: recipes, versions, sweeps; errors are noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.toolchain import pinned_versions
from litemill.conversion.recipes import resolve_recipe
from litemill.conversion.sweep_request import resolve_sweep
from litemill.core.errors import collect_errors
from litemill.pipeline.stage_table import STAGES
from litemill.targets.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from litemill.config.compose import Composed
    from litemill.config.schema.config import Config
    from litemill.config.schema.target import Cpu
    from litemill.core.errors import LitemillError
    from litemill.targets.kind import TargetKind


def resolve_recipes(config: Config, composed: Composed, errors: list[LitemillError]) -> None:
    """Put the rules of each recipe in the place of its name; note what is wrong."""
    for name, variant in list(config.variants.items()):
        if variant.recipe is not None:
            place = composed.place(f"variants.{name}.recipe")
            variant.recipe = collect_errors(errors, resolve_recipe, variant.recipe, place)
            if variant.recipe is None:
                del config.variants[name]  # what it may be follows from the recipe


def pin_versions(  # noqa: PLR0913
    config: Config,
    composed: Composed,
    root: Path,
    targets: Mapping[str, Cpu],
    *,
    wrong: Collection[str],
    errors: list[LitemillError],
) -> dict[str, dict[str, str]]:
    """Return by stage, compiler and set of kernels the versions of the packages that it uses."""
    if any(path.startswith("toolchain") for path in wrong):
        return {}
    place = composed.place("toolchain.allow")
    packages = {stage.name: stage.toolchain for stage in STAGES.values() if stage.toolchain}
    kinds = [KINDS[target.kind] for target in targets.values()]
    packages |= {kind.kernels: kind.interpreter_packages for kind in kinds if kind.kernels}
    packages |= {compiler_section(kind): kind.compiler_packages for kind in kinds}
    lock, allow = root / "requirements.lock", config.toolchain.allow
    return collect_errors(errors, pinned_versions, lock, packages, allow, place=place) or {}


def resolve_sweeps(
    config: Config,
    composed: Composed,
    root: Path,
    wrong: Collection[str],
    errors: list[LitemillError],
) -> dict[str, Any]:
    """Return each sweep as its stage reads it; note what is wrong."""
    sweeps = {}
    for name, sweep in config.sweeps.items():
        if not any(path.startswith(f"sweeps.{name}") for path in wrong):
            place = composed.place(f"sweeps.{name}")
            sweeps[name] = collect_errors(errors, resolve_sweep, sweep, root, place)
    return sweeps


def compiler_section(kind: TargetKind) -> str:
    """Name the compiler of a kind among what has versions of its own."""
    return f"compiler of {kind.name}"
