"""A package, a project around it, and a release of it, without training: for tests of all three.

The models are real conversions of one small CNN. The project has a dvc.yaml whose stages only copy
what was made here, so that Git and DVC are real, and fast.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zoo
from clones import write_lock
from project import Project, Ran

from litemill.cli.main import main
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.package import Release
from litemill.config.schema.train import Model as TrainedModel
from litemill.config.schema.validate import Validate
from litemill.core.files import read_json, tree_files, write_json
from litemill.data.samples import read_split
from litemill.evaluation.validate import measure_variant
from litemill.models.keras_source import KerasSource
from litemill.release.archive import write_archive
from litemill.release.assemble import assemble_release
from litemill.release.package import write_package
from litemill.release.sources import Sources
from litemill.report.assemble import assemble_report, write_report
from litemill.runtime import portability
from litemill.tflite.interpreter import Model

ROOT = Path(__file__).parents[1]
CLASSES = list("0123456789")
TOOLCHAIN = {"convert": {"tensorflow": "2.21.0"}}
RELEASE = Release(
    name="digits",
    version="1.2.0",
    intended_use="Tests.",
    license="Apache-2.0",
    repository="https://example.org/digits.git",
)
VARIANTS = {
    "float32": {},
    "dynamic_range": {"optimization": "dynamic_range"},
    "int8": {"optimization": "int8", "input_type": "int8", "output_type": "int8"},
    "int8_float_io": {"optimization": "int8"},
}
# No Python asks for them, so that a rebuild can install the lock.
PINS = {"numpy": "2.4.6", "tensorflow-cpu": "2.21.0"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Copies from a folder that no file of the project names, as a machine's influence would come in.
PIPELINE = """\
stages:
  convert:
    matrix:
      variant: [float32, dynamic_range, int8, int8_float_io]
    cmd: >-
      mkdir -p build/convert/${item.variant} &&
      cp "$MADE/convert/${item.variant}/model.tflite" build/convert/${item.variant}/model.tflite
    outs:
      - build/convert/${item.variant}/model.tflite
  gate:
    cmd: mkdir -p build/gate && cp verdict.json build/gate/verdict.json
    deps:
      - verdict.json
    outs:
      - build/gate/verdict.json
  package:
    cmd: >-
      mkdir -p build/report && cp -r "$MADE/package" build/package &&
      cp "$MADE/report/release.html" build/report/release.html
    deps:
      - build/convert/float32/model.tflite
      - build/gate/verdict.json
      - notes
    outs:
      - build/package
      - build/report/release.html
