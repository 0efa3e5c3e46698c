"""A variant that misses its limits, tried in other ways; and how much calibration decides."""
