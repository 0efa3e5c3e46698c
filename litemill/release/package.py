"""Collect the release: variants, manifest, evidence: `package`.

    python -m stages package

Reads what the stages before it wrote, writes build/package/. Nothing in it depends on the time,
the commit or the machine. Only variants that the report passed go in.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.benchmark import device_benchmark
from litemill.config.parameters import PARAMS, parameters, section
from litemill.config.schema.package import Release
from litemill.core.errors import DataError, GateError, LitemillError
from litemill.core.files import (
    atomic_replace,
    read_json,
    sha256,
    tree_files,
    tree_sha256,
    write_json,
    write_text,
)
from litemill.core.version import VERSION
from litemill.data.samples import Samples, read_split
from litemill.models.reference_outputs import match_samples, read_signature
from litemill.release.bundle_readme import bundle_readme
from litemill.release.c_source import header, integer, source, symbol
from litemill.release.golden import Golden, golden
from litemill.release.model_card import model_card

if TYPE_CHECKING:
    from collections.abc import Iterable

BUILD = Path("build")
OUT = BUILD / "package"
METRICS = ("metric", "source_metric", "drop", "agreement", "snr_db", "max_abs_error", "outputs")


@dataclass(frozen=True)
class Sources:
    """Where the release comes from; relative names below `build` go into the manifest."""

    build: Path
    params: Path

    def digests(self) -> dict[str, str]:
        """Give the SHA-256 of the source model: as `train` left it, and as a SavedModel."""
        # Of an imported model that no Keras 3 has, model.keras is a line that says so.
        keras = zipfile.is_zipfile(self.build / "train/model.keras")
        names = ("train/model.keras" if keras else "train/imported", "export/saved_model")
        return {name: tree_sha256(self.build / name) for name in names}

    def signature(self, variant: str) -> dict[str, Any]:
        """Read the signature of the source model that a variant has."""
        asked = section("convert", variant, path=self.params)["signature"]
        return read_signature(self.build / "export", asked)

    def training(self) -> Any:
        """Read the metrics of the training."""
        path = self.build / "train" / "metrics.json"
        return read_json(path) if path.exists() else {}

    def portability(self) -> Any:
        """Read where the same training gives the same weights."""
        return read_json(self.build / "train" / "portability.json")

    def model(self, variant: str) -> Path:
        """Give the path of a variant's file."""
        return self.build / "convert" / variant / "model.tflite"


def write_package(
    report: dict[str, Any], sources: Sources, release: Release, toolchain: Any, out: Path
) -> None:
    """Write the bundle into a fresh directory, which replaces `out` as a whole.

    Args:
        report: what `report` wrote; variants that it failed stay out.
        sources: where the artifacts are.
        release: what the release says of itself.
        toolchain: versions of the packages that it was built with.
        out: where to.

    Raises:
        GateError: no variant passed.
        LitemillError: an artifact is missing, or is not the one that was judged.
    """
    passed = [row for row in report["variants"] if row["passed"]]
    if not passed:
        raise GateError("package", "no variant passed", "see build/report/report.md")
    samples = _golden_samples(sources.build / "prepare" / "evaluation", release.golden_samples)
    with atomic_replace(out) as fresh:
        (fresh / "variants").mkdir(parents=True)
        manifest: dict[str, Any] = {
            "release": {**dataclasses.asdict(release), "title": report["title"]},
            "litemill": VERSION,
            "metric": report["metric"],
            "data": read_json(sources.build / "prepare" / "data.json"),
            "source": sources.digests(),
            "training": sources.portability(),
            "toolchain": toolchain,
            "variants": {},
        }
        told = {}
        for row in passed:
            made = _variant(row, sources, samples, fresh)
            manifest["variants"][row["variant"]] = _entry(row, made)
            told[row["variant"]] = _write_golden(made, fresh / "golden" / row["variant"])
            _write_c(release.name, row["variant"], made, fresh)
        golden_json = {"split": "evaluation", "samples": len(samples), "variants": told}
        write_json(fresh / "golden" / "golden.json", golden_json)
        shutil.copyfile(sources.params, fresh / "params.yaml")
        if samples.classes:
            write_text(fresh / "labels.txt", _labels(samples.classes))
        # The program that measures them on a device is Litemill's own module.
        shutil.copyfile(Path(device_benchmark.__file__), fresh / "benchmark.py")
        told_card = model_card(manifest, section(path=sources.params), sources.training())
        write_text(fresh / "MODEL_CARD.md", told_card)
        write_text(fresh / "README.md", bundle_readme(manifest, len(samples)))
        manifest["files"] = {name: sha256(fresh / name) for name in tree_files(fresh)}
        write_json(fresh / "manifest.json", manifest)


