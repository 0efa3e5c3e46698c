"""`litemill init --model --data`: what it finds out, assumes, asks and writes."""

from __future__ import annotations

import itertools
import os
import pty
import re
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import yaml
from grey_photos import CENTERS, classifier, write_photos
from PIL import Image
from project import Project, environment

from litemill.core.errors import DataError
from litemill.scaffold.images import find_images

TREE = "photos"


@pytest.fixture(scope="session")
def outside(tmp_path_factory):
    """Return a folder with what a person has: photos, and models that know them."""
    folder = tmp_path_factory.mktemp("outside")
    write_photos(folder / TREE)
    model = classifier()
    model.save(folder / "greys.h5")
    (folder / "model.py").write_text(CODE)
    return folder


CODE = '''\
"""A model of greys."""


def build(classes, units=4):
    import keras

    image = keras.Input((8, 8, 3), name="image")
    scaled = keras.layers.Rescaling(1 / 255)(image)
    hidden = keras.layers.Dense(units)(keras.layers.Flatten()(scaled))
    return keras.Model(image, keras.layers.Dense(classes, name="grey")(hidden))
'''


def init(folder, *words, status=0):
    """Run `litemill init` in a folder; return what it prints."""
    command = [sys.executable, "-m", "litemill", "init", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert status == done.returncode, done.stdout + done.stderr
    return done.stderr if status else done.stdout


@pytest.fixture(scope="session")
def started(outside, tmp_path_factory):
    """Return a project of the Keras file and the photos, and what was printed."""
    folder = tmp_path_factory.mktemp("started")
    shutil.copytree(outside / TREE, folder / TREE)
    (folder / TREE / "black" / "notes.txt").write_text("not an image")
    copy = folder / TREE / "dark" / "copy.png"
    shutil.copy(folder / TREE / "dark" / "0.png", copy)
    printed = init(folder, "app", "--model", str(outside / "greys.h5"), "--data", TREE, "--yes")
    project = Project(folder / "app")
    project.printed = printed
    return project


def choice(project, name):
    """Read a file of the project's conf/."""
    return yaml.safe_load(project.read(f"conf/{name}.yaml"))


def test_the_preprocessing_is_the_one_that_the_model_answers_best(started):
    """The model was made for -1..1, and only that makes it right."""
    data = choice(started, "data/photos")

    assert "tf" == data["load"]["preset"]
    assert "values are -1 to 1 (preset tf): top1 on 64 samples: raw 0.25" in started.printed
    assert ([8, 8], 3) == (data["load"]["size"], data["load"]["channels"])
    assert ("classification", "top1") == (data["task"], data["metric"]["name"])


def test_what_is_no_photo_or_there_twice_is_left_out_and_said(started):
    """Neither stops the build later."""
    assert "left out: 1 images that are there twice" in started.printed
    assert "left out: black/notes.txt, which are no images" in started.printed
    names = [path.name for path in (started.root / "data/photos/images").rglob("*.*")]
    assert (64, False) == (len(names), "copy.png" in names)


def test_the_project_composes_and_names_the_example_nowhere(started):
    """All that `litemill configure` checks; calibration has what its split has."""
    done = started.run(sys.executable, "-m", "litemill", "configure")

    assert 0 == done.status, done.err
    assert ["float32", "float16", "int8"] == yaml.safe_load(started.read("params.yaml"))["variants"]
    shown = started.run(sys.executable, "-m", "litemill", "configure", "--show", "variants.int8")
    assert "samples: 24" in shown.out
    files = [n for n in started.git("ls-files").splitlines() if not n.endswith((".lock", ".whl"))]
    texts = [n for n in files if not n.endswith((".png", ".h5"))]
    assert [] == [n for n in texts if "digits" in started.read(n)]


def test_every_choice_is_explained(started):
    """A comment above or beside each key of conf/."""
    for name in ("data/photos", "model/greys"):
        lines = started.read(f"conf/{name}.yaml").splitlines()
        for above, line in itertools.pairwise(lines):
            if re.match(r"  \w+: ", line) and "metric" not in "".join(lines[: lines.index(line)]):
                assert above.lstrip().startswith("#") or "#" in line, line


def test_the_models_own_code_is_copied_and_its_arguments_are_options(outside, tmp_path):
    """The number of classes is that of the folders; it scales by itself."""
    words = ["app", "--model-code", f"{outside / 'model.py'}:build", "--data", str(outside / TREE)]
    printed = init(tmp_path, *words, "--yes")
    project = Project(tmp_path / "app")

    build = {"_target_": "models.app.build", "classes": 4, "units": 4}
    assert build == choice(project, "model/app")["build"]
    assert "preset raw): the model itself multiplies image by 0.00392" in printed
    assert 0.7 == choice(project, "data/photos")["split"]["train"]
    done = project.run(sys.executable, "-m", "litemill", "configure")
    assert 0 == done.status, done.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("m.tflite", "`litemill inspect` describes it, and `litemill audit"),
        ("m.pb", "wrapped as a SavedModel"),
        ("m.onnx", "`onnx2tf -i FILE.onnx -o FOLDER`"),
        ("m.pt", "export it with torch.onnx.export"),
        ("m.zip", "no model by its name; expected a .keras or .h5 file, or a SavedModel folder"),
    ],
)
def test_files_that_are_no_source_model_get_one_line(tmp_path, name, said):
    """It says what to do; no project is left behind."""
    (tmp_path / name).write_bytes(b"something")

    printed = init(tmp_path, "app", "--model", name, "--data", "photos", status=1)

    assert (1, True) == (printed.count("\n"), said in printed)
    assert not (tmp_path / "app").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "m.h5"], "found --model without --data; expected a model and its data"),
        (["--data", "photos"], "found --data without --model; expected a model and its data"),
        (["--model-code", "mine.py", "--data", "x"], "'mine.py'; expected FILE.py:FUNCTION"),
        (["--model-code", "no.py:build", "--data", "x"], "no.py: no such file"),
    ],
)
def test_half_of_a_request_is_refused(tmp_path, words, said):
    """In one line, too."""
    (tmp_path / "m.h5").write_bytes(b"something")

    assert said in init(tmp_path, "app", *words, status=1)


