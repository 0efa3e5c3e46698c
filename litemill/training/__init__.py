"""Fitting a model on the train split."""
