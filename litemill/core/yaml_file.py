"""YAML files, read as Hydra and DVC read them; an error names the file and the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from litemill.core import yaml_safety
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
    """Read what a file says; None when it says nothing.

    Raises:
        ConfigError: it is no YAML, has a key twice, or what readers take differently.
        FileNotFoundError: there is none.
    """
    try:
        text = yaml_safety.read_text(path, place)
        yaml_safety.refuse_depth(text, place)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        yaml_safety.refuse_surprises(node, place)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = str(getattr(error, "problem", None) or error)
        raise ConfigError(f"{place}{line}", "not YAML", problem) from None
