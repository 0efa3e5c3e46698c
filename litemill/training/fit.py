"""Build the model and fit it on the train split."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.instantiate import instantiate
from litemill.config.parameters import parameters
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.train import Fit, Train
from litemill.core.errors import LitemillError, ModelError
from litemill.core.files import atomic_replace, write_json, write_text
from litemill.data.sample_matching import format_shape as shape_told
from litemill.data.sample_matching import match_inputs, shape_matches
from litemill.data.samples import Samples, read_split
from litemill.models import keras_file, saved_model
from litemill.models.source_model import StoredModel, import_model
from litemill.runtime import portability, tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.training import metric_output
from litemill.training.batches import BatchFeed
from litemill.training.metric_output import is_single_value
from litemill.training.objective import objective

if TYPE_CHECKING:
    from pathlib import Path

    import keras

TWO = 2  # classes, which one value can tell apart


def train_model(
    options: Train,
    samples: Samples,
    out: Path,
    numerics: Numerics,
    metric: dict[str, Any] | None = None,
) -> None:
    """Write model.keras, imported/, history.csv, metrics.json and portability.json below `out`.

    An imported model is not trained: its history and metrics are empty, and imported/ holds what
    loading it takes.

    Args:
        options: the model and how it is fitted.
        samples: the train split; inputs are matched to the model's by name.
        out: the directory to write to.
        numerics: what TensorFlow was started with; tells where the same weights come out.
        metric: what the trained model will be judged by.

    Raises:
        ConfigError: a `_target_` cannot be called as configured, or the metric is of no output.
        ModelError: what it gives is no model, or does not fit the data.
    """
    history: dict[str, list[float]] = {}
    differing: list[str] | None = None
    # As a whole: a full disk, or a model that cannot be imported, leaves the one of before.
    with atomic_replace(out) as fresh:
        fresh.mkdir()
        brought = StoredModel(fresh)
        if options.fit is None:
            with capture_output(explained=LitemillError):
                told = import_model(options.model, brought)
            print(f"train: nothing to train, the model is {told}")
        else:
            assert options.model.build is not None
            model = build_model(options.model.build)
            metric_output.check_metric_output(metric, _shapes(model))
            given = check_samples(model, samples)
            history = _fit(model, options, options.fit, given)
            step = BatchFeed(model, given, np.arange(len(given)), options.fit.batch_size).first()
            differing = portability.differing_operations(model, step)
            brought.settle(options.model)
            keras_file.save_keras_file(model, brought.keras)
        write_text(fresh / "history.csv", _csv(history))
        write_json(fresh / "metrics.json", {name: values[-1] for name, values in history.items()})
        write_json(fresh / "portability.json", portability.portability_record(numerics, differing))


def build_model(call: dict[str, Any]) -> keras.Model:
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


def _shapes(model: keras.Model) -> dict[str, Any]:
    return {
        name: tuple(output.shape)
        for name, output in zip(saved_model.outputs(model), model.outputs, strict=True)
    }


def check_samples(model: keras.Model, samples: Samples) -> Samples:
    """Give the samples as the model takes them.

    Raises:
        ModelError: the inputs or outputs of model and data differ in name, shape or number.
    """
    place = f"model {model.name}"
    described = {
        tensor.name: {"dtype": tensor.dtype, "shape": list(tensor.shape)} for tensor in model.inputs
    }
    given = match_inputs(samples, described, place)
    outputs = dict(zip(saved_model.outputs(model), model.outputs, strict=True))
    for name, target in samples.targets.items():
        if len(outputs) > 1 and name not in outputs:
            told = f"the data has the target {name!r}"
            raise ModelError(place, told, f"the model gives {', '.join(outputs)}")
        output = outputs.get(name, model.outputs[0])
        shape = tuple(output.shape[1:])
        if samples.task == "regression" and not shape_matches(shape, target.shape[1:]):
            told = (
                f"the model gives {shape_told(shape)}, the target is {shape_told(target.shape[1:])}"
            )
            raise ModelError(f"{place}: output {output.name}", told, "expected the same shape")
        if samples.classes is not None:
            _refuse_classes(f"{place}: output {output.name}", output.shape, len(samples.classes))
    return given


def _refuse_classes(place: str, shape: tuple[int | None, ...], classes: int) -> None:
    one = is_single_value(shape)
    if (1 if one else shape[-1]) != classes and not (one and classes == TWO):
        told = f"{'1 value' if one else f'{shape[-1]} values'} for {classes} classes"
        raise ModelError(place, told, "expected one value a class, or one in all for two classes")


def _fit(model: keras.Model, options: Train, fit: Fit, samples: Samples) -> dict[str, list[float]]:
    import keras

    compiled = objective(model, options.task, fit)
    model.compile(**compiled, steps_per_execution=fit.steps_per_execution)
    rows, held_out = _hold_out(len(samples), fit)
    feed = BatchFeed(model, samples, rows, fit.batch_size, fit.seed)
    held = BatchFeed(model, samples, held_out, fit.batch_size) if len(held_out) else None
    interactive = sys.stdout.isatty()
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=feed.shuffle)]
    result = model.fit(
        feed.dataset(),
        epochs=fit.epochs,
        shuffle=False,  # by Keras, which could not
        validation_data=held.dataset() if held else None,
        verbose=1 if interactive else 0,
        callbacks=callbacks if interactive else [*callbacks, _lines(fit.epochs)],
    )
    return {name: [float(v) for v in values] for name, values in result.history.items()}


def _hold_out(count: int, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(fit.seed).permutation(count)
    held = round(fit.validation * count)
    return np.sort(order[held:]), np.sort(order[:held])


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


def run(*, samples: Path, out: Path) -> None:
    """Train on the split in the directory `samples` what build/params.json says, into `out`."""
    options = parameters(Train, "train")
    split = read_split(samples)
    seed = options.fit.seed if options.fit else 0
    with capture_output():
        numerics = parameters(Numerics, "numerics")
        tensorflow_start.start_tensorflow(numerics, seed=seed)
    train_model(options, split, out, numerics, metric_output.configured_metric())
