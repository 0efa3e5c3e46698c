"""The pipeline: one module per stage, and the leaves they share."""
