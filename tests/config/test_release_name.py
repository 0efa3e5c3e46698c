"""What a release may be called."""

from __future__ import annotations

import pytest

from litemill.config.release_name import bundle_name
from litemill.core.errors import ReleaseError


@pytest.mark.parametrize("version", ["1.2.0", "1.2.0-rc.1", "0.1", "2026.11.22", "1.0.0+local.5"])
def test_versions_of_both_schemes_are_taken(version):
    """Semantic Versioning, and PEP 440."""
    assert f"m-{version}" == bundle_name("m", version)


@pytest.mark.parametrize(
    "version", ["", "latest", "1.2.x", "v1.0", " 1.0", "1.0\n", "../1.0", "1!2.0", "٣.0", "1..0"]
)
def test_a_version_that_is_no_version_is_refused(version):
    """It becomes a file name, and others have to order it."""
    with pytest.raises(ReleaseError, match=r"^release\.version: "):
        bundle_name("m", version)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "-a", "a\n"])
def test_a_name_that_is_no_file_name_is_refused(name):
    """It becomes one."""
    with pytest.raises(ReleaseError, match=r"^release\.name: "):
        bundle_name(name, "1.0")
