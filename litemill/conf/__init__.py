"""Litemill's own choices, which Hydra finds as pkg://litemill.conf behind those of a project."""
