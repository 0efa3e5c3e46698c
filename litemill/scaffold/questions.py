"""What is asked in a terminal where nobody can know, and what is assumed elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from litemill.core.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence


class Questions:
    """Asks people, or takes what is likely; either way the answer is printed."""

    def __init__(self, *, interactive: bool) -> None:
        """Ask only where `interactive` is true; otherwise assume."""
        self._interactive = interactive

    def say(self, text: str) -> None:
        """Print what was found."""
        print(text, flush=True)

    def assume(self, text: str) -> None:
        """Print what is taken to be so, without asking."""
        print(f"assumed: {text}", flush=True)

    def choose(self, question: str, options: Sequence[str], likely: str, *, why: str) -> str:
        """Return one of some options: the answer of the terminal, or the likely one.

        Args:
            question: ends without a question mark.
            options: what may be answered.
            likely: the one that an empty answer stands for.
            why: what the likely one is taken from.
        """
        if not self._interactive or len(options) < 2:  # noqa: PLR2004
            self.assume(f"{question}: {likely} ({why})")
            return likely
        while True:
            prompt = f"{question} ({', '.join(options)}) [{likely}, {why}]: "
            answer = self._read(prompt) or likely
            if answer in options:
                return answer
            print(f"{answer!r}: {nearest(answer, options)}", flush=True)

    def size(self, question: str, likely: tuple[int, int], *, why: str) -> tuple[int, int]:
        """Return a height and a width in pixels: `224 224`."""
        text = f"{likely[0]} {likely[1]}"
        if not self._interactive:
            self.assume(f"{question}: {text} ({why})")
            return likely
        while True:
            words = (self._read(f"{question} [{text}, {why}]: ") or text).replace("x", " ").split()
            if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):  # noqa: PLR2004
                return int(words[0]), int(words[1])
            print("expected two numbers: height and width", flush=True)

    def _read(self, prompt: str) -> str:
        try:
            return input(prompt).strip()
        except EOFError:
            self._interactive = False
            print(file=sys.stdout)
            return ""
