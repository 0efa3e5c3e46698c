"""Sweeps over conversion options: from a grid to a table, and from there to a variant."""
