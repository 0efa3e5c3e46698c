"""Long tests, run by `make emulate`: the committed build, once more on an emulated processor.

A Haswell has AVX2 and none of the AVX-512 of newer ones, other caches, and its emulation does
approximate reciprocals in its own way.
"""

from __future__ import annotations

import shutil
import sys

import pytest
import yaml
from project import ROOT, fresh

QEMU = shutil.which("qemu-x86_64")
MODELS = ("Haswell", "EPYC")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian: qemu-user)"),
]


def emulated(folder, model):
    """Make a folder whose `python` runs on an emulated processor; to come first in PATH."""
    folder.mkdir()
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {QEMU} -cpu {model} {sys.executable} "$@"\n')
    script.chmod(0o755)
    return folder


def digests(text, *stages):
    """Give the digests of what some stages write, by path, from the text of a dvc.lock."""
    lock = yaml.safe_load(text)["stages"]
    chosen = (lock[name] for name in lock if name.partition("@")[0] in stages)
    return {out["path"]: out["md5"] for stage in chosen for out in stage["outs"]}


@pytest.mark.parametrize("model", MODELS)
def test_the_default_release_has_the_same_bytes_from_data_on(tmp_path, model):
    """Every artifact up to the files themselves, and the verdict on them.

    What lies between is measured in LiteRT, which chooses its kernels by the processor: in a
    histogram of errors a sample may fall on the other side of an edge.
    """
    project = fresh(tmp_path)
    project.write("params.yaml", (ROOT / "params.yaml").read_text())
    python = emulated(tmp_path / "bin", model)
    found = project.run("python", "-c", "import platform; print(platform.machine())", path=python)
    assert "x86_64\n" == found.out

    built = project.run("dvc", "repro", path=python)

    assert 0 == built.status, built.err
    assert "train" in built.stages
    made = ("configure", "prepare", "train", "export", "convert", "gate")
    expected = digests((ROOT / "dvc.lock").read_text(), *made)
    assert expected == digests(project.read("dvc.lock"), *made)