def _golden_samples(split: Path, count: int) -> Samples:
    """Take the first samples of the evaluation split, whose order prepare has drawn and fixed."""
    samples = read_split(split)
    return samples.take(range(min(count, len(samples))))


def _variant(row: dict[str, Any], sources: Sources, samples: Samples, fresh: Path) -> Golden:
    path = sources.model(row["variant"])
    if not path.is_file():
        raise LitemillError(path, "no such file", "run `dvc repro` first")
    if sha256(path) != row["sha256"]:
        raise LitemillError(path, "not the file that was judged", "run `dvc repro`")
    shutil.copyfile(path, fresh / "variants" / f"{row['variant']}.tflite")
    ranges = {
        name: tuple(output["reference_range"])
        for name, output in row["outputs"].items()
        if output.get("reference_range") and None not in output["reference_range"]
    }
    signature = sources.signature(row["variant"])
    given = match_samples(samples, signature)
    key = str(signature["key"])
    return golden(path.read_bytes(), given, ranges, signature=key, place=path)


def _entry(row: dict[str, Any], made: Golden) -> dict[str, Any]:
    found = dataclasses.asdict(made.model.description)
    return {
        "file": f"variants/{row['variant']}.tflite",
        "sha256": row["sha256"],
        "bytes": row["bytes"],
        "signature": made.model.signature,
        "inputs": _described(made.model.inputs),
        "outputs": _described(made.model.outputs),
        **{key: found[key] for key in ("operators", "weights", "min_runtime_version")},
        "metrics": {key: row[key] for key in METRICS},
        "checks": row["checks"],
    }


def _described(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: dataclasses.asdict(tensor) for name, tensor in tensors.items()}


def _write_golden(made: Golden, folder: Path) -> dict[str, Any]:
    """Write the arrays of a variant and tell what they are."""
    told: dict[str, Any] = {"kernels": made.kernels, "inputs": {}, "outputs": {}}
    for part, arrays, tensors in (
        ("inputs", made.inputs, made.model.inputs),
        ("outputs", made.outputs, made.model.outputs),
    ):
        (folder / part).mkdir(parents=True)
        for name, file in _files(arrays).items():
            np.save(folder / part / file, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            told[part][name] = {
                "file": f"{folder.name}/{part}/{file}",
                "dtype": arrays[name].dtype.name,
                "shape": list(arrays[name].shape),
                "scale": tensors[name].scale,
                "zero_point": tensors[name].zero_point,
            }
    for name, tolerance in made.tolerances.items():
        scale = made.model.outputs[name].scale
        steps = round(tolerance / scale) if scale else None
        told["outputs"][name] |= {"tolerance": tolerance, "tolerance_steps": steps}
    return told


def _write_c(release: str, variant: str, made: Golden, fresh: Path) -> None:
    """Write an integer variant as C source, too."""
    if not integer(made.model.description):
        return
    place = f"variants/{variant}.tflite"
    name, content = symbol(release, variant), (fresh / place).read_bytes()
    tensors = {"inputs": made.model.inputs, "outputs": made.model.outputs}
    (fresh / "c").mkdir(exist_ok=True)
    write_text(
        fresh / "c" / f"{variant}.h", header(name, content, made.model.description, tensors, place)
    )
    write_text(fresh / "c" / f"{variant}.c", source(name, content, place))


def _files(names: Iterable[str]) -> dict[str, str]:
    """Give each tensor a file name: names may hold slashes and colons."""
    files: dict[str, str] = {}
    for name in names:
        stem = file = re.sub(r"[^\w.-]+", "_", name)
        while f"{file}.npy" in files.values():
            file = f"{stem}-{len(files)}"
        files[name] = f"{file}.npy"
    return files


def _labels(classes: Iterable[str]) -> str:
    for name in classes:
        if "\n" in name or "\r" in name:
            told = "expected one line: labels.txt has a line for each"
            raise DataError(f"class {name!r}", "a name with a line break", told)
    return "".join(f"{name}\n" for name in classes)


def run(*, build: Path, out: Path) -> None:
    """Collect the release that build/params.json asks for from the folder `build` into `out`."""
    report = read_json(build / "report" / "report.json")
    release = parameters(Release, "release")
    write_package(report, Sources(build, PARAMS), release, section("toolchain"), out)
