"""One probe: how long it takes, what went wrong, and its limits; all probes in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from flask import Blueprint, Response, request

from daemon import probe_history
from daemon.engine import utc_now
from daemon.probe_figures import WINDOWS, Window
from daemon.probe_history import ProbeHistory
from daemon.web.charts import Chart, Limit, Line, limits_of, outcome_strip, over_time, step_bars
from daemon.web.charts.limits import rules_of, said
from daemon.web.desk import current_desk
from daemon.web.pages.page import render
from daemon.web.problem import Refused, unknown
from daemon.web.run_wording import FAILURES, VITALS, exposed
from daemon.web.views.probe import probe_etag, probe_views
from daemon.web.wording import seconds

PROBE = Blueprint("page_probe", __name__)

#: Groups of errors that are shown; the rest is counted.
MAX_GROUPS = 20


@PROBE.get("/probes")
def probes() -> Response:
    """Show every probe with its last runs."""
    desk = current_desk()
    # ETags first: what is shown may be newer than they are, and never older.
    etags = {name: probe_etag(desk, name) for name in desk.config.probes}
    views = probe_views(desk, tuple(etags))
    return render("probes.html", probes=views, etags=etags)


@PROBE.get("/probes/<name>")
def probe(name: str) -> Response:
    """Show one probe over a window of time."""
    desk = current_desk()
    config, chosen = desk.config, request.args.get("window", "24h")
    if name not in config.probes:
        raise unknown("probe", name, tuple(config.probes))
    if chosen not in WINDOWS:
        raise Refused(422, f"window: must be one of {', '.join(WINDOWS)}")
    etag = probe_etag(desk, name)  # first: what is shown may be newer than it, and never older
    found = probe_history.read(desk.journal, name, Window.named(chosen, utc_now()))
    limits = limits_of(config, config.probes[name])
    return render(
        "probe.html",
        probe=probe_views(desk, (name,))[0],
        etag=etag,
        failures=FAILURES,
        exposed=exposed,
        chosen=chosen,
        windows=tuple(WINDOWS),
        found=found,
        strip=outcome_strip("outcomes", "Outcomes", found.buckets, found.window.until),
        duration=_duration(found, limits),
        measured=tuple(_measured(found, limits)),
        steps=step_bars("steps", "Duration of each step", found.steps, limits),
        groups=found.groups[:MAX_GROUPS],
        unshown=len(found.groups[MAX_GROUPS:]),
        rules=tuple((guard, said(rule)) for guard, rule in rules_of(config, name)),
    )


def _duration(found: ProbeHistory, limits: Sequence[Limit]) -> Chart | None:
    buckets = found.buckets
    return over_time(
        "duration",
        "Duration of runs that came through",
        found.window.starts,
        found.window.until,
        (
            Line("median", "median", tuple(bucket.p50_s for bucket in buckets)),
            Line("p95", "p95", tuple(bucket.p95_s for bucket in buckets)),
        ),
        [limit for limit in limits if limit.of == "duration"],
        seconds,
    )


def _measured(found: ProbeHistory, limits: Sequence[Limit]) -> Iterator[Chart]:
    """Draw whatever was measured: each vital, and the value of a probe of one number."""
    draw = partial(over_time, times=found.window.starts, until=found.window.until)
    for vital in VITALS:
        chart = draw(
            vital,
            VITALS[vital],
            lines=[Line("p75", "median", tuple(each.vitals.get(vital) for each in found.buckets))],
            limits=[limit for limit in limits if limit.of == vital],
            wording=plain if vital == "cls" else seconds,
        )
        if chart is not None:
            yield chart
    chart = draw(
        "value",
        "Measured value",
        lines=[Line("median", "median", tuple(bucket.value for bucket in found.buckets))],
        limits=[limit for limit in limits if limit.of == "value"],
        wording=plain,
    )
    if chart is not None:
        yield chart


def plain(value: float) -> str:
    """Write a number that has no unit."""
    return f"{value:.3g}"
