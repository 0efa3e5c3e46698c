"""Which machines give the same trained weights again; docs/reproducibility.md has the evidence.

Under `numerics: reproducible` training does the same everywhere but for a few operations, which
processors approximate differently: reciprocals and reciprocal square roots (AVX's `rcpps` and
`rsqrtps` leave the last bits to the maker), and what Eigen or TensorFlow build on them.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from litemill.config.schema.numerics import Numerics

# TensorFlow's operations whose last bits differ between processors, each seen to do so.
OPERATIONS = frozenset(
    {"Atan", "Atan2", "Erfc", "FusedBatchNorm", "FusedBatchNormGrad", "FusedBatchNormGradV2"}
    | {"FusedBatchNormGradV3", "FusedBatchNormV2", "FusedBatchNormV3", "Inv", "LRN", "LRNGrad"}
    | {"Reciprocal", "Rsqrt", "Softmax"}
)
# What in Keras leads to them, as source code names it.
NAMES = frozenset(
    {"AdditiveAttention", "Attention", "BatchNormalization", "GroupNormalization"}
    | {"GroupQueryAttention", "LayerNormalization", "MultiHeadAttention", "RMSNormalization"}
    | {"Softmax", "SpectralNormalization", "UnitNormalization"}
    | {"applications", "arctan", "arctan2", "atan", "atan2", "gelu", "l2_normalize", "reciprocal"}
    | {"rsqrt", "softmax"}
)
# Instruction sets that every processor of the last ten years has.
COMMON = ("SSE41", "AVX", "AVX2")

PORTABLE = "any x86-64 processor with AVX2"
SAME_KIND = "the same kind of processor"
NOWHERE = "none: they may differ from run to run"
IMPORTED = "any: they were imported, not trained"


def settings_portability(numerics: Numerics) -> tuple[str, list[str]]:
    """Give where these settings promise the same weights, and what stands in the way of more."""
    loose = {
        "deterministic: false": not numerics.deterministic,
        "threads: 0": numerics.threads == 0,
        "gpu: true": numerics.gpu,
    }
    local = {
        f"instruction_set: {numerics.instruction_set}": numerics.instruction_set not in COMMON,
        "onednn: true": numerics.onednn,
        "cache_sizes: null": numerics.cache_sizes is None,
    }
    because = [f"numerics.{told}" for told, true in {**loose, **local}.items() if true]
    if any(loose.values()):
        return NOWHERE, because
    return (SAME_KIND if because else PORTABLE), because


def names_in_source(trees: Iterable[ast.AST]) -> list[str]:
    """Give the names in source code that lead to operations which differ, sorted."""
    return sorted({name for tree in trees for node in ast.walk(tree) for name in _names(node)})


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        found: list[object] = [node.attr]
    elif isinstance(node, ast.Name):
        found = [node.id]
    elif isinstance(node, ast.ImportFrom):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
        found = [node.value.value]  # activation="softmax"
    else:
        found = []
    yield from (name for name in found if isinstance(name, str) and name in NAMES)


def differing_operations(model: Any, batch: tuple[Any, Any]) -> list[str]:
    """Give the operations of a compiled model's training step that differ, sorted.

    Args:
        model: a compiled and built keras.Model.
        batch: inputs and targets of one step; only their types and shapes count, nothing is run.
    """
    import tensorflow as tf

    step = tf.function(lambda *data: model.train_step(data)).get_concrete_function(*batch)
    graph = step.graph.as_graph_def()
    nodes = [*graph.node, *(node for one in graph.library.function for node in one.node_def)]
    return sorted({node.op for node in nodes} & OPERATIONS)


def portability_record(numerics: Numerics, found: list[str] | None) -> dict[str, Any]:
    """Say where the weights are the same, as JSON takes it.

    The processor is named only where the weights depend on it: otherwise this very file would.

    Args:
        numerics: the settings they were trained with.
        found: the operations of the training step that differ; None for an imported model.
    """
    where, because = settings_portability(numerics)
    if found is None:
        where, because = IMPORTED, []
    elif found:
        where = SAME_KIND if where == PORTABLE else where
        because = [*because, *(f"operation {name}" for name in found)]
    depends = where in (SAME_KIND, NOWHERE)
    return {
        "same_weights_on": where,
        "because": because,
        "processor": processor_name() if depends else None,
    }


def processor_name(description: Path = Path("/proc/cpuinfo")) -> str:
    """Name this machine's processor: its model with the family and model numbers."""
    try:
        lines = description.read_text().splitlines()
    except OSError:
        return "unknown"
    pairs = (line.partition(":") for line in lines)
    known = {key.strip(): value.strip() for key, _, value in pairs}
    numbers = f"family {known.get('cpu family', '?')}, model {known.get('model', '?')}"
    return f"{known.get('model name', 'unknown')} ({numbers})"
