"""Secrets leave a trace in each spelling in which a browser writes them, or the trace goes."""

from __future__ import annotations

import json
import time
import zipfile
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from config.schema import JourneyProbe, PrivacySpec, TargetSpec
from probes.dom import TYPED
from probes.privacy import MASKED, Mask
from probes.redact import redact_trace, secrets_of
from probes.trace import MAX_TEXT, NotCleaned
from probes.typed import MAX_TYPED

BODY = "resources/body.txt"
ODD = 'pa"ss/wörd\\with=odd&signs'


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def redacted(trace: Path, *secrets: str, within_s: float = 60) -> dict[str, bytes]:
    """Redact a trace; return its members."""
    redact_trace(trace, secrets, Mask(PrivacySpec()), time.monotonic() + within_s)
    with zipfile.ZipFile(trace) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


@pytest.mark.parametrize(
    "spelt",
    [
        ODD,
        quote(ODD),
        quote(ODD, safe=""),
        json.dumps({"a": ODD}),
        json.dumps({"a": f"session={ODD}; other=1"}),
        json.dumps({"a": ODD}, ensure_ascii=False),
    ],
)
def test_a_secret_is_found_in_each_spelling(tmp_path: Path, spelt: str) -> None:
    trace = zipped(tmp_path / "trace.zip", **{BODY: b"before " + spelt.encode() + b" after"})

    after = redacted(trace, ODD)[BODY]

    assert b"[redacted]" in after
    assert b"signs" not in after
    assert after.startswith(b"before ")
    assert after.endswith(b" after")


def test_short_values_stay_because_they_are_words(tmp_path: Path) -> None:
    trace = zipped(tmp_path / "trace.zip", **{BODY: b"it is true"})

    assert redacted(trace, "true") == {BODY: b"it is true"}


@pytest.mark.parametrize("content", [b"no zip at all", b"PK\x03\x04" + b"\x00" * 100])
def test_a_trace_that_cannot_be_cleaned_is_not_kept(tmp_path: Path, content: bytes) -> None:
    trace = tmp_path / "trace.zip"
    trace.write_bytes(content)

    with pytest.raises(NotCleaned, match=r"^it cannot be read \(\w+\)$"):
        redacted(trace, ODD)

    assert list(tmp_path.iterdir()) == []


