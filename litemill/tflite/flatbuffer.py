"""Describe a .tflite file from its flatbuffer, without loading it into an interpreter.

Every offset and index is checked, so that other readers may follow them afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, prod
from typing import TYPE_CHECKING, Any

from litemill.core.errors import InterpreterError
from litemill.tflite.description import (
    Constant,
    Description,
    InputType,
    Operator,
    Signature,
    Tensor,
    weight_shares,
)
from litemill.tflite.model_reader import BITS, IDENTIFIER, ModelReader, index, scale_count, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_OperatorKey = tuple[str, bool, tuple[InputType, ...], tuple[str, ...]]


def describe(content: bytes, place: object = "model") -> Description:
    """Describe the content of a .tflite file; `place` is what errors call it.

    Raises:
        InterpreterError: no TensorFlow Lite model, truncated or damaged; names the place.
    """
    if content[4:8] != IDENTIFIER:
        message = "no TensorFlow Lite model (the mark TFL3 is missing)" if content else "empty file"
        raise InterpreterError(place, message, "expected a .tflite file")
    reader = ModelReader(content)
    with reader.reporting_damage(place):
        return _Describer(reader).describe()


@dataclass
class _Describer:
    reader: ModelReader
    counts: dict[_OperatorKey, list[int]] = field(default_factory=dict)
    constants: dict[int, Constant] = field(default_factory=dict)
    variables: dict[str, set[str]] = field(default_factory=dict)  # name: operators that use it

    def describe(self) -> Description:
        reader, model = self.reader, self.reader.model
        self.buffers = [self._buffer_size(buffer) for buffer in reader.tables(model, "Buffers")]
        main = reader.subgraphs[0]
        for number, subgraph in enumerate(reader.subgraphs):
            self._read_subgraph(number, subgraph)
        return Description(
            bytes=len(reader.content),
            description=text(model.Description()),
            min_runtime_version=self._min_runtime_version(),
            inputs=tuple(self._tensor(main.Tensors(i)) for i in reader.numbers(main, "Inputs")),
            outputs=tuple(self._tensor(main.Tensors(i)) for i in reader.numbers(main, "Outputs")),
            signatures=tuple(self._signatures()),
            operators=self._operators(),
            constants=tuple(self.constants.values()),
            weights=weight_shares(self.constants.values()),
            unset_variables=tuple(
                sorted(name for name, use in self.variables.items() if use == {"READ_VARIABLE"})
            ),
        )

    def _operators(self) -> tuple[Operator, ...]:
        operators = [
            Operator(name, inputs, outputs, count, boundary, custom)
            for (name, custom, inputs, outputs), (count, boundary) in self.counts.items()
        ]
        return tuple(sorted(operators, key=lambda op: (op.name, op.types, op.custom)))

    def _buffer_size(self, buffer: Any) -> int:
        """Return a buffer's number of bytes, after checking that they are in the file."""
        if buffer.Offset() > 1:  # outside of the flatbuffer, as models above 2 GB have it
            if buffer.Offset() + buffer.Size() > len(self.reader.content):
                raise ValueError("data ends behind the end of the file")
            return int(buffer.Size())
        length = int(buffer.DataLength())
        if length:
            buffer.DataAsNumpy()  # raises ValueError when the data ends behind the file's end
        return length

    def _read_subgraph(self, number: int, subgraph: Any) -> None:
        reader, place = self.reader, f"subgraph {number}"
        tensors = list(reader.tables(subgraph, "Tensors"))
        types = [
            self._checked_type(tensor, f"{place}, tensor {i}") for i, tensor in enumerate(tensors)
        ]
        edges = {*reader.indices(subgraph, "Inputs", len(tensors))}
        edges |= {*reader.indices(subgraph, "Outputs", len(tensors))}
        handles: dict[int, str] = {}
        for position, operator in enumerate(reader.tables(subgraph, "Operators")):
            reader.where = f"{place}, operator {position}"
            name, custom = reader.operators[index(operator.OpcodeIndex(), len(reader.operators))]
            inputs = reader.indices(operator, "Inputs", len(tensors), optional=True)
            outputs = reader.indices(operator, "Outputs", len(tensors), optional=True)
            for operand, tensor in enumerate(inputs):
                if tensor >= 0:
                    read_by = name, operand, (number, position)
                    self._add_constant(tensors[tensor], types[tensor], *read_by)
            input_types = tuple(self._input_type(tensors, types, tensor) for tensor in inputs)
            output_types = tuple(types[tensor] for tensor in outputs if tensor >= 0)
            counts = self.counts.setdefault((name, custom, input_types, output_types), [0, 0])
            counts[0] += 1
            counts[1] += number == 0 and bool(edges & {*inputs, *outputs})
            self._note_variable(operator, name, inputs, outputs, handles)

    def _checked_type(self, tensor: Any, place: str) -> str:
        """Return a tensor's type, after checking that its buffer holds what its shape says."""
        self.reader.where = place
        dtype = self.reader.dtype(tensor)
        size = self.buffers[index(tensor.Buffer(), len(self.buffers))]
        shape = self.reader.numbers(tensor, "Shape")
        if size and dtype in BITS and tensor.Sparsity() is None:
            expected = ceil(prod(shape) * BITS[dtype] / 8)
            if size != expected:
                raise ValueError(f"{size} bytes of data, where shape and type need {expected}")
        return dtype

    def _input_type(self, tensors: list[Any], types: list[str], number: int) -> InputType:
        if number < 0:
            return InputType(None, constant=False)
        return InputType(types[number], constant=bool(self.buffers[tensors[number].Buffer()]))

    def _add_constant(
        self, tensor: Any, dtype: str, operator: str, operand: int, position: tuple[int, int]
    ) -> None:
        number = tensor.Buffer()
        if self.buffers[number] == 0 or number in self.constants:
            return
        scales = scale_count(tensor)
        self.constants[number] = Constant(
            name=text(tensor.Name()),
            dtype=dtype,
            shape=tuple(self.reader.numbers(tensor, "Shape")),
            bytes=self.buffers[number],
            scales=scales,
            quantized_dimension=tensor.Quantization().QuantizedDimension() if scales > 1 else None,
            operator=operator,
            operand=operand,
            position=position,
        )

    def _note_variable(
        self,
        operator: Any,
        name: str,
        inputs: list[int],
        outputs: list[int],
        handles: dict[int, str],
    ) -> None:
        """Note the use of a resource variable; handles are tensors of one subgraph."""
        if name == "VAR_HANDLE":
            options = self.reader.schema.VarHandleOptions()
            table = operator.BuiltinOptions()
            options.Init(table.Bytes, table.Pos)
            handles[outputs[0]] = text(options.SharedName())
        elif name in {"READ_VARIABLE", "ASSIGN_VARIABLE"} and inputs[0] in handles:
            self.variables.setdefault(handles[inputs[0]], set()).add(name)

    def _tensor(self, tensor: Any) -> Tensor:
        shape = self.reader.numbers(tensor, "ShapeSignature")
        shape = shape or self.reader.numbers(tensor, "Shape")
        scale, zero = None, None
        if scale_count(tensor) == 1:
            quantization = tensor.Quantization()
            scale = float(quantization.Scale(0))
            zero = int(quantization.ZeroPoint(0)) if quantization.ZeroPointLength() else 0
        return Tensor(text(tensor.Name()), self.reader.dtype(tensor), tuple(shape), scale, zero)

    def _signatures(self) -> Iterator[Signature]:
        for signature in self.reader.tables(self.reader.model, "SignatureDefs"):
            number = index(signature.SubgraphIndex(), len(self.reader.subgraphs))
            subgraph = self.reader.subgraphs[number]
            yield Signature(
                key=text(signature.SignatureKey()),
                subgraph=number,
                inputs=self._by_name(signature, "Inputs", subgraph),
                outputs=self._by_name(signature, "Outputs", subgraph),
            )

    def _by_name(self, signature: Any, name: str, subgraph: Any) -> dict[str, Tensor]:
        length = subgraph.TensorsLength()
        return {
            text(entry.Name()): self._tensor(subgraph.Tensors(index(entry.TensorIndex(), length)))
            for entry in self.reader.tables(signature, name)
        }

    def _min_runtime_version(self) -> str | None:
        for entry in self.reader.tables(self.reader.model, "Metadata"):
            if text(entry.Name()) == "min_runtime_version":
                data = self.reader.data(entry.Buffer())
                return text(bytes(data).rstrip(b"\0")) or None if data is not None else None
        return None
