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
from litemill.data.sample_matching import format_shape, match_inputs, shape_matches
from litemill.data.samples import Samples, read_split
from litemill.models import keras_graph
from litemill.models.keras_source import KerasSource
from litemill.models.kinds import import_model
from litemill.runtime import eigen_cache, portability, tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.training import metric_output
from litemill.training.batches import BatchFeed
from litemill.training.divergence import stop_on_divergence
from litemill.training.metric_output import is_single_value
from litemill.training.objective import objective

if TYPE_CHECKING:
    from pathlib import Path

    import keras

BINARY = 2  # classes, which a single value separates
WEAKER = "other processors may give other weights, as portability.json records"


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
        numerics: what TensorFlow was started with; decides where the same weights come out.
        metric: what the trained model will be judged by.

    Raises:
        ConfigError: a `_target_` cannot be called as configured, or the metric is of no output.
        ModelError: it returns no model, or one that does not fit the data.
    """
    history: dict[str, list[float]] = {}
    differing: list[str] | None = None
    # As a whole: a full disk, or a model that cannot be imported, leaves the one of before.
    with atomic_replace(out) as fresh:
        fresh.mkdir()
        if options.fit is None:
            with capture_output(explained=LitemillError):
                source = import_model(options.model, fresh)
            print(f"train: nothing to train, the model is {source.describe(options.model)}")
        else:
            assert options.model.build is not None
            model = build_model(options.model.build)
            metric_output.check_metric_output(metric, _shapes(model))
            matched = check_samples(model, samples)
            history = _fit(model, options, options.fit, matched)
            rows = np.arange(len(matched))
            batch = BatchFeed(model, matched, rows, options.fit.batch_size).first()
            differing = portability.differing_operations(model, batch)
            KerasSource.store(model, options.model, fresh)
        write_text(fresh / "history.csv", _csv(history))
        write_json(fresh / "metrics.json", {name: values[-1] for name, values in history.items()})
        record = portability.portability_record(
            numerics, differing, eigen_cache.why_not_fixed(numerics.cache_sizes)
        )
        write_json(fresh / "portability.json", record)


def build_model(call: dict[str, Any]) -> keras.Model:
    """Call the `_target_` of a model.

    Raises:
        ConfigError: it cannot be imported, or does not take these arguments.
        ModelError: it returns something else than a keras.Model.
    """
    import keras

    model = instantiate(call, "model.build")
    if not isinstance(model, keras.Model):
        message = f"{call['_target_']} returned a {type(model).__name__}"
        raise ModelError("model.build", message, "expected a keras.Model")
    return model


def _shapes(model: keras.Model) -> dict[str, Any]:
    return {
        name: tuple(output.shape)
        for name, output in zip(keras_graph.output_names(model), model.outputs, strict=True)
    }


def check_samples(model: keras.Model, samples: Samples) -> Samples:
    """Return the samples as the model takes them.

    Raises:
        ModelError: the inputs or outputs of model and data differ in name, shape or number.
    """
    place = f"model {model.name}"
    inputs = {
        tensor.name: {"dtype": tensor.dtype, "shape": list(tensor.shape)} for tensor in model.inputs
    }
    matched = match_inputs(samples, inputs, place)
    shapes = _shapes(model)
    for name, target in samples.targets.items():
        if len(shapes) > 1 and name not in shapes:
            message = f"the data has the target {name!r}"
            raise ModelError(place, message, f"the model has the outputs {', '.join(shapes)}")
        output = name if name in shapes else next(iter(shapes))
        shape, here = shapes[output], f"{place}: output {output}"
        if samples.task == "regression" and not shape_matches(shape[1:], target.shape[1:]):
            message = (
                f"shape {format_shape(shape[1:])}, the target's {format_shape(target.shape[1:])}"
            )
            raise ModelError(here, message, "expected the same shape")
        if samples.classes is not None:
            _refuse_classes(here, shape, len(samples.classes))
    return matched


def _refuse_classes(place: str, shape: tuple[int | None, ...], classes: int) -> None:
    single = is_single_value(shape)
    if (1 if single else shape[-1]) != classes and not (single and classes == BINARY):
        message = f"{'1 value' if single else f'{shape[-1]} values'} for {classes} classes"
        expected = "expected a value for each class, or a single value for two classes"
        raise ModelError(place, message, expected)


def _fit(model: keras.Model, options: Train, fit: Fit, samples: Samples) -> dict[str, list[float]]:
    import keras

    compiled = objective(model, options.task, fit)
    model.compile(**compiled, steps_per_execution=fit.steps_per_execution)
    rows, held_out = _hold_out(len(samples), fit)
    feed = BatchFeed(model, samples, rows, fit.batch_size, fit.seed)
    validation = BatchFeed(model, samples, held_out, fit.batch_size) if len(held_out) else None
    interactive = sys.stdout.isatty()
    shuffle = keras.callbacks.LambdaCallback(on_epoch_begin=feed.shuffle)
    callbacks = [shuffle, stop_on_divergence()]
    result = model.fit(
        feed.dataset(),
        epochs=fit.epochs,
        shuffle=False,  # by Keras, which could not
        validation_data=validation.dataset() if validation else None,
        verbose=1 if interactive else 0,
        callbacks=callbacks if interactive else [*callbacks, _epoch_logger(fit.epochs)],
    )
    return {name: [float(v) for v in values] for name, values in result.history.items()}


def _hold_out(count: int, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into those that are trained on and those that are held out."""
    order = np.random.default_rng(fit.seed).permutation(count)
    size = round(fit.validation * count)
    return np.sort(order[size:]), np.sort(order[:size])


def _epoch_logger(epochs: int) -> Any:
    import keras

    class EpochLogger(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type information
        """Prints a line for each epoch, for logs."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            text = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
            print(f"epoch {epoch + 1}/{epochs}  {text}", flush=True)

    return EpochLogger()


def _csv(history: dict[str, list[float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history])
    for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
        writer.writerow([epoch, *values])
    return text.getvalue()


def run(*, samples: Path, out: Path) -> None:
    """Train the model of build/params.json on the split in `samples`; write it to `out`."""
    options = parameters(Train, "train")
    split = read_split(samples)
    seed = options.fit.seed if options.fit else 0
    with capture_output():
        numerics = parameters(Numerics, "numerics")
        tensorflow_start.start_tensorflow(numerics, seed=seed)
    if options.fit and (problem := eigen_cache.why_not_fixed(numerics.cache_sizes)):
        print(f"train: numerics.cache_sizes not set ({problem}); {WEAKER}", file=sys.stderr)
    train_model(options, split, out, numerics, metric_output.configured_metric())
