"""Speed on a machine. One file on purpose: it travels in the release and runs alone there."""
