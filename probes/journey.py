"""What a journey's author imports.

    from probes.journey import Page, Visit, expect, journey, step

    @journey("search")
    def search(page: Page, visit: Visit) -> None:
        with step("open the page"):
            page.goto(visit.url("/search"))
        with step("find something"):
            page.get_by_role("textbox", name="Search").fill("forms")
            page.get_by_role("button", name="Search").click()
            expect(page.get_by_role("heading", name="Results")).to_be_visible()

An assertion that fails, or an element that does not come in time, is a promise that the target
broke: `failed`. Any other exception is the journey's own: `error`.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from probes.browser import Locator, Page, Session, expect
from probes.model import Exposure, FailureClass, Outcome, ProbeError, Step, ToggleResponse
from probes.promises import Skipped, appears, first_line, promise, step_outcome
from probes.text import bounded

__all__ = [
    "Locator",
    "Page",
    "Params",
    "Visit",
    "appears",
    "expect",
    "journey",
    "promise",
    "step",
]


class Params(BaseModel):
    """Base of a journey's parameters: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JourneyError(ProbeError):
    """A journey that cannot be loaded or found."""


@dataclass(frozen=True, slots=True)
class Journey:
    name: str
    function: Callable[[Page, Visit], None]
    params: type[BaseModel] | None


@dataclass(slots=True)
class Recorder:
    """Steps of the run under way; `before_step` sets the time that is left."""

    before_step: Callable[[], None]
    steps: list[Step] = field(default_factory=list)


_journeys: dict[str, Journey] = {}
_recorder: ContextVar[Recorder] = ContextVar("recorder")
#: Told a step's name as it begins, and the step once it ended.
Watcher = Callable[[str, Step | None], None]
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def journey(
    name: str, params: type[BaseModel] | None = None
) -> Callable[[Callable[[Page, Visit], None]], Callable[[Page, Visit], None]]:
    """Register a function as the journey `name`.

    Args:
        name: what `journey:` in the configuration says.
        params: model that checks the probe's `params` when the configuration is loaded, and that
            `visit.params` is then an instance of. None: a plain mapping.
    """

    def register(function: Callable[[Page, Visit], None]) -> Callable[[Page, Visit], None]:
        _journeys[name] = Journey(name, function, params)
        return function

    return register


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name and time a part of the journey. Outside a run it does nothing else."""
    recorder = _recorder.get(None)
    if recorder is None:
        yield
        return
    name = bounded(name)  # a journey may name a step by what it read in the page
    recorder.before_step()
    watcher = _watcher.get()
    if watcher is not None:
        watcher(name, None)
    started = time.monotonic()
    outcome, message = Outcome.PASSED, ""
    try:
        yield
    except BaseException as cause:
        outcome, message = step_outcome(cause), first_line(cause)
        raise
    finally:
        ended = Step(name, outcome, time.monotonic() - started, message)
        recorder.steps.append(ended)
        if watcher is not None:
            watcher(name, ended)


class Visit:
    """One run as its journey sees it: parameters, addresses, what the page asked for and got."""

    def __init__(self, session: Session, params: Any) -> None:
        self.params = params
        self.exposure: Exposure | None = None
        self._session = session

    def url(self, path: str) -> str:
        """Absolute address of a path on the target."""
        return f"{self._session.target.base_url}{path}"

    def toggles(self, within_s: float) -> ToggleResponse:
        """Wait for the toggle answer that the page itself receives.

        Never raises for a bad answer: `error` says what was wrong with it.
        """
        return self._session.toggles(within_s)

    def expose(self, flag: str, rendered: bool | None = None) -> Exposure:
        """Record what the page was told about `flag`, and whether the flagged thing was seen."""
        told = self._session.toggles(0)
        value = told.values.get(flag)
        reason = told.error or ("" if value is not None else f"the answer does not name {flag}")
        seen_at = self._session.toggles_at
        self.exposure = Exposure(flag, value, rendered, reason, seen_at)
        return self.exposure

    def statuses(self, path: str) -> list[int | None]:
        """HTTP statuses of the page's requests whose URL has this path; None: no answer (yet)."""
        return self._session.traffic.statuses(path)

    def server_errors(self) -> list[int]:
        """5xx that the page's own calls of the target have got, in order."""
        return self._session.traffic.server_errors()

    def loading(self) -> bool:
        """True while the page still waits for an answer, or a script, of the target's."""
        return self._session.traffic.loading

    def skip(self, reason: str, *, business: bool = False) -> NoReturn:
        """End the run as `skipped`: it says nothing about the flagged thing.

        Args:
            reason: in one sentence.
            business: the target gave a legitimate answer; otherwise there was no exposure.
        """
        failure = FailureClass.BUSINESS if business else FailureClass.NO_EXPOSURE
        raise Skipped(bounded(reason), failure)


@contextmanager
def recording(before_step: Callable[[], None]) -> Iterator[list[Step]]:
    """Collect the steps of one run."""
    recorder = Recorder(before_step)
    token = _recorder.set(recorder)
    try:
        yield recorder.steps
    finally:
        _recorder.reset(token)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of each step of the runs that this thread walks meanwhile."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def load_journeys(folder: Path | None) -> Mapping[str, Journey]:
    """Load the shipped journeys, then a user's own; each call reads the files anew.

    Raises:
        JourneyError: a file cannot be imported; names the file and its exception.
    """
    _journeys.clear()
    folders = [Path(__file__).parent / "journeys"] + ([folder] if folder else [])
    for each in folders:
        if not each.is_dir():
            raise JourneyError(f"no folder of journeys at {each}: create it, or mend the path")
        for file in sorted(each.glob("[!_]*.py")):
            _import(file)
    return dict(_journeys)


def checked_params(
    found: Mapping[str, Journey], name: str, params: Mapping[str, Any], where: str
) -> Any:
    """Return a probe's parameters as its journey's model.

    Args:
        found: what `load_journeys` returned.
        name: the journey's.
        params: as they were configured.
        where: the configuration's key, for the message.

    Raises:
        JourneyError: no journey has that name, or a parameter is wrong; names both and the remedy.
    """
    known = found.get(name)
    if known is None:
        raise JourneyError(
            f"{where}.journey: no journey is named {name!r}; name one of "
            f"{', '.join(sorted(found))}, or put its file into journeys_folder"
        )
    if known.params is None:
        return dict(params)
    try:
        return known.params.model_validate(params)
    except ValidationError as cause:
        wrong = "; ".join(
            f"{where}.params.{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in cause.errors(include_url=False, include_input=False)
        )
        fields = ", ".join(sorted(known.params.model_fields))
        raise JourneyError(f"{wrong}. Journey {name!r} takes: {fields}") from cause


def _import(file: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"tripflag_journey_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise JourneyError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as cause:
        raise JourneyError(
            f"{file} cannot be loaded: {type(cause).__name__}: {cause}. Mend it, or move it away"
        ) from cause
