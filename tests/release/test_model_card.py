"""The model card: what it says of choices that the release of the tests does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from packaged import made

import litemill.conf
from litemill.config.schema.config import ModelChoice, ReleaseChoice
from litemill.conversion import recipes
from litemill.core.files import read_json
from litemill.release.bundle_readme import bundle_readme
from litemill.release.model_card import model_card

PRESETS = Path(litemill.conf.__file__).parent / "variant"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Return the manifest of a real package."""
    return read_json(made(tmp_path_factory.mktemp("card")) / "package" / "manifest.json")


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        ("weight_only_int4", "recipe: int4 weights"),
        ("mixed_int4", "recipe: int4 and int8 weights"),
        ("static_wi8_ai8", "recipe: int8 weights, int8 activations"),
    ],
)
def test_a_recipe_is_described_by_its_types(manifest, preset, text):
    """Beside it, `optimization` is none; the file is quantized all the same."""
    path = PRESETS / f"{preset}.yaml"
    recipe = yaml.safe_load(path.read_text())["recipe"] if path.exists() else preset
    resolved = {"optimization": "none", "recipe": recipes.resolve_recipe(recipe, "recipe")}

    card = model_card(manifest, {"convert": {"int8": resolved}}, {})

    assert f"\n| int8 | {text} | " in card


@pytest.mark.parametrize("key", ["intended_use", "limitations"])
def test_what_is_not_stated_names_the_key_that_states_it(manifest, key):
    """A key of the model's choice; the release's knows none of that name."""
    release = {**manifest["release"], key: ""}

    text = model_card({**manifest, "release": release}, {}, {})

    assert f"(`{key}` in `conf/model/`)" in text
    assert key in ModelChoice.__dataclass_fields__
    assert key not in ReleaseChoice.__dataclass_fields__


def test_card_and_readme_say_how_inputs_are_made(manifest):
    """An application has to do the same; what a loader declares in other words stands as it is."""
    declared = {
        "image": {
            "preset": "tf",
            "scale": "2/255",
            "mean": [1.0],
            "std": [1.0],
            "order": "RGB",
            "size": [96, 64],
            "resize": "bilinear",
            "exif_orientation": "ignored",
        },
        "sound": {"window": "hann"},
    }
    data = {**manifest["data"], "preprocessing": declared}

    for text in (
        model_card({**manifest, "data": data}, {}, {}),
        bundle_readme({**manifest, "data": data}, 3),
    ):
        assert "resize to 96 x 64 (height x width, bilinear); RGB channels; " in text
        assert "(value * 2/255 - 1) / 1, the preset `tf`." in text
        assert "window: hann." in text
    assert "## Inputs" not in bundle_readme(manifest, 3)
