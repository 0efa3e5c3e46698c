"""Make trials by the engine and the store of sweeps, measuring as the stages do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from litemill.improve.trial import Trial, judge_trial
from litemill.sweep.executor import Executor, measurement_kind
from litemill.sweep.inputs import read_inputs
from litemill.sweep.local import Local
from litemill.sweep.points import drop_duplicates, make_point
from litemill.sweep.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litemill.config.schema.variant import Variant

BUILD = Path("build")


class TrialRunner:
    """Makes trials of a built model. A context manager; the first new trial starts TensorFlow."""

    def __init__(self, limits: dict[str, Any], seconds: float) -> None:
        """Set the limits, and how long a trial may take.

        Raises:
            ConfigError: something was not built.
        """
        self.inputs = read_inputs(BUILD)
        self._limits, self._store = limits, Store()
        self._engine = Local(BUILD, self._known, workers=None, seconds=seconds)
        self._executor = Executor(self.inputs, self._store, self._engine, deep=True)

    def __enter__(self) -> Self:
        """Enter the engine."""
        self._engine.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        """Stop what still runs."""
        self._engine.__exit__(*what)

    def run(self, variants: Sequence[tuple[str, Variant]]) -> list[Trial]:
        """Make, measure and judge labelled variants; none is made that any sweep or trial made."""
        points = [make_point(variant, {}, self.inputs.objection) for _, variant in variants]
        results = {one.point.name: one for one in self._executor.over(drop_duplicates(points))}
        return [
            judge_trial(label, results[point.name], self._limits)
            for (label, _), point in zip(variants, points, strict=True)
        ]

    def _known(self, file: str, variant: Variant) -> bool:
        key = self.inputs.measurement(file, variant)
        return self._store.get(measurement_kind(deep=True), key) is not None
