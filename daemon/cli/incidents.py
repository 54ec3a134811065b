"""`tripflag incidents`: what happened to users, who took it, and what to tell people."""

from __future__ import annotations

import typer

incidents = typer.Typer(
    help="What happened to users, and what to tell people.", no_args_is_help=True
)
