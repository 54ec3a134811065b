"""/api/v1/probes: what is run and how it went; run one now, pause one, accept what axe found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon.engine import utc_now
from daemon.pauses import PauseRefused
from daemon.turn import Turn
from daemon.web.acting import expect, signed, tagged
from daemon.web.answer import View, answer
from daemon.web.asks import ByName, Paused, Reasoned, Said
from daemon.web.desk import Desk, current_desk
from daemon.web.problem import Refused, unknown
from daemon.web.views.probe import (
    Probes,
    ProbeView,
    Started,
    etag_of_probe,
    probe_etag,
    probe_views,
)

PROBES = APIBlueprint(
    "probes", __name__, url_prefix="/api/v1/probes", abp_tags=[Tag(name="probes")]
)


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
    return _shown(desk, path.name)


@PROBES.post("/<name>/run", responses={202: Started})
def run_probe(path: ByName, body: Said) -> Response:
    """Run a probe now, at each of its locations, with a trace. Its runs count as evidence."""
    desk = current_desk()
    _known(desk, path.name)
    sign, check = signed(body), _expect(path.name)

    def start(runs: tuple[str, ...]) -> None:
        with desk.journal.turn() as turn:
            if check is not None:
                check(turn)
            turn.sign(sign, "run", f"probe {path.name}", utc_now(), after=" ".join(runs))

    runs = desk.run_now(path.name, start)
    sent = answer(Started(runs=runs), 202)
    sent.headers["Location"] = f"/api/v1/runs/{runs[0]}"
    return tagged(sent, probe_etag(desk, path.name))


@PROBES.post("/<name>/pause", responses={200: ProbeView})
def pause_probe(path: ByName, body: Paused) -> Response:
    """Take a probe off its schedule, for a while or until resumed; it can still be run by hand.

    Guards that watch with it hear nothing any more: each becomes BLIND after its own
    `silent_after_s`, tells people so, and does not act.
    """
    desk = current_desk()
    _known(desk, path.name)
    if desk.config.probes[path.name].interval_s is None:
        raise Refused(
            409, f"{path.name} runs on demand only: it has no schedule that could be paused"
        )
    until = None if body.for_s is None else utc_now() + timedelta(seconds=body.for_s)
    try:
        desk.engine.pauses.pause(path.name, signed(body), until, _expect(path.name))
    except PauseRefused as cause:
        raise Refused(409, str(cause)) from cause
    return _shown(desk, path.name)


@PROBES.post("/<name>/resume", responses={200: ProbeView})
def resume_probe(path: ByName, body: Reasoned) -> Response:
    """Put a probe back on its schedule; its next run comes within its interval."""
    desk = current_desk()
    _known(desk, path.name)
    try:
        desk.engine.pauses.resume(path.name, signed(body), _expect(path.name))
    except PauseRefused as cause:
        raise Refused(409, str(cause)) from cause
    return _shown(desk, path.name)


@PROBES.post("/<name>/baseline", responses={200: Accepted})
def accept_violations(path: ByName, body: Reasoned) -> Response:
    """Accept the accessibility violations of the newest run: only others are new from now on."""
    desk = current_desk()
    _known(desk, path.name)
    try:
        count = desk.engine.accept_violations(path.name, signed(body), _expect(path.name))
    except LookupError as cause:
        raise Refused(409, str(cause.args[0])) from cause
    return tagged(answer(Accepted(accepted=count)), probe_etag(desk, path.name))


def _known(desk: Desk, name: str) -> None:
    if name not in desk.config.probes:
        raise unknown("probe", name, tuple(desk.config.probes))


def _expect(name: str) -> Callable[[Turn], None] | None:
    def tag(turn: Turn) -> str:
        return etag_of_probe(turn.db, name, utc_now())

    return expect(f"probe {name}", tag)


def _shown(desk: Desk, name: str) -> Response:
    etag = probe_etag(desk, name)
    return tagged(answer(probe_views(desk, (name,))[0]), etag)
