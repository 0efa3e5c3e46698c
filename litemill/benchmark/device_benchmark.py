"""Measure how fast .tflite files are on the machine that this runs on.

    python benchmark.py [VARIANT...] [--threads 1,2] [--runs 500] [--machine NAME]

A program in one file, which a release carries: it needs Python 3.10, numpy and ai-edge-litert, and
nothing else of Litemill. `litemill benchmark` is the same code. It measures the variants of the
release that it lies in, and writes MACHINE.json into the current folder.

Each variant runs in processes of its own, one for each number of threads, with one sample at a
time. It reports start-up (from the file to the first answer), latency of a single call, samples
per second, peak memory above that of the interpreter's library, and time by operator. The last
comes from LiteRT's own profiler, which neither LiteRT's Python interface nor its `litert-benchmark`
exposes: it is called through the C interface of libLiteRt.so. Times are in ms, memory is in KiB.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 500
WARM_UP = 0.2  # seconds, and at least WARM_UP_RUNS
WARM_UP_RUNS = 5
MAX_SECONDS = 20.0  # of measuring, but at least MIN_RUNS runs
MIN_RUNS = 20
TIMEOUT = 900  # seconds until a process counts as stuck
PROFILED_RUNS = 50
PERCENTILES = (50, 90, 99)
OPERATOR = re.compile(  # a line of the profiler's table in the order of execution
    r"^\s*(?P<name>\S.*?)\s+[\d.]+\s+[\d.]+\s+(?P<ms>[\d.]+)\s+(?P<share>[\d.]+)%\s+[\d.]+%"
    r"\s+[\d.]+\s+(?P<calls>\d+)\s+\[?(?P<by>[^\]\s]*)\]?\S*$"
)
Case = dict[str, Any]  # {"variant", "model", "signature", "inputs": {name: .npy file}}
TITLES = ("p50 ms", "p90 ms", "p99 ms", "min ms", "samples/s", "start ms", "peak KiB")


class BenchmarkError(Exception):
    """A file that cannot be used.

    Attributes:
        place: the file.
        found: what is wrong with it, and what to do.
    """

    def __init__(self, place: object, found: str) -> None:
        """Set both."""
        super().__init__(f"{place}: {found}")
        self.place, self.found = place, found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both programs."""
    parser.add_argument("variant", nargs="*", help="variants to measure (default: all)")
    parser.add_argument(
        "--threads",
        type=_threads,
        default=None,
        metavar="N,N",
        help="numbers of threads to measure with (default: 1, and all cores)",
    )
    parser.add_argument(
        "--runs",
        type=_count,
        default=RUNS,
        metavar="N",
        help="calls to time (default: %(default)s)",
    )
    parser.add_argument(
        "--machine",
        type=_name,
        default=machine_name(),
        metavar="NAME",
        help="what to call this machine (default: %(default)s)",
    )


def measure_files(cases: list[Case], threads: list[int] | None, runs: int) -> dict[str, Any]:
    """Measure files, one after the other, and print a line for each.

    Args:
        cases: each a "variant", its "model" file, the "signature" to call (None is the first) and
            "inputs": a file with the array of stored values for each input, of which the first
            sample is taken; zeros where there is none.
        threads: how many threads to measure with; None is 1, and all cores.
        runs: how many calls to time.

    Returns:
        {"machine": its description, "variants": {variant: results, or an "error" in one line}}.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = threads or sorted({1, cores or 1})
    print(f"{'variant':<20}{'threads':>8}" + "".join(f"{t:>10}" for t in TITLES))
    return {
        "machine": machine(),
        "variants": {case["variant"]: _measured(case, threads, runs) for case in cases},
    }


def read_results(path: Path) -> dict[str, Any]:
    """Read the results that `write_results` adds to, before any time goes into measuring.

    Raises:
        BenchmarkError: the file is damaged or something else.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"variants": {}}
    except (OSError, ValueError) as error:
        raise BenchmarkError(path, f"cannot be read ({error}); mend or remove it") from None
    if not isinstance(results, dict) or not isinstance(results.get("variants"), dict):
        raise BenchmarkError(path, "not results of a benchmark; mend or remove it")
    return results


