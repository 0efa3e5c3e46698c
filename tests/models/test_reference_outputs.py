from __future__ import annotations

import pytest

from litemill.core.errors import LitemillError
from litemill.core.files import write_json
from litemill.models.reference_outputs import read_signature, signature_folder


@pytest.fixture
def export(tmp_path):
    """Give what `export` leaves of a model with two signatures, `total` being its own."""
    write_json(tmp_path / "signature.json", {"key": "total"})
    write_json(tmp_path / "signatures" / "double" / "signature.json", {"key": "double"})
    return tmp_path


@pytest.mark.parametrize("key", [None, "total"])
def test_the_main_signature_has_two_names(export, key):
    """None, and its own, by which a variant may ask for it too."""
    assert export == signature_folder(export, key)
    assert {"key": "total"} == read_signature(export, key)


def test_another_signature_has_a_folder_of_its_own(export):
    """With a description of its own."""
    assert {"key": "double"} == read_signature(export, "double")


def test_a_signature_that_was_not_exported_is_told(export):
    """In one line."""
    with pytest.raises(LitemillError, match=r"signatures/none/signature\.json: no such file"):
        read_signature(export, "none")
