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
    "SSE41",
    "AVX",
    "AVX2",
    "AVX2_VNNI",
    "AVX2_VNNI_2",
    "AVX512_CORE",
    "AVX512_CORE_VNNI",
    "AVX512_CORE_BF16",
    "AVX512_CORE_FP16",
    "AVX512_CORE_AMX",
    "AVX512_CORE_AMX_FP16",
    "AVX10_1_512",
    "AVX10_1_512_AMX",
    "AVX10_1_512_AMX_FP16",
]


def numerics_errors(
    numerics: Numerics, place: Callable[[str], str], wrong: Collection[str]
) -> Iterator[LitemillError]:
    """List what the math libraries would not take.

    Args:
        numerics: the options.
        place: names the file and key of a path.
        wrong: paths of keys that are wrong in themselves, which are not judged.
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
