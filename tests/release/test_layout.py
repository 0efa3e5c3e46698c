from __future__ import annotations

from pathlib import Path

import pytest

from litemill.release.bundle_readme import bundle_readme
from litemill.release.layout import ADDED, PACKAGED

DOCUMENT = Path(__file__).parents[2] / "docs" / "releases.md"


@pytest.mark.parametrize("files", [PACKAGED, ADDED], ids=["packaged", "added"])
def test_the_document_lists_every_file_of_a_release(files):
    """In the words of the table."""
    rows = DOCUMENT.read_text(encoding="utf-8").splitlines()

    assert [] == [path for path, text in files.items() if f"| `{path}` | {text} |" not in rows]


def test_the_bundles_readme_lists_every_file_of_the_bundle():
    """In the same words."""
    text = bundle_readme(
        {
            "release": {
                "name": "n",
                "version": "1",
                "description": "",
                "intended_use": "",
                "license": "",
            },
            "variants": {},
        },
        8,
    )

    assert [] == [path for path, what in PACKAGED.items() if f"- `{path}`: {what}.\n" not in text]
