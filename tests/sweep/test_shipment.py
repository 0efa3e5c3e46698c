"""What a node of a cluster gets, and what it makes of it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest

from litemill.config.import_graph import PACKAGE
from litemill.core.files import sha256
from litemill.sweep import shipment
from litemill.sweep.inputs import score_modules
from litemill.sweep.node import Node

SCORE = {"metric": {"score": {"_target_": "models.mine.scores.near", "within": 2}}}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Let nodes keep their files below a folder of the test's; the folder of this user there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"litemill-sweep-{os.getuid()}"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project whose score lies among its models, with what it imports."""
    root = tmp_path / "project"
    for name, text in {
        "build/params.json": json.dumps({"validate": SCORE}),
        "build/train/imported/code/models/layers.py": "class Mine: ...\n",
        "build/train/imported/loading.json": "{}\n",
        "models/__init__.py": "",
        "models/mine/__init__.py": "",
        "models/mine/scores.py": "from near import distance\n",
        "models/other.py": "",
        "near/__init__.py": "from near.plane import distance\n",
        "near/plane.py": "distance = abs\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.chdir(root)
    return root


def test_a_node_gets_the_code_of_the_score_and_of_the_model(project):
    """Wherever in the project it lies, with the packages around it; and no other models."""
    found = shipment.files(project / "build")
    own = {name for name in found if not name.startswith("litemill/")}
    assert {
        *("build/params.json", "build/train/imported/loading.json"),
        "build/train/imported/code/models/layers.py",
        *("models/__init__.py", "models/mine/__init__.py", "models/mine/scores.py"),
        *("near/__init__.py", "near/plane.py"),
    } == own


@pytest.mark.usefixtures("project")
def test_a_node_gets_litemill_from_where_it_is_installed():
    """The project has none beside it; all code of the package, and no data."""
    shipped = shipment.files(Path("build"))
    code = {name for name in shipped if name.startswith("litemill/")}
    assert {
        "litemill/__init__.py",
        "litemill/sweep/serve.py",
        "litemill/metrics/__init__.py",
    } < code
    assert {".py"} == {Path(name).suffix for name in code}
    assert all(path == PACKAGE.parent / name for name, (path, _) in shipped.items() if name in code)


@pytest.mark.usefixtures("project")
def test_the_code_of_the_score_is_all_that_it_imports():
    """Which other measurements than those of other code; of installed packages there is none."""
    names = ["models/__init__.py", "models/mine/__init__.py", "models/mine/scores.py"]
    assert [*names, "near/__init__.py", "near/plane.py"] == list(score_modules(SCORE))
    assert {} == score_modules({"metric": {"score": {"_target_": "numpy.abs"}}})
    assert {} == score_modules({"metric": None})


def sent(listed, nodes, monkeypatch, size=4):
    """Ship in small blocks; how many went to each node."""
    monkeypatch.setattr(shipment, "BLOCK", size)
    blocks = dict.fromkeys(nodes, 0)

    def ask(several, method, *arguments, **named):
        for one in several:
            blocks[one] += method == "receive"
            yield one, getattr(one, method)(*arguments, **named)

    shipment.ship({name: (path, sha256(path)) for name, path in listed.items()}, nodes, ask)
    return list(blocks.values())


def test_files_come_once_to_each_node_by_their_content(tmp_path, home, monkeypatch):
    """Two names of one content, an empty file, and what was there already."""
    texts = {"a": b"0123456789", "b": b"0123456789", "c": b"", "d": b"4444"}
    listed = {name: tmp_path / name for name in texts}
    for name, text in texts.items():
        listed[name].write_bytes(text)
    one, other = Node(1, 60), Node(1, 60)
    assert [5] == sent(listed, [one], monkeypatch)
    assert [0] == sent(listed, [other], monkeypatch)
    listed["d"].write_bytes(b"5555")
    assert [1, 1] == sent(listed, [one, other], monkeypatch)
    assert {hashlib.sha256(t).hexdigest() for t in [*texts.values(), b"5555"]} == {
        path.name for path in (home / "files").iterdir()
    }
    assert all(sha256(path) == path.name for path in (home / "files").iterdir())


def test_a_node_keeps_no_file_that_is_not_what_it_is_called(home):
    """And takes the right one afterwards; halves that others left are not added to."""
    digest = hashlib.sha256(b"right").hexdigest()
    Node(1, 60).receive(digest, b"ri", last=False)
    (home / "files" / f"{digest}.{os.getpid()}.new").write_bytes(b"left")
    node = Node(1, 60)
    node.receive(digest, b"wr", last=False)
    with pytest.raises(ValueError, match=f"{digest}: found a file of "):
        node.receive(digest, b"ong", last=True)
    assert [digest] == node.missing([digest])
    node.receive(digest, b"ri", last=False)
    node.receive(digest, b"ght", last=True)
    assert [] == node.missing([digest])
    assert b"right" == (home / "files" / digest).read_bytes()


def test_a_folder_where_others_can_write_is_refused(home):
    """They could lay out code that we would run; our own is for us alone."""
    Node(1, 60)
    assert 0o700 == home.stat().st_mode & 0o777
    home.chmod(0o770)
    with pytest.raises(PermissionError, match="others can write there"):
        Node(1, 60)
    (home / "files").rmdir()
    home.rmdir()
    home.symlink_to(home.parent)
    with pytest.raises(PermissionError, match="others can write there"):
        Node(1, 60)
