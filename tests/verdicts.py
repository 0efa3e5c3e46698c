"""Measurements as `validate` writes them, for the tests of what judges them."""

from __future__ import annotations

import hashlib


def output(**changes):
    """Return the fidelity of an output, as of a good int8 variant."""
    return {
        "max_abs_error": 0.05,
        "mean_abs_error": 0.01,
        "snr_db": 32.0,
        "cosine_similarity": 0.9995,
        "non_finite": 0,
        "reference_range": [-4.0, 9.0],
        **changes,
    }


def measured(variant="int8", **changes):
    """Return the measurement of a variant of a classifier."""
    return {
        "variant": variant,
        "sha256": hashlib.sha256(variant.encode()).hexdigest(),
        "bytes": 26_700,
        "samples": 360,
        "outputs": {"digit": output()},
        "top1_agreement": {"digit": 0.9972},
        "metric": metric(0.9889, 0.9861),
        "operators": [],
        "weights": {},
        "min_runtime_version": "2.3.0",
        "error": None,
        "kernels": {},
        "per_class": None,
        "per_slice": None,
        "confusion": None,
        "histograms": {},
        "layers": None,
        "advice": [],
        "sequence": None,
        **changes,
    }


def kernels(**changes):
    """Return every set of kernels as measured, with the changes of each."""
    good = measured()
    same = {key: good[key] for key in ("outputs", "top1_agreement", "metric")}
    same |= {"agreement_samples": {"digit": {"same": 359, "of": 360}}, "flips": {"digit": 0}}
    names = ("default", "no_delegate", "reference")
    return {
        name: {"error": None, "samples": 360, "default": None, **same, **changes.get(name, {})}
        for name in names
    }


def metric(source, variant, name="top1", goal="maximize"):
    """Return a task metric; the drop is above 0 where the variant is worse."""
    drop = source - variant if goal == "maximize" else variant - source
    return {
        "name": name,
        "goal": goal,
        "source": source,
        "variant": variant,
        "drop": float(f"{drop:.6g}"),
        "output": "digit",
    }


def broken(variant="int16x8"):
    """Return the measurement of a file that does not run."""
    return measured(
        variant, outputs={}, top1_agreement=None, metric=None, error="node 3 has no kernel"
    )


def regression(variant="int8", **changes):
    """Return the measurement of a variant of a regression: no classes, and lower is better."""
    return measured(
        variant,
        outputs={"value": output()},
        top1_agreement=None,
        metric=metric(43.1, 43.4, "mean_absolute_error", "minimize"),
        **changes,
    )
