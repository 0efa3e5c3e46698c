"""Where the page's links lead: into the folder build/, or into a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Link = tuple[str, str]  # text and address


def variant_links(variant: str, *, released: bool) -> Sequence[Link]:
    """Return the files of a variant."""
    if released:
        return [("model.tflite", f"variants/{variant}.tflite")]
    return [
        ("model.tflite", f"../convert/{variant}/model.tflite"),
        ("conversion", f"../convert/{variant}/record.json"),
        ("all measurements", f"../validate/{variant}.json"),
    ]


def report_links(*, released: bool, passed: bool) -> Sequence[Link]:
    """Return the files of a report."""
    if released:
        return [
            ("manifest", "manifest.json"),
            ("model card", "MODEL_CARD.md"),
            ("every option", "params.json"),
            ("provenance", "attestations/provenance.json"),
        ]
    verdict = [("the gate's verdict", "../gate/verdict.json")] if passed else []
    return [
        ("report.json", "report.json"),
        ("report.csv", "report.csv"),
        ("report.md", "report.md"),
        ("every option", "../params.json"),
        ("data and splits", "../prepare/data.json"),
        *verdict,
    ]
