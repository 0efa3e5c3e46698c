"""The parameters and code digests that configure has written, or would write.

What composes is imported when it is needed: where nothing changed, Hydra would be most of the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.parameters import PARAMS, to_json, written_sections
from litemill.config.selection import read_selection
from litemill.pipeline.code_digest import CODE, modules, stage_digests

if TYPE_CHECKING:
    from pathlib import Path


class Resolved:
    """What configure has written; after `resolve`, what it would write now."""

    def __init__(self, root: Path) -> None:
        """Read the files of the last build, where there are any."""
        self._root = root
        self.parameters: dict[str, Any] = written_sections() or {}
        self.code: dict[str, Any] = written_sections(CODE) or {}
        self.rewritten = False  # whether build/params.json would be another

    def resolve(self) -> None:
        """Compose the configuration and digest the code, as configure would.

        Raises:
            LitemillError: the configuration is wrong, or a module is not Python.
        """
        from litemill.pipeline.configure import configure

        self.parameters = configure(self._root)
        text = to_json(self.parameters)
        self.rewritten = not PARAMS.exists() or PARAMS.read_bytes() != text.encode()
        self.code = stage_digests(self._root, self._reached())

    def code_files(self, stage: str) -> list[str]:
        """List the project's modules that a stage runs, as paths in the project."""
        targets = self._reached()[stage].targets if stage in self._reached() else []
        files = modules(stage, self._root, targets).values()
        inside = [file for file in files if file.is_relative_to(self._root)]
        return [file.relative_to(self._root).as_posix() for file in inside]

    def _reached(self) -> dict[str, Any]:
        from litemill.pipeline.reached import reached

        return reached(self.parameters, read_selection(self._root))
