"""Improve a variant until it meets its limits; measure how much calibration samples matter."""
