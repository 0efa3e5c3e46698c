"""`litemill compare`: what changed between two releases, and who can take the second one.

Exit status: 0 every consumer of the first can take the second, 1 one cannot, 2 cannot tell: it
depends on the consumer, or a file is no release.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from litemill.release.compatibility import Comparison, Side

STATUS = {True: 0, False: 1, None: 2}
VERDICT = {
    True: "compatible: a consumer of the first can take the second",
    False: "not compatible: a consumer of the first cannot take the second",
    None: "cannot tell: it depends on the consumer",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Tell what changed between two releases, and whether a consumer of the first can take the"
        " second. Exit status: 0 yes, 1 no, 2 cannot tell."
    )
    parser.add_argument("before", type=Path, metavar="A.tar.gz")
    parser.add_argument("after", type=Path, metavar="B.tar.gz")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the comparison; its verdict is the exit status."""
    from litemill.core.errors import LitemillError, error_line
    from litemill.release.compatibility import compare

    try:
        found = compare(_side(args.before), _side(args.after))
        if args.json:
            print(json.dumps(_document(found), indent=2, ensure_ascii=False), flush=True)
        else:
            print("\n".join(_lines(found)), flush=True)
    except (LitemillError, OSError) as error:
        # What cannot be read, or told, must not pass for a release that no consumer can take.
        print(error_line(error), file=sys.stderr)
        return STATUS[None]
    return STATUS[found.compatible]


def _side(path: Path) -> Side:
    from litemill.release.check import open_release, read_manifest
    from litemill.release.compatibility import Side

    with open_release(path) as found:
        labels = found.folder / "labels.txt"
        text = labels.read_text(encoding="utf-8") if labels.is_file() else None
        return Side(read_manifest(found), text)


def _document(found: Comparison) -> dict[str, Any]:
    changes = {
        topic: [{"what": what, "before": old, "after": new} for what, old, new in rows]
        for topic, rows in found.changes.items()
    }
    told = {"compatible": found.compatible, "breaks": found.breaks, "unknown": found.unknown}
    return {**told, "changes": changes}


def _lines(found: Comparison) -> Iterator[str]:
    for topic, rows in found.changes.items():
        yield f"{topic}:" if rows else f"{topic}: the same"
        for what, old, new in rows:
            yield from (f"  {line}" for line in _change(what, old, new))
    yield ""
    yield VERDICT[found.compatible]
    yield from (f"  {told}" for told in (*found.breaks, *found.unknown))


def _change(what: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield from _change(f"{what}.{key}", old.get(key), new.get(key))
    elif isinstance(old, bool):
        yield f"{what}: {'added' if new else 'gone'}"
    elif isinstance(old, int | float) and isinstance(new, int | float) and old:
        yield f"{what}: {_short(old)} -> {_short(new)} ({(new - old) / abs(old):+.1%})"
    else:
        yield f"{what}: {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else "none" if value is None else str(value)
