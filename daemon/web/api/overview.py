"""/api/v1/overview: all that the dashboard shows, in one answer."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.artifacts import Lost
from daemon.engine import utc_now
from daemon.history import FlipRecord, PendingFlip
from daemon.web.answer import View, answer
from daemon.web.auth import Role, current_role, is_open
from daemon.web.desk import Desk, current_desk
from daemon.web.views.flag import FlagsLately, FlagView, flag_view
from daemon.web.views.guard import GuardView, guard_view
from daemon.web.views.incident import IncidentDetail, with_story
from daemon.web.views.probe import ProbeView, probe_views

#: Enough to see what happened tonight; the API lists the rest.
FLIPS_SHOWN = 10
CLOSED_SHOWN = 5


class Overview(View):
    """`open_to_all`: no token is configured. `store_problem`: the flags are as last read.

    `incidents`: the open ones (the newest 50), then the latest closed ones. `evidence_lost`:
    lately; null where evidence was kept since.
    """

    now: datetime
    version: str
    role: Role
    open_to_all: bool
    problems: dict[str, str]
    store_problem: str | None
    guards: tuple[GuardView, ...]
    probes: tuple[ProbeView, ...]
    flags: tuple[FlagView, ...]
    incidents: tuple[IncidentDetail, ...]
    flips: tuple[FlipRecord, ...]
    pending_flips: tuple[PendingFlip, ...]
    evidence_lost: Lost | None


def overview_blueprint(lately: FlagsLately) -> APIBlueprint:
    """Build the overview's route over a reader of flags that all dashboards share."""
    blueprint = APIBlueprint(
        "overview", __name__, url_prefix="/api/v1/overview", abp_tags=[Tag(name="overview")]
    )

    @blueprint.get("", responses={200: Overview})
    def overview() -> Response:
        """Show everything at once."""
        return answer(_overview(current_desk(), lately))

    return blueprint


def _overview(desk: Desk, lately: FlagsLately) -> Overview:
    flags, store_problem = lately.read()
    pending = history.pending_flips(desk.journal)
    told = history.incidents(desk.journal, is_open=True)
    told += history.incidents(desk.journal, is_open=False, limit=CLOSED_SHOWN)
    return Overview(
        now=utc_now(),
        version=version("tripflag"),
        role=current_role(),
        open_to_all=is_open(desk.config.web.tokens),
        problems=dict(desk.problems()),
        store_problem=store_problem,
        guards=tuple(guard_view(desk, name) for name in desk.config.guards),
        probes=probe_views(desk, tuple(desk.config.probes)),
        flags=tuple(flag_view(desk, flag, pending) for flag in flags),
        incidents=tuple(with_story(desk.journal, incident) for incident in told),
        flips=history.flips(desk.journal, limit=FLIPS_SHOWN),
        pending_flips=pending,
        evidence_lost=desk.evidence_lost(),
    )
