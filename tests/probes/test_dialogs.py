"""Dialogs of a page: none holds up a run, and a journey can still answer a question."""

from __future__ import annotations

import pytest

from probes.model import Outcome
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, job

pytestmark = pytest.mark.browser

ALERTS = "<script>setInterval(() => alert('again'), 5)</script>"


@pytest.mark.parametrize(
    "page", [f"<h1>Here</h1>{ALERTS}", f'<h1>Here</h1><iframe srcdoc="{ALERTS}"></iframe>']
)
def test_a_page_that_opens_alerts_while_it_is_left_holds_up_no_run(
    runner: Runner, site: Site, page: str
) -> None:
    site.answers["/"] = Answer(f"<!doctype html>{page}")
    site.answers["/next"] = Answer("<!doctype html><h1>Next</h1>")
    walk = {"paths": ["/", "/next", "/", "/next"], "see": "Next"}

    for _ in range(5):  # whether one opens at the wrong moment is chance
        run = runner.execute(job("opens", site.target, walk, timeout_s=8))
        assert (run.outcome, run.reason) == (Outcome.PASSED, "")


def test_a_journey_answers_what_a_page_asks(runner: Runner, site: Site) -> None:
    asks = "<!doctype html><script>document.title = confirm('sure?') ? 'yes' : 'no'</script>"
    site.answers["/"] = Answer(asks)

    run = runner.execute(job("accepts", site.target))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
