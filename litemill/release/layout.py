"""Files of a release: their names and meanings, and the digest of each.

A release is one folder, NAME-VERSION/. The stage `package` writes the first part of it, which knows
no commit and no time; `litemill release` adds the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.core.errors import ErrorGroup, ReleaseError
from litemill.core.files import sha256, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from litemill.core.errors import LitemillError

VARIANTS, C_SOURCES, COMPILED = "variants", "c", "compiled"
EXPLORE = "explore"
GOLDEN = "golden/golden.json"
MANIFEST = "manifest.json"
LABELS = "labels.txt"
BENCHMARK = "benchmark.py"
MODEL_CARD = "MODEL_CARD.md"
README = "README.md"
REPORT = "report.html"
PARAMS = "params.json"
LOCKS = ("dvc.lock", "requirements.lock")
BOM = "bom.cdx.json"
PROVENANCE = "attestations/provenance.json"
TESTS = "attestations/test-results.json"
SIGNATURE = "model.sig"
SUMS = "SHA256SUMS"

# What the bundle's README and docs/releases.md list.
PACKAGED = {
    f"{VARIANTS}/*.tflite": "the models",
    MANIFEST: "of each variant: SHA-256, size, signature, types, quantization, operators,"
    " minimum runtime version, measurements, checks; data, source and toolchain",
    "golden/": "real samples, the outputs of each variant for them, and the tolerance for other"
    " runtimes; raw binary too (`*.bin`) for microcontrollers",
    f"{COMPILED}/*.tflite": "variants for an NPU, as Vela compiled them; what to flash there",
    f"{C_SOURCES}/*.c`, `{C_SOURCES}/*.h": "variants that TensorFlow Lite Micro takes, as C source:"
    " a const array, aligned to 16 bytes; sizes, types and quantization as constants; in"
    " `*_operators.h` the kernels to link; for a microcontroller's variants the smallest arena, and"
    " golden samples in `*_golden.h`",
    f"{C_SOURCES}/*_test.c`, `{C_SOURCES}/*_test.cc": "a test of each microcontroller's variant on"
    " its golden samples, to build into firmware",
    f"{EXPLORE}/*.json": "the error of each layer, in percent, as node data of Model Explorer:"
    " open a variant there, and load its file",
    LABELS: "names of the classes, one per line, class 0 first; only for classification",
    BENCHMARK: "measures start-up, latency, memory and time per operator on the machine that it"
    " runs on; needs numpy and ai-edge-litert",
    MODEL_CARD: "data, training, measurements, limits, intended use",
    README: "how to test an integration",
    PARAMS: "the resolved configuration of the build",
}
ADDED = {
    "`, `".join(LOCKS): "DVC's record of the build, and the toolchain",
    BOM: "CycloneDX 1.6 ML-BOM with a model card; its serial number follows from commit and models",
    REPORT: "the report of the build, one page, with the commit that was built",
    PROVENANCE: "in-toto statement, SLSA v1 provenance: commit, parameters, dependencies, builder",
    TESTS: "in-toto statement, test result: every check that passed",
    SIGNATURE: "signature in the OpenSSF model-signing format; only in a signed release",
    SUMS: "digests of all other files, for `sha256sum --check`",
}


def variant_file(variant: str) -> str:
    """Return the name of a variant's model."""
    return f"{VARIANTS}/{variant}.tflite"


def compiled_file(variant: str) -> str:
    """Return the name of what was compiled for an NPU."""
    return f"{COMPILED}/{variant}.tflite"


def c_file(variant: str, end: str) -> str:
    """Return the name of a variant's C source that ends so: ".c", ".h", "_operators.h", ..."""
    return f"{C_SOURCES}/{variant}{end}"


def golden_file(file: str) -> str:
    """Return the name of an array that golden.json lists."""
    return f"golden/{file}"


def sums(folder: Path, names: Iterable[str]) -> str:
    """Return the content of SHA256SUMS for some files of a folder."""
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in sorted(names))


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """Write SHA256SUMS for every other file."""
    write_text(folder / SUMS, sums(folder, set(names) - {SUMS}))


def refuse_other_files(folder: Path, names: Iterable[str]) -> None:
    """Compare every file with SHA256SUMS.

    Raises:
        ReleaseError, ErrorGroup: files that are missing, added or changed, all of them.
    """
    files = set(names)
    if SUMS not in files:
        raise ReleaseError(SUMS, "missing", "expected the digests of every file")
    listed = (folder / SUMS).read_bytes()
    actual = sums(folder, files - {SUMS}).encode()
    if listed == actual:
        return
    before, after = _digests(listed), _digests(actual)
    errors: list[LitemillError] = [
        ReleaseError(name, "missing", f"{SUMS} lists it") for name in sorted({*before} - {*after})
    ]
    errors += [
        ReleaseError(name, "added", f"{SUMS} does not list it")
        for name in sorted({*after} - {*before})
    ]
    errors += [
        ReleaseError(name, f"sha256 {after[name]}", f"expected {before[name]}")
        for name in sorted({*after} & {*before})
        if before[name] != after[name]
    ]
    raise ErrorGroup(errors or [ReleaseError(SUMS, "not as a release writes it")])


def _digests(content: bytes) -> dict[str, str]:
    pairs = [line.partition("  ") for line in content.decode("utf-8", "replace").splitlines()]
    return {name: digest for digest, _, name in pairs}
