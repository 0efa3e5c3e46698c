"""`litemill completion`: a shell's script that completes commands, options, stages and files.

shtab, which DVC completes with, writes the script. Choices of the package are written into it;
those of the project are read when Tab is pressed, without starting Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.import_graph import PACKAGE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

SHELLS = ("bash", "zsh")
# Shell commands that print words of the project: stages as dvc.lock names them, choices as conf/.
STAGES = "sed -n 's/^  \\([a-z_]*\\(@[^:]*\\)\\{0,1\\}\\):$/\\1/p' dvc.lock 2>/dev/null"
VARIANTS = "ls conf/variant 2>/dev/null | sed -n 's/\\.yaml$//p'"
GROUPS = "ls -d conf/*/ 2>/dev/null | sed 's/^conf.//;s/.$//'"
# Which arguments take them, whatever the command.
TAKES = {"target": "stages", "variant": "variants", "variants": "variants", "group": "groups"}
FOLDERS = ("DIR", "FOLDER", "REPOSITORY")
FILES = ("FILE", "SAMPLES")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Print a script that lets a shell complete `litemill`:"
        ' `eval "$(litemill completion bash)"` in ~/.bashrc, or'
        " `litemill completion zsh > DIR/_litemill` with a DIR of zsh's fpath."
    )
    parser.add_argument("shell", choices=SHELLS)


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from litemill.cli.main import complete

    parser = complete()
    for action in _actions(parser):
        # NAME is one that is to be given, not one that there is.
        if action.dest in TAKES and action.metavar != "NAME":
            name = f"_litemill_{TAKES[action.dest]}"
            action.complete = {"bash": name, "zsh": name}  # type: ignore[attr-defined]
        elif action.type is Path or action.metavar in (*FOLDERS, *FILES):
            folder = action.metavar in FOLDERS
            action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, shell=args.shell, preamble=_preamble(args.shell)))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    subparsers: Any = next(a for a in parser._actions if a.dest == "command")  # noqa: SLF001
    for sub in subparsers.choices.values():
        # argparse has no public way to list what was declared; shtab reads the same attribute.
        yield from sub._actions  # noqa: SLF001


def _words() -> dict[str, str]:
    """Return shell commands that print the stages, variants and groups, by name."""
    conf = PACKAGE / "conf"
    variants = " ".join(sorted(file.stem for file in (conf / "variant").glob("*.yaml")))
    groups = " ".join(sorted(folder.parent.name for folder in conf.glob("*/*.yaml")))
    return {
        "stages": STAGES,
        "variants": f"(printf '%s\\n' {variants}; {VARIANTS}) | sort -u",
        "groups": f"(printf '%s\\n' {groups}; {GROUPS}) | sort -u",
    }


def _preamble(shell: str) -> str:
    offer = 'compgen -W "$({words})" -- "$1"' if shell == "bash" else "compadd -- $({words})"
    lines = (
        f"_litemill_{name}() {{ {offer.format(words=words)}; }}" for name, words in _words().items()
    )
    # Otherwise bash takes what follows the @ of convert@int8 for a word of its own.
    first = ["COMP_WORDBREAKS=${COMP_WORDBREAKS//@}"] if shell == "bash" else []
    return "\n".join([*first, *lines])
