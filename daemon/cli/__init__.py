"""The `tripflag` command: one file for each group of its verbs."""

from daemon.cli.root import main

__all__ = ["main"]
