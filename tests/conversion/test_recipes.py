from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial

import pytest
import yaml
import zoo

from litemill.conversion import recipes
from litemill.core.errors import ConfigError

resolve = partial(recipes.resolve_recipe, place="conf/variant/v.yaml: recipe")

# Quantizes the file in argv[1] by the recipe in argv[2]; prints its digest.
QUANTIZE = """
import hashlib, json, pathlib, sys
from litemill.conversion import recipes
import numpy as np
rules = json.loads(sys.argv[2])
samples = [{"features": np.full((1, 32), step / 8, np.float32)} for step in range(8)]
given = (lambda: samples) if recipes.recipe_is_calibrated(rules) else None
content = pathlib.Path(sys.argv[1]).read_bytes()
file = recipes.quantize(content, rules, "serving_default", given, place="variant v")
print(hashlib.sha256(file).hexdigest())
"""


@pytest.mark.parametrize("name", sorted(recipes.named_recipes()))
def test_every_named_recipe_is_plain_rules(name):
    """As build/params.json and JSON files hold them."""
    rules = resolve(name)

    assert json.loads(json.dumps(rules)) == rules == yaml.safe_load(yaml.safe_dump(rules))
    assert rules == resolve(rules)


def test_recipes_for_the_signatures_of_one_family_are_no_recipes_here():
    """They are mappings of signatures to rules."""
    with pytest.raises(ConfigError, match="no recipe 'gemma4_mixed48'"):
        resolve("gemma4_mixed48")


def test_a_rule_may_take_another_recipe_for_some_operators():
    """Regular expression and kind of operator are its own."""
    (rule,) = resolve([{"regex": "dense", "recipe": "weight_only_wi4_afp32"}])

    assert ("dense", "*") == (rule["regex"], rule["operation"])
    assert 4 == rule["op_config"]["weight_tensor_config"]["num_bits"]


def test_a_rule_may_spare_operators():
    """Without a configuration."""
    rules = resolve(
        [{"recipe": "dynamic_wi8_afp32"}, {"regex": "last", "algorithm_key": "no_quantize"}]
    )

    assert {"regex": "last", "operation": "*", "algorithm_key": "no_quantize", "op_config": {}} == (
        rules[1]
    )


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("dynamic_wi8_afp23", "did you mean 'dynamic_wi8_afp32'?"),
        ([], "expected a recipe's name, or its rules"),
        (7, "expected a recipe's name, or its rules"),
        (["dynamic_wi8_afp32"], "expected a rule, that is a mapping"),
        ([{"regexp": "x", "algorithm_key": "MSE"}], "did you mean 'regex'?"),
        ([{"regex": "x"}], "a rule without algorithm_key"),
        ([{"recipe": "none"}], "no recipe 'none'"),
        ([{"algorithm_key": "magic"}], "refuses a rule"),
        ([{"algorithm_key": "MSE", "op_config": {"weight_tensor_config": {}}}], "refuses a rule"),
    ],
)
def test_resolve_refuses_in_one_line(recipe, told):
    """Before anything is trained."""
    with pytest.raises(ConfigError) as caught:
        resolve(recipe)

    assert told in str(caught.value)
    assert str(caught.value).startswith("conf/variant/v.yaml: recipe: ")


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("static_wi8_ai8", True),
        ("static_wi8_ai16", True),
        ("dynamic_wi4_afp32", False),
        ([{"algorithm_key": "no_quantize"}], False),
    ],
)
def test_calibrated_tells_which_recipes_take_samples(recipe, expected):
    """Those that quantize activations ahead of time."""
    assert expected == recipes.recipe_is_calibrated(resolve(recipe))


def test_gptq_is_calibrated():
    """It looks at activations to choose weights."""
    assert recipes.recipe_is_calibrated([{"algorithm_key": "GPTQ", "op_config": {}}])
    assert not recipes.recipe_is_calibrated(None)


def test_types_are_those_that_the_rules_ask_for():
    """Of weights and of activations."""
    mixed = resolve([{"recipe": "static_wi8_ai16"}, {"recipe": "weight_only_wi4_afp32"}])

    assert {"int4", "int8"} == recipes.weight_types(mixed)
    assert {"int16"} == recipes.activation_types(mixed)


@pytest.mark.parametrize("name", ["dynamic_wi4b32_afp32", "static_wi8_ai8"])
def test_two_processes_give_the_same_bytes(name, tmp_path):
    """Whatever their hash seeds."""
    file = tmp_path / "float.tflite"
    file.write_bytes(zoo.file("blocks"))
    command = [sys.executable, "-c", QUANTIZE, str(file), json.dumps(resolve(name))]
    digests = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[-1]
        for seed in ("1", "2")
    }

    assert 1 == len(digests)
