"""Turns a data set into train, calibration and evaluation splits.

Reads what `load` names; writes build/prepare/{train,calibration,evaluation}/ (see
litemill/data/samples.py) and build/prepare/data.json. Same input, same bytes. At most a few blocks
of samples are in memory at a time, and some 100 bytes for each sample.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.instantiate import instantiate
from litemill.config.parameters import parameters
from litemill.config.schema.prepare import Duplicates, Prepare
from litemill.core.errors import DataError, nearest
from litemill.core.files import atomic_replace, remove, write_json
from litemill.data import splits
from litemill.data.dataset import SPLITS, Dataset
from litemill.data.dataset_scan import ScannedDataset, describe_sample, scan_dataset
from litemill.data.samples import describe_arrays, write_split

if TYPE_CHECKING:
    from litemill.config.schema.prepare import Split

OUT = Path("build/prepare")


def prepare_splits(options: Prepare, out: Path) -> dict[str, Any]:
    """Write the splits of a data set below `out`, which is replaced as a whole at the end.

    Returns:
        What data.json holds: counts, digests, shapes, classes.

    Raises:
        ConfigError: the `_target_` cannot be called.
        DataError: the data set cannot be used or split as asked.
    """
    with atomic_replace(out) as fresh:
        scratch = fresh / "scratch"
        scratch.mkdir(parents=True)
        dataset = _load(options, scratch)
        found = scan_dataset(dataset, options.task)
        parts = _divide(options, dataset, found)
        summary = _summary(options, found, parts)
        summary["preprocessing"] = _preprocessing(dataset)
        summary["notes"] = list(dataset.notes)
        for name, indices in parts.items():
            summary["splits"][name]["sha256"] = write_split(
                fresh / name,
                found.inputs,
                found.targets,
                indices,
                classes=found.classes,
                task=options.task.name,
                slices=found.slices,
            )
        write_json(fresh / "data.json", summary)
        remove(scratch)
    return summary


def _load(options: Prepare, scratch: Path) -> Dataset:
    dataset = instantiate(options.load, "data.load", scratch=scratch, task=options.task.name)
    if not isinstance(dataset, Dataset):
        found = f"returned a {type(dataset).__name__}"
        raise DataError(options.load["_target_"], found, "expected a litemill.data.dataset.Dataset")
    dataset.place = dataset.place or options.load["_target_"]
    return dataset


def _divide(options: Prepare, dataset: Dataset, found: ScannedDataset) -> dict[str, np.ndarray]:
    declared = _declared(dataset, len(found))
    pairs = splits.find_duplicates(found.digests)
    kept = np.arange(len(found))
    if options.split.duplicates is Duplicates.drop:
        kept = np.delete(kept, pairs[:, 1])
    parts = _parts(options.split, kept, found.labels, declared)
    if options.split.duplicates is Duplicates.refuse and len(pairs):
        _refuse_twins(dataset, pairs, parts)
    return parts


def _parts(
    options: Split, kept: np.ndarray, labels: np.ndarray | None, declared: np.ndarray | None
) -> dict[str, np.ndarray]:
    if declared is not None:
        return splits.split_as_declared(options, kept, declared[kept])
    stratified = labels is not None and options.stratify
    return splits.split_by_share(
        options, kept, labels[kept] if labels is not None and stratified else None
    )


def _declared(dataset: Dataset, count: int) -> np.ndarray | None:
    if dataset.split is None:
        return None
    declared = np.asarray(dataset.split[:])
    if declared.shape != (count,) or declared.dtype.kind not in "US":
        found = f"shape {declared.shape}, type {declared.dtype}"
        raise DataError(f"{dataset.place}: split", found, f"expected {count} names of splits")
    return declared.astype(np.str_)


def _refuse_twins(dataset: Dataset, pairs: np.ndarray, parts: dict[str, np.ndarray]) -> None:
    where = {int(sample): name for name, part in parts.items() for sample in part}
    # A pair that lies in two splits says most.
    worst = min(pairs.tolist(), key=lambda pair: where.get(pair[0]) == where.get(pair[1]))
    places = [f"{describe_sample(dataset, s)} in {where.get(s, 'no split')}" for s in worst]
    more = f", and {len(pairs) - 1} more such pair(s)" if len(pairs) > 1 else ""
    found = f"{' and '.join(places)} have identical inputs{more}"
    raise DataError(dataset.place, found, "remove one, or set split.duplicates: drop")


def _summary(
    options: Prepare, found: ScannedDataset, parts: dict[str, np.ndarray]
) -> dict[str, Any]:
    pairs = len(splits.find_duplicates(found.digests))
    return {
        "source": options.load["_target_"],
        "task": options.task.name,
        "seed": options.split.seed,
        "samples": len(found),
        "duplicates_dropped": pairs,
        "unused": len(found) - pairs - sum(len(part) for part in parts.values()),
        "inputs": describe_arrays(found.inputs),
        "targets": describe_arrays(found.targets),
        "classes": found.classes,
        "splits": {
            name: {"samples": len(part), "classes": _counts(found, part)}
            for name, part in parts.items()
        },
    }


def _preprocessing(dataset: Dataset) -> dict[str, Any]:
    """Return what is declared of the inputs, for data.json."""
    declared = dict(dataset.preprocessing or {})
    for name, values in declared.items():
        place = f"{dataset.place}: preprocessing"
        if name not in dataset.inputs:
            raise DataError(place, f"no input {name!r}", nearest(name, dataset.inputs))
        try:
            json.dumps(values, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise DataError(place, f"no JSON for {name!r} ({error})", "use plain values") from None
    return {name: dict(values) for name, values in declared.items()}


def _counts(found: ScannedDataset, part: np.ndarray) -> dict[str, int] | None:
    if found.labels is None or found.classes is None:
        return None
    counts = np.bincount(found.labels[part], minlength=len(found.classes)).tolist()
    return dict(zip(found.classes, counts, strict=True))


def run(*, out: Path) -> None:
    """Prepare what build/params.json says, into the directory `out`."""
    summary = prepare_splits(parameters(Prepare, "prepare"), out)
    counts = ", ".join(f"{name} {summary['splits'][name]['samples']}" for name in SPLITS)
    print(f"prepare: {summary['samples']} samples of {summary['source']}: {counts}")
    for note in summary["notes"]:
        print(f"prepare: {note}")
