"""The command, one module a subcommand: arguments and printing only."""
