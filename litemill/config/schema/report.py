"""Options of the stage `report`: which variants, in which order, under which title."""

from __future__ import annotations

from dataclasses import dataclass

from litemill.config.schema import MISSING


@dataclass
class Report:
    """The table of variants; the limits have a section of their own, by variant."""

    variants: list[str] = MISSING  # in the order of the table
    title: str = "Release"  # name of the release: the heading of the page and of the Markdown
    version: str = ""  # of the release
    description: str = ""  # of the model, one line
