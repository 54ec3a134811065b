"""The dashboard: pages rendered here, which work without a script. One file for each page.

Each is a blueprint whose name begins with `page_`: whoever is not signed in is asked to.
"""

from daemon.web.pages.acts import ACTS
from daemon.web.pages.api import API
from daemon.web.pages.audit import AUDIT
from daemon.web.pages.circuits import CIRCUITS
from daemon.web.pages.drills import DRILLS
from daemon.web.pages.flag import FLAG
from daemon.web.pages.guard import GUARD
from daemon.web.pages.incident import INCIDENT
from daemon.web.pages.overview import OVERVIEW
from daemon.web.pages.probe import PROBE
from daemon.web.pages.run import RUN
from daemon.web.pages.settings import SETTINGS
from daemon.web.pages.sign_in import SIGN_IN
from daemon.web.pages.status import STATUS
from daemon.web.pages.token import TOKEN

PAGES = (
    ACTS,
    API,
    AUDIT,
    CIRCUITS,
    DRILLS,
    FLAG,
    GUARD,
    INCIDENT,
    OVERVIEW,
    PROBE,
    RUN,
    SETTINGS,
    SIGN_IN,
    STATUS,
    TOKEN,
)

__all__ = ["PAGES"]
