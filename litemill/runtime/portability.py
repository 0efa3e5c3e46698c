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
    """Return where these settings promise the same weights, and what stands in the way of more."""
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
    because = [f"numerics.{setting}" for setting, is_set in {**loose, **local}.items() if is_set]
    if any(loose.values()):
        return NOWHERE, because
    return (SAME_KIND if because else PORTABLE), because


def names_in_source(trees: Iterable[ast.AST]) -> list[str]:
    """Return the names in source code that lead to operations which differ, sorted."""
    return sorted({name for tree in trees for node in ast.walk(tree) for name in _names(node)})


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        names: list[object] = [node.attr]
    elif isinstance(node, ast.Name):
        names = [node.id]
    elif isinstance(node, ast.ImportFrom):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
        names = [node.value.value]  # activation="softmax"
    else:
        names = []
    yield from (name for name in names if isinstance(name, str) and name in NAMES)


def differing_operations(model: Any, batch: tuple[Any, Any]) -> list[str]:
    """Return the operations of a compiled model's training step that differ, sorted.

    Args:
        model: a compiled and built keras.Model.
        batch: inputs and targets of one step; only their types and shapes count, nothing is run.
    """
    import tensorflow as tf

    step = tf.function(lambda *data: model.train_step(data)).get_concrete_function(*batch)
    graph = step.graph.as_graph_def()
    functions = graph.library.function
    nodes = [*graph.node, *(node for function in functions for node in function.node_def)]
    return sorted({node.op for node in nodes} & OPERATIONS)


def portability_record(
    numerics: Numerics, operations: list[str] | None, cache_problem: str | None = None
) -> dict[str, Any]:
    """Return where the weights are the same, as JSON takes it.

    The processor is named only where the weights depend on it: otherwise this very file would.

    Args:
        numerics: the settings they were trained with.
        operations: those of the training step that differ; None for an imported model.
        cache_problem: why Eigen does not assume the configured cache sizes, if it does not.
    """
    where, because = settings_portability(numerics)
    if operations is None:
        where, because = IMPORTED, []
    else:
        more = [f"operation {name}" for name in operations]
        more += [f"numerics.cache_sizes: {cache_problem}"] if cache_problem else []
        where = SAME_KIND if more and where == PORTABLE else where
        because = [*because, *more]
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
