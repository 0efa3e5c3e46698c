"""Errors, files, numbers: what every layer uses, and what uses no other layer."""
