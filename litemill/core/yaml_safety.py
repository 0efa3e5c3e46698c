"""What a YAML file may hold: bounded text, plain values, nothing that readers differ on.

PyYAML, by which DVC and Hydra read, follows YAML 1.1, where `010` is eight, `1:30` is ninety and
`yes` is true; most people and programs read YAML 1.2. What the two read differently is refused.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import yaml

from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

BYTES = 1 << 20
DEPTH = 50
NODES = 100_000  # aliases resolved
DIGITS = 40
_PLAIN = ("", None)
_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")
}
# Of what PyYAML takes for a number or a truth value, that which is the same in YAML 1.2.
_CORE = {
    "str": re.compile(
        r"(?![-+]?\d[\d_]*$|0[obx][\da-fA-F_]+$|[-+]?\d[\d_]*(:[0-5]?\d)+\.[\d_]*$).*", re.DOTALL
    ),
    "bool": re.compile("true|True|TRUE|false|False|FALSE"),
    "int": re.compile("[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+"),
    "float": re.compile(
        r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    ),
}


def read_text(path: Path, place: object) -> str:
    """Read a file that has to be text.

    Raises:
        ConfigError: it is no regular file, too large, or no UTF-8.
        FileNotFoundError: there is none.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ConfigError(place, "not a regular file", "expected a YAML file")
    if state.st_size > BYTES:
        raise ConfigError(place, f"{state.st_size:,} bytes", f"expected at most {BYTES:,} of YAML")
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(place, "UTF-16", "expected UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"not UTF-8 (byte {error.start} is 0x{content[error.start]:02x})"
        raise ConfigError(place, found, "expected text in UTF-8") from None
    if "\0" in text:
        raise ConfigError(place, "a binary file", "expected text in UTF-8")
    return text


def refuse_depth(text: str, place: object) -> None:
    """Refuse text that is nested so deeply that no reader follows.

    Raises:
        ConfigError: names the line.
        yaml.YAMLError: it is no YAML.
    """
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            assert event.start_mark is not None
            expected = f"expected at most {DEPTH} levels"
            raise ConfigError(f"{place}:{event.start_mark.line + 1}", "nested too deeply", expected)


def refuse_surprises(node: yaml.Node, place: object) -> None:
    """Refuse keys that are there twice, values that readers differ on, and bombs of aliases.

    Raises:
        ConfigError: names the line.
    """
    _measure(node, place, {}, [])


def _measure(node: yaml.Node, place: object, sizes: dict[int, int], above: list[int]) -> int:
    """Return the number of values that a node stands for, its aliases resolved."""
    where = f"{place}:{node.start_mark.line + 1}"
    if id(node) in above:
        raise ConfigError(where, "an alias of what it is in", "expected values that end")
    if id(node) in sizes:
        return sizes[id(node)]
    if node.tag not in _TAGS:
        raise ConfigError(where, f"the tag {node.tag}", "expected plain values")
    if isinstance(node, yaml.ScalarNode):
        _refuse_scalar(node, where)
    if isinstance(node, yaml.MappingNode):
        _refuse_twins(node, place)
    items = [] if isinstance(node, yaml.ScalarNode) else node.value
    children = [child for item in items for child in (item if isinstance(item, tuple) else [item])]
    total = 1
    for child in children:
        total += _measure(child, place, sizes, [*above, id(node)])
        if total > NODES:
            raise ConfigError(where, "aliases of aliases", f"expected at most {NODES:,} values")
    sizes[id(node)] = total
    return total


def _refuse_scalar(node: yaml.ScalarNode, where: str) -> None:
    core = _CORE.get(node.tag.rpartition(":")[2])
    if core is None or node.style not in _PLAIN:
        return
    is_text = node.tag.endswith(":str")
    if len(node.value) > DIGITS and not is_text:
        raise ConfigError(where, f"a number of {len(node.value):,} characters", "expected fewer")
    if not core.fullmatch(node.value):
        expected = f"write '{node.value}' for text, or the value that is meant"
        if node.tag.endswith(":bool"):
            expected = f"write true or false, or '{node.value}' for text"
        found = f"found {node.value}, which YAML 1.1 and YAML 1.2 read differently"
        raise ConfigError(where, found, expected)


def _refuse_twins(node: yaml.MappingNode, place: object) -> None:
    seen = set()
    for key, _ in node.value:
        where = f"{place}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(where, "a key that is no text", "expected a name")
        if key.value in seen:
            raise ConfigError(where, f"{key.value!r} is there twice", "expected each key once")
        seen.add(key.value)
