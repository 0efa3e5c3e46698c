from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from litemill.core.errors import ReleaseError
from litemill.release.archive import LARGEST_TIME, source_date_epoch, write_archive

ROOT = Path(__file__).parents[2]
LONG = "golden/" + "n" * 90 + "/" + "o" * 60 + ".npy"
FILES = {"b.txt": b"two\n", "a/é.bin": bytes(range(256)) * 40, "B": b"", LONG: b"long"}
# Of the archive of these files: the same on every Python.
DIGEST = "a39b0a511399972b9ee765c75611985f2cbb3656c2217753ea9e42e1577e849d"
CODE = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from litemill.release.archive import write_archive
assert sys.argv[2] == "{}.{}".format(*sys.version_info)
write_archive(Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:], top="digits-1.2.0", time=86_400)
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of files with unlike names, sizes and modes."""
    for name, content in FILES.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "files" / "B").chmod(0o600)
    return tmp_path / "files"


def test_the_same_files_give_the_bytes_that_they_always_gave(folder, tmp_path):
    """Of any Python: tarfile's ustar headers with nothing of the machine."""
    write_archive(tmp_path / "a.tar", folder, FILES, top="digits-1.2.0", time=86_400)

    assert DIGEST == hashlib.sha256((tmp_path / "a.tar").read_bytes()).hexdigest()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_writes_the_same_bytes(folder, tmp_path, version):
    """In a process of each that is installed; the module needs only the standard library."""
    python = shutil.which(f"python{version}")
    probe = [python or "false", "--version"]
    if subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip(f"no Python {version} here")

    arguments = [ROOT, version, tmp_path / "a.tar", folder, *FILES]
    subprocess.run([python, "-I", "-c", CODE, *arguments], check=True)

    assert DIGEST == hashlib.sha256((tmp_path / "a.tar").read_bytes()).hexdigest()


def test_order_and_metadata_are_fixed(folder, tmp_path):
    """Names in byte order; owner, mode and time of no machine."""
    write_archive(tmp_path / "a.tar", folder, reversed(FILES), top="t", time=86_400)

    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    assert ["t/B", "t/a/é.bin", "t/b.txt", f"t/{LONG}"] == [one.name for one in members]
    fixed = {(one.uid, one.gid, one.uname, one.gname, one.mode, one.mtime) for one in members}
    assert {(0, 0, "", "", 0o644, 86_400)} == fixed


@pytest.mark.skipif(not shutil.which("tar"), reason="needs tar")
def test_tar_unpacks_it(folder, tmp_path):
    """No program of ours is needed."""
    write_archive(tmp_path / "a.tar", folder, FILES, top="t", time=0)
    subprocess.run(["tar", "-xf", "a.tar"], cwd=tmp_path, check=True)

    assert FILES == {name: (tmp_path / "t" / name).read_bytes() for name in FILES}


def test_a_name_that_does_not_fit_is_refused(folder, tmp_path):
    """By name."""
    (folder / ("n" * 120)).write_bytes(b"")

    with pytest.raises(ReleaseError) as refused:
        write_archive(tmp_path / "a.tar", folder, ["n" * 120], top="t", time=0)
    assert "n" * 120 == refused.value.place


def test_the_time_is_that_of_the_commit_unless_the_environment_has_another(monkeypatch):
    """SOURCE_DATE_EPOCH is what builds agree on."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert 1_700_000_000 == source_date_epoch(1_700_000_000)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert 86_400 == source_date_epoch(1_700_000_000)


@pytest.mark.parametrize("text", ["-1", "1.5", "tomorrow", str(LARGEST_TIME + 1), "٣"])
def test_a_source_date_epoch_that_is_no_time_is_refused(monkeypatch, text):
    """A wrong one would go into every file."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(ReleaseError) as refused:
        source_date_epoch(0)
    assert "SOURCE_DATE_EPOCH" == refused.value.place
