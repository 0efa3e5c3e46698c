"""The version of Litemill itself, as the manifest of a release names it."""

from __future__ import annotations

VERSION = "0.1.0"
