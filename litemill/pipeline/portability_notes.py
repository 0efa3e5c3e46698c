"""What is weaker than `same data, same weights, on any processor`, as far as configure can know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config import import_graph
from litemill.config.parameters import as_dataclass
from litemill.config.schema.numerics import Numerics
from litemill.runtime import portability

if TYPE_CHECKING:
    from pathlib import Path


def portability_notes(sections: dict[str, Any], root: Path) -> list[str]:
    """List what is weaker than `same data, same weights, on any processor`, a line each.

    What the model computes is known when it is built; here, its source code is read for the names
    of layers and functions that lead there, and `train` looks at the graph itself.
    """
    train, numerics = sections["train"], as_dataclass(Numerics, sections["numerics"])
    if train["fit"] is None:
        return []
    where, settings = portability.settings_portability(numerics)
    if settings:
        return [f"{', '.join(settings)}: the same trained weights on {where}"]
    build = train["model"]["build"]
    file = import_graph.module_file(build["_target_"], root)
    sources = import_graph.closure(file, root) if file else ()
    trees = (import_graph.parse_module(source, root) for source in sources)
    names = portability.names_in_source(trees)
    names += sorted(portability.NAMES.intersection(map(str, build.values())))
    if not names:
        return []
    because = f"uses {', '.join(names)}, whose last bits depend on the processor"
    where = f"the same trained weights on {portability.SAME_KIND}; from these weights on, anywhere"
    return [f"{build['_target_']}: {because}: {where} (docs/reproducibility.md)"]
