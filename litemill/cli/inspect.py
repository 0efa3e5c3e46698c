"""Say what a .tflite file is: `litemill inspect FILE.tflite [--json]`.

The file is read, not run, so that no file can harm the process.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import InterpreterError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from litemill.tflite.description import Constant, Description, Tensor

WEIGHTS = 1  # which input of most operators their weights are
LARGEST = 10  # layers told one by one, unless all are asked for


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, help="a .tflite file")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--all", action="store_true", help="list every layer, not the largest only")


def run(args: argparse.Namespace) -> int:
    """Print what the file is; 0, or InterpreterError when it is no model."""
    from litemill.conversion.verification import arithmetic_of
    from litemill.tflite.flatbuffer import describe

    found = describe(_read(args.file), args.file)
    if args.json:
        told = {"kind": arithmetic_of(found), **asdict(found), "layers": layers(found)}
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(found, arithmetic_of(found), args.file.name, every=args.all)))
    return 0


def lines(found: Description, kind: str, name: str, *, every: bool = False) -> Iterator[str]:
    """Give the readable form, line by line."""
    yield f"{name}: {kind}, {_size(found.bytes)}"
    yield f"  minimum runtime  {found.min_runtime_version or 'not told'}"
    yield f"  description      {found.description or 'none'}"
    yield from _section("inputs", [_tensor(one) for one in found.inputs])
    yield from _section("outputs", [_tensor(one) for one in found.outputs])
    signatures = [
        [one.key, f"{', '.join(one.inputs)} -> {', '.join(one.outputs)}"]
        for one in found.signatures
    ]
    yield from _section("signatures", signatures)
    operators = [[f"{one.count} x", one.name, one.types] for one in found.operators]
    yield from _section("operators (constants in parentheses)", operators)
    shares = [
        [dtype, f"{one.elements:,} values", _size(one.bytes), _percent(one.bytes, found.bytes)]
        for dtype, one in found.weights.items()
    ]
    rest = found.bytes - sum(one.bytes for one in found.weights.values())
    shares.append(["the rest", "", _size(rest), _percent(rest, found.bytes)])
    yield from _section("where the bytes are (constants by type)", shares)
    by_size = sorted(layers(found), key=lambda one: -one["bytes"])
    some = by_size if every else by_size[:LARGEST]
    yield from _section("size by layer", [_layer(one, found.bytes) for one in some])
    if len(some) < len(by_size):
        rest = sum(one["bytes"] for one in by_size[LARGEST:])
        yield f"  and {len(by_size) - len(some)} more with {_size(rest)}: see --all"


def layers(found: Description) -> list[dict[str, Any]]:
    """Give the operators that have constants, in the file's order, with the bytes of these.

    Returns:
        For each: subgraph and number, operator, name, dtype, shape and scales of its
        weights, and the bytes and number of all its constants.
    """
    groups: dict[tuple[int, int], list[Constant]] = {}
    for constant in found.constants:
        groups.setdefault(constant.position, []).append(constant)
    return [_group(position, some) for position, some in sorted(groups.items())]


def _group(position: tuple[int, int], constants: list[Constant]) -> dict[str, Any]:
    largest = max(constants, key=lambda one: (one.operand == WEIGHTS, one.bytes))
    return {
        "subgraph": position[0],
        "number": position[1],
        "operator": largest.operator,
        "name": largest.name.partition(";")[0],
        "bytes": sum(one.bytes for one in constants),
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
    """Give a titled table, its numbers to the right."""
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
