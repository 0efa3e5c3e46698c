"""What only Keras 2 can do, run by `keras_source.in_legacy` in a process of its own.

`python -m stages.legacy FILE FOLDER KEY ALLOW_LAMBDA [MODULE ...]` loads a Keras file with tf_keras
and saves it as a SavedModel.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stages import keras_source, serving
from stages.quiet import quiet
from stages.run import run


def to_saved_model(
    file: Path, folder: Path, key: str, *, allow_lambda: bool, modules: list[str]
) -> None:
    """Save a Keras 2 file as a SavedModel with one named signature."""
    model = keras_source.load(file, custom_objects=modules, allow_lambda=allow_lambda)
    serving.save_keras(model, folder, key)


def main() -> None:
    """Convert the file named on the command line."""
    file, folder, key, allow, *modules = sys.argv[1:]
    with quiet():
        to_saved_model(Path(file), Path(folder), key, allow_lambda=allow == "True", modules=modules)


if __name__ == "__main__":
    run(main)
