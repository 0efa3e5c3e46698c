"""Read a .tflite file from anywhere with care, and run it in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, LitemillError
from litemill.runtime.capture_output import capture_output
from litemill.runtime.subprocess_isolation import run_isolated
from litemill.tflite.interpreter import Model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litemill.tflite.description import Description, Tensor

    Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 64  # samples at a time


@dataclass(frozen=True)
class UntrustedFile:
    """A described file and the signature to run, None where it has none."""

    place: Path
    content: bytes
    described: Description
    key: str | None
    seconds: float  # a run may take

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The inputs by name, in the file's order."""
        return self.described.by_name("inputs", self.key)

    @property
    def outputs(self) -> dict[str, Tensor]:
        """The outputs by name, in the file's order."""
        return self.described.by_name("outputs", self.key)

    def answers(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run inputs by name; return real-valued outputs by name.

        Raises:
            InterpreterError: it does not load or run, took its process down, or took too long.
        """
        arguments = self.content, dict(inputs), self.key, str(self.place)
        return run_isolated(_run, *arguments, seconds=self.seconds, place=self.place)


def read_untrusted(place: Path) -> bytes:
    """Read the content of a file.

    Raises:
        DataError: there is no such file.
    """
    try:
        return place.read_bytes()
    except FileNotFoundError:
        raise DataError(place, "no such file", "expected a .tflite file") from None
    except IsADirectoryError:
        raise DataError(place, "a directory", "expected a .tflite file") from None


def signature_key(described: Description, wanted: str) -> str | None:
    """Choose a signature: that of the wanted name, or the first; None where there is none."""
    keys = [signature.key for signature in described.signatures]
    return wanted if wanted in keys else next(iter(keys), None)


def _run(content: bytes, inputs: dict[str, Array], key: str | None, place: str) -> dict[str, Array]:
    with capture_output(explained=LitemillError):  # a process that aborts writes why first
        model = Model(content, signature=key, place=place)
        count = len(next(iter(inputs.values())))
        parts = [
            model.run({name: array[start : start + BATCH] for name, array in inputs.items()})
            for start in range(0, count, BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in model.outputs}
