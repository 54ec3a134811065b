"""Probes as people see them: what is run, how often, and how it went lately."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select

from config.schema import JourneyProbe, ProbeSpec, PromqlProbe
from daemon import history
from daemon.engine import utc_now
from daemon.pauses import pause_in
from daemon.tables import BASELINES
from daemon.web.answer import View
from daemon.web.desk import Desk
from daemon.web.etag import etag_of
from daemon.web.views.run import RecentRuns, run_line

RECENT = 20
#: Longest query that a line of the dashboard holds.
MAX_QUERY = 200


class Use(View):
    guard: str
    role: Literal["probe", "control", "proof"]


class PauseView(View):
    """Who paused it, why, when, and when that ends by itself; `until` None: it must be resumed."""

    by: str
    reason: str
    at: datetime
    until: datetime | None


class ProbeView(View):
    """`what`: the journey's name, method and path, or the query. `pace`: the interval in force.

    `paused`: it is not scheduled, but can be run; None: it is.

    Never its cookies, headers or parameters: they may be secret.
    """

    name: str
    kind: Literal["journey", "request", "promql"]
    paused: PauseView | None
    what: str
    target: str
    interval_s: float | None
    fast_interval_s: float
    timeout_s: float
    pace: Literal["normal", "fast", "on_demand"]
    used_by: tuple[Use, ...]
    locations: tuple[RecentRuns, ...]


class Probes(View):
    probes: tuple[ProbeView, ...]


class Started(View):
    """Ids of the runs that were started, one per location."""

    runs: tuple[str, ...]


def probe_views(desk: Desk, names: tuple[str, ...]) -> tuple[ProbeView, ...]:
    """Show these probes; each must be configured."""
    config, fast = desk.config, desk.engine.fast_probes()
    specs = [config.probes[name] for name in names]
    places = [(spec.name, location) for spec in specs for location in spec.locations]
    lately: dict[str, list[RecentRuns]] = {name: [] for name in names}
    for each in history.recent(desk.journal, places, RECENT):
        last = None if each.last is None else run_line(each.last)
        lately[each.probe].append(RecentRuns(location=each.location, last=last, recent=each.marks))
    return tuple(_view(desk, spec, spec.name in fast, tuple(lately[spec.name])) for spec in specs)


def probe_etag(desk: Desk, name: str) -> str:
    """Return the ETag of a probe: its pause in force, and its accepted violations."""
    now = utc_now()
    with desk.journal.reading() as db:
        return etag_of_probe(db, name, now)


def etag_of_probe(db: Connection, name: str, now: datetime) -> str:
    """Return the ETag of a probe as a transaction sees it."""
    accepted_at = db.scalar(select(BASELINES.c.at).where(BASELINES.c.probe == name))
    return etag_of("probe", name, pause_in(db, name, now), accepted_at)


def _view(desk: Desk, spec: ProbeSpec, fast: bool, lately: tuple[RecentRuns, ...]) -> ProbeView:
    pace: Literal["normal", "fast", "on_demand"] = "fast" if fast else "normal"
    pause = desk.engine.pauses.of(spec.name)
    return ProbeView(
        name=spec.name,
        kind=spec.kind,
        paused=None if pause is None else PauseView.model_validate(pause, from_attributes=True),
        what=_what(spec),
        target=spec.target,
        interval_s=spec.interval_s,
        fast_interval_s=spec.fast_interval_s,
        timeout_s=spec.timeout_s,
        pace="on_demand" if spec.interval_s is None else pace,
        used_by=_uses(desk, spec.name),
        locations=lately,
    )


def _what(spec: ProbeSpec) -> str:
    match spec:
        case JourneyProbe():
            return spec.journey
        case PromqlProbe():
            cut = len(spec.query) > MAX_QUERY
            return f"{spec.query[: MAX_QUERY - 1]}…" if cut else spec.query
        case _:
            return f"{spec.method} {spec.path}"


def _uses(desk: Desk, probe: str) -> tuple[Use, ...]:
    uses: list[Use] = []
    for name, guard in desk.config.guards.items():
        if probe in guard.probes:
            uses.append(Use(guard=name, role="probe"))
        if probe == guard.control:
            uses.append(Use(guard=name, role="control"))
        if probe == guard.proof:
            uses.append(Use(guard=name, role="proof"))
    return tuple(uses)
