"""Everything that the web may touch, in one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from config.schema import Config
from daemon.artifacts import Lost
from daemon.drills import Drills
from daemon.engine import Engine
from daemon.journal import Journal
from daemon.news import News
from flags.switch import Switch

_KEY = "tripflag_desk"

#: Signs the ids of runs that are about to start; raises where they must not.
SignRuns = Callable[[tuple[str, ...]], None]
RunNow = Callable[[str, SignRuns], tuple[str, ...]]


class ProbeBusy(Exception):
    """A run of the probe is under way; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the composition root lends to the web.

    `engine`: its `config` is the one in force; it changes at a reload, so it is read anew for each
    request. `switch` is for reading only: writes go through `engine.flip` and `engine.ask`.
    `run_now`: probe name, and who signs the runs' ids before they start -> those ids, one per
    location; raises `ProbeBusy`, or what the signing raises: then nothing started.
    `problems`: what keeps the daemon from being ready, by part. `alive`: its threads are.
    `drills`: None where no scheduler could walk them. `evidence_lost`: what was lost lately.
    """

    engine: Engine
    journal: Journal
    switch: Switch
    run_now: RunNow
    problems: Callable[[], Mapping[str, str]]
    alive: Callable[[], bool]
    drills: Drills | None = None
    evidence_lost: Callable[[], Lost | None] = lambda: None

    @property
    def news(self) -> News:
        """What just changed."""
        return self.engine.news

    @property
    def config(self) -> Config:
        """Configuration in force."""
        return self.engine.config


def lend(app: Flask, desk: Desk) -> None:
    """Put a desk where the app's views find it."""
    app.extensions[_KEY] = desk


def current_desk() -> Desk:
    """Return the desk of the app that answers the request under way."""
    return cast(Desk, current_app.extensions[_KEY])
