"""`litemill compare`: what changed between two releases, and who can use the second.

Exit status: 0 every consumer of the first can use the second, 1 some cannot, 2 unknown: it depends
on the consumer, or a file is no release.
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
    True: "compatible: every consumer of the first release can use the second",
    False: "not compatible: a consumer of the first release cannot use the second",
    None: "unknown: it depends on the consumer",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "List what changed between two releases, and whether a consumer of the first can use the"
        " second. Exit status: 0 yes, 1 no, 2 unknown."
    )
    parser.add_argument("before", type=Path, metavar="A.tar")
    parser.add_argument("after", type=Path, metavar="B.tar")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the comparison; its verdict is the exit status."""
    from litemill.core.errors import LitemillError, error_line
    from litemill.release.compatibility import compare

    try:
        comparison = compare(_side(args.before), _side(args.after))
        if args.json:
            print(json.dumps(_as_json(comparison), indent=2, ensure_ascii=False), flush=True)
        else:
            print("\n".join(_lines(comparison)), flush=True)
    except (LitemillError, OSError) as error:
        # Status 1 would say that the releases were compared.
        print(error_line(error), file=sys.stderr)
        return STATUS[None]
    return STATUS[comparison.compatible]


def _side(path: Path) -> Side:
    from litemill.release.check import open_release, read_manifest
    from litemill.release.compatibility import Side
    from litemill.release.layout import LABELS

    with open_release(path) as release:
        labels = release.folder / LABELS
        text = labels.read_text(encoding="utf-8") if labels.is_file() else None
        return Side(read_manifest(release), text)


def _as_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "compatible": comparison.compatible,
        "breaks": comparison.breaks,
        "unknown": comparison.unknown,
        "changes": {
            topic: [{"what": what, "before": old, "after": new} for what, old, new in rows]
            for topic, rows in comparison.changes.items()
        },
    }


def _lines(comparison: Comparison) -> Iterator[str]:
    for topic, rows in comparison.changes.items():
        yield f"{topic}:" if rows else f"{topic}: the same"
        for what, old, new in rows:
            yield from (f"  {line}" for line in _change_lines(what, old, new))
    yield ""
    yield VERDICT[comparison.compatible]
    yield from (f"  {reason}" for reason in (*comparison.breaks, *comparison.unknown))


def _change_lines(what: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield from _change_lines(f"{what}.{key}", old.get(key), new.get(key))
    elif isinstance(old, bool):
        yield f"{what}: {'added' if new else 'removed'}"
    elif isinstance(old, int | float) and isinstance(new, int | float) and old:
        yield f"{what}: {_short(old)} -> {_short(new)} ({(new - old) / abs(old):+.1%})"
    else:
        yield f"{what}: {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else "none" if value is None else str(value)
