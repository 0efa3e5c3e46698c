"""What the names of targets mean: the legend of the table."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
# By kind; a kind that is not listed stands for itself.
MEANING = {
    "cpu": "LiteRT on a processor with an operating system: phones, computers, servers",
    "tflm": "TensorFlow Lite Micro on a microcontroller, judged in its own interpreter",
    "ethos_u": "TensorFlow Lite Micro with an Arm Ethos-U NPU, for which Vela compiles the file",
}


def target_legend(rows: list[Row]) -> dict[str, str]:
    """Explain each target of a report, by name; nothing where all variants run on processors."""
    if not any(row["target"] for row in rows):
        return {}
    targets = [row["target"] or {"name": "cpu", "kind": "cpu"} for row in rows]
    return {one["name"]: MEANING.get(one["kind"], one["kind"]) for one in targets}
