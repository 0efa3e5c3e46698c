"""Microcontrollers: TensorFlow Lite Micro, whose interpreter the package tflite-micro has."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import Optimization
from litemill.core.errors import ConfigError, InterpreterError
from litemill.targets import tflm_arena
from litemill.targets.tflm_interpreter import ABSENT, PACKAGE, TflmModel, is_installed
from litemill.targets.tflm_operators import RESOLVER_METHODS
from litemill.tflite.graph import edges, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litemill.config.schema.target import Cpu
    from litemill.config.schema.variant import Variant
    from litemill.targets.kind import Isolated, Place
    from litemill.tflite.description import Description

# Optimizations whose files TFLM refuses, and why.
REFUSED = {
    Optimization.dynamic_range: "TFLM has no kernels for float activations with int8 weights",
    Optimization.float16: "TFLM has no kernels for float16 weights",
}
INSTEAD = "use int8 or int16x8 (or none, which is float32), or the target cpu"
# What to use in the place of operators that layers of Keras become.
REPLACEMENTS = {
    "GELU": "the activation relu or hard_swish",
    "ERF": "the activation relu or hard_swish",
    "CONV_3D": "Conv2D on the frames, or Conv1D over time",
    "REVERSE_SEQUENCE": "a layer that reads the sequence forwards",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "LSTM, or `unroll: true`",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "two LSTM layers, or `unroll: true`",
    "TOPK_V2": "ArgMax, or a choice in the firmware",
    "REDUCE_PROD": "Mul",
    "POW": "Mul or Square",
    "RELU_N1_TO_1": "the activation relu6",
    "TILE": "Concatenate, or BroadcastTo",
}
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_MINIMUM = {"samples": 1, "timeout_seconds": 1}


class TflmKind:
    """TensorFlow Lite Micro."""

    name = "tflm"
    kernels: str | None = "tflm"
    interpreter_packages: tuple[str, ...] = (PACKAGE,)
    compiler_packages: tuple[str, ...] = ()

    def target_errors(self, target: Cpu, place: Place, root: Path) -> Iterator[ConfigError]:
        """List numbers that are too small, and an interpreter that is not installed."""
        del root
        for option, minimum in _MINIMUM.items():
            value = getattr(target, option)
            if value is not None and value < minimum:
                yield ConfigError(place(option), f"found {value:g}", f"expected at least {minimum}")
        if not is_installed():
            found = f"the package {PACKAGE} is not installed (Python {sys.version_info.major}."
            found += f"{sys.version_info.minor}, {sys.platform})"
            yield ConfigError(place("kind"), found, ABSENT)

    def conflicts(self, variant: Variant, place: Place) -> Iterator[ConfigError]:
        """List optimizations and operators for which TFLM has no kernels."""
        if variant.recipe is None and (why := REFUSED.get(variant.optimization)):
            yield ConfigError(place("optimization"), f"{variant.optimization.name}: {why}", INSTEAD)
        if variant.select_tf_ops:
            expected = "use layers that TFLM has, or the target cpu"
            yield ConfigError(place("select_tf_ops"), "TFLM has no TensorFlow kernels", expected)
        if variant.custom_ops:
            names = ", ".join(variant.custom_ops)
            found = f"{names}: the interpreter that judges the variant here has no such kernels"
            yield ConfigError(place("custom_ops"), found, "use builtin operators")

    def unsupported(self, content: bytes, description: Description, place: object) -> None:
        """Refuse operators without a kernel, by layer, and types for which no kernel computes."""
        problems = [*_missing(content, description), *_types(description)]
        if problems:
            found = "; ".join(found for found, _ in problems)
            expected = dict.fromkeys(expected for _, expected in problems)
            raise InterpreterError(place, found, "; ".join(expected))

    def import_interpreter(self) -> None:
        """Import TFLM; where it is missing, each run says so."""
        with contextlib.suppress(ImportError):
            from tflite_micro.python.tflite_micro import runtime  # noqa: F401

    def measure_memory(self, content: bytes, place: object, isolated: Isolated) -> dict[str, int]:
        """Measure the arena: what the allocator says, and the smallest that works."""
        return tflm_arena.measure_arena(content, place, isolated)

    def load(self, content: bytes, *, memory: dict[str, int], **options: Any) -> TflmModel:
        """Load a file with the smallest arena that works."""
        return TflmModel(content, arena=memory["smallest"], **options)


def is_supported(content: bytes, description: Description) -> bool:
    """Return whether TFLM has a kernel for every operator of a file, by its table and the types."""
    return not [*_missing(content, description), *_types(description)]


def _missing(content: bytes, description: Description) -> Iterator[tuple[str, str]]:
    names = {op.name for op in description.operators} - RESOLVER_METHODS.keys()
    tensors = edges(content) if names else []
    layers: dict[str, list[str]] = {}
    for node in nodes(content) if names else ():
        outputs = [tensors[number].name.partition(";")[0] for number in node.outputs[:1]]
        layers.setdefault(node.operator, []).extend(outputs)
    for name in sorted(names):
        at = ", ".join(map(repr, layers.get(name, ()))) or "in a called subgraph"
        instead = REPLACEMENTS.get(name)
        expected = f"use {instead} in the place of {name}" if instead else _other_layer(name)
        yield f"TFLM has no kernel for {name} (layer {at})", expected


def _other_layer(name: str) -> str:
    return f"write {name} out in operators that TFLM has, or use the target cpu"


def _types(description: Description) -> Iterator[tuple[str, str]]:
    for op in description.operators:
        if op.name in _WEIGHTED and op.types.startswith("float32, (int"):
            yield f"{REFUSED[Optimization.dynamic_range]} ({op.name}: {op.types})", INSTEAD
        elif "float16" in op.types:
            yield f"{REFUSED[Optimization.float16]} ({op.name}: {op.types})", INSTEAD
