"""`python -m daemon.cli`, for where the `tripflag` script is not installed."""

from daemon.cli import main
from daemon.cli.completion import PROGRAM

main(prog_name=PROGRAM)
