"""What configuration is loaded, with its secrets masked."""

from __future__ import annotations

from flask import Blueprint, Response

from daemon.web.desk import current_desk
from daemon.web.pages.page import render
from daemon.web.views.config import as_yaml, config_shown

SETTINGS = Blueprint("page_settings", __name__)


@SETTINGS.get("/settings")
def settings() -> Response:
    """The configuration in force, a section at a time."""
    shown = config_shown(current_desk().config)
    sections = {name: as_yaml({name: part}) for name, part in shown.items()}
    return render("settings.html", sections=sections)
