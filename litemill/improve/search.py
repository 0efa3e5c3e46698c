"""Search for conversion options with which a variant meets its limits."""

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
    """Runs one trial after the other, until the limits are met or the budget is used up."""

    runner: TrialRunner  # makes the trials
    base: Variant  # the variant
    budget: int  # how many trials there may be beside the variant itself
    # Is called with each trial's number and the trial; 0 is the variant itself.
    report: Callable[[int, Trial], None]
    trials: list[Trial] = field(default_factory=list)

    def run(self) -> Trial:
        """Return the smallest trial that passes, or the nearest to passing.

        First what the cause suggests: where channels of a layer differ in size by orders, that
        layer in float; where channels of an output are lost, float outputs. Then calibration, for
        it costs the device nothing: more samples, then other selections. Layers are kept in float
        upon the calibration that came nearest. Once the limits are met,
        each of several float layers is left out again, to see whether it was needed.
        """
        self._try([("as it is", self.base)])
        if self._met():
            return self.best
        self._try(steps.with_uneven_layers_in_float(self.trials[0]))
        if not self._met() and steps.loses_channels(self.trials[0]):
            self._try(steps.with_float_outputs(self.trials[0]))
        for step in (steps.with_more_samples, steps.with_other_selections):
            if not self._met():
                self._try(step(self.base, self.runner.inputs))
        if not self._met() and steps.can_have_float_layers(self.base):
            self._keep_layers_in_float()
        if self._met():
            self._try(steps.with_one_layer_less(self.best.variant))
        return self.best

    @property
    def best(self) -> Trial:
        """The smallest trial that passes, or the nearest to passing; of equals the first."""
        return min(self.trials, key=lambda trial: trial.cost())

    @property
    def _remaining(self) -> int:
        return self.budget + 1 - len(self.trials)

    def _met(self) -> bool:
        return any(trial.passed for trial in self.trials)

    def _try(self, changes: Iterable[tuple[str, Variant]]) -> list[Trial]:
        known = {trial.result.point.name for trial in self.trials}
        trials = self.runner.run([*changes][: self._remaining])
        new = [trial for trial in trials if trial.result.point.name not in known]
        for trial in new:
            self.report(len(self.trials), trial)
            self.trials.append(trial)
        return trials

    def _keep_layers_in_float(self) -> None:
        """Keep the worst layer in float, measure again, keep the one that is the worst then."""
        last, refused = self.best, set[str]()
        while self._remaining > 0 and not self._met():
            name = steps.worst_layer(last, refused)
            if name is None:
                return
            layers = [*last.variant.float_layers, name]
            label = f"{'and ' if last.variant.float_layers else ''}float {steps.short_name(name)}"
            (trial,) = self._try([(label, replace(last.variant, float_layers=layers))])
            if trial.made and trial.result.digest != last.result.digest:
                last = trial
            else:
                refused.add(name)