def write_results(path: Path, results: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """Write results as JSON; variants that were not measured now keep theirs.

    Args:
        path: where to.
        results: from `measure_files`.
        old: from `read_results`.

    Returns:
        The variants whose older results were dropped: those of another system or runtime.
    """
    kept = old["variants"] if old.get("machine") == results["machine"] else {}
    whole = {**results, "variants": {**kept, **results["variants"]}}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(whole, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    fresh.replace(path)
    return sorted(set(old["variants"]) - set(whole["variants"]))


def _measured(case: Case, threads: list[int], runs: int) -> dict[str, Any]:
    content = Path(case["model"]).read_bytes()
    file: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    try:
        by_threads = [_run_child(case, threads=count, runs=runs) for count in threads]
    except RuntimeError as error:
        print(f"{case['variant']:<20}  {error}")
        return {**file, "error": str(error)}
    for run in by_threads:
        latency = [run["latency_ms"][key] for key in ("p50", "p90", "p99", "min")]
        numbers = [*latency, run["per_second"], run["startup_ms"], run["peak_kib"]]
        cells = "".join(f"{_format(number):>10}" for number in numbers)
        print(f"{case['variant']:<20}{run['threads']:>8}{cells}", flush=True)
    try:
        operators: dict[str, Any] = {
            "operators": _run_child(case, operators=True),
            "unprofiled": None,
        }
    except RuntimeError as error:
        operators = {"operators": [], "unprofiled": str(error)}
    first = {key: by_threads[0].pop(key) for key in ("batch", "inputs", "call")}
    for run in by_threads[1:]:
        for key in first:
            del run[key]
    return {**file, **first, "kernels": "default", "threads": by_threads, "error": None} | operators


def _run_child(case: Case, **request: Any) -> Any:
    """Run this file on one case in a process of its own.

    Raises:
        RuntimeError: it failed, and why in one line.
    """
    text = json.dumps({**case, **request}, default=str)
    command = [sys.executable, str(Path(__file__).resolve()), "--child", text]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"no answer within {TIMEOUT} s; the run was ended") from None
    if done.returncode < 0:
        raise RuntimeError(f"the process that ran it was ended by signal {-done.returncode}")
    if done.returncode or not done.stdout.strip():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise RuntimeError(lines[-1].strip() if lines else f"status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _timed(request: dict[str, Any]) -> dict[str, Any]:
    """Measure in this process; times of single calls are from before `invoke` to after it."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    arrays = {name: np.load(file, allow_pickle=False) for name, file in request["inputs"].items()}
    before = _memory(reset=True)
    began = time.perf_counter()
    model = Interpreter(model_path=request["model"], num_threads=request["threads"])
    call, batch = _prepared(model, request["signature"], arrays)
    call()
    startup = time.perf_counter() - began
    times = _times(call, request["runs"])
    peak = _memory()
    return {
        "threads": request["threads"],
        **_speed(times, batch),
        "startup_ms": _ms(startup),
        "peak_kib": None if before is None or peak is None else peak - before,
        "batch": batch,
        "inputs": "samples" if arrays else "zeros",
        "call": "invoke" if len(model.get_signature_list()) < 2 else "signature",  # noqa: PLR2004
    }


def _prepared(
    model: Any, signature: str | None, arrays: dict[str, Any]
) -> tuple[Callable[[], Any], int]:
    """Set the inputs of the model; return what to call, and how many samples a call has.

    `invoke` runs the first signature; another one is called by its runner, which copies inputs and
    outputs besides.
    """
    import numpy as np

    keys = list(model.get_signature_list())
    details = (
        model.get_signature_runner(signature or keys[0]).get_input_details()
        if keys
        else {tensor["name"]: tensor for tensor in model.get_input_details()}
    )
    values = {}
    for name, tensor in details.items():
        shape = [1 if size < 1 else int(size) for size in tensor["shape_signature"]]
        array = arrays.get(name)
        if array is None:
            values[name] = np.zeros(shape, tensor["dtype"])
        else:
            batch = max(shape[0], 1) if shape else 1
            values[name] = np.repeat(array[:1], batch, axis=0).astype(tensor["dtype"])
    batch = next((len(array) for array in values.values() if array.ndim), 1)
    if len(keys) > 1:
        runner = model.get_signature_runner(signature or keys[0])
        return (lambda: runner(**values)), batch
    for name, tensor in details.items():
        model.resize_tensor_input(tensor["index"], values[name].shape)
    model.allocate_tensors()
    for name, tensor in details.items():
        model.set_tensor(tensor["index"], values[name])
    return model.invoke, batch


def _times(call: Callable[[], Any], runs: int) -> list[float]:
    began, warm = time.perf_counter(), 0
    while warm < WARM_UP_RUNS or time.perf_counter() - began < WARM_UP:
        call()
        warm += 1
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < runs:
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        times.append(end - start)
        if end - began > MAX_SECONDS and len(times) >= MIN_RUNS:
            break
    return times


def _speed(times: list[float], batch: int) -> dict[str, Any]:
    """Summarise calls of so many samples each: seconds in, milliseconds out."""
    import numpy as np

    quantiles = zip(PERCENTILES, np.percentile(times, PERCENTILES), strict=True)
    return {
        "runs": len(times),
        "latency_ms": {**{f"p{p}": _ms(t) for p, t in quantiles}, "min": _ms(min(times))},
        "per_second": _short(len(times) * batch / sum(times)),
    }


def _memory(*, reset: bool = False) -> int | None:
    """Return the peak resident memory in KiB, counted from now on when `reset`; Linux only."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # see proc(5)
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else None


def _operators(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Profile the time of each operator over a number of calls.

    LiteRT's clock counts microseconds, so that operators of less come out as 0 or 1.
    """
    import ai_edge_litert

    library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).with_name("libLiteRt.so")))
    text = _Profiler(library, Path(request["model"]).read_bytes()).summary(PROFILED_RUNS)
    table = text.partition("Run Order")[2].partition("Top by Computation Time")[0]
    rows = [line.groupdict() for line in map(OPERATOR.match, table.splitlines()) if line]
    if not rows:
        raise RuntimeError("LiteRT's profiler reported no operators")
    return [
        {
            "name": row["name"].removeprefix("Delegate/"),
            "by": "XNNPACK" if row["name"].startswith("Delegate/") else "LiteRT",
            "ms": float(row["ms"]),
            "share": _short(float(row["share"]) / 100),
        }
        for row in rows
    ]


class _Tensor(ctypes.Structure):
    """`LiteRtRankedTensorType` of litert/c/litert_model_types.h."""

    _fields_ = (
        ("element", ctypes.c_int),
        ("packed", ctypes.c_uint),  # rank in 7 bits, whether there are strides in one
        ("sizes", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    )


class _Profiler:
    """A model compiled with LiteRT's profiler on, by its C interface (litert/c/*.h, LiteRT 2).

    Nothing is freed: the process ends after it.
    """

    def __init__(self, library: ctypes.CDLL, content: bytes) -> None:
        self.library = library
        self.held: list[Any] = []  # what the library points at for as long as it runs
        self.environment = self._made("LiteRtCreateEnvironment", ctypes.c_int(0), None)
        data = self._text(content), _size(len(content))
        self.model = self._made("LiteRtCreateModelFromBuffer", self.environment, *data)
        compile_ = "LiteRtCreateCompiledModel", self.environment, self.model
        self.compiled = self._made(*compile_, self._options())
        self.signature = self._made("LiteRtGetModelSignature", self.model, _size(0))
        inputs, outputs = self._tensors("Input"), self._tensors("Output")
        self._resize(inputs, len(outputs))
        self.buffers = [self._buffers("Input", inputs), self._buffers("Output", outputs)]

    def summary(self, runs: int) -> str:
        """Run some times and return the profiler's tables."""
        for _ in range(WARM_UP_RUNS):
            self._run()
        profiler = self._made("LiteRtCompiledModelGetProfiler", self.compiled)
        self._do("LiteRtStartProfiler", profiler)
        for _ in range(runs):
            self._run()
        self._do("LiteRtStopProfiler", profiler)
        text = self._made("LiteRtGetProfileSummary", profiler, self.compiled)
        return ctypes.string_at(text).decode("utf-8", "replace")

    def _options(self) -> ctypes.c_void_p:
        """Choose the processor, with the profiler on."""
        options = self._made("LiteRtCreateOptions")
        self._do("LiteRtSetOptionsHardwareAccelerators", options, ctypes.c_int(1))  # processor
        text = self._text(b"enable_profiling = true\n\0")
        free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
        self.held.append(free)
        name = b"runtime_options_string"
        profiling = self._made(
            "LiteRtCreateOpaqueOptions", name, ctypes.cast(text, ctypes.c_void_p), free
        )
        self._do("LiteRtAddOpaqueOptions", options, profiling)
        return options

    def _resize(self, inputs: list[_Tensor], outputs: int) -> None:
        """Make the inputs of one sample, and have the layouts of the outputs follow."""
        for index, tensor in enumerate(inputs):
            rank, at = tensor.packed & 0x7F, (_size(0), _size(index))
            sizes = (ctypes.c_int * rank)(*tensor.sizes[:rank])
            self._do("LiteRtCompiledModelResizeInputTensor", self.compiled, *at, sizes, _size(rank))
        layouts = (_Tensor * outputs)()  # larger than the layouts that are written there
        arguments = (self.compiled, _size(0), _size(outputs), layouts, ctypes.c_bool(True))  # noqa: FBT003
        self._do("LiteRtGetCompiledModelOutputTensorLayouts", *arguments)

    def _text(self, content: bytes) -> Any:
        self.held.append(ctypes.create_string_buffer(content, len(content)))
        return self.held[-1]

    def _run(self) -> None:
        buffers = [part for each in self.buffers for part in (_size(len(each)), each)]
        self._do("LiteRtRunCompiledModel", self.compiled, _size(0), *buffers)

    def _tensors(self, kind: str) -> list[_Tensor]:
        count = ctypes.c_size_t()
        self._do(f"LiteRtGetNumSignature{kind}s", self.signature, ctypes.byref(count))
        structures = []
        for index in range(count.value):
            get = f"LiteRtGetSignature{kind}TensorByIndex"
            tensor, handle = _Tensor(), self._made(get, self.signature, _size(index))
            self._do("LiteRtGetRankedTensorType", handle, ctypes.byref(tensor))
            tensor.sizes[:] = [max(size, 1) for size in tensor.sizes]
            structures.append(tensor)
        return structures

    def _buffers(self, kind: str, tensors: list[_Tensor]) -> Any:
        handles = []
        for index, tensor in enumerate(tensors):
            get, at = f"LiteRtGetCompiledModel{kind}BufferRequirements", (_size(0), _size(index))
            wanted = self._made(get, self.compiled, *at)
            make = "LiteRtCreateManagedTensorBufferFromRequirements"
            handles.append(self._made(make, self.environment, ctypes.byref(tensor), wanted).value)
        return (ctypes.c_void_p * len(handles))(*handles)

    def _made(self, function: str, *arguments: Any) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._do(function, *arguments, ctypes.byref(handle))
        return handle

    def _do(self, function: str, *arguments: Any) -> None:
        if status := getattr(self.library, function)(*arguments):
            raise RuntimeError(f"LiteRT's profiler: {function} returned status {status}")


_size = ctypes.c_size_t


def machine() -> dict[str, Any]:
    """Describe this machine: what a latency depends on, and nothing that names its owner."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        litert: str | None = version("ai-edge-litert")
    except PackageNotFoundError:
        litert = None
    memory = re.search(r"^MemTotal:\s+(\d+)", _text("/proc/meminfo"), re.MULTILINE)
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": int(memory[1]) // 1024 if memory else None,
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "litert": litert,
    }


def machine_name() -> str:
    """Make a name for files from the board's or the processor's own."""
    return re.sub(r"[^a-z0-9]+", "-", _processor().lower()).strip("-") or "machine"


def _processor() -> str:
    board = _text("/proc/device-tree/model").strip("\0")
    named = re.search(r"^model name\s*:\s*(.+)$", _text("/proc/cpuinfo"), re.MULTILINE)
    return board or (named[1].strip() if named else platform.processor() or platform.machine())


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _ms(seconds: float) -> float:
    return _short(float(seconds) * 1000)


def _format(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"  # noqa: PLR2004  # no exponents


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return int(text)


def _threads(text: str) -> list[int]:
    counts = text.split(",")
    if not all(count.isdecimal() and int(count) for count in counts):
        raise argparse.ArgumentTypeError(f"{text!r}: expected numbers above 0, such as 1,2")
    return list(dict.fromkeys(map(int, counts)))


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text) or text.startswith("."):
        message = f"{text!r}: expected letters, digits, dots and dashes, as of a file's name"
        raise argparse.ArgumentTypeError(message)
    return text


def read_bundle(folder: Path, variants: list[str]) -> list[Case]:
    """Read the variants of an unpacked release, with its golden inputs.

    Raises:
        BenchmarkError: no release, no such variant, or another file than the manifest's.
    """
    try:
        known = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["variants"]
        golden = json.loads((folder / "golden" / "golden.json").read_text(encoding="utf-8"))
    except (OSError, KeyError, ValueError) as error:
        raise BenchmarkError(folder, f"not an unpacked release ({error})") from None
    for name in variants:
        if name not in known:
            raise BenchmarkError(name, f"no such variant; expected one of: {', '.join(known)}")
    for name in known:
        content = (folder / known[name]["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != known[name]["sha256"]:
            raise BenchmarkError(known[name]["file"], "not the file that manifest.json describes")
    return [
        {
            "variant": name,
            "model": str(folder / known[name]["file"]),
            "signature": known[name]["signature"],
            "inputs": {
                key: str(folder / "golden" / array["file"])
                for key, array in golden["variants"][name]["inputs"].items()
            },
        }
        for name in variants or known
    ]


def _child(request: dict[str, Any]) -> None:
    try:
        result = _operators(request) if request.get("operators") else _timed(request)
    except Exception as error:  # noqa: BLE001  # a file of any kind; the parent reports it
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr, flush=True)
        os._exit(1)
    print(json.dumps(result), flush=True)
    os._exit(0)  # what LiteRT holds goes with the process, in no order


def main() -> int:
    """Measure the release that this file lies in; return 1 where a variant did not run."""
    if sys.argv[1:2] == ["--child"]:
        _child(json.loads(sys.argv[2]))
    parser = argparse.ArgumentParser(description="Measure the variants of this release.")
    add_arguments(parser)
    args = parser.parse_args()
    path = Path(f"{args.machine}.json")
    try:
        cases, old = read_bundle(Path(__file__).resolve().parent, args.variant), read_results(path)
    except (BenchmarkError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    results = measure_files(cases, args.threads, args.runs)
    if dropped := write_results(path, results, old):
        print(f"dropped, as measured on another system: {', '.join(dropped)}")
    print(f"{path}: copy it to measured/ of the project to see it in the report")
    return int(any(result["error"] for result in results["variants"].values()))


if __name__ == "__main__":
    sys.exit(main())
