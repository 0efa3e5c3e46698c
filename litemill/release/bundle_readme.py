"""The bundle's README: what a device engineer does with it."""

from __future__ import annotations

from typing import Any


def bundle_readme(manifest: dict[str, Any], samples: int) -> str:
    """Give the bundle's README.md as Markdown.

    Args:
        manifest: the bundle's manifest.
        samples: how many golden samples the bundle carries.
    """
    release = manifest["release"]
    lines = [f"# {release['name']} {release['version']}", ""]
    lines += [f"{release[key]}\n" for key in ("description", "intended_use") if release.get(key)]
    lines += [f"License of the model: {release['license']}.\n"] if release.get("license") else []
    lines += ["| variant | bytes | inputs | outputs |", "| --- | ---: | --- | --- |"]
    lines += [
        f"| {name} | {one['bytes']} | {_types(one['inputs'])} | {_types(one['outputs'])} |"
        for name, one in manifest["variants"].items()
    ]
    return "\n".join(lines) + "\n" + GUIDE.format(samples=samples)


def _types(tensors: dict[str, Any]) -> str:
    return ", ".join(f"`{name}` {tensor['dtype']}" for name, tensor in tensors.items())


GUIDE = """
- `variants/`: the models. `manifest.json` has the SHA-256, types, quantization, operators, minimum
  runtime version and measurements of each.
- `golden/`: {samples} real samples and what each variant answers to them.
- `labels.txt`, if there is one: names of the classes, one a line, class 0 first.
- `c/`: integer variants as C source, for microcontrollers: a const array, aligned to 16 bytes, and
  a header with its size, and the types and quantization of inputs and outputs as constants.
- `MODEL_CARD.md`: data, training, measurements, limits and intended use.
- `benchmark.py`: measures start-up, latency, memory and time by operator on the machine that it
  runs on: `python benchmark.py`, with numpy and ai-edge-litert installed and nothing else.
- `params.yaml`: the configuration that everything was built with.

## Test an integration

1. Compare the SHA-256 of the file on the device with `manifest.json`.
2. Feed `golden/<variant>/inputs/*.npy` to the model, one sample (first axis) at a time. The values
   have the model's own types: do not quantize or normalise them again.
3. Compare what it answers with `golden/<variant>/outputs/*.npy`. `golden/golden.json` tells for
   each output the largest difference that is fine: `tolerance` in real units, and
   `tolerance_steps` in quantization steps where the output is quantized (then compare the stored
   integers). A real value is `scale * (stored - zero_point)`.
4. A larger difference is not rounding. The usual causes are another byte order or layout of the
   input, a second normalisation, a wrong zero point, or outputs taken in another order.

An `.npy` file is a short text header (type, order, shape) before the raw little-endian values in C
order; `numpy.load` reads it, and the header's length is the 16-bit number at byte 8, counted from
byte 10.

`golden/golden.json` also names the kernels that gave the answers. Runtimes have kernels that round
differently; the tolerance is for that. It is one quantization step for a quantized output; for a
float output 1/10000 of its range, or 1/255 where the model computes with integers; and in each
case as much again as LiteRT's own kernel sets differ from each other on these samples.
"""
