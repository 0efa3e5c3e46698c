"""Files that the configuration names are dependencies, whichever argument names them."""

import pytest

from litemill.core.errors import ErrorGroup
from litemill.pipeline.configure import configure
from litemill.pipeline.reached import _argument_paths

DATA = """\
load: {_target_: litemill.data.loaders.image_folder, path: data/digits, classes: %s}
task: classification
"""


def test_arguments_that_name_files_are_found(tmp_path):
    """A word that happens to be a folder's name is a word."""
    (tmp_path / "data/mine").mkdir(parents=True)
    (tmp_path / "labels.txt").write_text("a\n")
    call = {
        "_target_": "labels.txt",
        "classes": "labels.txt",
        "folder": "data/mine",
        "word": "data",
        "missing": "other.txt",
        "number": 3,
    }

    found = dict(_argument_paths(call, tmp_path))

    assert {"classes": "labels.txt", "folder": "data/mine"} == found


def test_a_file_that_no_stage_would_depend_on_is_refused(tree):
    """Or an edit of it would rebuild nothing; in the folder of the data set it is one."""
    for file in ("labels.txt", "data/digits/labels.txt"):
        (tree / file).write_text("\n".join("0123456789"))

    (tree / "conf/data/digits.yaml").write_text(DATA % "data/digits/labels.txt")
    configure(tree)
    (tree / "conf/data/digits.yaml").write_text(DATA % "labels.txt")
    with pytest.raises(ErrorGroup, match=r"reaches labels\.txt, which is no dependency"):
        configure(tree)
