"""Options of the stage `package`: what the release says of itself, and its samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Release:
    """A choice of conf/release/."""

    name: str = "model"
    version: str = "0.1.0"  # of the model, not of Litemill
    description: str = ""  # one line: what the model does
    intended_use: str = ""  # for what it was built and judged, and for what not
    limitations: str = ""  # known weaknesses, and uses that it was not judged for
    repository: str = ""  # where its source is, such as https://example.org/model.git
    license: str = ""  # SPDX identifier of the model's own license; empty is not stated
    golden_samples: int = 8  # evaluation samples whose inputs and outputs go into the bundle
