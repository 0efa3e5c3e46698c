"""Measuring a variant against the source model, and the checks that judge what was measured."""
