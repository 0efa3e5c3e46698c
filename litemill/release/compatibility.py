"""Can a consumer of one release take another? What changed between the two?

A consumer is a program that was written for a variant: it knows the signature, names, types, shapes
and quantization of inputs and outputs, the order of the labels, and the operators and runtime that
it was linked with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MEASURED = ("metric", "source_metric", "drop", "agreement", "snr_db", "max_abs_error")


@dataclass(frozen=True)
class Side:
    """A release: its manifest, and its labels."""

    manifest: Mapping[str, Any]
    labels: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What a consumer of the first meets in the second.

    Attributes:
        breaks: what a consumer cannot take.
        unknown: what depends on the consumer.
        changes: by topic, everything that changed: [place, before, after].
    """

    breaks: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    changes: dict[str, list[tuple[str, Any, Any]]] = field(default_factory=dict)

    @property
    def compatible(self) -> bool | None:
        """Whether every consumer can take it; None: cannot tell."""
        return False if self.breaks else None if self.unknown else True


def compare(before: Side, after: Side) -> Comparison:
    """Compare two releases; the manifests are whole and true (`litemill.release.check.read`)."""
    found = Comparison(changes=_changes(before.manifest, after.manifest))
    if before.labels != after.labels:
        found.breaks.append("labels: other names, or in another order")
    if before.manifest["metric"] != after.manifest["metric"]:
        found.changes["metric"].insert(
            0, ("task metric", before.manifest["metric"], after.manifest["metric"])
        )
    known = after.manifest["variants"]
    for name, old in before.manifest["variants"].items():
        if name not in known:
            found.breaks.append(f"{name}: no such variant any more")
            continue
        found.breaks.extend(f"{name}: {told}" for told in _breaks(old, known[name]))
        found.unknown.extend(f"{name}: {told}" for told in _unknown(old, known[name]))
    return found


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, list[tuple[str, Any, Any]]]:
    old, new = before["variants"], after["variants"]
    both = [name for name in old if name in new]
    listed: dict[str, list[tuple[str, Any, Any]]] = {
        "release": list(_different(before["release"], after["release"])),
        "variants": [(name, name in old, name in new) for name in _either(old, new)],
        "size": [(name, old[name]["bytes"], new[name]["bytes"]) for name in both],
        "metric": [
            (f"{name}.{key}", old[name]["metrics"].get(key), new[name]["metrics"].get(key))
            for name in both
            for key in MEASURED
        ],
        "operators": [(name, _operators(old[name]), _operators(new[name])) for name in both],
        "signature": [
            (f"{name}.{key}", old[name][key], new[name][key])
            for name in both
            for key in ("signature", "inputs", "outputs", "min_runtime_version")
        ],
        "toolchain": list(_different(_flat(before["toolchain"]), _flat(after["toolchain"]))),
        "data": list(_different(_splits(before), _splits(after))),
    }
    return {topic: [row for row in rows if row[1] != row[2]] for topic, rows in listed.items()}


def _breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["signature"] != new["signature"]:
        yield f"signature {new['signature']!r} instead of {old['signature']!r}"
    for kind in ("inputs", "outputs"):
        before, after = old[kind], new[kind]
        for name in _either(before, after):
            place = f"{kind[:-1]} {name!r}"
            if name not in after:
                yield f"{place}: gone"
            elif name not in before:
                # Nobody would feed a new input; a new output may be ignored.
                if kind == "inputs":
                    yield f"{place}: new, and an input has to be given"
            else:
                yield from (f"{place}: {told}" for told in _tensor(before[name], after[name]))


def _tensor(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["dtype"] != new["dtype"]:
        yield f"{new['dtype']} instead of {old['dtype']}"
    # What could be any size before has to be so still; what was fixed may be free now.
    fits = len(old["shape"]) == len(new["shape"]) and all(
        size in (-1, wanted) for wanted, size in zip(old["shape"], new["shape"], strict=True)
    )
    if not fits:
        yield f"shape {new['shape']} instead of {old['shape']}"
    before, after = [(one["scale"], one["zero_point"]) for one in (old, new)]
    if before != after and old["dtype"] == new["dtype"]:
        yield f"scale and zero point {_pair(after)} instead of {_pair(before)}"


def _unknown(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if added := sorted({*_operators(new)} - {*_operators(old)}):
        yield f"needs operators that it did not need: {', '.join(added)}"
    before, after = _version(old["min_runtime_version"]), _version(new["min_runtime_version"])
    if after != before and (not before or not after or after > before):
        told = new["min_runtime_version"] or "an unknown version"
        yield f"needs runtime {told}, not {old['min_runtime_version'] or 'an unknown version'}"


def _operators(entry: Mapping[str, Any]) -> dict[str, int]:
    counted = dict[str, int]()
    for one in entry["operators"]:
        name = f"{one['name']} ({one['types']})"
        counted[name] = counted.get(name, 0) + one["count"]
    return counted


def _version(text: str | None) -> tuple[int, ...]:
    parts = (text or "").split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _pair(values: tuple[Any, Any]) -> str:
    scale, zero = values
    return "none" if scale is None else f"{scale:.6g}, {zero}"


def _either(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    return ((key, old.get(key), new.get(key)) for key in _either(old, new))


def _flat(toolchain: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: version for stage in toolchain.values() for name, version in stage.items()}


def _splits(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {name: one["sha256"] for name, one in manifest["data"].get("splits", {}).items()}
