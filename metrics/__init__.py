"""Your own scores, which conf/data/ names by `_target_`; docs/extending/metric.md."""
