"""docs/dvc_and_hydra.md: its blocks, run in a built project in the order of the page."""

from __future__ import annotations

import re

import pytest
from project import ROOT

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

PAGE = (ROOT / "docs/dvc_and_hydra.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands(block):
    """Return the lines to type."""
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]


def outputs(block):
    """Return what is shown, without what it leaves out."""
    lines = [line for line in block.splitlines() if not line.startswith("$ ")]
    return [part.strip() for line in lines for part in line.split("…")]


def test_each_block_runs_and_prints_what_the_page_shows(release):
    """Each command succeeds; a build in the page runs nothing that was built before."""
    for block in BLOCKS:
        script = "\n".join(["set -e -x", *commands(block)])
        done = release.run("bash", "-c", script)
        assert 0 == done.status, done.out + done.err
        printed = done.out + done.err
        assert [] == [line for line in outputs(block) if line not in printed], printed
        assert "Running stage 'train'" not in printed or "+ dvc exp run --name k" in printed


def test_the_page_shows_every_command_that_it_promises():
    """Switching, pulling, merging, experiments, cleaning up, freezing, composing."""
    typed = {" ".join(line.split()[:2]) for block in BLOCKS for line in commands(block)}

    assert {
        "git switch", "dvc checkout", "dvc pull", "dvc push", "git merge", "dvc repro", "dvc exp",
        "dvc gc", "dvc freeze", "dvc unfreeze", "dvc params", "dvc metrics", "litemill configure",
    } <= typed  # fmt: skip
