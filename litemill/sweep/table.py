"""The result of a sweep as rows: one a point, in the order of the grid; CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import to_plain
from litemill.core import extras
from litemill.core.files import atomic_replace, remove, write_json, write_text
from litemill.report.pareto import Candidate, pareto_front

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from litemill.sweep.executor import PointResult

# The columns before and after those of the options, and their types in Arrow.
BEFORE = {"point": "string", "status": "string", "front": "bool", "same_as": "string"}
AFTER = {
    "bytes": "int64",
    "kind": "string",
    **dict.fromkeys(("metric", "drop", "agreement", "snr_db"), "float64"),
    "lost_channels": "int64",
    **dict.fromkeys(("mean_abs_error", "max_abs_error", "latency_ms"), "float64"),
    "sha256": "string",
    "error": "string",
}


def table_rows(
    found: Sequence[PointResult], latencies: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return a row for each point.

    Args:
        found: what became of the points.
        latencies: milliseconds of files that were measured, by their SHA-256.

    Returns:
        Mappings of the same keys: `BEFORE`, "options" (what the grid varies) and `AFTER`.
        Where a model has several outputs, numbers are those of the worst one. `same_as` names the
        first point with the very same file.
    """
    first: dict[str, str] = {}
    made = []
    for one in found:
        file = one.file or {}
        digest = file.get("sha256")
        known = first.setdefault(digest, one.point.name) if digest else None
        made.append(
            {
                "point": one.point.name,
                "status": one.status,
                "front": False,
                "same_as": known if known != one.point.name else None,
                "options": one.point.options,
                "bytes": file.get("bytes"),
                "kind": file.get("kind"),
                **worst_numbers(one.measured or {}),
                "latency_ms": latencies.get(digest) if digest else None,
                "sha256": digest,
                "error": one.error,
            }
        )
    best = set(pareto_front(_candidates(made)))
    return [row | {"front": row["point"] in best} for row in made]


def quality_column(made: Sequence[Mapping[str, Any]]) -> str:
    """Name the column that the front holds against size: `drop` where there is a metric."""
    return "drop" if any(row["drop"] is not None for row in made) else "mean_abs_error"


def summary(
    made: Sequence[Mapping[str, Any]], found: Sequence[PointResult], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the whole result as JSON takes it.

    `made` are the rows of the points in `found`, `asked` the settings that change a result.
    """
    metrics = ((one.measured or {}).get("metric") for one in found)
    metric: Mapping[str, Any] = next((one for one in metrics if one), {})
    best = [row["point"] for row in by_size(made) if row["front"]]
    return {
        "asked": dict(asked),
        "counts": {
            status: sum(row["status"] == status for row in made)
            for status in ("done", "failed", "refused")
        },
        "metric": {key: metric.get(key) for key in ("name", "goal", "output", "source")},
        "quality": quality_column(made),
        "front": best,
        "points": [
            {**row, "variant": to_plain(one.point.variant)}
            for row, one in zip(made, found, strict=True)
        ],
    }


def by_size(made: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows that have a file, the smallest first."""
    return sorted(
        (row for row in made if row["bytes"] is not None),
        key=lambda row: (row["bytes"], row["point"]),
    )


def write_tables(
    folder: Path, made: Sequence[Mapping[str, Any]], result: Mapping[str, Any]
) -> None:
    """Write sweep.json, sweep.csv and, where pyarrow is installed, sweep.parquet.

    The same rows give the same bytes.
    """
    keys = list(dict.fromkeys(key for row in made for key in row["options"]))
    flat = [_flat(row, keys) for row in made]
    columns = [*BEFORE, *keys, *AFTER]
    write_text(folder / "sweep.csv", _csv(flat, columns))
    if extras.is_installed("pyarrow"):
        _parquet(folder / "sweep.parquet", flat, columns)
    else:
        remove(folder / "sweep.parquet")  # of other rows
    write_json(folder / "sweep.json", result)


def _flat(row: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    options = {key: _text(row["options"][key]) if key in row["options"] else None for key in keys}
    return {key: value for key, value in row.items() if key != "options"} | options


def _text(value: Any) -> str:
    """Write an option as YAML would, so that a column is of one type; `null` is a value too."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _csv(flat: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "front": str(row["front"]).lower()} for row in flat)
    return text.getvalue()


def _parquet(path: Path, flat: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    types = dict.fromkeys(columns, "string") | BEFORE | AFTER  # options are text
    schema = pa.schema([(name, types[name]) for name in columns])
    table = pa.Table.from_pylist([{key: row[key] for key in columns} for row in flat], schema)
    with atomic_replace(path) as fresh:
        parquet.write_table(table, fresh, compression="snappy", version="2.6")


def _candidates(made: Sequence[Mapping[str, Any]]) -> list[Candidate]:
    column = quality_column(made)
    done = [row for row in made if row["status"] == "done" and row[column] is not None]
    # A file that lost a channel is broken, however small its error over a whole output is.
    done = [row for row in done if not row["lost_channels"]] or done
    candidates = []
    for row in done:
        # Slower than any that was timed: what nobody measured is no reason to leave out a point
        # that was, nor to keep one that loses in all that is known of it.
        latency = math.inf if row["latency_ms"] is None else row["latency_ms"]
        costs = (row["bytes"], row[column], latency)
        candidates.append(Candidate(row["point"], costs, row["mean_abs_error"] or 0.0))
    return candidates


def worst_numbers(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a measurement, of several outputs those of the worst; None is none."""
    outputs = list((measured.get("outputs") or {}).values())
    channels = (measured.get("channels") or {}).values()
    metric = measured.get("metric") or {}
    agreement = measured.get("top1_agreement") or {}
    return {
        "metric": metric.get("variant"),
        "drop": metric.get("drop"),
        "agreement": min(agreement.values(), default=None),
        "snr_db": _worst(min, outputs, "snr_db"),
        "lost_channels": max((one["lost"] for one in channels), default=None),
        "mean_abs_error": _worst(max, outputs, "mean_abs_error"),
        "max_abs_error": _worst(max, outputs, "max_abs_error"),
    }


def _worst(choose: Any, outputs: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [one[key] for one in outputs if one.get(key) is not None]
    worst: float | None = choose(values, default=None)
    return worst
