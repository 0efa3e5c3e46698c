"""A file with all that it takes to measure it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from litemill.config.schema.validate import Validate
    from litemill.data.samples import Samples
    from litemill.tflite.description import Description
    from litemill.tflite.interpreter import Model

    Array = np.ndarray[Any, np.dtype[Any]]

DEFAULT = "default"  # the set of kernels whose numbers stand on top of a measurement


@dataclass(frozen=True)
class MeasurementCase:
    """A file, and what it is measured against.

    Attributes:
        content: the file.
        description: its description.
        variant: its name, for errors.
        signature: key of the signature to run.
        reference: the source model's outputs by name, [samples, ...].
        samples: the inputs, as the signature takes them.
        options: how to measure.
        kernels: the sets of kernels to run; the default one is among them.
        loaders: what loads the file for a set that is not LiteRT's, by its name.
    """

    content: bytes
    description: Description
    variant: str
    signature: str
    reference: dict[str, Array]
    samples: Samples
    options: Validate
    kernels: tuple[str, ...]
    loaders: Mapping[str, Callable[..., Model]] = field(default_factory=dict)
