"""Every command line that a page or a comment shows is one: held to the real parsers."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest
import yaml
from test_docs import COMMENTS, PAGES

from litemill.cli import main
from litemill.config.schema.prepare import Duplicates, Task
from litemill.data import loaders
from litemill.pipeline.configure import configure

ROOT = Path(__file__).parents[2]
FILES = [*PAGES, *COMMENTS, ROOT / "litemill/template/README.md", ROOT / "measured" / "README.md"]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# What stands for a number: argparse asks for one.
NUMBERS = {"N": "1", "K": "1"}

FOREIGN = {"--rev", "--stage"}  # options that pages name of DVC's commands


def shown(text):
    """Give the command lines that are there to be typed: after a prompt, or indented."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [re.match(r"(?:\$ |    )litemill (.+)", line) for line in lines]
    return [match[1] for match in found if match]


def mentioned(text):
    """Give those that a sentence names: they may leave out what the command takes."""
    # A comment's or a sentence's line may end in between.
    plain = re.sub(r"\n *#? *", " ", FENCED.sub("", text))
    return re.findall(r"`litemill ([^`]+)`", plain) + re.findall(r"\$\(litemill ([^)]+)\)", plain)


def words(line):
    """Give the arguments of a line: all that is optional, the first alternative of each."""
    given = shlex.split(re.sub(r"[][]|\.\.\.", " ", line), comments=True)
    # `a|b` is either; a value's own `|` would be quoted.
    return [NUMBERS.get(word, word.partition("|")[0]) for word in given]


def refused(parser, lines, capsys):
    """Give the lines that a parser refuses, with its reason."""
    wrong = []
    for line in lines:
        try:
            parser.parse_args(words(line))
        except SystemExit:
            wrong.append((line, capsys.readouterr().err.splitlines()[-1]))
    return wrong


@pytest.fixture(scope="module")
def lenient():
    """Give the parser, with nothing required: commands, options and their values are checked."""
    parser = main.complete()
    [commands] = [action for action in parser._actions if action.dest == "command"]
    for sub in commands.choices.values():
        for one in (*sub._actions, *sub._mutually_exclusive_groups):
            one.required = False
    return parser


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_command_lines_are_what_the_program_takes(file, lenient, capsys):
    """Those to be typed as a whole; those in a sentence as far as they go."""
    text = file.read_text(encoding="utf-8")

    assert [] == refused(main.complete(), shown(text), capsys)
    assert [] == refused(lenient, mentioned(text), capsys)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_options_that_are_named_alone_are_some_commands(file, lenient):
    """As in the table of README.md."""
    [commands] = [action for action in lenient._actions if action.dest == "command"]
    actions = [action for sub in commands.choices.values() for action in sub._actions]
    known = {word for action in actions for word in action.option_strings} | FOREIGN
    named = re.findall(r"`(--[\w-]+)", FENCED.sub("", file.read_text(encoding="utf-8")))

    assert [] == [name for name in named if name not in known]


def test_most_command_lines_are_found():
    """Of each form, so that none passes because it was not looked at."""
    texts = [file.read_text(encoding="utf-8") for file in FILES]

    whole = [words(line)[0] for text in texts for line in shown(text)]
    named = [words(line)[0] for text in texts for line in mentioned(text)]
    assert {"audit", "benchmark", "convert", "improve", "release", "sweep", "verify"} <= set(whole)
    assert set(main.COMMANDS) == set(named)
    comment = ROOT / "conf" / "sweep" / "default.yaml"
    assert ["sweep"] == mentioned(comment.read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", ["release --keys PUBLIC", "verfy", "build -j many", "init"])
def test_a_wrong_command_line_is_found(line, lenient, capsys):
    """An option that is gone, a command, a value of another type, and what is missing."""
    parser = main.complete() if line == "init" else lenient

    assert [line] == [given for given, _ in refused(parser, [line], capsys)]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_stages_that_dvc_is_to_build_are_there(file):
    """`dvc repro` and a name."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]
    named = re.findall(r"dvc repro(?: -s)? ([a-z]\w+)", FENCED.sub("", file.read_text()))

    assert [] == [name for name in named if name not in stages]


@pytest.mark.parametrize("file", [*FILES, ROOT / "Makefile"], ids=lambda path: path.name)
def test_programs_of_benchmarks_have_the_options_that_they_are_run_with(file):
    """As their sources declare them: most take long to start."""
    runs = re.findall(r"python -m benchmarks\.(\w+)([^`\n]*)", file.read_text(encoding="utf-8"))
    named = [(name, flag) for name, rest in runs for flag in re.findall(r"--[\w-]+", rest)]
    sources = {name: (ROOT / "benchmarks" / f"{name}.py").read_text() for name, _ in runs}

    assert [] == [(name, flag) for name, flag in named if f'"{flag}"' not in sources[name]]


@pytest.mark.parametrize("name", ["npz", "csv", "image_folder"])
def test_the_comment_on_data_names_the_arguments_of_a_loader(name):
    """As conf/data/digits.yaml lists them: all that a person may set."""
    text = (ROOT / "conf/data/digits.yaml").read_text()
    [told] = re.findall(rf"#   stages\.loaders\.{name} +(.+)", text)
    listed = re.findall(r"(\w+)(?:: (?:\{[^}]*\}|\[[^]]*\]|\w+))?", told)

    known = inspect.signature(getattr(loaders, name)).parameters
    assert set(known) - {"task", "scratch"} == set(listed)


@pytest.mark.parametrize(("key", "choices"), [("task", Task), ("duplicates", Duplicates)])
def test_the_comment_on_data_lists_every_choice(key, choices):
    """In a line of its own, above the key."""
    before = (ROOT / "conf/data/digits.yaml").read_text().partition(f"{key}: ")[0]
    block = re.findall(r"(?:^ *#.*\n)+(?= *\Z)", before, re.MULTILINE)[-1]

    assert [choice.name for choice in choices] == re.findall(r"#   (\w+)  +", block)


def test_the_example_of_overrides_is_accepted(tree):
    """That of params.yaml."""
    text = (tree / "params.yaml").read_text()
    [example] = re.findall(r"for example (\{.+\})\.", text)
    (tree / "params.yaml").write_text(text.replace("overrides: {}", f"overrides: {example}"))

    resolved = configure(tree)

    assert (5, 50) == (
        resolved["train"]["fit"]["epochs"],
        resolved["convert"]["int8"]["calibration"]["samples"],
    )
