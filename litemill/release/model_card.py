"""The model card: what the pipeline knows of a release, for those who decide whether to use it.

Sections follow Mitchell et al., Model Cards for Model Reporting (2019), as far as a build can know.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litemill.conversion.recipes import activation_types, weight_types
from litemill.data.input_values import describe_preprocessing
from litemill.release.render import render

if TYPE_CHECKING:
    from collections.abc import Mapping


def model_card(
    manifest: Mapping[str, Any], params: Mapping[str, Any], training: Mapping[str, Any]
) -> str:
    """Write MODEL_CARD.md.

    Args:
        manifest: of the bundle.
        params: the resolved parameters.
        training: metrics of the training; empty for an imported model.
    """
    options = params.get("train") or {}
    convert, variants = params.get("convert") or {}, manifest["variants"]
    fit = options.get("fit")
    return render(
        "model_card.md.j2",
        release=manifest["release"],
        data=manifest["data"],
        preprocessing=describe_preprocessing(manifest["data"]),
        splits=manifest["data"].get("splits") or {},
        build=((options.get("model") or {}).get("build") or {}).get("_target_"),
        fit=json.dumps(fit, indent=2, sort_keys=True) if fit else None,
        training=training,
        metric=manifest["metric"]["name"] if manifest["metric"] else "metric",
        variants=variants,
        quantization={name: _quantization(convert.get(name) or {}) for name in variants},
        weights={name: _weights(entry["weights"]) for name, entry in variants.items()},
        portability=manifest["training"],
        litemill=manifest["litemill"],
        versions={name: v for stage in manifest["toolchain"].values() for name, v in stage.items()},
    )


def _weights(shares: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {share['bytes']:,}" for name, share in shares.items())


def _quantization(options: Mapping[str, Any]) -> str:
    """Name the optimization, or the types that the recipe in its place requests."""
    rules = options.get("recipe")
    if not rules:
        return str(options.get("optimization") or "unknown")
    types = {"weights": weight_types(rules), "activations": activation_types(rules)}
    text = ", ".join(f"{' and '.join(sorted(names))} {of}" for of, names in types.items() if names)
    return f"recipe: {text}" if text else "recipe"
