"""Measure a variant's outputs under one set of kernels, batch by batch."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from litemill.data.samples import release_pages
from litemill.evaluation.channels import ChannelErrors
from litemill.evaluation.fidelity import Agreement, Fidelity
from litemill.evaluation.histogram import Histogram
from litemill.evaluation.scoring import Scoring
from litemill.evaluation.sequence import SequenceErrors
from litemill.evaluation.worst_samples import WorstSamples

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from litemill.config.schema.validate import Validate
    from litemill.data.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]


class Measurement:
    """Errors, agreement and metric of the outputs for the first `count` samples.

    Attributes:
        count: how many samples are measured.
        classes: the outputs whose last axis are classes.
    """

    def __init__(  # noqa: PLR0913
        self,
        reference: Mapping[str, Array],
        samples: Samples,
        options: Validate,
        *,
        count: int,
        detailed: bool = False,
        sequential: bool = False,
        steps: Mapping[str, float | None] | None = None,
    ) -> None:
        """Measure against `reference`, [samples, ...] by output.

        `detailed` counts histograms and channels too, `sequential` errors along the sequence of
        samples; `steps` are the quantization steps of outputs.
        """
        self.count, self._reference = count, reference
        self.classes = [n for n in sorted(reference) if has_classes(reference[n], options.task)]
        self._fidelity = {name: Fidelity() for name in sorted(reference)}
        self._agreement = {name: Agreement() for name in self.classes}
        self._default_agreement = {name: Agreement() for name in self.classes}
        self._metric = Scoring(options.metric, samples, list(reference)) if options.metric else None
        self._sequence = SequenceErrors(count, sorted(reference)) if sequential else None
        self._channels = {
            name: ChannelErrors((steps or {}).get(name)) for name in sorted(reference) if detailed
        }
        self._histograms = {name: Histogram() for name in sorted(reference)} if detailed else {}
        self._worst = WorstSamples(samples, self.classes, list(reference)) if detailed else None

    def add(
        self,
        start: int,
        outputs: Mapping[str, Array],
        samples: Samples,
        default: Mapping[str, Array] | None = None,
    ) -> None:
        """Count a block of outputs.

        Args:
            start: number of its first sample.
            outputs: [samples, ...] by name.
            samples: the block's samples.
            default: what the default kernels put out for the same samples, to count flips.

        Raises:
            ValueError: an output is of another shape than the reference.
        """
        stop = start + len(samples)
        for name, fidelity in self._fidelity.items():
            expected, output = self._reference[name][start:stop], outputs[name]
            error = fidelity.add(expected, output)
            if self._sequence:
                self._sequence.add(start, name, expected, output)
            if name in self._histograms:
                self._histograms[name].add(error)
                self._channels[name].add(expected, output)
            if name in self._agreement:
                self._agreement[name].add(expected, output)
                if default:
                    self._default_agreement[name].add(default[name], output)
            if self._worst and self._worst.output == name:
                self._worst.add(start, expected, output, samples)
            if self._metric and self._metric.output == name:
                self._metric.add(expected, output, samples)
        release_pages(*self._reference.values())

    def measures(self) -> dict[str, Any]:
        """Return the measures, as JSON takes them."""
        return {
            "samples": self.count,
            "outputs": {name: fidelity.measures() for name, fidelity in self._fidelity.items()},
            "top1_agreement": {n: a.share() for n, a in self._agreement.items()} or None,
            "agreement_samples": {n: asdict(a) for n, a in self._agreement.items()} or None,
            "metric": self._metric.measures() if self._metric else None,
        }

    def flips(self) -> dict[str, int] | None:
        """Count the samples whose top class is not that of the default kernels, by output."""
        return {name: a.of - a.same for name, a in self._default_agreement.items()} or None

    def details(self) -> dict[str, Any]:
        """Return what is recorded of the default kernels alone."""
        nothing = {"per_class": None, "per_slice": None, "confusion": None}
        return {
            **(self._metric.details() if self._metric else nothing),
            "channels": {name: one.measures() for name, one in self._channels.items()},
            "histograms": {name: one.binned() for name, one in self._histograms.items()},
            "sequence": self._sequence.measures() if self._sequence else None,
            "worst_samples": self._worst.measures() if self._worst else None,
        }


def has_classes(reference: Array, task: str) -> bool:
    """Return whether an output's last axis are classes."""
    return task == "classification" and reference.ndim > 1 and reference.shape[-1] > 1
