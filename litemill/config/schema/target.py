"""Options of a target: where a variant runs. One dataclass a kind; conf/target/ has the choices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litemill.config.schema import MISSING


@dataclass
class Cpu:
    """LiteRT's interpreter on a processor with an operating system."""

    kind: str = MISSING
    limits: dict[str, Any] = field(default_factory=dict)  # over those of conf/limits/


@dataclass
class Tflm(Cpu):
    """TensorFlow Lite Micro on a microcontroller."""

    samples: int | None = 500  # evaluation samples that its interpreter answers; null is all
    # Billions of multiply-adds that its interpreter takes, by which it answers fewer samples of a
    # large model, though at least 50; null is any number of them.
    budget: float | None = 50.0
    timeout_seconds: float = 600.0  # that its interpreter may take; then the variant has failed


@dataclass
class EthosU(Tflm):
    """TensorFlow Lite Micro with an Arm Ethos-U NPU, for which Vela compiles."""

    accelerator: str = MISSING  # such as ethos-u55-128: the product and its MACs a cycle
    system_config: str = MISSING  # a section System_Config of `vela_config`, without that prefix
    memory_mode: str = MISSING  # a section Memory_Mode of `vela_config`, without that prefix
    # Vela's description of systems: one that comes with Vela, or a file of the project.
    vela_config: str = "Arm/vela.ini"


# What validate measures depends on these alone.
MEASURED: dict[str, type[Cpu]] = {"cpu": Cpu, "tflm": Tflm, "ethos_u": Tflm}
SCHEMAS: dict[str, type[Cpu]] = {"cpu": Cpu, "tflm": Tflm, "ethos_u": EthosU}
