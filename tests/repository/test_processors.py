"""Long tests, run by `make emulate`: the committed build, once more on an emulated processor.

A Haswell has AVX2 and none of the AVX-512 of newer ones, other caches, and its emulation does
approximate reciprocals in its own way.
"""

from __future__ import annotations

import shutil
import sys

import pytest
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


@pytest.mark.parametrize("model", MODELS)
def test_the_default_release_has_the_same_bytes_from_data_on(tmp_path, model):
    """What is measured, too: dvc.lock, which holds the digest of each file, is as it was."""
    project = fresh(tmp_path)
    project.write("params.yaml", (ROOT / "params.yaml").read_text())
    python = emulated(tmp_path / "bin", model)
    found = project.run("python", "-c", "import platform; print(platform.machine())", path=python)
    assert "x86_64\n" == found.out

    built = project.run("dvc", "repro", path=python)

    assert 0 == built.status, built.err
    assert "train" in built.stages
    assert (ROOT / "dvc.lock").read_text() == project.read("dvc.lock")
