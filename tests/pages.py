"""The pages of documentation, and the YAML whose comments are documentation too."""

from __future__ import annotations

import re

from project import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
# YAML is the interface: what its comments say is documentation.
COMMENTS = [
    ROOT / "params.yaml",
    ROOT / "dvc.yaml",
    *(path for home in ("conf", "litemill/conf") for path in sorted((ROOT / home).rglob("*.yaml"))),
]


def files_shown(text: str) -> set[str]:
    """Return the files that a page's blocks tell its reader to write."""
    return set(re.findall(r"```\w+\n# ([^\s,]+\.\w+)", text))
