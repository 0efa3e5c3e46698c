"""Models: one folder a choice, holding what `conf/model/<choice>.yaml` builds or imports."""
