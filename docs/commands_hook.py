"""Fill in the page of commands from the parsers themselves, when the site is built."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE, PLACE = "commands.md", "<!-- commands -->"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page as MkDocs shall render it; that of commands with all of them."""
    if page.file.src_uri != PAGE:
        return markdown
    return markdown.replace(PLACE, "\n".join(command_lines()))


def command_lines() -> Iterator[str]:
    """Write a section for each command: what it does, and its arguments."""
    from litemill.cli.main import complete

    top = complete()
    [commands] = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001 (argparse has no other way)
    for name, parser in commands.choices.items():
        yield f"## litemill {name}\n\n{parser.description}\n"
        yield "| argument | meaning |\n| --- | --- |"
        yield from (_row(action) for action in parser._actions)  # noqa: SLF001
        yield f"\n{parser.epilog or ''}\n"


def _row(action: argparse.Action) -> str:
    name = ", ".join(f"`{option}`" for option in action.option_strings)
    name = name or f"`{action.metavar or action.dest}`"
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    choices = f" One of {', '.join(map(str, action.choices))}." if action.choices else ""
    return f"| {name} | {text}{choices} |".replace("\n", " ")
