"""Where setuptools builds: in a fresh folder, since build/ is the pipeline's and setuptools never empties its own."""

from __future__ import annotations

import tempfile

from setuptools import setup

with tempfile.TemporaryDirectory() as folder:
    setup(options={"build": {"build_base": folder}})
