"""Finding a way for a variant to meet its limits, and what calibration samples change."""
