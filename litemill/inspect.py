"""Say what a .tflite file is: `litemill inspect FILE.tflite [--json]`.

The file is read, not run, so that no file can harm the process.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from stages.errors import InterpreterError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from stages.description import Constant, Description, Tensor

LARGEST = 10  # constants told one by one, unless all are asked for


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, help="a .tflite file")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--all", action="store_true", help="list every constant, not the largest")


def run(args: argparse.Namespace) -> int:
    """Print what the file is; 0, or InterpreterError when it is no model."""
    from stages.flatbuffer import describe
    from stages.readback import kind

    found = describe(_read(args.file), args.file)
    if args.json:
        print(json.dumps({"kind": kind(found), **asdict(found)}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(found, kind(found), args.file.name, every=args.all)))
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
    yield from _section("constants", shares)
    largest = sorted(found.constants, key=lambda one: -one.bytes)[: None if every else LARGEST]
    title = "every constant" if every else "largest constants"
    yield from _section(title, [_constant(one, found.bytes) for one in largest])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InterpreterError(path, "no such file", "expected a .tflite file") from None
    except IsADirectoryError:
        raise InterpreterError(path, "a directory", "expected a .tflite file") from None


def _section(title: str, rows: list[list[str]]) -> Iterator[str]:
    yield ""
    yield f"{title}:" if rows else f"{title}: none"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()


def _tensor(tensor: Tensor) -> list[str]:
    quantized = "" if tensor.scale is None else f"{tensor.scale:.6g} * (q - {tensor.zero_point})"
    return [tensor.name, tensor.dtype, _shape(tensor.shape), quantized]


def _constant(constant: Constant, total: int) -> list[str]:
    scales = {0: "", 1: "per tensor"}.get(constant.scales, f"{constant.scales} channels")
    return [
        _size(constant.bytes),
        _percent(constant.bytes, total),
        constant.dtype,
        _shape(constant.shape),
        scales,
        f"{constant.operator} {constant.name}",
    ]


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join("?" if size < 0 else str(size) for size in shape) + "]"


def _size(count: int) -> str:
    return f"{count:,} bytes"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
