"""Templates to HTML: every text is escaped, and a name that is not there is an error."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from litemill.core.number_format import significant_format

NOTHING = "—"  # a cell without a value


def render(template: str, **context: Any) -> str:
    """Render a template of this package."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("litemill.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": format_number, "significant": _significant, "span": _span}
    environment.globals["source"] = _source
    return environment


def format_number(value: float | None, spec: str = ".4g") -> str:
    """Format a number by a format specification; None is a dash."""
    return NOTHING if value is None else format(value, spec)


def _significant(value: float | None) -> str:
    """Format a number of any size by its first digits."""
    return format_number(value, significant_format(value or 0.0))


def _span(ends: list[float] | None, spec: str = ".4g") -> str:
    return NOTHING if ends is None else f"{ends[0]:{spec}} to {ends[1]:{spec}}"


def _source(name: str) -> Markup:
    """Return a file beside the templates as it is: CSS and JavaScript have braces of their own."""
    loader = _environment().loader
    assert loader is not None
    return Markup(loader.get_source(_environment(), name)[0])  # noqa: S704 (our own file)
