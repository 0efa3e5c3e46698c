from __future__ import annotations

import contextlib
import copy
import json
from argparse import Namespace
from pathlib import Path

import pytest
from packaged import Tiny, archived, made, released

from litemill.cli import compare as command
from litemill.core.files import read_json
from litemill.release.compatibility import Side, compare


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive of a release; not to be edited."""
    folder = tmp_path_factory.mktemp("release")
    project = Tiny(folder / "tiny", made(folder / "made"))
    released(project.root, folder / "digits-1.2.0")
    return archived(folder / "digits-1.2.0", folder / "digits-1.2.0.tar")


@pytest.fixture(scope="module")
def told(archive):
    """Its manifest; not to be edited."""
    return read_json(archive.parent / "digits-1.2.0" / "manifest.json")


@pytest.fixture
def manifest(told):
    """A copy of the manifest, to edit."""
    return copy.deepcopy(told)


def test_a_release_is_compatible_with_itself(told):
    """Nothing changed, and it says so."""
    found = compare(Side(told, "a\n"), Side(told, "a\n"))

    assert found.compatible is True
    assert not any(found.changes.values())


BREAKS = {
    "type": ("int8", lambda v: v["inputs"]["image"].update(dtype="uint8"), "uint8 instead of int8"),
    "scale": ("int8", lambda v: v["inputs"]["image"].update(scale=0.5), "scale and zero point"),
    "zero point": ("int8", lambda v: v["outputs"]["digit"].update(zero_point=99), "zero point"),
    "shape": ("int8", lambda v: v["inputs"]["image"].update(shape=[-1, 9, 8, 1]), "shape [-1, 9"),
    "rank": ("int8", lambda v: v["inputs"]["image"].update(shape=[-1, 64]), "shape [-1, 64]"),
    "batch": ("int8", lambda v: v["outputs"]["digit"].update(shape=[1, 10]), "shape [1, 10]"),
    "name": ("int8", lambda v: v["outputs"].update(x=v["outputs"].pop("digit")), "removed"),
    "new input": (
        "int8",
        lambda v: v["inputs"].update(x=v["inputs"]["image"]),
        "every input is required",
    ),
    "signature": ("int8", lambda v: v.update(signature="other"), "signature 'other'"),
}


@pytest.mark.parametrize("change", BREAKS)
def test_a_changed_contract_is_not_compatible(told, manifest, change):
    """Names, types, shapes and quantization of inputs and outputs, and the signature."""
    variant, edit, expected = BREAKS[change]
    edit(manifest["variants"][variant])

    found = compare(Side(told), Side(manifest))

    assert found.compatible is False
    assert f"{variant}: " in found.breaks[0]
    assert expected in " ".join(found.breaks)


def test_a_variant_that_is_gone_and_other_labels_are_not_compatible(told, manifest):
    """A consumer has no file, or names the wrong class."""
    del manifest["variants"]["int8"]

    assert ["int8: variant removed"] == compare(Side(told), Side(manifest)).breaks
    assert ["labels: renamed or reordered"] == compare(
        Side(told, "a\nb\n"), Side(told, "b\na\n")
    ).breaks


def test_more_than_before_is_compatible(told, manifest):
    """A variant or an output more, other weights, a size that may be set now."""
    manifest["variants"]["more"] = copy.deepcopy(manifest["variants"]["int8"])
    one = manifest["variants"]["float32"]
    one["outputs"]["extra"] = copy.deepcopy(one["outputs"]["digit"])
    one["bytes"] += 4
    one["metrics"]["snr_db"] = 60.0
    before = copy.deepcopy(told)
    before["variants"]["float32"]["inputs"]["image"]["shape"][0] = 1

    found = compare(Side(before), Side(manifest))

    assert found.compatible is True
    assert [("more", False, True)] == found.changes["variants"]
    assert "float32" == found.changes["size"][0][0]
    assert "float32.snr_db" in [row[0] for row in found.changes["metric"]]


def test_what_depends_on_the_consumer_is_not_decided(told, manifest):
    """New operators and a newer runtime: a microcontroller may have neither."""
    one = manifest["variants"]["int8"]
    one["operators"].append({**one["operators"][0], "name": "TANH"})
    one["min_runtime_version"] = "99.0.0"

    found = compare(Side(told), Side(manifest))

    assert found.compatible is None
    assert "needs further operators: TANH" in found.unknown[0]
    assert "needs runtime 99.0.0 instead of " in found.unknown[1]


def test_a_changed_toolchain_is_listed(told, manifest):
    """By package."""
    manifest["toolchain"]["convert"]["tensorflow"] = "2.22.0"

    assert [("tensorflow", "2.21.0", "2.22.0")] == compare(Side(told), Side(manifest)).changes[
        "toolchain"
    ]


def test_the_command_reads_two_archives_and_exits_with_the_verdict(archive, capsys):
    """0 for the same release."""
    assert 0 == command.run(Namespace(before=archive, after=archive, json=False))
    out = capsys.readouterr().out
    assert "operators: the same\n" in out
    assert out.endswith("compatible: every consumer of the first release can use the second\n")


def test_the_command_gives_json(archive, capsys):
    """For programs."""
    command.run(Namespace(before=archive, after=archive, json=True))
    told = json.loads(capsys.readouterr().out)

    assert told["compatible"] is True
    assert [] == told["breaks"]
    wanted = {"release", "variants", "size", "metric", "operators", "signature", "toolchain"}
    assert wanted <= set(told["changes"])


def test_a_file_that_is_no_release_cannot_be_compared(archive, tmp_path, capsys):
    """Exit status 2, and one line."""
    (tmp_path / "b.tar").write_bytes(archive.read_bytes()[:-3])

    status = command.run(Namespace(before=archive, after=tmp_path / "b.tar", json=False))

    captured = capsys.readouterr()
    assert (2, "") == (status, captured.out)
    assert 1 == len(captured.err.splitlines())


def test_a_path_through_a_file_is_no_verdict(archive, tmp_path, capsys):
    """Exit status 2, in one line: 1 would say that a consumer cannot take it."""
    (tmp_path / "f").write_bytes(b"")

    for one in (tmp_path / "f/x.tar", tmp_path / ("n" * 300)):
        assert 2 == command.run(Namespace(before=one, after=archive, json=False))
        assert 1 == len(capsys.readouterr().err.splitlines())


def test_a_verdict_that_cannot_be_told_is_none(archive, monkeypatch):
    """Such as into a full disk."""
    with contextlib.suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stdout", full)
        status = command.run(Namespace(before=archive, after=archive, json=False))

    assert 2 == status


def test_the_text_says_how_much(told, manifest):
    """Sizes with the difference in percent."""
    manifest["variants"]["int8"]["bytes"] = told["variants"]["int8"]["bytes"] * 2
    manifest["release"]["version"] = "2.0.0"

    lines = "\n".join(command._lines(compare(Side(told), Side(manifest))))

    assert "  version: 1.2.0 -> 2.0.0" in lines
    assert "(+100.0%)" in lines
