"""The bundle that `package` writes: variants, manifest, evidence.

Nothing in it depends on the time, the commit or the machine. Only variants that passed every check
go in.
"""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.benchmark import device_benchmark
from litemill.config.parameters import PARAMS, parameters, section
from litemill.config.release_name import overlay_name
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
from litemill.release import layout
from litemill.release.bundle_readme import bundle_readme
from litemill.release.c_source import array_name, header_text, is_integer_only, source_text
from litemill.release.golden import Golden, record_golden, write_golden
from litemill.release.model_card import model_card
from litemill.targets.tflm import is_supported

if TYPE_CHECKING:
    from collections.abc import Iterable

METRICS = ("metric", "source_metric", "drop", "agreement", "snr_db", "max_abs_error", "outputs")


def run(*, build: Path, out: Path) -> None:
    """Write the bundle that build/params.json describes, from the folder `build` into `out`."""
    report = read_json(build / "report" / "report.json")
    release = parameters(Release, "release")
    write_package(report, Sources(build, PARAMS), release, section("toolchain"), out)


@dataclass(frozen=True)
class Sources:
    """Where the artifacts are; relative names below `build` go into the manifest."""

    build: Path
    params: Path

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of the source model: as `train` left it, and as a SavedModel."""
        # For an imported model that is none of Keras 3, model.keras is a line that says so.
        keras = zipfile.is_zipfile(self.build / "train/model.keras")
        names = ("train/model.keras" if keras else "train/imported", "export/saved_model")
        return {name: tree_sha256(self.build / name) for name in names}

    def signature(self, variant: str) -> dict[str, Any]:
        """Read the signature of the source model that a variant has."""
        name = section("convert", variant, path=self.params)["signature"]
        return read_signature(self.build / "export", name)

    def training(self) -> Any:
        """Read the metrics of the training."""
        path = self.build / "train" / "metrics.json"
        return read_json(path) if path.exists() else {}

    def portability(self) -> Any:
        """Read where the same training gives the same weights."""
        return read_json(self.build / "train" / "portability.json")

    @property
    def overlays(self) -> Path:
        """The folder with the error of each layer, a file for each variant that has it."""
        return self.build / "report" / "explore"

    def model(self, variant: str) -> Path:
        """Return the path of a variant's file."""
        return self.build / "convert" / variant / "model.tflite"


def write_package(
    report: dict[str, Any], sources: Sources, release: Release, toolchain: Any, out: Path
) -> None:
    """Write the bundle into a fresh folder, which replaces `out` as a whole.

    Args:
        report: what `report` wrote; variants that failed a check stay out.
        sources: where the artifacts are.
        release: name, version and texts of the release.
        toolchain: by stage, versions of the packages that it was built with.
        out: the folder.

    Raises:
        GateError: no variant passed.
        LitemillError: an artifact is missing, or is not the one that was validated.
    """
    passed = [row for row in report["variants"] if row["passed"]]
    if not passed:
        raise GateError("package", "no variant passed", "see build/report/report.md")
    samples = _golden_samples(sources.build / "prepare" / "evaluation", release.golden_samples)
    with atomic_replace(out) as fresh:
        (fresh / layout.VARIANTS).mkdir(parents=True)
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
        arrays = {}
        for row in passed:
            variant = row["variant"]
            golden = _copy_variant(row, sources, samples, fresh)
            manifest["variants"][variant] = _manifest_entry(row, golden)
            arrays[variant] = write_golden(golden, fresh / "golden" / variant)
            _copy_overlay(sources.overlays, variant, fresh)
            arena = (row.get("target") or {}).get("arena_bytes")
            if not row.get("compile"):  # an NPU runs another file, which Vela makes of this one
                _write_c(release.name, variant, golden, fresh, arena)
        golden_json = {
            "split": "evaluation",
            "samples": len(samples),
            "preprocessing": manifest["data"].get("preprocessing") or {},
            "variants": arrays,
        }
        write_json(fresh / layout.GOLDEN, golden_json)
        _write_documents(manifest, sources, samples, fresh)
        manifest["files"] = {name: sha256(fresh / name) for name in tree_files(fresh)}
        write_json(fresh / layout.MANIFEST, manifest)


