"""The post-mortem: what is on record, and nothing in it that a renderer obeys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from daemon.audit import AuditEntry
from daemon.history import IncidentRecord, TimelineLine
from daemon.incidents.facts import Facts, Trip
from daemon.incidents.markdown import LONGEST, MOST_LINES, block, code
from daemon.incidents.postmortem import QUESTIONS, postmortem
from probes.model import Outcome, Purpose, Run

T0 = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
BASE = "https://desk.test"
RECORD = IncidentRecord(
    "widget-20261127T030000000000",
    "widget",
    "widget",
    1,
    T0,
    T0 + timedelta(minutes=30),
    "3 failed runs in a row",
    "reset: the snapshot was replayed",
    T0 + timedelta(minutes=4),
    "alice",
)
#: What targets and careless people could write into every field.
HOSTILE = (
    "<script>alert(1)</script>",
    "![x](http://evil.test/x.png)",
    "[click](javascript:alert(1))",
    "http://evil.test/a www.evil.test me@evil.test",
    "@channel @alice #12 GH-7 <!here>",
    "`` ` ```\n# heading\n- item\n```",
    "| a | b |\n|---|---|",
    "&lt;b&gt; \\` \\\\",
    "``````````",
    "\u202egnp.exe\u2066 \x1b[31m",
)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def facts(text: str = "fine") -> Facts:
    """Every field that holds somebody else's text holds this one."""
    trip = Trip("widget_enabled", False, text, text, at(-5), T0, at(1), at(4), None)
    lines = (
        TimelineLine(at(-5), f"SUSPECT: {text}"),
        TimelineLine(T0, f"widget at 03:00\n  why: {text}"),
        TimelineLine(at(4), "KILLED: a fresh browser no longer meets it"),
        TimelineLine(at(240), text, "alice"),
    )
    run = Run(
        id="run-1",
        probe="page",
        location="local",
        purpose=Purpose.SCHEDULED,
        started_at=at(-5),
        duration_s=1.0,
        outcome=Outcome.FAILED,
        reason=text,
    )
    row = AuditEntry(7, T0, text, "flip", "widget_enabled", text, text, text, "r")
    record = replace(RECORD, reason=text, closing=text, acknowledged_by=text)
    return Facts(record, lines, (trip,), at(1799), (run,), False, (row,), False)


def test_a_post_mortem_tells_span_ladder_people_and_what_to_fill_in() -> None:
    written = postmortem(facts(), BASE, at(4000))
    for line in (
        "# Post-mortem: ` widget `, 2026-11-27",
        f"- Incident: ` {RECORD.id} `, <{BASE}/incidents/{RECORD.id}>",
        "- From 2026-11-27 02:59:55 until 2026-11-27 03:30:00: 30 min",
        "- Users could meet it for 9 s, until 2026-11-27 03:00:04.",
        "- The flag was put back at 2026-11-27 03:29:59.",
        "| decided | 2026-11-27 03:00:00 | +5.0 s |",
        "| proven: a fresh browser no longer meets it | 2026-11-27 03:00:04 | +9.0 s |",
        "Acknowledged by ` fine ` after 4 min, in time: it was due by 2026-11-27 03:05:00.",
        "- 2026-11-27 03:04:00 ` alice ` wrote ` fine `",
        f"- 2026-11-27 02:59:55 ` page ` at ` local `, scheduled, **failed**: ` fine ` "
        f"<{BASE}/runs/run-1>",
        *(f"## {question}" for question in QUESTIONS),
    ):
        assert line in written.split("\n")


def test_an_open_one_that_nobody_took_says_so_and_so_does_an_unproven_kill() -> None:
    told = facts()
    (trip,) = told.trips
    record = replace(told.record, closed_at=None, closing=None, acknowledged_at=None)
    told = replace(told, record=record, trips=(replace(trip, verified_at=None),), restored_at=None)
    written = postmortem(told, BASE, at(600))
    assert "until 2026-11-27 03:10:00 (still open): 10 min" in written
    assert "- Ending: it is open still" in written
    assert "The kill was never proven: users may have met it until the end." in written
    assert "| proven: a fresh browser no longer meets it | never | |" in written
    assert "Nobody acknowledged it; it was due by 2026-11-27 03:05:00." in written


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_others_wrote_becomes_markup_a_link_or_an_image(text: str) -> None:
    shown = shape(postmortem(facts(text), BASE, at(4000)))
    assert shown == shape(postmortem(facts("fine"), BASE, at(4000)))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
def test_any_text_in_code_is_one_code_span_and_nothing_else(text: str) -> None:
    (paragraph,) = [t for t in parser().parse(f"a {code(text)} b") if t.type == "inline"]
    kinds = [child.type for child in paragraph.children or ()]
    assert kinds in (["text", "code_inline", "text"], ["text"])
    if kinds == ["text"]:
        assert paragraph.content == "a (empty) b"


@given(st.text(alphabet=st.sampled_from("`~ab \n<#"), max_size=80))
def test_any_block_is_one_fence_that_nothing_in_it_ends(text: str) -> None:
    kinds = [token.type for token in parser().parse(f"{block(text)}\n\nend\n")]
    assert kinds == ["fence", "paragraph_open", "inline", "paragraph_close"]


def test_what_is_long_is_cut() -> None:
    assert len(code("x" * 100_000)) == LONGEST + 4
    lines = block("\n".join(["y" * 1000] * 1000)).split("\n")
    assert len(lines) == MOST_LINES + 3
    assert max(len(line) for line in lines) == LONGEST


def parser() -> MarkdownIt:
    """A renderer with everything on that could obey a text."""
    return MarkdownIt("commonmark", {"html": True}).enable("table")


def shape(written: str) -> list[tuple[str, str]]:
    """Return what a renderer makes of it, but for the texts: tokens, and where links lead."""
    found: list[tuple[str, str]] = []
    for token in parser().parse(written):
        found.append((token.type, ""))
        for child in token.children or ():
            if child.type not in ("text", "code_inline"):
                leads_to = child.attrGet("href") or child.attrGet("src")
                found.append((child.type, str(leads_to)))
    assert not any("html" in kind or kind == "image" for kind, _ in found)
    return found
