"""Rules for targets: which variants name, what a kind's options may be, what runs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.schema.target import SCHEMAS
from litemill.config.schema_validation import schema_errors, typed
from litemill.config.selection import choices
from litemill.core.errors import ConfigError, nearest
from litemill.targets.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litemill.config.compose import Composed
    from litemill.config.schema.config import Config
    from litemill.config.schema.target import Cpu
    from litemill.core.errors import LitemillError


def resolve_targets(
    config: Config, composed: Composed, root: Path, errors: list[LitemillError]
) -> dict[str, Cpu]:
    """Return the target of each variant, as the options of its kind; note what is wrong.

    Args:
        config: the configuration; of `variants`, those without errors.
        composed: where each key came from.
        root: the project.
        errors: where errors are added; a variant whose target has one is left out.
    """
    targets: dict[str, Cpu] = {}
    for name in {variant.target: None for variant in config.variants.values()}:
        wrong = list(_target_errors(name, config.targets.get(name), composed, root))
        errors += wrong
        if name in config.targets and not wrong:
            tree = config.targets[name]
            targets[name] = typed(tree, SCHEMAS[tree["kind"]])
    resolved = {}
    for name, variant in config.variants.items():
        path = f"variants.{name}"
        if variant.target not in config.targets:
            place = composed.place(f"{path}.target")
            known = choices(root, "target")
            problem = f"no {variant.target!r} in conf/target/"
            errors.append(ConfigError(place, problem, nearest(variant.target, known)))
        elif variant.target in targets:
            resolved[name] = target = targets[variant.target]
            kind = KINDS[target.kind]
            conflicts = kind.conflicts(variant, composed.below(path))
            errors += [_at_target(error, variant.target) for error in conflicts]
    return resolved


def _target_errors(name: str, tree: Any, composed: Composed, root: Path) -> Iterator[LitemillError]:
    path = f"targets.{name}"
    if tree is None:
        return  # the variant's error
    kind = tree.get("kind") if isinstance(tree, dict) else None
    if kind not in SCHEMAS:
        found = "missing" if kind is None else f"no kind {kind!r}"
        yield ConfigError(composed.place(f"{path}.kind"), found, nearest(str(kind), SCHEMAS))
        return
    wrong = schema_errors(tree, SCHEMAS[kind], composed.place, path)
    yield from wrong
    if not wrong:
        target = typed(tree, SCHEMAS[kind])
        yield from KINDS[kind].target_errors(target, composed.below(path), root)


def _at_target(error: ConfigError, target: str) -> ConfigError:
    return ConfigError(error.place, f"{error.found} (target {target})", error.expected)