def test_more_classes_than_the_model_answers_are_refused(outside, tmp_path):
    """Nothing can be judged then; the two ways out are named."""
    shutil.copytree(outside / TREE, tmp_path / TREE)
    (tmp_path / TREE / "other").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / TREE / "other" / "0.png")

    model = str(outside / "greys.h5")
    printed = init(tmp_path, "app", "--model", model, "--data", TREE, "--yes", status=1)

    assert "5 folders of classes, and the model answers 4 values; give --labels FILE" in printed


def test_a_terminal_is_asked_where_nobody_can_know(outside, tmp_path):
    """Photos without classes: nothing tells the preprocessing. A wrong answer is asked again."""
    shutil.copytree(outside / TREE / "dark", tmp_path / TREE)
    model = str(outside / "greys.h5")
    command = [sys.executable, "-m", "litemill", "init", "app", "--model", model, "--data", TREE]
    parent, child = pty.openpty()
    os.write(parent, b"ft\ntf\n")

    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdin=child, stdout=child, stderr=child
    ) as process:
        os.close(child)
        shown = b""
        while chunk := _read(parent):
            shown += chunk
    os.close(parent)

    assert 0 == process.returncode, shown.decode()
    assert b"'ft': expected one of: caffe, raw, tf, torch, unit" in shown
    data = choice(Project(tmp_path / "app"), "data/photos")
    assert ("none", "tf") == (data["task"], data["load"]["preset"])


def _read(terminal):
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other side is gone
        return b""


@pytest.mark.slow
@pytest.mark.pipeline
@pytest.mark.parametrize("kind", ["file", "saved_model", "code"])
def test_the_build_ends_in_judged_variants(outside, tmp_path, kind):
    """From each of the three kinds of models, with no key of YAML written by hand."""
    data = str(outside / TREE)
    if kind == "file":
        words = ["--model", str(outside / "greys.h5"), "--data", data]
    elif kind == "code":
        words = ["--model-code", f"{outside / 'model.py'}:build", "--data", data]
    else:
        classifier().export(tmp_path / "greys", verbose=False)
        centers = np.array([*CENTERS.values()] * 16, np.float32)
        noise = np.random.default_rng(1).normal(0, 0.05, (64, 8, 8, 3))
        image = (centers[:, None, None, None] + noise).astype(np.float32)
        np.savez(tmp_path / "greys.npz", x=image, label=np.arange(64) % 4)
        words = ["--model", str(tmp_path / "greys"), "--data", str(tmp_path / "greys.npz")]
    init(tmp_path, "app", *words, "--yes")
    project = Project(tmp_path / "app")

    built = project.dvc("repro")

    shown = project.run(sys.executable, "-m", "litemill", "show")
    assert 0 == built.status or kind == "code", built.out + built.err
    for variant in ("float32", "float16", "int8"):
        assert re.search(rf"^ *{variant} .*(pass|FAIL)", shown.out, re.MULTILINE), shown.out


def test_an_image_in_two_classes_is_refused(tmp_path):
    """Nobody can be right about it."""
    write_photos(tmp_path, 2)
    shutil.copy(tmp_path / "dark" / "0.png", tmp_path / "light" / "9.png")

    with pytest.raises(DataError, match=r"light/9.png: the same image as .*; expected one class"):
        find_images(tmp_path)


def test_usual_names_of_folders_are_splits(tmp_path):
    """Of train/ and test/ alone, a third of the first is for calibration."""
    write_photos(tmp_path / "train", 3)
    for number, name in enumerate(CENTERS):
        (tmp_path / "Test" / name).mkdir(parents=True)
        Image.new("RGB", (5, 5), (number, 0, 0)).save(tmp_path / "Test" / name / "0.png")

    (tmp_path / "Test/dark/0.png").unlink()
    (tmp_path / "Test/white/0.png").unlink()
    found = find_images(tmp_path)

    counts = Counter(image.split for image in found.images)
    assert {"calibration": 4, "train": 8, "evaluation": 2} == counts
    assert {"train": "train", "Test": "evaluation"} == found.parts
