from __future__ import annotations

import io
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from packaged import ROOT, Tiny, archived, converted, keys, made, released
from tars import BAD, inspect, refused

from litemill.core.errors import InterpreterError, LitemillError
from litemill.core.files import read_json, sha256, tree_files, write_json
from litemill.release.check import check_release, open_release, run_golden
from litemill.release.layout import write_sums
from litemill.release.rebuild_diff import rebuild_differences
from litemill.release.signature import refuse_other_signature, sign
from litemill.tflite.constants import constants


@pytest.fixture(scope="module")
def made_in(tmp_path_factory):
    """Models, and their package."""
    return made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def project(tmp_path_factory, made_in):
    """A project that has built them; not to be edited."""
    return Tiny(tmp_path_factory.mktemp("tiny"), made_in)


@pytest.fixture(scope="module")
def pristine(project, tmp_path_factory):
    """The files of a signed release, and its archive."""
    folder = tmp_path_factory.mktemp("release")
    private, _ = keys(folder)
    commit = project.git("rev-parse", "HEAD").strip()
    released(project.root, folder / "digits-1.2.0", key=private, commit=commit)
    archived(folder / "digits-1.2.0", folder / "digits-1.2.0.tar")
    return folder


@pytest.fixture(scope="module")
def archive(pristine):
    """The archive of a signed release; not to be edited."""
    return pristine / "digits-1.2.0.tar"


@pytest.fixture
def folder(pristine, tmp_path):
    """A copy of its files, to edit."""
    return shutil.copytree(pristine / "digits-1.2.0", tmp_path / "digits-1.2.0")


def command(*words, cwd):
    """Run `litemill` as installed, away from the project."""
    code = "from litemill.cli.main import main; main()"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(cwd)}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_release_holds_what_it_promises(archive):
    """Every digest and claim, and every variant computes its golden outputs."""
    found = check_release(archive, key=archive.parent / "key.pub")

    assert found.signed
    assert set(converted()) == set(found.differences)
    assert all(gap >= 0 for outputs in found.differences.values() for gap in outputs.values())


