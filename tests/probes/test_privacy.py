"""Personal data is masked in every text of a run, what only looks like it stays, and it is fast."""

from __future__ import annotations

import time
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import PrivacySpec
from probes.model import (
    Artifact,
    Exposure,
    FailedRequest,
    Outcome,
    Purpose,
    Run,
    Step,
    ToggleResponse,
    Violation,
)
from probes.privacy import MASKED, Mask

MILLION = 1_000_000


def masked(text: str, **spec: object) -> str:
    return Mask(PrivacySpec.model_validate(spec)).text(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail jane.doe+va@example.co.uk now", "mail [email] now"),
        ("'jane@example.com'", "'[email]'"),
        ("müller@exämple.de", "[email]"),
        ("to=jane%40example.com", "to=[email]"),
        ("to=jane%2540example.com", "to=[email]"),
        (r'{"a": "jane\u0040example.com"}', '{"a": "[email]"}'),
        ("jane&#64;example.com", "[email]"),
        ("123-45-6789", "[ssn]"),
        ("123 45 6789", "[ssn]"),
        ("ssn:123456789,", "ssn:[ssn],"),
        ("123\u201145\u20116789", "[ssn]"),
        ("987-65-4321", "[ssn]"),
        ("(555) 123-4567", "[phone]"),
        ("555.123.4567", "[phone]"),
        ("5552234567", "[phone]"),
        ("1-800-698-2411", "[phone]"),
        ("call 555-123-4567x12.", "call [phone]."),
        ("+15552234567", "[phone]"),
        ("tel:+33 1 42 68 53 00", "tel:[phone]"),
        ("p=%2B441632960961", "p=[phone]"),
        ("p=%28555%29%20123-4567", "p=[phone]"),
        ("saw 'jane@exam…'", "saw '[email]…'"),
        ("saw 123-45-6…", "saw [cut]…"),
    ],
)
def test_personal_data_is_masked_in_each_spelling(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27",
        "2026-11-27T18:18:49.200300+00:00",
        "ASM-12345",
        "ASM-123456789",
        "T-555-123-4567",
        "10.0.0.1:8700",
        "192.168.100.200",
        "1764267529",
        "1764267529.123",
        "1764267529123",
        "0.5552234567",
        "took 12.345678901 s",
        "main > #card-3.col-12 + p:nth-child(2) >>> input[name='ssn']",
        "1280x900",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "12345678-1234-5678-1234-567812345678",
        "0123456789abcdef0123456789abcdef",
        "156.0.8078.108",
        "logo@2x.png",
        "react@18.2.0",
        "@media",
        "status 404, 1234567 bytes",
        "http://va.test/disability/file-claim-form-21-526ez/",
        "x…",
    ],
)
def test_what_is_not_personal_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_the_values_of_a_query_are_masked_and_its_keys_stay() -> None:
    text = 'opened "https://u:planted@va.test/x?name=jane&page=2&flag&empty=#top" in vain'

    expected = f"https://va.test/x?name={MASKED}&page={MASKED}&{MASKED}&empty"
    assert masked(text) == f'opened "{expected}" in vain'


def test_an_operator_adds_patterns_and_leaves_built_in_ones_out() -> None:
    spec = {"patterns": {"member": r"\bMBR\d+"}, "built_in": ["ssn"]}

    assert masked("MBR77 123-45-6789 a@b.example", **spec) == "[member] [ssn] a@b.example"


def test_a_pattern_without_end_masks_the_whole_text_soon() -> None:
    mask = Mask(PrivacySpec(patterns={"slow": "(a+)+$"}))
    started = time.process_time()

    seen = [mask.text("a" * 490 + "!") for _ in range(100)]

    assert set(seen) == {MASKED}
    assert time.process_time() - started < 2


def test_every_text_of_a_run_is_masked_and_its_names_and_figures_stay() -> None:
    planted = "a@b.example"
    run = Run(
        id="0123456789abcdef",
        probe="page",
        location="local",
        purpose=Purpose.SCHEDULED,
        started_at=datetime(2026, 11, 27, tzinfo=UTC),
        duration_s=1234567.5,
        outcome=Outcome.FAILED,
        reason=planted,
        steps=(Step(planted, Outcome.FAILED, 1.0, planted),),
        exposure=Exposure("some_flag", None, None, planted),
        console_errors=(planted,),
        failed_requests=(
            FailedRequest(planted, f"http://x.test/{planted}?a={planted}", 500, planted),
        ),
        toggles=ToggleResponse(200, {"some_flag": True}, planted),
        artifacts=(Artifact("screenshot", "0123456789abcdef/screenshot.png"),),
        browser=planted,
        violations=(Violation(planted, "minor", planted, planted),),
        pair="0123456789abcdef",
        artifact_problem=planted,
    )

    clean = Mask(PrivacySpec()).run(run)

    assert planted not in clean.to_json()
    assert clean.to_json().count("[email]") == 14
    same = {"id", "probe", "location", "purpose", "started_at", "duration_s", "outcome"}
    same |= {"artifacts", "pair", "vitals", "hard", "failure", "value"}
    assert [
        each.name
        for each in fields(run)
        if each.name in same and getattr(run, each.name) != getattr(clean, each.name)
    ] == []
    assert clean.toggles is not None
    assert clean.toggles.values == {"some_flag": True}
    assert type(clean.outcome) is Outcome
    assert Run.from_json(clean.to_json()) == clean


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "a@b.",
        "1",
        "+1",
        "%41",
        "http://",
        "555   ",
        "+1((",
        "1…",
        "a'",
        "?a&",
        "+1%20 ",
    ],
)
def test_a_million_hostile_characters_take_seconds_at_most(part: str) -> None:
    text = part * (MILLION // len(part))
    started = time.process_time()

    masked(text)

    assert time.process_time() - started < 6


@given(st.text(alphabet="a1@.%+-( …'&?=:/h4082\\", max_size=200), st.integers(1, 3))
def test_masking_a_masked_text_changes_nothing_more(text: str, times: int) -> None:
    once = masked(f"{text} jane@example.com {text} 123-45-6789")

    again = once
    for _ in range(times):
        again = masked(again)

    assert again == once
    assert "jane@example.com" not in once
