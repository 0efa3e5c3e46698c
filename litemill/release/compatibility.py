"""Compare two releases: what changed, and whether a consumer of the first can use the second.

A consumer is a program that was written for a variant: it relies on the signature, on names, types,
shapes and quantization of inputs and outputs, on the order of the labels, and on the operators and
the runtime that it was linked with.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

METRICS = ("metric", "source_metric", "drop", "agreement", "snr_db", "max_abs_error")


@dataclass(frozen=True)
class Side:
    """A release: its manifest, and its labels."""

    manifest: Mapping[str, Any]
    labels: str | None = None


class Change(NamedTuple):
    """A value of the first release and of the second; None where there is none."""

    place: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Comparison:
    """What a consumer of the first release meets in the second."""

    breaks: list[str] = field(default_factory=list)  # changes that no consumer can use
    unknown: list[str] = field(default_factory=list)  # changes whose effect depends on the consumer
    # By topic, everything that changed.
    changes: dict[str, list[Change]] = field(default_factory=dict)

    @property
    def compatible(self) -> bool | None:
        """Whether every consumer can use it; None: it depends on the consumer."""
        return False if self.breaks else None if self.unknown else True


def compare(before: Side, after: Side) -> Comparison:
    """Compare two releases whose manifests `litemill.release.check.read_manifest` returned."""
    comparison = Comparison(changes=_changes(before.manifest, after.manifest))
    if before.labels != after.labels:
        comparison.breaks.append("labels: renamed or reordered")
    if before.manifest["metric"] != after.manifest["metric"]:
        comparison.changes["metric"].insert(
            0, Change("task metric", before.manifest["metric"], after.manifest["metric"])
        )
    variants = after.manifest["variants"]
    for name, old in before.manifest["variants"].items():
        if name not in variants:
            comparison.breaks.append(f"{name}: variant removed")
            continue
        comparison.breaks.extend(f"{name}: {line}" for line in _breaks(old, variants[name]))
        comparison.unknown.extend(f"{name}: {line}" for line in _unknown(old, variants[name]))
    return comparison


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Change]]:
    old, new = before["variants"], after["variants"]
    both = [name for name in old if name in new]
    topics: dict[str, list[tuple[str, Any, Any]]] = {
        "release": list(_pairs(before["release"], after["release"])),
        "variants": [(name, name in old, name in new) for name in _either(old, new)],
        "size": [(name, old[name]["bytes"], new[name]["bytes"]) for name in both],
        "metric": [
            (f"{name}.{key}", old[name]["metrics"].get(key), new[name]["metrics"].get(key))
            for name in both
            for key in METRICS
        ],
        "operators": [(name, _operators(old[name]), _operators(new[name])) for name in both],
        "signature": [
            (f"{name}.{key}", old[name][key], new[name][key])
            for name in both
            for key in ("signature", "inputs", "outputs", "min_runtime_version")
        ],
        "toolchain": list(_pairs(_flat(before["toolchain"]), _flat(after["toolchain"]))),
        "data": list(_pairs(_splits(before), _splits(after))),
    }
    return {
        topic: [Change(*row) for row in rows if row[1] != row[2]] for topic, rows in topics.items()
    }


def _breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["signature"] != new["signature"]:
        yield f"signature {new['signature']!r} instead of {old['signature']!r}"
    for kind in ("inputs", "outputs"):
        before, after = old[kind], new[kind]
        for name in _either(before, after):
            place = f"{kind[:-1]} {name!r}"
            if name not in after:
                yield f"{place}: removed"
            elif name not in before:
                # No consumer would feed a new input; a new output may be ignored.
                if kind == "inputs":
                    yield f"{place}: added, and every input is required"
            else:
                yield from (
                    f"{place}: {line}" for line in _tensor_breaks(before[name], after[name])
                )


def _tensor_breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["dtype"] != new["dtype"]:
        yield f"{new['dtype']} instead of {old['dtype']}"
    # A dimension of any size has to stay so; a fixed one may become free.
    fits = len(old["shape"]) == len(new["shape"]) and all(
        size in (-1, required) for required, size in zip(old["shape"], new["shape"], strict=True)
    )
    if not fits:
        yield f"shape {new['shape']} instead of {old['shape']}"
    before, after = [(one["scale"], one["zero_point"]) for one in (old, new)]
    if before != after and old["dtype"] == new["dtype"]:
        yield f"scale and zero point {_pair(after)} instead of {_pair(before)}"


def _unknown(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if added := sorted({*_operators(new)} - {*_operators(old)}):
        yield f"needs further operators: {', '.join(added)}"
    before, after = _version(old["min_runtime_version"]), _version(new["min_runtime_version"])
    if after != before and (not before or not after or after > before):
        needed = new["min_runtime_version"] or "of unknown version"
        yield f"needs runtime {needed} instead of {old['min_runtime_version'] or 'unknown'}"


def _operators(entry: Mapping[str, Any]) -> dict[str, int]:
    counts = Counter[str]()
    for operator in entry["operators"]:
        counts[f"{operator['name']} ({operator['types']})"] += operator["count"]
    return dict(counts)


def _version(text: str | None) -> tuple[int, ...]:
    parts = (text or "").split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _pair(values: tuple[Any, Any]) -> str:
    scale, zero = values
    return "none" if scale is None else f"{scale:.6g}, {zero}"


def _either(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    return ((key, old.get(key), new.get(key)) for key in _either(old, new))


def _flat(toolchain: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: version for stage in toolchain.values() for name, version in stage.items()}


def _splits(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {name: one["sha256"] for name, one in manifest["data"].get("splits", {}).items()}
