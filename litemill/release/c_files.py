"""The C sources of a release: of each variant that TensorFlow Lite Micro takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.files import write_text
from litemill.release import layout
from litemill.release.c_firmware import CModel, example_texts, golden_text, operators_text
from litemill.release.c_source import array_name, header_text, is_integer_only, source_text
from litemill.targets.tflm import is_supported
from litemill.tflite.flatbuffer import describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litemill.release.golden import Golden


def write_c_files(release: str, row: Mapping[str, Any], golden: Golden, fresh: Path) -> None:
    """Write a variant as C sources, below the folder of the bundle.

    Of an integer variant that TensorFlow Lite Micro takes, the array and its operators; of a
    microcontroller's variant, golden samples and tests too. An NPU's array is the compiled file.

    Args:
        release: name of the release, with which the array's name begins.
        row: the variant's, of the report.
        golden: its golden samples.
        fresh: the folder, which has its model already.
    """
    variant, target, compiled = row["variant"], row.get("target"), row.get("compile")
    place = layout.compiled_file(variant) if compiled else layout.variant_file(variant)
    content = (fresh / place).read_bytes()
    model = CModel(array_name(release, variant), content, describe(content, place), place)
    if target or (is_integer_only(model.description) and is_supported(content, model.description)):
        # The compiled file takes another arena, which nothing here can measure.
        arena = target["arena_bytes"] if target and not compiled else None
        for end, text in _texts(model, golden, arena, tests=bool(target)).items():
            write_text(fresh / layout.c_file(variant, end), text)


def _texts(model: CModel, golden: Golden, arena: int | None, *, tests: bool) -> dict[str, str]:
    """Return the sources by the ends of their names."""
    name, content, place = model.name, model.content, model.place
    tensors = {"inputs": golden.model.inputs, "outputs": golden.model.outputs}
    texts = {
        ".c": source_text(name, content, place),
        ".h": header_text(name, content, model.description, tensors, place, arena=arena),
        "_operators.h": operators_text(model),
    }
    if tests:
        texts["_golden.h"] = golden_text(model, golden)
        texts["_test.c"], texts["_test.cc"] = example_texts(model, golden)
    return texts