def test_verify_needs_neither_tensorflow_nor_the_project(archive, tmp_path):
    """From any folder, and nothing stays behind."""
    code = (
        "import sys; from litemill.cli.verify import run; from argparse import Namespace;"
        "from pathlib import Path;"
        "a = Namespace(archive=Path(sys.argv[1]), key=None, rebuild=False, repository=None);"
        "status = run(a); assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(archive)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "signed; give --key to verify the signature" in done.stdout
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_flipped_bits_are_all_caught(archive, tmp_path, count):
    """Anywhere: headers, padding, contents, the end."""
    content = bytearray(archive.read_bytes())
    source = random.Random(20261122)
    bits = source.sample(range(8 * len(content)), count - 100)
    ends = [*range(8 * 20), *range(8 * (len(content) - 20), 8 * len(content))]
    target = tmp_path / "flipped.tar"
    missed = []
    for bit in bits + source.sample(ends, 100):
        content[bit // 8] ^= 1 << bit % 8
        target.write_bytes(content)
        try:
            inspect(target)
            missed.append(bit)
        except LitemillError:
            pass
        content[bit // 8] ^= 1 << bit % 8

    assert [] == missed


@pytest.mark.parametrize("again", [False, True], ids=["sums as before", "sums redone"])
def test_every_file_removed_added_renamed_or_swapped_is_caught(folder, tmp_path, again):
    """In an archive that is written as it should be; with new digests, by what claims the file."""
    names = [name for name in tree_files(folder) if name != "SHA256SUMS"]
    target = tmp_path / "a.tar"
    missed = []

    def caught(what):
        if again:
            write_sums(folder, tree_files(folder))
        archived(folder, target)
        try:
            inspect(target)
            missed.append(what)
        except LitemillError:
            pass

    signature = ["model.sig"] if again else []  # nothing but a key can tell that it was taken away
    for name in set(names) - set(signature):
        kept = (folder / name).read_bytes()
        (folder / name).rename(folder / "away")
        caught(f"renamed {name}")
        (folder / "away").unlink()
        caught(f"removed {name}")
        (folder / name).write_bytes(kept)
    for name in ("added.txt", "variants/added.tflite", "golden/int8/added.npy", ".hidden"):
        (folder / name).write_bytes(b"added")
        caught(f"added {name}")
        (folder / name).unlink()
    models = sorted(folder.glob("variants/*"))
    arrays = sorted(folder.glob("golden/*/outputs/*"))
    sources = sorted(folder.glob("c/*.c"))
    for group in (models, arrays, sources):
        for one, other in itertools.pairwise(group):
            first, second = one.read_bytes(), other.read_bytes()
            if first != second:
                one.write_bytes(second)
                other.write_bytes(first)
                caught(f"swapped {one.name}")
                one.write_bytes(first)
                other.write_bytes(second)

    assert [] == missed


def test_failures_name_every_file(folder, tmp_path):
    """Not the first one only."""
    (folder / "labels.txt").unlink()
    (folder / "extra.txt").write_bytes(b"")
    (folder / "dvc.lock").write_bytes(b"stages: {}")

    errors = refused(archived(folder, tmp_path / "a.tar")).errors
    assert [("labels.txt", "missing"), ("extra.txt", "added"), ("dvc.lock", "sha256")] == [
        (error.place, error.found.split()[0]) for error in errors
    ]


LIES = {
    "digest": lambda m: m["variants"]["int8"].update(sha256="0" * 64),
    "size": lambda m: m["variants"]["int8"].update(bytes=1),
    "type": lambda m: m["variants"]["int8"]["inputs"]["image"].update(dtype="uint8"),
    "scale": lambda m: m["variants"]["int8"]["outputs"]["digit"].update(scale=1.0),
    "shape": lambda m: m["variants"]["int8"]["inputs"]["image"].update(shape=[1, 8, 8, 1]),
    "signature": lambda m: m["variants"]["int8"].update(signature="other"),
    "operators": lambda m: m["variants"]["int8"]["operators"].pop(),
    "weights": lambda m: m["variants"]["int8"].update(weights={}),
    "runtime": lambda m: m["variants"]["int8"].update(min_runtime_version="1.0.0"),
    "check": lambda m: m["variants"]["int8"]["checks"]["snr_db"].update(passed=False),
    "no check": lambda m: m["variants"]["int8"]["checks"].pop("snr_db"),
    "variant gone": lambda m: m["variants"].pop("int8"),
    "variant elsewhere": lambda m: m["variants"]["int8"].update(file="../int8.tflite"),
    "version": lambda m: m["release"].update(version="9.9.9"),
    "name": lambda m: m["release"].update(name="../../etc"),
    "no version": lambda m: m["release"].update(version="newest"),
    "toolchain": lambda m: m["toolchain"]["convert"].update(tensorflow="1.0.0"),
    "file": lambda m: m["files"].pop("labels.txt"),
    "a list": lambda m: m.update(variants=[]),
    "nothing": lambda m: m.clear(),
    "deep": lambda m: m.update(variants={"int8": None}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_caught_though_all_digests_fit(folder, tmp_path, lie):
    """The files themselves are asked."""
    manifest = read_json(folder / "manifest.json")
    LIES[lie](manifest)
    write_json(folder / "manifest.json", manifest)
    write_sums(folder, tree_files(folder))

    error = refused(archived(folder, tmp_path / "a.tar"))
    lines = str(error).splitlines()
    assert 1 == len({line.partition(": ")[0] for line in lines})
    assert len(lines) <= 3


SHA256 = '"[0-9a-f]{64}"'


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        (
            lambda m: m["variants"]["int8"]["outputs"]["digit"].update(scale=1.0),
            ("manifest.json, variant int8", "outputs.digit.scale is 1.0", r"expected 0\.\d+"),
        ),
        (
            lambda m: m["files"].update({"README.md": "0" * 64}),
            ("README.md", f"sha256 is {SHA256}", f'expected "{"0" * 64}"'),
        ),
        (
            lambda m: m["toolchain"]["convert"].update(tensorflow="1.0.0"),
            ("params.json", 'toolchain.convert.tensorflow is "2.21.0"', 'expected "1.0.0"'),
        ),
        (
            lambda m: m["variants"]["int8"]["inputs"]["image"].pop("zero_point"),
            (
                "manifest.json, variant int8",
                "inputs.image.zero_point is missing",
                r"expected -?\d+",
            ),
        ),
        (
            lambda m: m.update(litemill="9.9.9"),
            (
                "attestations/provenance.json",
                f"subject.manifest.json is {SHA256}",
                f"expected {SHA256}",
            ),
        ),
    ],
)
def test_a_wrong_claim_is_named_by_file_and_key(folder, tmp_path, change, claim):
    """Not by two dictionaries of which the ends are cut off."""
    manifest = read_json(folder / "manifest.json")
    change(manifest)
    write_json(folder / "manifest.json", manifest)
    write_sums(folder, tree_files(folder))

    error = refused(archived(folder, tmp_path / "a.tar"))
    parts = (error.place, error.found, error.expected)
    assert all(re.fullmatch(*pair) for pair in zip(claim, parts, strict=True)), parts


def test_a_bom_that_lists_what_the_lock_does_not_pin_is_refused(folder, tmp_path):
    """Even with digests that fit."""
    bom = read_json(folder / "bom.cdx.json")
    library = next(one for one in bom["components"] if one["name"] == "numpy")
    library["version"] = "1.0"
    write_json(folder / "bom.cdx.json", bom)
    statement = read_json(folder / "attestations" / "provenance.json")
    for one in statement["predicate"]["runDetails"]["byproducts"]:
        if one["name"] == "bom.cdx.json":
            one["digest"]["sha256"] = sha256(folder / "bom.cdx.json")
    write_json(folder / "attestations" / "provenance.json", statement)
    write_sums(folder, tree_files(folder))

    error = refused(archived(folder, tmp_path / "a.tar"))
    assert ("bom.cdx.json", "numpy 1.0") == (error.place, error.found)


@pytest.mark.parametrize(
    "name", ["manifest.json", "bom.cdx.json", "attestations/provenance.json", "dvc.lock"]
)
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff\xfe", b"null", b"[" * 100_000], ids=range(6)
)
def test_documents_that_are_no_documents_are_refused_in_one_line(folder, tmp_path, name, content):
    """Whatever stands in their place."""
    (folder / name).write_bytes(content)
    write_sums(folder, tree_files(folder))

    assert 1 == len(str(refused(archived(folder, tmp_path / "a.tar"))).splitlines())


def relabelled(folder, tmp_path, change):
    """Change golden.json and everything that vouches for it but the models."""
    golden = read_json(folder / "golden" / "golden.json")
    change(golden["variants"]["int8"])
    write_json(folder / "golden" / "golden.json", golden)
    return archived(folder, tmp_path / "a.tar")


def run_models(path):
    """Run the models of an archive, whatever its digests say."""
    with open_release(path) as found:
        return run_golden(found, read_json(found.folder / "manifest.json"))


def test_another_answer_than_the_golden_one_is_told(folder, tmp_path):
    """By variant and output, with how far it may be."""
    path = folder / "golden" / "float32" / "outputs" / "digit.npy"
    np.save(path, np.load(path) + np.float32(1))

    error = refused(archived(folder, tmp_path / "a.tar"), run_models)
    assert "variants/float32.tflite, output 'digit'" == error.place
    assert "differs from the golden output by 1" == error.found


def test_every_variant_with_another_answer_is_told(folder, tmp_path):
    """Each with its own error."""
    for variant in ("float32", "int8"):
        path = folder / "golden" / variant / "outputs" / "digit.npy"
        np.save(path, np.load(path)[::-1])

    errors = refused(archived(folder, tmp_path / "a.tar"), run_models).errors
    assert ["variants/float32.tflite, output 'digit'", "variants/int8.tflite, output 'digit'"] == [
        error.place for error in errors
    ]


def test_a_variant_that_does_not_run_is_told_by_its_own_error(folder, tmp_path):
    """With all its parts, beside the variants that run."""
    (folder / "variants" / "int8.tflite").write_bytes(b"no model")

    error = refused(archived(folder, tmp_path / "a.tar"), run_models)
    assert isinstance(error.errors[0], InterpreterError)
    assert "variants/int8.tflite" == error.errors[0].place
    assert 1 == len(error.errors)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(inputs={}),
        lambda told: told.update(kernels="other"),
        lambda told: told["outputs"]["digit"].update(file="../../../etc/passwd"),
        lambda told: told["outputs"]["digit"].update(tolerance=None),
        lambda told: told["outputs"]["digit"].update(shape=[1]),
        lambda told: told["inputs"]["image"].pop("file"),
    ],
)
def test_golden_samples_that_cannot_be_run_are_refused(folder, tmp_path, change):
    """A tolerance, files of the release, arrays as described."""
    error = refused(relabelled(folder, tmp_path, change), run_models)
    assert 1 == len(str(error).splitlines())


def test_an_array_that_would_run_code_is_refused(folder, tmp_path):
    """Pickles are never loaded."""
    path = folder / "golden" / "int8" / "inputs" / "image.npy"
    np.save(path, np.array([print], dtype=object), allow_pickle=True)

    error = refused(archived(folder, tmp_path / "a.tar"), run_models)
    assert "golden/int8/inputs/image.npy" == error.place
    assert error.found.startswith("not an array")


def test_another_key_and_a_missing_signature_are_refused(folder, pristine, tmp_path):
    """What is asked for has to be there."""
    _, other = keys(tmp_path, "other")
    with pytest.raises(LitemillError, match="not a signature of these files"):
        refuse_other_signature(folder, other)
    (folder / "model.sig").unlink()
    with pytest.raises(LitemillError, match="not signed"):
        refuse_other_signature(folder, pristine / "key.pub")


def test_files_that_changed_after_signing_are_refused(folder, pristine):
    """Even with new digests."""
    (folder / "labels.txt").write_text("other\n", encoding="utf-8")
    write_sums(folder, tree_files(folder))

    with pytest.raises(LitemillError, match=r"labels\.txt"):
        refuse_other_signature(folder, pristine / "key.pub")


def test_a_signature_that_leaves_files_out_is_refused(folder, pristine, monkeypatch):
    """By the right key, over everything but the models."""
    from model_signing import hashing

    (folder / "model.sig").unlink()
    real = hashing.Config.set_ignored_paths

    def fewer(self, *, paths, ignore_git_paths):
        return real(self, paths=[*paths, "variants"], ignore_git_paths=ignore_git_paths)

    with monkeypatch.context() as patched:
        patched.setattr(hashing.Config, "set_ignored_paths", fewer)
        sign(folder, pristine / "key.pem")

    with pytest.raises(LitemillError, match="leaves out"):
        refuse_other_signature(folder, pristine / "key.pub")


def test_a_private_key_in_the_place_of_a_public_one_is_refused(archive, tmp_path):
    """One line, and nothing is printed of it."""
    done = command("verify", archive, "--key", archive.parent / "key.pem", cwd=tmp_path)

    assert 1 == done.returncode
    assert "not a public key" in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_an_archive_cut_off_anywhere_is_refused(archive, tmp_path):
    """At every kind of place."""
    content = archive.read_bytes()
    cuts = [0, 5, 10, 11, 500, len(content) // 2, len(content) - 9, len(content) - 1]
    for cut in cuts:
        (tmp_path / "cut.tar").write_bytes(content[:cut])
        assert 1 == len(str(refused(tmp_path / "cut.tar")).splitlines())


def test_the_right_files_in_an_archive_of_another_program_are_refused(archive, tmp_path):
    """The files are the same, the archive is not the one that was released."""
    with (
        tarfile.open(archive) as released_tar,
        tarfile.open(tmp_path / "again.tar", "w", format=tarfile.USTAR_FORMAT) as again,
    ):
        for member in released_tar.getmembers():
            content = released_tar.extractfile(member).read()
            member.uid = 1000
            again.addfile(member, io.BytesIO(content))

    assert "repacked" in refused(tmp_path / "again.tar").found


def test_the_command_says_what_is_wrong_in_one_line(tmp_path):
    """No traceback, whatever is given."""
    (tmp_path / "bad.tar").write_bytes(BAD["climbs"])
    for path in ("bad.tar", "none.tar", "."):
        done = command("verify", path, cwd=tmp_path)
        assert (1, "") == (done.returncode, done.stdout)
        assert 1 == len(done.stderr.splitlines())


def test_a_release_is_rebuilt_from_its_commit_with_the_same_bytes(project, archive):
    """In a fresh clone, with a cache of its own."""
    done = project.litemill("verify", archive, "--rebuild", "--repository", project.root)

    assert (0, "") == (done.status, done.err)
    assert done.out.endswith(": the same bytes\n")


@pytest.mark.slow
def test_a_rebuild_that_differs_says_which_stage_which_tensor_and_how_far(
    project, archive, tmp_path
):
    """The machine had its say: one weight of one variant is another."""
    models = dict(converted())
    values = constants(models["float32"])
    name, kernel = max(values.items(), key=lambda item: item[1].size)
    other = kernel.copy()
    other.flat[7] += np.float32(0.5)
    assert 1 == models["float32"].count(kernel.tobytes())
    models["float32"] = models["float32"].replace(kernel.tobytes(), other.tobytes())
    elsewhere = Tiny.__new__(Tiny)
    elsewhere.root = project.root
    elsewhere.env = {**project.env, "MADE": str(made(tmp_path / "made", models))}

    done = elsewhere.litemill("verify", archive, "--rebuild")

    assert (1, "") == (done.status, done.err)
    lines = done.out.splitlines()
    first = "first stage that differs: convert@float32 (build/convert/float32/model.tflite)"
    assert first in lines
    told = f"tensor {name!r}: float32, 1 of {kernel.size} values differ, by at most 0.5"
    assert f"variants/float32.tflite: {told}" in lines
    assert not any("stage" in line and "package" in line for line in lines)


def test_a_rebuild_without_the_commit_says_so(archive, tmp_path):
    """A repository that does not have it, or none; the release's own word is not followed."""
    nowhere = command("verify", archive, "--rebuild", cwd=tmp_path)
    none = ["--repository", tmp_path / "none"]
    told = command("verify", archive, "--rebuild", *none, cwd=tmp_path)

    assert (1, 1) == (nowhere.returncode, told.returncode)
    assert "give --repository, such as https://example.org/digits.git" in nowhere.stderr
    assert "git clone" in told.stderr


def test_departures_tell_missing_files_arrays_and_documents(folder, tmp_path):
    """One line each."""
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "labels.txt").unlink()
    (other / "README.md").write_text("# Other\n", encoding="utf-8")
    path = other / "golden" / "int8" / "outputs" / "digit.npy"
    changed = np.load(path)
    changed[0, 0] ^= 4
    np.save(path, changed)
    write_json(other / "manifest.json", {**read_json(other / "manifest.json"), "litemill": "9"})

    told = rebuild_differences(folder, other)

    assert [] == rebuild_differences(folder, folder)
    assert "labels.txt: missing in the new build" in told
    assert "golden/int8/outputs/digit.npy: int8, 1 of 80 values differ, by at most 4" in told
    assert 'manifest.json: litemill: "0.1.0" -> "9"' in told
    assert any(line.startswith("README.md: ") and "from byte" in line for line in told)
