"""Is a file what a model became? `litemill audit SOURCE FILE.tflite --samples FILE`.

Exit status: 0 faithful, 1 not faithful, 2 could not tell.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from litemill.audit.audit_result import AuditResult

KINDS = ("float32", "dynamic_range", "float16", "int8", "int16x8")
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
        choices=KINDS,
        help="what the file is said to be; by default it is judged as what it is",
    )
    parser.add_argument(
        "--signature", metavar="KEY", help="which signature of a SavedModel and of the file"
    )
    parser.add_argument(
        "--custom_objects",
        "--custom-objects",
        default="",
        metavar="MODULES",
        help="modules whose layers a Keras file needs, separated by commas",
    )
    parser.add_argument(
        "--allow_lambda",
        "--allow-lambda",
        action="store_true",
        help="load Lambda layers, which are code inside of the file: it runs with your rights",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=60,
        help="how long a run of the file may take (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the verdict and what it rests on; give it as the exit status."""
    from litemill.audit.audit import audit
    from litemill.audit.audit_result import Verdict
    from litemill.audit.source_candidate import SourceRequest
    from litemill.config.schema.train import Model
    from litemill.config.schema.variant import Optimization
    from litemill.core.errors import error_line

    claims = {"float32": "none"}
    claimed = Optimization[claims.get(args.claimed, args.claimed)] if args.claimed else None
    model = Model(
        file=str(args.source),
        custom_objects=_words(args.custom_objects),
        allow_lambda=args.allow_lambda,
    )
    wanted = SourceRequest(model, str(args.samples), args.signature)
    try:
        found = audit(wanted, args.file, claimed=claimed, seconds=args.seconds)
        if args.json:
            print(json.dumps(as_json(found), indent=2, ensure_ascii=False), flush=True)
        else:
            # What could not be told is a failure, and no result for a pipe.
            told = sys.stderr if found.verdict is Verdict.could_not_tell else sys.stdout
            print("\n".join(lines(found)), file=told, flush=True)
    except OSError as error:
        # What cannot be told must not pass for a verdict.
        print(error_line(error), file=sys.stderr)
        return Verdict.could_not_tell.value
    return found.verdict.value


def as_json(found: AuditResult) -> dict[str, Any]:
    """Give all that was found as JSON takes it."""
    weights = found.weights
    return {
        "verdict": found.verdict.name,
        "source": found.source,
        "file": found.file,
        "kind": found.kind,
        "claimed": found.claimed,
        "faults": found.faults,
        "doubts": found.doubts,
        "notes": found.notes,
        "samples": found.samples,
        "inputs": _matched(found.inputs),
        "outputs": {
            name: one | _rounded(found.measures.get(name, {}))
            for name, one in _matched(found.outputs).items()
        },
        "expected": vars(found.least) if found.least else None,
        "weights": None
        if weights is None
        else {
            "compared": [
                _rounded(vars(one)) | {"state": one.state.value, "shape": list(one.shape)}
                for one in weights.compared
            ],
            "only_source": list(weights.only_source),
            "only_file": list(weights.only_file),
        },
    }


def lines(found: AuditResult) -> Iterator[str]:
    """Give the readable form: the verdict, why, and the tables that it rests on."""
    what = f"{found.file} ({found.kind})" if found.kind else found.file
    reasons = found.faults or found.doubts
    why = f": {reasons[0]}" if len(reasons) == 1 else ""
    yield SENTENCES[found.verdict.name].format(file=what, source=found.source) + why
    if len(reasons) > 1:
        yield from (f"  {reason}" for reason in reasons)
    if found.faults:
        yield from (f"  could not tell: {doubt}" for doubt in found.doubts)
    yield from (f"  note: {note}" for note in found.notes)
    if found.measures:
        yield from _table(f"outputs on {found.samples} samples", list(_outputs(found)))
    if found.weights and found.weights.compared:
        yield from _weights(found)


def _outputs(found: AuditResult) -> Iterator[list[str]]:
    assert found.outputs is not None
    yield ["output", "in the file", "SNR", "least", "max. error", "mean error", "cosine", "top-1"]
    for name, one in found.measures.items():
        assert found.least is not None
        snr, same = one["snr_db"], one["top1_agreement"]
        exact = one["max_abs_error"] == 0
        yield [
            name,
            f"{found.outputs.names[name]} (by {found.outputs.how[name]})",
            "exact" if exact else _number(snr, ".1f", " dB"),
            f"{found.least.snr_db:g} dB",
            _number(one["max_abs_error"], ".3g"),
            _number(one["mean_abs_error"], ".3g"),
            _number(one["cosine_similarity"], ".6f"),
            _number(same, ".1%"),
        ]


def _weights(found: AuditResult) -> Iterator[str]:
    assert found.weights is not None
    compared, parted = found.weights.compared, found.weights.apart()
    counts: dict[str, int] = {}
    for one in compared:
        counts[one.state.value] = counts.get(one.state.value, 0) + 1
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    rows = [
        [
            one.layer,
            one.part,
            f"{one.dtype} {list(one.shape)}",
            f"off by up to {_number(one.max_difference, '.3g')}",
            f"({_number(one.relative_difference, '.2%')} of the largest)",
            f"correlation {_number(one.correlation, '.4f')}",
        ]
        for one in parted
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
