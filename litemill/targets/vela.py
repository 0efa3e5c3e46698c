"""Vela, Arm's compiler for Ethos-U NPUs."""

from __future__ import annotations

import configparser
import csv
import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError, InterpreterError, nearest
from litemill.tflite.graph import edges, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litemill.config.schema.target import EthosU
    from litemill.targets.kind import Place

PACKAGE = "ethos-u-vela"
NPU_OPERATOR = "ethos-u"  # the custom operator that stands for all that the NPU runs
KIB = 1024
_PROGRAM = "import sys; from ethosu.vela.vela import main; sys.exit(main(sys.argv[1:]))"
# What Vela prints of an operator that it leaves on the CPU.
_REASONS = re.compile(
    r"operator: (\w+), ofm: '(.*)'\s*\n\s*(?:- )?(?:Reason: )?(.+(?:\n(?![\sW]*Warning|\n).+)*)"
)
SECTIONS = {"system_config": "System_Config.", "memory_mode": "Memory_Mode."}


def is_installed() -> bool:
    """Return whether Vela is here."""
    return util.find_spec("ethosu") is not None


def config_file(name: str, root: Path) -> Path | None:
    """Find a description of systems: a file of the project, or one that comes with Vela."""
    if (root / name).is_file():
        return root / name
    spec = util.find_spec("ethosu")
    for home in (spec.submodule_search_locations or []) if spec else []:
        if (file := Path(home) / "config_files" / name).is_file():
            return file
    return None


def system_errors(target: EthosU, place: Place, root: Path) -> Iterator[ConfigError]:
    """List what is wrong with the choice of a system: no Vela, no file, no such section."""
    if not is_installed():
        expected = "install it with `pip install litemill[micro]`"
        yield ConfigError(place("kind"), f"the package {PACKAGE} is not installed", expected)
        return
    if (file := config_file(target.vela_config, root)) is None:
        expected = "expected a file of the project, or Arm/vela.ini, which comes with Vela"
        yield ConfigError(place("vela_config"), f"no file {target.vela_config!r}", expected)
        return
    parser = configparser.ConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        found = f"{target.vela_config} is no configuration of Vela ({error})"
        yield ConfigError(
            place("vela_config"), found, "expected sections such as System_Config.NAME"
        )
        return
    for option, prefix in SECTIONS.items():
        names = [name.removeprefix(prefix) for name in parser.sections() if name.startswith(prefix)]
        if (name := getattr(target, option)) not in names:
            found = f"no section {prefix}{name} in {target.vela_config}"
            yield ConfigError(place(option), found, nearest(name, names or ["none"]))


@dataclass(frozen=True)
class Compiled:
    """What Vela made of a file.

    Attributes:
        content: the compiled file.
        record: sizes, where operators run and why, and Vela's estimates, as JSON takes it.
    """

    content: bytes
    record: dict[str, Any]


def compile_model(content: bytes, target: EthosU, root: Path, place: object) -> Compiled:
    """Compile a file for an NPU, in a process of its own.

    Args:
        content: the file.
        target: the NPU and its system.
        root: the project, for a description of systems that is its own.
        place: what errors call the file.

    Raises:
        InterpreterError: Vela fails, or leaves everything on the CPU, which it calls a success.
    """
    config = config_file(target.vela_config, root)
    assert config, "configure has found it"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.tflite").write_bytes(content)
        arguments = ["model.tflite", "--output-dir", "out", "--show-cpu-operations"]
        arguments += ["--config", str(config.resolve())]
        arguments += ["--accelerator-config", target.accelerator]
        arguments += ["--system-config", target.system_config]
        arguments += ["--memory-mode", target.memory_mode]
        try:
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM, *arguments],
                cwd=folder, capture_output=True, text=True, check=False,
                timeout=target.timeout_seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            found = f"Vela gave no file within {target.timeout_seconds:g} s"
            raise InterpreterError(place, found) from None
        out = Path(folder) / "out"
        if done.returncode or not (out / "model_vela.tflite").exists():
            raise InterpreterError(place, f"Vela failed ({_last_line(done.stderr or done.stdout)})")
        compiled = (out / "model_vela.tflite").read_bytes()
        [summary] = out.glob("model_summary_*.csv")
        [estimates] = csv.DictReader(summary.read_text(encoding="utf-8").splitlines())
    record = {
        "sha256": hashlib.sha256(compiled).hexdigest(),
        "bytes": len(compiled),
        **_placement(content, compiled, done.stdout + done.stderr),
        **_estimates(estimates),
    }
    if not record["npu_operators"]:
        found = f"nothing runs on the NPU, though Vela reports success: {_reason(record)}"
        raise InterpreterError(place, found, "use integer types throughout and a fixed batch size")
    return Compiled(compiled, record)


def _placement(content: bytes, compiled: bytes, printed: str) -> dict[str, Any]:
    """Count the operators of the file that the compiled file still has, and say why."""
    total, rest = nodes(content), nodes(compiled)
    tensors = edges(compiled)
    # By the output: Vela may name the activation of a fused operator.
    reasons = {layer: " ".join(why.split()) for _, layer, why in _REASONS.findall(printed)}
    on_cpu = []
    for node in rest:
        if node.operator != NPU_OPERATOR:
            layer = tensors[node.outputs[0]].name if node.outputs else ""
            reason = reasons.get(layer) or "Vela gives no reason"
            on_cpu.append(
                {"operator": node.operator, "layer": layer.partition(";")[0], "reason": reason}
            )
    npu = len(total) - len(on_cpu) if len(on_cpu) < len(rest) else 0
    return {
        "operators": len(total),
        "npu_operators": max(0, npu),
        "npu_share": max(0, npu) / len(total),
        "on_cpu": on_cpu,
    }


def _estimates(row: dict[str, str]) -> dict[str, Any]:
    """Return Vela's estimates of time and memory; nothing was measured."""
    kib = {
        "sram_bytes": "sram_memory_used",
        "dram_bytes": "dram_memory_used",
        "off_chip_flash_bytes": "off_chip_flash_memory_used",
        "on_chip_flash_bytes": "on_chip_flash_memory_used",
    }
    return {
        "ms": float(row["inference_time"]) * 1000,
        "cycles": round(float(row["cycles_total"])),
        "macs": round(float(row["nn_macs"])),
        **{name: round(float(row[column]) * KIB) for name, column in kib.items()},
    }


def _reason(record: dict[str, Any]) -> str:
    first = record["on_cpu"][0] if record["on_cpu"] else None
    return f"{first['operator']}: {first['reason']}" if first else "it has no operators"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "without a word"
