"""What the math libraries may do: the choice between reproducible and fast."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Numerics:
    """Settings of TensorFlow and oneDNN; see docs/reproducibility.md for what each one is for."""

    deterministic: bool = True  # TensorFlow's deterministic kernels, seeded
    threads: int = 2  # of each of TensorFlow's two pools; 0 is one per core
    instruction_set: str | None = "AVX2"  # the most that oneDNN may use; null is all there is
    onednn: bool = False  # oneDNN's own kernels, which are chosen by processor
    # Bytes of the three caches that Eigen cuts matrix products for; null is what the processor has.
    cache_sizes: list[int] | None = field(default_factory=lambda: [32768, 262144, 2097152])
    gpu: bool = False  # use a GPU where there is one; its sums differ from a processor's
