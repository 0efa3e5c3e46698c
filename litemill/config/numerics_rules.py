"""Rules for `numerics` beyond its types: what oneDNN and Eigen take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.core.errors import ConfigError, LitemillError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from litemill.config.schema.numerics import Numerics

LEVELS = 3  # of caches that Eigen knows of
# The instruction sets that oneDNN can be held to (its guide, "CPU Dispatcher Control").
INSTRUCTION_SETS = [
    *("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"),
    *(f"AVX512_CORE{part}" for part in ("", "_VNNI", "_BF16", "_FP16", "_AMX", "_AMX_FP16")),
    *(f"AVX10_1_512{part}" for part in ("", "_AMX", "_AMX_FP16")),
]


def numerics_errors(
    numerics: Numerics, place: Callable[[str], str], wrong: Collection[str]
) -> Iterator[LitemillError]:
    """List what the math libraries would not take.

    What is wrong in itself is not judged; `place` names the file and key of a path.
    """
    instructions = numerics.instruction_set
    known = instructions is None or instructions in INSTRUCTION_SETS
    if "numerics.instruction_set" not in wrong and not known:
        expected = nearest(str(instructions), INSTRUCTION_SETS)
        yield ConfigError(place("numerics.instruction_set"), f"found {instructions!r}", expected)
    sizes = numerics.cache_sizes
    if sizes is None or any(path.startswith("numerics.cache_sizes") for path in wrong):
        return
    if len(sizes) != LEVELS or sizes != sorted(sizes) or sizes[0] < 1:
        expected = f"expected the bytes of {LEVELS} caches, the smallest first, or null"
        yield ConfigError(place("numerics.cache_sizes"), f"found {sizes}", expected)
