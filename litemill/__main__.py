"""`python -m litemill`: the command, where it is not installed."""

from litemill.cli.main import main

main()
