from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from packaged import COMMIT, Tiny, archived, keys, made, released
from verdicts import measured

from litemill.config.lock import installable, read_pins
from litemill.core.errors import ReleaseError
from litemill.core.files import read_json, sha256, tree_files, write_json
from litemill.release import bom, statement
from litemill.report import release_diff
from litemill.report.assemble import assemble_report, write_report


@pytest.fixture(scope="module")
def made_in(tmp_path_factory):
    """Models, and their package."""
    return made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def first(tmp_path_factory, made_in):
    """A project that has built them; not to be edited."""
    return Tiny(tmp_path_factory.mktemp("tiny"), made_in)


@pytest.fixture
def project(first, tmp_path):
    """A copy, to edit."""
    copied = shutil.copytree(first.root, tmp_path / "project", symlinks=True)
    copy = Tiny.__new__(Tiny)
    copy.root, copy.env = copied, first.env
    return copy


@pytest.fixture(scope="module")
def folder(first, tmp_path_factory):
    """The files of a release, unsigned."""
    return released(first.root, tmp_path_factory.mktemp("release") / "digits-1.2.0")


def refusal(done):
    """Give what a command refused with: it failed, in lines without a traceback."""
    assert 1 == done.status, done.out + done.err
    assert "Traceback" not in done.err
    return done.err


def test_a_release_is_one_archive_with_the_models_and_all_evidence(project):
    """Named after the release, below one folder, and nothing else is written."""
    done = project.litemill("release")

    assert 0 == done.status, done.err
    archive = project.root / "dist" / "digits-1.2.0.tar"
    assert [archive] == list((project.root / "dist").iterdir())
    assert f"sha256 {sha256(archive)}" in done.out
    with tarfile.open(archive) as tar:
        names = [name.removeprefix("digits-1.2.0/") for name in tar.getnames()]
    package = [*tree_files(project.root / "build" / "package"), "report.html"]
    added = ["SHA256SUMS", "attestations/provenance.json", "attestations/test-results.json"]
    added += ["bom.cdx.json", "dvc.lock", "requirements.lock"]
    assert sorted([*package, *added]) == names
    assert "" == project.git("status", "--porcelain")


def test_a_release_is_remembered_when_asked_and_show_compares_with_its_archive(project, tmp_path):
    """Without the option nothing is written: the same commit can be released again."""
    project.litemill("release")
    assert not (project.root / "released.json").exists()

    done = project.litemill("release", "--remember")

    assert 0 == done.status, done.err
    found = release_diff.read_released(project.root / "released.json")
    assert ("digits", "1.2.0") == (found["name"], found["version"])
    entries = read_json(project.root / "build" / "package" / "manifest.json")["variants"]
    digests = {name: entry["sha256"] for name, entry in entries.items()}
    assert digests == {name: one["sha256"] for name, one in found["variants"].items()}

    write_report(assemble_report([measured("int8")], {}, "t"), tmp_path / "report")
    words = ("--report", tmp_path / "report" / "report.json", "--format", "markdown")
    shown = project.litemill("show", *words, "--since", "dist/digits-1.2.0.tar")
    assert "Since digits 1.2.0:" in shown.out
    assert "- float32: gone" in shown.out.replace("\\", "")
    assert "- int8: bytes 26,700" not in shown.out
    assert "- int8: bytes" in shown.out
    words = (*words[:-1], "json", "--since", "dist/digits-1.2.0.tar")
    text = project.litemill("show", *words).out
    assert "digits 1.2.0" == json.loads(text)["since"]["release"]
    assert text.endswith("}\n")


def test_the_same_commit_gives_the_same_archive_from_another_process_and_folder(project):
    """Whatever the umask, the hash seed, the time zone and the locale."""
    project.litemill("release", "--output", project.root.parent / "one")
    moved = shutil.copytree(project.root, project.root.parent / "elsewhere", symlinks=True)
    env = {**project.env, "PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "LC_ALL": "C"}
    code = "import os; os.umask(0o077); from litemill.cli.main import main; main()"
    command = [sys.executable, "-c", code, "release", "--output", "../two"]
    subprocess.run(command, cwd=moved, env=env, check=True, capture_output=True)

    one, two = project.root.parent / "one", project.root.parent / "two"
    assert sha256(one / "digits-1.2.0.tar") == sha256(two / "digits-1.2.0.tar")


def test_the_archive_holds_nothing_of_the_machine(folder, tmp_path):
    """No path, owner or time of this one."""
    content = archived(folder, tmp_path / "a.tar", time=86_400).read_bytes()

    assert str(folder.parent).encode() not in content
    assert Path.home().name.encode() + b"\0" not in content[257:512]
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {86_400} == {member.mtime for member in tar.getmembers()}


def test_the_time_of_a_release_is_that_of_its_commit(project):
    """So the BOM is dated, and the same commit gives the same bytes."""
    time = int(project.git("show", "--no-patch", "--format=%ct", "HEAD"))

    project.litemill("release")
    project.env = {**project.env, "SOURCE_DATE_EPOCH": "86400"}
    project.litemill("release", "--output", "other")

    for name, expected in (("dist", time), ("other", 86_400)):
        with tarfile.open(project.root / name / "digits-1.2.0.tar") as tar:
            assert {expected} == {member.mtime for member in tar.getmembers()}


def test_sha256sums_is_what_sha256sum_checks(folder):
    """So that nobody needs this program to look."""
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=False
    )

    assert 0 == done.returncode


