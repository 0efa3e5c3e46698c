"""How the stages run: the stage table, configure, code digests, and why a stage would run."""
