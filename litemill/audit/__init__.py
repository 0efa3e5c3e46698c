"""Judging a .tflite file of others against its source model."""
