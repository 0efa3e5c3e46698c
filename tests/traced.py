"""Runs a stage and tells what it loaded and opened: `python traced.py OUT MODULE [ARGUMENT ...]`.

What is opened is told of processes that it forks, too.

Not a test: tests run it in a built copy of the project.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

ROOT = Path.cwd()


def main() -> None:
    """Run the module as `python -m` does; write {"status", "modules", "files", "opened"}."""
    out, module, *arguments = sys.argv[1:]
    log = os.open(f"{out}.opened", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(event: str, told: tuple[object, ...]) -> None:
        if event == "open":
            os.write(log, f"{told[0]}\n".encode(errors="replace"))

    sys.addaudithook(note)
    sys.path[0] = str(ROOT)
    sys.argv = [module, *arguments]
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        status = int(error.code or 0)
    opened = set(Path(f"{out}.opened").read_text().splitlines())
    files = {getattr(m, "__file__", None) or "" for m in list(sys.modules.values())}
    found = {
        "status": status,
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        "files": _inside(files),
        "opened": _inside({path for path in opened if os.path.exists(path)}),  # noqa: PTH110
    }
    Path(out).write_text(json.dumps(found))


def _inside(names: set[str]) -> list[str]:
    paths = (Path(os.path.abspath(name)) for name in names if name)  # noqa: PTH100
    inside = (path for path in paths if path.is_relative_to(ROOT))
    return sorted({path.relative_to(ROOT).as_posix() for path in inside if path.is_file()})


if __name__ == "__main__":
    main()
