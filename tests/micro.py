"""TensorFlow Lite Micro called as its own documentation does, to judge what Litemill says of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

# Exits with 0 where the file loads and runs in the arena; one too small may end the process.
RUNS = """\
import sys
import numpy as np
from tflite_micro.python.tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))
for index in range(int(sys.argv[3])):
    details = interpreter.get_input_details(index)
    interpreter.set_input(np.zeros(details["shape"], details["dtype"]), index)
interpreter.invoke()
"""


def answers(content, stored, *, arena=1 << 20):
    """Answer samples of a file with one input and one output, [samples, ...] as it stores them."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
    found = []
    for sample in stored:
        interpreter.reset()
        interpreter.set_input(sample[None], 0)
        interpreter.invoke()
        found.append(np.array(interpreter.get_output(0)[0]))
    return np.stack(found)


def runs_in(path, arena, inputs=1):
    """Return whether a file runs in an arena of so many bytes."""
    command = [sys.executable, "-c", RUNS, str(path), str(arena), str(inputs)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
