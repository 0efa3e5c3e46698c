"""`litemill benchmark`: measure the variants on this machine, into measured/MACHINE.json."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

CONVERT = Path("build/convert")
EVALUATION = Path("build/prepare/evaluation")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those of the program that a release carries are the same."""
    from litemill.benchmark.device_benchmark import add_arguments

    parser.description = (
        "Measure start-up, latency, throughput, peak memory and time by operator of the variants"
        " of the last build, each in processes of its own, on one sample at a time. Exit status:"
        " 0, or 1 where a variant did not run."
    )
    add_arguments(parser)
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR|ARCHIVE",
        help="measure a release instead: build/package, an unpacked one, or its archive",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("measured"),
        metavar="DIR",
        help="folder for the results, on which the report depends (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure and write; return 1 where a variant did not run.

    Raises:
        LitemillError: nothing was built, there is no such variant or release, or the file that the
            results go into is damaged.
    """
    from litemill.benchmark.device_benchmark import measure_files, read_results, write_results

    path = args.output / f"{args.machine}.json"
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="litemill-")))
        cases = _release_cases(args, stack) if args.bundle else _build_cases(args.variant, scratch)
        with _as_litemill_error():
            old = read_results(path)
        results = measure_files(cases, args.threads, args.runs)
    if dropped := write_results(path, results, old):
        print(f"dropped, as measured on another system: {', '.join(dropped)}")
    print(f"{path}: `dvc repro` takes it into the report")
    return int(any(result["error"] for result in results["variants"].values()))


def _release_cases(args: argparse.Namespace, stack: contextlib.ExitStack) -> list[dict[str, Any]]:
    from litemill.benchmark.device_benchmark import read_bundle

    folder = args.bundle
    if folder.is_file():
        from litemill.release.check import open_release

        folder = stack.enter_context(open_release(folder)).folder
    with _as_litemill_error():
        return read_bundle(folder, args.variant)


@contextlib.contextmanager
def _as_litemill_error() -> Iterator[None]:
    """Raise errors of the one-file program, which knows none of Litemill's, as Litemill's."""
    from litemill.benchmark.device_benchmark import BenchmarkError
    from litemill.core.errors import LitemillError

    try:
        yield
    except BenchmarkError as error:
        raise LitemillError(error.place, error.found) from None


def _build_cases(variants: list[str], scratch: Path) -> list[dict[str, Any]]:
    """Take the files of build/convert, whether they passed or not, and a real sample."""
    from litemill.config.parameters import parameters
    from litemill.config.schema.report import Report
    from litemill.core.errors import ConfigError, nearest

    known = parameters(Report, "report").variants
    for name in variants:
        if name not in known:
            raise ConfigError("variant", f"{name!r} is not one of this build", nearest(name, known))
    return [_case(name, scratch / name) for name in variants or known]


def _case(variant: str, scratch: Path) -> dict[str, Any]:
    """Write one sample in the variant's own types, and describe the case."""
    import numpy as np

    from litemill.config.parameters import section
    from litemill.core.errors import InterpreterError, LitemillError
    from litemill.data.samples import read_split
    from litemill.models.reference_outputs import match_samples, read_signature
    from litemill.tflite.flatbuffer import describe
    from litemill.tflite.quantization import quantize

    path = CONVERT / variant / "model.tflite"
    if not path.is_file():
        raise LitemillError(path, "no such file", "run `dvc repro` first")
    signature = read_signature(Path("build/export"), section("convert", variant)["signature"])
    inputs: dict[str, str] = {}
    case = {"variant": variant, "model": str(path), "signature": None, "inputs": inputs}
    try:
        signatures = {entry.key: entry for entry in describe(path.read_bytes(), variant).signatures}
        entry = signatures.get(signature["key"])
        sample = match_samples(read_split(EVALUATION), signature).take([0])
        tensors = dict(entry.inputs) if entry else {}
        stored = {n: quantize(sample.inputs[n], t, place=variant) for n, t in tensors.items()}
    except (InterpreterError, KeyError):
        return case  # damaged, or with inputs of other names: measured on zeros, or reported there
    scratch.mkdir()
    for index, (name, values) in enumerate(stored.items()):
        np.save(scratch / f"{index}.npy", values, allow_pickle=False)
        inputs[name] = str(scratch / f"{index}.npy")
    return {**case, "signature": entry.key if entry else None}
