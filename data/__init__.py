"""Data sets: one folder a choice, holding what `conf/data/<choice>.yaml` reads."""
