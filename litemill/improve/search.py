"""The hunt for a variant that meets its limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from litemill.improve import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from litemill.config.schema.variant import Variant
    from litemill.improve.trial import Trial
    from litemill.improve.trial_runner import TrialRunner


@dataclass
class Search:
    """Tries one thing after the other, until the limits are met or the budget is used up.

    Attributes:
        bench: makes the trials.
        base: the variant.
        budget: how many trials there may be beside the variant itself.
        tell: is called with each trial's number and the trial; 0 is the variant itself.
    """

    bench: TrialRunner
    base: Variant
    budget: int
    tell: Callable[[int, Trial], None]
    tried: list[Trial] = field(default_factory=list)

    def run(self) -> Trial:
        """Give the smallest trial that passes, or the nearest to passing.

        Calibration first, for it costs the device nothing: more samples, then other picks. Layers
        are kept in float upon the calibration that came nearest. Once the limits are met, each of
        several float layers is left out again, to see whether it was needed.
        """
        self._try([("as it is", self.base)])
        if self._met():
            return self.best
        for ways in (steps.with_more_samples, steps.with_other_selections):
            if not self._met():
                self._try(ways(self.base, self.bench.inputs))
        if not self._met() and steps.can_have_float_layers(self.base):
            self._spare_layers()
        if self._met():
            self._try(steps.with_one_layer_less(self.best.variant))
        return self.best

    @property
    def best(self) -> Trial:
        """The smallest trial that passes, or the nearest to passing; of equals the first."""
        return min(self.tried, key=lambda trial: trial.cost())

    @property
    def _left(self) -> int:
        return self.budget + 1 - len(self.tried)

    def _met(self) -> bool:
        return any(trial.passed for trial in self.tried)

    def _try(self, ways: Iterable[tuple[str, Variant]]) -> list[Trial]:
        known = {trial.found.point.name for trial in self.tried}
        trials = self.bench.trials([*ways][: self._left])
        new = [one for one in trials if one.found.point.name not in known]
        for trial in new:
            self.tell(len(self.tried), trial)
            self.tried.append(trial)
        return trials

    def _spare_layers(self) -> None:
        """Keep the worst layer in float, measure again, keep the one that is the worst then."""
        last, refused = self.best, set[str]()
        while self._left > 0 and not self._met():
            name = steps.worst_layer(last, refused)
            if name is None:
                return
            kept = [*last.variant.float_layers, name]
            told = f"{'and ' if last.variant.float_layers else ''}float {steps.short(name)}"
            (trial,) = self._try([(told, replace(last.variant, float_layers=kept))])
            if trial.made and trial.digest != last.digest:
                last = trial
            else:
                refused.add(name)
