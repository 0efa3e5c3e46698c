"""Running a .tflite file on samples, with LiteRT's interpreter.

Values go in and come out as real numbers: inputs are quantized and outputs dequantized by the
file's own scale and zero point.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError, nearest
from litemill.runtime.capture_output import capture_output
from litemill.tflite.flatbuffer import describe
from litemill.tflite.quantization import dequantize, quantize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.tflite.description import Description, Signature, Tensor

    Array = np.ndarray[Any, np.dtype[Any]]

# What the interpreter's wrapper raises; it knows no error type of its own.
FAILURES = (RuntimeError, ValueError, TypeError, MemoryError)


class Kernels(enum.Enum):
    """Which implementation of the operators runs; answers of quantized models differ a little."""

    default = "AUTO"  # XNNPACK where it can, optimized kernels elsewhere
    no_delegate = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"  # optimized kernels
    reference = "BUILTIN_REF"  # plain loops, which other runtimes are compared with


class Model:
    """A loaded .tflite file: one signature of it, or its tensors by name where it has none.

    Attributes:
        description: what the file is.
        signature: key of the signature in use, or None.
        subgraph: number of the one that runs.
        inputs, outputs: name to `Tensor`; the first axis is the batch.
    """

    def __init__(  # noqa: PLR0913 (what LiteRT can be asked)
        self,
        content: bytes,
        *,
        description: Description | None = None,
        signature: str | None = None,
        kernels: Kernels = Kernels.default,
        threads: int = 1,
        place: object = "model",
        keep: bool = False,
    ) -> None:
        """Load `content`; `place` is what errors call it, `signature` is by default the first.

        Who has described the file already hands that over as `description`. `keep` keeps every
        tensor of a run, for `litemill.tflite.debug_interpreter`, which costs memory.

        Raises:
            InterpreterError: not a model, an operator without a kernel, or no such signature.
        """
        self.place = place
        self.description = description or describe(content, place)
        chosen = self._chosen(signature)
        self.signature = chosen.key if chosen else None
        self.subgraph = chosen.subgraph if chosen else 0
        self.inputs = dict(chosen.inputs) if chosen else _by_name(self.description.inputs)
        self.outputs = dict(chosen.outputs) if chosen else _by_name(self.description.outputs)
        for name, tensor in self.inputs.items():
            if not tensor.shape:
                raise InterpreterError(
                    place, f"input {name!r} is a scalar", "expected a batch axis"
                )
        # False once the file has refused another batch size than the one it was made with.
        self._resizable = self._dynamic()
        self._keep = keep
        self._load(content, kernels, threads)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Answer samples: real numbers [samples, ...] by input name to float32 by output name.

        Outputs that are not quantized keep their type. A batch of any size is taken: by resizing
        where the file's batch is dynamic, in calls of its fixed size (the last one padded with its
        last sample) otherwise.

        Raises:
            InterpreterError: names or shapes do not fit the model, or it failed to run.
        """
        return self.real(self.run_stored(self.stored(inputs)))

    def stored(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Give inputs in the file's own types, quantized where it says so."""
        self._check_names(inputs)
        place = self.place
        return {
            name: quantize(inputs[name], tensor, place=f"{place}, input {name!r}")
            for name, tensor in self.inputs.items()
        }

    def real(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Give outputs as real numbers, dequantized where the file says so."""
        return {name: dequantize(outputs[name], tensor) for name, tensor in self.outputs.items()}

    def run_stored(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Answer samples in the file's own types; otherwise as `run`."""
        count = self._count(inputs)
        if self._resizable:
            try:
                return self._call(inputs, count)
            except InterpreterError:
                # A constant shape inside the graph can fix the batch though the input says -1.
                if count == 1:
                    raise
                self._resizable = False
        size = self._built_in()
        parts = [
            self._padded(inputs, start, min(start + size, count), size)
            for start in range(0, count, size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def _padded(
        self, inputs: Mapping[str, Array], start: int, stop: int, size: int
    ) -> dict[str, Array]:
        rows = np.minimum(np.arange(start, start + size), stop - 1)
        answers = self._call({name: values[rows] for name, values in inputs.items()}, size)
        return {name: answer[: stop - start] for name, answer in answers.items()}

    @property
    def fixed(self) -> int | None:
        """The batch size that the file was made for, or None where any will do."""
        return None if self._resizable else self._built_in()

    def _call(self, inputs: Mapping[str, Array], count: int) -> dict[str, Array]:
        try:
            # Fused recurrent operators keep their state from one call to the next; samples are
            # independent of each other.
            self._interpreter.reset_all_variables()
            answers = self._invoke(inputs)
        except FAILURES as error:
            why = _last_line(error)
            raise InterpreterError(self.place, f"does not run on {count} samples ({why})") from None
        for name, answer in answers.items():
            if answer.shape[:1] != (count,):
                found = f"output {name!r} is of shape {list(answer.shape)} for {count} samples"
                raise InterpreterError(self.place, found, "expected the samples as its first axis")
        return answers

    def _invoke(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if self._runner is not None:
            return dict(self._runner(**inputs))
        given = zip(self._interpreter.get_input_details(), inputs.values(), strict=True)
        for details, values in given:
            self._interpreter.resize_tensor_input(details["index"], values.shape)
        self._interpreter.allocate_tensors()
        given = zip(self._interpreter.get_input_details(), inputs.values(), strict=True)
        for details, values in given:
            self._interpreter.set_tensor(details["index"], values)
        self._interpreter.invoke()
        details = self._interpreter.get_output_details()
        tensors = [self._interpreter.get_tensor(one["index"]) for one in details]
        return dict(zip(self.outputs, tensors, strict=True))

    def _load(self, content: bytes, kernels: Kernels, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        with capture_output() as said:
            failure = ""
            try:
                self._interpreter = Interpreter(
                    model_content=content,
                    num_threads=threads,
                    experimental_op_resolver_type=OpResolverType[kernels.value],
                    experimental_preserve_all_tensors=self._keep,
                )
                self._interpreter.allocate_tensors()
                self._runner = (
                    self._interpreter.get_signature_runner(self.signature)
                    if self.signature is not None
                    else None
                )
            except FAILURES as error:
                failure = _last_line(error) or said.last_line()
        if failure:
            raise InterpreterError(self.place, f"does not load ({failure})")

    def _chosen(self, key: str | None) -> Signature | None:
        signatures = {signature.key: signature for signature in self.description.signatures}
        if key is not None and signatures and key not in signatures:
            raise InterpreterError(self.place, f"no signature {key!r}", nearest(key, signatures))
        if not signatures:
            return None
        return signatures[key] if key is not None else self.description.signatures[0]

    def _dynamic(self) -> bool:
        """Tell whether the batch is dynamic in every input and, as far as told, every output."""
        inputs = all(tensor.shape[0] == -1 for tensor in self.inputs.values())
        return inputs and all(tensor.shape[:1] == (-1,) for tensor in self.outputs.values())

    def _built_in(self) -> int:
        sizes = {name: max(tensor.shape[0], 1) for name, tensor in self.inputs.items()}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
            raise InterpreterError(self.place, f"batch sizes differ: {told}", "expected one size")
        return next(iter(sizes.values()))

    def _check_names(self, inputs: Mapping[str, Array]) -> None:
        for name in inputs:
            if name not in self.inputs:
                raise InterpreterError(self.place, f"no input {name!r}", nearest(name, self.inputs))
        for name in self.inputs:
            if name not in inputs:
                raise InterpreterError(self.place, f"nothing given for input {name!r}")

    def _count(self, inputs: Mapping[str, Array]) -> int:
        """Check shapes and give the number of samples."""
        self._check_names(inputs)
        counts = {len(values) for values in inputs.values()}
        if len(counts) != 1 or 0 in counts:
            raise InterpreterError(
                self.place, f"{sorted(counts)} samples", "expected the same number for every input"
            )
        for name, tensor in self.inputs.items():
            expected, found = tensor.shape[1:], inputs[name].shape[1:]
            fits = len(found) == len(expected) and all(
                want in (-1, got) for want, got in zip(expected, found, strict=True)
            )
            if not fits:
                place = f"{self.place}, input {name!r}"
                wanted = f"expected {list(expected)}"
                raise InterpreterError(place, f"samples of shape {list(found)}", wanted)
        return counts.pop()


def _by_name(tensors: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {tensor.name: tensor for tensor in tensors}


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else ""
