"""Secrets leave a trace in each spelling in which a browser writes them, or the trace goes."""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from config.schema import JourneyProbe, PrivacySpec, TargetSpec
from probes.privacy import Mask
from probes.redact import redact_trace, secrets_of

BODY = "resources/body.txt"
ODD = 'pa"ss/wörd\\with=odd&signs'


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


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

    assert redact_trace(trace, [ODD], Mask(PrivacySpec()))

    with zipfile.ZipFile(trace) as archive:
        after = archive.read(BODY)
    assert b"[redacted]" in after
    assert b"signs" not in after
    assert after.startswith(b"before ")
    assert after.endswith(b" after")


def test_short_values_stay_because_they_are_words(tmp_path: Path) -> None:
    trace = zipped(tmp_path / "trace.zip", **{BODY: b"it is true"})

    assert redact_trace(trace, ["true"], Mask(PrivacySpec()))

    with zipfile.ZipFile(trace) as archive:
        assert archive.read(BODY) == b"it is true"


@pytest.mark.parametrize("content", [b"no zip at all", b"PK\x03\x04" + b"\x00" * 100])
def test_a_trace_that_cannot_be_cleaned_is_not_kept(tmp_path: Path, content: bytes) -> None:
    trace = tmp_path / "trace.zip"
    trace.write_bytes(content)

    assert not redact_trace(trace, [ODD], Mask(PrivacySpec()))

    assert list(tmp_path.iterdir()) == []


def test_a_trace_with_a_damaged_member_is_not_kept(tmp_path: Path) -> None:
    trace = tmp_path / "trace.zip"
    with zipfile.ZipFile(trace, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(BODY, b"abc" * 1000)
    whole = bytearray(trace.read_bytes())
    whole[40:45] = b"\xff" * 5
    trace.write_bytes(whole)

    assert not redact_trace(trace, [ODD], Mask(PrivacySpec()))

    assert list(tmp_path.iterdir()) == []


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
