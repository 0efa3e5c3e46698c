from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from litemill.config.schema.numerics import Numerics
from litemill.pipeline.configure import configure
from litemill.pipeline.portability_notes import portability_notes
from litemill.runtime import portability

FAST = Numerics(
    deterministic=False, threads=0, instruction_set=None, onednn=True, cache_sizes=None, gpu=True
)
NORMALIZED = """
import keras

def build(*, filters, units, dropout, classes):
    image = keras.Input((8, 8, 1), name="image")
    hidden = keras.layers.Conv2D(filters[0], 3)(image)
    hidden = keras.layers.BatchNormalization()(hidden)
    digit = keras.layers.Dense(classes, name="digit")(keras.layers.Flatten()(hidden))
    return keras.Model(image, digit)
"""


def test_the_default_promises_the_same_weights_anywhere():
    """Neither settings nor the model stand in the way, so the processor is not named."""
    expected = {"same_weights_on": portability.PORTABLE, "because": [], "processor": None}

    assert expected == portability.portability_record(Numerics(), [])


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"cache_sizes": None}, portability.SAME_KIND),
        ({"instruction_set": "AVX512_CORE"}, portability.SAME_KIND),
        ({"onednn": True}, portability.SAME_KIND),
        ({"threads": 0}, portability.NOWHERE),
        ({"deterministic": False}, portability.NOWHERE),
    ],
)
def test_a_looser_setting_promises_less_and_names_the_processor(changed, where):
    """And is named as the reason."""
    told = portability.portability_record(replace(Numerics(), **changed), [])

    assert where == told["same_weights_on"]
    assert next(iter(changed)) in told["because"][0]
    assert told["processor"]


def test_fast_promises_nothing_and_says_which_settings_are_why():
    """All six."""
    told = portability.portability_record(FAST, [])

    assert (portability.NOWHERE, 6) == (told["same_weights_on"], len(told["because"]))


def test_an_operation_that_differs_promises_the_same_kind_of_processor():
    """The weights depend on it, so it is named."""
    told = portability.portability_record(Numerics(), ["Rsqrt"])

    assert (portability.SAME_KIND, ["operation Rsqrt"]) == (
        told["same_weights_on"],
        told["because"],
    )


def test_imported_weights_are_the_same_anywhere():
    """Whatever the settings: nothing was trained."""
    assert portability.IMPORTED == portability.portability_record(FAST, None)["same_weights_on"]


def test_cache_sizes_that_cannot_be_fixed_promise_the_same_kind_of_processor():
    """With the reason; imported weights do not depend on it."""
    record = portability.portability_record(Numerics(), [], "no such symbol")

    assert portability.SAME_KIND == record["same_weights_on"]
    assert ["numerics.cache_sizes: no such symbol"] == record["because"]
    assert portability.processor_name() == record["processor"]
    imported = portability.portability_record(Numerics(), None, "no such symbol")
    assert portability.IMPORTED == imported["same_weights_on"]


@pytest.mark.parametrize(
    "line",
    [
        "keras.layers.BatchNormalization()(x)",
        "from keras.layers import LayerNormalization",
        "Dense(3, activation='softmax')",
        "Dense(3, activation=gelu)",
        "ops.rsqrt(x)",
    ],
)
def test_names_of_what_differs_are_found_in_source_code(line):
    """However they are written."""
    assert 1 == len(portability.names_in_source([ast.parse(line)]))


def test_configure_says_at_once_which_part_of_the_promise_holds(tree):
    """For a model with batch normalization: before anything is trained."""
    assert [] == portability_notes(configure(tree), tree)

    (tree / "models/digits_cnn/__init__.py").write_text(NORMALIZED)
    (line,) = portability_notes(configure(tree), tree)

    assert line.startswith("models.digits_cnn.build: uses BatchNormalization,")
    assert portability.SAME_KIND in line


def test_configure_says_what_fast_costs(tree):
    """With the settings that cost it."""
    params = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(params + "numerics: fast\n")
    (line,) = portability_notes(configure(tree), tree)

    assert "numerics.deterministic: false" in line
    assert portability.NOWHERE in line


@pytest.mark.pipeline
@pytest.mark.slow
def test_train_looks_at_the_graph_and_the_card_says_it(release):
    """What was computed counts, not what the code seems to say."""
    release.write("models/digits_cnn/__init__.py", NORMALIZED)
    release.edit("params.yaml", "snr_db: 1,", "snr_db: null,")
    release.repro()

    told = release.read("build/train/portability.json")
    assert "operation Rsqrt" in told
    assert portability.processor_name() in told
    assert portability.SAME_KIND in release.read("build/package/MODEL_CARD.md")
