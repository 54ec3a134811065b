"""The story of one kill, on the embedded stage: served for people, or played by itself."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import requests
from rich.console import Console

from daemon import history
from daemon.app import Daemon, daemon_from
from daemon.guard import Phase
from daemon.guard.messages import OperatorAsked
from daemon.stage import StageDied, stage_process
from flags.stores.sql import SqlFlagStore
from probes.model import Outcome, ProbeError, Purpose, Run

DEMO = Path(__file__).parent.parent / "config" / "demo.yaml"
GUARD = "representative_status"
FLAGS = {"representative_status_enabled": True, "assessment_fallback_enabled": False}
T = TypeVar("T")
#: Longest that any line of the story may take.
LINE_S = 60.0


class DemoFailed(ProbeError):
    """The story did not happen, or not in its order."""


@contextmanager
def serve_demo(
    interval_s: float, port: int, stage_port: int, state: Path | None
) -> Iterator[tuple[Daemon, str]]:
    """Start the stage and wire a daemon that watches it; the caller starts and stops the daemon.

    Args:
        interval_s: pace of the probes.
        port: of the daemon; 0 for any.
        stage_port: of the stage; 0 for any.
        state: folder for flags, journal and evidence; None: a new one, deleted afterwards.
    """
    with ExitStack() as stack:
        if state is None:
            scratch = tempfile.TemporaryDirectory(prefix="tripflag-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(scratch))
        else:
            folder = state.absolute()
            folder.mkdir(parents=True, exist_ok=True)
        flags_url = f"sqlite:///{folder / 'flags.sqlite'}"
        store = SqlFlagStore(flags_url)
        store.create_tables()
        for name, is_on in FLAGS.items():
            store.create(name, is_on)
        store.close()
        try:
            stage_url = stack.enter_context(stage_process(flags_url, stage_port))
        except StageDied as cause:
            raise DemoFailed(str(cause)) from cause
        env = {
            **os.environ,
            "TRIPFLAG_STAGE_URL": stage_url,
            "TRIPFLAG_STATE_DIR": str(folder),
            "TRIPFLAG_INTERVAL_S": str(interval_s),
            "TRIPFLAG_TIMEOUT_S": str(interval_s * 0.9),
            "TRIPFLAG_WEB_PORT": str(port),
        }
        yield daemon_from(DEMO, env), stage_url


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline."""

    what: str
    at: datetime
    detail: str = ""


def play(interval_s: float, out: Console) -> list[Line]:
    """Break the widget, watch the kill, mend, reset; print when each line happened.

    Returns:
        The lines, in the order in which they happened.

    Raises:
        DemoFailed: a line did not happen within its time, or in the wrong order.
    """
    with serve_demo(interval_s, 0, 0, None) as (daemon, stage_url):
        daemon.start()
        try:
            lines = _story(daemon, stage_url, out)
        finally:
            daemon.stop()
    _show(lines, out)
    wrong = [two.what for one, two in pairwise(lines) if two.at < one.at]
    if wrong:
        raise DemoFailed(f"out of order: {', '.join(wrong)}")
    out.print("every line happened, in the right order", highlight=False)
    return lines


def _show(lines: list[Line], out: Console) -> None:
    """Print the timeline, one line each, so that it reads the same on a terminal and in a log."""
    began = before = lines[0].at
    out.print("     after the fault   after the line before", highlight=False)
    for line in lines:
        since, step = (line.at - began).total_seconds(), (line.at - before).total_seconds()
        text = f"{since:14.3f} s {step:+14.3f} s   {line.what:<32} {line.detail}"
        out.print(text.rstrip(), highlight=False, soft_wrap=True, markup=False)
        before = line.at


def _story(daemon: Daemon, stage_url: str, out: Console) -> list[Line]:
    def runs(holds: Callable[[Run], bool], since: datetime) -> Callable[[], Run | None]:
        def look() -> Run | None:
            found = history.runs_since(daemon.journal, since)
            return next((run for run in found if holds(run)), None)

        return look

    def phase_is(phase: Phase) -> Callable[[], bool | None]:
        return lambda: daemon.engine.phases()[GUARD] is phase or None

    out.print("waiting until every probe has passed once", highlight=False)
    started = datetime.now(UTC)
    waited = set(daemon.config.guards[GUARD].probes)
    while waited:
        passed = _wait(
            f"{', '.join(sorted(waited))} pass on the healthy stage",
            runs(lambda run: run.probe in waited and run.outcome is Outcome.PASSED, started),
        )
        waited.remove(passed.probe)

    out.print("breaking the widget: its API answers 500", highlight=False)
    fault = datetime.now(UTC)
    _post(f"{stage_url}/stage/fault", {"fault": "api_500", "on": True})
    lines = [Line("fault", fault, "api_500")]
    failed = _wait("a run fails", runs(lambda r: r.outcome is Outcome.FAILED, fault))
    lines.append(Line("first failed run", _end(failed), f"{failed.probe}: {failed.reason}"))
    _wait("the kill is verified", phase_is(Phase.KILLED))
    flip = history.flips(daemon.journal, limit=1)[0]
    lines.append(Line("decision", flip.decided_at, flip.reason))
    lines.append(Line("flip written", flip.applied_at, _change(flip)))
    proof = _wait(
        "a fresh browser proves it",
        runs(lambda r: r.purpose is Purpose.PROOF and r.outcome is Outcome.PASSED, fault),
    )
    if proof.exposure is None or proof.exposure.seen_at is None:
        raise DemoFailed("the proof run saw no toggle answer")
    lines.append(Line("toggle API says false", proof.exposure.seen_at, "as told to that browser"))
    lines.append(Line("fresh browser shows no widget", _end(proof), "and a whole page"))

    _post(f"{stage_url}/stage/mend", {})
    lines.append(Line("mended", datetime.now(UTC)))
    daemon.engine.ask(GUARD, OperatorAsked("reset", "demo", "the widget's API is mended"))
    _wait("the guard is armed again", phase_is(Phase.ARMED))
    restored = history.flips(daemon.journal, limit=1)[0]
    lines.append(Line("reset", restored.applied_at, _change(restored)))
    back = _wait(
        "the widget is back",
        runs(
            lambda r: r.probe == failed.probe and r.outcome is Outcome.PASSED, restored.applied_at
        ),
    )
    lines.append(Line("widget is back", _end(back), f"{back.probe} passed"))
    return lines


def _wait(what: str, look: Callable[[], T | None]) -> T:
    until = time.monotonic() + LINE_S
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise DemoFailed(f"not within {LINE_S:g} s: {what}")


def _change(flip: history.FlipRecord) -> str:
    return f"{flip.flag}: {flip.before} → {flip.after}"


def _end(run: Run) -> datetime:
    return datetime.fromtimestamp(run.started_at.timestamp() + run.duration_s, UTC)


def _post(url: str, body: dict[str, object]) -> None:
    answer = requests.post(url, json=body, timeout=5)
    if answer.status_code != 200:
        raise DemoFailed(f"{url} answered {answer.status_code}: {answer.text[:200]}")
