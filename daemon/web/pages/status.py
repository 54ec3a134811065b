"""What everybody may see: states without details, without a token."""

from __future__ import annotations

from flask import Blueprint, Response

from daemon.web.desk import current_desk
from daemon.web.pages.page import render
from daemon.web.problem import Refused
from daemon.web.views.standing import notices, standings

STATUS = Blueprint("page_status", __name__)

#: A crowd that reloads costs a proxy, not the daemon.
CACHED_S = 10


@STATUS.get("/status")
def status() -> Response:
    """The public status page, where the configuration opts in; no session is read for it.

    It holds no text of a target's or a person's, no name of a person and no link.
    """
    desk = current_desk()
    if not desk.config.web.status_page:
        raise Refused(404, "nothing is here: set web.status_page to show a public status page")
    opened, ended = notices(desk)
    page = render("status.html", standings=standings(desk), opened=opened, ended=ended)
    page.headers["Cache-Control"] = f"public, max-age={CACHED_S}"
    return page
