"""The interpreter of TensorFlow Lite Micro, run as LiteRT's is: samples in, answers out."""

from __future__ import annotations

import re
from importlib import util
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError
from litemill.runtime.capture_output import capture_output
from litemill.tflite.interpreter import FAILURES, Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.tflite.description import Tensor

    Array = np.ndarray[Any, np.dtype[Any]]

PACKAGE = "tflite-micro"
ABSENT = (
    f"install it with `pip install litemill[micro]` on Linux x86-64, the only platform for which"
    f" {PACKAGE} has wheels; elsewhere leave the variants of this target out"
)
# How the lines begin that TFLM prints where the arena is too small.
NO_MEMORY = re.compile(r"(Failed|Unable) to (allocate|resize)|Requested buffer|Too many buffers")


class ArenaError(InterpreterError):
    """The arena is too small."""


def is_installed() -> bool:
    """Return whether the interpreter is here; wheels are for Linux x86-64 only."""
    return util.find_spec("tflite_micro") is not None


def open_interpreter(content: bytes, arena: int, place: object) -> Any:
    """Load a file into an arena of so many bytes.

    Raises:
        InterpreterError: it does not load, with the reason that TFLM printed; an ArenaError where
            the arena is too small.
    """
    if not is_installed():
        raise InterpreterError(place, f"the package {PACKAGE} is not installed", ABSENT)
    from tflite_micro.python.tflite_micro import runtime

    with capture_output() as printed:
        try:
            return runtime.Interpreter.from_bytes(content, arena_size=arena)
        except FAILURES as error:
            reason = printed_before(printed.text(), str(error))
    raise failure_of(place, reason)


def printed_before(text: str, failure: str) -> str:
    """Return the first line that TFLM printed; what follows it, and the exception, say less."""
    return next((line.strip() for line in text.splitlines() if line.strip()), failure)


def failure_of(place: object, reason: str) -> InterpreterError:
    """Return the error of a file that TFLM refuses for a reason that it printed."""
    kind = ArenaError if NO_MEMORY.match(reason) else InterpreterError
    return kind(place, f"TFLM does not run it ({reason})")


class TflmModel(Model):
    """A file loaded into TensorFlow Lite Micro, which calls it with its own batch size alone."""

    def __init__(self, content: bytes, *, arena: int, **options: Any) -> None:
        """Load `content` into an arena of so many bytes; other options are those of `Model`.

        Raises:
            InterpreterError: it does not load.
        """
        self._arena = arena
        super().__init__(content, **options)

    def _dynamic(self) -> bool:
        return False

    def _load(self, content: bytes, kernels: Kernels, threads: int) -> None:
        del kernels, threads  # it has one of each
        if self.subgraph:
            found = f"signature {self.signature!r} is subgraph {self.subgraph}"
            raise InterpreterError(self.place, found, "TFLM runs the first subgraph only")
        self._interpreter = open_interpreter(content, self._arena, self.place)
        # Variables carry their values from sample to sample, as in LiteRT, for sequences. The state
        # of fused recurrent operators does not: samples are independent of each other.
        operators = {operator.name for operator in self.description.operators}
        self._carries_state = "ASSIGN_VARIABLE" in operators
        self._inputs = _positions(self.inputs, self.description.inputs)
        self._outputs = _positions(self.outputs, self.description.outputs)

    def _call(self, inputs: Mapping[str, Array], count: int) -> dict[str, Array]:
        del count  # as many as the file takes
        try:
            if not self._carries_state:
                self._interpreter.reset()
            for name, values in inputs.items():
                self._interpreter.set_input(np.ascontiguousarray(values), self._inputs[name])
            self._interpreter.invoke()
            return {
                name: np.array(self._interpreter.get_output(position))
                for name, position in self._outputs.items()
            }
        except FAILURES as error:
            raise InterpreterError(self.place, f"TFLM does not run it ({error})") from None


def _positions(named: Mapping[str, Tensor], ordered: tuple[Tensor, ...]) -> dict[str, int]:
    """Map the names that a signature gives to positions, by the names of the tensors."""
    positions = {tensor.name: position for position, tensor in enumerate(ordered)}
    return {name: positions[tensor.name] for name, tensor in named.items()}
