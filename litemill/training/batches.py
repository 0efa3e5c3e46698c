"""What a model is fitted on: batches of a memory-mapped split, in a seeded order.

Keras would ask Python for every batch, which takes longer than a step of a small model. So Python
reads blocks of many batches, and tf.data cuts them up.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.data.samples import BLOCK
from litemill.models import keras_graph

if TYPE_CHECKING:
    import keras

    from litemill.data.samples import Samples


class BatchFeed:
    """Batches of selected rows of a split; the last one of an epoch may be smaller."""

    def __init__(
        self, model: keras.Model, samples: Samples, rows: np.ndarray, size: int, seed: int = 0
    ) -> None:
        """Start with the rows in the given order.

        Args:
            model: whose inputs are one tensor, a mapping or a tuple.
            samples: the split.
            rows: int64 [rows].
            size: rows of a batch.
            seed: of the orders that `shuffle` draws.
        """
        self._model, self._samples, self._rows, self._size = model, samples, rows, size
        self._order, self._random = rows, np.random.default_rng(seed)

    def shuffle(self, *_: Any) -> None:
        """Shuffle the rows, at the beginning of an epoch."""
        self._order = self._random.permutation(self._rows)

    def first(self) -> tuple[Any, Any]:
        """Read the first batch, in the order of the rows."""
        return self._read(self._rows[: self._size])

    def dataset(self) -> Any:
        """Return a tf.data.Dataset of inputs and targets, for Keras to fit on."""
        import tensorflow as tf

        first = self.first()
        specs = tf.nest.map_structure(lambda array: tf.TensorSpec((None, *array.shape[1:])), first)
        kinds = [array.dtype for array in tf.nest.flatten(first)]
        of_row = sum(array[0].nbytes for array in tf.nest.flatten(first))
        rows = self._size * max(1, BLOCK // (of_row * self._size))  # of a block

        def block(number: Any) -> Any:
            read = tf.numpy_function(partial(self._block, rows), [number], kinds)
            packed = tf.nest.pack_sequence_as(first, read)
            return tf.nest.map_structure(lambda t, s: tf.ensure_shape(t, s.shape), packed, specs)

        count = len(self._rows)
        blocks = tf.data.Dataset.range(math.ceil(count / rows)).map(block).prefetch(1)
        cardinality = tf.data.experimental.assert_cardinality(math.ceil(count / self._size))
        return blocks.rebatch(self._size).apply(cardinality)

    def _block(self, rows: int, number: np.int64) -> list[np.ndarray]:
        import tensorflow as tf

        order, size = self._order[number * rows : (number + 1) * rows], self._size
        # Sorted within each batch, as they lie in the file.
        batches = [np.sort(order[start : start + size]) for start in range(0, len(order), size)]
        read = tf.nest.flatten(self._read(np.concatenate(batches)))
        return [np.ascontiguousarray(array) for array in read]

    def _read(self, rows: np.ndarray) -> tuple[Any, Any]:
        import tensorflow as tf

        batch = self._samples.take(rows)
        tensors = keras_graph.structure(self._model, "input")
        if isinstance(tensors, list | tuple):
            # Keras knows them by name; its data pipeline takes no lists.
            tensors = {tensor.name: tensor for tensor in tensors}
        inputs = tf.nest.map_structure(lambda t: batch.inputs[t.name], tensors)
        # Without targets, a model learns to reproduce its input: an autoencoder.
        targets = batch.targets or batch.inputs
        return inputs, targets if len(targets) > 1 else next(iter(targets.values()))
