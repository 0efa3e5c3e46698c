"""Run a .tflite file on samples, with LiteRT's interpreter.

Values go in and come out as real numbers: inputs are quantized and outputs dequantized by the
file's own scale and zero point.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError, last_line, nearest
from litemill.runtime.capture_output import capture_output
from litemill.tflite.flatbuffer import describe
from litemill.tflite.input_check import check_names, count_samples
from litemill.tflite.quantization import dequantize, quantize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.tflite.description import Description, Signature

    Array = np.ndarray[Any, np.dtype[Any]]

# Raised by the interpreter's wrapper, which has no error type of its own.
FAILURES = (RuntimeError, ValueError, TypeError, MemoryError)


class Kernels(enum.Enum):
    """Which implementation of the operators runs; outputs of quantized models differ a little."""

    default = "AUTO"  # XNNPACK where it can, optimized kernels elsewhere
    no_delegate = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"  # optimized kernels
    reference = "BUILTIN_REF"  # plain loops, the yardstick of other runtimes


class Model:
    """A loaded .tflite file: one signature of it, or its tensors by name where it has none.

    Attributes:
        description: of the file.
        signature: key of the signature in use, or None.
        subgraph: number of the subgraph that runs.
        inputs, outputs: name to `Tensor`; the first axis is the batch.
    """

    def __init__(  # noqa: PLR0913 (LiteRT's options)
        self,
        content: bytes,
        *,
        description: Description | None = None,
        signature: str | None = None,
        kernels: Kernels = Kernels.default,
        threads: int = 1,
        place: object = "model",
        preserve_tensors: bool = False,
    ) -> None:
        """Load `content`; `place` is what errors call it, `signature` is by default the first.

        A `description` saves reading the file again. `preserve_tensors` keeps every tensor of a
        run, for `litemill.tflite.debug_interpreter`, which costs memory.

        Raises:
            InterpreterError: not a model, an operator without a kernel, or no such signature.
        """
        self.place = place
        self.description = description or describe(content, place)
        entry = self._find_signature(signature)
        self.signature = entry.key if entry else None
        self.subgraph = entry.subgraph if entry else 0
        self.inputs = dict(self.description.by_name("inputs", self.signature))
        self.outputs = dict(self.description.by_name("outputs", self.signature))
        for name, tensor in self.inputs.items():
            if not tensor.shape:
                found = f"input {name!r} is a scalar"
                raise InterpreterError(place, found, "expected a batch axis")
        # False once the file has refused another batch size than the one it was made with.
        self._resizable = self._has_dynamic_batch()
        self._preserve_tensors = preserve_tensors
        self._load(content, kernels, threads)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run samples: real numbers [samples, ...] by input name to float32 by output name.

        Outputs that are not quantized keep their type. A batch of any size is taken: by resizing
        where the file's batch is dynamic, in calls of its fixed size (the last one padded with its
        last sample) otherwise.

        Raises:
            InterpreterError: names or shapes do not fit the model, or it failed to run.
        """
        return self.real(self.run_stored(self.stored(inputs)))

    def stored(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Convert inputs to the file's own types, quantized where it says so."""
        place = self.place
        check_names(inputs, self.inputs, place)
        return {
            name: quantize(inputs[name], tensor, place=f"{place}, input {name!r}")
            for name, tensor in self.inputs.items()
        }

    def real(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Convert outputs to real numbers, dequantized where the file says so."""
        return {name: dequantize(outputs[name], tensor) for name, tensor in self.outputs.items()}

    def run_stored(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run samples in the file's own types; otherwise as `run`."""
        count = count_samples(inputs, self.inputs, self.place)
        if self._resizable:
            try:
                return self._call(inputs, count)
            except InterpreterError:
                # A constant shape inside the graph can fix the batch though the input says -1.
                if count == 1:
                    raise
                self._resizable = False
        size = self._static_batch()
        batches = [
            self._run_padded(inputs, start, min(start + size, count), size)
            for start in range(0, count, size)
        ]
        return {name: np.concatenate([batch[name] for batch in batches]) for name in self.outputs}

    def _run_padded(
        self, inputs: Mapping[str, Array], start: int, stop: int, size: int
    ) -> dict[str, Array]:
        rows = np.minimum(np.arange(start, start + size), stop - 1)
        outputs = self._call({name: values[rows] for name, values in inputs.items()}, size)
        return {name: output[: stop - start] for name, output in outputs.items()}

    @property
    def fixed(self) -> int | None:
        """The batch size that the file was made for, or None where any will do."""
        return None if self._resizable else self._static_batch()

    def _call(self, inputs: Mapping[str, Array], count: int) -> dict[str, Array]:
        try:
            # Fused recurrent operators keep their state from one call to the next; samples are
            # independent of each other.
            self._interpreter.reset_all_variables()
            outputs = self._invoke(inputs)
        except FAILURES as error:
            why = last_line(str(error))
            raise InterpreterError(self.place, f"does not run on {count} samples ({why})") from None
        for name, output in outputs.items():
            if output.shape[:1] != (count,):
                message = f"output {name!r} is of shape {list(output.shape)} for {count} samples"
                expected = "expected the samples as its first axis"
                raise InterpreterError(self.place, message, expected)
        return outputs

    def _invoke(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if self._runner is not None:
            return dict(self._runner(**inputs))
        # By number, which resizing does not change.
        numbers = [details["index"] for details in self._interpreter.get_input_details()]
        values = dict(zip(numbers, inputs.values(), strict=True))
        for number, array in values.items():
            self._interpreter.resize_tensor_input(number, array.shape)
        self._interpreter.allocate_tensors()
        for number, array in values.items():
            self._interpreter.set_tensor(number, array)
        self._interpreter.invoke()
        details = self._interpreter.get_output_details()
        tensors = [self._interpreter.get_tensor(output["index"]) for output in details]
        return dict(zip(self.outputs, tensors, strict=True))

    def _load(self, content: bytes, kernels: Kernels, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        with capture_output() as captured:
            failure = ""
            try:
                self._interpreter = Interpreter(
                    model_content=content,
                    num_threads=threads,
                    experimental_op_resolver_type=OpResolverType[kernels.value],
                    experimental_preserve_all_tensors=self._preserve_tensors,
                )
                self._interpreter.allocate_tensors()
                self._runner = (
                    self._interpreter.get_signature_runner(self.signature)
                    if self.signature is not None
                    else None
                )
            except FAILURES as error:
                failure = last_line(str(error)) or captured.last_line()
        if failure:
            raise InterpreterError(self.place, f"does not load ({failure})")

    def _find_signature(self, key: str | None) -> Signature | None:
        signatures = {signature.key: signature for signature in self.description.signatures}
        if key is not None and signatures and key not in signatures:
            raise InterpreterError(self.place, f"no signature {key!r}", nearest(key, signatures))
        if not signatures:
            return None
        return signatures[key] if key is not None else self.description.signatures[0]

    def _has_dynamic_batch(self) -> bool:
        """Return whether the batch is dynamic in every input and every output."""
        inputs = all(tensor.shape[0] == -1 for tensor in self.inputs.values())
        return inputs and all(tensor.shape[:1] == (-1,) for tensor in self.outputs.values())

    def _static_batch(self) -> int:
        sizes = {name: max(tensor.shape[0], 1) for name, tensor in self.inputs.items()}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
            raise InterpreterError(self.place, f"batch sizes differ: {listed}", "expected one size")
        return next(iter(sizes.values()))
