from __future__ import annotations

import numpy as np
import pytest
import zoo
from edited import edited

from litemill.data.samples import Samples
from litemill.evaluation.advice import Layer, advice, input_layers, noise_shares
from litemill.evaluation.layer_errors import compare_layers
from litemill.tflite.graph import Node, nodes

IMAGES = Samples({"image": zoo.batch_of(zoo.IMAGE, 12, seed=7)}, {}, None, "none")


def compared(name, samples=IMAGES, plain="float32", content=None):
    """Compare a file of the zoo with a float one."""
    return compare_layers(content or zoo.file(name), zoo.file(plain), samples, zoo.KEY, name)


@pytest.mark.parametrize("name", ["int8", "int8_float_io", "dynamic_range", "float16", "int16x8"])
def test_every_layer_of_every_kind_of_file_is_found(name):
    """Whatever operators store its numbers; at least as faithful as its type allows."""
    found = compared(name).rows

    assert ["CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE"] == sorted(
        row["operator"] for row in found
    )
    assert all(row["snr_db"] is None or row["snr_db"] > 20 for row in found)


def test_the_error_of_the_last_layer_is_that_of_the_answers():
    """The same numbers as by hand."""
    row = next(row for row in compared("int8").rows if row["name"].startswith("Stateful"))
    from litemill.tflite.interpreter import Kernels, Model

    answers = [
        Model(zoo.file(name), kernels=Kernels.no_delegate).run(IMAGES.inputs)["digit"]
        for name in ("int8", "float32")
    ]

    assert row["max_abs_error"] == pytest.approx(np.abs(answers[0] - answers[1]).max(), rel=1e-5)


def test_layers_of_a_file_of_fixed_batch_are_compared_in_its_batches():
    """The last batch is filled up."""
    assert all(row["snr_db"] is None or row["snr_db"] > 100 for row in compared("fixed_batch").rows)


def test_a_layer_whose_weights_are_wrong_is_the_worst_one():
    """And the one to mend."""

    def change(model):
        graph = model.subgraphs[0]
        last = [op for op in graph.operators if len(op.inputs) == 3][-1]
        weights = model.buffers[graph.tensors[last.inputs[1]].buffer]
        weights.data = np.roll(np.asarray(weights.data), 3)

    found = compared("int8", content=edited(zoo.file("int8"), change))

    assert found.rows[0]["name"].startswith("Stateful")
    assert any("'digit'" in line for line in found.advice)


def test_files_of_another_graph_are_not_compared():
    """Nothing is a layer of both."""
    steps = Samples({"x": zoo.batch_of((4,), 3)}, {}, None, "none")

    assert compared("logarithm", samples=steps, plain="float32") is None


def test_nodes_are_the_operators_in_their_order():
    """With the tensors that they read and write."""
    found = nodes(zoo.file("float32"))

    assert "CONV_2D" == found[0].operator
    assert "FULLY_CONNECTED" == found[-1].operator
    assert found[-2].outputs[0] in found[-1].inputs


def layer(number, error, *, holds=None, values=(1.0, -1.0)):
    """Return a layer with an error of this size."""
    made = Layer("tensor", f"layer{number}", "CONV_2D", number, number, holds)
    reference = np.array(values)
    made.error.add(reference, reference + error)
    return made


CHAIN = [Node("CONV_2D", (number,), (number + 1,)) for number in range(3)]


def test_advice_names_the_layer_that_adds_the_noise():
    """Not those after it, which only hand it on."""
    (message,) = advice([layer(1, 0.01), layer(2, 0.2), layer(3, 0.2)], CHAIN)

    assert message == (
        "keep CONV_2D 'layer2' in float: it adds 100% of all noise"
        " (40.0 dB before it, 14.0 dB after it)"
    )


def test_advice_looks_behind_a_softmax():
    """Which turns a little noise of its input into much, also in float."""
    chain = [*CHAIN[:2], Node("SOFTMAX", (2,), (3,))]
    (message,) = advice([layer(1, 0.01), layer(2, 0.1), layer(3, 0.5)], chain)

    assert "'layer2'" in message


def test_advice_blames_channels_of_very_different_size():
    """Where they are, not where their noise shows, nor an overshoot of the calibrated range."""
    uneven, last = layer(1, 0.0, holds=(-9.0, 4000.0)), layer(2, 0.3, holds=(-0.5, 0.5))
    values = np.array([[1.0, 4096.0, -2.0], [0.5, 4000.0, 2.0]])
    uneven.add(values, values + 0.01)
    uneven.label = "dense"
    (message,) = advice([uneven, last], CHAIN)

    assert message == (
        "balance the weights, or keep CONV_2D 'dense' in float: one scale holds all of its"
        " channels, and channel 1 is 2,048 times as large as half of them"
    )


def test_advice_is_to_calibrate_where_values_do_not_fit():
    """Float would hide what more samples mend."""
    (message,) = advice([layer(1, 0.3, holds=(-0.5, 0.5))], CHAIN)

    assert message == (
        "calibrate CONV_2D 'layer1' on more samples: it holds -0.5 to 0.5, and evaluation samples"
        " reach -1 to 1"
    )


def test_no_advice_for_a_faithful_file():
    """What is better than 40 dB needs none."""
    assert [] == advice([layer(1, 0.001)], CHAIN)
    assert [] == advice([], CHAIN)


def test_shares_are_of_what_layers_add_and_sum_to_one():
    """A layer that hands noise on adds none; infinite noise is all there is."""
    found = noise_shares([layer(1, 0.1), layer(2, 0.2), layer(3, 0.2)], CHAIN)
    lost = noise_shares([layer(1, 0.1), layer(2, np.nan), layer(3, 0.2)], CHAIN)

    assert [0.25, 0.75, 0.0] == pytest.approx([found[number] for number in (1, 2, 3)])
    assert {1: 0.0, 2: 1.0, 3: 0.0} == lost


def test_sources_look_through_what_is_no_layer():
    """As a QUANTIZE between two layers."""
    first, last = layer(1, 0.1), layer(3, 0.1)
    chain = [CHAIN[0], Node("QUANTIZE", (1,), (2,)), CHAIN[2]]

    assert {1: [], 3: [first]} == input_layers([first, last], chain)


def test_rows_name_the_layers_that_a_layer_reads():
    """By their own names; and what each adds is a share."""
    found = {row["name"]: row for row in compared("int8").rows}

    assert 1.0 == pytest.approx(sum(row["adds"] for row in found.values()))
    (last,) = [row for row in found.values() if row["label"] == "digit"]
    assert ["FULLY_CONNECTED"] == [found[name]["operator"] for name in last["reads"]]
