"""HTTP probes over TLS, with an authority of the test's own."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.schema import TargetSpec
from probes.model import Outcome
from tests.probes.conftest import Answer, Site
from tests.probes.test_request import ask


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a certificate of its for five days, and one that nobody signed."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "names.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    steps = [
        ["req", "-x509", *key, "-days", "30", "-subj", "/CN=Test authority",
         "-keyout", "ca.key", "-out", "ca.pem"],
        ["req", *key, "-subj", "/CN=localhost", "-keyout", "site.key", "-out", "site.csr"],
        ["x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
         "-CAcreateserial", "-days", "5", "-extfile", "names.ext", "-out", "site.pem"],
        ["req", "-x509", *key, "-days", "30", "-subj", "/CN=localhost",
         "-keyout", "lone.key", "-out", "lone.pem"],
    ]  # fmt: skip
    for step in steps:
        subprocess.run(["openssl", *step], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(params=["site"])
def secure_site(certificates: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        certificates / f"{request.param}.pem", certificates / f"{request.param}.key"
    )
    site = Site()
    site.socket = context.wrap_socket(site.socket, server_side=True)
    site.answers["/"] = Answer("here")
    thread = threading.Thread(target=site.serve_forever, args=(0.05,))
    thread.start()
    yield site
    site.shutdown()
    thread.join(timeout=10)
    site.server_close()


def secured(site: Site) -> TargetSpec:
    return TargetSpec(name="secure", base_url=f"https://localhost:{site.server_port}")


@pytest.mark.parametrize(("days", "outcome"), [(4, "passed"), (6, "failed")])
def test_days_left_of_a_certificate_are_counted(
    secure_site: Site,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    outcome: str,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ca.pem"))

    run = ask(secured(secure_site), tls_days_left=days)

    assert run.outcome == outcome, run.reason
    assert run.steps[-1].name == "TLS"
    if outcome == "failed":
        assert run.reason.startswith("certificate: expected 6 days left, saw ")


@pytest.mark.parametrize("secure_site", ["lone"], indirect=True)
def test_a_certificate_that_nobody_signed_fails(secure_site: Site) -> None:
    run = ask(secured(secure_site), tls_days_left=1)

    assert run.outcome is Outcome.FAILED
    assert run.reason.startswith("TLS: ")


def test_a_port_that_does_not_speak_tls_fails(site: Site) -> None:
    plain = TargetSpec(name="plain", base_url=f"https://127.0.0.1:{site.server_port}")

    run = ask(plain, timeout_s=1)

    assert run.outcome is Outcome.FAILED


def test_days_left_of_a_plain_target_are_a_broken_promise(site: Site) -> None:
    site.answers["/"] = Answer("here")

    assert "not served over https" in ask(site.target, tls_days_left=1).reason
