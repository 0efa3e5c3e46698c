"""What only Keras 2 can do, in a process of its own: to save a Keras file as a SavedModel.

tf_keras takes the place of Keras 3 only where the environment says so before TensorFlow is
imported. The process is `python -m litemill.models.keras2_process JSON`; the JSON holds the
arguments of `to_saved_model`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError
from litemill.core.exit_status import run_and_exit
from litemill.models import keras_graph, keras_model, saved_model
from litemill.runtime.capture_output import capture_output

if TYPE_CHECKING:
    from collections.abc import Iterable


def save_with_keras_2(file: Path, folder: Path, key: str, **options: Any) -> None:
    """Save a Keras file as a SavedModel with Keras 2.

    Args:
        file: the Keras file.
        folder: where the SavedModel goes.
        key: name of its signature.
        options: the other arguments of `to_saved_model`.

    Raises:
        ModelError: as the process raised it; or with the last line that it printed.
    """
    arguments = {"file": str(file), "folder": str(folder), "key": key, **options}
    command = [sys.executable, "-P", "-m", "litemill.models.keras2_process", json.dumps(arguments)]
    # This very code, whatever the current folder holds; and modules from where they are found now.
    paths = [str(Path(__file__).parents[2]), *(path or str(Path.cwd()) for path in sys.path)]
    environment = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    cause = subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr)
    if done.stdout:
        raise ModelError(*json.loads(done.stdout)) from cause
    lines = done.stderr.strip().splitlines()
    last = f" ({lines[-1]})" if lines else ""
    raise ModelError(file, f"Keras 2 ended with status {done.returncode}{last}") from cause


def to_saved_model(  # noqa: PLR0913  # each of them matters
    file: str,
    folder: str,
    key: str,
    *,
    custom_objects: Iterable[str] = (),
    allow_lambda: bool = False,
    batch: int | None = None,
    unroll: bool = False,
) -> None:
    """Save a Keras 2 file as a SavedModel with one named signature."""
    model = keras_model.load_keras_file(
        Path(file), custom_objects=custom_objects, allow_lambda=allow_lambda
    )
    saved_model.save_keras(
        keras_graph.unroll(model) if unroll else model, Path(folder), key, batch=batch
    )


def main() -> None:
    """Call `to_saved_model`; print the fields of a ModelError as JSON."""
    try:
        with capture_output(explained=ModelError):
            to_saved_model(**json.loads(sys.argv[1]))
    except ModelError as error:
        print(json.dumps([error.place, error.found, error.expected]))
        raise


if __name__ == "__main__":
    run_and_exit(main)
