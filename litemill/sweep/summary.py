"""A sweep's result in a terminal: counts, the front, and what did not work."""

from __future__ import annotations

import io
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, TextIO

from litemill.core import extras

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ERRORS = 5  # that are shown of a kind


def print_front(result: Mapping[str, Any], out: Path, stream: TextIO | None = None) -> None:
    """Print the front as a table, and where the rest is."""
    stream = stream or sys.stdout
    print(counts(result), file=stream)
    if result["front"]:
        _print(_table(result), stream)
    for line in remarks(result):
        print(line, file=stream)
    parquet = (out / "sweep.parquet").is_file()
    names = ["sweep.csv", "sweep.json", *(["sweep.parquet"] if parquet else []), "index.html"]
    print(f"All points: {out}/{', '.join(names)}", file=stream)
    if not parquet:
        print(f"sweep.parquet is left out; {extras.install('pyarrow')} writes it", file=stream)


def remarks(result: Mapping[str, Any]) -> Iterator[str]:
    """List what did not work, and what a search for the smallest file found."""
    yield from _errors(result)
    yield from _without_effect(result)
    if "winner" in result:
        yield _winner(result)


def _print(table: Any, stream: TextIO) -> None:
    from rich.console import Console

    if stream.isatty():
        Console(file=stream, highlight=False).print(table)
        return
    # Wide, where there is no screen: the lines of a log are not folded.
    text = io.StringIO()
    Console(file=text, width=200, highlight=False).print(table)
    stream.writelines(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def point_options(row: Mapping[str, Any]) -> str:
    """Write what the grid says of a point in the grammar of the grid."""
    return " ".join(f"{key}={_word(value)}" for key, value in row["options"].items())


def _word(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{len(value)} rules" if isinstance(value, list) else str(value)


def counts(result: Mapping[str, Any]) -> str:
    """Return how many points there are, and what became of them."""
    found, asked = result["counts"], result["asked"]
    parts = [f"{found['done']} done"]
    parts += [f"{found['failed']} failed"] if found["failed"] else []
    parts += [f"{found['refused']} unsupported"] if found["refused"] else []
    total, rows = asked["points"], len(result["points"])
    twins = total - rows if asked["search"] == "grid" else 0
    parts += [f"{twins} the same as others"] if twins else []
    noun = "point" if total == 1 else "points"
    return f"{total:,} {noun} of {asked['base']['name']}: {', '.join(parts)}"


def _table(result: Mapping[str, Any]) -> Any:
    from rich import box
    from rich.table import Table

    by_name = {row["point"]: row for row in result["points"]}
    front = [by_name[name] for name in result["front"]]
    metric = result["metric"]["name"]
    table = Table(title="Pareto front", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("point", no_wrap=True)
    for title in ("KiB", *((metric, "drop") if metric else ()), "SNR dB", "mean error"):
        table.add_column(title, justify="right", no_wrap=True)
    timed = any(row["latency_ms"] is not None for row in front)
    if timed:
        table.add_column("ms", justify="right")
    table.add_column("options", overflow="fold")
    for row in front:
        cells = [row["point"], f"{row['bytes'] / 1024:.1f}"]
        cells += [_number(row["metric"]), _number(row["drop"])] if metric else []
        cells += [_number(row["snr_db"]), _number(row["mean_abs_error"])]
        cells += [_number(row["latency_ms"])] if timed else []
        table.add_row(*cells, point_options(row))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _errors(result: Mapping[str, Any]) -> Iterator[str]:
    kinds = {"failed": "failed", "refused": "unsupported"}
    for status, words in kinds.items():
        errors = Counter(row["error"] for row in result["points"] if row["status"] == status)
        for error, count in errors.most_common(ERRORS):
            yield f"{words}, {count} of {len(result['points'])}: {error}"
        if len(errors) > ERRORS:
            yield f"{words}: {len(errors) - ERRORS} more reasons, in the table"


def _without_effect(result: Mapping[str, Any]) -> Iterator[str]:
    """Name options that made no difference in any point, such as samples of a float file."""
    rows, asked = result["points"], result["asked"]
    idle = [key for key in asked["options"] if not any(key in row["options"] for row in rows)]
    if idle and rows:
        verb = "makes" if len(idle) == 1 else "make"
        yield f"{', '.join(idle)} {verb} no difference in these points of {asked['base']['name']}"


def _winner(result: Mapping[str, Any]) -> str:
    allowed = result["asked"]["max_drop"]
    if result["winner"] is None:
        return f"No file within a drop of {allowed:g}."
    row = next(one for one in result["points"] if one["point"] == result["winner"])
    size = f"{row['bytes']:,} bytes, drop {row['drop']:.4g}"
    return f"Smallest within a drop of {allowed:g}: {row['point']} ({size}) {point_options(row)}"
