"""/api/v1/probes: what is run and how it went; run one now."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon.web.answer import View, answer
from daemon.web.asks import Ask, ByName, Reasoned
from daemon.web.desk import Desk, current_desk
from daemon.web.problem import Refused, unknown
from daemon.web.views.probe import Probes, ProbeView, Started, probe_views

PROBES = APIBlueprint(
    "probes", __name__, url_prefix="/api/v1/probes", abp_tags=[Tag(name="probes")]
)


class RunNow(Ask):
    """Nothing needs to be said: a run changes no flag by itself."""


class Accepted(View):
    """How many violations are the baseline now."""

    accepted: int


@PROBES.get("", responses={200: Probes})
def list_probes() -> Response:
    """List every probe with its newest runs."""
    desk = current_desk()
    return answer(Probes(probes=probe_views(desk, tuple(desk.config.probes))))


@PROBES.get("/<name>", responses={200: ProbeView})
def get_probe(path: ByName) -> Response:
    """Show one probe with its newest runs."""
    desk = current_desk()
    _known(desk, path.name)
    return answer(probe_views(desk, (path.name,))[0])


@PROBES.post("/<name>/run", responses={202: Started})
def run_probe(path: ByName, body: RunNow) -> Response:
    """Run a probe now, at each of its locations, with a trace. Its runs count as evidence."""
    desk = current_desk()
    _known(desk, path.name)
    return answer(Started(runs=desk.run_now(path.name)), 202)


@PROBES.post("/<name>/baseline", responses={200: Accepted})
def accept_violations(path: ByName, body: Reasoned) -> Response:
    """Accept the accessibility violations of the newest run: only others are new from now on."""
    desk = current_desk()
    _known(desk, path.name)
    try:
        count = desk.engine.accept_violations(path.name, body.by, body.reason)
    except LookupError as cause:
        raise Refused(409, str(cause.args[0])) from cause
    return answer(Accepted(accepted=count))


def _known(desk: Desk, name: str) -> None:
    if name not in desk.config.probes:
        raise unknown("probe", name, tuple(desk.config.probes))
