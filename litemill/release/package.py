"""The bundle that `package` writes: variants, manifest, evidence.

Nothing in it depends on the time, the commit or the machine. Only variants that passed every check
go in.
"""

from __future__ import annotations

import dataclasses
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.benchmark import device_benchmark
from litemill.config.parameters import PARAMS, parameters, section
from litemill.config.release_name import overlay_name
from litemill.config.schema.package import Release
from litemill.config.toolchain import version_mismatches
from litemill.core.errors import DataError, ErrorGroup, GateError, LitemillError
from litemill.core.files import (
    atomic_replace,
    read_json,
    sha256,
    tree_files,
    write_json,
    write_text,
)
from litemill.core.version import VERSION
from litemill.data.samples import Samples, read_split
from litemill.models.reference_outputs import match_samples
from litemill.release import layout
from litemill.release.bundle_readme import bundle_readme
from litemill.release.c_files import write_c_files
from litemill.release.golden import Golden, TargetInterpreter, record_golden
from litemill.release.golden_files import write_golden, write_raw
from litemill.release.manifest_entry import manifest_entry
from litemill.release.model_card import model_card
from litemill.release.sources import Sources
from litemill.targets.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable


def run(*, build: Path, out: Path) -> None:
    """Write the bundle that build/params.json describes, from the folder `build` into `out`.

    Raises:
        ErrorGroup: the interpreter of a target is not the one that requirements.lock pins.
    """
    targets = section("targets").values()
    pins = {name: pin for target in targets for name, pin in target["versions"].items()}
    if wrong := version_mismatches(pins):
        raise ErrorGroup(wrong)
    report = read_json(build / "report" / "report.json")
    release = parameters(Release, "release")
    write_package(report, Sources(build, PARAMS), release, section("toolchain"), out)


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
        fresh.mkdir(parents=True)
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
            manifest["variants"][variant] = manifest_entry(row, golden)
            arrays[variant] = write_golden(golden, fresh / "golden" / variant)
            if row.get("target"):
                write_raw(golden, fresh / "golden" / variant, arrays[variant])
            _copy_overlay(sources.overlays, variant, fresh)
            write_c_files(release.name, row, golden, fresh)
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
    variant, path = row["variant"], sources.model(row["variant"])
    _copy_judged(path, row["sha256"], fresh / layout.variant_file(variant))
    if compiled := row.get("compile"):
        copy = fresh / layout.compiled_file(variant)
        _copy_judged(sources.compiled(variant), compiled["sha256"], copy)
    ranges = {
        name: tuple(output["reference_range"])
        for name, output in row["outputs"].items()
        if output.get("reference_range") and None not in output["reference_range"]
    }
    signature = sources.signature(variant)
    return record_golden(
        path.read_bytes(),
        match_samples(samples, signature),
        ranges,
        signature=str(signature["key"]),
        place=path,
        target=_interpreter(row.get("target")),
    )


def _copy_judged(path: Path, digest: str, copy: Path) -> None:
    """Copy a file to which a verdict belongs, by its digest."""
    if not path.is_file():
        raise LitemillError(path, "no such file", "run `dvc repro` first")
    if sha256(path) != digest:
        raise LitemillError(path, "not the file that was validated", "run `dvc repro`")
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, copy)


def _interpreter(target: dict[str, Any] | None) -> TargetInterpreter | None:
    """Return the interpreter of a variant's target; None where that is LiteRT's."""
    if not target:
        return None
    load = partial(KINDS[target["kind"]].load, memory=target["arena"])
    return TargetInterpreter(target["kernels"], load)


def _copy_overlay(overlays: Path, variant: str, fresh: Path) -> None:
    file = overlays / overlay_name(variant)
    if file.is_file():
        (fresh / layout.EXPLORE).mkdir(exist_ok=True)
        shutil.copyfile(file, fresh / layout.EXPLORE / file.name)


def _labels(classes: Iterable[str]) -> str:
    for name in classes:
        if "\n" in name or "\r" in name:
            expected = f"expected one line, as {layout.LABELS} has one per class"
            raise DataError(f"class {name!r}", "a name with a line break", expected)
    return "".join(f"{name}\n" for name in classes)
