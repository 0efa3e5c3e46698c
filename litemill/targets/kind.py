"""What a kind of target has to know: the protocol behind which the kinds stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from litemill.config.schema.target import Cpu
    from litemill.config.schema.variant import Variant
    from litemill.core.errors import ConfigError
    from litemill.tflite.description import Description
    from litemill.tflite.interpreter import Model

    Place = Callable[[str], str]
    # Calls a function in a process of its own, with the time that is left.
    Isolated = Callable[..., Any]


class TargetKind(Protocol):
    """A kind of target.

    Attributes:
        name: in conf/target/.
        kernels: what measurements call the kernels of its own interpreter; None where that is
            LiteRT's, which runs every variant.
        interpreter_packages: whose versions can change what its interpreter answers.
        compiler_packages: whose versions can change what is compiled for it, if anything.
    """

    name: str
    kernels: str | None
    interpreter_packages: tuple[str, ...]
    compiler_packages: tuple[str, ...]

    def target_errors(self, target: Cpu, place: Place, root: Path) -> Iterator[ConfigError]:
        """List what is wrong with the options of a target, whose types are right.

        Args:
            target: of the kind's own schema.
            place: names the place of an option.
            root: the project.
        """

    def conflicts(self, variant: Variant, place: Place) -> Iterator[ConfigError]:
        """List the options of a variant that cannot run here, before anything is converted."""

    def unsupported(self, content: bytes, description: Description, place: object) -> None:
        """Refuse a converted file that cannot run here.

        Raises:
            InterpreterError: names what is not supported, its layers, and what to use instead.
        """

    def import_interpreter(self) -> None:
        """Import its interpreter, so that no child process of this one has to."""

    def measure_memory(self, content: bytes, place: object, isolated: Isolated) -> dict[str, int]:
        """Measure the memory that a file needs, in bytes.

        Raises:
            InterpreterError: it does not run.
        """

    def load(self, content: bytes, *, memory: dict[str, int], **options: Any) -> Model:
        """Load a file into the target's interpreter.

        Args:
            content: the file.
            memory: what `measure_memory` returned.
            options: as `litemill.tflite.interpreter.Model` takes them.

        Raises:
            InterpreterError: it does not load.
        """
