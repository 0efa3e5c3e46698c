"""Let setuptools build in a fresh folder: build/ is the pipeline's, and it never empties its own.

What is built stands in pyproject.toml.
"""

from __future__ import annotations

import tempfile

from setuptools import setup

with tempfile.TemporaryDirectory() as folder:
    setup(options={"build": {"build_base": folder}})
