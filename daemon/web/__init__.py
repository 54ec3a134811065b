"""The admin API and the dashboard: reads the journal, hands operators' commands to the engine."""

from daemon.web.app import create_app
from daemon.web.desk import Desk, ProbeBusy
from daemon.web.server import WebError, WebServer, serve

__all__ = ["Desk", "ProbeBusy", "WebError", "WebServer", "create_app", "serve"]
