"""The kinds of targets: the one table that everything which must know them reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.targets.cpu import CpuKind
from litemill.targets.ethos_u import EthosUKind
from litemill.targets.tflm import TflmKind

if TYPE_CHECKING:
    from litemill.targets.kind import TargetKind

_ALL: tuple[TargetKind, ...] = (CpuKind(), TflmKind(), EthosUKind())
KINDS = {kind.name: kind for kind in _ALL}
