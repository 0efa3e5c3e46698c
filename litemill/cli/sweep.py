"""`litemill sweep`: try many conversions of the built model, and see which are worth it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

EXAMPLE = "litemill sweep base=int8 calibration.samples=20,50,100 per_channel_dense=true,false"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Convert and measure the model that `dvc repro export` built, for every point of a grid. "
        "Points that were computed before, by any sweep, are not computed again."
    )
    parser.epilog = f"Example: {EXAMPLE}"
    parser.add_argument(
        "grid",
        nargs="*",
        metavar="OPTION=VALUES",
        help="options of a variant in the grammar of Hydra's overrides; sweep=NAME starts from "
        "conf/sweep/NAME.yaml (default, if there is no grid); base, search, budget, seed, "
        "max_drop, engine, address, workers, seconds and limit are settings",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="points that a sweep may have")
    parser.add_argument(
        "--name", help="of the result, build/sweeps/NAME (default: the file's, or grid)"
    )
    group = parser.add_argument_group("instead of a sweep")
    group.add_argument("--promote", metavar="POINT", help="make a point of the result a variant")
    group.add_argument("--as", dest="variant", metavar="NAME", help="the variant's name")


def run(arguments: argparse.Namespace) -> int:
    """Sweep and show the front, 1 when not one point was made; or promote a point.

    Raises:
        LitemillError: nothing to sweep over, nothing built, or something that cannot be.
    """
    return _promote(arguments) if arguments.promote is not None else _sweep(arguments)


def _sweep(arguments: argparse.Namespace) -> int:
    from litemill.conversion.sweep_request import resolve_sweep
    from litemill.core.errors import ConfigError
    from litemill.sweep.cli_overrides import parse_overrides
    from litemill.sweep.progress import Progress
    from litemill.sweep.result import run_sweep
    from litemill.sweep.summary import print_front

    if arguments.variant is not None:
        raise ConfigError("--as", "a name for a point", "expected --promote POINT with it")
    limit = [] if arguments.limit is None else [f"limit={arguments.limit}"]
    asked = parse_overrides([*arguments.grid, *limit], Path.cwd())
    out = _folder(arguments.name or asked.name)
    checked = resolve_sweep(asked.choice, Path.cwd(), asked.place, asked.places)
    result = run_sweep(checked, out, Progress())
    print_front(result, out)
    return 0 if result["counts"]["done"] else 1


def _promote(arguments: argparse.Namespace) -> int:
    from litemill.core.errors import ConfigError
    from litemill.sweep.promote import promote

    if beside := [*arguments.grid, *([] if arguments.limit is None else ["--limit"])]:
        problem = "a word for a sweep, beside --promote"
        raise ConfigError(f"command line: {beside[0]}", problem, "expected one or the other")
    results = _results(arguments.name)
    having = [path for path in results if _has(path, arguments.promote)]
    name, file = promote(arguments.promote, arguments.variant, (having or results)[0], Path.cwd())
    print(f"{file} written, {name} added to the variants in params.yaml; `dvc repro` builds it")
    return 0


def _results(name: str | None) -> list[Path]:
    """List the results of that name, or all: of the command and of the stage, the newest first."""
    from litemill.core.errors import ConfigError

    folders = [folder for kind in ("sweeps", "sweep") for folder in Path("build", kind).glob("*")]
    files = [one / "sweep.json" for one in folders if name in (None, one.name)]
    found = sorted((file for file in files if file.is_file()), key=_age)
    if not found:
        place = "build/sweeps" if name is None else f"build/sweeps/{name}"
        raise ConfigError(place, "no result", "run `litemill sweep` first")
    return found


def _folder(name: str) -> Path:
    from litemill.core.errors import ConfigError

    if name != Path(name).name or name.startswith("."):
        raise ConfigError("--name", f"{name!r}", "expected the name of a folder")
    return Path("build/sweeps") / name


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _has(path: Path, point: str) -> bool:
    from litemill.core.files import read_json

    return any(row["point"].startswith(point) for row in read_json(path)["points"])
