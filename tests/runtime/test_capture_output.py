from __future__ import annotations

import subprocess
import sys

IMPORT = "from litemill.runtime.capture_output import capture_output"
LOUD = "import os; print('out'); os.system('echo from C >&2')"


def printed(code):
    """Run code in a process of its own; give its (standard output, standard error)."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def test_quiet_prints_nothing_on_a_good_day():
    """Neither what Python prints nor what the code below it does; later prints are seen."""
    code = f"{IMPORT}\nwith capture_output():\n  {LOUD}\nprint('after')"

    assert ("after\n", "") == printed(code)


def test_quiet_prints_everything_when_the_block_fails():
    """To standard error, before the traceback."""
    code = f"{IMPORT}\nwith capture_output():\n  {LOUD}\n  1 / 0"
    out, err = printed(code)

    assert ("", ["out", "from C"]) == (out, err.splitlines()[:2])
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_quiet_tells_what_was_printed():
    """So far, and its last line."""
    code = (
        f"{IMPORT}\nwith capture_output() as said:\n  {LOUD}\n"
        "  kept = said.text(), said.last_line()\nprint(kept)"
    )

    assert "('out\\nfrom C\\n', 'from C')\n" == printed(code)[0]
