"""YAML files, read as Hydra and DVC read them; an error names the file and the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


class _Loader(yaml.CSafeLoader):
    """PyYAML reads `1e-4` as text and `2026-01-01` as a date; YAML 1.2 and OmegaConf do not."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, test) for tag, test in pairs if not tag.endswith((":float", ":timestamp"))]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?"
        r"|\d[\d_]*[eE][-+]?\d+|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def read(path: Path, place: object) -> Any:
    """Return what a file says; None when it says nothing.

    Raises:
        ConfigError: it is no YAML, or has a key twice, of which other readers take the last.
    """
    try:
        loader = _Loader(path.read_bytes())
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_twins(node, place)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = str(getattr(error, "problem", None) or error)
        raise ConfigError(f"{place}{line}", "not YAML", problem) from None


def _refuse_twins(node: yaml.Node, place: object) -> None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    seen = set()
    for key, value in pairs:
        if key.value in seen:
            problem = f"{key.value!r} is there twice"
            raise ConfigError(
                f"{place}:{key.start_mark.line + 1}", problem, "expected each key once"
            )
        if isinstance(key, yaml.ScalarNode):
            seen.add(key.value)
        _refuse_twins(value, place)
    for item in node.value if isinstance(node, yaml.SequenceNode) else []:
        _refuse_twins(item, place)