def test_the_bom_is_cyclonedx_with_a_model_card_and_the_same_each_time(folder):
    """Valid against the library's strict schema; serial number and time are derived."""
    told = read_json(folder / "bom.cdx.json")
    manifest = read_json(folder / "manifest.json")

    bom.validate_bom(told, "bom")
    pins = installable(read_pins(folder / "requirements.lock"))
    assert told == bom.build_bom(manifest, COMMIT, 0, pins)
    assert told["serialNumber"] != bom.build_bom(manifest, "f" * 40, 0, pins)["serialNumber"]
    model = told["metadata"]["component"]
    assert ("machine-learning-model", "digits", "1.2.0") == (
        model["type"],
        model["name"],
        model["version"],
    )
    assert "classification" == model["modelCard"]["modelParameters"]["task"]
    assert ["Tests."] == model["modelCard"]["considerations"]["useCases"]
    purls = [one["purl"] for one in told["components"] if one["type"] == "library"]
    expected = ["numpy@2.4.6", "tensorflow-cpu@2.21.0", "tests-site@1"]
    assert [f"pkg:pypi/{name}" for name in expected] == purls
    depends = {one["ref"]: one.get("dependsOn", []) for one in told["dependencies"]}
    assert ["pkg:pypi/tensorflow-cpu@2.21.0"] == depends["variants/int8.tflite"]


def test_a_bom_that_the_schema_does_not_know_is_refused():
    """Validation is real."""
    with pytest.raises(ReleaseError, match="not a CycloneDX"):
        bom.validate_bom({"bomFormat": "CycloneDX", "specVersion": "1.6", "nonsense": 1}, "b")


def test_the_provenance_names_commit_parameters_dependencies_and_builder(folder):
    """SLSA v1, parsed by the library of the framework; it claims no level."""
    told = read_json(folder / "attestations" / "provenance.json")
    definition = told["predicate"]["buildDefinition"]

    statement.validate_statement(told, "provenance")
    assert "https://slsa.dev/provenance/v1" == told["predicateType"]
    source = definition["resolvedDependencies"][0]
    assert {"gitCommit": COMMIT} == source["digest"]
    assert f"git+https://example.org/digits.git@{COMMIT}" == source["uri"]
    assert "release" in definition["externalParameters"]["parameters"]
    tensorflow = definition["resolvedDependencies"][1]
    assert "pkg:pypi/tensorflow-cpu@2.21.0" == tensorflow["uri"]
    pins = installable(read_pins(folder / "requirements.lock"))
    assert list(pins["tensorflow-cpu"].hashes) == tensorflow["annotations"]["allowed_sha256"]
    subjects = {one["name"]: one["digest"]["sha256"] for one in told["subject"]}
    assert sha256(folder / "manifest.json") == subjects["manifest.json"]
    assert sha256(folder / "variants/int8.tflite") == subjects["variants/int8.tflite"]
    assert not any("level" in word.lower() for word in json.dumps(told).split('"'))


def test_the_test_results_name_every_check_that_passed(folder):
    """In-toto's test-result predicate, about the variants."""
    told = read_json(folder / "attestations" / "test-results.json")

    statement.validate_statement(told, "results")
    assert "PASSED" == told["predicate"]["result"]
    assert {"int8.snr_db", "float32.runs"} <= set(told["predicate"]["passedTests"])
    assert 4 == len(told["subject"])


@pytest.mark.parametrize(
    "change",
    [{"predicateType": "https://example.org/other"}, {"subject": []}, {"nonsense": 1}],
)
def test_a_statement_that_the_library_does_not_know_is_refused(folder, change):
    """Validation is real."""
    told = read_json(folder / "attestations" / "provenance.json")

    with pytest.raises(ReleaseError, match="not an in-toto statement"):
        statement.validate_statement({**told, **change}, "p")


def test_the_model_card_tells_data_metrics_limits_and_use(folder):
    """For those who decide whether to use the model."""
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")

    titles = [line for line in card.splitlines() if line.startswith("#")]
    assert "# Model card: digits 1.2.0" == titles[0]
    wanted = ["Intended use", "Limits", "Data", "Training", "Evaluation", "Conversion"]
    assert [f"## {word}" for word in wanted] == titles[1:7]
    assert "Tests." in card
    assert "| int8 |" in card


