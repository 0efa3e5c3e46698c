"""What only Keras 2 can do, run by `keras_source.in_legacy` in a process of its own.

`python -m litemill.models.keras2 JSON` loads a Keras file with tf_keras and saves it as a SavedModel; the
JSON holds the arguments of `to_saved_model`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.exit_status import run_and_exit
from litemill.models import keras_model, saved_model
from litemill.runtime.capture_output import capture_output

if TYPE_CHECKING:
    from collections.abc import Iterable


def to_saved_model(  # noqa: PLR0913  # all that there is to say
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
        saved_model.unroll(model) if unroll else model, Path(folder), key, batch=batch
    )


def main() -> None:
    """Do what the command line says."""
    with capture_output():
        to_saved_model(**json.loads(sys.argv[1]))


if __name__ == "__main__":
    run_and_exit(main)
