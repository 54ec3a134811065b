"""The `tripflag` command."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from daemon.cli import guards as words
from daemon.cli.audit import audit
from daemon.cli.browser import browser
from daemon.cli.check import check, schema
from daemon.cli.circuits import circuits
from daemon.cli.completion import completion
from daemon.cli.drill import drill
from daemon.cli.explain import explain
from daemon.cli.flags import flags
from daemon.cli.incidents import incidents
from daemon.cli.new import new
from daemon.cli.options import EXIT_CODES
from daemon.cli.probes import baseline, probes
from daemon.cli.run import run
from daemon.cli.runs import runs
from daemon.cli.serve import demo, up
from daemon.cli.status import status
from daemon.cli.token import token

HERE, DESK = "Here, without a daemon", "Through a running daemon"

main = typer.Typer(
    help="Watch a flagged widget with real browsers; turn its flag off when the widget broke.",
    epilog="Exit codes: "
    + ". ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES)
    + ". TRIPFLAG_URL and TRIPFLAG_TOKEN (or TRIPFLAG_TOKEN_FILE) say which daemon, and who asks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"tripflag {version('tripflag')}")  # noqa: T201 - the command's output
        raise typer.Exit


@main.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Take the options that stand before a verb."""


for here in (up, demo, check, schema, new, completion):
    main.command(rich_help_panel=HERE)(here)
main.add_typer(browser, name="browser", rich_help_panel=HERE)
for verb in (status, run, explain, drill):
    main.command(rich_help_panel=DESK)(verb)
# Short forms: what a person at 03:00 types.
for short in (words.trip, words.reset, words.hold, words.release, baseline):
    main.command(rich_help_panel=DESK)(short)
for name, group in (
    ("guards", words.guards),
    ("probes", probes),
    ("runs", runs),
    ("incidents", incidents),
    ("flags", flags),
    ("circuits", circuits),
    ("audit", audit),
    ("token", token),
):
    main.add_typer(group, name=name, rich_help_panel=DESK)
probes.command("run")(run)
