"""What is handed to whoever computes a point, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litemill.config.schema.variant import Route, Variant


@dataclass(frozen=True)
class Task:
    """A point to compute."""

    point: str
    variant: Variant
    # Whether it is measured as a variant is, with all kernels and layer by layer: to be judged.
    deep: bool = False
    # A file that was made before and has to be measured only: its record, and its bytes.
    file: dict[str, Any] | None = None
    content: bytes | None = field(default=None, repr=False)
    # Whether the file is run in processes of its own, as the stage does it: one that was seen to
    # take its process down. A process more for each file would cost the others too much.
    isolated: bool = False

    @property
    def alone(self) -> bool:
        """Whether it gets a process of its own, as the stage has one.

        A Keras model is traced anew, and Keras numbers by process what has no name. No file was
        seen to depend on it; a promise of the same bytes should not depend on luck either. And
        only a process in which TensorFlow has no threads can be forked.
        """
        asked = self.variant
        traced = asked.route is Route.keras or asked.batch is not None or asked.unroll
        return self.isolated or traced


@dataclass(frozen=True)
class Outcome:
    """What became of a point: a file and its measurement, or an error."""

    file: dict[str, Any] | None = None  # {"sha256", "bytes", "kind"}
    # As `measuring` gives it; None where it is known already.
    measured: dict[str, Any] | None = None
    error: str | None = None
    # Whether the same inputs give the same error: what the converter refuses, it refuses again; a
    # crash or a lack of memory may have been the machine's.
    lasting: bool = False
    full: bool = False  # the disk is, and so no other point can be computed either
    crashed: bool = False  # the process ended in the middle of it
    content: bytes | None = field(default=None, repr=False)  # the file's; None where it was given
