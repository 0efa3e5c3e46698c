"""A variant that dvc.yaml names is an artifact: for DVC, and for GTO's registry of Git tags."""

from __future__ import annotations

import re

import pytest
import yaml
from project import ROOT

pytestmark = pytest.mark.pipeline


def documented_entry():
    """Return the lines that docs/registry.md adds to dvc.yaml."""
    [block] = re.findall(r"^```yaml\nartifacts:\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return block


PAGE = (ROOT / "docs/registry.md").read_text()


@pytest.fixture
def registered(release, tmp_path):
    """Give a release with a remote, and the variant that docs/registry.md adds."""
    release.write("dvc.yaml", release.read("dvc.yaml") + documented_entry())
    store = tmp_path / "store"
    assert 0 == release.dvc("remote", "add", "--default", "store", str(store)).status
    release.git("commit", "--quiet", "--all", "--message", "Share")
    assert 0 == release.dvc("push").status
    return release


def test_an_entry_for_a_variant_rebuilds_nothing_and_has_a_name_for_tags(registered):
    """Its name becomes a Git tag, so that GTO wants no underscores."""
    from gto.constants import assert_name_is_valid

    assert [] == registered.repro().stages
    for name in yaml.safe_load(registered.read("dvc.yaml"))["artifacts"]:
        assert_name_is_valid(name)


@pytest.mark.slow
def test_a_registered_variant_is_fetched_from_another_folder(registered, tmp_path):
    """By its newest version, by a version and by a stage; the package as a folder."""
    release, there = registered, tmp_path / "there"
    for words in (["register", "int8", "--version", "v1.0.0"], ["register", "package"]):
        assert 0 == gto(release, *words).status
    assign = ["assign", "int8", "--version", "v1.0.0", "--stage", "prod"]
    assert 0 == gto(release, *assign).status
    assert "│ int8" in gto(release, "show").out

    for number, words in enumerate([[], ["--rev", "v1.0.0"], ["--stage", "prod"]]):
        done = get(release, "int8", *words, "--out", str(there / str(number)))
        assert 0 == done.status, done.err
    assert 0 == get(release, "package", "--out", str(there / "package")).status

    expected = (release.root / "build/convert/int8/model.tflite").read_bytes()
    assert [expected] * 3 == [(there / str(number)).read_bytes() for number in range(3)]
    assert (there / "package/manifest.json").is_file()


def gto(project, *words):
    """Run GTO."""
    return project.run("gto", *words)


def get(project, name, *words):
    """Run `dvc artifacts get` of the project."""
    return project.dvc("artifacts", "get", str(project.root), name, *words)
