"""What changed since the last release, as released.json remembers it.

The same commit has to give the same report, so a stage looks neither at tags nor at dist/. The last
release is an input: a small committed file that `litemill release --remember` writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.errors import DataError
from litemill.core.files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NUMBERS = ("bytes", "metric", "drop", "agreement", "snr_db")


def release_record(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what released.json holds of a release.

    Args:
        manifest: of its bundle.
    """
    return {
        "name": manifest["release"]["name"],
        "version": manifest["release"]["version"],
        "metric": manifest["metric"],
        "variants": {
            name: {
                "sha256": variant["sha256"],
                "bytes": variant["bytes"],
                **{key: variant["metrics"].get(key) for key in NUMBERS if key != "bytes"},
            }
            for name, variant in manifest["variants"].items()
        },
    }


def read_released(path: Path) -> dict[str, Any] | None:
    """Read released.json; without a release it is `{}` or absent.

    Raises:
        DataError: it is not a release.
    """
    if not path.is_file():
        return None
    content = read_json(path)
    if not isinstance(content, dict) or (content and not _is_release(content)):
        expected = "expected what `litemill release --remember` writes, or {}"
        raise DataError(path, "not a release", expected)
    return content or None


def _is_release(content: dict[str, Any]) -> bool:
    variants = content.get("variants")
    if "version" not in content or not isinstance(variants, dict):
        return False
    return all(isinstance(row, dict) and "sha256" in row for row in variants.values())


def release_changes(
    rows: list[dict[str, Any]],
    released: Mapping[str, Any],
    metric: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare variants with those of a release.

    Args:
        rows: of the report.
        released: what `read_released` returned.
        metric: that of the report. Numbers of another metric are left out of "before".

    Returns:
        {"release": its name and version, "metric": the release's where it is another than the
        report's, or None, "variants": [{"variant", "change": `same` bytes, `changed`, `added` or
        `gone`, "before": numbers or None, "after": numbers or None}]}.
    """
    other = _other_metric(released.get("metric"), metric)
    keys = [key for key in NUMBERS if not (other and key in ("metric", "drop"))]
    before = released["variants"]
    after = {row["variant"]: row for row in rows}
    return {
        "release": f"{released.get('name', '')} {released['version']}".strip(),
        "metric": other,
        "variants": [
            {
                "variant": name,
                "change": _change(before.get(name), after.get(name)),
                "before": _numbers(before.get(name), keys),
                "after": _numbers(after.get(name)),
            }
            for name in dict.fromkeys([*after, *before])
        ],
    }


def _change(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str:
    if old is None or new is None:
        return "added" if old is None else "gone"
    return "same" if old["sha256"] == new["sha256"] else "changed"


def _other_metric(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str | None:
    if not old or not new or old["name"] == new["name"]:
        return None
    return str(old["name"])


def _numbers(row: Mapping[str, Any] | None, keys: Sequence[str] = NUMBERS) -> dict[str, Any] | None:
    if row is None:
        return None
    return dict.fromkeys(NUMBERS) | {key: row.get(key) for key in keys}