def test_uncommitted_changes_are_refused(project):
    """Edited, new, and hidden from Git: all are named."""
    project.write("notes/readme.txt", "Edited.\n")
    project.write("new.txt", "")

    told = refusal(project.litemill("release"))
    assert "uncommitted: notes/readme.txt, new.txt" in told
    assert not (project.root / "dist").exists()

    project.git("stash", "--include-untracked")
    project.git("update-index", "--assume-unchanged", "dvc.yaml")
    assert "uncommitted: dvc.yaml" in refusal(project.litemill("release"))


def test_a_stale_build_is_refused(project):
    """The commit says something else than what was built; DVC knows."""
    project.write("notes/readme.txt", "Edited.\n")
    project.git("commit", "--quiet", "--all", "--message", "Edit")

    assert "build: stale: package; run `dvc repro`" in refusal(project.litemill("release"))


def test_a_build_that_was_touched_is_refused(project):
    """Also an output that is not what DVC recorded."""
    manifest = project.root / "build" / "package" / "manifest.json"
    told = read_json(manifest)
    manifest.chmod(0o644)
    manifest.unlink()
    write_json(manifest, {**told, "litemill": "9"})

    assert "build: stale: package" in refusal(project.litemill("release"))


def test_a_failed_gate_is_refused_and_named(project):
    """No release of what failed a check."""
    project.write("verdict.json", '{"passed": false, "failed": ["int8.snr_db: found 9"]}\n')
    project.commit()

    assert "gate: failed: int8.snr_db: found 9" in refusal(project.litemill("release"))


def test_a_gate_that_failed_is_told_from_one_that_never_ran(project):
    """It left no verdict; the report has the checks that it judged."""
    (project.root / "build/gate/verdict.json").unlink()
    assert "gate: never ran; run `dvc repro`" in refusal(project.litemill("release"))

    checks = {"snr_db": {"passed": False}, "finite": {"passed": True}}
    report = project.root / "build/report/report.json"
    report.unlink(missing_ok=True)
    write_json(report, {"variants": [{"variant": "int8", "checks": checks}]})
    assert "gate: failed: int8.snr_db; a release" in refusal(project.litemill("release"))


def test_an_input_that_is_in_no_commit_is_refused(project):
    """Git ignores it, DVC reads it: nobody else could build this."""
    project.write(".gitignore", project.read(".gitignore") + "/notes/secret.txt\n")
    project.write("notes/secret.txt", "Needed.\n")
    project.commit()

    assert "inputs: in no commit: notes/secret.txt" in refusal(project.litemill("release"))


def test_an_existing_version_is_kept_or_refused(project):
    """The same bytes are no second release; other bytes need a new version."""
    project.litemill("release")
    archive = project.root / "dist" / "digits-1.2.0.tar"
    before = archive.read_bytes()
    again = project.litemill("release")
    assert (0, before) == (again.status, archive.read_bytes())
    assert "exists already, the same bytes" in again.out

    project.git("commit", "--quiet", "--allow-empty", "--message", "Another commit")
    assert "exists with other bytes; give the release a new version" in refusal(
        project.litemill("release")
    )
    assert before == archive.read_bytes()


def test_a_signed_release_may_be_made_again_by_the_same_key_only(project, tmp_path):
    """Its signature differs each time; what is signed does not."""
    private, public = keys(tmp_path)
    other, _ = keys(tmp_path, "other")
    assert 0 == project.litemill("release", "--key", private).status
    archive = project.root / "dist" / "digits-1.2.0.tar"
    before = archive.read_bytes()

    assert "signed by the same key" in project.litemill("release", "--key", private).out
    assert "other bytes" in refusal(project.litemill("release", "--key", other))
    assert "other bytes" in refusal(project.litemill("release"))
    assert before == archive.read_bytes()
    assert "signed by" in project.litemill("verify", archive, "--key", public).out


def test_a_key_of_the_wrong_kind_is_refused_before_anything_is_done(project, tmp_path):
    """A public key, another kind, no key at all: one line each."""
    _, public = keys(tmp_path)
    (tmp_path / "rsa.pem").write_bytes(rsa())
    (tmp_path / "text.pem").write_text("hello", encoding="utf-8")

    for path, found in (
        (public, "not a private key"),
        (tmp_path / "rsa.pem", "a key of another kind"),
        (tmp_path / "text.pem", "not a private key"),
        (tmp_path / "none.pem", "no such file"),
    ):
        told = refusal(project.litemill("release", "--key", path))
        assert found in told
        assert 1 == len(told.splitlines())


def rsa():
    """Give an RSA private key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa as algorithm

    key = algorithm.generate_private_key(public_exponent=65_537, key_size=2048)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, form, serialization.NoEncryption())


def test_a_version_that_is_no_version_is_refused_by_the_command(project):
    """In one line, before Git and DVC are asked."""
    params = read_json(project.root / "build" / "params.json")
    params["release"]["version"] = "newest"
    write_json(project.root / "build" / "params.json", params)

    assert "'newest'" in refusal(project.litemill("release"))


def test_outside_of_a_project_it_says_so(tmp_path, project):
    """One line."""
    project.root = tmp_path
    assert 1 == len(refusal(project.litemill("release")).splitlines())
