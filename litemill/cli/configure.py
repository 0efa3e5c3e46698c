"""`litemill configure`: check the configuration and show what it changes in build/params.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Check conf/ and params.yaml, and show what a change means. With overrides in Hydra's"
        " grammar, show what they would change; nothing is written."
    )
    parser.epilog = "Example: litemill configure train.epochs=5 'variants=[int8]'"
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="such as train.epochs=5 or model=NAME"
    )
    parser.add_argument(
        "--show",
        nargs="?",
        const="",
        metavar="SECTION",
        help="print the composed configuration as YAML, or one section, such as variants.int8",
    )
    parser.add_argument(
        "--write", action="store_true", help="also write build/params.json, as `dvc repro` does"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one line for every resolved key that changes.

    A project that was never configured gets a summary of its choices instead.

    Raises:
        LitemillError: the configuration is wrong, an override is none, or there is no such section.
    """
    from litemill.core.errors import ConfigError

    words, shown = arguments.overrides, arguments.show
    if shown is not None and "=" in shown:
        words, shown = [shown, *words], ""
    if arguments.write and (words or shown is not None):
        expected = "use --write alone; params.yaml holds what is to stay"
        raise ConfigError("command line: --write", "beside overrides or --show", expected)
    if shown is not None:
        print(_section(shown, words), end="")
    elif words:
        print("\n".join(_changes(words)) or "no difference")
    else:
        _configure_project(write=arguments.write)
    return 0


def _section(path: str, words: Sequence[str]) -> str:
    """Return the composed configuration, or what is at a dotted path of it, as YAML."""
    import yaml

    from litemill.config.compose import compose
    from litemill.core.errors import ConfigError, nearest

    value: Any = compose(Path.cwd(), words).tree
    for key in path.split(".") if path else ():
        if not isinstance(value, dict) or key not in value:
            known = value if isinstance(value, dict) else ()
            raise ConfigError(
                f"--show {path}", f"no section {key!r}", nearest(key, map(str, known))
            )
        value = value[key]
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def _changes(words: Sequence[str]) -> Iterator[str]:
    """List what overrides change; where the project is wrong without them, what was written."""
    from litemill.config.parameters import written_sections
    from litemill.core.errors import LitemillError
    from litemill.pipeline.configure import configure as resolve
    from litemill.pipeline.stage_reasons import differences

    after = resolve(Path.cwd(), words)
    try:
        before = resolve(Path.cwd())
    except LitemillError:
        before = written_sections() or {}
    return differences(before, after)


def _configure_project(*, write: bool) -> None:
    from litemill.config.empty_choices import empty_choice_notes
    from litemill.config.parameters import PARAMS, write_parameters, written_sections
    from litemill.pipeline.configure import configure as resolve
    from litemill.pipeline.portability_notes import portability_notes
    from litemill.pipeline.stage_reasons import differences

    before, after = written_sections(), resolve(Path.cwd())
    if before is None:
        print("\n".join(_summary(PARAMS)))
    else:
        print("\n".join(differences(before, after)) or f"{PARAMS} is up to date")
    for note in [*empty_choice_notes(Path.cwd()), *portability_notes(after, Path.cwd())]:
        print(f"note: {note}")
    if write:
        write_parameters(after)


def _summary(params: Path) -> Iterator[str]:
    """Summarize the choices of a project whose parameters were not written, or were damaged."""
    from litemill.config.compose import compose
    from litemill.config.selection import LISTS, place_of

    composed = compose(Path.cwd())
    state = "damaged" if params.exists() else "not there yet"
    yield f"{params} is {state}; `litemill configure --write` or `dvc repro` writes it, from"
    single = {g: c for g, c in sorted(composed.choices.items()) if g not in LISTS.values()}
    width = max(map(len, (*single, *LISTS)))
    for group, choice in single.items():
        yield f"  {group:<{width}}  {choice} ({place_of(composed.root, group, choice)})"
    for key in LISTS:
        yield f"  {key:<{width}}  {', '.join(composed.tree.get(key) or ()) or 'none'}"
