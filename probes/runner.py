"""One job -> one run; tells what the target did (`failed`) from what we could not do (`error`)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from config.schema import (
    BrowserSpec,
    InjectedFault,
    JourneyProbe,
    PrivacySpec,
    ProbeSpec,
    PromqlProbe,
    TargetSpec,
    UplinkSpec,
)
from probes.browser import PlaywrightError, Session, WarmBrowser
from probes.classify import classify, is_hard
from probes.evidence import Evidence
from probes.journey import (
    Journey,
    JourneyError,
    Visit,
    checked_params,
    load_journeys,
    recording,
)
from probes.model import (
    Exposure,
    FailureClass,
    Outcome,
    ProbeError,
    Purpose,
    Run,
    Step,
    Vitals,
)
from probes.privacy import Mask
from probes.promises import first_line
from probes.promql import run_promql
from probes.request import run_request
from probes.text import bounded
from probes.uplink import unless_uplink_is_away

#: The soft deadline lies before the run's own, so that the evidence still fits.
SOFT_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a worker needs for one run, or for a pair; pickled on its way there.

    `fresh`: in a browser that was just started. `inject`: faults planted into this run's browser
    alone. `with_control`: walked in the same worker right after this one, or right before it where
    `control_first`; `pair` is then on both runs. `keep_evidence`: of a good run too.
    """

    probe: ProbeSpec
    target: TargetSpec
    location: str
    purpose: Purpose
    trace: bool = False
    fresh: bool = False
    inject: tuple[InjectedFault, ...] = ()
    with_control: Job | None = None
    control_first: bool = False
    browser: BrowserSpec = field(default_factory=BrowserSpec)
    uplink: UplinkSpec = field(default_factory=UplinkSpec)
    privacy: PrivacySpec = field(default_factory=PrivacySpec)
    artifacts: Path | None = None
    journeys_folder: Path | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    pair: str = ""
    keep_evidence: bool = False

    @property
    def urgent(self) -> bool:
        """True where somebody waits for this run: a guard, or an operator.

        A drill waits its turn: it must not keep a real detection waiting.
        """
        return self.purpose not in (Purpose.SCHEDULED, Purpose.DRILL)

    @property
    def parts(self) -> tuple[Job, ...]:
        """Jobs of one run each, in the order in which they are walked.

        A pair's id is that of the run that the control was asked for.
        """
        if self.with_control is None:
            return (self,)
        own = replace(self, with_control=None, pair=self.id)
        control = replace(self.with_control, pair=self.id)
        first, second = (control, own) if self.control_first else (own, control)
        # One fresh browser for both: two would differ in more than what the control changes.
        walks = isinstance(first.probe, JourneyProbe)
        return (
            replace(first, fresh=self.fresh and walks),
            replace(second, fresh=self.fresh and not walks),
        )

    @property
    def timeout_s(self) -> float:
        """Time that all parts may take together."""
        return sum(part.probe.timeout_s for part in self.parts)

    def run(self, started_at: datetime, duration_s: float, outcome: Outcome, reason: str) -> Run:
        """Make the record of a run of this job."""
        return Run(
            id=self.id,
            probe=self.probe.name,
            location=self.location,
            purpose=self.purpose,
            started_at=started_at,
            duration_s=duration_s,
            outcome=outcome,
            # Masked first: a number that is cut is not known any more.
            reason=bounded(Mask(self.privacy).text(reason), 500),
            pair=self.pair,
        )


