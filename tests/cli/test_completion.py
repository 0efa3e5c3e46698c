"""The script of `litemill completion`, sourced by a real bash that is asked to complete."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys

import pytest
from project import ROOT

from litemill.cli.main import COMMANDS

# What bash does when Tab is pressed after a line: sets these, then calls the command's function.
TAB = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=$((${#COMP_LINE}))
function=$(complete -p litemill | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
$function litemill "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """Write a shell's script to a file."""

    def written(shell):
        command = [sys.executable, "-m", "litemill", "completion", shell]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        path = tmp_path_factory.mktemp("completion") / shell
        path.write_text(done.stdout)
        return path

    return written


@pytest.fixture(scope="module")
def tab(script):
    """Complete a line in this project's folder."""
    path = script("bash")

    def pressed(*line):
        command = ["bash", "--norc", "-c", TAB, "bash", str(path), "litemill", *line]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert "" == done.stderr
        return done.stdout.split()

    return pressed


def test_bash_completes_commands(tab):
    """All of them, or those that begin like the word."""
    assert set(COMMANDS) == {word for word in tab("") if not word.startswith("-")}
    assert ["verify"] == tab("ver")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["convert", "--vari"], "--variant"),
        (["convert", "--variant", "int8_"], "int8_float_io"),
        (["improve", "int8_"], "int8_float_io"),
        (["sensitivity", "int8_"], "int8_float_io"),
        (["benchmark", "int8_"], "int8_float_io"),
        (["benchmark", "float32", "int8_"], "int8_float_io"),
        (["explain", "conv"], "convert@int8"),
        (["list", "vari"], "variant"),
        (["show", "--format", "mark"], "markdown"),
        (["inspect", "READ"], "README.md"),
        (["convert", "--keras_model_file", "READ"], "README.md"),
        (["completion", "z"], "zsh"),
    ],
)
def test_bash_completes_options_variants_stages_and_files(tab, line, expected):
    """From the project that one is in."""
    assert expected in tab(*line)


def test_bash_offers_no_variant_where_a_new_one_is_named(tab):
    """For example to the sweep that makes it."""
    assert [] == tab("sweep", "--as", "int8_")


def test_tab_completes_a_stage_in_an_interactive_bash(script):
    """Also after its @, where bash would split the word."""
    read, write = pty.openpty()
    command = ["bash", "--norc", "--noprofile", "-i"]
    # A session of its own: in the background of a shell, a terminal would stop it.
    streams = {"stdin": write, "stdout": write, "stderr": write, "start_new_session": True}
    with subprocess.Popen(command, cwd=ROOT, **streams) as bash:
        typed = f"bind 'set enable-bracketed-paste off'; source {script('bash')}\n"
        os.write(read, f"{typed}litemill explain validate@dyn\t".encode())
        seen = b""
        while b"validate@dynamic_range" not in seen and select.select([read], [], [], 20)[0]:
            seen += os.read(read, 4096)
        bash.kill()
    os.close(read)
    os.close(write)

    assert b"validate@dynamic_range" in seen


def test_the_script_for_zsh_is_one(script):
    """Where there is a zsh, it parses it."""
    path = script("zsh")
    assert path.read_text().startswith("#compdef litemill")
    assert "compadd -- $(sed" in path.read_text()
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n", str(path)], check=True)