def _write_documents(
    manifest: dict[str, Any], sources: Sources, samples: Samples, fresh: Path
) -> None:
    shutil.copyfile(sources.params, fresh / layout.PARAMS)
    if samples.classes:
        write_text(fresh / layout.LABELS, _labels(samples.classes))
    shutil.copyfile(Path(device_benchmark.__file__), fresh / layout.BENCHMARK)
    card = model_card(manifest, section(path=sources.params), sources.training())
    write_text(fresh / layout.MODEL_CARD, card)
    write_text(fresh / layout.README, bundle_readme(manifest, len(samples)))


def _golden_samples(split: Path, count: int) -> Samples:
    """Take the first samples of the evaluation split, whose order prepare has drawn and fixed."""
    samples = read_split(split)
    return samples.take(range(min(count, len(samples))))


def _copy_variant(row: dict[str, Any], sources: Sources, samples: Samples, fresh: Path) -> Golden:
    path = sources.model(row["variant"])
    if not path.is_file():
        raise LitemillError(path, "no such file", "run `dvc repro` first")
    if sha256(path) != row["sha256"]:
        raise LitemillError(path, "not the file that was validated", "run `dvc repro`")
    shutil.copyfile(path, fresh / layout.variant_file(row["variant"]))
    ranges = {
        name: tuple(output["reference_range"])
        for name, output in row["outputs"].items()
        if output.get("reference_range") and None not in output["reference_range"]
    }
    signature = sources.signature(row["variant"])
    inputs = match_samples(samples, signature)
    key = str(signature["key"])
    return record_golden(path.read_bytes(), inputs, ranges, signature=key, place=path)


def _copy_overlay(overlays: Path, variant: str, fresh: Path) -> None:
    file = overlays / overlay_name(variant)
    if file.is_file():
        (fresh / layout.EXPLORE).mkdir(exist_ok=True)
        shutil.copyfile(file, fresh / layout.EXPLORE / file.name)


def _manifest_entry(row: dict[str, Any], golden: Golden) -> dict[str, Any]:
    description = golden.model.description.as_json()
    return {
        "file": layout.variant_file(row["variant"]),
        "sha256": row["sha256"],
        "bytes": row["bytes"],
        "signature": golden.model.signature,
        "inputs": _as_dicts(golden.model.inputs),
        "outputs": _as_dicts(golden.model.outputs),
        **{key: description[key] for key in ("operators", "weights", "min_runtime_version")},
        "metrics": {key: row[key] for key in METRICS},
        "checks": row["checks"],
    }


def _as_dicts(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: dataclasses.asdict(tensor) for name, tensor in tensors.items()}


def _write_c(release: str, variant: str, golden: Golden, fresh: Path, arena: int | None) -> None:
    """Write an integer variant that TensorFlow Lite Micro takes as C source, too."""
    place = layout.variant_file(variant)
    content = (fresh / place).read_bytes()
    if not is_integer_only(golden.model.description) or not is_supported(
        content, golden.model.description
    ):
        return
    source, header = layout.c_files(variant)
    name = array_name(release, variant)
    tensors = {"inputs": golden.model.inputs, "outputs": golden.model.outputs}
    description = golden.model.description
    write_text(fresh / header, header_text(name, content, description, tensors, place, arena=arena))
    write_text(fresh / source, source_text(name, content, place))


def _labels(classes: Iterable[str]) -> str:
    for name in classes:
        if "\n" in name or "\r" in name:
            expected = f"expected one line, as {layout.LABELS} has one per class"
            raise DataError(f"class {name!r}", "a name with a line break", expected)
    return "".join(f"{name}\n" for name in classes)
