"""`tripflag token`: who may read and act through the API and the dashboard."""

from __future__ import annotations

import typer

token = typer.Typer(help="Tokens of the API and the dashboard.", no_args_is_help=True)
