"""Compare a file with its source model: `litemill audit SOURCE FILE.tflite --samples FILE`.

Exit status: 0 faithful, 1 not faithful, 2 could not tell.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from litemill.audit.audit_result import AuditResult
    from litemill.core.errors import LitemillError

CLAIMS = ("float32", "dynamic_range", "float16", "int8", "int16x8")
DIGITS = 6
SENTENCES = {
    "faithful": "faithful: {file} is a conversion of {source}",
    "not_faithful": "not faithful: {file} is no conversion of {source}",
    "could_not_tell": "could not tell whether {file} is a conversion of {source}",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "Exit status: 0 faithful, 1 not faithful, 2 could not tell."
    parser.add_argument("source", type=Path, help="a .keras or .h5 file, or a SavedModel folder")
    parser.add_argument("file", type=Path, help="the .tflite file")
    parser.add_argument(
        "--samples",
        type=Path,
        required=True,
        metavar="FILE",
        help="real inputs: .npz with an array for each input, or .npy",
    )
    parser.add_argument(
        "--as",
        dest="claimed",
        choices=CLAIMS,
        help="what the file is claimed to be; by default nothing",
    )
    parser.add_argument(
        "--signature", metavar="KEY", help="which signature of a SavedModel and of the file"
    )
    parser.add_argument(
        "--custom_objects",
        "--custom-objects",
        default="",
        metavar="MODULES",
        help="modules of the Keras file's layers, separated by commas",
    )
    parser.add_argument(
        "--allow_lambda",
        "--allow-lambda",
        action="store_true",
        help="load Lambda layers, which are code inside of the file: it runs with your rights",
    )
    parser.add_argument(
        "--allow_operators",
        "--allow-operators",
        default="",
        metavar="NAMES",
        help="operators of a SavedModel that may touch files, the network or Python, by commas",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=60,
        help="time limit of a run of the file (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the verdict and its evidence; return it as the exit status."""
    from litemill.audit.audit import audit
    from litemill.audit.audit_result import Verdict
    from litemill.audit.source_candidate import SourceRequest
    from litemill.config.schema.train import Model
    from litemill.config.schema.variant import Optimization
    from litemill.core.errors import error_line

    optimizations = {"float32": "none"}
    claimed = Optimization[optimizations.get(args.claimed, args.claimed)] if args.claimed else None
    model = Model(
        file=str(args.source),
        custom_objects=_words(args.custom_objects),
        allow_lambda=args.allow_lambda,
        allow_operators=_words(args.allow_operators),
    )
    request = SourceRequest(model, str(args.samples), args.signature)
    try:
        result = audit(request, args.file, claimed=claimed, seconds=args.seconds)
        if args.json:
            print(json.dumps(as_json(result), indent=2, ensure_ascii=False), flush=True)
        else:
            # What could not be told is a failure, and no result for a pipe.
            stream = sys.stderr if result.verdict is Verdict.could_not_tell else sys.stdout
            print("\n".join(lines(result)), file=stream, flush=True)
    except OSError as error:
        # A full disk must not pass for a verdict.
        print(error_line(error), file=sys.stderr)
        return Verdict.could_not_tell.value
    return result.verdict.value


def as_json(result: AuditResult) -> dict[str, Any]:
    """Return the whole result as JSON takes it."""
    weights = result.weights
    return {
        "verdict": result.verdict.name,
        "source": result.source,
        "file": result.file,
        "kind": result.kind,
        "claimed": result.claimed,
        "faults": [_reason(fault, result) for fault in result.faults],
        "doubts": [_reason(doubt, result) for doubt in result.doubts],
        "notes": result.notes,
        "samples": result.samples,
        "inputs": _matched(result.inputs),
        "outputs": {
            name: matched | _rounded(result.measures.get(name, {}))
            for name, matched in _matched(result.outputs).items()
        },
        "expected": vars(result.limits) if result.limits else None,
        "weights": None
        if weights is None
        else {
            "compared": [
                _rounded(vars(tensor)) | {"state": tensor.state.value, "shape": list(tensor.shape)}
                for tensor in weights.compared
            ],
            "only_source": list(weights.only_source),
            "only_file": list(weights.only_file),
        },
    }


def lines(result: AuditResult) -> Iterator[str]:
    """Iterate over the readable form: the verdict, why, and the tables with its evidence."""
    file = f"{result.file} ({result.kind})" if result.kind else result.file
    reasons = [_reason(error, result) for error in result.faults or result.doubts]
    why = f": {reasons[0]}" if len(reasons) == 1 else ""
    yield SENTENCES[result.verdict.name].format(file=file, source=result.source) + why
    if len(reasons) > 1:
        yield from (f"  {reason}" for reason in reasons)
    if result.faults:
        yield from (f"  could not tell: {_reason(doubt, result)}" for doubt in result.doubts)
    yield from (f"  note: {note}" for note in result.notes)
    if result.measures:
        yield from _table(f"outputs on {result.samples} samples", list(_outputs(result)))
    if result.weights and result.weights.compared:
        yield from _weights(result)


def _reason(error: LitemillError, result: AuditResult) -> str:
    """Return an error's line, without its place where that is the file, which the verdict names."""
    if error.place != result.file:
        return str(error)
    return f"{error.found}; {error.expected}" if error.expected else error.found


def _outputs(result: AuditResult) -> Iterator[list[str]]:
    assert result.outputs is not None
    assert result.limits is not None
    yield ["output", "in the file", "SNR", "min.", "max. error", "mean error", "cosine", "top-1"]
    for name, measured in result.measures.items():
        exact = measured["max_abs_error"] == 0
        yield [
            name,
            f"{result.outputs.names[name]} (by {result.outputs.how[name]})",
            "exact" if exact else _number(measured["snr_db"], ".1f", " dB"),
            f"{result.limits.snr_db:g} dB",
            _number(measured["max_abs_error"], ".3g"),
            _number(measured["mean_abs_error"], ".3g"),
            _number(measured["cosine_similarity"], ".6f"),
            _number(measured["top1_agreement"], ".1%"),
        ]


def _weights(result: AuditResult) -> Iterator[str]:
    assert result.weights is not None
    counts = Counter(tensor.state.value for tensor in result.weights.compared)
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    rows = [
        [
            tensor.layer,
            tensor.part,
            f"{tensor.dtype} {list(tensor.shape)}",
            f"max. difference {_number(tensor.max_difference, '.3g')}",
            f"({_number(tensor.relative_difference, '.2%')} of the largest)",
            f"correlation {_number(tensor.correlation, '.4f')}",
        ]
        for tensor in result.weights.differing()
    ]
    yield from _table(f"weights and biases: {summary}", rows)


def _table(title: str, rows: list[list[str]]) -> Iterator[str]:
    yield ""
    yield f"{title}:" if rows else title
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _matched(side: Any) -> dict[str, dict[str, Any]]:
    if side is None:
        return {}
    return {name: {"file": side.names[name], "matched_by": side.how[name]} for name in side.names}


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for key, value in values.items()
    }
