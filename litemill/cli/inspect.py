"""Describe a .tflite file: `litemill inspect FILE.tflite [--json]`.

The file is read, not run, so that no file can harm the process.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import InterpreterError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from litemill.tflite.description import Constant, Description, Tensor

WEIGHTS = 1  # which input of most operators their weights are
LARGEST = 10  # layers that are listed, unless all are


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, help="a .tflite file")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--all", action="store_true", help="list every layer, not the largest only")


def run(args: argparse.Namespace) -> int:
    """Print what the file is.

    Raises:
        InterpreterError: it is no model.
    """
    from litemill.conversion.arithmetic import arithmetic_of
    from litemill.tflite.flatbuffer import describe

    file = describe(_read(args.file), args.file)
    kind = arithmetic_of(file)
    if args.json:
        description = {"kind": kind, **file.as_json(), "layers": layers(file)}
        print(json.dumps(description, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(file, kind, args.file.name, every=args.all)))
    return 0


def lines(file: Description, kind: str, name: str, *, every: bool = False) -> Iterator[str]:
    """Iterate over the readable form, line by line."""
    yield f"{name}: {kind}, {_size(file.bytes)}"
    yield f"  minimum runtime  {file.min_runtime_version or 'unknown'}"
    yield f"  description      {file.description or 'none'}"
    yield from _section("inputs", [_tensor(tensor) for tensor in file.inputs])
    yield from _section("outputs", [_tensor(tensor) for tensor in file.outputs])
    signatures = [
        [signature.key, f"{', '.join(signature.inputs)} -> {', '.join(signature.outputs)}"]
        for signature in file.signatures
    ]
    yield from _section("signatures", signatures)
    operators = [[f"{op.count} x", op.name, op.types] for op in file.operators]
    yield from _section("operators (constants in parentheses)", operators)
    shares = [
        [dtype, f"{share.elements:,} values", _size(share.bytes), _percent(share.bytes, file.bytes)]
        for dtype, share in file.weights.items()
    ]
    rest = file.bytes - sum(share.bytes for share in file.weights.values())
    shares.append(["other", "", _size(rest), _percent(rest, file.bytes)])
    yield from _section("size by type of constants", shares)
    by_size = sorted(layers(file), key=lambda layer: -layer["bytes"])
    some = by_size if every else by_size[:LARGEST]
    yield from _section("size by layer", [_layer(layer, file.bytes) for layer in some])
    if len(some) < len(by_size):
        rest = sum(layer["bytes"] for layer in by_size[LARGEST:])
        yield f"  and {len(by_size) - len(some)} more with {_size(rest)}: see --all"


def layers(file: Description) -> list[dict[str, Any]]:
    """Return the operators that have constants, in the file's order, with the bytes of these.

    Returns:
        For each: subgraph and number, operator, name, dtype, shape and scales of its
        weights, and the bytes and number of all its constants.
    """
    groups: dict[tuple[int, int], list[Constant]] = {}
    for constant in file.constants:
        groups.setdefault(constant.position, []).append(constant)
    return [_group(position, some) for position, some in sorted(groups.items())]


def _group(position: tuple[int, int], constants: list[Constant]) -> dict[str, Any]:
    largest = max(constants, key=lambda constant: (constant.operand == WEIGHTS, constant.bytes))
    return {
        "subgraph": position[0],
        "number": position[1],
        "operator": largest.operator,
        "name": largest.name.partition(";")[0],
        "bytes": sum(constant.bytes for constant in constants),
        "constants": len(constants),
        "dtype": largest.dtype,
        "shape": list(largest.shape),
        "scales": largest.scales,
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InterpreterError(path, "no such file", "expected a .tflite file") from None
    except IsADirectoryError:
        raise InterpreterError(path, "a directory", "expected a .tflite file") from None


def _section(title: str, rows: list[list[str]]) -> Iterator[str]:
    """Iterate over a titled table, its numbers to the right."""
    yield ""
    yield f"{title}:" if rows else f"{title}: none"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def _tensor(tensor: Tensor) -> list[str]:
    return [tensor.name, tensor.dtype, _shape(tensor.shape), _quantized(tensor)]


def _quantized(tensor: Tensor) -> str:
    if tensor.scale is None:
        return ""
    zero = tensor.zero_point or 0
    return f"{tensor.scale:.6g} * (q {'+' if zero < 0 else '-'} {abs(zero)})"


def _layer(layer: dict[str, Any], total: int) -> list[str]:
    scales = {0: "", 1: "per tensor"}.get(layer["scales"], f"{layer['scales']} scales")
    return [
        _size(layer["bytes"]),
        _percent(layer["bytes"], total),
        layer["operator"],
        layer["dtype"],
        _shape(tuple(layer["shape"])),
        scales,
        layer["name"],
    ]


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join("?" if size < 0 else str(size) for size in shape) + "]"


def _size(count: int) -> str:
    return f"{count:,} bytes"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
