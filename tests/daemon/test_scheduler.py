"""The scheduler over real pools: pairs, drills, and what is under way meanwhile."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from prometheus_client import CollectorRegistry

from config.schema import Config, InjectedFault
from daemon.guard.messages import RunProbe
from daemon.metrics import Metrics
from daemon.scheduler import Scheduler
from daemon.web.desk import ProbeBusy
from probes.model import FailedRequest, Outcome, Purpose, Run
from probes.pool import LocalPool
from tests.probes.conftest import PAGE, WALKS, Answer, Site, wait_until
from tests.probes.pools import Watched

pytestmark = pytest.mark.browser

API = InjectedFault(url="**/api", status=500)


@pytest.fixture(scope="module")
def pool() -> Iterator[Watched]:
    watched = Watched(uuid.uuid4().hex, workers=2)
    yield watched
    watched.pool.stop(5)
    assert watched.left() == []


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.answers["/"] = PAGE
    site.answers["/api"] = Answer("fine")
    thread = threading.Thread(target=site.serve_forever, args=(0.05,))
    thread.start()
    yield site
    site.shutdown()
    thread.join(timeout=10)
    site.server_close()


def ordered(probe: str, control: str = "") -> RunProbe:
    return RunProbe(probe, Purpose.CONFIRM, control=control)


class Desk:
    """A scheduler, the pool that it feeds, and what the journeys wrote down."""

    def __init__(self, folder: Path, site: Site, pool: Watched) -> None:
        self.book = folder / "book"
        self.pool = pool
        self.folder = folder
        self.site = site
        self.metrics = Metrics(CollectorRegistry(), (1.0,))
        self.config = self.configured("widget", "control", "page")
        self.pools = {"local": pool.pool}
        self.scheduler = Scheduler(self.config, self.pools, self.metrics)

    def configured(self, *names: str, **of_widget: Any) -> Config:
        probes: dict[str, Any] = {
            name: {
                "target": "site",
                "journey": "signs",
                "interval_s": None,
                "params": {"who": name, "book": str(self.book)},
            }
            for name in names
        }
        if "page" in probes:
            probes["page"] = {"target": "site", "kind": "request", "interval_s": None}
        probes["widget"] |= of_widget
        return Config.model_validate(
            {
                "targets": {"site": {"base_url": self.site.url}},
                "probes": probes,
                "store": {"url": f"sqlite:///{self.folder / 'flags.sqlite'}"},
                "journal": {"path": str(self.folder / "journal.sqlite")},
                "journeys_folder": str(WALKS),
            }
        )

    def runs(self, count: int) -> list[Run]:
        return [self.pool.next(20) for _ in range(count)]

    def written(self, key: str) -> list[Any]:
        return [json.loads(line)[key] for line in self.book.read_text().splitlines()]


@pytest.fixture
def desk(tmp_path: Path, site: Site, pool: Watched) -> Iterator[Desk]:
    desk = Desk(tmp_path, site, pool)
    yield desk
    desk.scheduler.stop()
    assert pool.runs.empty(), "a run that nobody asked for"


@pytest.mark.parametrize("control_first", [True, False])
def test_an_order_with_a_control_walks_both_in_one_fresh_browser(
    desk: Desk, control_first: bool
) -> None:
    wait_until(lambda: len(desk.pool.workers()) == 2, 30)
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    order = RunProbe(
        "widget", Purpose.CONFIRM, control="control", control_first=control_first, fresh=True
    )

    desk.scheduler.dispatch(order)

    order_of = {"widget": Purpose.CONFIRM, "control": Purpose.CONTROL}
    names = ["control", "widget"] if control_first else ["widget", "control"]
    runs = desk.runs(2)
    assert [run.probe for run in runs] == names == desk.written("who")
    assert [run.purpose for run in runs] == [order_of[name] for name in names]
    assert {run.outcome for run in runs} == {Outcome.PASSED}
    assert len({run.pair for run in runs}) == 1
    assert len(set(desk.written("worker"))) == 1
    (fresh,) = set(desk.written("chromium"))
    assert fresh not in before


def test_an_order_whose_control_is_gone_is_a_plain_run(desk: Desk) -> None:
    desk.scheduler.reload(desk.configured("widget"))

    desk.scheduler.dispatch(RunProbe("widget", Purpose.CONFIRM, control="control"))

    run = desk.runs(1)[0]
    assert (run.probe, run.pair, run.outcome) == ("widget", "", Outcome.PASSED)


@pytest.mark.parametrize(("where", "runs"), [("widget", 1), ("", 0), ("gone", 0)])
def test_a_control_is_walked_where_the_probe_fails_that_it_is_asked_for(
    desk: Desk, where: str, runs: int
) -> None:
    config = desk.configured("widget", "control")
    control = config.probes["control"].model_copy(update={"locations": ("far",)})
    desk.scheduler.reload(
        config.model_copy(update={"probes": {**config.probes, "control": control}})
    )
    sent: list[str] = []
    far = SimpleNamespace(submit=lambda job: sent.append(job.location))
    desk.pools["far"] = cast("LocalPool", far)

    desk.scheduler.dispatch(RunProbe("control", Purpose.CONTROL, where=where))

    assert [run.location for run in desk.runs(runs)] == ["local"] * runs
    assert sent == ["far"] * (1 - runs)


def test_an_order_whose_probe_is_gone_runs_nothing(desk: Desk) -> None:
    desk.scheduler.dispatch(RunProbe("absent", Purpose.CONFIRM, control="control"))

    assert (desk.pool.pool.busy, desk.pool.pool.waiting) == (0, 0)


@pytest.mark.parametrize("control_first", [True, False])
def test_a_drill_walks_probe_and_control_with_the_fault_and_counts_as_neither(
    desk: Desk, site: Site, control_first: bool
) -> None:
    site.answers["/"] = Answer("<!doctype html><script src='/api'></script>")
    wait_until(lambda: len(desk.pool.workers()) == 2, 30)
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    order = RunProbe(
        "widget", Purpose.CONFIRM, control="control", control_first=control_first, fresh=True
    )
    drill = desk.scheduler.drill(order, "local", (API,))

    runs = desk.runs(2)
    (fresh,) = set(desk.written("chromium"))
    assert fresh not in before
    names = ["widget", "control"]
    assert [run.probe for run in runs] == (names[::-1] if control_first else names)
    assert {run.purpose for run in runs} == {Purpose.DRILL}
    assert {run.pair for run in runs} == {drill}
    assert drill in {run.id for run in runs}
    assert not any(run.judges for run in runs)
    for run in runs:
        assert FailedRequest("GET", f"{site.url}/api", 500) in run.failed_requests
    assert "/api" not in site.hits


def test_a_drill_without_a_control_is_one_run(desk: Desk, site: Site) -> None:
    order = RunProbe("widget", Purpose.SCHEDULED)
    drill = desk.scheduler.drill(order, "local", (InjectedFault(url="**/", abort=True),))

    run = desk.runs(1)[0]
    assert (run.id, run.pair, run.purpose) == (drill, "", Purpose.DRILL)
    broken = FailedRequest("GET", f"{site.url}/", None, "net::ERR_CONNECTION_RESET")
    assert broken in run.failed_requests


@pytest.mark.parametrize(
    ("asks", "refused"),
    [
        (lambda s: s.drill(ordered("page"), "local", (API,)), ValueError),
        (lambda s: s.drill(ordered("absent"), "local", (API,)), KeyError),
        (lambda s: s.drill(ordered("widget", "absent"), "local", (API,)), KeyError),
        (lambda s: s.drill(ordered("widget"), "moon", (API,)), KeyError),
    ],
)
def test_a_drill_that_cannot_be_is_refused_and_runs_nothing(
    desk: Desk, asks: Callable[[Scheduler], str], refused: type[Exception]
) -> None:
    with pytest.raises(refused):
        asks(desk.scheduler)

    assert (desk.pool.pool.busy, desk.pool.pool.waiting) == (0, 0)


def test_a_pair_of_the_same_probe_does_not_end_the_scheduled_run_under_way(
    desk: Desk, site: Site
) -> None:
    gate = threading.Event()
    first = threading.Event()

    def opens_late(handler: Any) -> None:
        if not first.is_set():
            first.set()
            gate.wait(20)
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.answers["/"] = Answer(opens_late)
    config = desk.configured("widget", "control", interval_s=600)
    desk.scheduler.reload(config)
    desk.scheduler.start()
    wait_until(first.is_set)

    desk.scheduler.dispatch(RunProbe("widget", Purpose.CONFIRM, control="control"))
    for run in desk.runs(2):
        desk.scheduler.ended(run)

    with pytest.raises(ProbeBusy):
        desk.scheduler.run_now("widget")
    gate.set()
    scheduled = desk.runs(1)[0]
    assert scheduled.purpose is Purpose.SCHEDULED
    desk.scheduler.ended(scheduled)
    (manual,) = desk.scheduler.run_now("widget")
    with pytest.raises(ProbeBusy):  # asked for, and not come in
        desk.scheduler.run_now("widget")
    by_hand = desk.runs(1)[0]
    assert by_hand.id == manual
    desk.scheduler.ended(by_hand)
    (again,) = desk.scheduler.run_now("widget")
    assert desk.runs(1)[0].id == again


def test_a_paused_probe_is_not_run_on_schedule_but_by_hand_and_by_a_guard(desk: Desk) -> None:
    paused = threading.Event()
    paused.set()
    asked: list[str] = []

    def is_paused(probe: str) -> bool:
        asked.append(probe)
        return paused.is_set()

    config = desk.configured("widget", "control", interval_s=1)
    scheduler = Scheduler(config, {"local": desk.pool.pool}, desk.metrics, is_paused)
    scheduler.start()
    try:
        wait_until(lambda: len(asked) >= 2, 20)
        assert (desk.pool.pool.busy, desk.pool.pool.waiting) == (0, 0)
        (manual,) = scheduler.run_now("widget")
        assert desk.runs(1)[0].id == manual
        scheduler.dispatch(RunProbe("widget", Purpose.CONFIRM))
        assert desk.runs(1)[0].purpose is Purpose.CONFIRM
        paused.clear()
        assert desk.runs(1)[0].purpose is Purpose.SCHEDULED
    finally:
        scheduler.stop()
    # `ended` was never told: no second scheduled run can have begun.
    assert set(asked) == {"widget"}


def test_what_cannot_be_signed_is_not_run_and_leaves_the_probe_free(desk: Desk) -> None:
    told: list[tuple[str, ...]] = []

    def refuse(runs: tuple[str, ...]) -> None:
        told.append(runs)
        raise PermissionError

    with pytest.raises(PermissionError):
        desk.scheduler.run_now("widget", refuse)
    assert (desk.pool.pool.busy, desk.pool.pool.waiting) == (0, 0)
    (run,) = desk.scheduler.run_now("widget", told.append)
    assert desk.runs(1)[0].id == run
    assert told[1] == (run,)
    assert told[0] != told[1]
