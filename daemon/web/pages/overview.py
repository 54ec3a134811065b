"""The overview: is anything killed, why, is it really gone, what do I do."""

from __future__ import annotations

from flask import Blueprint, Response

from daemon.web.desk import current_desk
from daemon.web.pages.page import render
from daemon.web.views.guard import guard_view

OVERVIEW = Blueprint("page_overview", __name__)


@OVERVIEW.get("/")
def overview() -> Response:
    """The page for the person on call."""
    desk = current_desk()
    return render("overview.html", guards=[guard_view(desk, name) for name in desk.config.guards])
