"""Each page on extending, done as it says, on a built copy of this project."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
import yaml
from project import ROOT

PAGES = {path.stem: path for path in sorted((ROOT / "docs" / "extending").glob("*.md"))}
# Pages whose code goes into the package; tests beside that code apply and run them.
ELSEWHERE = {"report_column": "report/test_columns.py", "source_kind": "models/test_kinds_page.py"}
# What is built after a section of a page was applied, and the stages that must run for it.
BUILT = {
    ("check", "A check of your own"): (["gate"], {"report", "gate"}),
    ("loader", "With code"): (["prepare"], {"prepare"}),
    ("loader", "Arrays"): (["prepare"], {"prepare"}),
    ("loader", "A table"): (["train"], {"prepare", "train"}),
    ("loader", "Images"): (["prepare"], {"prepare"}),
    ("metric", "A score of your own"): (["report"], {"validate@float32", "validate@int8"}),
    ("model", "With code"): (["convert@float32"], {"train", "convert@float32"}),
    ("model", "A trained model"): (["convert@float32"], {"train", "convert@float32"}),
    ("model", "A function"): (["convert@float32"], {"train", "convert@float32"}),
    ("option", "An option of the converter"): (["convert@int8"], {"convert@int8"}),
    ("stage", "A stage of your own"): (["sizes"], {"sizes"}),
    ("variant", "A recipe"): (["convert@int4"], {"convert@int4"}),
    ("variant", "Options"): (["convert@int8_careful"], {"convert@int8_careful"}),
}
BLOCK = re.compile(
    r'```\w+\n# ([^\s,]+)(?:, (?:class (\w+)|before "([^\n]+)"))?\n(.*?)```', re.DOTALL
)


def sections(page):
    """Return the sections of a page by their titles."""
    text = PAGES[page].read_text(encoding="utf-8")
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


def blocks(text):
    """Return file, class, line that it goes before, and content of each block that names a file."""
    return [block for block in BLOCK.findall(text) if "." in block[0]]


def apply(project, block):
    """Write a block where its first line says; return the file."""
    name, part, line, body = block
    if name == "params.yaml":
        values = yaml.safe_load(project.read(name)) | yaml.safe_load(body)
        project.write(name, yaml.safe_dump(values, sort_keys=False))
    elif part:
        lines = project.read(name).splitlines(keepends=True)
        nodes = ast.walk(ast.parse("".join(lines)))
        end = next(node.end_lineno for node in nodes if getattr(node, "name", None) == part)
        project.write(name, "".join([*lines[:end], body, *lines[end:]]))
    elif line:
        text = project.read(name)
        assert 1 == text.count(f"\n{line}")
        project.write(name, text.replace(f"\n{line}", f"\n{body}{line}"))
    else:
        project.write(name, body)
    return name


def supply(project, page, title):
    """Write the files that a section tells its reader to have."""
    mine = project.root / {"loader": "data/mine", "model": "models/mine"}.get(page, "metrics")
    mine.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    if title == "Arrays":
        x, y = random.random((300, 8, 8, 1), np.float32), np.arange(300) % 10
        np.savez(mine / "samples.npz", x=x, y=y)
    elif title == "A table":
        rows = random.random((300, 11))
        names = [*(f"column_{number}" for number in range(10)), "progression"]
        np.savetxt(mine / "table.csv", rows, delimiter=",", header=",".join(names), comments="")
    elif title == "Images":
        from PIL import Image

        for number in range(300):
            folder = mine / str(number % 10)
            folder.mkdir(exist_ok=True)
            pixels = random.integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    elif title == "A trained model":
        source = project.root / "build/train/model.keras"
        script = f"import keras; keras.models.load_model({str(source)!r}).save('{mine}/model.h5')"
        done = project.run("python", "-c", script)
        assert 0 == done.status, done.err
    elif title == "A function":
        np.save(mine / "weights.npy", random.random((64, 10), np.float32))


def test_every_section_is_built_by_a_test():
    """Here, or by the test that the page's own package has."""
    here = {(page, title) for page in PAGES for title in sections(page)}
    assert {section for section in here if section[0] not in ELSEWHERE} == set(BUILT)
    assert [] == [name for name in ELSEWHERE.values() if not (ROOT / "tests" / name).is_file()]


def _each():
    """Yield every section that is built; all but the first of some pages are slow."""
    pages = {"check", "metric", "model"}
    for page, title in BUILT:
        yield pytest.param(page, title, marks=[pytest.mark.slow] if page in pages else [])
        pages.add(page)


@pytest.mark.parametrize(("page", "title"), _each())
def test_a_page_works_as_written(page, title, release):
    """It is applied to a built project; the stages that it concerns run, and succeed."""
    supply(release, page, title)
    touched = {apply(release, block) for block in blocks(sections(page)[title])}
    targets, stages = BUILT[page, title]

    done = release.repro(*targets)

    assert stages <= set(done.stages)
    assert len(touched) <= int(touches(page))


def touches(page):
    """Return how many files a page says that its reader touches: numbers, and files by name."""
    [line] = re.findall(r"^Touches: (.+?)\.\n", PAGES[page].read_text(), re.MULTILINE | re.DOTALL)
    counts = [int(number) for number in re.findall(r"\b(\d+) (?:file|choice)", line)]
    return sum(counts) + len(re.findall(r"params\.yaml|dvc\.yaml|and the variant", line))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_each_thing_in_few_lines(page):
    """At most thirty: beside the line that names the file."""
    long = [block[0] for block in blocks(PAGES[page].read_text()) if block[3].count("\n") > 36]
    assert [] == long


def test_the_index_names_every_page():
    """And no other."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    assert set(PAGES) == set(re.findall(r"\]\(extending/(\w+)\.md\)", text))
