"""`litemill list`: the choices of conf/, with the first sentence that each file says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "List the choices of conf/: * is chosen; `package` comes with Litemill, `project` lies in"
        " this project, `project*` there over one of the package."
    )
    parser.add_argument("group", nargs="?", help="one group only, such as variant")


def run(arguments: argparse.Namespace) -> int:
    """Print the groups and their choices.

    Raises:
        LitemillError: this is no project, it has no such group, or params.yaml is no YAML.
    """
    from litemill.config.selection import choices, default_choices, groups, read_mapping
    from litemill.core.errors import ConfigError, nearest

    root = Path.cwd()
    if not (root / "conf").is_dir():
        raise ConfigError(root / "conf", "no such folder", "run this in a Litemill project")
    known = groups(root)
    if arguments.group and arguments.group not in known:
        raise ConfigError(
            f"conf/{arguments.group}", "no such group", nearest(arguments.group, known)
        )
    params = read_mapping(root / "params.yaml", "params.yaml")
    defaults = default_choices(root)
    for group in [arguments.group] if arguments.group else known:
        chosen = _chosen(group, params, defaults)
        print(group)
        names = choices(root, group)
        width = max(map(len, names), default=0)
        for name in names:
            mark = "*" if name in chosen else " "
            origin, purpose = _origin(root, group, name), _purpose(root, group, name)
            print(f"  {mark} {name:<{width}}  {origin:<8}  {purpose}")
    return 0


def _chosen(group: str, params: Mapping[str, Any], defaults: Mapping[str, str]) -> list[Any]:
    from litemill.config.selection import LISTS, REQUIRED

    lists = {name: key for key, name in LISTS.items()}
    if group in lists:
        names = params.get(lists[group])
        return names if isinstance(names, list) else []
    return [params.get(group) or (None if group in REQUIRED else defaults.get(group))]


def _origin(root: Path, group: str, choice: str) -> str:
    from litemill.config.selection import PACKAGE_CONF, file_of

    if file_of(root, group, choice).is_relative_to(PACKAGE_CONF):
        return "package"
    covers = (PACKAGE_CONF / group / f"{choice}.yaml").exists()
    return "project*" if covers else "project"


def _purpose(root: Path, group: str, choice: str) -> str:
    from litemill.config.selection import file_of

    lines = file_of(root, group, choice).read_text(encoding="utf-8").splitlines()
    comments = [line[1:].strip() for line in lines if line.startswith("#")]
    text = " ".join(line for line in comments if not line.startswith("@package"))
    return text.split(". ")[0].rstrip(".")
