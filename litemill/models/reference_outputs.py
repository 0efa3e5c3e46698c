"""What `export` leaves for the stages after it: signatures and reference outputs.

Names of signatures and outputs come from the model, and may be anything: they never become names
of files. Arrays are stored by number, and names.json lists the outputs in that order;
signatures/index.json does the same for signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, ModelError, first_line, nearest
from litemill.core.files import read_json, write_json
from litemill.data.sample_matching import match_inputs
from litemill.runtime.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litemill.data.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]

NAMES = "names.json"
# Prefixes of TensorFlow's operators that draw: RandomStandardNormal, Multinomial, ...
UNSEEDED = (
    "random ops must have a seed"  # TensorFlow's words, where its operators are deterministic
)
RANDOM = ("Random", "Multinomial", "ParameterizedTruncatedNormal", "TruncatedNormal")


def signature_folder(export: Path, key: str | None) -> Path:
    """Return the folder of a signature; None is the one that the model is known by.

    Raises:
        LitemillError: nothing is exported.
        ModelError: there is no such signature.
    """
    if key is None or key == read_json(export / "signature.json")["key"]:
        return export
    others = read_json(export / "signatures" / "index.json")["others"]
    if key not in others:
        raise ModelError(export, f"signature {key!r} is not exported", nearest(key, others))
    return export / "signatures" / str(others.index(key))


def read_signature(export: Path, key: str | None) -> dict[str, Any]:
    """Read {"key", "inputs", "outputs"} of a signature.

    Raises:
        LitemillError: there is no such file.
    """
    signature: dict[str, Any] = read_json(signature_folder(export, key) / "signature.json")
    return signature


def match_samples(samples: Samples, signature: dict[str, Any]) -> Samples:
    """Return samples as a signature takes them.

    Raises:
        ModelError: names, shapes or types differ.
    """
    subset = bool(signature.get("subset"))
    return match_inputs(
        samples, signature["inputs"], f"signature {signature['key']}", subset=subset
    )


def write_reference_outputs(function: Any, samples: Samples, size: int, folder: Path) -> None:
    """Write what a signature's function answers, one memory-mapped .npy for each output.

    Args:
        function: named tensors to named tensors.
        samples: under the names and in the types that it takes.
        size: samples at a time; a function of a fixed batch size is called with that.
        folder: where the files go; made here.

    Raises:
        ModelError: the model fails, does not return one row for each sample, or answers the same
            samples otherwise when it is asked again.
    """
    folder.mkdir()
    names = sorted(function.structured_outputs)
    write_json(folder / NAMES, names)
    arrays: dict[str, np.memmap[Any, Any]] = {}
    batch_size = _fixed_batch(function)
    _refuse_random(function, next(samples.batches(batch_size or size)), batch_size or 0)
    start = 0
    progress = Progress("reference outputs", len(samples))
    for batch, outputs in _answers(function, samples, batch_size, size, progress):
        count = len(batch)
        for name, value in outputs.items():
            rows = value.numpy()
            rows = rows[:count] if np.ndim(rows) else rows
            if np.ndim(rows) == 0 or len(rows) != count:
                message = f"shape {list(np.shape(rows))} for {count} samples"
                raise ModelError(f"output {name}", message, "expected a row for each sample")
            if name not in arrays:
                shape = (len(samples), *rows.shape[1:])
                arrays[name] = np.lib.format.open_memmap(
                    folder / f"{names.index(name)}.npy", "w+", dtype=rows.dtype, shape=shape
                )
            arrays[name][start : start + count] = rows
        start += count


def _answers(
    function: Any, samples: Samples, fixed: int | None, size: int, progress: Progress
) -> Iterator[tuple[Samples, dict[str, Any]]]:
    """Iterate over batches and what the function answers to each."""
    import tensorflow as tf

    with progress:
        for batch in samples.batches(fixed or size):
            inputs = {n: tf.constant(_pad(a, fixed or 0)) for n, a in batch.inputs.items()}
            yield batch, _call(function, inputs)
            progress.advance(len(batch))


def read_reference_outputs(folder: Path) -> dict[str, Array]:
    """Open the arrays that `write_reference_outputs` wrote, memory-mapped, by output name.

    Raises:
        LitemillError: there are none.
        DataError: one is missing or damaged.
    """
    names = read_json(folder / NAMES)
    return {name: _open(folder / f"{number}.npy") for number, name in enumerate(names)}


def _open(path: Path) -> Array:
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError) as error:
        missing = isinstance(error, FileNotFoundError)
        message = "no such file" if missing else f"damaged ({first_line(error)})"
        raise DataError(path, message, "rebuild it with `dvc repro export`") from None
    return array


def random_operators(function: Any) -> list[str]:
    """Return the kinds of operators in a concrete function whose answers are drawn anew each time.

    Stateless ones are none of them: their seed is an input.
    """
    graph = getattr(function, "graph", None)
    if graph is None:
        return []
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return sorted({node.op for node in nodes if node.op.startswith(RANDOM)})


def _refuse_random(function: Any, batch: Samples, size: int) -> None:
    """Ask twice, where there are random operators: no file can be compared with such answers."""
    import tensorflow as tf

    if not (operators := random_operators(function)):
        return
    inputs = {name: tf.constant(_pad(array, size)) for name, array in batch.inputs.items()}
    try:
        first, second = _call(function, inputs), _call(function, inputs)
    except ModelError as error:
        if UNSEEDED not in error.found:
            raise
        differing = sorted(function.structured_outputs)
    else:
        differing = [n for n in sorted(first) if np.any(first[n].numpy() != second[n].numpy())]
    if differing:
        found = f"answers are random: two calls on the same samples differ in {_names(differing)}"
        expected = "expected a model that draws nothing when it is used; no file can be held to it"
        raise ModelError("the source model", f"{found} ({', '.join(operators)})", expected)


def _names(outputs: list[str]) -> str:
    return ("output " if len(outputs) == 1 else "outputs ") + ", ".join(map(repr, outputs))


def _call(function: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    try:
        answers: dict[str, Any] = function(**inputs)
    except tf.errors.OpError as error:
        message = f"fails on the samples ({str(error.message).strip().splitlines()[0]})"
        raise ModelError("the source model", message) from error
    return answers


def _fixed_batch(function: Any) -> int | None:
    """Return the fixed batch size of a function, or None where any will do."""
    specs = function.structured_input_signature[1].values()
    sizes: set[int] = {spec.shape[0] for spec in specs if spec.shape.rank} - {None}
    return min(sizes) if sizes else None


def _pad(array: Array, size: int) -> Array:
    missing = size - len(array)
    if missing <= 0:
        return np.ascontiguousarray(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