def test_a_trace_with_a_damaged_member_is_not_kept(tmp_path: Path) -> None:
    trace = tmp_path / "trace.zip"
    with zipfile.ZipFile(trace, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(BODY, b"abc" * 1000)
    whole = bytearray(trace.read_bytes())
    whole[40:45] = b"\xff" * 5
    trace.write_bytes(whole)

    with pytest.raises(NotCleaned, match=r"^it cannot be read \(\w+\)$"):
        redacted(trace, ODD)

    assert list(tmp_path.iterdir()) == []


def test_a_trace_that_there_is_no_time_for_is_not_kept(tmp_path: Path) -> None:
    for member in (BODY, "trace.trace", "trace.network"):
        trace = zipped(tmp_path / "trace.zip", **{member: lines({"type": "x", "text": "words"})})

        with pytest.raises(NotCleaned, match="longer than the run may"):
            redacted(trace, within_s=-1)

        assert list(tmp_path.iterdir()) == []


def test_a_trace_that_is_too_much_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.redact.MAX_BYTES", 2_000_000)
    trace = zipped(tmp_path / "trace.zip", **{BODY: bytes(1_000_000), "more": bytes(1_000_001)})

    with pytest.raises(NotCleaned, match="it holds more than 2 MB"):
        redacted(trace)

    assert list(tmp_path.iterdir()) == []


def test_a_text_that_takes_too_long_to_look_through_is_masked_whole(tmp_path: Path) -> None:
    trace = zipped(
        tmp_path / "trace.zip", **{BODY: b"a" * MAX_TEXT, "b.txt": b"a" * (MAX_TEXT + 1)}
    )

    after = redacted(trace)

    assert after == {BODY: b"a" * MAX_TEXT, "b.txt": MASKED.encode()}


def test_what_a_journey_types_goes_everywhere_whatever_stands_in_fields(tmp_path: Path) -> None:
    fields = [["INPUT", {"value": f"field {n}"}] for n in range(MAX_TYPED)]
    shown = {"type": "frame-snapshot", "snapshot": {"html": ["FORM", *fields], "frameUrl": ""}}
    fill = {"type": "before", "method": "fill", "params": {"value": "typed by us"}}
    trace = zipped(
        tmp_path / "trace.zip",
        **{"a.trace": lines(shown, fill), BODY: b"typed by us, field 1, typed+by+us"},
    )

    assert redacted(trace)[BODY] == f"{TYPED}, {TYPED}, {TYPED}".encode()


def test_what_was_typed_chosen_or_set_up_goes_however_short_it_is(tmp_path: Path) -> None:
    fill = {"type": "before", "method": "fill", "params": {"selector": "#a", "value": "abc"}}
    press = {"type": "before", "method": "keyboardPress", "params": {"key": "Q"}}
    chosen = {"selected": "", "__playwright_selected_": "true", "__playwright_checked_": "true"}
    html = ["FORM", ["OPTION", {**chosen, "class": "odd"}], ["INPUT", {"checked": ""}]]
    shown = {"type": "frame-snapshot", "snapshot": {"html": html, "frameUrl": ""}}
    options = {"viewport": None, "storageState": "state.json", "userAgent": "ours"}
    begun = {"type": "context-options", "options": options}
    trace = zipped(tmp_path / "trace.zip", **{"a.trace": lines(fill, press, shown, begun)})

    after = [json.loads(line) for line in redacted(trace)["a.trace"].splitlines()]

    assert after[0]["params"] == {"selector": "#a", "value": TYPED}
    assert after[1]["params"] == {"key": TYPED}
    assert after[2]["snapshot"]["html"] == ["FORM", ["OPTION", {"class": "odd"}], ["INPUT", {}]]
    assert after[3]["options"] == {"viewport": None}


@pytest.mark.parametrize("key", ["_sha1", "_file"])
def test_bodies_that_were_sent_are_not_kept(tmp_path: Path, key: str) -> None:
    request = {"url": "http://x.test/", "postData": {"mimeType": "text/plain", key: "sent.txt"}}
    asked = {"type": "resource-snapshot", "snapshot": {"request": request, "response": {}}}
    bodies = {"resources/sent.txt": b"of a user", BODY: b"of the site"}
    trace = zipped(tmp_path / "trace.zip", **bodies, **{"a.network": lines(asked)})

    after = redacted(trace)

    assert set(after) == {BODY, "a.network"}
    assert b"sent.txt" not in after["a.network"]


def test_half_a_character_in_a_field_costs_no_evidence(tmp_path: Path) -> None:
    html = ["INPUT", {"value": "half \ud83d"}]
    shown = {"type": "frame-snapshot", "snapshot": {"html": html, "frameUrl": ""}}
    trace = zipped(tmp_path / "trace.zip", **{"a.trace": lines(shown), BODY: b"half a word"})

    after = redacted(trace)

    assert after[BODY] == b"half a word"
    assert b"ud83d" not in after["a.trace"]


def test_secrets_are_cookies_stored_state_and_passwords_in_addresses(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(
        json.dumps(
            {
                "cookies": [{"name": "sid", "value": "cookie-of-the-state", "domain": "x.test"}],
                "origins": [
                    {
                        "origin": "https://x.test",
                        "localStorage": [
                            {"name": "auth", "value": '{"user": {"token": "token-in-storage"}}'}
                        ],
                        "indexedDB": [
                            {"stores": [{"records": [{"value": {"key": ["token-in-database"]}}]}]}
                        ],
                    }
                ],
            }
        )
    )
    target = TargetSpec(
        name="t",
        base_url="https://probe:hunter2-hunter2@x.test",
        cookies={"a": "cookie-of-target"},
        storage_state_file=state,
    )
    probe = JourneyProbe(name="p", target="t", journey="j", cookies={"b": "cookie-of-probe"})

    found = secrets_of(probe, target)

    assert found >= {
        "cookie-of-the-state",
        "cookie-of-target",
        "cookie-of-probe",
        "token-in-storage",
        "token-in-database",
        "hunter2-hunter2",
        b64encode(b"probe:hunter2-hunter2").decode(),
    }
    assert "https://x.test" not in found
