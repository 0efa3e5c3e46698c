"""Arm Ethos-U NPUs: TensorFlow Lite Micro runs what Vela compiles for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.config.schema.target import EthosU
from litemill.config.schema.variant import Optimization, TensorType
from litemill.core.errors import ConfigError, nearest
from litemill.targets import vela
from litemill.targets.tflm import TflmKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litemill.config.schema.target import Cpu
    from litemill.config.schema.variant import Variant
    from litemill.targets.kind import Place

# MACs a cycle that each product is built with.
SIZES = {
    "ethos-u55": (32, 64, 128, 256),
    "ethos-u65": (256, 512),
    "ethos-u85": (128, 256, 512, 1024, 2048),
}
ACCELERATORS = [f"{product}-{size}" for product, sizes in SIZES.items() for size in sizes]


class EthosUKind(TflmKind):
    """Arm Ethos-U."""

    name = "ethos_u"
    compiler_packages: tuple[str, ...] = (vela.PACKAGE,)

    def target_errors(self, target: Cpu, place: Place, root: Path) -> Iterator[ConfigError]:
        """List, beside what TFLM refuses, accelerators and systems that Vela does not know."""
        yield from super().target_errors(target, place, root)
        assert isinstance(target, EthosU)
        name = target.accelerator
        if name in SIZES:
            sizes = ", ".join(f"{name}-{size}" for size in SIZES[name])
            yield ConfigError(
                place("accelerator"), f"{name!r} without its size", f"use one of: {sizes}"
            )
        elif name not in ACCELERATORS:
            yield ConfigError(place("accelerator"), f"no {name!r}", nearest(name, ACCELERATORS))
        yield from vela.system_errors(target, place, root)

    def conflicts(self, variant: Variant, place: Place) -> Iterator[ConfigError]:
        """List, beside what TFLM refuses, what would leave operators on the CPU."""
        yield from super().conflicts(variant, place)
        if variant.recipe is None and variant.optimization is Optimization.none:
            found = "none: an NPU computes with integers only"
            yield ConfigError(place("optimization"), found, "use int8, or int16x8")
        for option in ("input_type", "output_type"):
            if getattr(variant, option) is TensorType.float32:
                found = "float32: QUANTIZE and DEQUANTIZE would stay on the CPU"
                expected = f"use `{option}: int8` (int16 for int16x8)"
                yield ConfigError(place(option), found, expected)
        if variant.batch is None:
            found = "null: an NPU needs a fixed batch size"
            yield ConfigError(place("batch"), found, "use `batch: 1`")
