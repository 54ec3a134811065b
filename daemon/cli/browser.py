"""`tripflag browser`: the headless Chromium that probes drive."""

from __future__ import annotations

import typer

from daemon.cli.options import AsJson, give_up, print_json
from daemon.cli.terminal import say
from probes.model import ProbeError

browser = typer.Typer(help="The headless Chromium that probes drive.", no_args_is_help=True)


@browser.command("install")
def install(as_json: AsJson = False) -> None:
    """Make sure that a headless Chromium is on this machine."""
    from probes import chromium_install

    try:
        _show(str(chromium_install.install()), as_json)
    except ProbeError as cause:
        give_up(str(cause))


@browser.command("find")
def find(as_json: AsJson = False) -> None:
    """Print the Chromium that probes would drive."""
    from config.schema import BrowserSpec
    from probes import chromium

    try:
        _show(str(chromium.find(BrowserSpec())), as_json)
    except ProbeError as cause:
        give_up(str(cause))


def _show(path: str, as_json: bool) -> None:
    if as_json:
        print_json({"executable": path})
    else:
        say(path)
