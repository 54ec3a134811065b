"""`tripflag runs`: what happened, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.client import ApiError, Client
from daemon.cli.options import (
    LOCAL,
    WRONG,
    AsJson,
    Token,
    Url,
    give_up,
    part,
    print_json,
    refused,
)
from daemon.cli.terminal import cell, outcome_text, say, show_table, time_text
from probes.model import Outcome

runs = typer.Typer(help="What happened, and its evidence.", no_args_is_help=True)

#: The API's longest page.
PAGE = 500


@runs.command("list")
def list_runs(
    probe: Annotated[str | None, typer.Option(help="Only of this probe.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only with this outcome.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only later ones: a time such as 2026-01-31T12:00:00Z.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest so many.")] = 50,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    query = {"probe": probe, "outcome": outcome and outcome.value, "since": since}
    try:
        listed = list(pages(Client(url, token), "runs", "runs", limit, **query))
    except ApiError as cause:
        refused(cause)
    if as_json:
        print_json(listed)
        return
    show_table(
        ("run", "probe", "location", "started (UTC)", "outcome", "took", "why"),
        (
            (
                run["id"],
                run["probe"],
                run["location"],
                time_text(run["started_at"]),
                outcome_text(run["outcome"]),
                f"{run['duration_s']:.2f} s",
                cell(run["reason"], 160),
            )
            for run in listed
        ),
    )


@runs.command("show")
def show(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="Run, as `runs list` names it.")],
    artifacts: Annotated[
        Path | None, typer.Option(help="Save its evidence into this folder.")
    ] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show one run whole, and save its evidence."""
    try:
        client = Client(url, token)
        run = client.get(f"runs/{part(run_id)}")["run"]
        saved = save(client, run, artifacts) if artifacts is not None else []
    except ApiError as cause:
        refused(cause)
    except OSError as cause:
        give_up(f"cannot write into {artifacts}: {cause.strerror}. Name another folder", WRONG)
    if as_json:
        print_json(run)
        return
    show_run(run)
    for file in saved:
        say(f"  saved {file}")


def pages(
    client: Client, path: str, key: str, limit: int | None, **query: object
) -> Iterator[dict[str, Any]]:
    """Yield what a list of the API holds, page by page, at most `limit` of it.

    Raises:
        ApiError: as `Client.get` does.
    """
    left, cursor = limit, None
    while True:
        size = PAGE if left is None else min(left, PAGE)
        page = client.get(path, **query, limit=size, cursor=cursor)
        yield from page[key]
        cursor = page["next"]
        if left is not None:
            left -= len(page[key])
        if cursor is None or left == 0:
            return


def save(client: Client, run: dict[str, Any], folder: Path) -> list[Path]:
    """Save a run's evidence under names that the run and its kind give, never the daemon's.

    Raises:
        ApiError: as `Client.get` does.
        OSError: the folder or a file cannot be written.
    """
    saved = []
    for artifact in run["artifacts"]:
        folder.mkdir(parents=True, exist_ok=True)
        ending = Path(artifact["path"]).suffix
        parts = (run["id"], artifact["kind"])
        name = "-".join("".join(c for c in each if c.isalnum() or c in "_-.") for each in parts)
        file = folder / f"{name}{ending if ending[1:].isalnum() else ''}"
        client.download(f"runs/{part(run['id'])}/artifacts/{part(artifact['kind'])}", file)
        saved.append(file)
    return saved


def show_run(run: dict[str, Any]) -> None:
    """Print a run: its steps, then its outcome and why."""
    for step in run["steps"]:
        show_step(step)
    show_outcome(run)
    for error in run["console_errors"]:
        say(cell(f"  console: {error}"))
    for request in run["failed_requests"]:
        status = request["status"] or request["error"] or "no answer"
        say(cell(f"  request: {request['method']} {request['url']}: {status}"))


def show_step(step: dict[str, Any]) -> None:
    """Print one step of a run."""
    line = cell("  ").append_text(outcome_text(step["outcome"]))
    why = f": {step['message']}" if step["message"] else ""
    say(line.append_text(cell(f"  {step['duration_s']:6.2f} s  {step['name']}{why}")))


def show_outcome(run: dict[str, Any]) -> None:
    """Print a run's outcome and why."""
    why = f": {run['reason']}" if run["reason"] else ""
    line = cell(f"{run['probe']} in {run['location']}: ").append_text(outcome_text(run["outcome"]))
    say(line.append_text(cell(f" after {run['duration_s']:.2f} s{why}")))
