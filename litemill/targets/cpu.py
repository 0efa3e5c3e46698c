"""Processors with an operating system: LiteRT, with which every variant is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litemill.config.schema.target import Cpu
    from litemill.config.schema.variant import Variant
    from litemill.core.errors import ConfigError
    from litemill.targets.kind import Isolated, Place
    from litemill.tflite.description import Description


class CpuKind:
    """LiteRT."""

    name = "cpu"
    kernels: str | None = None
    interpreter_packages: tuple[str, ...] = ()
    compiler_packages: tuple[str, ...] = ()

    def target_errors(self, target: Cpu, place: Place, root: Path) -> Iterator[ConfigError]:
        """List nothing: there is nothing to choose."""
        del target, place, root
        yield from ()

    def conflicts(self, variant: Variant, place: Place) -> Iterator[ConfigError]:
        """List nothing: LiteRT runs what the converter writes."""
        del variant, place
        yield from ()

    def unsupported(self, content: bytes, description: Description, place: object) -> None:
        """Refuse nothing: LiteRT itself says what it lacks."""

    def import_interpreter(self) -> None:
        """Import nothing more."""

    def measure_memory(self, content: bytes, place: object, isolated: Isolated) -> dict[str, int]:
        """Measure nothing: `litemill benchmark` measures memory on a machine."""
        del content, place, isolated
        return {}

    def load(self, content: bytes, *, memory: dict[str, int], **options: Any) -> NoReturn:
        """Refuse: there is no other interpreter."""
        raise NotImplementedError
