"""`python -m daemon.cli`, for where the `tripflag` script is not installed."""

from daemon.cli import main

main()
