"""The same texts where no browser is: the API, the command line, Markdown, metrics, log lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
import structlog
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from daemon.cli import main
from probes.text import MAX_SEEN
from tests.hostile.corpus import CORPUS, MARK, PRODUCT
from tests.hostile.ground import SPOTS, Ground, Spot
from tests.hostile.reading import obeyed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.fixture(autouse=True)
def _no_log_of_the_room() -> Iterator[None]:
    with capture_logs():
        yield


def command(url: str, *words: str) -> Result:
    alone = {"TRIPFLAG_URL": url, "TRIPFLAG_TOKEN": None, "TRIPFLAG_TOKEN_FILE": None}
    return CliRunner(env=alone).invoke(main, list(words))


def test_answers_of_the_api_are_json_and_nothing_else(ground: Ground, url: str) -> None:
    for spot in SPOTS:
        for path in paths(ground, spot):
            answer = requests.get(f"{url}/api/v1{path}", timeout=20)
            where = f"{spot.hostile.name}: {path}"
            assert answer.status_code == 200, where
            assert answer.headers["Content-Type"].startswith("application/json"), where
            assert answer.headers["X-Content-Type-Options"] == "nosniff", where
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"], where
            assert isinstance(answer.json(), dict), where
            assert PRODUCT not in answer.text, where


def paths(ground: Ground, spot: Spot) -> tuple[str, str]:
    """Its run, and one of what else quotes it, in turn."""
    rest = (
        f"/guards/{spot.guard}",
        f"/guards/{spot.guard}/explain",
        f"/incidents/{ground.incidents[spot]}",
    )
    return f"/runs/{ground.runs[spot][0].id}", rest[spot.number % len(rest)]


def test_problems_of_the_api_quote_nothing_as_markup(ground: Ground, url: str) -> None:
    for number, each in enumerate(CORPUS):
        said = each.whole[:200].encode(errors="replace")
        path = ("runs", "audit", "incidents")[number % 3]
        answer = requests.get(f"{url}/api/v1/{path}", params={"since": said}, timeout=20)
        assert answer.status_code == 422, f"{each.name}: {answer.text}"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert MARK not in answer.headers.get("Set-Cookie", "")


def test_a_post_mortem_renders_as_text(ground: Ground, url: str) -> None:
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    for spot in SPOTS:
        answer = requests.get(
            f"{url}/api/v1/incidents/{ground.incidents[spot]}/postmortem.md", timeout=20
        )
        assert answer.headers["Content-Type"].startswith("text/markdown")
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert obeyed(answer.text) == [], spot.hostile.name
        tokens = [
            part
            for token in markdown.parse(answer.text)
            for part in (token, *(token.children or ()))
        ]
        kinds = {token.type for token in tokens}
        assert not kinds & {"html_block", "html_inline", "image"}, spot.hostile.name
        links = {str(token.attrs.get("href")) for token in tokens if token.type == "link_open"}
        ours = ("http://127.0.0.1", "http://localhost")
        assert all(link.startswith(ours) and MARK not in link for link in links), spot.hostile.name
        headings = [token.map for token in tokens if token.type == "heading_open"]
        assert len(headings) == HEADINGS, spot.hostile.name


#: A post-mortem's own headings; none comes from a target.
HEADINGS = 14


def test_a_terminal_is_told_nothing_that_it_would_obey(ground: Ground, url: str) -> None:
    calls = [
        ("status",),
        ("runs", "list"),
        ("incidents", "list"),
        ("audit", "list"),
        ("flags", "list"),
    ]
    for spot in SPOTS:  # each in one of the three, in turn
        shows = (
            ("runs", "show", ground.runs[spot][0].id),
            ("explain", spot.guard),
            ("incidents", "show", ground.incidents[spot]),
        )
        calls.append(shows[spot.number % 3])
    for words in calls:
        result = command(url, *words)
        assert result.exit_code in (0, 1), f"{words}: {result.output}"
        assert len(result.output) > 20, words
        assert obeyed(result.output) == [], f"{words}: {result.output!r}"


def test_metrics_name_nothing_that_a_target_says(ground: Ground, url: str) -> None:
    text = requests.get(f"{url}/metrics", timeout=20).text
    families = list(text_string_to_metric_families(text))
    labels = {
        pair for each in families for sample in each.samples for pair in sample.labels.items()
    }
    assert ("guard", "guard_0") in labels
    # Steps are named by a journey's author; ours quotes the page in them, as a careless one does.
    odd = sorted(
        pair for pair in labels if pair[0] != "step" and not re.fullmatch(r"[\w.+:/-]*", pair[1])
    )
    assert odd == []
    steps = [value for name, value in labels if name == "step"]
    assert max(map(len, steps)) <= MAX_SEEN
    assert obeyed("".join(steps)) == []


def test_a_log_line_is_one_line_that_a_terminal_can_show(ground: Ground) -> None:
    assert {"guard", "flip written", "circuit"} <= {str(entry["event"]) for entry in ground.logged}
    for_people = structlog.dev.ConsoleRenderer(colors=False)
    for_programs = structlog.processors.JSONRenderer()
    for entry in ground.logged:
        entry = {"event": entry["event"], **entry}
        for line in (for_people(None, "", dict(entry)), for_programs(None, "", dict(entry))):
            assert obeyed(str(line)) == [], entry
            assert "\n" not in str(line), entry
