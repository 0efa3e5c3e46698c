"""A point made a variant: a file in conf/variant/ and a name in params.yaml, ready to be built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from litemill.config import selection
from litemill.config.parameters import to_plain
from litemill.config.schema.variant import Variant
from litemill.core.errors import ConfigError, nearest
from litemill.core.files import read_json, write_text
from litemill.sweep.points import recipe_named
from litemill.sweep.summary import point_options as shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def promote(point: str, name: str | None, result: Path, root: Path) -> tuple[str, Path]:
    """Write a point as a variant and choose it.

    Args:
        point: its name in the table, or enough of its beginning.
        name: of the variant; None is the base's name and the point's.
        result: the sweep.json that has it.
        root: the project's folder.

    Returns:
        The variant's name, and its file.

    Raises:
        ConfigError: no such point, one that has no file, or a variant of that name exists.
    """
    content = read_json(result)
    row = _row(content, point, result)
    name = name or f"{content['asked']['base']['name']}_{row['point'][:6]}"
    return name, add_variant(name, lambda: _text(row, content), root)


def add_variant(name: str, text: Callable[[], str], root: Path) -> Path:
    """Write a variant's file and choose it.

    `text` gives what the file says, once nothing is against it.

    Returns:
        The file, below the project's folder.

    Raises:
        ConfigError: it is no name, or a variant of that name exists.
    """
    check_variant_name(name, root)
    path = root / "conf" / "variant" / f"{name}.yaml"
    params = _chosen(root, name)
    write_text(path, text())
    try:
        write_text(root / "params.yaml", params)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path.relative_to(root)


def check_variant_name(name: str, root: Path) -> None:
    """Refuse a name that a new variant cannot have.

    Raises:
        ConfigError: it is no name, or a variant of that name exists.
    """
    if not NAME.fullmatch(name):
        raise ConfigError("--as", f"{name!r}", "expected letters, digits, _ and -")
    path = root / "conf" / "variant" / f"{name}.yaml"
    if path.exists():
        raise ConfigError(path.relative_to(root), "exists already", "give another name by --as")
    _chosen(root, name)


def variant_yaml(options: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> str:
    """Return YAML of the options that are not the defaults.

    `own` is what else the file says, such as limits.
    """
    options = {**options, "recipe": recipe_named(options["recipe"])}
    changed = _differences(options, to_plain(Variant())) | dict(own or {})
    text: str = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True) if changed else ""
    return text


def _row(content: Mapping[str, Any], point: str, result: Path) -> dict[str, Any]:
    found = [row for row in content["points"] if row["point"].startswith(point)] if point else []
    if len(found) != 1:
        known = [row["point"] for row in content["points"]]
        problem = f"{len(found)} points begin with {point!r}" if found else f"no point {point!r}"
        front = ", ".join(content["front"])
        near = nearest(point, known)
        raise ConfigError(result, problem, near if "?" in near else f"the front is {front}")
    row: dict[str, Any] = found[0]
    if row["status"] != "done":
        raise ConfigError(f"{result}: {row['point']}", row["status"], str(row["error"]))
    return row


def _text(row: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Write the options that are not the defaults, under a comment that says where from."""
    drop = "" if row["drop"] is None else f", drop {row['drop']:.4g}"
    head = f"# {content['asked']['base']['name']} with {shown(row) or 'nothing else'}."
    measured = f"{row['bytes']} bytes{drop}, SHA-256 {row['sha256'][:12]}"
    found = f"# Point {row['point']} of a sweep: {measured}."
    return f"{head}\n{found}\n{variant_yaml(row['variant'])}"


def _differences(tree: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, usual in default.items():
        value = tree[key]
        if isinstance(value, dict) and isinstance(usual, dict):
            value = _differences(value, usual) or usual
        if value != usual:
            found[key] = value
    return found


def _chosen(root: Path, name: str) -> str:
    """Return params.yaml with one more variant; every other byte stays."""
    place = "params.yaml: variants"
    names = selection.read_mapping(root / "params.yaml", "params.yaml").get("variants")
    if not isinstance(names, list) or not names:
        raise ConfigError(place, f"found {names!r}", "expected a list of names")
    if name in names:
        raise ConfigError(place, f"has {name!r} already", "give another name by --as")
    text = (root / "params.yaml").read_text(encoding="utf-8")
    tree = yaml.compose(text, yaml.SafeLoader)
    assert tree is not None, "it is a mapping, see above"
    listed = next(value for key, value in tree.value if key.value == "variants")
    end = listed.value[-1].end_mark.index
    if listed.flow_style:
        return f"{text[:end]}, {name}{text[end:]}"
    end = text.find("\n", end)
    before, after = (text[:end], text[end:]) if end >= 0 else (text, "\n")
    return f"{before}\n{' ' * listed.start_mark.column}- {name}{after}"
