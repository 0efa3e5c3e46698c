"""What a .tflite file says it is, read from its flatbuffer without loading it into an interpreter.

The layout is LiteRT's `schema.fbs` (schema version 3). Every offset and index is checked, because
LiteRT's interpreter does not: a damaged file can abort the whole process that loads it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from math import ceil, prod
from typing import TYPE_CHECKING, Any

from litemill.core.errors import InterpreterError
from litemill.tflite.bounded_flatbuffer import Tables, index, text
from litemill.tflite.description import (
    Constant,
    Description,
    Operator,
    Signature,
    Tensor,
    WeightShare,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bits of an element; types that are not listed have no fixed size (strings, resources, variants).
BITS = {
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 64),
    **dict.fromkeys(("float32", "int32", "uint32"), 32),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 16),
    **dict.fromkeys(("int8", "uint8", "bool", "float8_e4m3fn", "float8_e5m2"), 8),
    **dict.fromkeys(("int4", "uint4"), 4),
    "int2": 2,
    "complex128": 128,
}
IDENTIFIER = b"TFL3"
MALFORMED = (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError)


def describe(content: bytes, place: object = "model") -> Description:
    """Describe the content of a .tflite file; `place` is what errors call it.

    Raises:
        InterpreterError: no TensorFlow Lite model, truncated or damaged; names the place.
    """
    if content[4:8] != IDENTIFIER:
        found = "no TensorFlow Lite model (the mark TFL3 is missing)" if content else "empty file"
        raise InterpreterError(place, found, "expected a .tflite file")
    reader = _Reader(Tables(content))
    try:
        return reader.read()
    except MALFORMED as error:
        where, why = reader.tables.where, str(error) or type(error).__name__
        if isinstance(error, struct.error):
            why = "it points behind the end of the file"
        found = f"damaged or truncated at {where} ({why})"
        raise InterpreterError(place, found, "expected a whole .tflite file") from None


@dataclass
class _Reader:
    tables: Tables
    rows: dict[tuple[str, str, bool], list[int]] = field(default_factory=dict)
    constants: dict[int, Constant] = field(default_factory=dict)
    variables: dict[str, set[str]] = field(default_factory=dict)  # name: what is done to it

    def read(self) -> Description:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.types = {n: word.lower() for n, word in _words(schema.TensorType).items()}
        self.codes = _words(schema.BuiltinOperator)
        self.model = schema.Model.GetRootAsModel(self.tables.content, 0)
        each = self.tables.each
        self.buffers = [self._buffer(buffer) for buffer in each(self.model, "Buffers")]
        self.operators = [self._code(code) for code in each(self.model, "OperatorCodes")]
        self.subgraphs = list(each(self.model, "Subgraphs"))
        main = self.subgraphs[0]
        for number, subgraph in enumerate(self.subgraphs):
            self._subgraph(number, subgraph)
        return Description(
            bytes=len(self.tables.content),
            description=text(self.model.Description()),
            min_runtime_version=self._min_runtime_version(),
            inputs=tuple(
                self._tensor(main.Tensors(i)) for i in self.tables.numbers(main, "Inputs")
            ),
            outputs=tuple(
                self._tensor(main.Tensors(i)) for i in self.tables.numbers(main, "Outputs")
            ),
            signatures=tuple(self._signatures()),
            operators=tuple(
                Operator(name, types, count, boundary, custom)
                for (name, types, custom), (count, boundary) in sorted(self.rows.items())
            ),
            constants=tuple(self.constants.values()),
            weights=_shares(list(self.constants.values())),
            unset_variables=tuple(
                sorted(name for name, done in self.variables.items() if done == {"READ_VARIABLE"})
            ),
        )

    def _buffer(self, buffer: Any) -> int:
        """Give a buffer's number of bytes."""
        if buffer.Offset() > 1:  # outside of the flatbuffer, as models above 2 GB have it
            if buffer.Offset() + buffer.Size() > len(self.tables.content):
                raise ValueError("data ends behind the end of the file")
            return int(buffer.Size())
        length = int(buffer.DataLength())
        if length:
            buffer.DataAsNumpy()  # raises ValueError when the data ends behind the file's end
        return length

    def _code(self, code: Any) -> tuple[str, bool]:
        """Give an operator's name, and whether it is custom."""
        # Numbers below 127 are in the deprecated field, as old readers know no other.
        name = self.codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        return (text(code.CustomCode()) or name, True) if name == "CUSTOM" else (name, False)

    def _subgraph(self, number: int, subgraph: Any) -> None:
        place = f"subgraph {number}"
        tensors = list(self.tables.each(subgraph, "Tensors"))
        types = [self._type(tensor, f"{place}, tensor {i}") for i, tensor in enumerate(tensors)]
        edges = {*self.tables.indices(subgraph, "Inputs", len(tensors))}
        edges |= {*self.tables.indices(subgraph, "Outputs", len(tensors))}
        handles: dict[int, str] = {}
        for position, operator in enumerate(self.tables.each(subgraph, "Operators")):
            self.tables.where = f"{place}, operator {position}"
            name, custom = self.operators[index(operator.OpcodeIndex(), len(self.operators))]
            inputs = self.tables.indices(operator, "Inputs", len(tensors), optional=True)
            outputs = self.tables.indices(operator, "Outputs", len(tensors), optional=True)
            for operand, tensor in enumerate(inputs):
                if tensor >= 0:
                    reader = name, operand, (number, position)
                    self._constant(tensors[tensor], types[tensor], *reader)
            read = [self._word(tensors, types, tensor) for tensor in inputs]
            words = f"{_list(read)} -> {_list([types[i] for i in outputs if i >= 0])}"
            row = self.rows.setdefault((name, words, custom), [0, 0])
            row[0] += 1
            row[1] += number == 0 and bool(edges & {*inputs, *outputs})
            self._variable(operator, name, inputs, outputs, handles)

    def _type(self, tensor: Any, place: str) -> str:
        """Give a tensor's type, after checking that its buffer holds what its shape says."""
        self.tables.where = place
        dtype = self.types[tensor.Type()]
        size = self.buffers[index(tensor.Buffer(), len(self.buffers))]
        shape = self.tables.numbers(tensor, "Shape")
        if size and dtype in BITS and tensor.Sparsity() is None:
            expected = ceil(prod(shape) * BITS[dtype] / 8)
            if size != expected:
                raise ValueError(f"{size} bytes of data, where shape and type need {expected}")
        return dtype

    def _word(self, tensors: list[Any], types: list[str], number: int) -> str:
        if number < 0:
            return "-"
        return f"({types[number]})" if self.buffers[tensors[number].Buffer()] else types[number]

    def _constant(
        self, tensor: Any, dtype: str, operator: str, operand: int, position: tuple[int, int]
    ) -> None:
        number = tensor.Buffer()
        if self.buffers[number] == 0 or number in self.constants:
            return
        scales = _scales(tensor)
        self.constants[number] = Constant(
            name=text(tensor.Name()),
            dtype=dtype,
            shape=tuple(self.tables.numbers(tensor, "Shape")),
            bytes=self.buffers[number],
            scales=scales,
            quantized_dimension=tensor.Quantization().QuantizedDimension() if scales > 1 else None,
            operator=operator,
            operand=operand,
            position=position,
        )

    def _variable(
        self,
        operator: Any,
        name: str,
        inputs: list[int],
        outputs: list[int],
        handles: dict[int, str],
    ) -> None:
        """Note what is done to resource variables; their handles are tensors of one subgraph."""
        if name == "VAR_HANDLE":
            options = self.schema.VarHandleOptions()
            table = operator.BuiltinOptions()
            options.Init(table.Bytes, table.Pos)
            handles[outputs[0]] = text(options.SharedName())
        elif name in {"READ_VARIABLE", "ASSIGN_VARIABLE"} and inputs[0] in handles:
            self.variables.setdefault(handles[inputs[0]], set()).add(name)

    def _tensor(self, tensor: Any) -> Tensor:
        shape = self.tables.numbers(tensor, "ShapeSignature")
        shape = shape or self.tables.numbers(tensor, "Shape")
        scale, zero = None, None
        if _scales(tensor) == 1:
            quantization = tensor.Quantization()
            scale = float(quantization.Scale(0))
            zero = int(quantization.ZeroPoint(0)) if quantization.ZeroPointLength() else 0
        return Tensor(text(tensor.Name()), self.types[tensor.Type()], tuple(shape), scale, zero)

    def _signatures(self) -> Iterator[Signature]:
        for signature in self.tables.each(self.model, "SignatureDefs"):
            number = index(signature.SubgraphIndex(), len(self.subgraphs))
            subgraph = self.subgraphs[number]
            yield Signature(
                key=text(signature.SignatureKey()),
                subgraph=number,
                inputs=self._named(signature, "Inputs", subgraph),
                outputs=self._named(signature, "Outputs", subgraph),
            )

    def _named(self, signature: Any, name: str, subgraph: Any) -> dict[str, Tensor]:
        length = subgraph.TensorsLength()
        return {
            text(entry.Name()): self._tensor(subgraph.Tensors(index(entry.TensorIndex(), length)))
            for entry in self.tables.each(signature, name)
        }

    def _min_runtime_version(self) -> str | None:
        for entry in self.tables.each(self.model, "Metadata"):
            if text(entry.Name()) == "min_runtime_version":
                buffer = self.model.Buffers(index(entry.Buffer(), len(self.buffers)))
                data = bytes(buffer.DataAsNumpy()) if buffer.DataLength() else b""
                return text(data.rstrip(b"\0")) or None
        return None


def _words(enumeration: type) -> dict[int, str]:
    return {number: word for word, number in vars(enumeration).items() if isinstance(number, int)}


def _list(words: list[str]) -> str:
    return ", ".join(words) or "nothing"


def _scales(tensor: Any) -> int:
    quantization = tensor.Quantization()
    return int(quantization.ScaleLength()) if quantization is not None else 0


def _shares(constants: list[Constant]) -> dict[str, WeightShare]:
    found: dict[str, list[Constant]] = {}
    for constant in constants:
        found.setdefault(constant.dtype, []).append(constant)
    return {
        dtype: WeightShare(
            tensors=len(some),
            elements=sum(prod(one.shape) for one in some),
            bytes=sum(one.bytes for one in some),
        )
        for dtype, some in sorted(found.items())
    }