class Runner:
    """Runs jobs one after another in one process, keeping the browser warm between them."""

    def __init__(self, *, headed: bool = False) -> None:
        self._headed = headed
        self._browser: WarmBrowser | None = None
        self._browser_spec: BrowserSpec | None = None
        self._journeys: dict[Path | None, Mapping[str, Journey]] = {}

    def warm(self, spec: BrowserSpec) -> None:
        """Start the browser ahead of the first run; a browser that cannot start is not told here.

        It is told by each run that needs it, as its `error`.
        """
        try:
            self._warm_browser(spec).warm()
        except Exception:  # raised on, it would break the whole pool, again and again
            self.close()

    def close(self) -> None:
        """Close the browser."""
        if self._browser is not None:
            self._browser.close()
        self._browser = None

    def execute(self, job: Job) -> Run:
        """Do one job. Never raises: whatever happens is in the run, personal data masked."""
        started_at, started = datetime.now(UTC), time.monotonic()
        try:
            if isinstance(job.probe, JourneyProbe):
                run = self._journey(job, job.probe)
            elif isinstance(job.probe, PromqlProbe):
                run = run_promql(job.probe, job.target, job.run, started_at)
            else:
                run = run_request(job.probe, job.target, job.run, started_at)
                run = self._suspect_uplink(job, run)
        except ProbeError as cause:
            run = job.run(started_at, time.monotonic() - started, Outcome.ERROR, str(cause))
            ours = isinstance(cause, JourneyError)
            run = replace(run, failure=FailureClass.JOURNEY if ours else FailureClass.BROWSER)
        except Exception as cause:
            reason = f"the probe itself failed: {first_line(cause)}"
            run = job.run(started_at, time.monotonic() - started, Outcome.ERROR, reason)
            ours = isinstance(cause, PlaywrightError)
            run = replace(run, failure=FailureClass.BROWSER if ours else FailureClass.WORKER)
        return Mask(job.privacy).run(soft_limited(run, job.probe))

    def _journey(self, job: Job, probe: JourneyProbe) -> Run:
        if job.journeys_folder not in self._journeys:
            self._journeys[job.journeys_folder] = load_journeys(job.journeys_folder)
        journeys = self._journeys[job.journeys_folder]
        params = checked_params(journeys, probe.journey, probe.params, probe.name)
        browser = self._warm_browser(job.browser)
        if job.fresh:
            browser.renew()
        else:
            browser.warm()
        # What a launch took is ours: were it taken from the journey, the target would be blamed.
        begun = time.monotonic()
        deadline, until = begun + probe.timeout_s * SOFT_SHARE, begun + probe.timeout_s
        with browser.session(probe, job.target, deadline, job.trace, job.inject) as session:
            started_at, started = datetime.now(UTC), time.monotonic()
            visit = Visit(session, params)
            with recording(session.spend) as steps:
                ending: BaseException | None = None
                try:
                    journeys[probe.journey].function(session.page, visit)
                except KeyboardInterrupt:
                    raise
                except BaseException as cause:  # sys.exit() too: it would take the worker along
                    ending = cause
            duration_s = time.monotonic() - started
            found = classify(session, ending, job.uplink)
            outcome = found.outcome
            run = job.run(started_at, duration_s, outcome, found.reason)
            run = replace(
                run,
                hard=is_hard(found, ending),
                failure=found.failure,
                steps=tuple(_settled(steps, outcome)),
                exposure=visit.exposure or _exposure_unseen(session, probe),
                vitals=session.vitals() or Vitals(),
                violations=session.audit() if probe.accessibility and ending is None else None,
                console_errors=tuple(session.console_errors),
                failed_requests=tuple(session.traffic.failed),
                toggles=session.toggles(0),
                browser=browser.version,
            )
            # Last: to take a picture moves what vitals measure.
            evidence = self._evidence(job, probe, session, outcome, until)
            kept = tuple(evidence.kept)
            return replace(run, artifacts=kept, artifact_problem=evidence.problem)

    def _suspect_uplink(self, job: Job, run: Run) -> Run:
        """Blame our uplink for an HTTP probe that got no answer at all."""
        if run.outcome is not Outcome.FAILED or not run.reason.startswith("no answer"):
            return run
        failure = run.failure or FailureClass.NETWORK
        found = unless_uplink_is_away(job.uplink, run.reason, failure)
        return replace(run, outcome=found.outcome, reason=found.reason, failure=found.failure)

    def _evidence(
        self, job: Job, probe: JourneyProbe, session: Session, outcome: Outcome, until: float
    ) -> Evidence:
        evidence = Evidence(job.artifacts or Path(), job.id, until)
        bad = outcome in (Outcome.FAILED, Outcome.ERROR)
        if job.artifacts is not None and (bad or job.keep_evidence):
            evidence.screenshot(session, job.privacy)
            if job.trace:
                evidence.trace(session, probe, job.target, job.privacy)
        return evidence

    def _warm_browser(self, spec: BrowserSpec) -> WarmBrowser:
        if self._browser is None or self._browser_spec != spec:
            self.close()
            self._browser, self._browser_spec = WarmBrowser(spec, headed=self._headed), spec
        return self._browser


def soft_limited(run: Run, probe: ProbeSpec) -> Run:
    """Turn a passed run that went past a soft limit into a degraded one."""
    if run.outcome is not Outcome.PASSED:
        return run
    limits = probe.soft_limits
    vitals = run.vitals or Vitals()
    measured = (
        ("duration_s", run.duration_s, limits.duration_s),
        ("lcp_s", vitals.lcp_s, limits.lcp_s),
        ("inp_s", vitals.inp_s, limits.inp_s),
        ("cls", vitals.cls, limits.cls),
        ("ttfb_s", vitals.ttfb_s, limits.ttfb_s),
    )
    over = [
        f"{name} {value:.3g}, soft limit {limit:g}"
        for name, value, limit in measured
        if value is not None and limit is not None and value >= limit
    ]
    return replace(run, outcome=Outcome.DEGRADED, reason="; ".join(over)) if over else run


def _settled(steps: list[Step], outcome: Outcome) -> list[Step]:
    """Give the step that ended the run the run's outcome: it alone knew only the exception."""
    if not steps or steps[-1].outcome is Outcome.PASSED:
        return steps
    return [*steps[:-1], replace(steps[-1], outcome=outcome)]


def _exposure_unseen(session: Session, probe: JourneyProbe) -> Exposure | None:
    """Record what the page was told, for a journey that ended before it could do so."""
    flag = probe.params.get("flag")
    if not isinstance(flag, str):
        return None
    told = session.toggles(0)
    return Exposure(flag, told.values.get(flag), None, told.error, session.toggles_at)
