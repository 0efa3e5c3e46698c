"""Templates to HTML: every text is escaped, and a name that is not there is an error."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from litemill.core.number_format import significant_format
from litemill.report.verdict import short_number

NOTHING = "—"  # a cell without a value


def render(package: str, template: str, **context: Any) -> str:
    """Render a template in the folder templates/ of a package."""
    return _environment(package).get_template(template).render(context)


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": format_number,
        "significant": _significant,
        "span": _span,
        "short": short_number,
    }
    environment.globals["source"] = partial(_source, environment)
    return environment


def format_number(value: float | None, spec: str = ".4g") -> str:
    """Format a number by a format specification; None is a dash."""
    return NOTHING if value is None else format(value, spec)


def _significant(value: float | None) -> str:
    """Format a number of any size by its first digits."""
    return format_number(value, significant_format(value or 0.0))


def _span(ends: list[float] | None, spec: str = ".4g") -> str:
    return NOTHING if ends is None else f"{ends[0]:{spec}} to {ends[1]:{spec}}"


def _source(environment: Environment, name: str) -> Markup:
    """Return a file beside the templates as it is: CSS and JavaScript have braces of their own."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])  # noqa: S704 (our own file)
