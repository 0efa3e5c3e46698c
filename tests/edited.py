"""Edits of real .tflite files, through the object form of their flatbuffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import zoo

if TYPE_CHECKING:
    from collections.abc import Callable

SPLIT = 49  # of BuiltinOperator


def edited(content: bytes, change: Callable[[Any], None]) -> bytes:
    """Return a file after `change` was made to its model table."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def crashing(content: bytes) -> bytes:
    """Return a file whose first operator is one of another kind: LiteRT dies of SIGSEGV on it.

    SPLIT takes its number of outputs from options that are not there.
    """

    def change(model: Any) -> None:
        code = model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex]
        code.builtinCode = code.deprecatedBuiltinCode = SPLIT

    return edited(content, change)


def constant(model: Any, operator: int, operand: int) -> Any:
    """Return the buffer of an operator's constant."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[graph.operators[operator].inputs[operand]]
    return model.buffers[tensor.buffer]


def with_constant(
    content: bytes, operator: int, operand: int, change: Callable[[Any], None], dtype: str
) -> bytes:
    """Return a file after `change` was made to the array of a constant of its main subgraph."""

    def on(model: Any) -> None:
        buffer = constant(model, operator, operand)
        array = np.array(buffer.data, np.uint8).view(dtype)
        change(array)
        buffer.data = array.view(np.uint8)

    return edited(content, on)


def position(content: bytes, name: str, number: int = 0) -> int:
    """Return the position of the `number`-th operator of that name in the main subgraph."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    code = getattr(schema.BuiltinOperator, name)
    codes = [max(one.builtinCode, one.deprecatedBuiltinCode) for one in model.operatorCodes]
    operators = model.subgraphs[0].operators
    return [i for i, one in enumerate(operators) if codes[one.opcodeIndex] == code][number]


def without_names(content: bytes, order: list[int] | None = None) -> bytes:
    """Return a file without signatures, its outputs called Identity, in an order of their own."""

    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        model.signatureDefs = []
        outputs = list(graph.outputs)
        graph.outputs = [outputs[i] for i in order] if order else outputs
        for number, tensor in enumerate(graph.outputs):
            graph.tensors[tensor].name = f"Identity_{number}" if number else "Identity"

    return edited(content, change)


def other_training() -> bytes:
    """Return the cnn with the weights of another seed."""
    model = zoo.cnn()
    zoo.quiet_keras().utils.set_random_seed(77)
    again = zoo.quiet_keras().models.clone_model(model)
    return zoo.convert(again)


def lift(dtype: str) -> Callable[[Any], None]:
    """Return a change of the second value that no rounding explains."""

    def change(array: Any) -> None:
        array[1] += np.array(0.5 if dtype == "f4" else 4000, array.dtype)

    return change
