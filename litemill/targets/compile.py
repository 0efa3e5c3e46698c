"""Compile the variants that run on an NPU: one stage for all, so that no list is kept twice."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import as_dataclass, section
from litemill.config.schema.target import EthosU
from litemill.config.toolchain import version_mismatches
from litemill.core.errors import DataError, ErrorGroup, InterpreterError
from litemill.core.files import atomic_replace, keep_only, read_json, write_json
from litemill.targets.compile_record import RECORD
from litemill.targets.vela import compile_model

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPILED = "model.tflite"


def run(*, converted: Path, measurements: Path, out: Path) -> None:
    """Compile the variants of build/params.json that have a target with a compiler.

    Args:
        converted: the folder of the converted files, by variant.
        measurements: what the stage validate wrote, which names the digest of each file.
        out: the folder to write: VARIANT/model.tflite, where compiling succeeded, and
            VARIANT/record.json, with the error where it did not.

    Raises:
        ErrorGroup: the compiler is not the one that requirements.lock pins.
        DataError: a file is not the one that was measured.
    """
    keep_only(measurements, {f"{name}.json" for name in section("report", "variants")})
    targets: Mapping[str, Any] = section("compile")
    pins = {name: pin for target in targets.values() for name, pin in target["versions"].items()}
    if wrong := version_mismatches(pins):
        raise ErrorGroup(wrong)
    with atomic_replace(out) as fresh:
        fresh.mkdir(parents=True)
        write_json(fresh / "targets.json", {name: t["name"] for name, t in targets.items()})
        for name, target in targets.items():
            content = (converted / name / COMPILED).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if digest != read_json(measurements / f"{name}.json")["sha256"]:
                path = converted / name / COMPILED
                raise DataError(path, "not the file that was measured", "run `dvc repro`")
            _compile(name, content, target, fresh / name)


def _compile(name: str, content: bytes, target: dict[str, Any], out: Path) -> None:
    out.mkdir()
    options = as_dataclass(EthosU, target["options"])
    record: dict[str, Any] = {"target": target["name"], "error": None}
    record["source_sha256"] = hashlib.sha256(content).hexdigest()
    try:
        compiled = compile_model(content, options, Path.cwd(), name)
    except InterpreterError as error:
        record["error"] = str(error)
        print(error, file=sys.stderr)
    else:
        record |= compiled.record
        (out / COMPILED).write_bytes(compiled.content)
    write_json(out / RECORD, record)
