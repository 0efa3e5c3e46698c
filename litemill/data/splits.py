"""Which sample goes into which split: seeded, disjoint, the same on every machine.

Random numbers are the raw output of PCG64, which numpy promises to keep (NEP 19), unlike the
methods of its generators.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from litemill.core.errors import DataError, ErrorGroup, nearest
from litemill.data.dataset import SPLITS

if TYPE_CHECKING:
    from litemill.config.schema.prepare import Split


def split_by_share(
    options: Split, samples: np.ndarray, labels: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Divide `samples` (int64 indices) by the shares of `options`, shuffled if these say so.

    With `labels` (int64, one for each of `samples`), every split gets each class in the proportion
    it has in the whole: the members of a class are spread evenly over 0..1, and the splits are cut
    from all samples in that order.

    Raises:
        DataError: a share is no fraction or number, a split would be empty, or there are too few.
    """
    sizes = _sizes(options, len(samples))
    keys = _keys(options.seed, len(samples)) if options.shuffle else np.arange(len(samples))
    order = np.argsort(keys, kind="stable")
    if labels is not None and options.shuffle:
        order = np.lexsort((keys, _ranks(labels, order)))
    parts = np.split(order, np.cumsum(sizes))
    # Within a split, the order says nothing about the class.
    parts = [part[np.argsort(keys[part], kind="stable")] for part in parts]
    return {name: samples[part] for name, part in zip(SPLITS, parts[: len(SPLITS)], strict=True)}


def split_as_declared(
    options: Split, samples: np.ndarray, declared: np.ndarray
) -> dict[str, np.ndarray]:
    """Take predeclared splits: `declared` names the split of each of `samples`.

    Raises:
        DataError: a name is no split, or a split is empty.
    """
    for name in np.unique(declared).tolist():
        if name not in SPLITS:
            raise DataError("predeclared splits", f"no split {name!r}", nearest(name, SPLITS))
    _refuse_empty([int((declared == name).sum()) for name in SPLITS], len(samples))
    order = np.arange(len(samples))
    if options.shuffle:
        order = np.argsort(_keys(options.seed, len(samples)), kind="stable")
    return {name: samples[order[declared[order] == name]] for name in SPLITS}


def find_duplicates(digests: np.ndarray) -> np.ndarray:
    """Find samples that are there twice.

    Args:
        digests: uint64 [n, 2], a digest of each sample.

    Returns:
        int64 [pairs, 2]: the first sample of its kind, and one that repeats it; sorted.
    """
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: the first of its kind leads
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (digests[order[1:]] != digests[order[:-1]]).any(axis=1)
    leaders = order[fresh][np.cumsum(fresh) - 1]
    pairs = np.stack([leaders[~fresh], order[~fresh]], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _sizes(options: Split, total: int) -> list[int]:
    shares = [_share(name, getattr(options, name), total) for name in SPLITS]
    if sum(shares) > total:
        asked = " + ".join(f"{getattr(options, name):g}" for name in SPLITS)
        raise DataError("data.split", f"{asked} is more than all", f"there are {total} samples")
    # Rounded as running sums, so that the parts of a whole are never more than the whole.
    ends = [math.floor(sum(shares[:i]) + Fraction(1, 2)) for i in range(len(shares) + 1)]
    sizes = [end - start for start, end in itertools.pairwise(ends)]
    _refuse_empty(sizes, total)
    return sizes


def _share(name: str, share: float, total: int) -> Fraction:
    expected = "expected a fraction below 1, or a whole number of samples"
    if not math.isfinite(share) or share < 0 or (share > 1 and share != int(share)):
        raise DataError(f"data.split.{name}", str(share), expected)
    # As written in YAML: 0.7 is seven tenths, not the nearest binary fraction.
    return Fraction(repr(share)) * (total if share < 1 else 1)


def _refuse_empty(sizes: list[int], total: int) -> None:
    errors = [
        DataError(f"data.split.{name}", f"no samples out of {total}", "expected at least one")
        for name, size in zip(SPLITS, sizes, strict=True)
        if size == 0
    ]
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorGroup(errors)


def _keys(seed: int, count: int) -> np.ndarray:
    if seed < 0:
        raise DataError("data.split.seed", str(seed), "expected 0 or more")
    return np.random.PCG64(seed).random_raw(count)


def _ranks(labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    each = np.repeat(counts, counts)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    ranks = np.empty(len(labels))
    ranks[by_class] = (place + 0.5) / each
    return ranks
