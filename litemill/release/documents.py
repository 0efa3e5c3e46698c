"""Read the documents of a release, and compare what they say with what is true."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import yaml

from litemill.core.errors import ErrorGroup, ReleaseError
from litemill.release.json_diff import json_differences, short_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 64 << 20  # of a document
MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError)


def read_document(folder: Path, name: str) -> Any:
    """Read a JSON document of a release.

    Raises:
        ReleaseError: missing, too large, or not JSON.
    """
    path = folder / name
    if not path.is_file():
        raise ReleaseError(name, "missing")
    if path.stat().st_size > MAX_BYTES:
        raise ReleaseError(name, "too large", f"expected at most {MAX_BYTES} bytes")
    with refuse_malformed(name):
        return json.loads(path.read_bytes())


@contextlib.contextmanager
def refuse_malformed(place: str) -> Iterator[None]:
    """Turn the errors of reading a document that lacks expected keys into a ReleaseError."""
    try:
        yield
    except (*MALFORMED, yaml.YAMLError, StopIteration) as error:
        why = f"{type(error).__name__}: {error}"[:200]
        raise ReleaseError(place, f"not as a release writes it ({why})") from None


def refuse_difference(place: str, what: str, found: Any, expected: Any) -> None:
    """Refuse a value that is not the expected one, by each key that differs."""
    errors = [
        ReleaseError(place, f"{path} is {short_json(one)}", f"expected {short_json(other)}")
        for path, one, other in json_differences(found, expected, what)
    ]
    if errors:
        raise ErrorGroup(errors)
