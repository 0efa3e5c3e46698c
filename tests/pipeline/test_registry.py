"""Each variant is an artifact by name: for DVC, and for GTO's registry of Git tags."""

from __future__ import annotations

import sys

import pytest
import yaml
from project import ROOT

from litemill.pipeline.registry import artifact_name, differences


def test_dvc_yaml_has_an_artifact_for_each_variant():
    """Of this project, and for the package; GTO accepts each name."""
    from gto.constants import assert_name_is_valid

    variants = yaml.safe_load((ROOT / "params.yaml").read_bytes())["variants"]
    entries = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["artifacts"]

    assert [] == list(differences(ROOT, variants))
    assert {"package", *map(artifact_name, variants)} == set(entries)
    for name in entries:
        assert_name_is_valid(name)


def test_configure_tells_what_the_artifacts_lack_and_what_is_left_over(project):
    """The build is none the worse for it."""
    project.edit("params.yaml", "  - int8\n", "  - int8\n  - mixed_int4\n")

    done = project.run(sys.executable, "-m", "litemill", "configure")

    assert 0 == done.status
    lines = [line for line in done.out.splitlines() if line.startswith("dvc.yaml")]
    assert (
        "dvc.yaml: artifacts: no registry finds build/convert/mixed_int4/model.tflite; expected"
        " `mixed-int4: {path: build/convert/mixed_int4/model.tflite, type: model}`"
    ) == lines[0]
    gone = "build/convert/float16/model.tflite is no variant of params.yaml; remove it"
    assert f"dvc.yaml: artifacts.float16: {gone}" in lines


@pytest.mark.pipeline
def test_a_registered_variant_is_found_and_fetched_from_another_folder(release, tmp_path):
    """By its newest version, by a version and by a stage; the package as a folder."""
    store, there = tmp_path / "store", tmp_path / "there"
    assert 0 == release.dvc("remote", "add", "--default", "store", str(store)).status
    release.git("commit", "--quiet", "--all", "--message", "Share")
    assert 0 == release.dvc("push").status
    for words in (["register", "int8", "--version", "v1.0.0"], ["register", "package"]):
        assert 0 == gto(release, *words).status
    assert 0 == gto(release, "assign", "int8", "--version", "v1.0.0", "--stage", "prod").status
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
