"""What a user may set: one dataclass a section of build/params.json.

A module a stage, so that a change to one stage's options reruns that stage alone.
"""

from __future__ import annotations

from typing import Any

# What OmegaConf takes for "the user has to set this"; its own constant costs an import of 0.1 s.
MISSING: Any = "???"
