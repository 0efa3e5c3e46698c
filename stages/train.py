"""Build the model and fit it on the train split: `python -m stages.train`."""

from __future__ import annotations

import csv
import io
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import keras_file, runtime
from stages.errors import ConfigError, ModelError
from stages.files import write_json, write_text
from stages.instantiate import instantiate
from stages.quiet import quiet
from stages.run import parameters, run
from stages.samples import Samples, read_split
from stages.schema.numerics import Numerics
from stages.schema.train import Fit, Train

if TYPE_CHECKING:
    import keras


def train(options: Train, samples: Samples, out: Path) -> None:
    """Write model.keras, history.csv and metrics.json below `out`.

    Args:
        options: the model and how it is fitted.
        samples: the train split; inputs are matched to the model's by name.
        out: the directory to write to.

    Raises:
        ConfigError: a `_target_` cannot be called as configured.
        ModelError: what it gives is no model, or does not fit the data.
    """
    model = build(options.model.build)
    check_fit(model, samples)
    history = _fit(model, options, samples)
    keras_file.save(model, out / "model.keras")
    write_text(out / "history.csv", _csv(history))
    write_json(out / "metrics.json", {name: values[-1] for name, values in history.items()})


def build(call: dict[str, Any]) -> keras.Model:
    """Call the `_target_` of a model.

    Raises:
        ConfigError: it cannot be imported, or does not take these arguments.
        ModelError: it gives something else than a keras.Model.
    """
    import keras

    model = instantiate(call, "model.build")
    if not isinstance(model, keras.Model):
        told = f"{call['_target_']} returned a {type(model).__name__}"
        raise ModelError("model.build", told, "expected a keras.Model")
    return model


def check_fit(model: keras.Model, samples: Samples) -> None:
    """Refuse a model whose inputs or outputs are not those of the data.

    Raises:
        ModelError: names, shapes or numbers differ; the first difference.
    """
    wanted = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    given = {name: tuple(array.shape[1:]) for name, array in samples.inputs.items()}
    if sorted(wanted) != sorted(given):
        told = f"the data has {', '.join(sorted(given))}"
        raise ModelError(f"inputs of {model.name}", told, f"the model takes {', '.join(wanted)}")
    for name, shape in wanted.items():
        if not _compatible(shape, given[name]):
            told = f"the data has shape {_shape(given[name])}"
            raise ModelError(
                f"input {name} of {model.name}", told, f"the model takes {_shape(shape)}"
            )
    if samples.task == "classification" and samples.classes is not None:
        outputs = model.outputs[0].shape[-1]
        if outputs != len(samples.classes):
            told = f"the model gives {outputs} values, the data has {len(samples.classes)} classes"
            raise ModelError(f"output of {model.name}", told, "expected one value a class")
    if samples.task == "regression":
        shape = tuple(model.outputs[0].shape[1:])
        target = next(iter(samples.targets.values())).shape[1:]
        if not _compatible(shape, target):
            told = f"the model gives {_shape(shape)}, the target is {_shape(target)}"
            raise ModelError(f"output of {model.name}", told, "expected the same shape")


def _compatible(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    return len(wanted) == len(given) and all(
        size is None or size == other for size, other in zip(wanted, given, strict=True)
    )


def _shape(shape: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"


def _fit(model: keras.Model, options: Train, samples: Samples) -> dict[str, list[float]]:
    fit = options.fit
    model.compile(
        optimizer=instantiate(fit.optimizer, "train.optimizer"),
        loss=_loss(model, options),
        metrics=["accuracy"] if options.task == "classification" else ["mean_absolute_error"],
    )
    train_rows, held_out = _hold_out(len(samples), fit)
    batches = _batches(model, samples, fit, train_rows, shuffle=True)
    validation = _batches(model, samples, fit, held_out, shuffle=False) if len(held_out) else None
    interactive = sys.stdout.isatty()
    result = model.fit(
        batches,
        epochs=fit.epochs,
        validation_data=validation,
        verbose=1 if interactive else 0,
        callbacks=[] if interactive else [_lines(fit.epochs)],
    )
    return {name: [float(v) for v in values] for name, values in result.history.items()}


def _loss(model: keras.Model, options: Train) -> Any:
    import keras

    if options.fit.loss is not None:
        return instantiate(options.fit.loss, "train.loss")
    if options.task == "regression":
        return keras.losses.MeanSquaredError()
    if options.task == "none":
        raise ConfigError("train.loss", "null for a task without targets", "expected a loss")
    # The loss on logits: a softmax is approximated differently by different processors.
    softmax = getattr(model.layers[-1], "activation", None) is keras.activations.softmax
    return keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)


def _hold_out(count: int, fit: Fit) -> tuple[Any, Any]:
    import numpy as np

    order = np.random.default_rng(fit.seed).permutation(count)
    held = round(fit.validation * count)
    return np.sort(order[held:]), np.sort(order[:held])


def _batches(model: keras.Model, samples: Samples, fit: Fit, rows: Any, *, shuffle: bool) -> Any:
    import keras
    import numpy as np

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no type information
        """Batches read from the memory-mapped split, in a seeded order that is new every epoch."""

        def __init__(self) -> None:
            super().__init__()
            self.random = np.random.default_rng(fit.seed)
            self.order = rows
            self.on_epoch_begin()

        def __len__(self) -> int:
            return math.ceil(len(rows) / fit.batch_size)

        def __getitem__(self, index: int) -> tuple[dict[str, Any], Any]:
            taken = self.order[index * fit.batch_size : (index + 1) * fit.batch_size]
            batch = samples.take(np.sort(taken))
            # The model's own structure of inputs: one, a list or a mapping.
            inputs = keras.tree.map_structure(lambda t: batch.inputs[t.name], model.input)
            return inputs, next(iter(batch.targets.values()))

        def on_epoch_begin(self) -> None:
            if shuffle:
                self.order = self.random.permutation(rows)

    return Batches()


def _lines(epochs: int) -> Any:
    import keras

    class Lines(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type information
        """One quiet line an epoch, for logs."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            told = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
            print(f"epoch {epoch + 1}/{epochs}  {told}", flush=True)

    return Lines()


def _csv(history: dict[str, list[float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history])
    for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
        writer.writerow([epoch, *values])
    return text.getvalue()


def main() -> None:
    """Train on build/prepare/train."""
    options = parameters(Train, "train")
    samples = read_split(Path("build/prepare/train"))
    with quiet():
        runtime.start(parameters(Numerics, "numerics"), seed=options.fit.seed)
    train(options, samples, Path("build/train"))


if __name__ == "__main__":
    run(main)
