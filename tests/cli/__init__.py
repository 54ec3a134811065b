"""The command line, against real rooms."""