"""


@functools.cache
def converted():
    """Real files of the same small CNN."""
    model = zoo.cnn()
    return {name: zoo.convert(model, **options) for name, options in VARIANTS.items()}


def write_split(folder, inputs, classes=CLASSES):
    """Write an evaluation split without targets."""
    (folder / "inputs").mkdir(parents=True)
    for number, (_, values) in enumerate(sorted(inputs.items())):
        np.save(folder / "inputs" / f"{number}.npy", values)
    told = {n: {"dtype": v.dtype.name, "shape": list(v.shape[1:])} for n, v in inputs.items()}
    count = len(next(iter(inputs.values())))
    split = {"samples": count, "sha256": "", "inputs": told, "targets": {}}
    write_json(folder / "split.json", {**split, "classes": classes, "task": "classification"})


def build(folder, models, targets=None, compiled=None):
    """Write what the stages before `package` write for some models, by variant.

    Some have a target, as `measure_variant` takes it, or what Vela made of them.
    """
    write_split(folder / "prepare" / "evaluation", {"image": zoo.batch_of(zoo.IMAGE, 20)})
    write_json(folder / "prepare" / "data.json", {"task": "classification", "classes": CLASSES})
    write_json(folder / "export" / "signature.json", zoo.SIGNATURE)
    (folder / "export" / "saved_model").mkdir()
    (folder / "export" / "saved_model" / "saved_model.pb").write_bytes(b"graph")
    (folder / "train").mkdir()
    source = KerasSource.create(folder / "train", TrainedModel())
    with zipfile.ZipFile(source.keras_file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("config.json"), "{}")
    write_json(
        folder / "train" / "portability.json", portability.portability_record(Numerics(), [])
    )
    convert = {name: {"signature": None, **VARIANTS.get(name, {})} for name in models}
    resolved = {name: {"versions": {}} for name in models}
    sections = {"release": vars(RELEASE), "toolchain": TOOLCHAIN, "convert": convert}
    sections["targets"] = resolved
    write_json(folder / "params.json", sections)
    samples = read_split(folder / "prepare" / "evaluation")
    reference = Model(converted()["float32"]).run(samples.inputs)
    measured = []
    for name, content in models.items():
        path = folder / "convert" / name / "model.tflite"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        measured.append(
            measure_variant(
                content,
                variant=name,
                reference=reference,
                samples=samples,
                signature=zoo.SIGNATURE,
                options=Validate(task="classification"),
                target=(targets or {}).get(name),
            )
        )
        if one := (compiled or {}).get(name):
            measured[-1]["compile"] = {"target": "npu", "error": None, **one.record}
            path = folder / "compile" / name / "model.tflite"
            path.parent.mkdir(parents=True)
            path.write_bytes(one.content)
    limits = {name: {"snr_db": 1} for name in models}
    write_report(assemble_report(measured, limits, "digits"), folder / "report")
    return folder


def collect(folder, **changes):
    """Package what is in a build folder, with changed rows of the report; give the bundle."""
    told = read_json(folder / "report" / "report.json")
    told["variants"] = [{**row, **changes.get(row["variant"], {})} for row in told["variants"]]
    write_package(
        told, Sources(folder, folder / "params.json"), RELEASE, TOOLCHAIN, folder / "package"
    )
    return folder / "package"


def made(folder, models=None):
    """Give a build folder with everything up to `package`."""
    collect(build(folder, models or converted()))
    return folder


class Tiny(Project):
    """A project that releases what was made beforehand."""

    def __init__(self, folder, made_in):
        """Write, build and commit it."""
        root = folder / "project"
        root.mkdir(parents=True)
        super().__init__(root)
        self.env |= {"MADE": str(made_in), "PYTHONPATH": str(ROOT)}
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "T")
        self.git("config", "user.email", "t@localhost")
        assert 0 == self.dvc("init", "--quiet").status
        self.write("dvc.yaml", PIPELINE)
        self.write(".gitignore", "/build/*\n!/build/params.json\n/dist/\n")
        self.write("notes/readme.txt", "An input.\n")
        self.write("verdict.json", '{"passed": true, "failed": []}\n')
        write_lock(self, PINS, ROOT)
        (root / "build").mkdir()
        shutil.copy2(made_in / "params.json", root / "build")
        self.commit()

    def commit(self):
        """Build, and commit everything."""
        self.repro()
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Build")

    def litemill(self, *words):
        """Run the command in this process, which has the libraries loaded."""
        out, err, before = io.StringIO(), io.StringIO(), (dict(os.environ), sys.argv)
        os.environ.update(self.env)
        sys.argv = ["litemill", *map(str, words)]
        try:
            with (
                contextlib.chdir(self.root),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                pytest.raises(SystemExit) as ended,
            ):
                main()
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            sys.argv = before[1]
        return Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def released(project, folder, *, key=None, commit=COMMIT, time=0):
    """Assemble a release in `folder` without asking Git or DVC; give it."""
    assemble_release(project, folder, commit=commit, time=time, key=key)
    return folder


def archived(folder, target, *, time=0, top="digits-1.2.0"):
    """Write the archive of a folder's files, as a release does."""
    target.unlink(missing_ok=True)
    write_archive(target, folder, tree_files(folder), top=top, time=time)
    return target


def keys(folder, name="key"):
    """Write a key pair; give (private, public)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    none = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, none))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, form))
    return private, public
