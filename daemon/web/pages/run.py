"""One run whole, with its evidence; and runs in a list."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from pydantic import ValidationError

from config.schema import Config
from daemon import history
from daemon.run_neighbours import neighbours
from daemon.web.api.runs import RunQuery
from daemon.web.artifacts import evidence_of
from daemon.web.charts import waterfall
from daemon.web.desk import current_desk
from daemon.web.pages.page import render
from daemon.web.problem import Refused
from daemon.web.run_wording import FAILURES, PURPOSES, VITALS, exposed, rated, vital
from daemon.web.views.run import run_line
from probes.model import Outcome, Purpose, Run

RUN = Blueprint("page_run", __name__)

#: So many lines of each kind are shown: a hostile page can write thousands.
MAX_LINES = 50
_FILTERS = ("probe", "location", "outcome", "purpose", "since", "until")
_TIMES = ("since", "until")


@RUN.get("/runs")
def runs() -> Response:
    """List runs, newest first, by a plain form's filters."""
    desk = current_desk()
    given = {name: text.strip() for name, text in request.args.items() if text.strip()}
    asked = {name: _zoned(text) if name in _TIMES else text for name, text in given.items()}
    found: tuple[Run, ...] = ()
    rest: history.Before | None = None
    wrong: dict[str, str] = {}
    try:
        query = RunQuery.model_validate(asked)
    except ValidationError as cause:
        wrong = _wrong(cause)
    else:
        found, rest = history.runs(
            desk.journal,
            probe=query.probe,
            location=query.location,
            outcome=query.outcome,
            purpose=query.purpose,
            since=query.since,
            until=query.until,
            before=query.cursor,
            limit=query.limit,
        )
    chosen = {name: given.get(name, "") for name in _FILTERS}
    places = {place for spec in desk.config.probes.values() for place in spec.locations}
    return render(
        "runs.html",
        422 if wrong else 200,
        runs=[run_line(each) for each in found],
        wrong=wrong,
        chosen={name: _field(text) if name in _TIMES else text for name, text in chosen.items()},
        choices={
            "probe": sorted(desk.config.probes),
            "location": sorted(places),
            "outcome": list(Outcome),
            "purpose": list(Purpose),
        },
        filtered=any(chosen.values()),
        paged="cursor" in given,
        newest=f"/runs?{urlencode(_kept(asked))}",
        older=rest and f"/runs?{urlencode({**_kept(asked), 'cursor': str(rest)})}",
    )


@RUN.get("/runs/<run_id>")
def run(run_id: str) -> Response:
    """Show one run whole."""
    desk = current_desk()
    found = history.run(desk.journal, run_id)
    if found is None:
        raise Refused(404, "no such run: it may be older than journal.runs_keep_days; list /runs")
    guards = _guards(desk.config, found.probe)
    measured = {name: getattr(found.vitals, name) for name in VITALS} if found.vitals else {}
    return render(
        "run.html",
        run=found,
        known=found.probe in desk.config.probes,
        purpose=PURPOSES[found.purpose],
        failure=None if found.failure is None else FAILURES[found.failure],
        exposed=exposed,
        chart=waterfall("waterfall", "Steps", found.steps, found.duration_s),
        vitals=[
            (VITALS[name], vital(name, value), *rated(name, value))
            for name, value in measured.items()
            if value is not None
        ],
        guards=guards,
        beside=neighbours(desk.journal, found, _partners(desk.config, found.probe)),
        evidence=evidence_of(desk, found),
        most=MAX_LINES,
    )


def _guards(config: Config, probe: str) -> tuple[str, ...]:
    return tuple(
        name
        for name, guard in config.guards.items()
        if probe in (*guard.probes, guard.control, guard.proof)
    )


def _partners(config: Config, probe: str) -> set[str]:
    """Probes whose runs are walked together with this one's."""
    watching = [config.guards[name] for name in _guards(config, probe)]
    return {name for guard in watching for name in (*guard.probes, guard.control)} | {probe}


def _kept(asked: dict[str, str]) -> dict[str, str]:
    return {name: asked[name] for name in (*_FILTERS, "limit") if name in asked}


def _zoned(text: str) -> str:
    """Add the zone that a form's own time field cannot send: the page says that it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{text}Z" if at.tzinfo is None and "T" in text else text


def _field(text: str) -> str:
    """Write a time as a form's time field takes it; what is no time stays as it was typed."""
    try:
        at = datetime.fromisoformat(_zoned(text))
    except ValueError:
        return text
    if at.tzinfo is None:
        return text
    try:
        return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    except OverflowError:
        return text


def _wrong(cause: ValidationError) -> dict[str, str]:
    """What is wrong with each field, in the API's words."""
    errors = cause.errors(include_input=False, include_url=False)
    return {str(each["loc"][0])[:60]: each["msg"].removeprefix("Value error, ") for each in errors}
